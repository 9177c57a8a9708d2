"""The files of configs/ for sites with Host β on the LAN, as they are: both directions, as their heads promise."""

import shutil

import pytest

from routerd.lab.dhcp_client import start_client
from routerd.lab.example import add_endpoint, add_host
from routerd.lab.talk import tcp_talk
from tests.net.config_scene import ConfigRun, fine, rename, seen
from tests.net.nat_scene import ask, serve
from tests.net.site import Site, soon
from tests.net.test_rivals_lan import dnsmasq

pytestmark = pytest.mark.net

A, B, BETA = "10.0.0.1", "192.168.200.22", "192.168.200.2"
SERVER, ALIAS = "192.168.200.41", "192.168.200.201"
POOL = ("--dhcp-range=192.168.200.20,192.168.200.30,1h", "--dhcp-authoritative")
DEFAULT, VPN = ("default", "192.168.200.1"), ("10.0.0.0/24", BETA)


def on_beta(site: Site, name: str) -> ConfigRun:
    """The file on Host β of the example network."""
    rename(site.example.beta, "lan0", "eth0")
    site.example.beta.ip("route add default via 192.168.200.1")
    return ConfigRun(site.lab, site.example.beta, name, tunnel=site.example.tunnel_beta.interface)


def test_minimal(site: Site) -> None:
    example = site.example
    daemon = on_beta(site, "minimal.toml").start()
    b = start_client(site.lab, example.b)
    leased = b.wait_lease().address
    assert b.routes() == {DEFAULT, VPN}
    assert tcp_talk(example.b, example.a, A).source == leased
    seen(example.a, example.b, leased, A)
    fine(daemon)


def test_dhcp_on_the_wireguard_host(site: Site) -> None:
    example = site.example
    phone = add_host(site.lab, example.lan, "phone", mac="02:00:00:00:00:33")
    serve(site.lab, example.a, [80])
    run = on_beta(site, "dhcp-on-the-wireguard-host.toml")
    daemon = run.start()
    b, other = start_client(site.lab, example.b), start_client(site.lab, phone, client="udhcpc-plain")
    assert (b.wait_lease().address, b.routes()) == (B, {DEFAULT, VPN})
    leased = other.wait_lease().address
    assert (leased.startswith("192.168.200."), other.routes()) == (True, {DEFAULT})
    assert tcp_talk(example.b, example.a, A).source == B
    seen(example.a, example.b, B, A)
    assert tcp_talk(example.a, phone, leased).source == BETA
    soon("the phone reaches the forward", lambda: ask(phone, ("tcp", BETA, 8080)) == [f"{leased} 80"])
    assert ask(phone, ("tcp", A, 80), timeout=0.2) != [f"{leased} 80"]
    assert "endpoint-b" in run.command("leases").stdout
    fine(daemon)


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base")
def test_beside_a_fixed_router(site: Site) -> None:
    example = site.example
    server = add_host(site.lab, example.lan, "server", address=f"{SERVER}/24")
    server.ip("route add 10.0.0.0/24 via 192.168.200.2")
    hosts = ((example.b, B), (server, SERVER))
    peer, _ = add_endpoint(site.lab, example, "c", number=3, suffix="c")
    serve(site.lab, example.a, [80])
    dnsmasq(site, example.gw, "--interface=lan0", "--no-ping", f"--dhcp-host=02:00:00:00:00:22,{B}", *POOL)
    run = on_beta(site, "beside-a-fixed-router.toml")
    daemon = run.start()
    b = start_client(site.lab, example.b)
    assert (b.wait_lease().server, b.routes()) == ("192.168.200.1", {DEFAULT})
    # Another peer, which has no alias address.
    assert [tcp_talk(peer, example.b, B).source for _ in range(2)] == [BETA] * 2
    at = [("tcp", ALIAS, 80), ("udp", ALIAS, 80), ("tcp", BETA, 8080)]
    soon("Endpoint A sees the host", lambda: ask(example.b, *at) == [f"{B} 80"] * 3)
    example.b.run(["ping", "-c", "1", "-W", "2", ALIAS])
    assert [tcp_talk(example.a, host, address).source for host, address in hosts] == [ALIAS] * 2
    assert tcp_talk(server, peer, "10.0.0.3").source == SERVER
    seen(peer, server, SERVER, "10.0.0.3")
    assert ALIAS in run.command("status").stdout
    fine(daemon)
