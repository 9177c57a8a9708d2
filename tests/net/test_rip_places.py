"""RIP on a gateway whose WireGuard host is another machine: next hops, other RIP daemons, links that come and go."""

import json
import sys
from collections.abc import Iterator

import pytest

from routerd.lab.daemon import Daemon, start_daemon
from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from tests.net.rip_routers import MISSING, Bird, Frr
from tests.net.rip_scene import RipScene, bird_text, ripd_text
from tests.net.site import soon

pytestmark = [pytest.mark.net, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]

VPN, VPN6 = "10.0.0.0/24", "fd00:10::/64"
BETA, BETA6, SHARED = "192.168.200.9", "fe80::9", "192.168.200.3"
_CONFIG = """
[[vpn]]
name = "vpn"
gateways = ["{beta}"]
prefixes = ["{vpn}"]
  [[vpn.peer]]
  name = "endpoint-a"
  address = "10.0.0.1"
  probe = "none"
[[lan]]
interface = "lan0"
{lan}
"""
_RIP = """
[lan.rip]
{rip}
versions = ["v2", "ng"]
update_interval = "1s"
ng_prefixes = ["{vpn6}"]
ng_gateway = "{beta6}"
"""
_HTTP = """
[http]
listen = ["unix:{directory}/routerd.sock"]
[leases]
store = "sqlite:{directory}/leases.db"
"""


