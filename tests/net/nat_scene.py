"""A peer, Host β with an interface wg0 towards it, and hosts of a LAN, for tests of what the rules do to packets.

The way to the peer is a plain cable: what is tested is translation, and nothing in it knows WireGuard.
"""

import json
import sys
from collections.abc import Iterable
from ipaddress import ip_address

from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from routerd.nat.proofs import Held
from routerd.nat.ruleset import rules, transaction
from routerd.nat_part import NatPart, Strategy
from tests.net.site import soon

Question = tuple[str, str, int]
"""Protocol, address, port."""

# Answers every datagram and every connection with the address that it came from, and the port that it came to.
_SERVE = """
import json, selectors, socket, sys
ready = selectors.DefaultSelector()
for port in json.loads(sys.argv[1]):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        made = socket.socket(socket.AF_INET6, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        ready.register(made, selectors.EVENT_READ, (kind, port))
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        kind, port = key.data
        if kind == socket.SOCK_STREAM:
            conn, who = key.fileobj.accept()
        else:
            _, who = key.fileobj.recvfrom(2000)
        said = (who[0].removeprefix("::ffff:") + " " + str(port)).encode()
        if kind == socket.SOCK_STREAM:
            conn.sendall(said)
            conn.close()
        else:
            key.fileobj.sendto(said, who)
"""
_ASK = """
import json, socket, sys
found = []
for kind, to, port, source in json.loads(sys.argv[1]):
    made = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET,
                         socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    made.settimeout(float(sys.argv[2]))
    try:
        if source:
            made.bind((source, 0))
        made.connect((to, port))
        if kind == "udp":
            made.send(b"who")
        found.append(made.recv(100).decode())
    except OSError as error:
        found.append(type(error).__name__)
print(json.dumps(found))
"""
_WAY = """
for key in all/rp_filter default/rp_filter all/send_redirects; do echo 0 > /proc/sys/net/ipv4/conf/$key; done
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
"""


class Scene:
    """a: the peer 10.0.0.1. beta: 10.0.0.2 and 192.168.200.2. b: 192.168.200.22 with the route; c: .23 without."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.lan = Switch(lab, "lan")
        self.beta, self.a = lab.namespace("beta"), lab.namespace("a")
        self.b, self.c = lab.namespace("b"), lab.namespace("c")
        for machine, last in ((self.beta, 2), (self.b, 22), (self.c, 23)):
            self.lan.attach(machine, "lan0", mac=f"02:00:00:00:00:{last:02x}")
            machine.ip(f"address add 192.168.200.{last}/24 dev lan0", f"address add fd00:1::{last}/64 dev lan0 nodad")
        self.beta.ip(f"link add wg0 type veth peer name wg0 netns {self.a.name}", "link set wg0 up")
        self.beta.ip("address add 10.0.0.2/24 dev wg0", "address add fd00:9::2/64 dev wg0 nodad")
        self.a.ip("link set wg0 up", "address add 10.0.0.1/24 dev wg0", "address add fd00:9::1/64 dev wg0 nodad")
        self.a.ip("route add 192.168.200.0/24 via 10.0.0.2", "route add fd00:1::/64 via fd00:9::2")
        self.b.ip("route add 10.0.0.0/24 via 192.168.200.2", "route add fd00:9::/64 via fd00:1::2")
        self.beta.run(["sh", "-ec", _WAY])

    def load(self, part: NatPart, *proven: str) -> None:
        """Put the part's rules in place at Host β, with these hosts of lan0 proven."""
        held: Held = {("lan0", ip_address(host)): (Strategy.SITE_GATEWAY, 60.0) for host in proven}
        self.beta.nft(transaction(part, rules(part), held, {}))

    def serve(self, machine: Namespace, ports: Iterable[int]) -> None:
        """As `serve`."""
        serve(self.lab, machine, ports)

    @staticmethod
    def ask(machine: Namespace, *questions: Question, source: str = "", timeout: float = 2.0) -> list[str]:
        """As `ask`."""
        return ask(machine, *questions, source=source, timeout=timeout)


def serve(lab: Lab, machine: Namespace, ports: Iterable[int]) -> None:
    """Start a server on TCP and UDP that says who asked, and at which port."""
    name = f"serve-{machine.role}"
    out = (lab.directory / f"{name}.out").open("w")
    with out:
        machine.popen([sys.executable, "-Sc", _SERVE, json.dumps(list(ports))], name=name, stdout=out)
    soon(f"{name} is ready", lambda: "ready" in (lab.directory / f"{name}.out").read_text())


def ask(machine: Namespace, *questions: Question, source: str = "", timeout: float = 2.0) -> list[str]:
    """What servers say to (protocol, address, port) from this machine; the error's name where nothing came."""
    rows = json.dumps([(*question, source) for question in questions])
    said: list[str] = json.loads(machine.run([sys.executable, "-Sc", _ASK, rows, str(timeout)]).stdout)
    return said
