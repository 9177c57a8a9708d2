"""The hosts of the site as they are shown: by their leases and reservations, and what was measured of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address

from routerd.config.model import Reservation
from routerd.hosts.arp import ethernet
from routerd.hosts.book import Decide
from routerd.hosts.host import Host
from routerd.hosts.schedule import HostKey
from routerd.model import DhcpPart
from routerd.nat_part import HostState, Strategy
from routerd.reports import HostEvidence, HostLease, HostReport, LeaseReport, ReturnPath

ROUTED = "site-gateway"
_BOUND = "bound"


def known_hosts(leases: Iterable[LeaseReport], reservations: Iterable[tuple[str, Reservation]]) -> Iterator[HostReport]:
    """A host for every bound lease, then one for every reservation (with its LAN) that nobody holds now.

    Made one by one as they are asked for. Nothing is measured of them: the return path is unknown, and packets between
    the VPN and every host are routed with no address changed.
    """
    rest = {(lan, reservation.address): reservation for lan, reservation in reservations}
    for lease in leases:
        if lease.state == _BOUND:
            rest.pop((lease.lan, lease.address), None)
            yield _of_lease(lease)
    for lan, address in sorted(rest):
        yield _of_reservation(lan, address, rest[lan, address])


def reserved_addresses(parts: Iterable[DhcpPart]) -> list[tuple[str, Reservation]]:
    """The addresses that the served networks keep for a client, each with its LAN."""
    scopes = ((part.interface, scope) for part in parts for scope in part.scopes)
    return [(lan, each) for lan, scope in scopes for each in scope.settings.reservations]


def measured_hosts(
    known: Iterable[HostReport], hosts: Mapping[HostKey, Host], offset: float, decide: Mapping[str, Decide]
) -> Iterator[HostReport]:
    """The known hosts with what was measured of them, then those that only their packets or the kernel tell of.

    `decide` says by LAN what holds for hosts that are not measured. `offset` turns the clock of the measurements into
    Unix seconds. Made one by one as they are asked for: a host that comes or goes meanwhile may be missing, none is
    shown twice.
    """
    rest = dict.fromkeys(hosts)
    for report in known:
        key = (report.lan, report.address)
        rest.pop(key, None)
        host = hosts.get(key)
        yield _unmeasured(report, decide) if host is None else _measured(report, host, offset)
    for key in rest:
        host = hosts.get(key)
        if host is not None and (not host.never_seen or host.pinned):
            yield _measured(_of_none(key), host, offset)


def _unmeasured(report: HostReport, decide: Mapping[str, Decide]) -> HostReport:
    if report.lan not in decide:
        return report
    strategy, pinned = decide[report.lan](HostState(report.address, ethernet(report.mac or "")))
    return report._replace(strategy=strategy.value, pinned=pinned)


def _measured(report: HostReport, host: Host, offset: float) -> HostReport:
    path, seen = host.path, host.path.seen
    evidence = None
    if seen is not None:
        hop = None if seen.next_hop is None else seen.next_hop.hex(":")
        evidence = HostEvidence(seen.kind, hop, seen.at + offset)
    strategy = host.strategy or Strategy.NONE
    return report._replace(
        mac=report.mac if host.own is None else host.own.hex(":"),
        return_path=path.state,
        evidence=evidence,
        strategy=strategy.value,
        pinned=host.pinned,
        since=report.since if path.since is None else path.since + offset,
    )


def _of_none(key: HostKey) -> HostReport:
    return HostReport(
        address=key[1],
        mac=None,
        hostname=None,
        lan=key[0],
        lease=None,
        accepts_routes=None,
        return_path=ReturnPath.UNKNOWN,
        evidence=None,
        strategy=ROUTED,
        pinned=False,
        since=None,
    )


def _of_lease(lease: LeaseReport) -> HostReport:
    return HostReport(
        address=lease.address,
        mac=lease.mac,
        hostname=lease.hostname,
        lan=lease.lan,
        lease=HostLease(lease.expires, lease.routes_current is True),
        accepts_routes=lease.accepts_routes,
        return_path=ReturnPath.UNKNOWN,
        evidence=None,
        strategy=ROUTED,
        pinned=False,
        since=lease.starts,
    )


def _of_reservation(lan: str, address: IPv4Address, reservation: Reservation) -> HostReport:
    return HostReport(
        address=address,
        mac=None if reservation.mac is None else reservation.mac.hex(":"),
        hostname=reservation.hostname,
        lan=lan,
        lease=None,
        accepts_routes=None,
        return_path=ReturnPath.UNKNOWN,
        evidence=None,
        strategy=ROUTED,
        pinned=False,
        since=None,
    )
