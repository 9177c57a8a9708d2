"""systemd-networkd and NetworkManager with the settings that are shipped, and without: whose routes do they remove?"""

import os
from pathlib import Path

import pytest

from routerd.lab.clients.client import DhcpClient
from routerd.lab.clients.network_manager import NetworkManager
from routerd.lab.clients.networkd import Networkd
from routerd.lab.dhcp_client import missing, private
from routerd.lab.lab import Lab
from tests.net.site import soon

pytestmark = pytest.mark.net

CHECKOUT = Path(__file__).resolve().parents[2]
_NETWORK = "[Match]\nName=lan0\n[Network]\nAddress=192.168.200.1/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
_CONNECTION = """\
[connection]
id=lab
uuid=00000000-0000-4000-8000-000000000022
type=ethernet
interface-name=lan0
[ipv4]
method=manual
address1=192.168.200.1/24
[ipv6]
method=disabled
"""
_ROUTES = ("10.0.0.0/24 via 192.168.200.2 dev lan0 proto 121", "unreachable 10.0.0.0/24 proto 121 metric 4294967295")
_RULE = "7777"


class StaticNetworkd(Networkd):
    """With an address of its own, and the drop-in if it is `shipped`."""

    shipped = False

    def command(self) -> list[str]:
        argv = super().command()
        systemd = self.directory / "etc/systemd"
        (systemd / "network/10-lab.network").write_text(_NETWORK)
        if self.shipped:
            (systemd / "networkd.conf.d").mkdir()
            text = (CHECKOUT / "packaging/systemd/networkd.conf").read_text()
            (systemd / "networkd.conf.d/50-routerd.conf").write_text(text)
        return ["env", "SYSTEMD_LOG_LEVEL=debug", *argv]

    def configured(self) -> int:
        """How often it has configured the interface."""
        return self.said().count("lan0: State changed: configuring -> configured")

    def reconfigure(self) -> None:
        """Have it configure the interface anew."""
        before = self.configured()
        self.inside(["networkctl", "reconfigure", "lan0"])
        soon("it has configured the interface", lambda: self.configured() > before)


class StaticNetworkManager(NetworkManager):
    """With an address of its own; interfaces that are given to it as unmanaged are other programs'."""

    def command(self) -> list[str]:
        argv = super().command()
        manager = self.directory / "etc/NetworkManager"
        (manager / "system-connections/lab.nmconnection").write_text(_CONNECTION)
        (manager / "conf.d").mkdir()
        text = (CHECKOUT / "packaging/NetworkManager.conf").read_text()
        (manager / "conf.d/50-routerd.conf").write_text(text)
        return argv


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = CHECKOUT / ".cache/network-manager/usr"
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{unpacked}/sbin:{unpacked}/bin")


def start(lab: Lab, kind: type[DhcpClient]) -> DhcpClient:
    """A router whose LAN this manager has configured, with routes and a rule as routerd makes them."""
    if packages := missing(kind.name):
        pytest.skip(f"{kind.name} is not installed: {', '.join(packages)}")
    gateway = lab.namespace("gw")
    gateway.ip("link add lan0 type veth peer name other0", "link set other0 up")
    gateway.ip("link add wg0 type veth peer name other1", "address add 10.9.9.1/24 dev wg0", "link set wg0 up")
    directory = lab.directory / kind.name
    directory.mkdir()
    client = kind(gateway, "lan0", directory, "gw", private)
    client.start()
    soon("the address is set", lambda: "192.168.200.1" in client.addresses())
    gateway.ip(*(f"route add {route}" for route in _ROUTES), f"rule add pref {_RULE} from 10.0.0.0/24 lookup main")
    return client


def kept(client: DhcpClient) -> list[bool]:
    """Which of the routes, and the rule, are still there."""
    routes = [" ".join(line.split()) for line in client.machine.run(["ip", "-4", "route"]).stdout.splitlines()]
    return [*(route in routes for route in _ROUTES), f"{_RULE}:" in client.machine.run(["ip", "rule"]).stdout]


@pytest.mark.parametrize("shipped", [False, True], ids=["by default", "with the drop-in"])
def test_networkd(lab: Lab, monkeypatch: pytest.MonkeyPatch, shipped: bool) -> None:
    monkeypatch.setattr(StaticNetworkd, "shipped", shipped)
    client = start(lab, StaticNetworkd)
    assert kept(client) == [True] * 3
    assert isinstance(client, StaticNetworkd)
    client.reconfigure()
    # The first one goes in any case: networkd sets the address anew, and the kernel drops what needs it.
    assert kept(client) == [False, shipped, shipped]
    client.stop()


def test_network_manager_removes_only_its_own(lab: Lab) -> None:
    client = start(lab, StaticNetworkManager)
    soon("it is done", lambda: "lan0:connected" in client.inside(["nmcli", "-t", "-f", "DEVICE,STATE", "device"]))
    assert "wg0:unmanaged" in client.inside(["nmcli", "-t", "-f", "DEVICE,STATE", "device"])
    client.inside(["nmcli", "connection", "modify", "lab", "+ipv4.routes", "10.66.0.0/16 192.168.200.3"])
    client.inside(["nmcli", "device", "reapply", "lan0"])
    soon("its own route is there", lambda: "10.66.0.0/16" in client.machine.run(["ip", "route"]).stdout)
    assert kept(client) == [True] * 3
    client.inside(["nmcli", "connection", "modify", "lab", "-ipv4.routes", "10.66.0.0/16 192.168.200.3"])
    client.inside(["nmcli", "device", "reapply", "lan0"])
    soon("its own route is gone", lambda: "10.66.0.0/16" not in client.machine.run(["ip", "route"]).stdout)
    assert kept(client) == [True] * 3
    # A connection that is activated anew loses its address for a moment, and with it what the kernel hangs on that.
    client.inside(["nmcli", "connection", "up", "lab"])
    soon("the address is back", lambda: "192.168.200.1" in client.addresses())
    assert kept(client) == [False, True, True]
    client.stop()
