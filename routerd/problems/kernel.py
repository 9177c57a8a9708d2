"""The kernel's routes, settings and state. Pure."""

from routerd.problems.declared import ERROR, INFO, WARNING, Declared

_FORWARD_IPV6 = (
    "Run: sysctl -w net.ipv6.conf.all.forwarding=1. Before that, set net.ipv6.conf.INTERFACE.accept_ra=2 for every "
    "interface that gets its own address from router advertisements: it would lose it. From Linux 6.17 on routerd "
    "does without, for its own interfaces alone."
)
DECLARED = (
    Declared(
        "forwarding-off",
        ERROR,
        "{subject}: forwarding is off and cannot be switched on: {reason}",
        "Run: sysctl -w net.ipv4.conf.{interface}.forwarding=1",
        depends_on=("interface-missing",),
    ),
    Declared(
        "ipv6-forwarding-off",
        WARNING,
        "{subject}: {what}, because this machine does not forward IPv6",
        _FORWARD_IPV6,
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "ipv6-not-forwarded",
        INFO,
        "{subject}: its peers and the site do not reach each other by IPv6, because this machine does not forward it",
        _FORWARD_IPV6,
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "sysctl",
        WARNING,
        "{subject}: {name} cannot be set to {value}: {reason}",
        "Set it by hand: sysctl -w {name}={value}",
        depends_on=("interface-missing",),
    ),
    Declared(
        "kernel-route",
        ERROR,
        "{subject}: {route} cannot be kept: {reason}",
        "Look for another program that manages routes: ip -4 route show {prefix}",
        depends_on=("interface-missing", "interface-down"),
    ),
    Declared(
        "route-contested",
        WARNING,
        "{subject}: {who} has removed it ({times} lately); routerd puts it back, each time later",
        "{hint}",
        depends_on=("interface-missing", "interface-down"),
    ),
    Declared(
        "setting-contested",
        WARNING,
        "{subject}: another program has changed it ({times} lately); routerd sets it to {value} again, each time later",
        "Look for who sets it: grep -rE 'ip_forward|forwarding|rp_filter|redirects' /etc/sysctl.conf /etc/sysctl.d",
        depends_on=("interface-missing",),
    ),
    Declared(
        "netlink",
        ERROR,
        "{subject}: the network state cannot be read: {reason}",
        "routerd tries again by itself; facts may be old until then.",
        patience=2.0,
    ),
)
