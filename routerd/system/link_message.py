"""Links and their addresses as the kernel's messages say them. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv6Interface
from socket import AF_INET, AF_INET6
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from routerd.model import Interface

_UP = 0x1 | 0x40  # IFF_UP, set by the administrator, and IFF_RUNNING, the operational state
_SKIP_STATISTICS = 8
_PASSING = 0x01 | 0x08 | 0x40  # IFA_F_TEMPORARY, DADFAILED, TENTATIVE


def request(name: str | None = None) -> Any:
    """The message body that asks for the link `name`, or for all of them."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
    if name is not None:
        message["attrs"].append(("IFLA_IFNAME", name))
    return message


def addresses_request(index: int, family: int = AF_INET) -> Any:
    """The message body that asks for the addresses of one family of the interface `index`; 0: of all."""
    message = ifaddrmsg()
    message["family"] = family
    message["index"] = index
    return message


def interface(link: Any, addresses: Iterable[Any]) -> tuple[str, Interface]:
    """Name and value of the link, with those of the address messages that are its own, in the kernel's order."""
    name, index = str(link.get_attr("IFLA_IFNAME")), int(link["index"])
    hardware = link.get_attr("IFLA_ADDRESS")
    rows = [row for row in addresses if row["index"] == index]
    return name, Interface(
        name=name,
        index=index,
        up=link["flags"] & _UP == _UP,
        mac=bytes.fromhex(hardware.replace(":", "")) if hardware else b"",
        mtu=int(link.get_attr("IFLA_MTU") or 0),
        addresses=tuple(_address(row) for row in rows if row["family"] == AF_INET),
        addresses6=_ipv6(row for row in rows if row["family"] == AF_INET6),
    )


def kind(link: Any) -> str:
    """What the link is ("wireguard", "tun", "veth", …); "" for hardware."""
    info = link.get_attr("IFLA_LINKINFO")
    return str((info and info.get_attr("IFLA_INFO_KIND")) or "")


def _address(message: Any) -> IPv4Interface:
    # IFA_ADDRESS is the far end where there is one.
    own = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return IPv4Interface((own, message["prefixlen"]))


def _ipv6(messages: Iterable[Any]) -> tuple[IPv6Interface, ...]:
    """Those that stay, in order: the kernel's own order changes with every address that comes and goes."""
    found = []
    for message in messages:
        # The first eight flags are in the header; the attribute has all of them.
        flags = message.get_attr("IFA_FLAGS") or message["flags"]
        own = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        address = IPv6Interface((own, message["prefixlen"]))
        if not flags & _PASSING and not address.is_link_local:
            found.append(address)
    return tuple(sorted(found))
