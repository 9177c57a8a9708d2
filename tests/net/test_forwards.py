"""Port forwards of the running daemon, with the address that the far side sees, while all around them changes."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.lab.example import LAN
from routerd.lab.lab import Lab
from routerd.lab.wireguard import Peer, add_peers
from routerd.nat.listing import parse
from tests.net.forward_scene import SECOND, Forwarding, said
from tests.net.nat_scene import ask
from tests.net.site import soon

pytestmark = pytest.mark.net

B, BETA = "192.168.200.22", "10.0.0.2"
_ALL6 = "/proc/sys/net/ipv6/conf/all/forwarding"
_CONF6 = "grep -H . /proc/sys/net/ipv6/conf/*/*forwarding | grep -v /mc_"

_TALK = """
import socket, sys
with socket.create_connection(("192.168.200.2", 20001), 2) as connection:
    connection.settimeout(10)
    print("connected", flush=True)
    for line in sys.stdin:
        connection.sendall(line.encode())
        print(connection.recv(100).decode().strip(), flush=True)
"""
_REPEAT = """
import socket, sys, time
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.settimeout(0.1)
made.connect(("192.168.200.2", 8080))
begun = time.monotonic()
while time.monotonic() < begun + float(sys.argv[1]):
    made.send(b"who")
    try:
        print(made.recv(100).decode().split()[0], round(time.monotonic() - begun, 2))
        break
    except TimeoutError:
        print("nothing")
"""


@pytest.fixture(scope="module")
def scene() -> Iterator[Forwarding]:
    with Lab() as lab:
        made = Forwarding(lab)
        made.allow_site()
        made.start()
        yield made


def test_hosts_keep_their_address_where_the_peer_answers_all_lans(scene: Forwarding) -> None:
    scene.allow_site()
    scene.turn(B)
    own = {"b": said(B), "c": said("192.168.201.23"), "beta": said("192.168.200.2")}
    assert scene.asked() == own
    # At another LAN's address as well.
    assert ask(scene.c, ("tcp", "192.168.200.2", 8080)) == ["192.168.201.23 80"]
    scene.allow()
    assert scene.turn(BETA) < 4.0
    assert scene.asked() == {"b": said(BETA), "c": said(BETA), "beta": said(BETA)}
    # One of the LANs is not enough, nor is this machine's own address on the other one.
    scene.allow(LAN, "192.168.201.2/32")
    soon("that was measured", scene.measured())
    assert scene.seen() == BETA
    scene.allow_site()
    scene.turn(B)
    assert scene.asked() == own


def test_a_connection_goes_on_while_the_peer_goes_and_the_rules_are_flushed(scene: Forwarding) -> None:
    example = scene.example
    scene.allow_site()
    scene.turn(B)
    talk = Talk(scene)
    assert talk.says("one") == "one"
    example.cut_tunnel()
    assert scene.seen(timeout=0.2) == "TimeoutError"
    soon("the peer is down", lambda: scene.state() == "down")
    soon("it was asked again", scene.measured())
    example.restore_tunnel()
    soon("the peer is up", lambda: scene.state() == "up")
    assert talk.says("two") == "two"
    # Nobody took its silence for a lost way back.
    assert scene.seen(timeout=4.0) == B
    assert scene.asked()["c"] == said("192.168.201.23")
    example.beta.nft("flush ruleset")
    begun = time.monotonic()
    soon("the rules are back", lambda: "forward_ports4" in scene.rules())
    assert time.monotonic() - begun < 1.0
    assert talk.says("three") == "three"
    assert scene.asked() == {"b": said(B), "c": said("192.168.201.23"), "beta": said("192.168.200.2")}
    talk.ends()


@pytest.mark.long
def test_a_host_in_a_gap_of_the_allowed_ips_is_hidden_within_3_seconds_and_as_long_as_it_is_in_it(
    scene: Forwarding,
) -> None:
    """This machine's own address and the LAN's last one are answered, and the host's is not."""
    scene.allow_site()
    scene.turn(B)
    scene.allow("192.168.200.2/32", "192.168.200.128/25", SECOND)
    # A client that repeats its question, as all do that use UDP.
    first, *_, address, when = _asks(scene, 3.5)
    assert (first, address) == ("nothing", BETA)
    assert float(when) < 3.0
    soon("it was measured again", scene.measured())
    assert scene.kept() == 0
    assert scene.seen() == BETA
    scene.allow_site()
    scene.turn(B)


