"""The site of configs/vlans.toml: the example network with VLANs, Host β on a trunk.

The VLANs are real (802.1Q) where the kernel has them; else each is a cable of its own, with the same names.
"""

from routerd.lab.lab import Switch
from routerd.lab.namespace import Namespace, execute
from tests.net.site import Site

OFFICE, GUESTS, CAMERAS, WORKSHOP = 200, 220, 230, 240
VLANS = {10: OFFICE, 20: GUESTS, 30: CAMERAS}


def network(site: Site) -> dict[int, Namespace]:
    """Hosts of all networks, Host β in three of them, gw in all, and the routes that are made by hand."""
    example, lab = site.example, site.lab
    beta, gw, tunnel = example.beta, example.gw, example.tunnel_beta
    hosts = {OFFICE: example.b, **{net: lab.namespace(f"host{net}") for net in (GUESTS, CAMERAS, WORKSHOP)}}
    workshop = Switch(lab, "lan240")
    workshop.attach(gw, "lan240")
    workshop.attach(hosts[WORKSHOP], "lan0")
    gw.ip("address add 192.168.240.1/24 dev lan240")
    switches = {vlan: example.lan if net == OFFICE else Switch(lab, f"lan{net}") for vlan, net in VLANS.items()}
    for vlan, net in VLANS.items():
        if net != OFFICE:
            switches[vlan].attach(gw, f"lan{net}")
            switches[vlan].attach(hosts[net], "lan0")
            gw.ip(f"address add 192.168.{net}.1/24 dev lan{net}")
    beta.ip("link del lan0")
    _trunk(beta, switches, lab.namespace("trunk"))
    for vlan, net in VLANS.items():
        beta.ip(f"address add 192.168.{net}.2/24 dev eth0.{vlan}")
    beta.ip("route add default via 192.168.200.1")
    gw.ip("route add 10.0.0.0/24 via 192.168.200.2")
    networks = [f"192.168.{net}.0/24" for net in (OFFICE, GUESTS, CAMERAS, WORKSHOP)]
    # The cameras as well, so that it is not Endpoint A that keeps them apart.
    allowed = ",".join(["10.0.0.2/32", *networks])
    example.a.run(["wg", "set", example.tunnel_a.interface, "peer", tunnel.keys.public, "allowed-ips", allowed])
    example.a.ip(*(f"route replace {network} dev {example.tunnel_a.interface}" for network in networks))
    return hosts


def _trunk(beta: Namespace, switches: dict[int, Switch], trunk: Namespace) -> None:
    """Host β's interfaces eth0.VLAN, each in its network: over one tagged cable, or over a cable each."""
    beta.ip(f"link add eth0 type veth peer name trunk netns {trunk.name}", "link set eth0 up")
    trunk.ip("link set trunk up")
    for vlan, switch in switches.items():
        if not _tagged(beta, "eth0", vlan):
            switch.attach(beta, f"eth0.{vlan}")
            continue
        assert _tagged(trunk, "trunk", vlan)
        trunk.ip(f"link set trunk.{vlan} netns {switch.namespace.name}")
        switch.namespace.ip(f"link set trunk.{vlan} master br0 up")
        beta.ip(f"link set eth0.{vlan} up")


def _tagged(machine: Namespace, cable: str, vlan: int) -> bool:
    words = f"link add link {cable} name {cable}.{vlan} type vlan id {vlan}".split()
    return execute(["ip", "-n", machine.name, *words]).returncode == 0
