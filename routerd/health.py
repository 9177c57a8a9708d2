"""The registry of problems: what can be wrong, how bad it is, what to do, and which problem explains which.

A service states the problems that it has now; `ProblemTracker` adds since when, holds back what may pass by itself
(patience), and finds the first cause. Pure: time comes in as an argument.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from routerd.model import Problem, ProblemReport

ERROR = "error"
WARNING = "warning"
INFO = "info"

_RANK = {ERROR: 0, WARNING: 1, INFO: 2}


@dataclass(frozen=True, slots=True)
class Declared:
    """A kind of problem. `text` and `mend` are filled from `Problem.subject` and `Problem.values`.

    `depends_on` names the codes that explain this one where they stand for the same subject or for something that
    it belongs to. `patience` is how many seconds it must last before it is shown.
    """

    code: str
    severity: str
    text: str
    mend: str
    depends_on: tuple[str, ...] = ()
    patience: float = 0.0


_DECLARED = (
    Declared(
        "config-invalid",
        ERROR,
        "{path} has {count} faults and was not taken over; the first: {first}",
        "Correct it (routerd check lists all faults) and reload again; the configuration from before goes on.",
    ),
    Declared(
        "interface-missing",
        ERROR,
        "{subject}: the interface does not exist",
        "Create it, or correct `interface` in the configuration; routerd goes on by itself when it appears.",
        patience=1.0,
    ),
    Declared(
        "interface-down",
        ERROR,
        "{subject}: the interface is down",
        "Bring it up: ip link set {interface} up",
        patience=2.0,
    ),
    Declared(
        "interface-no-address",
        ERROR,
        "{subject}: the interface has no IPv4 address",
        "Give it one, or set `address` of this LAN.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "address-not-local",
        WARNING,
        "{subject}: {address} is not an address of the interface now",
        "This machine stays silent on this LAN until it holds the address.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "no-prefixes",
        ERROR,
        "{subject}: no prefix is known to be behind it",
        "Set `prefixes`, or give the interface an address or its peers AllowedIPs.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "prefix-overlaps-lan",
        ERROR,
        "{subject}: {prefix} overlaps the LAN {network} and is not handed out",
        "Renumber one of the two, or leave the LAN out of the AllowedIPs of the peer.",
    ),
    Declared(
        "gateway-not-on-link",
        ERROR,
        "{subject}: none of its gateways is on a LAN that takes part",
        "Give `gateways` an address of a listed LAN, or list the LAN that the gateway is on.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "no-next-hop",
        ERROR,
        "{subject}: hosts in {network} have no next hop for the VPN, so they are not told of it",
        "Set `router` of this lan.dhcp.subnet.",
    ),
    Declared(
        "router-not-on-link",
        ERROR,
        "{subject}: the router {router} is not on the LAN's network {network}",
        'Set `router` of lan.dhcp to an address of this LAN, or to "none".',
    ),
    Declared(
        "pool-not-on-link",
        ERROR,
        "{subject}: the pool {pool} is not inside the LAN's network {network}",
        "Correct `pools`, or the address of the interface.",
    ),
    Declared(
        "dhcp-socket",
        ERROR,
        "{subject}: DHCP cannot be served: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=1.0,
    ),
    Declared(
        "dhcp-rival",
        ERROR,
        "{subject}: DHCP is not served, because another DHCP server answers: {rivals}",
        'Stop that server or its pool for this LAN, and routerd takes over within 15 s. Or set `mode = "off"` here, or '
        "`authoritative = true` to serve whatever else is there.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "dhcp-rival-beside",
        WARNING,
        "{subject}: another DHCP server answers too, and its clients may lack the routes: {rivals}",
        "Stop that server or its pool for this LAN: which of the two a client gets is chance.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "lease-store",
        ERROR,
        "leases cannot be written to {path}: {reason}",
        "Free space or mend the file system; until then new leases are not promised.",
    ),
    Declared(
        "pool-exhausted",
        WARNING,
        "{subject}: no free address is left in its pools",
        "Widen `pools`, or shorten `lease_time`.",
        depends_on=("dhcp-socket",),
    ),
    Declared(
        "forwarding-off",
        ERROR,
        "{subject}: forwarding is off and cannot be switched on: {reason}",
        "Run: sysctl -w net.ipv4.conf.{interface}.forwarding=1",
        depends_on=("interface-missing",),
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
        "the kernel route {route} cannot be kept: {reason}",
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
        "wireguard-unreadable",
        ERROR,
        "{subject}: the WireGuard state cannot be read: {reason}",
        "{hint}",
        depends_on=("interface-missing",),
        patience=2.0,
    ),
    Declared(
        "peer-unmatched",
        WARNING,
        "{subject}: no such peer on {vpn}",
        "Correct `public_key` or `address`, or add the peer to the WireGuard interface.",
        depends_on=("interface-missing", "wireguard-unreadable", "interface-down"),
        patience=5.0,
    ),
    Declared(
        "peer-down",
        WARNING,
        "{subject}: does not answer {probe}",
        "Look at the peer's own network and its WireGuard: wg show {interface}",
        depends_on=("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket"),
    ),
    Declared(
        "probe-socket",
        ERROR,
        "{subject}: probes cannot be sent: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down"),
        patience=1.0,
    ),
    Declared(
        "http-socket",
        ERROR,
        "HTTP cannot be served at {listen}: {reason}",
        "{hint}",
        patience=0.0,
    ),
    Declared(
        "http-token",
        WARNING,
        "the token file {path} cannot be used: {reason}",
        "{hint} Until then nothing can be changed over TCP, only over the Unix socket.",
    ),
    Declared(
        "netlink",
        ERROR,
        "the kernel's network state cannot be read: {reason}",
        "routerd tries again by itself; facts may be old until then.",
        patience=2.0,
    ),
)

REGISTRY: dict[str, Declared] = {declared.code: declared for declared in _DECLARED}


class _Blank(dict[str, str]):
    """Values of a problem; one that is missing shows as `?` and never raises."""

    def __missing__(self, key: str) -> str:
        return "?"


def _fill(template: str, problem: Problem) -> str:
    return template.format_map(_Blank(problem.values, subject=problem.subject))


class ProblemTracker:
    """Remembers since when each problem stands. A problem is the same one while code and subject stay the same."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], float] = {}
        self._now: tuple[Problem, ...] = ()

    def update(self, problems: Iterable[Problem], now: float) -> None:
        """Take over what is wrong now; `now` is Unix seconds. Raises KeyError for a code that is not declared."""
        unique: dict[tuple[str, str], Problem] = {}
        for problem in problems:
            REGISTRY[problem.code]
            unique.setdefault((problem.code, problem.subject), problem)
        self._since = {key: self._since.get(key, now) for key in unique}
        self._now = tuple(unique.values())

    def report(self, now: float) -> tuple[ProblemReport, ...]:
        """What is shown at `now`: first causes first, then by severity and age. Patience hides what is younger.

        A problem that explains another one hides it no longer than it is shown itself.
        """
        shown = {(p.code, p.subject): p for p in self._now if self._age(p, now) >= REGISTRY[p.code].patience}
        rows = []
        for problem in shown.values():
            declared = REGISTRY[problem.code]
            causes = product(declared.depends_on, (problem.subject, *problem.within))
            cause = next((shown[key] for key in causes if key in shown), None)
            rows.append(
                ProblemReport(
                    code=problem.code,
                    subject=problem.subject,
                    severity=declared.severity,
                    text=_fill(declared.text, problem),
                    mend=_fill(declared.mend, problem),
                    since=self._since[problem.code, problem.subject],
                    caused_by=None if cause is None else f"{cause.code} ({cause.subject})",
                )
            )
        rows.sort(key=lambda row: (row.caused_by is not None, _RANK[row.severity], row.since, row.code, row.subject))
        return tuple(rows)

    def next_change(self, now: float) -> float | None:
        """When patience with a hidden problem ends, as Unix seconds; None if nothing is hidden."""
        ends = [
            self._since[p.code, p.subject] + REGISTRY[p.code].patience
            for p in self._now
            if self._age(p, now) < REGISTRY[p.code].patience
        ]
        return min(ends, default=None)

    def _age(self, problem: Problem, now: float) -> float:
        # A clock that was stepped back must not hide a problem for years.
        since = self._since[problem.code, problem.subject]
        if now < since:
            self._since[problem.code, problem.subject] = since = now
        return now - since
