"""The problems of routes and settings, and routes in words. Pure."""

import errno
from ipaddress import IPv4Network

from routerd.model import FORWARDING6, KernelRoute, Problem
from routerd.routes.contest import Contest

_WHY_NOT = {
    errno.EACCES: " (the capability CAP_NET_ADMIN is missing)",
    errno.EPERM: " (the capability CAP_NET_ADMIN is missing)",
    errno.EROFS: " (in a container set it from outside; in a systemd unit leave out ProtectKernelTunables)",
}
_UNKNOWN = "an unknown program"
_HINTS = {
    # The kernel cuts the names of programs to 15 characters.
    "systemd-network": "Set ManageForeignRoutes=no in [Network] of /etc/systemd/networkd.conf "
    "and restart systemd-networkd.",
    "NetworkManager": "Have NetworkManager leave the interface alone: unmanaged-devices=interface-name:{interface} "
    "in [keyfile] of /etc/NetworkManager/conf.d/routerd.conf.",
}


def route_problem(route: KernelRoute, reason: str) -> Problem:
    """The route cannot be kept."""
    values = (("route", route_text(route)), ("prefix", str(route.prefix)), ("reason", reason))
    return Problem("kernel-route", f"route {route.prefix}", values, _within(route))


def contested_route(route: KernelRoute, contest: Contest) -> Problem:
    """Another program removes the route."""
    hint = _HINTS.get(contest.who.partition(" (")[0], "Find out why it does so: ip monitor route")
    values = (
        ("prefix", str(route.prefix)),
        ("times", _times(contest.times)),
        ("who", contest.who or _UNKNOWN),
        ("hint", hint.format(interface=route.interface or "…")),
    )
    return Problem("route-contested", f"route {route_text(route)}", values, _within(route))


def setting_problem(interface: str, name: str, value: int, reason: str) -> Problem:
    """The setting cannot be made."""
    values = (("interface", interface), ("name", setting_name(interface, name)), ("value", str(value)))
    code = "forwarding-off" if name == "forwarding" else "sysctl"
    return Problem(code, f"interface {interface}", (*values, ("reason", reason)), (f"lan {interface}",))


def contested_setting(interface: str, name: str, value: int, contest: Contest) -> Problem:
    """Something sets the setting back."""
    values = (("name", setting_name(interface, name)), ("value", str(value)), ("times", _times(contest.times)))
    return Problem("setting-contested", f"setting {setting_name(interface, name)}", values, (f"interface {interface}",))


def why(error: OSError) -> str:
    """Why a setting could not be written, and what is missing for it."""
    return f"{error.strerror}{_WHY_NOT.get(error.errno or 0, '')}"


def cause(problem: Problem) -> str:
    """A route or setting problem in words, for the log."""
    values = dict(problem.values)
    if "route" in values:
        return f"{values['route']} cannot be kept: {values['reason']}"
    return f"{values['name']} cannot be set to {values['value']}: {values['reason']}"


def setting_name(interface: str, name: str) -> str:
    """The setting as `sysctl` takes it: dots in an interface's name are slashes there."""
    return f"net.ipv{6 if name == FORWARDING6 else 4}.conf.{interface.replace('.', '/')}.{name}"


def route_text(route: KernelRoute) -> str:
    """The route as `ip route` writes it."""
    words = [str(route.prefix)]
    if route.gateway is not None:
        words += ["via", str(route.gateway)]
    if route.interface is not None:
        words += ["dev", route.interface]
    if route.gateway is None and route.interface is None:
        words.insert(0, "unreachable")
    words += ["metric", str(route.metric)]
    return " ".join(words if route.mtu is None else [*words, "mtu", str(route.mtu)])


def route_key(route: KernelRoute) -> tuple[IPv4Network, int]:
    """What tells routerd's own routes apart."""
    return route.prefix, route.metric


def _within(route: KernelRoute) -> tuple[str, ...]:
    return ("routes", f"interface {route.interface}", f"lan {route.interface}") if route.interface else ("routes",)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
