"""Addresses that clients hold by DHCP do not become aliases, however they came to be in the range."""

import asyncio
import time
from ipaddress import IPv4Address

import pytest

from routerd import alias_leases_service
from routerd.alias_leases_service import AliasLeases
from routerd.config.load import parse
from routerd.config.model import AddressRange
from routerd.dhcp.intake_service import clock
from routerd.dhcp.lease import BOUND, RELEASED, Row
from routerd.dhcp.service import DhcpService
from routerd.dhcp.store import LeaseStore
from routerd.health import ProblemTracker
from routerd.model import Event, LeasedAlias
from routerd.reports import LeaseReport
from tests.test_plan_nat import ALIAS, LAN, VPN, alias, facts, made

MAC = "02:00:00:00:00:aa"
UNTIL = 1_700_000_000
POOL = 'alias_pool = "192.168.200.210-192.168.200.212"\n'
OTHER = IPv4Address("192.168.200.211")


def told(text: str, *leased: LeasedAlias) -> list[str]:
    tracker = ProblemTracker()
    tracker.update(made(text, facts(leased=leased)).problems, 0.0)
    return [row.text for row in tracker.report(60.0)]


def test_the_client_that_holds_the_address_is_named() -> None:
    done = made(VPN + LAN + alias(), facts(leased=(LeasedAlias("eth0", ALIAS, MAC, UNTIL),)))
    assert (done.aliases.aliases, done.nat.aliases) == ((), ())
    (text,) = told(VPN + LAN + alias(), LeasedAlias("eth0", ALIAS, MAC, UNTIL))
    assert text == f"alias {ALIAS}: it is not taken, because it is leased to {MAC} until 2023-11-14 22:13:20 UTC"
    assert told(VPN + LAN + alias(), LeasedAlias("eth1", ALIAS, MAC, UNTIL)) == []


def test_a_pool_leaves_it_out() -> None:
    leased = LeasedAlias("eth0", OTHER, MAC, UNTIL)
    (pool,) = made(VPN + LAN + POOL, facts(leased=(leased,))).aliases.pools
    assert pool.barred == {OTHER}
    (text,) = told(VPN + LAN + POOL, leased)
    assert f"{OTHER} ({MAC} until 2023-11-14 22:13:20 UTC)" in text


@pytest.mark.parametrize("others", [0, 10])
def test_the_leases_that_are_bound_now(others: int) -> None:
    service = DhcpService(LeaseStore(":memory:"))
    now = clock()

    def row(last: int, state: int = BOUND, ends: float = 100.0) -> Row:
        address = int(IPv4Address(f"192.168.200.{last}"))
        return Row(address, b"%d" % last, b"\1" + bytes.fromhex(MAC.replace(":", "")), None, state, now, now + ends)

    rows = [row(210), row(211, RELEASED), row(212, ends=-1.0), row(213), *(row(n) for n in range(1, 1 + others))]
    service._table("eth0").load(rows)
    span = AddressRange(IPv4Address("192.168.200.210"), IPv4Address("192.168.200.212"))
    (found,) = service.held([("eth0", span), ("eth1", span)])
    assert (found.lan, str(found.address), found.mac) == ("eth0", "192.168.200.210", MAC)
    assert abs(found.expires - time.time() - 100.0) < 5.0


def test_a_change_of_such_a_lease_and_its_end_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alias_leases_service, "_LEAST", 0.0)
    held = [LeaseReport(ALIAS, MAC, None, None, "eth0", "bound", 0.0, time.time())]
    changes: list[float] = []

    async def main() -> None:
        again = asyncio.Event()

        def changed() -> None:
            changes.append(time.monotonic())
            again.set()

        leases = AliasLeases(lambda spans: held, changed)
        # A lease of the address, one of another, and one of the same address elsewhere.
        for address, lan in ((str(ALIAS), "eth0"), ("192.168.200.9", "eth0"), (str(ALIAS), "eth1")):
            leases.heard(Event("lease", address, "bound", 0.0, {"lan": lan}))
        assert changes == []
        (found,) = leases.look(parse(VPN + LAN + alias()))
        assert found[:3] == ("eth0", ALIAS, MAC)
        for address, lan in ((str(ALIAS), "eth0"), ("192.168.200.9", "eth0"), (str(ALIAS), "eth1")):
            leases.heard(Event("lease", address, "released", 0.0, {"lan": lan}))
        assert len(changes) == 1
        again.clear()
        await asyncio.wait_for(again.wait(), 5.0)
        assert leases.look(parse(VPN + LAN)) == ()

    asyncio.run(main())
