"""The hosts of the site as far as the DHCP server knows them: by their leases and by their reservations. Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from routerd.config.model import Reservation
from routerd.model import DhcpPart
from routerd.reports import HostLease, HostReport, LeaseReport, ReturnPath

ROUTED = "site-gateway"
_BOUND = "bound"


def known_hosts(leases: Iterable[LeaseReport], reservations: Iterable[tuple[str, Reservation]]) -> Iterator[HostReport]:
    """A host for every bound lease, then one for every reservation (with its LAN) that nobody holds now.

    Made one by one as they are asked for. No return path is measured, so it is unknown; packets between the VPN and
    every host are routed with no address changed.
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
