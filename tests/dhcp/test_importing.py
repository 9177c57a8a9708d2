"""What becomes of another server's leases: the configuration and our own leases win, the rest is taken over."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.config.model import Reservation
from routerd.dhcp.importing import Place, take_over
from routerd.dhcp.lease import STATE_NAMES, Row
from routerd.dhcp.leases import LeaseTable
from routerd.lease_records import Import, LeaseRecord, Outcome
from tests.dhcp.scene import SERVER, Scene, ip, message, part, settings

OFFSET = 1_795_000_000.0
NOW = 1000.0
UNIX = OFFSET + NOW


def mac(number: int) -> bytes:
    return bytes((2, 0, 0, 0, 0, number))


def record(host: int, number: int | None = None, **changes: object) -> LeaseRecord:
    hardware = b"\x01" + mac(host if number is None else number)
    made = LeaseRecord(
        IPv4Address(f"192.168.200.{host}"), hardware, hardware, f"h{host}", "bound", UNIX + 600, UNIX - 60
    )
    return made._replace(**changes)  # type: ignore[arg-type]


class Site:
    """The example LAN with a responder, and the records that are taken over into it."""

    def __init__(self) -> None:
        reserved = Reservation(IPv4Address("192.168.200.55"), mac=mac(55))
        self.scene = Scene(part(replace(settings(), reservations=(reserved,))))
        self.scene.now = NOW

    @property
    def table(self) -> LeaseTable:
        return self.scene.table

    offset = OFFSET

    def take(
        self, *records: LeaseRecord, dry_run: bool = False, lan: str | None = None
    ) -> tuple[list[Outcome], list[Row]]:
        places = {"lan0": Place(IPv4Network("192.168.200.0/24"), self.table)}
        outcomes, changes = take_over(Import(records, lan, dry_run), places, self.scene.now, self.offset)
        return list(outcomes), [row for _, rows in changes for row in rows]

    def one(self, one: LeaseRecord) -> tuple[str, str, str]:
        (outcome,), _ = self.take(one)
        return outcome.outcome, outcome.state, outcome.reason

    def acks(self, host: int, client: bytes, *options: tuple[int, bytes]) -> bool:
        """Is the client acknowledged the address when it reboots (INIT-REBOOT) and when it renews?"""
        address = ip(f"192.168.200.{host}")
        reboot = self.scene.ask(message(3, (50, address.to_bytes(4, "big")), *options, mac=client))
        renewal = self.scene.send(message(3, *options, mac=client, ciaddr=address), unicast=True)
        return reboot.options[53] == b"\x05" and reboot.yiaddr == address and renewal is not None


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.table.expire(NOW + 1e12, limit=10_000)


def test_a_lease_is_the_clients_until_it_ended(site: Site) -> None:
    outcomes, rows = site.take(record(50, hostname="Täst_1.example"))
    assert [each[:3] for each in outcomes] == [(IPv4Address("192.168.200.50"), "taken", "bound")]
    (row,) = rows
    assert (STATE_NAMES[row.state], row.starts, row.expires, row.hostname) == ("bound", NOW - 60, NOW + 600, "Tst1")
    assert site.acks(50, mac(50))
    assert site.scene.lease(mac(99)) != ip("192.168.200.50")


def test_a_client_is_known_by_its_identifier(site: Site) -> None:
    site.take(record(50, client=b"\xff\x01\x02"))
    assert site.acks(50, mac(77), (61, b"\xff\x01\x02"))


@pytest.mark.parametrize(
    ("one", "outcome", "reason"),
    [
        (record(50, state="ended", expires=UNIX - 5), ("taken", "ended"), ""),
        (record(50, expires=UNIX - 5), ("taken", "ended"), ""),
        (record(50, expires=None), ("taken", "bound"), ""),
        (record(50, state="declined"), ("taken", "declined"), ""),
        (record(50, state="declined", hardware=b"", client=b""), ("taken", "declined"), ""),
        (record(2), ("skipped", "bound"), "never leased"),
        (record(1), ("skipped", "bound"), "never leased"),
        (record(255), ("skipped", "bound"), "never leased"),
        (record(80), ("skipped", "bound"), "in no pool"),
        (record(80, state="declined"), ("skipped", "declined"), "in no pool"),
        (record(55), ("taken", "bound"), ""),
        (record(55, 60), ("skipped", "bound"), "reserved for another client"),
        (record(56, 55), ("skipped", "bound"), "reservation of 192.168.200.55"),
        (record(50, address=IPv4Address("10.1.2.3")), ("skipped", "bound"), "192.168.200.0/24"),
    ],
)
def test_what_can_be_a_lease_here(site: Site, one: LeaseRecord, outcome: tuple[str, str], reason: str) -> None:
    *found, why = site.one(one)
    assert tuple(found) == outcome
    assert reason in why
    assert bool(why) == bool(reason)


def test_an_ended_lease_is_offered_to_its_client_first(site: Site) -> None:
    site.take(record(57, state="ended", expires=UNIX - 5))
    assert site.scene.lease(mac(57)) == ip("192.168.200.57")


def test_a_declined_address_is_not_given(site: Site) -> None:
    site.take(record(50, state="declined", hardware=b"", client=b""))
    assert site.scene.lease(mac(99)) != ip("192.168.200.50")


def test_a_lease_without_end_lasts_and_gets_an_end_when_its_client_renews(site: Site) -> None:
    site.take(record(50, expires=None))
    site.scene.now += 50 * 365 * 86400.0
    assert site.scene.lease(mac(99)) != ip("192.168.200.50")
    assert site.acks(50, mac(50))
    lease = site.table.at(ip("192.168.200.50"))
    assert lease is not None
    assert lease.expires == site.scene.now + 3600


def test_what_is_known_here_wins(site: Site) -> None:
    assert site.scene.lease(mac(1)) == ip("192.168.200.50")
    assert site.one(record(50, 9))[:2] == ("conflict", "bound")
    assert "02:00:00:00:00:01 has it" in site.one(record(50, 9))[2]
    assert site.one(record(50, 1))[0] == "known"
    assert site.one(record(58, 1, state="ended", expires=UNIX - 5))[0] == "known"
    assert site.acks(50, mac(1))


def test_a_longer_promise_to_the_same_client_is_kept(site: Site) -> None:
    site.scene.lease(mac(1))
    (outcome,), (row,) = site.take(record(50, 1, expires=UNIX + 86400))
    assert (outcome.outcome, row.expires, row.covered, row.renewal) == ("taken", NOW + 86400, False, False)
    site.table.expire(NOW + 4000)
    lease = site.table.at(ip("192.168.200.50"))
    assert lease is not None
    assert lease.holds(NOW + 4000)


def test_a_lease_that_ended_here_makes_way(site: Site) -> None:
    site.scene.lease(mac(1))
    site.scene.send(message(7, (54, SERVER.packed), mac=mac(1), ciaddr=ip("192.168.200.50")))
    assert site.one(record(50, 9, state="ended", expires=UNIX - 5))[0] == "known"
    assert site.one(record(50, 9))[:2] == ("taken", "bound")
    assert site.acks(50, mac(9))


def test_a_machine_that_was_noticed_may_have_its_lease(site: Site) -> None:
    site.table.occupy(ip("192.168.200.50"), b"\x01" + mac(9), NOW)
    site.table.occupy(ip("192.168.200.51"), b"\x01" + mac(8), NOW)
    assert site.one(record(51, 9))[0] == "conflict"
    assert site.one(record(50, 9))[0] == "taken"
    assert site.acks(50, mac(9))


def test_an_offer_gives_way(site: Site) -> None:
    offered = site.scene.ask(message(1, mac=mac(1))).yiaddr
    assert site.one(record(offered & 0xFF, 9))[0] == "taken"
    assert site.acks(offered & 0xFF, mac(9))


def test_only_one_lan_where_that_is_asked(site: Site) -> None:
    (outcome,), rows = site.take(record(50), lan="lan1")
    assert (outcome.outcome, outcome.reason, rows) == ("skipped", "it is an address of lan0, not of lan1", [])
    assert site.take(record(50), lan="lan0")[1]


def test_a_dry_run_says_the_same_and_changes_nothing(site: Site) -> None:
    site.scene.lease(mac(1))
    records = [record(50, 9), record(51), record(52, state="ended"), record(53, state="declined"), record(80)]
    before = site.table.rows()
    dry, rows = site.take(*records, dry_run=True)
    assert (rows, site.table.rows()) == ([], before)
    assert site.take(*records)[0] == dry


def test_a_second_time_all_is_known(site: Site) -> None:
    records = [record(51), record(52, state="ended"), record(53, state="declined")]
    site.take(*records)
    # The clock is slewed meanwhile.
    site.offset -= 0.01
    outcomes, rows = site.take(*records)
    assert ([each.outcome for each in outcomes], rows) == (["known"] * 3, [])
