"""The hosts that leases and reservations tell of."""

from ipaddress import IPv4Address

import pytest

from routerd.config.model import Reservation
from routerd.hosts.known import known_hosts
from routerd.reports import HostLease, HostReport, LeaseReport, ReturnPath


def lease(number: int, state: str = "bound", lan: str = "eth0", **changes: object) -> LeaseReport:
    values = {"accepts_routes": True, "routes_current": state == "bound" or None, **changes}
    address = IPv4Address(f"192.168.200.{number}")
    return LeaseReport(address, f"02:00:00:00:00:{number:02x}", None, "h", lan, state, 100.0, 200.0, **values)  # type: ignore[arg-type]


def reserved(number: int, lan: str = "eth0", **changes: object) -> tuple[str, Reservation]:
    values = {"mac": bytes((2, 0, 0, 0, 0, number)), "hostname": "kept", **changes}
    return lan, Reservation(IPv4Address(f"192.168.200.{number}"), **values)  # type: ignore[arg-type]


def shown(hosts: list[HostReport]) -> list[tuple[str, str, bool]]:
    return [(host.lan, str(host.address), host.lease is not None) for host in hosts]


def test_a_bound_lease_is_a_host() -> None:
    (host,) = known_hosts([lease(50)], [])
    assert host == HostReport(
        address=IPv4Address("192.168.200.50"),
        mac="02:00:00:00:00:32",
        hostname="h",
        lan="eth0",
        lease=HostLease(200.0, routes_current=True),
        accepts_routes=True,
        return_path=ReturnPath.UNKNOWN,
        evidence=None,
        strategy="site-gateway",
        pinned=False,
        since=100.0,
    )


@pytest.mark.parametrize("accepts", [True, False, None])
@pytest.mark.parametrize("current", [True, False])
def test_what_it_was_given_is_told(accepts: bool | None, current: bool) -> None:
    (host,) = known_hosts([lease(50, accepts_routes=accepts, routes_current=current)], [])
    assert (host.accepts_routes, host.lease) == (accepts, HostLease(200.0, current))


@pytest.mark.parametrize("state", ["offered", "released", "expired", "declined"])
def test_other_leases_are_no_hosts(state: str) -> None:
    assert list(known_hosts([lease(50, state)], [])) == []


def test_a_reservation_that_nobody_holds_is_a_host_without_lease() -> None:
    (host,) = known_hosts([], [reserved(22)])
    assert (host.mac, host.hostname, host.lease, host.accepts_routes) == ("02:00:00:00:00:16", "kept", None, None)
    assert (host.return_path, host.strategy, host.since) == (ReturnPath.UNKNOWN, "site-gateway", None)
    (host,) = known_hosts([lease(22, "expired")], [reserved(22, mac=None, client_id=b"\1")])
    assert (host.mac, host.lease) == (None, None)


def test_every_host_once_leases_first() -> None:
    leases = [lease(51), lease(22), lease(22, lan="eth1")]
    found = known_hosts(leases, [reserved(30, "eth1"), reserved(22), reserved(24), reserved(23)])
    assert shown(list(found)) == [
        ("eth0", "192.168.200.51", True),
        ("eth0", "192.168.200.22", True),
        ("eth1", "192.168.200.22", True),
        ("eth0", "192.168.200.23", False),
        ("eth0", "192.168.200.24", False),
        ("eth1", "192.168.200.30", False),
    ]


def test_hosts_are_made_as_they_are_asked_for() -> None:
    def endless() -> object:
        while True:
            yield lease(50)

    assert next(known_hosts(endless(), [])).mac == "02:00:00:00:00:32"  # type: ignore[arg-type]
