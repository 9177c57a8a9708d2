"""The interfaces of this machine and their addresses, read once from the kernel."""

from ipaddress import IPv4Interface, IPv6Interface

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
    from pyroute2.iproute.linux import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as netlink:
            names = {link["index"]: str(link.get("ifname")) for link in netlink.get_links()}
            found: dict[str, list[IPv4Interface]] = {name: [] for name in names.values()}
            for entry in netlink.get_addr(family=2):
                name = names.get(entry["index"])
                local = entry.get("local") or entry.get("address")
                if name is not None and local:
                    found[name].append(IPv4Interface(f"{local}/{entry['prefixlen']}"))
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
    return {name: tuple(addresses) for name, addresses in found.items()}
