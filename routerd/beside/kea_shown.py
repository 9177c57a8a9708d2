"""What is shown of a Kea that is kept current: its problems and its status. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from routerd.beside.kea_asked import Expected, Heard
from routerd.beside.kea_barred import Conflict
from routerd.beside.kea_patch import Patched
from routerd.beside.kea_wire import KeaError, KeaLateError, KeaRefusesError, KeaUnreachableError
from routerd.beside_part import BesidePart
from routerd.config.model import Kea
from routerd.model import Problem

_MOST = 8


@dataclass(slots=True)
class KeaShown:
    """What is known of it. `trouble`: why it is not as it should be now; `reason`: why its file is left as it is."""

    trouble: KeaError | None = None
    version: str | None = None
    changes: int = 0
    file: str | None = None
    reason: str | None = None
    conflicts: tuple[Conflict, ...] = ()
    missing: tuple[IPv4Network, ...] = ()
    held: tuple[IPv4Network, ...] = ()
    too_long: tuple[tuple[IPv4Network, tuple[IPv4Network, ...]], ...] = ()
    serves: tuple[str, ...] = ()
    expected: dict[str, Expected] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)

    def take(self, made: Patched, serves: tuple[str, ...]) -> None:
        """What Kea has now. `serves`: its subnets."""
        self.conflicts, self.missing, self.held, self.serves = made.conflicts, made.missing, made.held, serves
        self.too_long = made.too_long

    def status(self, kea: Kea, lans: Iterable[str]) -> dict[str, object]:
        """For /v1/status. It answers also where it refuses; `error` says what."""
        refuses = isinstance(self.trouble, KeaRefusesError)
        return {
            "lans": [{"lan": lan, "answer": self.heard[lan].word if lan in self.heard else None} for lan in lans],
            "write": kea.write,
            "config_file": kea.config_file,
            "interval": kea.interval,
            "version": self.version,
            "answers": refuses or (self.trouble is None and self.version is not None),
            "error": None if self.trouble is None else str(self.trouble),
            "held": [str(network) for network in self.held],
            "changes": self.changes,
            "file": self.file,
            "file_left": self.reason,
        }

    def untold(self, part: BesidePart) -> str:
        """Why clients of the LAN are not told the routes; "" where they are, or where there are none."""
        wanted = [network.network for network in part.networks if network.routes]
        if any(network in wanted for network in self.missing):
            return "it has no subnet for this LAN"
        if part.networks[0].network not in wanted:
            return ""
        heard = self.heard.get(part.lan)
        if heard is not None:
            return "" if heard.told else heard.reason or "its own options stand against the routes"
        has = self.expected.get(part.lan)
        return "" if has is None or has.values else "its own options stand against the routes"


def problems(shown: KeaShown, path: str, parts: Iterable[BesidePart]) -> tuple[Problem, ...]:
    """What keeps Kea from handing out what it should, and its file from saying so."""
    found: list[Problem] = []
    lans = tuple(parts)
    subject, within = f"kea {path}", tuple(f"lan {part.lan}" for part in lans)
    if shown.trouble is not None:
        code, values = _trouble(shown.trouble)
        found.append(Problem(code, subject, values, within))
    for part in lans:
        found += _of_lan(shown, part)
    if shown.reason is not None and lans:
        values = (("path", shown.file or "its file"), ("reason", shown.reason))
        found.append(Problem("kea-not-written", subject, values, within))
    return tuple(found)


def _trouble(error: KeaError) -> tuple[str, tuple[tuple[str, str], ...]]:
    values = (("reason", str(error)),)
    if isinstance(error, KeaLateError):
        return "kea-late", values
    if isinstance(error, KeaUnreachableError):
        return "kea-unreachable", values
    return "kea-refuses", values


def _of_lan(shown: KeaShown, part: BesidePart) -> Iterable[Problem]:
    networks = {network.network for network in part.networks}
    subject = f"lan {part.lan}"
    for code, left_out in (("kea-conflict", True), ("kea-own-options", False)):
        conflicts = [each for each in shown.conflicts if each.network in networks and bool(each.codes) is left_out]
        if conflicts:
            yield Problem(code, subject, (("places", _listed(f"{each.place} ({each.what})" for each in conflicts)),))
    missing = [network for network in shown.missing if network in networks]
    if missing:
        values = (("networks", _listed(map(str, missing))), ("serves", _listed(shown.serves) or "none at all"))
        yield Problem("kea-no-subnet", subject, values)
    heard = shown.heard.get(part.lan)
    if heard is not None and heard.reason:
        yield Problem("beside-not-told", subject, (("reason", heard.reason), ("hint", heard.hint)))
    left = [f"{', '.join(map(str, out))} of {network}" for network, out in shown.too_long if network in networks]
    if left:
        yield Problem("kea-too-long", subject, (("routes", _listed(left)),))


def _listed(words: Iterable[str]) -> str:
    known = list(dict.fromkeys(words))
    more = [f"and {len(known) - _MOST} more"] if len(known) > _MOST else []
    return ", ".join(known[:_MOST] + more)
