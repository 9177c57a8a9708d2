"""A WireGuard interface that moves under a running routerd, and peers that change with it."""

import pytest

from routerd.lab.wireguard import Peer, Tunnel, add_peers, create_tunnel, generate_keys
from tests.net.moving import PREFIX, Moving, moving
from tests.net.site import Site

pytestmark = pytest.mark.net


def remove(tunnel: Tunnel) -> None:
    """Delete the interface, be it the kernel's or a process."""
    if tunnel.userspace is None:
        tunnel.machine.ip(f"link del {tunnel.interface}")
    else:
        tunnel.userspace.terminate()
        tunnel.userspace.wait(10)


def make_anew(net: Moving, *allowed: str) -> str:
    """The interface of the same name and key, with other AllowedIPs of Endpoint A and one more peer; that one's key."""
    example = net.example
    tunnel = create_tunnel(net.site.lab, net.beta, "b", port=51822, keys=example.tunnel_beta.keys)
    assert tunnel.interface == net.wg
    other = generate_keys().public
    endpoint_a = Peer(example.tunnel_a.keys.public, allowed, endpoint="203.0.113.1:51821")
    add_peers(tunnel, [endpoint_a, Peer(other, ["10.0.0.9/32"])])
    net.beta.ip(f"address add 10.0.0.2/24 dev {net.wg}", f"link set {net.wg} up")
    return other


def withdrawn(net: Moving, problem: str) -> None:
    """The tunnel is gone: routes are withdrawn, not forgotten, and what would go there goes nowhere."""
    net.within("the route is withdrawn", lambda: net.routes() == {PREFIX: ("withdrawn", "192.168.200.2")})
    net.within(
        "it is handed out no more", lambda: (made := net.ask(1, wait=0.5)) is not None and 121 not in made.options
    )
    assert f"unreachable {PREFIX} metric" in net.kernel()
    net.within("the problem is shown", lambda: net.shows(problem, "vpn vpn"), limit=4.0)
    net.within("the peer is down", lambda: net.peer() == "down", limit=4.0)
    assert net.daemon.get("/livez")[0] == 200


def test_the_tunnel_goes_down_and_up(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.ip(f"link set {net.wg} down")
        withdrawn(net, "interface-down")
        net.event()
        net.beta.ip(f"link set {net.wg} up")
        net.settled("up again")


def test_the_tunnel_is_made_anew_with_other_peers(site: Site) -> None:
    with moving(site) as net:
        net.event()
        remove(site.example.tunnel_beta)
        withdrawn(net, "interface-missing")
        net.event()
        other = make_anew(net, "10.0.0.1/32", "10.7.0.0/24")
        net.settled("made anew")
        net.within("the new network is offered", lambda: net.served("10.7.0.0/24"))
        assert set(net.routes()) == {PREFIX, "10.7.0.0/24"}
        assert f"10.7.0.0/24 dev {net.wg} scope link metric 121" in net.kernel()
        assert net.peer(other) == "down" or net.peer(other) in ("unknown", "never")
        peer = net.daemon.peer("endpoint-a")
        assert peer is not None
        assert set(peer["addresses"]) == {"10.0.0.1", "10.7.0.0/24"}


def test_the_tunnel_is_made_anew_at_once(site: Site) -> None:
    with moving(site) as net:
        remove(site.example.tunnel_beta)
        net.event()
        make_anew(net, "10.0.0.1/32")
        net.settled("made anew at once")


def test_peers_change_while_the_tunnel_stays(site: Site) -> None:
    with moving(site) as net:
        net.event()
        add_peers(site.example.tunnel_beta, [Peer(site.example.tunnel_a.keys.public, ["10.0.0.1/32", "10.7.0.0/24"])])
        # Nothing tells of this: it is found when the device is asked the next time.
        net.within("the new network is offered", lambda: net.served("10.7.0.0/24"))
        net.settled("with a new network", limit=3.0)
