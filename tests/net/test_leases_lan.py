"""Leases of several networks with real clients: pools, LANs, a network behind a real relay agent, reservations."""

import shutil
import signal
from typing import Any

import pytest

from routerd.lab.clients.udhcpc import Udhcpc
from routerd.lab.daemon import Daemon
from routerd.lab.dhcp_client import DhcpClient, private, start_client
from routerd.lab.example import add_host
from routerd.lab.lab import Switch
from routerd.lab.namespace import Namespace
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

POOL = 'pools = ["192.168.200.50-192.168.200.199"]'


def leases(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """The leases by address."""
    return {lease["address"]: lease for lease in daemon.get("/v1/leases")[1]["leases"]}


def client(site: Site, lan: Switch, role: str) -> DhcpClient:
    """A client on a machine of its own."""
    return start_client(site.lab, add_host(site.lab, lan, role), client="udhcpc", hostname=role)


def test_several_pools_of_several_lans(site: Site) -> None:
    other = Switch(site.lab, "other")
    other.attach(site.example.beta, "oth0")
    site.example.beta.ip("address add 10.5.0.1/24 dev oth0")
    pools = 'pools = ["192.168.200.70-192.168.200.70", "192.168.200.60-192.168.200.60"]'
    second = '\n[[lan]]\ninterface = "oth0"\n[lan.dhcp]\npools = ["10.5.0.0-10.5.0.255"]\n[probe]'
    text = site.config.replace(POOL, pools).replace("[probe]", second)
    daemon = site.start(text)
    lan = site.example.lan
    got = [client(site, where, role).wait_lease().address for where, role in ((lan, "c"), (lan, "d"), (other, "e"))]
    # The first address of a network is its own name, and the second one is this machine's.
    assert got == ["192.168.200.60", "192.168.200.70", "10.5.0.2"]
    daemon.process.kill()
    daemon.process.wait()
    daemon = site.start(text)
    shown = {address: (lease["lan"], lease["hostname"], lease["state"]) for address, lease in leases(daemon).items()}
    assert shown == {
        "192.168.200.60": ("lan0", "c", "bound"),
        "192.168.200.70": ("lan0", "d", "bound"),
        "10.5.0.2": ("oth0", "e", "bound"),
    }


# ---------------------------------------------------------------- behind a relay agent

SUBNET = """
    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    pools = ["192.168.201.50-192.168.201.99"]
    router = "192.168.201.1"
[probe]"""


def behind_relay(site: Site) -> Switch:
    """A network behind a dnsmasq that only relays, and routes."""
    far = Switch(site.lab, "far")
    relay = add_host(site.lab, site.example.lan, "relay", address="192.168.200.9/24")
    far.attach(relay, "far0")
    relay.ip("address add 192.168.201.1/24 dev far0")
    relay.sysctl(ip_forward=1)
    site.example.beta.ip("route add 192.168.201.0/24 via 192.168.200.9")
    argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=", "--user=root"]
    relay.popen([*argv, "--dhcp-relay=192.168.201.1,192.168.200.2", "--log-facility=-"], name="relay")
    soon("the relay agent listens", lambda: ":67 " in relay.run(["ss", "-Hlun", "sport = :67"]).stdout)
    return far


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base")
def test_a_network_behind_a_relay_agent(site: Site) -> None:
    far = behind_relay(site)
    # Nobody asks for addresses that ARP does not reach.
    add_host(site.lab, far, "static", address="192.168.201.51/24")
    daemon = site.start(site.config.replace("[probe]", SUBNET))
    started = client(site, far, "c")
    lease = started.wait_lease()
    assert (lease.address, lease.server) == ("192.168.201.50", "192.168.200.2")
    assert ("10.0.0.0/24", "192.168.201.1") in lease.routes
    before = leases(daemon)["192.168.201.50"]
    assert (before["lan"], before["state"], before["hostname"]) == ("lan0", "bound", "c")
    counters = lambda: daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"]  # noqa: E731
    acknowledged = counters()["pkt4-ack-sent"]
    started.renew()  # now past the relay agent, through the router
    soon("it is renewed", lambda: counters()["pkt4-ack-sent"] > acknowledged)
    assert counters()["pkt4-nak-sent"] == 0
    assert client(site, far, "d").wait_lease().address == "192.168.201.51"
    assert client(site, site.example.lan, "e").wait_lease().address == "192.168.200.50"


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base")
def test_a_network_behind_a_relay_agent_that_changes_its_size(site: Site) -> None:
    far = behind_relay(site)
    text = site.config.replace("[probe]", SUBNET)
    smaller = text.replace("192.168.201.0/24", "192.168.201.0/25")
    daemon = site.start(text)
    assert client(site, far, "c").wait_lease().address == "192.168.201.50"
    before = daemon.get("/v1/status")[1]["config"]
    site.write(smaller)
    daemon.process.send_signal(signal.SIGHUP)
    soon("the reload is done", lambda: daemon.get("/v1/status")[1]["config"] != before)
    assert client(site, far, "d").wait_lease().address == "192.168.201.51"
    daemon.process.kill()
    daemon.process.wait()
    daemon = site.start(text)  # and back, over a restart
    assert client(site, far, "e").wait_lease().address == "192.168.201.52"
    assert {lease["hostname"] for lease in leases(daemon).values() if lease["state"] == "bound"} == {"c", "d", "e"}


# ---------------------------------------------------------------- reservations


class Named(Udhcpc):
    """udhcpc with a client identifier of its own."""

    options = ("-O", "121", "-O", "12", "-x", "0x3d:00726f6f66")


def test_reservations_by_mac_and_by_client_identifier(site: Site) -> None:
    own = (
        '[[lan.dhcp.reservation]]\n    client_id = "00:72:6f:6f:66"\n    address = "192.168.200.200"\n'
        '    hostname = "roof"\n    router = "192.168.200.7"\n[probe]'
    )
    daemon = site.start(site.config.replace("[probe]", own))
    machine: Namespace = add_host(site.lab, site.example.lan, "c")
    (site.lab.directory / "named").mkdir()
    named = Named(machine, "lan0", site.lab.directory / "named", "c", private)
    named.start()
    lease = named.wait_lease()
    assert (lease.address, ("default", "192.168.200.7") in lease.routes) == ("192.168.200.200", True)
    assert site.client("udhcpc").wait_lease().address == "192.168.200.22"
    shown = {address: (one["hostname"], one["client_id"]) for address, one in leases(daemon).items()}
    assert shown == {
        "192.168.200.200": ("roof", "00:72:6f:6f:66"),
        "192.168.200.22": ("endpoint-b", None),
    }
