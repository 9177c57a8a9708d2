"""Services of this machine that a forward takes the port of, as seen from the site. Pure."""

from collections.abc import Iterable, Iterator

from routerd.config.check_ports import Listener
from routerd.config.model import Ports, Target
from routerd.model import Address, Problem
from routerd.nat_part import NatForward, NatPart

_DHCP_PORT = 67


def taken(part: NatPart, listening: Iterable[Listener]) -> Iterator[tuple[NatForward, Listener]]:
    """Each forward with the first service that the site loses by it. DHCP's own port is another rule's."""
    by_protocol: dict[str, list[Listener]] = {"tcp": [], "udp": []}
    for each in listening:
        if (each.protocol, each.port) != ("udp", _DHCP_PORT):
            by_protocol[each.protocol].append(each)
    for forward in part.forwards:
        for each in by_protocol[forward.protocol]:
            if forward.first <= each.port <= forward.last and _is_reached(each.address, forward):
                yield forward, each
                break


def problem(forward: NatForward, served: Listener) -> Problem:
    """What to tell of it."""
    listen = Ports(forward.protocol, forward.first, forward.last)
    subject = f"forward {listen} to {Target(forward.to, forward.to_first)}"
    who = served.name()
    # Without the right to look into other processes it is known only of services that were there before routerd.
    hint = "" if who else f"Which one, root can see: ss -{'l' + forward.protocol[0]}np 'sport = {served.port}'. "
    values = (("who", who or "another program"), ("port", str(served.port)), ("hint", hint))
    return Problem("forward-takes-port", subject, values, (f"lan {forward.lan}", f"vpn {forward.vpn}"))


def _is_reached(address: Address, forward: NatForward) -> bool:
    if address.is_unspecified:
        # A socket of IPv6 for all addresses takes IPv4 as well.
        return address.version == 6 or forward.to.version == 4
    return address in forward.addresses