class Place:
    """Routers on one LAN, and BIRD on 192.168.200.6, which is to learn the VPN's route."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.lan = Switch(lab, "lan")
        self.gw = self.machine("gw", 1)
        self.bird = Bird(lab, self.machine("r2", 6), bird_text())

    def machine(self, role: str, last: int) -> Namespace:
        """Another machine on the LAN."""
        made = self.lab.namespace(role)
        self.lan.attach(made, "lan0")
        made.ip(f"address add 192.168.200.{last}/24 dev lan0", "link add inner0 type veth peer name inner1")
        made.ip("link set inner0 up", "link set inner1 up")
        return made

    def config(self, machine: Namespace, lan: str = "", rip: str | None = "") -> str:
        """The configuration of routerd there, with lines of the LAN and of its RIP; None: without RIP."""
        words = {"beta": BETA, "vpn": VPN, "vpn6": VPN6, "beta6": BETA6, "directory": self.lab.directory / machine.role}
        return (_CONFIG + ("" if rip is None else _RIP) + _HTTP).format(lan=lan, rip=rip, **words)

    def start(self, machine: Namespace, lan: str = "") -> Daemon:
        """Start routerd there."""
        directory = self.lab.directory / machine.role
        directory.mkdir(exist_ok=True)
        config = directory / "routerd.toml"
        config.write_text(self.config(machine, lan))
        return start_daemon(machine, config, directory / "routerd.sock")

    def learned(self) -> bool:
        """Has BIRD both routes, straight through the WireGuard host?"""
        return self.bird.routes().get(VPN) == BETA and self.bird.routes(6).get(VPN6) == BETA6


@pytest.fixture
def place() -> Iterator[Place]:
    """The LAN with BIRD running."""
    with Lab() as lab:
        made = Place(lab)
        made.bird.start()
        yield made


def problems(daemon: Daemon) -> dict[str, str]:
    """The texts of all problems by their codes."""
    status, body = daemon.get("/v1/problems")
    return {one["code"]: one["text"] for one in body["problems"]} if status == 200 else {}


def speaks(daemon: Daemon) -> bool:
    """Is RIPv2 spoken?"""
    status, body = daemon.get("/v1/status")
    speakers = body["services"]["rip"]["speakers"] if status == 200 else ()
    return any(one["speaking"] for one in speakers if one["version"] == "v2")


def announced(daemon: Daemon) -> set[int]:
    """How many routes RIPv2 is said to announce."""
    speakers = daemon.get("/v1/status")[1]["services"]["rip"]["speakers"]
    return {one["announced"] for one in speakers if one["version"] == "v2"}


def ripd(place: Place, interface: str) -> Frr:
    """FRR on the machine of routerd, with RIP on this interface."""
    frr = Frr(place.lab, place.gw, {"ripd": ripd_text().replace("lan0", interface)})
    frr.start()
    index = place.gw.run(["cat", f"/sys/class/net/{interface}/ifindex"]).stdout.strip()

    def joined() -> bool:
        lines = place.gw.run(["cat", "/proc/net/igmp"]).stdout.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{index}\t"))
        below = []
        for line in lines[at + 1 :]:
            if not line[0].isspace():
                break
            below.append(line)
        return any("090000E0" in line for line in below)

    soon("ripd is in the group", joined)
    return frr


@pytest.mark.long
def test_a_lan_of_another_rip_daemon_is_left_to_it(place: Place) -> None:
    frr = ripd(place, "lan0")
    daemon = place.start(place.gw)
    soon("it says so", lambda: "ripd (process " in problems(daemon).get("rip-other-daemon", ""))
    assert not speaks(daemon)
    assert place.bird.routes().get(VPN) is None
    assert "rip lan0 v2" in daemon.get("/readyz")[1]
    frr.stop("ripd")
    soon("routerd takes over", place.learned)
    soon("the problem is over", lambda: problems(daemon) == {})
    frr.start("ripd")
    soon("it says who has come", lambda: "rip-other-beside" in problems(daemon))
    assert place.learned()
    assert daemon.stop() == 0


def test_the_port_is_shared_with_a_daemon_of_another_lan(place: Place) -> None:
    place.gw.ip("address add 192.168.77.1/24 dev inner0")
    ripd(place, "inner0")
    daemon = place.start(place.gw)
    soon("routers learn", place.learned)
    assert problems(daemon) == {}


def test_a_link_that_went_is_spoken_on_again_when_it_comes_back(place: Place) -> None:
    daemon = place.start(place.gw)
    soon("routers learn", place.learned)
    port = place.lan.port(place.gw)
    for how in ("down", "anew"):
        if how == "down":
            place.gw.cut("lan0")
        else:
            place.lan.namespace.ip(f"link del {port}")
        place.bird.forget()
        if how == "down":
            place.gw.restore("lan0")
        else:
            place.lan.attach(place.gw, "lan0")
            place.gw.ip("address add 192.168.200.1/24 dev lan0")
        soon("routers learn again", place.learned)
    place.gw.ip("address del 192.168.200.1/24 dev lan0", "address add 192.168.200.1/24 dev lan0")
    soon("it is spoken", lambda: speaks(daemon) and problems(daemon) == {})
    soon("routers learn", place.learned)


@pytest.mark.long
def test_only_the_holder_of_a_shared_address_speaks(place: Place) -> None:
    one, two = place.gw, place.machine("gw2", 2)
    one.ip(f"address add {SHARED}/24 dev lan0")
    first, second = (place.start(machine, f'address = "{SHARED}"') for machine in (one, two))
    soon("the holder speaks", lambda: speaks(first) and place.learned())
    soon("the other is up", lambda: "address-not-local" in problems(second))
    assert not speaks(second)
    assert announced(second) <= {0}
    for source, target, old, new in ((one, two, first, second), (two, one, second, first)):
        source.ip(f"address del {SHARED}/24 dev lan0")
        target.ip(f"address add {SHARED}/24 dev lan0")
        soon("the other one speaks", lambda old=old, new=new: speaks(new) and not speaks(old))  # type: ignore[misc]
        soon("routers have the route", place.learned)
        assert announced(old) == {0}
    sources = place.bird.ask("show", "rip", "neighbors", "rip4")
    assert SHARED in sources
    assert "192.168.200.1 " not in sources
    assert "192.168.200.2 " not in sources


def test_another_daemon_does_what_is_exported_for_it(place: Place) -> None:
    take_over(place, "bird")


def take_over(place: Place, system: str) -> None:
    """Have another daemon speak RIP on routerd's machine, by what `routerd export` says, while routerd does not."""
    daemon = place.start(place.gw)
    soon("routerd's kernel route is there", lambda: "proto 121" in place.gw.run(["ip", "route"]).stdout)
    argv = [sys.executable, "-m", "routerd", "export", system, "--config", str(daemon.config)]
    text = place.gw.run(argv).stdout
    daemon.config.write_text(place.config(place.gw, rip=None))
    daemon.process.send_signal(1)
    soon("RIP is not spoken any more", lambda: not place.bird.routes())
    _speak(place.lab, place.gw, system, text)
    soon("routers learn the same", place.learned)


