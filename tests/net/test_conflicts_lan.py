"""Addresses of the pool that machines use without a lease, with real machines and real clients."""

import sys
import time
from ipaddress import IPv4Address
from typing import Any

import pytest

from routerd.lab.clients.dhcpcd import Dhcpcd
from routerd.lab.clients.udhcpc import Udhcpc
from routerd.lab.daemon import Daemon
from routerd.lab.dhcp_client import DhcpClient, missing, private, start_client
from routerd.lab.example import add_host
from routerd.lab.namespace import Namespace
from tests.dhcp.scene import message
from tests.net.asker import ask, offer
from tests.net.site import Site, blast, soon

pytestmark = pytest.mark.net

STATIC = "02:00:00:00:00:57"
FIRST = "192.168.200.50"


def static_host(site: Site, address: str = FIRST) -> Namespace:
    """A machine with a fixed address in the pool, which says nothing by itself."""
    machine = add_host(site.lab, site.example.lan, "static", mac=STATIC)
    machine.ip(f"address add {address}/24 dev lan0")
    return machine


def leases(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """The leases by address."""
    return {lease["address"]: lease for lease in daemon.get("/v1/leases")[1]["leases"]}


def counter(daemon: Daemon, name: str) -> int:
    """One of the counters of DHCP."""
    count: int = daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"].get(name, 0)
    return count


def found(daemon: Daemon, address: str = FIRST) -> dict[str, Any]:
    """The lease of an address that turned out to be in use, as soon as it has."""
    shown = soon(
        f"{address} is found", lambda: [one for one in [leases(daemon).get(address)] if one and not one["client_id"]]
    )[0]
    assert (shown["state"], shown["mac"], shown["client_id"], shown["hostname"]) == ("declined", STATIC, None, None)
    return shown


def asked(daemon: Daemon) -> None:
    """Wait until the first eight addresses were asked for twice: nobody asks for them again without a reason."""
    soon("the stock is asked for", lambda: counter(daemon, "conflict-probe-sent") >= 16)


def start(site: Site, role: str, kind: type[DhcpClient]) -> DhcpClient:
    """A client on a machine of its own that has no reservation."""
    machine = add_host(site.lab, site.example.lan, role)
    directory = site.lab.directory / f"{kind.__name__}-{role}"
    directory.mkdir()
    client = kind(machine, "lan0", directory, role, private)
    client.start()
    return client


def problem(daemon: Daemon) -> dict[str, Any] | None:
    """The problem of addresses in use."""
    problems = daemon.get("/v1/problems")[1]["problems"]
    return next((one for one in problems if one["code"] == "address-in-use"), None)


# ---------------------------------------------------------------- found before it is offered


def test_a_fixed_address_in_the_pool_is_found_shown_and_never_offered(site: Site) -> None:
    static_host(site)
    daemon = site.start()
    found(daemon)
    shown = soon("the problem is shown", lambda: problem(daemon))
    assert shown["text"] == f"lan lan0: in use without a lease, so not offered: {FIRST} by {STATIC}"
    assert (shown["severity"], "reservation" in shown["mend"]) == ("warning", True)
    assert f"lan lan0: {FIRST} is used by {STATIC} without a lease; it is not offered" in site.log()
    assert counter(daemon, "conflict-found") == 1
    got = {}
    for role, client in (("c", "dhclient"), ("d", "udhcpc")):
        if not missing(client):
            machine = add_host(site.lab, site.example.lan, role)
            got[client] = start_client(site.lab, machine, client=client).wait_lease().address
    assert sorted(got.values()) == ["192.168.200.51", "192.168.200.52"][: len(got)]
    wish = message(1, (50, IPv4Address(FIRST).packed), mac=bytes.fromhex("0200000000ab"), flags=0x8000)
    other = ask(site.example.b, wish)
    assert other is not None
    assert str(IPv4Address(other.yiaddr)) == "192.168.200.53"


def test_a_machine_that_comes_up_later_is_heard(site: Site) -> None:
    daemon = site.start()
    asked(daemon)
    assert leases(daemon) == {}
    machine = static_host(site)
    machine.run(["ping", "-c1", "-W1", "192.168.200.1"])
    found(daemon)
    assert start_client(site.lab, add_host(site.lab, site.example.lan, "c"), client="udhcpc").wait_lease().address == (
        "192.168.200.51"
    )


def test_it_gets_a_lease_of_its_address_as_soon_as_it_asks(site: Site) -> None:
    machine = static_host(site)
    daemon = site.start()
    found(daemon)
    assert soon("the problem is shown", lambda: problem(daemon))
    assert start_client(site.lab, machine, client="udhcpc").wait_lease().address == FIRST
    assert leases(daemon)[FIRST]["state"] == "bound"
    soon("the problem is over", lambda: problem(daemon) is None)


def test_a_reservation_mends_it_and_what_was_found_outlives_a_restart(site: Site) -> None:
    machine = static_host(site)
    daemon = site.start()
    found(daemon)
    daemon.process.kill()
    daemon.process.wait()
    daemon = site.start()
    assert leases(daemon)[FIRST]["state"] == "declined"
    reserved = f'[[lan.dhcp.reservation]]\n    mac = "{STATIC}"\n    address = "{FIRST}"\n[probe]'
    site.write(site.config.replace("[probe]", reserved))
    before = daemon.get("/v1/status")[1]["config"]
    daemon.process.send_signal(1)
    soon("the reload is done", lambda: daemon.get("/v1/status")[1]["config"] != before)
    soon("the problem is over", lambda: problem(daemon) is None)
    assert FIRST not in leases(daemon)
    assert start_client(site.lab, machine, client="udhcpc").wait_lease().address == FIRST


_SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("lan0", 0))
s.send(bytes.fromhex(sys.argv[1]))
"""


def test_what_is_not_for_this_machine_is_not_heard(site: Site) -> None:
    """A port that sees what is meant for others (promiscuous, or a trunk of VLANs) takes nothing from it."""
    site.example.beta.ip("link set lan0 promisc on")
    daemon = site.start()
    asked(daemon)

    def answer(to: str, number: int) -> None:
        sender = STATIC.replace(":", "") + f"c0a8c8{number:02x}"
        arp = f"0001080006040002{sender}{to}00000000"
        site.example.gw.run([sys.executable, "-c", _SEND, f"{to}{STATIC.replace(':', '')}0806{arp}"])

    answer("0200000000ee", 100)
    answer("ffffffffffff", 101)
    found(daemon, "192.168.200.101")
    assert set(leases(daemon)) == {"192.168.200.101"}


# ---------------------------------------------------------------- an offer never waits


class Wishing(Udhcpc):
    """udhcpc that asks for an address that it had elsewhere."""

    options = ("-O", "121", "-r", "192.168.200.150")


def test_a_wish_is_answered_at_once_and_taken_back_if_somebody_answers(site: Site) -> None:
    static_host(site, "192.168.200.150")
    daemon = site.start()
    asked(daemon)
    assert leases(daemon) == {}
    client = start(site, "c", Wishing)
    found(daemon, "192.168.200.150")
    assert client.wait_lease().address == FIRST
    assert counter(daemon, "pkt4-nak-sent") == 1


def test_with_an_empty_stock_everybody_gets_an_offer_at_once(site: Site) -> None:
    daemon = site.start()
    crowd = [message(1, mac=b"\2\0\0\0\1" + bytes((n,)), xid=n + 1) for n in range(100)]
    began = time.monotonic()
    blast(site.example.b, crowd)
    soon("all have an offer", lambda: counter(daemon, "pkt4-offer-sent") == 100)
    assert time.monotonic() - began < 5.0
    offered = {address for address, lease in leases(daemon).items() if lease["state"] == "offered"}
    assert offered == {f"192.168.200.{n}" for n in range(50, 150)}
    assert counter(daemon, "conflict-probe-sent") < 100


# ---------------------------------------------------------------- without probes


def unprobed(site: Site) -> str:
    """The example's configuration without probes."""
    return site.config.replace("  pools =", "  conflict_probe = false\n  pools =")


