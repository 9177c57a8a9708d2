"""Hosts as they are shown, with what was measured of them."""

from ipaddress import IPv4Address

from routerd.hosts.book import Book
from routerd.hosts.known import known_hosts, measured_hosts
from routerd.hosts.return_path import Sign
from routerd.nat_part import HostState, Strategy
from routerd.reports import HostEvidence, HostLease, HostReport, LeaseReport, ReturnPath

OWN, ROUTER = bytes((2, 0, 0, 0, 0, 0x22)), bytes((2, 0, 0, 0, 0, 1))
WALL = 1_000_000.0


def decide(host: HostState) -> tuple[Strategy, bool]:
    proven = host.return_path in (ReturnPath.DIRECT, ReturnPath.VIA_ROUTER)
    return (Strategy.SITE_GATEWAY if proven else Strategy.MASQUERADE), host.address == IPv4Address("192.168.200.40")


def book(*lasts: int) -> Book:
    made = Book()
    made.configure({"lan0": (decide, 1)}, 0.0)
    for last in lasts:
        made.know(("lan0", IPv4Address(f"192.168.200.{last}")), 0.0, mac=OWN if last == 22 else None)
    return made


def shown(made: Book, *leases: LeaseReport) -> dict[str, HostReport]:
    found = list(measured_hosts(known_hosts(leases, []), made.hosts, WALL, {"lan0": decide}))
    assert len({host.address for host in found}) == len(found)
    return {str(host.address): host for host in found}


def test_a_lease_with_what_was_measured() -> None:
    made = book(22)
    key = ("lan0", IPv4Address("192.168.200.22"))
    lease = LeaseReport(key[1], OWN.hex(":"), None, "b", "lan0", "bound", 5.0, 9.0, True, True)
    before = shown(made, lease)["192.168.200.22"]
    assert (before.return_path, before.evidence, before.strategy) == (ReturnPath.UNKNOWN, None, "masquerade")
    assert before.since == 5.0, "while it was never measured: since it has its lease"
    made.saw(key, "tcp", OWN, 0, 30.0)
    made.saw(key, "echo", OWN, 0, 60.0)
    assert shown(made, lease)["192.168.200.22"] == HostReport(
        address=key[1],
        mac=OWN.hex(":"),
        hostname="b",
        lan="lan0",
        lease=HostLease(9.0, True),
        accepts_routes=True,
        return_path=ReturnPath.DIRECT,
        evidence=HostEvidence("echo", OWN.hex(":"), WALL + 60),
        strategy="site-gateway",
        pinned=False,
        since=WALL + 30,
    )
    made.sign(key, Sign.UNANSWERED, 70.0)
    after = shown(made, lease)["192.168.200.22"]
    assert (after.return_path, after.strategy, after.since) == (ReturnPath.LAN_ONLY, "masquerade", WALL + 70)


def test_hosts_without_a_lease() -> None:
    made = book(22, 30, 40)
    found = shown(made)
    assert list(found) == ["192.168.200.22", "192.168.200.40"], "nothing was ever seen of the third"
    assert (found["192.168.200.22"].mac, found["192.168.200.22"].lease) == (OWN.hex(":"), None)
    assert found["192.168.200.40"].pinned


def test_what_holds_for_hosts_that_are_not_measured() -> None:
    """Where nothing can depend on it nothing is measured, and the strategy is shown all the same."""
    pinned = {"02:00:00:00:00:17"}

    def fixed(host: HostState) -> tuple[Strategy, bool]:
        is_pinned = host.mac is not None and host.mac.hex(":") in pinned
        return (Strategy.NONE if is_pinned else Strategy.MASQUERADE), is_pinned

    leases = [
        LeaseReport(IPv4Address(f"192.168.200.{n}"), f"02:00:00:00:00:{n:02x}", None, None, lan, "bound", 5.0, 9.0)
        for n, lan in ((22, "lan0"), (23, "lan0"), (24, "lan1"))
    ]
    found = measured_hosts(known_hosts(leases, []), {}, WALL, {"lan0": fixed})
    assert [(host.strategy, host.pinned) for host in found] == [
        ("masquerade", False),
        ("none", True),
        ("site-gateway", False),
    ]


def test_behind_an_inner_router_it_has_no_link_layer_address_here() -> None:
    made = Book()
    made.configure({"lan0": (decide, 1)}, 0.0)
    key = ("lan0", IPv4Address("192.168.77.9"))
    made.know(key, 0.0, gateway=IPv4Address("192.168.200.1"))
    made.resolved(key, ROUTER, 1.0)
    made.saw(key, "tcp", ROUTER, 0, 2.0)
    host = shown(made)["192.168.77.9"]
    assert (host.mac, host.return_path) == (None, ReturnPath.VIA_ROUTER)
    assert host.evidence == HostEvidence("tcp", ROUTER.hex(":"), WALL + 2)


def test_a_host_that_goes_while_the_list_is_read() -> None:
    made = book(22, 40)
    found = measured_hosts([], made.hosts, WALL, {})
    assert str(next(found).address) == "192.168.200.22"
    made.forget(("lan0", IPv4Address("192.168.200.40")))
    assert list(found) == []
