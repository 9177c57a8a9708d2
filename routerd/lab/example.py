"""The example network: two sites of one WireGuard network, as all examples and tests use it.

Endpoint A  203.0.113.1 ──┬── 203.0.113.2  gw  192.168.200.1 ──┬── 192.168.200.2   Host β (WireGuard 10.0.0.2)
(WireGuard 10.0.0.1)      │                                    └── 192.168.200.22  Endpoint B (by DHCP)
                         net                                  lan
"""

from dataclasses import dataclass

from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from routerd.lab.wireguard import Peer, Tunnel, add_peers, create_tunnel, generate_keys

LAN = "192.168.200.0/24"
ENDPOINT_B_MAC = "02:00:00:00:00:22"
ENDPOINT_B_ADDRESS = "192.168.200.22"

_NAT = """
table ip lab {
    chain prerouting {
        type nat hook prerouting priority dstnat
        iifname "wan" udp dport 51822 dnat to 192.168.200.2
    }
    chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "wan" masquerade
    }
}
"""


@dataclass(frozen=True, slots=True)
class Example:
    """The example network that was built: its machines, switches and tunnels."""

    lab: Lab
    net: Switch
    lan: Switch
    a: Namespace
    gw: Namespace
    beta: Namespace
    b: Namespace
    tunnel_a: Tunnel
    tunnel_beta: Tunnel

    @property
    def wireguard(self) -> str:
        """What carries WireGuard here, in words."""
        return "the kernel" if self.tunnel_a.userspace is None else "wireguard-go"

    def cut_tunnel(self) -> None:
        """Pulls the cable between Endpoint A and the Internet."""
        self.net.namespace.cut(self.net.port(self.a))

    def restore_tunnel(self) -> None:
        """Plugs that cable in again."""
        self.net.namespace.restore(self.net.port(self.a))


def example_network(lab: Lab) -> Example:
    """Builds the example network: all is up, Endpoint B has no address yet, and routerd does not run yet."""
    net, lan = Switch(lab, "net"), Switch(lab, "lan")
    gw = _gateway(lab, net, lan)
    beta, tunnel_beta = _site_host(lab, lan)
    b = add_host(lab, lan, "b", mac=ENDPOINT_B_MAC)
    # A comes last: its first handshake is sent at once, and repeated only five seconds later.
    a, tunnel_a = _endpoint(lab, net, tunnel_beta)
    return Example(lab, net, lan, a, gw, beta, b, tunnel_a, tunnel_beta)


def add_host(lab: Lab, lan: Switch, role: str, *, mac: str | None = None, address: str | None = None) -> Namespace:
    """Puts another machine on a LAN; its interface is `lan0`. `address` has a prefix length; None: it takes DHCP."""
    machine = lab.namespace(role)
    lan.attach(machine, "lan0", mac=mac)
    if address is not None:
        machine.ip(f"address add {address} dev lan0")
    return machine


def add_endpoint(lab: Lab, example: Example, role: str, *, number: int, suffix: str) -> tuple[Namespace, Tunnel]:
    """Adds another peer of Host β like Endpoint A: 203.0.113.`number` on the Internet, 10.0.0.`number` in the VPN."""
    return _endpoint(lab, example.net, example.tunnel_beta, role=role, number=number, suffix=suffix)


def _gateway(lab: Lab, net: Switch, lan: Switch) -> Namespace:
    gw = lab.namespace("gw")
    net.attach(gw, "wan")
    lan.attach(gw, "lan0")
    gw.ip("address add 203.0.113.2/24 dev wan", "address add 192.168.200.1/24 dev lan0")
    gw.sysctl(ip_forward=1)
    gw.nft(_NAT)
    return gw


def _site_host(lab: Lab, lan: Switch) -> tuple[Namespace, Tunnel]:
    beta = add_host(lab, lan, "beta", address="192.168.200.2/24")
    tunnel = create_tunnel(lab, beta, "b", port=51822)
    beta.ip(
        "route add default via 192.168.200.1",
        f"address add 10.0.0.2/24 dev {tunnel.interface}",
        f"link set {tunnel.interface} up",
    )
    return beta, tunnel


def _endpoint(
    lab: Lab, net: Switch, beta: Tunnel, *, role: str = "a", number: int = 1, suffix: str = "a"
) -> tuple[Namespace, Tunnel]:
    machine, keys = lab.namespace(role), generate_keys()
    net.attach(machine, "wan")
    tunnel = create_tunnel(lab, machine, suffix, port=51821, keys=keys)
    machine.ip(
        f"address add 203.0.113.{number}/24 dev wan",
        f"address add 10.0.0.{number}/32 dev {tunnel.interface}",
        f"link set {tunnel.interface} up",
        f"route add 10.0.0.2/32 dev {tunnel.interface}",
        f"route add {LAN} dev {tunnel.interface}",
    )
    add_peers(beta, [Peer(keys.public, [f"10.0.0.{number}/32"])])
    site = Peer(beta.keys.public, ["10.0.0.2/32", LAN], endpoint="203.0.113.2:51822", keepalive=25)
    add_peers(tunnel, [site])
    return machine, tunnel