class Looking(Udhcpc):
    """udhcpc that looks itself whether somebody uses its address."""

    options = ("-O", "121", "-a200", "-A1")


class LookingDhcpcd(Dhcpcd):
    """dhcpcd as it comes: it looks itself."""

    def command(self) -> list[str]:
        """Without `--noarp`."""
        return [word for word in super().command() if word != "--noarp"]


def test_without_probes_it_is_offered_and_the_clients_own_decline_counts(site: Site) -> None:
    static_host(site)
    daemon = site.start(unprobed(site))
    client = start(site, "c", Looking)
    soon("it is declined", lambda: leases(daemon).get(FIRST, {}).get("state") == "declined")
    assert leases(daemon)[FIRST]["mac"] != STATIC
    assert client.wait_lease().address == "192.168.200.51"
    assert counter(daemon, "pkt4-decline-received") == 1
    assert counter(daemon, "conflict-probe-sent") == 0
    assert problem(daemon) is None


@pytest.mark.skipif(bool(missing("dhcpcd")), reason="needs dhcpcd-base")
def test_dhcpcd_declines_what_it_finds_in_use(site: Site) -> None:
    static_host(site)
    daemon = site.start(unprobed(site))
    start(site, "c", LookingDhcpcd)
    soon("it is declined", lambda: leases(daemon).get(FIRST, {}).get("state") == "declined")
    reply = offer(site.example.b, 3)
    assert reply is not None
    assert str(IPv4Address(reply.yiaddr)) == "192.168.200.51"


def test_clients_that_look_themselves_find_nothing_where_probes_were_sent(site: Site) -> None:
    static_host(site)
    daemon = site.start()
    found(daemon)
    assert start(site, "c", Looking).wait_lease().address == "192.168.200.51"
    assert counter(daemon, "pkt4-decline-received") == 0
