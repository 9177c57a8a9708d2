"""VLANs of the kernel (802.1Q): configs/vlans.toml on a trunk, with interfaces that have a dot in their names."""

from routerd.lab.dhcp_client import start_client
from routerd.lab.lab import Lab
from routerd.lab.talk import tcp_talk
from tests.net.config_scene import ConfigRun
from tests.net.site import Site
from tests.net.vlan_scene import CAMERAS, GUESTS, OFFICE, network


def test_each_vlan_is_served_in_its_own_way(lab: Lab, patience: None) -> None:
    site = Site(lab)
    hosts, beta = network(site), site.example.beta
    assert "802.1Q id 10" in beta.run(["ip", "-d", "link", "show", "eth0.10"]).stdout
    run = ConfigRun(lab, beta, "vlans.toml", tunnel=site.example.tunnel_beta.interface)
    daemon = run.start()
    clients = {net: start_client(lab, hosts[net], client="udhcpc") for net in (OFFICE, GUESTS, CAMERAS)}
    addresses = {net: client.wait_lease().address for net, client in clients.items()}
    for net, client in clients.items():
        told = {("10.0.0.0/24", "192.168.200.2")} if net == OFFICE else set()
        assert addresses[net].startswith(f"192.168.{net}.")
        assert client.routes() == {("default", f"192.168.{net}.1"), *told}
    a, guest = site.example.a, addresses[GUESTS]
    assert tcp_talk(hosts[OFFICE], a, "10.0.0.1", timeout=30.0).source == addresses[OFFICE]
    assert tcp_talk(a, hosts[GUESTS], guest, timeout=30.0).source == "192.168.220.2"
    assert daemon.get("/v1/problems", timeout=30.0)[1] == {"problems": []}
    assert daemon.stop() == 0