def _speak(lab: Lab, machine: Namespace, system: str, text: str) -> None:
    if system == "frr":
        frr = Frr(lab, machine, {"ripd": "", "ripngd": "", "staticd": ""}, name="frr-own")
        frr.start()
        path = lab.directory / "exported.conf"
        path.write_text(text)
        frr.load(path)
    else:
        Bird(lab, machine, f"router id 192.0.2.1;\n{text}", name="bird-own").start()


@pytest.mark.long
def test_another_daemon_announces_no_black_hole() -> None:
    with Lab() as lab:
        ends_with_the_tunnel(RipScene(lab), "bird")


def ends_with_the_tunnel(scene: RipScene, system: str) -> None:
    """On the WireGuard host itself another daemon, by what is exported for it, speaks on one of two LANs only of it."""
    beta, wg = scene.beta, scene.example.tunnel_beta.interface
    beta.ip("link add lan1 type veth peer name lan1-far", "link set lan1 up", "link set lan1-far up")
    beta.ip("address add 192.168.77.2/24 dev lan1")
    scene.bird.start()
    second = '[[lan]]\ninterface = "lan1"\n[lan.rip]\nversions = ["v2", "ng"]\n'
    config = scene.config().replace("[probe]", f"{second}[probe]")
    daemon = scene.site.start(config)
    soon("routerd announces", lambda: scene.bird.routes().get(VPN) == "192.168.200.2")
    argv = [sys.executable, "-m", "routerd", "export", system, "--config", str(daemon.config)]
    text = beta.run(argv).stdout
    scene.reload(daemon, scene.config_without_rip(config))
    soon("RIP is not spoken any more", lambda: not scene.bird.routes())
    _speak(scene.lab, beta, system, text)

    def has() -> bool:
        return scene.bird.routes().get(VPN) == "192.168.200.2" and VPN6 in scene.bird.routes(6)

    soon("it announces", has)
    assert set(scene.bird.routes()) == {VPN}, "nothing of the other LAN"
    beta.ip(f"link set {wg} down")
    soon("what has no way is withdrawn", lambda: not scene.bird.routes() and not scene.bird.routes(6))
    assert f"unreachable {VPN}" in beta.run(["ip", "route", "show", "proto", "121"]).stdout
    beta.ip(f"link set {wg} up", f"address replace fd00:10::2/64 dev {wg}")
    soon("it announces again", has)


def test_updates_also_go_by_broadcast_and_to_single_routers(place: Place) -> None:
    daemon = place.start(place.gw)
    soon("routers learn", place.learned)
    (six,) = json.loads(place.bird.machine.run(["ip", "-j", "-6", "address", "show", "dev", "lan0"]).stdout)
    own = next(row["local"] for row in six["addr_info"] if row["scope"] == "link")
    modes = ('mode = "broadcast"', f'mode = "unicast"\nneighbors = ["192.168.200.6", "{own}"]')
    for metric, lines in enumerate(modes, start=4):
        daemon.config.write_text(place.config(place.gw, rip=f"{lines}\nmetric = {metric}"))
        daemon.process.send_signal(1)
        # BIRD asks for nothing now, so another metric must have come by an update.
        shown = f"(120/{metric + 1})"
        soon("the update has come", lambda shown=shown: place.bird.ask("show", "route").count(shown) == 2)  # type: ignore[misc]
        assert problems(daemon) == {}
