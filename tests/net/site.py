"""The example network with routerd on Host β, for tests: configuration text, hostile datagrams, what is left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from routerd.lab.config import beta_config
from routerd.lab.daemon import Daemon, start_daemon
from routerd.lab.dhcp_client import DhcpClient, start_client
from routerd.lab.example import Example, example_network
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from routerd.lab.waiting import wait_for

T = TypeVar("T")

_BLAST = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, 25, b"lan0\\0")
s.bind(("0.0.0.0", int(sys.argv[1])))
for line in sys.stdin:
    s.sendto(bytes.fromhex(line.strip()), ("255.255.255.255", 67))
"""


class Site:
    """The example network in a lab, and routerd on its Host β whenever it was started."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.example: Example = example_network(lab)
        self.daemon: Daemon | None = None

    @property
    def config(self) -> str:
        """The example's configuration text, with `authoritative` set: no test waits for answers of other servers."""
        return at_once(self.plain)

    @property
    def plain(self) -> str:
        """The example's configuration text as it is: the LAN is asked for other DHCP servers before it is served."""
        tunnel = self.example.tunnel_beta
        return beta_config(self.lab.directory, tunnel.interface, self.example.tunnel_a.keys.public)

    def write(self, text: str | None = None) -> Path:
        """Write the configuration (default: the example's) to its file."""
        path = self.lab.directory / "routerd.toml"
        path.write_text(self.config if text is None else text)
        return path

    def start(self, text: str | None = None, *, ready: bool = True) -> Daemon:
        """Start routerd on Host β, and wait until it is ready."""
        self.daemon = start_daemon(self.example.beta, self.write(text), self.lab.directory / "routerd.sock")
        if ready:
            self.daemon.wait_ready()
        return self.daemon

    def client(self, name: str | None = None) -> DhcpClient:
        """Start a DHCP client on Endpoint B."""
        return start_client(self.lab, self.example.b, client=name, hostname="endpoint-b")

    def log(self) -> str:
        """What routerd has said."""
        return self.example.beta.log("routerd").read_text()


def at_once(text: str) -> str:
    """The configuration so that DHCP is served without the question for other servers, which takes half a second."""
    return text.replace("  [lan.dhcp]\n", "  [lan.dhcp]\n  authoritative = true\n")


def blast(machine: Namespace, datagrams: list[bytes], *, port: int = 68) -> None:
    """Broadcast these datagrams to UDP port 67 from a machine of the LAN, with or without an address."""
    machine.ip("route replace default dev lan0 scope link metric 4000")
    machine.run(
        ["python3", "-c", _BLAST, str(port)], input="\n".join(datagram.hex() for datagram in datagrams if datagram)
    )
    machine.ip("route del default dev lan0 metric 4000")


def soon(what: str, probe: Callable[[], T], limit: float = 30.0) -> T:
    """What `probe` says as soon as it is true."""
    return wait_for(what, probe, limit=limit)
