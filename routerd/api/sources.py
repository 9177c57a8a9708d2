"""What the HTTP service asks the daemon for: callables, so that it needs no other feature."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from routerd.events import EventLog
from routerd.lease_records import Import, Imported
from routerd.model import Route, WireGuardDevice
from routerd.reports import (
    Check,
    ConfigReport,
    Confirmed,
    HostReport,
    LeaseReport,
    PeerReport,
    ProblemReport,
    Released,
    ReloadResult,
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Each callable is asked anew for every request, in the event loop, and must return within milliseconds.

    An iterable is consumed in pieces with other work between them: long lists should come as an iterator that makes
    its rows as they are asked for, over a copy that later changes do not touch. `status` gives every service's
    report, ready for JSON, by the service's name. `peer` finds one peer by name or public key without making all
    reports; without it the reports are searched. `devices` are the WireGuard devices by vpn as they were read last.
    `started` and `now` are Unix seconds; `now` is the clock where it is left out. `probe` measures one peer at once
    and gives its new report, None where there is none. `take_over` takes leases of another server over, and
    `saved` gives the lease file as it is now, None where it cannot be read. `reload_on_trial`
    reloads for so many seconds, `confirm` makes that last, and `deadline` (Unix seconds) is when it is taken back, None
    while nothing is on trial. What is None from `events` on is not there: neither its path,
    nor its part of the status.
    """

    peers: Callable[[], Iterable[PeerReport]]
    routes: Callable[[], Iterable[Route]]
    leases: Callable[[], Iterable[LeaseReport]]
    hosts: Callable[[], Iterable[HostReport]]
    problems: Callable[[], Iterable[ProblemReport]]
    checks: Callable[[], Iterable[Check]]
    status: Callable[[], Mapping[str, object]]
    version: str = ""
    started: float = 0.0
    peer: Callable[[str], PeerReport | None] | None = None
    now: Callable[[], float] | None = None
    devices: Callable[[], Mapping[str, WireGuardDevice]] | None = None
    events: EventLog | None = None
    reload: Callable[[], Awaitable[ReloadResult]] | None = None
    release: Callable[[IPv4Address], Awaitable[Released]] | None = None
    take_over: Callable[[Import], Awaitable[Imported]] | None = None
    saved: Callable[[], Awaitable[bytes | None]] | None = None
    probe: Callable[[str], Awaitable[PeerReport | None]] | None = None
    config: Callable[[], ConfigReport] | None = None
    reload_on_trial: Callable[[float], Awaitable[ReloadResult]] | None = None
    confirm: Callable[[], Awaitable[Confirmed]] | None = None
    deadline: Callable[[], float | None] | None = None