def test_ipv6_is_forwarded_by_the_interfaces_of_routerd_alone(scene: Forwarding) -> None:
    example = scene.example
    _give_ipv6(scene)
    before = example.beta.run(["sh", "-c", _CONF6]).stdout
    second = '[[lan]]\ninterface = "lan1"\n'
    forward = '[[lan.forward]]\nlisten = "8086/tcp"\nto = "[fd00:10::1]:80"\n'
    scene.reload(scene.config.replace(second, forward + second))
    alone = "force_forwarding" in before
    if not alone:
        soon("it is told", lambda: [x for x in scene.problems() if "this machine does not forward IPv6" in x])
        example.beta.run(["sh", "-c", f"echo 1 > {_ALL6}"])
    soon("the peer answers", lambda: ask(example.b, ("tcp", "fd00:1::2", 8086)) == ["fd00:10::2 80"])
    assert not [x for x in scene.problems() if "IPv6" in x]
    if alone:
        # Nothing else, and the machine is no router to others: it still believes advertisements.
        now = {*example.beta.run(["sh", "-c", _CONF6]).stdout.split()} - {*before.split()}
        own = ("lan0", example.tunnel_beta.interface)
        assert now == {f"/proc/sys/net/ipv6/conf/{name}/force_forwarding:1" for name in own}
    scene.reload(scene.config)
    tunnel = example.tunnel_beta.interface
    example.beta.ip("address delete fd00:1::2/64 dev lan0", f"address delete fd00:10::2/64 dev {tunnel}")
    add_peers(example.tunnel_beta, [Peer(example.tunnel_a.keys.public, ["10.0.0.1/32"])])
    if not alone:
        example.beta.run(["sh", "-c", f"echo 0 > {_ALL6}"])
    soon("all is as before", lambda: example.beta.run(["sh", "-c", _CONF6]).stdout == before)
    soon("nothing of IPv6 is left", lambda: "fd00:" not in scene.rules())


def test_what_cannot_be_is_refused_as_a_whole(scene: Forwarding) -> None:
    assert scene.daemon is not None
    scene.allow_site()
    scene.turn(B)
    soon("the service that loses its port is named", lambda: [x for x in scene.problems() if "8088/tcp" in x])
    (text,) = [x for x in scene.problems() if "8088/tcp" in x]
    assert re.search(r"python3? \(process \d+\) on this machine listens at port 8088 too", text), text
    before = parse(scene.rules()).digest
    wrong = (
        '[[lan.forward]]\nlisten = "8090/tcp"\nto = "nobody:80"\n'
        '[[lan.forward]]\nlisten = "19000-20000/tcp"\nto = "endpoint-a:1"\n'
    )
    text = scene.config.replace('[[lan]]\ninterface = "lan1"\n', f'[[lan]]\ninterface = "lan1"\n{wrong}')
    text = text.replace('name = "vpn"\n', 'name = "vpn"\nprefixes = ["10.0.0.0/24"]\nmap_to = "10.9.0.0/16"\n')
    path = scene.write(text)
    done = scene.example.beta.run([sys.executable, "-m", "routerd", "check", "--config", path], check=False)
    assert done.returncode == 2
    for part in (
        f'lan[0].forward[4].listen: "8088/tcp": must not take port 8088, which {Path(sys.executable).name} (process ',
        'lan[1].forward[0].to: "nobody:80": has no peer of this name',
        'lan[1].forward[1].listen: "19000-20000/tcp": must not overlap lan[0].forward[2].listen (20000-20999/tcp)',
        'vpn[0].map_to: "10.9.0.0/16": must be of the same size',
    ):
        assert part in done.stderr, done.stderr
    scene.daemon.process.send_signal(signal.SIGHUP)
    soon("it is refused", lambda: [x for x in scene.problems() if x.startswith("config: ")])
    assert parse(scene.rules()).digest == before
    assert scene.asked()["b"] == said(B)
    scene.reload(scene.config)
    soon("the right one is taken over", lambda: not [x for x in scene.problems() if x.startswith("config: ")])


def _give_ipv6(scene: Forwarding) -> None:
    """The tunnel and the first LAN have IPv6 as well."""
    example = scene.example
    tunnel = example.tunnel_beta.interface
    example.a.ip(f"address add fd00:10::1/128 dev {example.tunnel_a.interface}")
    example.a.ip(f"route add fd00:10::2/128 dev {example.tunnel_a.interface}")
    example.beta.ip(f"address add fd00:10::2/64 dev {tunnel}", "address add fd00:1::2/64 dev lan0 nodad")
    example.b.ip("address add fd00:1::22/64 dev lan0 nodad")
    scene.allow(LAN, SECOND, "fd00:10::2/128")
    add_peers(example.tunnel_beta, [Peer(example.tunnel_a.keys.public, ["10.0.0.1/32", "fd00:10::1/128"])])


class Talk:
    """A connection of b through a forward."""

    def __init__(self, scene: Forwarding) -> None:
        out = scene.lab.directory / "talk.out"
        with out.open("w") as file:
            self._program = scene.example.b.popen(
                [sys.executable, "-Sc", _TALK], name="talk", stdin=subprocess.PIPE, stdout=file
            )
        self._out = out
        soon("it is connected", lambda: "connected" in self._lines())

    def says(self, text: str) -> str:
        """What the peer's echo of this is."""
        assert self._program.stdin is not None
        count = len(self._lines())
        self._program.stdin.write(f"{text}\n")
        self._program.stdin.flush()
        soon(f"{text} was answered", lambda: len(self._lines()) > count, limit=10.0)
        return self._lines()[-1]

    def ends(self) -> None:
        """Close it."""
        assert self._program.stdin is not None
        self._program.stdin.close()
        assert self._program.wait(5) == 0

    def _lines(self) -> list[str]:
        return self._out.read_text().split()


def _asks(scene: Forwarding, seconds: float) -> list[str]:
    """What b hears, asking by UDP from one port every 0.1 s until it is answered; last how long that took."""
    done = scene.example.b.run([sys.executable, "-Sc", _REPEAT, str(seconds)])
    return done.stdout.split()
