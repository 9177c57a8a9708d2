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
        self._hosts: dict[Host, tuple[Strategy, float]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def take(self, changes: Iterable[HostChange], now: float) -> Taken:
        """Take over changes in their order."""
        touched, fallen = set(), set()
        for change in changes:
            host = (change.lan, change.address)
            before = self._hosts.pop(host, None)
            if change.strategy in SETS and change.seconds > 0:
                self._hosts[host] = (change.strategy, now + change.seconds)
            if before is not None or host in self._hosts:
                touched.add(host)
            if before is not None and before[0] is Strategy.SITE_GATEWAY:
                fallen.add(host)
        still = {host for host in fallen if self._hosts.get(host, (None, 0.0))[0] is Strategy.SITE_GATEWAY}
        return Taken(frozenset(touched), frozenset(fallen - still))

    def adopt(self, seen: Held, now: float) -> None:
        """Take over what an earlier routerd has left in the table, where nothing newer is known."""
        for host, (strategy, left) in seen.items():
            self._hosts.setdefault(host, (strategy, now + left))

    def held(self, now: float) -> dict[Host, tuple[Strategy, float]]:
        """What holds; what has ended is forgotten."""
        self._hosts = {host: (strategy, end) for host, (strategy, end) in self._hosts.items() if end > now}
        return {host: (strategy, end - now) for host, (strategy, end) in self._hosts.items()}

    def held_in(self, part: NatPart, now: float) -> dict[Host, tuple[Strategy, float]]:
        """What of that belongs into the part's table."""
        names, kinds = {lan.interface for lan in part.lans}, strategies(part)
        return {host: row for host, row in self.held(now).items() if host[0] in names and row[0] in kinds}


def strays(wanted: Held, seen: Held) -> set[Host]:
    """The hosts for which the table has another strategy, or one where there should be none, or none; what is about
    to end counts as there and as gone."""
    hosts = set()
    for host in wanted.keys() | seen.keys():
        ours, theirs = wanted.get(host), seen.get(host)
        if ours is not None and theirs is not None and ours[0] is theirs[0]:
            continue
        if any(held is not None and held[1] > _SLACK for held in (ours, theirs)):
            hosts.add(host)
    return hosts


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
