"""What a dnsmasq was heard to tell of its administrator's: routers, static routes, and routes of option 121. Pure."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from routerd.beside.dnsmasq_clients import Known, known_of
from routerd.beside.dnsmasq_conf import Conf
from routerd.beside.dnsmasq_file import Line
from routerd.beside.static_routes import Route
from routerd.beside.told import Finding, Verdict
from routerd.beside_part import BesidePart


class Heard:
    """What was heard, by LAN. `served`: the LANs where it was heard to tell its administrator's own option 121."""

    def __init__(self) -> None:
        self.routers: dict[str, IPv4Address | None] = {}
        self.statics: dict[str, tuple[Route, ...]] = {}
        self.served: frozenset[str] = frozenset()

    def forget(self, *, routers: bool) -> None:
        """Another dnsmasq runs. The routers are kept where nothing else is known of them."""
        self.routers, self.statics, self.served = {} if routers else self.routers, {}, frozenset()

    def note(self, found: Mapping[str, Finding | None], lines: Iterable[Line], *, is_first: bool = False) -> bool:
        """Take these answers; True if that is new. `is_first`: routerd has given it nothing for these LANs."""
        before = dict(self.routers), dict(self.statics), self.served
        given = {line.lan for line in lines if line.rows and line.own}
        for lan, finding in found.items():
            if finding is None or finding.verdict is Verdict.SILENT:
                continue
            if finding.serves:
                self.routers[lan] = finding.router
                # With ours, there may be no room for it.
                if finding.statics or lan not in given or is_first:
                    self.statics[lan] = finding.statics
            if is_first or lan not in given:
                strange = finding.verdict is Verdict.OTHER if is_first else finding.verdict is not Verdict.OLD
                self.served = self.served | {lan} if finding.value and strange else self.served - {lan}
        return (self.routers, self.statics, self.served) != before

    def known(
        self,
        parts: Iterable[BesidePart],
        conf: Conf | None,
        links: Iterable[tuple[str, IPv4Network]],
        *,
        is_seen: bool = False,
    ) -> Known:
        """All that is known of dnsmasq, with what its configuration says. `is_seen`: is all of that known?"""
        served = [(part.networks[0].tag,) for part in parts if part.lan in self.served]
        is_clear = is_seen and conf is not None and all(each.known for each in conf.statics)
        return known_of(conf, self.routers, links, served, {} if is_clear else self.statics)
