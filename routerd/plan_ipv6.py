"""What IPv6 needs to pass this machine between the VPN and the site, and what does not work without. Pure."""

from collections.abc import Iterable, Iterator

from routerd.config.model import Ports, Target
from routerd.model import FORWARDING6, Facts, Forwarding6, Problem, Sysctl
from routerd.nat_part import NatForward, NatPart, NatVpn
from routerd.plan_links import Link


def ipv6_sysctls(part: NatPart, facts: Facts, links: Iterable[Link], problems: list[Problem]) -> list[Sysctl]:
    """The settings of the interfaces that IPv6 comes in by; problems where it is all interfaces or none.

    All are not switched on: those that have their own address from router advertisements would lose it.
    """
    if facts.forwarding6 is Forwarding6.ON:
        return []
    pairs = [(vpn, link) for vpn in part.vpns for link in links if _meet(vpn, link, facts)]
    if facts.forwarding6 is Forwarding6.BY_INTERFACE:
        names = dict.fromkeys(name for vpn, link in pairs for name in (vpn.interface, link.interface.name))
        return [Sysctl(name, FORWARDING6, 1) for name in names if name is not None]
    problems += dict.fromkeys(_stuck(part, pairs))
    return []


def _meet(vpn: NatVpn, link: Link, facts: Facts) -> bool:
    """Whether both have IPv6, and the tunnel begins here. Routers may have link-local addresses only."""
    behind = vpn.interface in facts.interfaces and any(prefix.version == 6 for prefix in vpn.prefixes)
    return behind and link.lan.takes_part(vpn.name) and (bool(link.interface.addresses6) or _is_told(link))


def _is_told(link: Link) -> bool:
    """Whether routers of the LAN are told of the prefixes behind this machine."""
    rip = link.lan.rip
    return rip is not None and "ng" in rip.versions and rip.announce != "none" and rip.ng_prefixes is None


def _stuck(part: NatPart, pairs: Iterable[tuple[NatVpn, Link]]) -> Iterator[Problem]:
    for forward in part.forwards:
        if forward.to.version == 6:
            within = (f"lan {forward.lan}", f"vpn {forward.vpn}")
            yield Problem("ipv6-forwarding-off", _name(forward), (("what", "nothing is forwarded"),), within)
    for vpn, link in pairs:
        lan = f"lan {link.interface.name}"
        if _is_told(link):
            what = f"RIPng announces what is behind vpn {vpn.name}, and it leads nowhere"
            yield Problem("ipv6-forwarding-off", lan, (("what", what),), (f"vpn {vpn.name}",))
        yield Problem("ipv6-not-forwarded", f"vpn {vpn.name}", within=(lan,))


def _name(forward: NatForward) -> str:
    listen = Ports(forward.protocol, forward.first, forward.last)
    return f"forward {listen} to {Target(forward.to, forward.to_first)}"
