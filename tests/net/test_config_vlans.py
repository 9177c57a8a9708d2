"""configs/vlans.toml as it is, on Host β: each VLAN as the head of the file promises."""

import shutil
from dataclasses import dataclass

import pytest

from routerd.lab.dhcp_client import DhcpClient, start_client
from routerd.lab.namespace import Namespace
from routerd.lab.talk import tcp_talk
from tests.net.config_scene import CONFIGS, ConfigRun, fine, seen
from tests.net.nat_scene import ask, serve
from tests.net.site import Site
from tests.net.test_rivals_lan import dnsmasq
from tests.net.vlan_scene import CAMERAS, GUESTS, OFFICE, WORKSHOP, network

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base"),
]

A, BETA, VPN = "10.0.0.1", "192.168.200.2", "10.0.0.0/24"


@dataclass(frozen=True)
class Place:
    """A host of one network, and what it was leased."""

    host: Namespace
    client: DhcpClient
    address: str


def test_vlans(site: Site) -> None:
    example = site.example
    hosts = network(site)
    serve(site.lab, example.a, [80])
    dnsmasq(site, example.gw, "--interface=lan240,lan0", "--dhcp-relay=192.168.240.1,192.168.200.2")
    run = ConfigRun(site.lab, example.beta, "vlans.toml", tunnel=example.tunnel_beta.interface)
    example.beta.nft(_firewall())
    daemon = run.start()
    # 121 is asked for by all of them.
    clients = {net: start_client(site.lab, host, client="udhcpc") for net, host in hosts.items()}
    places = {net: Place(hosts[net], each, each.wait_lease().address) for net, each in clients.items()}
    told = {net: {gateway for prefix, gateway in one.client.routes() if prefix == VPN} for net, one in places.items()}
    assert told == {OFFICE: {BETA}, GUESTS: set(), CAMERAS: set(), WORKSHOP: {"192.168.240.1"}}
    assert all(place.address.startswith(f"192.168.{net}.") for net, place in places.items())
    for net in (OFFICE, WORKSHOP):
        assert tcp_talk(places[net].host, example.a, A).source == places[net].address
        seen(example.a, places[net].host, places[net].address, A)
    guest = places[GUESTS]
    assert tcp_talk(example.a, guest.host, guest.address).source == "192.168.220.2"
    for net in (GUESTS, CAMERAS):
        assert ask(places[net].host, ("tcp", A, 80), timeout=0.3)[0].endswith("Error")
    camera = places[CAMERAS]
    serve(site.lab, camera.host, [8000])
    assert ask(example.a, ("tcp", camera.address, 8000), timeout=0.3)[0].endswith("Error")
    assert guest.address in run.command("leases", "--lan", "eth0.20").stdout
    fine(daemon, "foreign-drop")


def _firewall() -> str:
    """The rules in the head of the file, word for word."""
    lines = (CONFIGS / "vlans.toml").read_text(encoding="utf-8").splitlines()
    at = lines.index("#     table inet apart {")
    return "\n".join(line.removeprefix("#") for line in lines[at : lines.index("#     }", at) + 1]) + "\n"
