"""Strategy auto in the running daemon: all kinds of hosts on one LAN at once, each with the address that it sees."""

import re
import subprocess
import time
from typing import Any

import pytest

from routerd.lab.dhcp_client import DhcpClient
from routerd.lab.namespace import Namespace
from routerd.system.http_client import UnixConnection
from tests.net.lan_hosts import (
    BEHIND,
    BEHIND_STRICT,
    EXPECTED,
    MASQUERADE,
    NO_ECHO,
    OWN_SUBNET,
    ROUTED,
    WITHOUT,
    LanHosts,
)
from tests.net.nat_scene import ask, serve
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

INTERVAL = 1.5
PEER, HERE = "10.0.0.1", "192.168.200.2"
DHCP, PINNED = 22, 51
_AUTO = """
  [[lan.host]]
  mac = "02:00:00:00:00:33"
  strategy = "masquerade"

[return_path]
interval = "1500ms"
timeout = "200ms"

[nat]
log_flows = true

[probe]
"""
_PICKY = """
table ip picky {
    chain input {
        type filter hook input priority 0
        ip saddr != 192.168.200.0/24 tcp dport 80 drop
    }
}
"""


class Scene(LanHosts):
    """One host of each kind; Endpoint B, which takes DHCP; one that is pinned; and a stream from A to B."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.lab, site.example.lan)
        self.site, self.a, self.b = site, site.example.a, site.example.b
        self.hosts = self.many() | {PINNED: self.host("pinned", PINNED, route=True)}
        for machine in (*self.hosts.values(), self.b):
            serve(self.lab, machine, [22, 80])
        self.daemon = site.start(self.config(routes="never"))
        self.client: DhcpClient = site.client("udhcpc")
        self.client.wait_lease()

    def config(self, routes: str = "auto", strategy: str = "auto") -> str:
        """The example's, with what the test needs."""
        text = self.site.config.replace("  pools = ", f'  routes = "{routes}"\n  pools = ')
        return text.replace("[probe]\n", _AUTO).replace("[[lan]]\n", f'[[lan]]\nstrategy = "{strategy}"\n')

    def reload(self, text: str) -> None:
        """Have another configuration taken over."""
        self.site.write(text)
        with UnixConnection(str(self.daemon.socket), 10.0) as connection:
            connection.request("POST", "/v1/reload")
            assert connection.getresponse().status == 200

    def row(self, last: int) -> dict[str, Any]:
        """What `/v1/hosts` says of one."""
        rows = self.daemon.get("/v1/hosts")[1]["hosts"]
        return next((row for row in rows if row["address"] == f"192.168.200.{last}"), {"return_path": None})

    def is_so(self, last: int, path: str, strategy: str) -> bool:
        """Has it this return path, this strategy, and is that what the rules do?"""
        row = self.row(last)
        return (row["return_path"], row.get("strategy")) == (path, strategy) and (
            (strategy == "site-gateway") == (f"192.168.200.{last} " in self.proven())
        )

    def proven(self) -> str:
        """The rules' set of hosts that are routed."""
        return self.site.example.beta.run(["nft", "list", "set", "inet", "routerd", "proven4"]).stdout

    def seen(self, *lasts: int, timeout: float = 2.0) -> dict[int, set[str]]:
        """Which addresses of A these hosts see, by TCP and UDP."""
        asked = [(kind, f"192.168.200.{last}", 80) for last in lasts for kind in ("tcp", "udp")]
        said = [each.removesuffix(" 80") for each in ask(self.a, *asked, timeout=timeout)]
        return {last: set(said[2 * at : 2 * at + 2]) for at, last in enumerate(lasts)}

    def all_as_expected(self) -> None:
        """Every kind has the state that it should have, and sees the address that follows from it."""
        found = {last: (self.row(last)["return_path"], self.row(last)["strategy"]) for last in EXPECTED}
        assert found == EXPECTED
        routed = {last for last, (_, strategy) in EXPECTED.items() if strategy == "site-gateway"}
        wanted = {last: {PEER if last in routed else HERE} for last in EXPECTED}
        assert self.seen(*EXPECTED) == wanted


class Stream:
    """An iperf3 stream from A to B, which ends only where it is cut."""

    def __init__(self, near: Namespace, far: Namespace) -> None:
        far.popen(["iperf3", "-s", "-1", "--forceflush"], name="iperf3-server")
        soon("iperf3 serves", lambda: "listening" in far.log("iperf3-server").read_text())
        self._log = near.log("iperf3")
        rate = ("-b", "4M", "-t", "120", "-i", "0.5", "--forceflush")
        self.process = near.popen(["iperf3", "-c", f"192.168.200.{DHCP}", *rate], name="iperf3")
        soon("it flows", lambda: self.rates())

    def rates(self) -> list[float]:
        """Its megabits a second, by halves of seconds."""
        return [float(rate) for rate in re.findall(r"([\d.]+) Mbits/sec", self._log.read_text())]

    def check(self) -> None:
        """It goes on, and always did."""
        assert self.process.poll() is None, self._log.read_text()
        assert "error" not in self._log.read_text()
        before = len(self.rates())
        soon("more of it has come", lambda: len(self.rates()) >= before + 2, limit=5)
        assert min(self.rates()) > 0, self._log.read_text()


