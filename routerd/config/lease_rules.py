"""The rule that no address is leased on two networks: by two LANs, or by one of them and behind its relay agents."""

from collections.abc import Iterator
from typing import NamedTuple

from routerd.config.fault import Faults
from routerd.config.model import AddressRange, Config, Dhcp
from routerd.config.walk import lans_of, pools_of

_POOL, _RESERVATION, _ADDRESS, _SUBNET = "a pool", "a reservation", "the address", "a network behind relay agents"
_MENDS = {
    _POOL: "give each network addresses of its own",
    _RESERVATION: "reserve an address that only this network has",
    _ADDRESS: "give each LAN addresses of its own network",
    _SUBNET: "serve each network in one place only",
}


class _Span(NamedTuple):
    """Addresses that the LAN with the path `lan` leases, or that this machine has on it. `far`: behind relay agents."""

    span: AddressRange
    shown: str
    path: str
    what: str
    lan: str
    far: bool = False

    def clashes(self, other: "_Span") -> bool:
        """Must these two have no address in common?

        Networks of one LAN are compared where that is read, and here what they lease. One that comes to overlap that of
        the LAN's interface is not served any more, but its clients have their leases still.
        """
        if self.lan == other.lan:
            return self.far != other.far and {self.what, other.what} <= {_POOL, _RESERVATION}
        inner = (self.far and self.what != _SUBNET) or (other.far and other.what != _SUBNET)
        return not inner and {self.what, other.what} != {_ADDRESS}

    def place(self) -> tuple[int, str]:
        """The order of paths, with numbers of any length."""
        return len(self.path), self.path


def check_leases(config: Config, faults: Faults) -> None:
    """Add a fault for everything that has an address in common with what another network leases."""
    wrong: set[str] = set()
    # Of each kind the one that reaches farthest: sorted, only it can reach into what comes.
    farthest: dict[tuple[str, str, bool], _Span] = {}
    for each in sorted(_spans(config, faults), key=lambda each: (each.span.first, each.place())):
        for other in farthest.values():
            if other.span.last >= each.span.first and each.clashes(other):
                earlier, later = sorted((each, other), key=_Span.place)
                if later.path not in wrong:
                    wrong.add(later.path)
                    faults.add(later.path, later.shown, _rule(earlier, later), _MENDS[later.what])
        key = each.lan, each.what, each.far
        if key not in farthest or farthest[key].span.last < each.span.last:
            farthest[key] = each


def _rule(earlier: _Span, later: _Span) -> str:
    verb = "overlap" if later.span.first != later.span.last else "lie in"
    if earlier.span.first == earlier.span.last:
        verb = "hold" if verb == "overlap" else "be"
    twice = "it would be leased" if _ADDRESS in (earlier.what, later.what) else "addresses would be leased twice"
    whose = "another LAN" if earlier.lan != later.lan else "the LAN itself"
    return f"must not {verb} {earlier.what} of {whose}, {earlier.path} ({earlier.shown}): {twice}"


def _spans(config: Config, faults: Faults) -> Iterator[_Span]:
    for owner, where, pool in pools_of(config, faults):
        yield _Span(pool, str(pool), where, _POOL, owner)
    for path, lan in lans_of(config, faults):
        if lan.address is not None:
            yield _Span(AddressRange(lan.address, lan.address), str(lan.address), f"{path}.address", _ADDRESS, path)
        if lan.dhcp is None or lan.dhcp.mode == "off":
            continue  # What is kept for the day when the mode is changed is judged then.
        yield from _reserved(lan.dhcp, f"{path}.dhcp", path, faults)
        for index, subnet in enumerate(lan.dhcp.subnets):
            if subnet.subnet is None or subnet.mode == "off":
                continue
            where, net = faults.item(f"{path}.dhcp.subnet", index), subnet.subnet
            yield _Span(AddressRange(net[0], net[-1]), str(net), f"{where}.subnet", _SUBNET, path, far=True)
            for number, pool in enumerate(subnet.pools):
                yield _Span(pool, str(pool), faults.item(f"{where}.pools", number), _POOL, path, far=True)
            yield from _reserved(subnet, where, path, faults, far=True)


def _reserved(dhcp: Dhcp, where: str, lan: str, faults: Faults, *, far: bool = False) -> Iterator[_Span]:
    for index, entry in enumerate(dhcp.reservations):
        here = f"{faults.item(f'{where}.reservation', index)}.address"
        yield _Span(AddressRange(entry.address, entry.address), str(entry.address), here, _RESERVATION, lan, far)
