"""Which strategy was measured for which host, and until when that holds. Pure: `now` is monotonic seconds."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from routerd.model import Address
from routerd.nat.words import TABLE, address_type, interface, named_set, seconds
from routerd.nat_part import HostChange, NatPart, Strategy

Host = tuple[str, Address]
"""The interface of the LAN, and the host's address."""
Held = Mapping[Host, tuple[Strategy, float]]
"""What holds for a host, and for how many more seconds."""

SETS = {Strategy.SITE_GATEWAY: "proven", Strategy.MASQUERADE: "hidden_hosts", Strategy.NONE: "exempt_hosts"}
"""The sets by strategy, without the IP version at their end."""

_SLACK = 1.0


class Taken(NamedTuple):
    """What changes have done: hosts to write anew, and those that were routed and are not any more."""

    touched: frozenset[Host]
    fallen: frozenset[Host]


def strategies(part: NatPart) -> tuple[Strategy, ...]:
    """The strategies that hosts are noted for. Without a proof a host is masqueraded anyway, unless a MAC is pinned."""
    return tuple(SETS) if any(lan.mac_pins for lan in part.lans) else (Strategy.SITE_GATEWAY,)


class Proofs:
    """What holds for each host: that of its last change, until it ends. Nothing else decides."""

    def __init__(self) -> None:
        self._ends: dict[Strategy, dict[Host, float]] = {strategy: {} for strategy in SETS}

    def __len__(self) -> int:
        return sum(map(len, self._ends.values()))

    def take(self, changes: Iterable[HostChange], now: float) -> Taken:
        """Take over changes in their order."""
        touched, fallen = set(), set()
        for change in changes:
            host = (change.lan, change.address)
            before = [strategy for strategy, ends in self._ends.items() if ends.pop(host, None) is not None]
            holds = change.strategy in SETS and change.seconds > 0
            if holds:
                self._ends[change.strategy][host] = now + change.seconds
            if before or holds:
                touched.add(host)
            if Strategy.SITE_GATEWAY in before:
                fallen.add(host)
        routed = self._ends[Strategy.SITE_GATEWAY]
        return Taken(frozenset(touched), frozenset(host for host in fallen if host not in routed))

    def adopt(self, seen: Held, now: float) -> None:
        """Take over what an earlier routerd has left in the table, where nothing newer is known."""
        for host, (strategy, left) in seen.items():
            if not any(host in ends for ends in self._ends.values()):
                self._ends[strategy][host] = now + left

    def copy(self) -> "Proofs":
        """The same, for who looks through it meanwhile."""
        made = Proofs()
        made._ends = {strategy: dict(ends) for strategy, ends in self._ends.items()}
        return made

    def forget_ended(self, now: float) -> None:
        """What has ended is needed no more."""
        for ends in self._ends.values():
            for host in [host for host, end in ends.items() if end <= now]:
                del ends[host]

    def held(self, now: float) -> dict[Host, tuple[Strategy, float]]:
        """What holds; what has ended is forgotten."""
        self.forget_ended(now)
        return {host: (strategy, end - now) for strategy, ends in self._ends.items() for host, end in ends.items()}

    def held_in(self, part: NatPart, now: float) -> dict[Host, tuple[Strategy, float]]:
        """What of that belongs into the part's table."""
        names, kinds = {lan.interface for lan in part.lans}, strategies(part)
        return {host: row for host, row in self.held(now).items() if host[0] in names and row[0] in kinds}

    def held_of(self, hosts: Iterable[Host], now: float) -> dict[Host, tuple[Strategy, float]]:
        """What holds for these hosts alone, without a look at all others."""
        found = {}
        for host in hosts:
            for strategy, ends in self._ends.items():
                if (end := ends.get(host, now)) > now:
                    found[host] = (strategy, end - now)
        return found

    def strays(self, seen: Held, part: NatPart, now: float) -> set[Host]:
        """The hosts for which the table has another strategy, or one where there should be none, or none; what is
        about to end counts as there and as gone.
        """
        names, found = {lan.interface for lan in part.lans}, set()
        ours = {kind: self._ends[kind] for kind in strategies(part)}
        for kind, ends in ours.items():
            for host, end in ends.items():
                theirs, left = seen.get(host, (None, 0.0))
                if end > now and host[0] in names and theirs is not kind and max(end - now, left) > _SLACK:
                    found.add(host)
        for host, (_, left) in seen.items():
            known = host[0] in names and any(ends.get(host, now) > now for ends in ours.values())
            if not known and left > _SLACK:
                found.add(host)
        return found

    def count(self, part: NatPart, now: float) -> int:
        """How many belong into the part's table."""
        names, kinds = {lan.interface for lan in part.lans}, strategies(part)
        return sum(end > now and host[0] in names for kind in kinds for host, end in self._ends[kind].items())


def sets(held: Held, part: NatPart) -> list[str]:
    """The lines of the sets with their elements."""
    lines = []
    for strategy in strategies(part):
        for version in (4, 6):
            of = f"ifname . {address_type(version)}"
            elements = _elements(held, strategy, version)
            lines += named_set("set", f"{SETS[strategy]}{version}", of, elements, flags="timeout")
    return lines


def moves(hosts: Collection[Host], held: Held, part: NatPart) -> str:
    """The transaction that makes these hosts as `held` says; "" where there is nothing to do.

    Each is added before it is deleted, because deleting what is not there fails; and added again after that, because
    older kernels do not refresh the time of what is there.
    """
    names, lines = {lan.interface for lan in part.lans}, []
    for strategy in strategies(part):
        for version in (4, 6):
            concerned = _ordered(host for host in hosts if host[0] in names and host[1].version == version)
            if not concerned:
                continue
            name, words = f"{TABLE} {SETS[strategy]}{version}", [_key(host) for host in concerned]
            lines.append(f"add element {name} {{ {', '.join(f'{word} timeout 1m' for word in words)} }}")
            lines.append(f"delete element {name} {{ {', '.join(words)} }}")
            fresh = _elements({host: held[host] for host in concerned if host in held}, strategy, version)
            lines += [f"add element {name} {{ {', '.join(fresh)} }}"] if fresh else []
    return "".join(f"{line}\n" for line in lines)


def _elements(held: Held, strategy: Strategy, version: int) -> list[str]:
    hosts = _ordered(host for host in held if host[1].version == version and held[host][0] is strategy)
    return [f"{_key(host)} timeout {seconds(held[host][1])}" for host in hosts]


def _key(host: Host) -> str:
    return f"{interface(host[0])} . {host[1]}"


def _ordered(hosts: Iterable[Host]) -> list[Host]:
    return sorted(hosts, key=lambda host: (host[0], int(host[1])))
