"""RIP where it takes its time: keys that change, restarts in any order, the RFC's own interval, a flood."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from tests.net.asker import offer
from tests.net.own import kill
from tests.net.rip_routers import MISSING
from tests.net.rip_scene import INNER, MORE, VPN, RipScene, Watch, bird_text
from tests.net.site import soon
from tests.net.test_rip_keys import ALGORITHMS, LEARN
from tests.net.test_rip_places import Place, ends_with_the_tunnel, place, take_over

__all__ = ["place"]

pytestmark = [pytest.mark.net, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]

TREE = Path(__file__).parents[2]
SECRETS = ("correct-battery", "horse-staple")


def beside(machine: Namespace, module: str, *words: str) -> "subprocess.Popen[str]":
    """Start a module of the tests in a machine; what it prints goes to a file beside its log."""
    name = module.rpartition(".")[2]
    with machine.log(name).with_suffix(".out").open("w") as out:
        argv = [sys.executable, "-m", module, *words]
        return machine.popen(argv, name=name, stdout=out, env={"PYTHONPATH": str(TREE)})


@contextmanager
def scene(seconds: int = 1) -> Iterator[RipScene]:
    """The LAN with FRR and BIRD running."""
    with Lab() as lab:
        made = RipScene(lab, seconds)
        for number, secret in enumerate(SECRETS, start=1):
            path = lab.directory / f"rip{number}.key"
            path.write_text(f"{secret}\n")
            path.chmod(0o600)
        made.frr.start()
        made.bird.start()
        yield made


# ---------------------------------------------------------------- keys


def _toml(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keys(made: RipScene, algorithm: str, change: float, end: float) -> str:
    """Key 1 until the change, key 2 from then on; both are believed around it."""
    rows = []
    for number, times in (
        (1, f"send_to = {_toml(change)}\naccept_to = {_toml(end)}"),
        (2, f"send_from = {_toml(change)}"),
    ):
        path = made.lab.directory / f"rip{number}.key"
        rows.append(f'[[lan.rip.key]]\nid = {number}\nalgorithm = "{algorithm}"\nsecret_file = "{path}"\n{times}\n')
    return "\n".join(rows)


def _bird_keys(algorithm: str, change: float, end: float) -> str:
    form = "%Y-%m-%d %H:%M:%S"
    at, over = (datetime.fromtimestamp(moment).strftime(form) for moment in (change, end))
    name = ALGORITHMS[algorithm]
    return (
        "authentication cryptographic;"
        f'password "{SECRETS[0]}" {{ id 1; algorithm {name}; generate to "{at}"; accept to "{over}"; }};'
        f'password "{SECRETS[1]}" {{ id 2; algorithm {name}; generate from "{at}"; }};'
    )


def _frr_keys(change: float, end: float) -> list[str]:
    form = "%H:%M:%S %-d %B %Y"
    begin = "00:00:00 1 January 1993"
    at, over = (datetime.fromtimestamp(moment).strftime(form) for moment in (change, end))
    return [
        *("configure terminal", "key chain site"),
        *(
            "key 1",
            f"key-string {SECRETS[0]}",
            f"send-lifetime {begin} {at}",
            f"accept-lifetime {begin} {over}",
            "exit",
        ),
        *("key 2", f"key-string {SECRETS[1]}", f"send-lifetime {at} infinite", f"accept-lifetime {begin} infinite"),
        *("exit", "exit", "interface lan0", "ip rip authentication mode md5", "ip rip authentication key-chain site"),
    ]


@pytest.mark.parametrize("algorithm", ["md5", "hmac-sha-256"])
def test_keys_change_under_traffic_and_no_update_is_lost(algorithm: str) -> None:
    with scene() as made:
        begun = int(time.time())
        change, end = begun + 12, begun + 17
        made.bird.configure(bird_text(_bird_keys(algorithm, change, end)))
        if algorithm == "md5":
            made.frr.ask(*_frr_keys(change, end))
        else:
            made.frr.stop()
        daemon = made.start(*LEARN, keys=_keys(made, algorithm, change, end))
        routers = [made.bird] if algorithm != "md5" else [made.bird, made.frr]
        soon("routers have the route", lambda: all(VPN in one.routes() for one in routers))
        soon("the inner network is learned", lambda: made.learned() == {INNER: "192.168.200.6"})
        assert made.speaker(daemon)["key"] == 1
        assert time.time() < change - 2, "the scene took too long to be built"
        watches = [Watch(machine) for machine in (*(one.machine for one in routers), made.beta)]
        before = made.speaker(daemon)["counters"]
        refused = _refused(made)
        number = 0
        while time.time() < end + 3:
            # Every change is an update of its own.
            number += 1
            made.bird.ask("enable" if number % 2 else "disable", "more")
            soon("the change is followed", lambda there=bool(number % 2): (MORE in made.learned()) is there, 2.0)  # type: ignore[misc]
        now = made.speaker(daemon)
        assert now["key"] == 2
        assert not now["key_expired"]
        assert now["counters"]["full-updates"] > before["full-updates"] + 4
        for kind in ("authentication-failure", "authentication-type-failure", "RcvBadPackets"):
            assert now["counters"][kind] == before[kind], kind
        assert _refused(made) == refused
        assert [watch.deleted(VPN) + watch.deleted(INNER) for watch in watches] == [[] for _ in watches]


def _refused(made: RipScene) -> tuple[int, str]:
    """The lines of BIRD's log about authentication, and what FRR says of bad packets."""
    log = (made.bird.directory / "bird.log").read_text()
    rows = made.frr.ask("show ip rip status").splitlines() if made.frr.is_running else []
    own = next((row.split()[1] for row in rows if row.split()[:1] == ["192.168.200.2"]), "0")
    return log.count("uthentication"), own


