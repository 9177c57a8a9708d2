"""What has to change in the kernel so that it is as the plan wants it, and so that it is as it was before. Pure."""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Network

from routerd.model import KernelPart, KernelRoute, Sysctl

Key = tuple[str, str]
"""Interface (or "all") and name of a setting below net.ipv4.conf, FORWARDING6 below net.ipv6.conf."""


def on_link_prefixes(part: KernelPart) -> set[IPv4Network]:
    """The prefixes of routes through an interface itself: for these it matters what routes others have made."""
    return {route.prefix for route in part.routes if _on_link(route)}


def diff(
    part: KernelPart, present: Collection[KernelRoute], foreign: Collection[IPv4Network]
) -> tuple[list[KernelRoute], list[KernelRoute]]:
    """Routes to add, and routes to delete after all of them were added.

    `present` are routerd's own routes in the kernel, `foreign` the prefixes that others have routes for. A route
    through an interface itself is not wanted where someone else (wg-quick) has made one.
    """
    wanted = [route for route in dict.fromkeys(part.routes) if not (_on_link(route) and route.prefix in foreign)]
    add = [route for route in wanted if not any(_same(route, other) for other in present)]
    stale = [other for other in present if not any(_same(route, other) for route in wanted)]
    delete = stale if part.complete else []
    return add, sorted(delete, key=str)


def sysctl_keys(part: KernelPart) -> set[Key]:
    """The settings that must be read before `sysctl_changes` can tell."""
    keys = {(wish.interface, wish.name) for wish in part.sysctls}
    return keys | {("all", name) for _, name in keys if name == "rp_filter"}


def sysctl_changes(part: KernelPart, current: Mapping[Key, int]) -> list[Sysctl]:
    """The settings to write, in the plan's order; a setting that `current` lacks does not exist and is left out."""
    return [
        wish
        for wish in part.sysctls
        if (wish.interface, wish.name) in current and not _fulfilled(wish, current[wish.interface, wish.name], current)
    ]


def restores(originals: Mapping[Key, int], current: Mapping[Key, int], forwarding: Collection[str]) -> list[Sysctl]:
    """The settings to write so that all is as the originals say; `forwarding` are the interfaces that forward now.

    Forwarding is left on where something else forwards: another program that came to rely on it would be cut off
    without a word. Something else is net.ipv4.ip_forward being on ("all" in `forwarding`: it switched on every
    interface, also those that routerd had switched on before), or an interface that routerd did not switch on: what
    that one sends out is answered through the others, routerd's among them.
    """
    own = {interface for interface, name in originals if name == "forwarding"}
    others = set(forwarding) - own - {"default", "lo"}
    rows = []
    for (interface, name), value in sorted(originals.items(), key=lambda item: (item[0][0] != "all", item[0])):
        kept_on = name == "forwarding" and value == 0 and others
        if current.get((interface, name), value) != value and not kept_on:
            rows.append(Sysctl(interface, name, value))
    return rows


def released(part: KernelPart, originals: Iterable[Key]) -> set[Key]:
    """The originals' keys that the part does not want changed any more."""
    return set(originals) - {(wish.interface, wish.name) for wish in part.sysctls}


def _fulfilled(wish: Sysctl, value: int, current: Mapping[Key, int]) -> bool:
    if not wish.at_least:
        return value == wish.value
    if wish.name == "rp_filter":
        # The kernel takes the greater of all and interface. 0 is no filter at all: laxer than what is asked for.
        value = max(value, current.get(("all", wish.name), 0))
        return value == 0 or value >= wish.value
    return value >= wish.value


def _on_link(route: KernelRoute) -> bool:
    return route.gateway is None and route.interface is not None


def _same(wanted: KernelRoute, present: KernelRoute) -> bool:
    """True if the wanted route is there. A next hop without an interface leaves the interface to the kernel."""
    known = (present.prefix, present.gateway, present.metric, present.mtu)
    return (wanted.prefix, wanted.gateway, wanted.metric, wanted.mtu) == known and (
        wanted.interface == present.interface or (wanted.gateway is not None and wanted.interface is None)
    )
