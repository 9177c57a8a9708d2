"""The interfaces of this machine and their IPv4 addresses, read once from the kernel."""

from ipaddress import IPv4Interface


def interface_addresses() -> dict[str, tuple[IPv4Interface, ...]]:
    """The IPv4 addresses of every interface by its name, empty where it has none; raises OSError.

    Opens a netlink socket of its own and blocks, so it is not for use inside an event loop.
    """
    # Imported late: most commands never need it, and it takes a while.
    from pyroute2 import IPRoute
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
