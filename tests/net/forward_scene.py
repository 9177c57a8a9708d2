"""The example network with a second LAN at Host β, and routerd there with port forwards to Endpoint A."""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from routerd.lab.daemon import Daemon
from routerd.lab.example import LAN, add_host
from routerd.lab.lab import Lab, Switch
from routerd.lab.wireguard import Peer, add_peers
from tests.net.nat_scene import Question, ask, serve
from tests.net.site import Site, soon

SECOND = "192.168.201.0/24"
FORWARDS = """
  [[lan.forward]]
  listen = "8080/tcp"
  to = "endpoint-a:80"
  [[lan.forward]]
  listen = "8080/udp"
  to = "endpoint-a:80"
  [[lan.forward]]
  listen = "20000-20999/tcp"
  to = "endpoint-a:20000"
  [[lan.forward]]
  listen = "30000-30999/udp"
  to = "endpoint-a:20000"
  [[lan.forward]]
  listen = "8088/tcp"
  to = "endpoint-a:80"
"""
_REST = """
[[lan]]
interface = "lan1"

[return_path]
interval = "1s"
timeout = "600ms"

[probe]"""
_ECHO = """
import socket
with socket.create_server(("", 20001)) as server:
    while True:
        connection, _ = server.accept()
        while data := connection.recv(100):
            connection.sendall(data)
"""
PORTS = (80, 20000, 20567, 20999)


class Forwarding(Site):
    """b is on the first LAN, c on the second one; neither has a route to the VPN. Host β itself serves port 8088."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        example = self.example
        example.b.ip("address add 192.168.200.22/24 dev lan0")
        second = Switch(lab, "second")
        second.attach(example.beta, "lan1")
        example.beta.ip("address add 192.168.201.2/24 dev lan1")
        self.c = add_host(lab, second, "c", address="192.168.201.23/24")
        self.c.ip("route add default via 192.168.201.2")
        example.a.ip(f"route add {SECOND} dev {example.tunnel_a.interface}")
        serve(lab, example.a, PORTS)
        example.a.popen([sys.executable, "-Sc", _ECHO], name="echo")
        serve(lab, example.beta, [8088])

    @property
    def config(self) -> str:
        """The example's, with forwards."""
        text = super().config.replace('interval = "1s"', 'interval = "300ms"').replace("500ms", "200ms")
        return text.replace("\n[probe]", FORWARDS + _REST)

    def allow(self, *networks: str) -> None:
        """What Endpoint A's AllowedIPs for Host β are, beside Host β's own address."""
        key = self.example.tunnel_beta.keys.public
        add_peers(self.example.tunnel_a, [Peer(key, ["10.0.0.2/32", *networks])])

    def allow_site(self) -> None:
        """They hold both LANs."""
        self.allow(LAN, SECOND)

    def asked(self) -> dict[str, list[str]]:
        """What Endpoint A sees of b, of c (at both LANs' addresses) and of Host β, at every forward."""
        here, other = everywhere("192.168.200.2"), everywhere("192.168.201.2")
        return {
            "b": ask(self.example.b, *here),
            "c": ask(self.c, *other),
            "beta": ask(self.example.beta, *here),
        }

    def seen(self, *question: Question, timeout: float = 2.0) -> str:
        """The address that Endpoint A sees of b."""
        (said,) = ask(self.example.b, *question or (("tcp", "192.168.200.2", 8080),), timeout=timeout)
        return said.split()[0]

    def turn(self, wanted: str) -> float:
        """How long it takes until Endpoint A sees b with this address."""
        begun = time.monotonic()
        soon(f"Endpoint A sees {wanted}", lambda: self.seen(timeout=4.0) == wanted, limit=10.0)
        return time.monotonic() - begun

    def kept(self) -> int:
        """For how many targets hosts keep their address."""
        return int(self._status()["kept"])

    def measured(self) -> Callable[[], bool]:
        """Says, from now on, whether the targets were asked twice more."""
        before = self._status()["packets_sent"]["vpn"]
        # Each time 2 ports from 5 addresses, some of which have to be asked from again.
        return lambda: self._status()["packets_sent"]["vpn"] >= before + 30

    def state(self) -> str:
        """The peer's state."""
        assert isinstance(self.daemon, Daemon)
        return str((self.daemon.peer("endpoint-a") or {}).get("state"))

    def rules(self) -> str:
        """The table of rules."""
        return self.example.beta.run(["nft", "list", "table", "inet", "routerd"], check=False).stdout

    def reload(self, text: str) -> None:
        """Have the daemon read this configuration."""
        assert self.daemon is not None
        self.write(text)
        self.daemon.process.send_signal(signal.SIGHUP)

    def _status(self) -> dict[str, Any]:
        assert isinstance(self.daemon, Daemon)
        found: dict[str, Any] = self.daemon.get("/v1/status")[1]["services"]["kept"]
        return found

    def problems(self) -> list[str]:
        """The texts of the problems that the daemon has."""
        assert isinstance(self.daemon, Daemon)
        return [row["text"] for row in self.daemon.get("/v1/problems")[1]["problems"]]


def everywhere(at: str) -> Sequence[Question]:
    """Questions at each forward: single ports, and the ends and the middle of both ranges."""
    tcp: list[Question] = [("tcp", at, port) for port in (8080, 20000, 20567, 20999)]
    return (*tcp, *(("udp", at, port) for port in (8080, 30000, 30567, 30999)))


def said(address: str) -> list[str]:
    """What Endpoint A answers to `everywhere` if it sees this address."""
    return [f"{address} {port}" for port in (*PORTS, *PORTS)]
