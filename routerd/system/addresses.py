"""The interfaces of this machine and their addresses, read once from the kernel."""

import asyncio
from ipaddress import IPv4Interface, IPv6Interface

from routerd.model import Interface

_IF_INET6 = "/proc/net/if_inet6"
_GLOBAL_SCOPE = "00"
_UNUSABLE = 0x08 | 0x40  # duplicate, tentative


def ipv6_addresses(interface: str) -> tuple[IPv6Interface, ...]:
    """The usable IPv6 addresses of an interface, global ones before link-local ones; raises OSError."""
    found = []
    with open(_IF_INET6, encoding="ascii") as lines:
        for line in lines:
            digits, _, prefix, scope, flags, name = line.split()
            if name == interface and not int(flags, 16) & _UNUSABLE:
                found.append((scope != _GLOBAL_SCOPE, int(digits, 16), int(prefix, 16)))
    return tuple(IPv6Interface((number, prefix)) for _, number, prefix in sorted(found))


def interface_addresses() -> dict[str, tuple[IPv4Interface, ...]]:
    """The IPv4 addresses of every interface by its name, empty where it has none; raises OSError.

    Opens a netlink socket of its own and blocks, so it is not for use inside an event loop.
    """
    # Imported late: most commands never need it, and it takes a while.
    from routerd.system.netlink import Netlink
    from routerd.system.netlink_error import NetlinkError

    async def read() -> dict[str, Interface]:
        netlink = Netlink()
        try:
            return await netlink.interfaces()
        finally:
            netlink.close()
            # A transport ends in the next turn of the loop.
            await asyncio.sleep(0)

    try:
        found = asyncio.run(read())
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
    return {name: interface.addresses for name, interface in found.items()}