# ---------------------------------------------------------------- restarts


def test_restarts_in_any_order() -> None:
    with scene() as made:
        secret = f"{made.lab.directory}/rip1.key"
        keys = f'[[lan.rip.key]]\nid = 1\nalgorithm = "md5"\nsecret_file = "{secret}"\n'
        made.bird.configure(bird_text(f'authentication cryptographic; password "{SECRETS[0]}" {{ id 1; }};'))
        made.frr.ask(*_one_key())
        daemon = made.start(*LEARN, keys=keys)
        soon("all have the routes", made.all_have)
        for turn, order in enumerate(permutations(("routerd", "frr", "bird"))):
            for name in order:
                if name == "routerd":
                    if turn % 2:
                        kill(daemon)
                    else:
                        daemon.stop()
                    daemon = made.start(*LEARN, keys=keys)
                elif name == "frr":
                    made.frr.stop(kill=bool(turn % 2))
                    made.frr.start()
                    made.frr.ask(*_one_key())
                else:
                    made.bird.stop(kill=bool(turn % 2))
                    made.bird.start()
            soon(f"after {order} all have the routes", made.all_have)
            soon(f"after {order} the inner network is known", lambda: made.learned() == {INNER: "192.168.200.6"})
        assert daemon.get("/readyz")[0] == 200
        assert daemon.stop() == 0
        soon("no router has the routes", made.none_has, 1.0)


def _one_key() -> list[str]:
    chain = ["key chain site", "key 1", f"key-string {SECRETS[0]}", "exit", "exit"]
    use = ["ip rip authentication mode md5", "ip rip authentication key-chain site"]
    return ["configure terminal", *chain, "interface lan0", *use]


# ---------------------------------------------------------------- the RFC's own interval


