"""routerd on the site's router, WireGuard on another box: who may come with an address of the VPN."""

import pytest

from routerd.lab.daemon import start_daemon
from routerd.nat.listing import parse
from tests.net.nat_scene import Question, ask, serve
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_CONFIG = """
[[vpn]]
name = "vpn"
gateways = ["192.168.200.2"]
prefixes = ["10.0.0.0/24"]
  [[vpn.peer]]
  name = "endpoint-a"
  address = "10.0.0.1"

[[lan]]
interface = "lan0"
  [[lan.forward]]
  listen = "8080/tcp"
  to = "endpoint-a:80"

[http]
listen = ["unix:{directory}/routerd.sock"]

[leases]
store = "sqlite:{directory}/leases.db"
"""


def test_only_the_gateway_may_come_with_an_address_of_the_vpn(site: Site) -> None:
    example, directory = site.example, site.lab.directory
    example.beta.sysctl(ip_forward=1)
    example.b.ip("address add 192.168.200.22/24 dev lan0", "address add 10.0.0.77/32 dev lan0")
    serve(site.lab, example.gw, [7000])
    serve(site.lab, example.a, [80])
    config = directory / "routerd.toml"
    config.write_text(_CONFIG.format(directory=directory))
    daemon = start_daemon(example.gw, config, directory / "routerd.sock")
    daemon.wait_ready()
    gw, mac = "192.168.200.1", _mac(site)
    soon("the gateway's link-layer address is in the rules", lambda: f"ether saddr != {mac}" in _rules(site))
    both: list[Question] = [("tcp", gw, 7000), ("udp", gw, 7000)]
    assert ask(example.a, *both) == ["10.0.0.1 7000"] * 2
    assert ask(example.b, *both, source="192.168.200.22") == ["192.168.200.22 7000"] * 2
    assert _spoofed(site) == 0
    assert ask(example.b, both[1], source="10.0.0.77", timeout=0.3) == ["TimeoutError"]
    assert _spoofed(site) == 1
    # The forward is masqueraded here: answers to the host itself would go past this machine.
    assert ask(example.b, ("tcp", gw, 8080), source="192.168.200.22") == ["192.168.200.1 80"]
    # Another machine takes the gateway's place, and says so.
    example.beta.sysctl(conf__lan0__arp_notify=1)
    example.beta.ip("link set lan0 address 02:00:00:00:00:99")
    soon("the gateway has another address", lambda: ask(example.a, both[1], timeout=0.2) == ["10.0.0.1 7000"])
    soon("which is in the rules", lambda: "ether saddr != 02:00:00:00:00:99" in _rules(site))
    assert ask(example.b, both[1], source="10.0.0.77", timeout=0.3) == ["TimeoutError"]


def _mac(site: Site) -> str:
    return site.example.beta.run(["cat", "/sys/class/net/lan0/address"]).stdout.strip()


def _rules(site: Site) -> str:
    return site.example.gw.run(["nft", "list", "table", "inet", "routerd"], check=False).stdout


def _spoofed(site: Site) -> int:
    return parse(_rules(site)).counted["spoofed"][0]
