"""Brings together what is measured, what is watched, and what is known of hosts. Pure: `now` is monotonic seconds."""

import random
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from routerd.flows import UDP, Flow
from routerd.hosts.book import MOST, Book, Decide
from routerd.hosts.frames import Answer
from routerd.hosts.host import Host
from routerd.hosts.lans import MeasuredLan, lan_at
from routerd.hosts.return_path import Sign
from routerd.hosts.rounds import Rounds
from routerd.hosts.schedule import HostKey, Schedule
from routerd.hosts.steps import End, Result
from routerd.hosts.watching import Watch
from routerd.reports import ReturnPath

_PAUSE = 5.0
_SILENT = 2


class Judge:
    """The hosts of all LANs. Methods that return results leave their packets to be sent by the caller."""

    def __init__(self, book: Book, generator: random.Random) -> None:
        self.book = book
        self.schedule = Schedule(phase=generator.random())
        self.rounds = Rounds(generator)
        self.watch = Watch()
        self._lans: dict[str, MeasuredLan] = {}
        self._behind: dict[IPv4Address, str] = {}
        self._strange: dict[IPv4Address, None] = {}
        self._hurried: dict[HostKey, float] = {}
        # What made a host lan-only: the VPN, the port, and what only the LAN's address was answered by.
        self._withheld: dict[HostKey, tuple[int, int, str]] = {}

    def configure(self, interval: float, timeout: float) -> None:
        """Take over how often hosts are measured, and how long an answer may take."""
        self.schedule.configure(interval)
        self.rounds.timeout = timeout
        self.book.interval = self.schedule.interval

    def take_over(self, lans: dict[str, tuple[Decide, MeasuredLan]], now: float) -> None:
        """The LANs that take part."""
        self._lans = {name: lan for name, (_, lan) in lans.items()}
        for key in self.book.configure({name: (decide, len(lan.sources)) for name, (decide, lan) in lans.items()}, now):
            self._drop(key)
        for key in ((name, address) for name, lan in self._lans.items() for address in lan.excluded):
            if key in self.book.hosts:
                self.book.forget(key)
                self._drop(key)

    # ------------------------------------------------------------ hosts come and go

    def found(
        self,
        key: HostKey,
        now: float,
        *,
        mac: bytes | None = None,
        kept: bool = False,
        gateway: IPv4Address | None = None,
    ) -> None:
        """There is such a host."""
        if self.book.know(key, now, mac=mac, kept=kept, gateway=gateway):
            self.schedule.add(key, now)
            self.book.interval = self.schedule.interval
        if gateway is not None and key in self.book.hosts:
            self._behind[key[1]] = key[0]

    def neighbour(self, key: HostKey, mac: bytes, now: float) -> None:
        """The kernel has this link-layer address of such a host; it may be an old one, so another one is asked for."""
        self.found(key, now, mac=mac)
        host = self.book.hosts.get(key)
        if host is not None and host.own is not None and host.own != mac:
            self.book.ask_again(host)
            self._soon(key, now)

    def leased(self, key: HostKey, now: float, mac: bytes | None = None) -> None:
        """The host with this link-layer address was sent an ACK just now, which may have brought the route.

        What was remembered of it as lan-only holds no longer.
        """
        if lan_at(self._lans, key[1]) != key[0]:
            return
        self.found(key, now, mac=mac, kept=True)
        self.book.leased(key, mac, now)
        host = self.book.hosts.get(key)
        if host is not None:
            host.silent = 0
            self.schedule.hurry(key, now)

    def strangers(self, most: int) -> list[IPv4Address]:
        """Addresses that flows tell of and that are on no LAN; each is given out once."""
        found = list(self._strange)[:most]
        for address in found:
            del self._strange[address]
        return found

    def tick(self, now: float) -> None:
        """What time alone changes; once a second is enough."""
        self.book.interval = self.schedule.interval
        for key in self.book.tick(now):
            self._drop(key)
        self._hurried = {key: at for key, at in self._hurried.items() if at > now}

    def _drop(self, key: HostKey) -> None:
        self.schedule.remove(key)
        self._withheld.pop(key, None)
        self.rounds.forget(key)
        if self._behind.get(key[1]) == key[0]:
            del self._behind[key[1]]

    # ------------------------------------------------------------ watching

    def flow(self, flow: Flow, what: str, now: float) -> None:
        """A flow between the VPN and the site."""
        heard = self.watch.take(flow, what, now)
        key = None if heard is None else self._key(heard.host, now)
        if heard is None or key is None:
            return
        if heard.port is not None:
            self.schedule.saw_port(key, heard.port)
        if heard.answered:
            if self.book.flow(key, now, solid=heard.solid):
                self._soon(key, now)
            self._watched(key, now)

    def passed(self, lan: str, source: IPv4Address, target: IPv4Address, mac: bytes, now: float) -> None:
        """A packet of a host to the VPN came to this machine from this link-layer address."""
        key = self._key(source, now)
        host = None if key is None else self.book.hosts.get(key)
        if key is None or host is None or key[0] != lan:
            return
        vpn = next((at for at, one in enumerate(self._lans[lan].sources) if _is_in(target, one.prefixes)), None)
        host.hop, host.hop_at = mac, now
        known = host.path.seen.next_hop if host.path.seen is not None else None
        if vpn is not None and mac == (known if host.own is None or host.path.proven else host.own):
            self.book.saw(key, "packet", mac, vpn, now)
            self._watched(key, now)
        elif host.path.proven or host.own is None:
            # One packet may take another way than the rest: after a redirect, or while a route changes.
            self.book.ask_again(host)
            self._soon(key, now)

    def _key(self, address: IPv4Address, now: float) -> HostKey | None:
        name = lan_at(self._lans, address)
        if name is not None:
            self.found((name, address), now)
            return (name, address)
        name = self._behind.get(address)
        if name is None and len(self._strange) < MOST and not any(_is_in(address, x.networks) for x in self._all()):
            self._strange[address] = None
        return None if name is None else (name, address)

    def _all(self) -> Iterable[MeasuredLan]:
        return self._lans.values()

    def _soon(self, key: HostKey, now: float) -> None:
        if self._hurried.get(key, 0.0) <= now and key not in self.rounds:
            self._hurried[key] = now + _PAUSE
            self.schedule.at_once(key, now)

    def _watched(self, key: HostKey, now: float) -> None:
        host = self.book.hosts.get(key)
        # With several VPNs one that is watched says nothing of the others.
        if host is not None and host.path.proven and len(self._lans[key[0]].sources) == 1 and key not in self.rounds:
            self.schedule.watched(key, now)

    # ------------------------------------------------------------ measuring

    def begin(self, now: float, may: Callable[[str], bool]) -> list[Result]:
        """Begin what is due, on the LANs that can be measured now."""
        results = []
        for key in self.schedule.due(now):
            host = self.book.hosts.get(key)
            if host is None or not may(key[0]):
                self.schedule.ended(key, now, proven=False, answered=True)
                continue
            results.append(self._begin(host, now))
        return results

    def _begin(self, host: Host, now: float) -> Result:
        port, resolved = self.schedule.port(host.key), self.book.is_resolved(host, now)
        hasty = not host.path.proven and host.silent == 0
        vpn = host.turn % len(self._lans[host.key[0]].sources)
        if host.path.state is not ReturnPath.LAN_ONLY:
            self._withheld.pop(host.key, None)
        elif host.key in self._withheld:
            (vpn, port, _), hasty = self._withheld[host.key], False
        result = self.rounds.begin(
            host.key, now, port, resolved=resolved, proven=host.path.proven, hasty=hasty, vpn=vpn
        )
        return self._took(result, now, first=1)

    def answered(self, key: HostKey, answer: Answer, source: bytes, now: float, *, lan: bool) -> Result:
        """An answer to a probe."""
        host = self.book.hosts.get(key)
        own = None if host is None else host.own
        return self._took(self.rounds.heard(key, answer, source, own, now, lan=lan), now)

    def resolved(self, key: HostKey, mac: bytes, now: float) -> Result:
        """ARP has answered for the host's next hop."""
        another = self.book.resolved(key, mac, now)
        result = self._took(self.rounds.resolved(key, now), now)
        if another and key not in self.rounds:
            self.schedule.at_once(key, now)
        return result

    def on_deadline(self, now: float) -> list[Result]:
        """What was waited for in vain."""
        results = [self._took(self.rounds.on_deadline(now), now)]
        for doubt in self.watch.due(now, self._is_routed):
            key = self._key(doubt.host, now)
            if key is None:
                continue
            vpns = enumerate(self._lans[key[0]].sources)
            vpn = next((at for at, one in vpns if _is_in(doubt.source, one.prefixes)), 0)
            udp = doubt.protocol == UDP
            result = self.rounds.doubt(key, now, doubt.port, vpn, udp=udp, silent=doubt.silent)
            results.append(self._took(result, now))
        return results

    def next_deadline(self) -> float | None:
        """When there is something to do the next time."""
        parts = (self.rounds.next_deadline(), self.schedule.next_deadline(), self.watch.next_deadline())
        return min((at for at in parts if at is not None), default=None)

    def _is_routed(self, address: IPv4Address) -> bool:
        name = lan_at(self._lans, address) or self._behind.get(address)
        host = None if name is None else self.book.hosts.get((name, address))
        return host is not None and host.path.proven

    def _took(self, result: Result, now: float, first: int = 0) -> Result:
        self.schedule.spend(max(len(result.sends) - first, 0))
        for saw in result.saw:
            if self.book.saw(saw.host, saw.kind, saw.source, saw.vpn, now):
                self.schedule.more(saw.host)
        for end in result.ends:
            self._ended(end, now)
        return result

    def _ended(self, end: End, now: float) -> None:
        host = self.book.hosts.get(end.host)
        if host is None:
            return
        if end.open:
            self.schedule.port_answered(end.host, end.port)
        elif not end.doubt and not end.absent:
            self.schedule.port_silent(end.host)
        if end.verdict is not None:
            self.book.sign(end.host, end.verdict, now)
            if end.withheld is not None:
                self._withheld[end.host] = (end.vpn, end.port, end.withheld)
        elif self._is_granted(end):
            self.book.sign(end.host, Sign.GRANTED, now)
            self.schedule.more(end.host)
        if not end.absent:
            host.silent = 0 if end.answered else host.silent + 1
        if end.absent or host.silent >= _SILENT:
            self.book.ask_again(host)
        if host.path.proven:
            host.turn += 1
        self.schedule.ended(end.host, now, proven=host.path.proven, answered=end.answered)

    def _is_granted(self, end: End) -> bool:
        """Is the VPN answered now by what made the host lan-only? What else answers says nothing of it."""
        vpn, port, kind = self._withheld.get(end.host, (-1, 0, ""))
        return (vpn, port) == (end.vpn, end.port) and (end.open if kind == "tcp" else end.answered)


def _is_in(address: IPv4Address, networks: Iterable[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]