def test_each_host_is_routed_as_soon_as_it_has_proven_its_way_back(site: Site) -> None:
    scene = Scene(site)
    first = scene.seen(*scene.hosts, DHCP)
    assert set.union(*first.values()) == {HERE}, "from the first second, without any proof"
    stream = Stream(scene.a, scene.b)
    for last, (path, strategy) in EXPECTED.items():
        soon(f"{last} is {path}", lambda last=last, path=path, strategy=strategy: scene.is_so(last, path, strategy))
    scene.all_as_expected()
    hop = {last: (scene.row(last)["evidence"] or {}).get("next_hop_mac") for last in EXPECTED}
    own = {last: f"02:00:00:00:00:{last:02x}" for last in (ROUTED, NO_ECHO)}
    assert {last: hop[last] for last in own} == own
    assert (hop[BEHIND], hop[BEHIND_STRICT]) == ("02:00:00:00:00:03", "02:00:00:00:00:04")
    assert (hop[WITHOUT], hop[OWN_SUBNET]) == (None, None)

    # The field's usual recipe, left in place: it neither forges a proof nor hides who it was.
    site.example.beta.nft(MASQUERADE)
    began = time.monotonic()
    gain_and_lose(scene)
    assert time.monotonic() - began > 2 * INTERVAL, "the foreign rule had its time"
    scene.all_as_expected()
    stream.check()
    pinned_and_logged(scene)
    # A service that answers its own subnet only.
    scene.hosts[ROUTED].nft(_PICKY)
    shows(scene, ROUTED, time.monotonic())
    as_site_gateway(scene)
    stream.check()
    assert "Traceback" not in site.log()
    nothing_measured(scene)


def by_dhcp(scene: Scene, routes: str) -> None:
    """B is handed the route, or has it taken away, with its next ACK."""
    scene.reload(scene.config(routes))
    scene.client.renew()


def gains(scene: Scene) -> None:
    """B is handed the route and is routed in time."""
    by_dhcp(scene, "auto")
    began = time.monotonic()
    soon("B is routed", lambda: scene.is_so(DHCP, "direct", "site-gateway"))
    assert time.monotonic() - began < 3.0, "after its ACK"
    assert scene.seen(DHCP) == {DHCP: {PEER}}


def loses(scene: Scene) -> float:
    """B has no route any more; when that was."""
    scene.b.ip("route del 10.0.0.0/24")
    return time.monotonic()


def gain_and_lose(scene: Scene) -> None:
    """B gets the route by DHCP, loses it while a flow shows it, gets it, and loses it while nothing does."""
    assert scene.row(DHCP)["return_path"] == "unknown"
    gains(scene)
    # An interval holds from the next measurement on; nothing but flows can tell of the loss then.
    scene.reload(scene.config().replace("1500ms", "30s"))
    measured = scene.row(DHCP)["evidence"]["at"]
    soon("B is measured once more", lambda: scene.row(DHCP)["evidence"]["at"] != measured)
    shows(scene, DHCP, loses(scene))
    by_dhcp(scene, "never")
    soon("B knows of no route", lambda: scene.client.routes() == {("default", "192.168.200.1")})
    gains(scene)
    begun = Begun(scene)
    began = loses(scene)
    soon("B is masqueraded", lambda: scene.is_so(DHCP, "unknown", "masquerade"))
    assert time.monotonic() - began < 2 * INTERVAL
    assert scene.seen(DHCP) == {DHCP: {HERE}}
    begun.check()