def test_a_withdrawal_does_not_wait_for_the_next_update() -> None:
    with scene(30) as made:
        text = made.config('announce = "peers"').replace('interval = "1s"', 'interval = "200ms"')
        text = text.replace('timeout = "500ms"', 'timeout = "200ms"')
        daemon = made.site.start(text)
        peer, own = "10.0.0.1", "10.0.0.2"
        soon("peer and gateway are announced", lambda: _have(made, peer) and _have(made, own), 60.0)
        for _ in range(3):
            quiet(daemon, 5.5)
            made.example.cut_tunnel()
            down = soon(
                "the peer is down", lambda: not daemon.get("/v1/peers/endpoint-a")[1]["reachable"] and time.monotonic()
            )
            soon("no router has the peer", lambda: not _have(made, peer, any_of=True), 3.0)
            assert time.monotonic() - down < 1.5
            assert _have(made, own)
            made.example.restore_tunnel()
            up = soon("the peer is up", lambda: daemon.get("/v1/peers/endpoint-a")[1]["reachable"] and time.monotonic())
            soon("routers have the peer again", lambda: _have(made, peer), 25.0)
            # It must be up for 10 s; the RFC's damping is 5 s at most, and FRR adds a second.
            assert 9.5 < time.monotonic() - up < 17.0
        quiet(daemon, 5.5)
        began = time.monotonic()
        daemon.process.terminate()
        soon("no router has anything", lambda: not _have(made, own, any_of=True))
        assert time.monotonic() - began < 0.5


def quiet(daemon: Daemon, seconds: float) -> None:
    """Let the damping of earlier updates run out."""
    time.sleep(seconds)
    assert daemon.process.poll() is None


def _have(made: RipScene, prefix: str, *, any_of: bool = False) -> bool:
    found = [prefix in router.routes() for router in (made.frr, made.bird)]
    return any(found) if any_of else all(found)


# ---------------------------------------------------------------- a flood


def test_a_flood_neither_delays_updates_nor_dhcp() -> None:
    seconds = 10
    with scene() as made:
        lan = '[[lan]]\ninterface = "lan0"\n'
        text = made.config(*LEARN)
        assert lan in text
        dhcp = f'{lan}  [lan.dhcp]\n  pools = ["192.168.200.50-192.168.200.199"]\n  router = "192.168.200.1"\n'
        daemon = made.site.start(text.replace(lan, dhcp))
        soon("all have the routes", made.all_have)
        asker = made.lab.namespace("asker")
        made.example.lan.attach(asker, "lan0")
        assert offer(asker) is not None
        beside(made.r2, "tests.long.rip_listener", "lan0", "192.168.200.2")
        heard = made.r2.log("rip_listener").with_suffix(".out")
        soon("the listener hears", lambda: heard.read_text().count("\n") >= 2)
        attacker = beside(made.example.b, "tests.long.rip_attacker", "lan0", "10000", str(seconds))
        begun, delays = time.monotonic(), []
        while attacker.poll() is None:
            asked = time.monotonic()
            assert offer(asker, tries=1) is not None
            delays.append(time.monotonic() - asked)
        over = time.monotonic()
        sent = int(made.example.b.log("rip_attacker").with_suffix(".out").read_text())
        times = [float(line.split()[0]) for line in heard.read_text().splitlines()]
        gaps = [later - earlier for earlier, later in pairwise(times) if begun < later < over]
        counters = made.speaker(daemon)["counters"]
        print(f"{sent} packets in {over - begun:.1f} s; longest gap between updates {max(gaps):.2f} s; ")
        print(f"longest DHCP exchange {max(delays):.2f} s, a new process each; {counters}")
        assert sent > 8_000 * seconds
        assert max(gaps) < 1.17 + 0.3
        assert max(delays) < 1.5
        assert made.all_have()
        assert daemon.get("/readyz")[0] == 200
        assert not counters.get("faults")


# ---------------------------------------------------------------- another daemon in its place


def test_frr_does_what_is_exported_for_it(place: Place) -> None:
    take_over(place, "frr")


def test_frr_announces_no_black_hole() -> None:
    with Lab() as lab:
        ends_with_the_tunnel(RipScene(lab), "frr")
