"""The example network with a second LAN at Host β, and routerd there with alias addresses for its peers."""

import signal
import sys
from typing import Any

from routerd.lab.daemon import Daemon
from routerd.lab.example import add_endpoint, add_host
from routerd.lab.lab import Lab, Switch
from tests.net.nat_scene import Question, ask, serve
from tests.net.own import Own
from tests.net.site import Site, at_once, soon

ALIAS = "192.168.200.201"
POOL = [f"192.168.200.{n}" for n in range(210, 214)]
_LAN = f"""interface = "lan0"
alias_pool = "{POOL[0]}-{POOL[-1]}"
  [[lan.alias]]
  address = "{ALIAS}"
  peer = "endpoint-a"
"""
_REST = """
[[lan]]
interface = "lan1"

[return_path]
interval = "1s"
timeout = "300ms"

[probe]"""
_PROBE = """
import socket, sys
mac, target = bytes.fromhex("0200000000ee"), socket.inet_aton(sys.argv[1])
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0608 if sys.byteorder == "little" else 0x0806) as asked:
    asked.bind(("lan0", 0x0806))
    asked.settimeout(float(sys.argv[2]))
    asked.sendto(bytes((0, 1, 8, 0, 6, 4, 0, 1)) + mac + bytes(10) + target, ("lan0", 0x0806, 0, 0, b"\\xff" * 6))
    try:
        while (said := asked.recv(64))[6:8] != b"\\0\\2" or said[14:18] != target:
            pass
        print(said[8:14].hex(":"))
    except TimeoutError:
        print("nobody")
"""


class Aliased(Own):
    """b is on the first LAN, c on the second one; x is a peer 10.0.0.3 that the configuration does not name.

    `other` is a machine of the first LAN that takes addresses which are not its own.
    """

    def __init__(self, lab: Lab) -> None:
        super().__init__(Site(lab))
        example = self.site.example
        self.a, self.b = example.a, example.b
        self.b.ip("address add 192.168.200.22/24 dev lan0")
        second = Switch(lab, "second")
        second.attach(self.beta, "lan1")
        self.beta.ip("address add 192.168.201.2/24 dev lan1", "address add 192.168.200.3/24 dev lan0")
        self.c = add_host(lab, second, "c", address="192.168.201.23/24")
        self.c.ip("route add default via 192.168.201.2")
        self.other = add_host(lab, example.lan, "other", mac="02:00:00:00:00:99", address="192.168.200.24/24")
        self.x, self.tunnel_x = add_endpoint(lab, example, "x", number=3, suffix="x")
        for machine in (self.a, self.b, self.x):
            serve(lab, machine, [80])
        text = at_once(self.text).replace('interval = "1s"', 'interval = "300ms"').replace("500ms", "200ms")
        self.plain = text.replace("\n[probe]", _REST)
        self.text = self.plain.replace('interface = "lan0"\n', _LAN, 1)
        self.daemon: Daemon | None = None

    def begin(self, text: str | None = None) -> None:
        """Start routerd, and wait until it is ready."""
        self.daemon = self.start(text=text)

    def ready(self) -> None:
        """See to it that the daemon runs, and that the alias stands for its peer."""
        if self.daemon is None or self.daemon.process.poll() is not None:
            self.begin()
        self.other.run(["ip", "address", "del", f"{ALIAS}/24", "dev", "lan0"], check=False)
        self.wait("active")

    def reload(self, text: str) -> None:
        """Have the daemon read this configuration."""
        assert self.daemon is not None
        self.config.write_text(text)
        self.daemon.process.send_signal(signal.SIGHUP)

    def rows(self) -> dict[str, dict[str, Any]]:
        """What `/v1/status` says of every alias, by its address."""
        assert self.daemon is not None
        body = self.daemon.get("/v1/status")[1]
        found = body["services"]["aliases"]["aliases"] if isinstance(body, dict) else []
        return {row["address"]: row for row in found}

    def state_of(self, address: str = ALIAS) -> str:
        """The state of an alias; "" where there is none."""
        return str(self.rows().get(address, {}).get("state", ""))

    def wait(self, state: str, address: str = ALIAS) -> None:
        """Wait until the alias is in this state."""
        soon(f"{address} is {state}", lambda: self.state_of(address) == state, limit=15.0)

    def chosen(self) -> str:
        """The address of the pool that the peer x has, as soon as it is answered for."""
        found = soon("x has an address", lambda: [at for at, row in self.rows().items() if row["pool"]])
        self.wait("active", found[0])
        return str(found[0])

    def problems(self) -> dict[str, str]:
        """The texts of the problems of aliases by code."""
        assert self.daemon is not None
        found = self.daemon.get("/v1/problems")[1]["problems"]
        return {row["code"]: row["text"] for row in found if row["code"].startswith("alias")}

    def ask(self, *questions: Question, at: str = ALIAS, timeout: float = 2.0) -> list[str]:
        """What b hears from port 80 of the alias by TCP and UDP: the address that the peer saw."""
        wanted = questions or (("tcp", at, 80), ("udp", at, 80))
        return [said.split()[0] for said in ask(self.b, *wanted, timeout=timeout)]

    def kernel(self, address: str = ALIAS) -> set[str]:
        """What of an alias is in the kernel: neighbour, route, rules."""
        found = {
            "neighbour": ["ip", "neighbour", "show", "proxy"],
            "route": ["ip", "route", "show", "proto", "121"],
            "rules": ["nft", "list", "ruleset"],
        }
        return {name for name, words in found.items() if f"{address} " in self.beta.run(words).stdout}

    def probe(self, address: str = ALIAS, seconds: float = 2.0) -> str:
        """The MAC of who answers an ARP probe for the address, or "nobody"."""
        return self.b.run([sys.executable, "-Sc", _PROBE, address, str(seconds)]).stdout.strip()

    def mac(self) -> str:
        """The MAC of Host β on the LAN."""
        return self.beta.run(["cat", "/sys/class/net/lan0/address"]).stdout.strip()
