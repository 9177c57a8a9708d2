"""NetworkManager with its own DHCP client: a bus of its own, private /run, /etc and /var/lib, and /sys read-only."""

from routerd.lab.clients.bus import PROGRAMS, with_bus
from routerd.lab.clients.client import DhcpClient
from routerd.lab.lease import Lease, parse_network_manager

_CONFIG = """\
[main]
plugins=keyfile
dhcp=internal
dns=none
[connectivity]
enabled=false
"""
_CONNECTION = """\
[connection]
id=lab
uuid=00000000-0000-4000-8000-000000000022
type=ethernet
interface-name={interface}
[ipv4]
method=auto
[ipv6]
method=disabled
"""


class NetworkManager(DhcpClient):
    """NetworkManager with one connection. It never releases, and it has no command that only renews."""

    name = "NetworkManager"
    program = "NetworkManager"
    needs = (("NetworkManager", "network-manager"), ("nmcli", "network-manager"), *PROGRAMS)
    prepare = """
rm -rf /etc/NetworkManager
mount --bind "$dir/leases" /var/lib
mkdir -p /var/lib/NetworkManager
mount -o remount,bind,ro /sys
"""

    def command(self) -> list[str]:
        """NetworkManager; `--debug` only keeps its log on standard error."""
        etc = self.directory / "etc"
        connections = etc / "NetworkManager/system-connections"
        connections.mkdir(parents=True, exist_ok=True)
        (etc / "NetworkManager/NetworkManager.conf").write_text(_CONFIG)
        connection = connections / "lab.nmconnection"
        connection.write_text(_CONNECTION.format(interface=self.interface))
        connection.chmod(0o600)
        return with_bus(etc, ["NetworkManager", "--debug", "--log-level=INFO"])

    def lease(self) -> Lease | None:
        """What it shows of its DHCP client."""
        if not self.running():
            return None
        show = ["nmcli", "-t", "-f", "DHCP4", "device", "show", self.interface]
        return parse_network_manager(self.inside(show, check=False))

    def renew(self) -> None:
        """Activates the connection again, which asks for the address that it has (INIT-REBOOT)."""
        self.inside(["nmcli", "connection", "up", "lab"])

    def release(self) -> None:
        """Deactivates the connection: address and routes go, but no release is sent."""
        self.inside(["nmcli", "connection", "down", "lab"])
