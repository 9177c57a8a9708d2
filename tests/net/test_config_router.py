"""The files of configs/ for routerd on the site's router (gw), as they are: WireGuard on it, and on another machine."""

import pytest

from routerd.lab.dhcp_client import start_client
from routerd.lab.example import LAN, add_host
from routerd.lab.talk import tcp_talk
from routerd.lab.wireguard import Peer, add_peers, create_tunnel
from tests.net.config_scene import ConfigRun, fine, rename, seen
from tests.net.nat_scene import ask, serve
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

A, B, GW = "10.0.0.1", "192.168.200.22", "192.168.200.1"
DEFAULT, VPN = ("default", GW), ("10.0.0.0/24", "192.168.200.2")


def test_router_is_the_wireguard_host(site: Site) -> None:
    example, gw = site.example, site.example.gw
    fixed = add_host(site.lab, example.lan, "fixed", address="192.168.200.41/24")
    fixed.ip(f"route add default via {GW}")
    other = add_host(site.lab, example.lan, "other", address="192.168.200.42/24")
    tunnel = create_tunnel(site.lab, gw, "g", port=51823)
    gw.ip(f"address add 10.0.0.2/24 dev {tunnel.interface}", f"link set {tunnel.interface} up")
    rename(gw, "lan0", "eth0")
    add_peers(tunnel, [Peer(example.tunnel_a.keys.public, ["10.0.0.1/32"])])
    run = ConfigRun(site.lab, gw, "router-is-the-wireguard-host.toml", tunnel=tunnel.interface)
    # The keys of a peer that is added last have its AllowedIPs.
    own = Peer(tunnel.keys.public, ["10.0.0.2/32", LAN], endpoint="203.0.113.2:51823", keepalive=25)
    add_peers(example.tunnel_a, [own])
    daemon = run.start()
    b = start_client(site.lab, example.b)
    assert (b.wait_lease().address, b.routes()) == (B, {DEFAULT})
    (route,) = daemon.get("/v1/routes")[1]["routes"]
    assert route["state"] == "not-needed"
    for host, address in ((example.b, B), (fixed, "192.168.200.41")):
        assert tcp_talk(host, example.a, A).source == address
        seen(example.a, host, address, A)
    assert tcp_talk(example.a, other, "192.168.200.42").source == GW
    # The Internet sees gw, as before: the masquerading of gw's own is limited to wan.
    example.a.ip("address add 203.0.113.77/24 dev wan")
    assert tcp_talk(example.b, example.a, "203.0.113.77").source == "203.0.113.2"
    fine(daemon)


def test_gateway_elsewhere(site: Site) -> None:
    example, gw = site.example, site.example.gw
    plain = add_host(site.lab, example.lan, "plain", mac="02:00:00:00:00:33")
    example.beta.sysctl(ip_forward=1)
    rename(gw, "lan0", "eth0")
    serve(site.lab, example.a, [80])
    run = ConfigRun(site.lab, gw, "gateway-elsewhere.toml")
    daemon = run.start()
    b, other = start_client(site.lab, example.b), start_client(site.lab, plain, client="udhcpc-plain")
    assert (b.wait_lease().address, b.routes()) == (B, {DEFAULT, VPN})
    leased = other.wait_lease().address
    assert other.routes() == {DEFAULT}
    for host, address in ((example.b, B), (plain, leased)):
        assert tcp_talk(host, example.a, A).source == address
        assert tcp_talk(example.a, host, address).source == A
    assert ask(example.b, ("tcp", GW, 8080)) == [f"{GW} 80"]
    soon("the peer is reached", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    fine(daemon)
