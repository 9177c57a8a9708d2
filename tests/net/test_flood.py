"""A LAN under attack: who is known is served, who is new too as long as there is an address, and it is shown."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from routerd.dhcp.message import Message
from routerd.lab.daemon import Daemon
from routerd.lab.example import add_host
from routerd.lab.namespace import Namespace
from tests.dhcp.scene import message
from tests.net.asker import ask
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
SERVER = bytes((192, 168, 200, 2))
KNOWN, NEW, LATER = (bytes.fromhex(f"0200000003{n:02x}") for n in (1, 2, 3))
RESERVED = bytes.fromhex("020000000022")
RATE = 8000


def counters(daemon: Daemon) -> dict[str, int]:
    """What routerd counts; it answers while it is flooded."""
    status, body = daemon.get("/v1/status", timeout=5.0)
    assert status == 200
    found: dict[str, int] = body["services"]["dhcp"]["counters"]
    return found


def problems(daemon: Daemon) -> set[str]:
    """The codes of all problems."""
    status, body = daemon.get("/v1/problems", timeout=5.0)
    assert status == 200
    return {problem["code"] for problem in body["problems"]}


def bound(daemon: Daemon) -> int:
    """How many leases are bound."""
    status, body = daemon.get("/v1/leases", timeout=5.0)
    assert status == 200
    return sum(lease["state"] == "bound" for lease in body["leases"])


def kind(reply: Message | None) -> int | None:
    return None if reply is None else reply.options[53][0]


def discover(machine: Namespace, mac: bytes) -> Message | None:
    return ask(machine, message(DISCOVER, (55, bytes((1, 3, 121))), mac=mac, xid=mac[5], flags=0x8000))


def lease(machine: Namespace, mac: bytes) -> bytes:
    """A whole exchange, begun again as clients do where it fails; the address."""

    def exchange() -> bytes | None:
        offer = discover(machine, mac)
        if offer is None:
            return None
        wanted = offer.yiaddr.to_bytes(4, "big")
        chosen = message(REQUEST, (50, wanted), (54, SERVER), mac=mac, xid=mac[5], flags=0x8000)
        return wanted if kind(ask(machine, chosen)) == ACK else None

    return soon(f"{mac.hex(':')} has a lease", exchange, limit=15.0) or b""


def renews(machine: Namespace, mac: bytes, address: bytes) -> bool:
    """Both ways of a client that has the address: it renews, and it starts again."""
    renewal = message(REQUEST, mac=mac, ciaddr=int.from_bytes(address, "big"), xid=0x77, giaddr=0)
    reboot = message(REQUEST, (50, address), mac=mac, xid=0x78, flags=0x8000)
    machine.ip(f"address replace {'.'.join(map(str, address))}/24 dev lan0")
    try:
        return kind(ask(machine, renewal)) == ACK and kind(ask(machine, reboot)) == ACK
    finally:
        machine.ip(f"address del {'.'.join(map(str, address))}/24 dev lan0")


@contextmanager
def attacked(site: Site, mode: str, rate: float = RATE) -> Iterator["subprocess.Popen[str]"]:
    """Endpoint B floods the LAN meanwhile."""
    argv = [sys.executable, "-m", "tests.net.attacker", "lan0", mode, str(rate), "60"]
    process = site.example.b.popen(argv, name="attacker", env={"PYTHONPATH": str(Path(__file__).parents[2])})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(5)


def host(site: Site) -> Namespace:
    """Another machine of the LAN, for honest clients."""
    return add_host(site.lab, site.example.lan, "c")


def test_a_flood_of_discovers_leaves_everybody_served(site: Site) -> None:
    # A pool so small that an offer of it would be another client's a few milliseconds later.
    daemon = site.start(site.config.replace("192.168.200.199", "192.168.200.69"))
    honest = host(site)
    known = lease(honest, KNOWN)
    with attacked(site, "discover"):
        soon("the flood is on", lambda: counters(daemon)["pkt4-discover-received"] > 5000)
        assert renews(honest, KNOWN, known)
        assert lease(honest, RESERVED) == bytes((192, 168, 200, 22))
        new = lease(honest, NEW)
        assert renews(honest, NEW, new)
        soon("the problem is shown", lambda: "pool-exhausted" in problems(daemon))
        assert daemon.get("/readyz", timeout=5.0)[0] == 200
        said = counters(daemon)
    assert said["pkt4-processing-failed"] == 0
    assert lease(honest, LATER)


def test_an_attacker_who_takes_every_address_leaves_known_and_reserved_clients_served(site: Site) -> None:
    daemon = site.start()
    honest = host(site)
    known = lease(honest, KNOWN)
    with attacked(site, "take", rate=1000):
        soon("every address is leased", lambda: bound(daemon) >= 150, limit=20.0)
        soon("the problem is shown", lambda: "pool-exhausted" in problems(daemon))
        assert renews(honest, KNOWN, known)
        assert lease(honest, RESERVED) == bytes((192, 168, 200, 22))
        assert discover(honest, NEW) is None
    leases = daemon.get("/v1/leases", timeout=5.0)[1]["leases"]
    assert len({each["address"] for each in leases}) == len(leases) >= 150
    assert {each["state"] for each in leases if each["mac"] == KNOWN.hex(":")} == {"bound"}


def test_one_mad_client_is_held_back_and_named_once(site: Site) -> None:
    daemon = site.start()
    honest = host(site)
    with attacked(site, "one", rate=2000):
        soon("it is limited", lambda: counters(daemon)["pkt4-limit-exceeded"] > 2000)
        assert lease(honest, NEW)
        said = counters(daemon)
    assert said["pkt4-discover-received"] < 500
    lines = [line for line in site.log().splitlines() if "messages a second" in line]
    assert len(lines) == 1
    assert "lan lan0: client 02:07:00:00:00:00 sends more than 20 messages a second" in lines[0]


def test_what_a_burst_costs_is_counted_to_the_last_message(site: Site) -> None:
    """A burst that no queue holds: every message is answered, or counted as given up."""
    daemon = site.start(site.config.replace("192.168.200.199", "192.168.200.69"))
    sent = 15_000
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        with attacked(site, "burst", sent) as burst:
            assert burst.wait(20) == 0
    finally:
        daemon.process.send_signal(signal.SIGCONT)

    def counted() -> bool:
        said = counters(daemon)
        return said["pkt4-discover-received"] + said["pkt4-queue-full"] >= sent

    soon("all are counted", counted)
    said = counters(daemon)
    assert said["pkt4-discover-received"] + said["pkt4-queue-full"] == sent
    assert said["pkt4-queue-full"] == said["pkt4-receive-drop"] > 0
    assert said["pkt4-received"] < sent
    assert lease(host(site), NEW)
