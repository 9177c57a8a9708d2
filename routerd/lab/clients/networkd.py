"""systemd-networkd without systemd: a bus of its own, a private /run, and /sys read-only, so that it asks no udev."""

from routerd.lab.clients.bus import PROGRAMS, with_bus
from routerd.lab.clients.client import DhcpClient
from routerd.lab.lease import Lease, parse_networkd

_PROGRAM = "/lib/systemd/systemd-networkd"
_NETWORK = """\
[Match]
Name={interface}
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


class Networkd(DhcpClient):
    """systemd-networkd with one .network file that says `DHCP=ipv4`."""

    name = "systemd-networkd"
    program = "systemd-networkd"
    needs = ((_PROGRAM, "systemd"), ("networkctl", "systemd"), *PROGRAMS)
    # Its client identifier comes from the machine identifier, which a container may lack.
    prepare = """
rm -rf /etc/systemd/network
[ -s /etc/machine-id ] || echo 22222222222222222222222222222222 > /etc/machine-id
mount -o remount,bind,ro /sys
"""

    def command(self) -> list[str]:
        """systemd-networkd; it drops to its own user by itself."""
        etc = self.directory / "etc"
        (etc / "systemd/network").mkdir(parents=True, exist_ok=True)
        (etc / "systemd/network/10-lab.network").write_text(_NETWORK.format(interface=self.interface))
        return with_bus(etc, [_PROGRAM])

    def lease(self) -> Lease | None:
        """Its lease file, which is private to systemd and the same in all versions so far."""
        if not self.running():
            return None
        found = self.inside(["sh", "-c", "cat /run/systemd/netif/leases/[0-9]*"], check=False)
        return parse_networkd(found)

    def renew(self) -> None:
        """`networkctl renew`."""
        self.inside(["networkctl", "renew", self.interface])

    def release(self) -> None:
        """Ends it: it releases when it stops, and takes address and routes away."""
        self.stop()
