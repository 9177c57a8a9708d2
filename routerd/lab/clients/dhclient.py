"""ISC dhclient with Debian's own script and hooks."""

from routerd.lab.clients.client import DhcpClient
from routerd.lab.lease import Lease, parse_dhclient


class Dhclient(DhcpClient):
    """dhclient. It takes routes only when it binds, so asking anew means to start again (INIT-REBOOT)."""

    name = "dhclient"
    program = "dhclient"
    needs = (("dhclient", "isc-dhcp-client"),)

    def command(self) -> list[str]:
        """dhclient in the foreground; its leases are kept in `directory`."""
        return ["dhclient", "-d", "-v", self.interface]

    def lease(self) -> Lease | None:
        """The last lease in its file."""
        file = self.directory / "leases/dhclient.leases"
        return parse_dhclient(file.read_text(errors="replace")) if file.exists() else None

    def applied(self, lease: Lease) -> bool:
        """True when it said "bound to": then its script, and so the hook that adds the routes, is done."""
        return "bound to" in self.said()

    def renew(self) -> None:
        """Ends it without a release and starts it again."""
        self.stop()
        self.start()

    def release(self) -> None:
        """`dhclient -r`: releases, takes the address away and ends the running one."""
        self.inside(["dhclient", "-r", self.interface])
        self.process.wait(5)
