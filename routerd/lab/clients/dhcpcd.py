"""dhcpcd with Debian's own configuration and hooks."""

import signal
import subprocess

from routerd.dhcp.message import decode_message
from routerd.lab.clients.client import DhcpClient
from routerd.lab.lease import Lease, from_message
from routerd.lab.waiting import wait_for
from routerd.wire import WireError


class Dhcpcd(DhcpClient):
    """dhcpcd, IPv4 only."""

    name = "dhcpcd"
    program = "dhcpcd"
    needs = (("dhcpcd", "dhcpcd-base"),)
    prepare = 'mount --bind "$dir/leases" /var/lib/dhcpcd'

    def command(self) -> list[str]:
        """dhcpcd in the foreground, without the seconds that it waits by chance and for other owners of the address."""
        return ["dhcpcd", "-B", "-4", "-d", "--nodelay", "--noarp", "-h", self.hostname, self.interface]

    def lease(self) -> Lease | None:
        """The server's answer, which dhcpcd keeps as it is."""
        file = self.directory / f"leases/{self.interface}.lease"
        try:
            return from_message(decode_message(file.read_bytes()))
        except (FileNotFoundError, WireError):  # it is written in place
            return None

    def renew(self) -> None:
        """SIGUSR1, as `dhcpcd -N` sends it."""
        self.process.send_signal(signal.SIGUSR1)

    def release(self) -> None:
        """SIGALRM, as `dhcpcd -k` sends it; the client ends."""
        self._end(signal.SIGALRM)

    def stop(self) -> None:
        """SIGTERM; address and routes stay, as Debian configures it (`persistent`)."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        # It loses signals that come while it renews.
        def ended() -> bool:
            self.process.send_signal(number)
            try:
                return self.process.wait(0.5) is not None
            except subprocess.TimeoutExpired:
                return False

        wait_for(f"dhcpcd ends after {number.name}", ended, limit=5)
