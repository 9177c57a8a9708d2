"""What every DHCP client of the lab can do, whichever program it is."""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from routerd.lab.errors import LabError
from routerd.lab.lease import Lease
from routerd.lab.namespace import Namespace
from routerd.lab.waiting import wait_for

Private = Callable[[Path, str, Sequence[str], str], list[str]]
"""Makes the command line that runs another one apart from the machine: directory, host name, argv, preparation."""


class DhcpClient(ABC):
    """One client on one interface. `lease` reads what it has now; `wait_lease` waits until that is applied."""

    name: ClassVar[str]
    needs: ClassVar[Sequence[tuple[str, str]]]
    """The programs that it is made of ("|" between two of which one is enough), each with Debian's package."""
    program: ClassVar[str]
    """What the process is called once it is the client itself."""
    prepare: ClassVar[str | None] = ""
    """Shell text for its own mount namespace; None: it touches nothing of the machine and needs none."""

    process: subprocess.Popen[str]

    def __init__(self, machine: Namespace, interface: str, directory: Path, hostname: str, private: Private) -> None:
        self.machine = machine
        self.interface = interface
        self.directory = directory
        self.hostname = hostname
        self.log = machine.log(f"{self.name}-{machine.role}")
        self._private = private
        self._said = 0

    def start(self) -> None:
        """Starts the client; what it kept of an earlier run is found again."""
        self._said = self.log.stat().st_size if self.log.exists() else 0
        argv = self.command()
        if self.prepare is not None:
            argv = self._private(self.directory, self.hostname, argv, self.prepare)
        self.process = self.machine.popen(argv, name=self.log.stem)

    @abstractmethod
    def command(self) -> list[str]:
        """Writes the files that the client needs and returns its command line."""

    @abstractmethod
    def lease(self) -> Lease | None:
        """The newest lease, or None while there is none."""

    @abstractmethod
    def renew(self) -> None:
        """Asks for the lease anew, now, in the way that this client has for it; the answer comes later."""

    @abstractmethod
    def release(self) -> None:
        """Has the client give up its lease in the way that it has for it."""

    def applied(self, lease: Lease) -> bool:
        """True when the kernel has the address and the routes of `lease`."""
        return lease.address in self.addresses() and set(lease.routes) <= self.routes()

    def wait_lease(self, limit: float = 15.0) -> Lease:
        """The lease, as soon as its address is set and its routes were added."""

        def bound() -> Lease | None:
            if self.process.poll() is not None:
                raise LabError(f"{self.name} ended with exit {self.process.returncode}")
            lease = self.lease()
            return lease if lease is not None and self.applied(lease) else None

        return wait_for(f"{self.name} on {self.machine.role} has a lease", bound, limit=limit)

    def stop(self) -> None:
        """Ends the client; most leave address and routes, systemd-networkd takes them back."""
        self.process.terminate()
        self.process.wait(5)

    def addresses(self) -> set[str]:
        """The IPv4 addresses that the kernel has on the interface."""
        shown = json.loads(self.machine.run(["ip", "-j", "-4", "address", "show", "dev", self.interface]).stdout)
        return {info["local"] for link in shown for info in link.get("addr_info", ())}

    def routes(self) -> set[tuple[str, str]]:
        """The routes by way of a gateway that the kernel has on the interface, as a lease has them."""
        shown = json.loads(self.machine.run(["ip", "-j", "-4", "route", "show", "dev", self.interface]).stdout)
        return {(_prefix(route["dst"]), route["gateway"]) for route in shown if "gateway" in route}

    def running(self) -> bool:
        """True when the process is the client itself, and no longer what prepares its surroundings."""
        try:
            return Path(f"/proc/{self.process.pid}/comm").read_text().strip() == self.program[:15]
        except OSError:
            return False

    def inside(self, argv: Sequence[str], *, check: bool = True) -> str:
        """What a command says that runs where the client runs, with the client's own files."""
        enter = ["nsenter", "-t", str(self.process.pid), "-m", "-u", "--", *argv]
        return self.machine.run(enter, check=check).stdout

    def said(self) -> str:
        """What the client said since it was started last."""
        return self.log.read_bytes()[self._said :].decode(errors="replace")


def _prefix(destination: str) -> str:
    return destination if destination == "default" or "/" in destination else f"{destination}/32"