_TELL = """
import socket
conn, who = socket.create_server(("", 7007)).accept()
while conn.recv(1):
    conn.sendall(who[0].encode())
"""
_BEGIN = """
import socket, sys
tcp = socket.create_connection((sys.argv[1], 7007), 8)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect((sys.argv[1], 80))
udp.settimeout(1)
for word in sys.stdin:
    try:
        if word == "tcp\\n":
            tcp.send(b"x")
        elif word == "udp\\n":
            udp.send(b"x")
        print("" if word == "tcp\\n" else (udp if word == "udp\\n" else tcp).recv(100).decode(), flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


class Begun:
    """A connection, and datagrams, from A to B that have begun while B was routed."""

    def __init__(self, scene: Scene) -> None:
        self.b = scene.b
        self.b.popen(["python3", "-Sc", _TELL], name="tell")
        soon("B listens", lambda: ":7007" in self.b.run(["ss", "-Hltn"]).stdout)
        pipe = subprocess.PIPE
        argv = ["python3", "-Sc", _BEGIN, f"192.168.200.{DHCP}"]
        self.program = scene.a.popen(argv, name="begun", stdin=pipe, stdout=pipe)
        assert [self.say(word) for word in ("tcp", "hear", "udp")] == ["", PEER, f"{PEER} 80"]

    def say(self, word: str) -> str:
        """What comes of it: "tcp" sends a byte, "hear" waits for the answer to it, "udp" does both with a datagram."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{word}\n")
        self.program.stdin.flush()
        return str(self.program.stdout.readline()).rstrip()

    def check(self) -> None:
        """B has lost its route: the datagrams go on masqueraded, and the connection does when B has the route again."""
        # The first ones may be sent while the flows are being moved.
        soon("datagrams go on masqueraded", lambda: self.say("udp") == f"{HERE} 80", 8.0)
        assert self.say("tcp") == ""
        self.b.ip("route add 10.0.0.0/24 via 192.168.200.2")
        assert self.say("hear") == PEER
        self.b.ip("route del 10.0.0.0/24")
        self.program.terminate()


def shows(scene: Scene, last: int, began: float) -> None:
    """A connection from A has no answer, so the host is masqueraded, and that connection as well."""
    to = f"192.168.200.{last}"
    asker = scene.a.popen(["python3", "-Sc", _KNOCK, to], name=f"knock-{last}", stdout=subprocess.PIPE)
    soon(f"{last} is lan-only", lambda: scene.is_so(last, "lan-only", "masquerade"))
    assert time.monotonic() - began < 3.0
    assert asker.communicate(timeout=10)[0].split() == [HERE, "80"]


_KNOCK = """
import socket, sys
with socket.create_connection((sys.argv[1], 80), 8) as made:
    print(made.recv(100).decode())
"""


def pinned_and_logged(scene: Scene) -> None:
    """A pinned MAC wins over what is proven; masqueraded flows are in the log, with the peer's own address."""
    row = scene.row(PINNED)
    assert (row["return_path"], row["strategy"], row["pinned"]) == ("direct", "masquerade", True)
    assert scene.seen(PINNED) == {PINNED: {HERE}}
    flows = re.findall(r"nat: flow (tcp|udp) 10\.0\.0\.1:\d+ to (\S+), as (\S+):\d+", scene.site.log())
    assert ("tcp", f"192.168.200.{WITHOUT}:80", HERE) in flows
    assert ("udp", f"192.168.200.{PINNED}:80", HERE) in flows
    routed = sum(to == f"192.168.200.{ROUTED}:80" for _, to, _ in flows)
    assert routed == 2, "those of the first second, and none since"


def as_site_gateway(scene: Scene) -> None:
    """No address is changed, whoever cannot answer is named with what would mend it; a pin still holds."""
    scene.reload(scene.config(strategy="site-gateway"))

    def named() -> dict[str, Any] | None:
        rows = scene.daemon.get("/v1/problems")[1]["problems"]
        return next((row for row in rows if row["code"] == "hosts-without-way-back" and "4 more" in row["text"]), None)

    problem = soon("hosts without a way back are named", named)
    assert problem is not None
    assert "7 hosts routed" in problem["text"]
    assert f": 192.168.200.1, 192.168.200.{DHCP}, 192.168.200.{ROUTED} and 4 more" in problem["text"]
    assert "the route to the VPN" in problem["mend"]
    found = ask(scene.a, ("tcp", f"192.168.200.{WITHOUT}", 80), ("tcp", f"192.168.200.{BEHIND}", 80), timeout=0.5)
    assert found == ["TimeoutError", f"{PEER} 80"]
    assert scene.seen(PINNED) == {PINNED: {HERE}}


def nothing_measured(scene: Scene) -> None:
    """Where no host could be routed, none is measured: there is no socket for it."""
    text = scene.config(strategy="masquerade").replace('mac = "02:00:00:00:00:33"', f'address = "192.168.200.{PINNED}"')
    scene.reload(text)
    soon("all are masqueraded", lambda: set.union(*scene.seen(BEHIND, PINNED, DHCP).values()) == {HERE})
    said = scene.daemon.get("/v1/status")[1]["services"]["hosts"]
    assert (said["known"], said["packets_sent"]) == (0, {})
    rows = scene.daemon.get("/v1/hosts")[1]["hosts"]
    assert {(row["strategy"], row["return_path"]) for row in rows} == {("masquerade", "unknown")}
