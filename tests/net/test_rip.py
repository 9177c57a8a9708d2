"""RIP on one LAN with FRR and BIRD at the same time: what they install, what is learned, and how it ends."""

import time
from functools import partial

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from routerd.lab.talk import tcp_talk
from tests.net.own import kill
from tests.net.rip_routers import MISSING
from tests.net.rip_scene import INNER, VPN, RipScene, Watch
from tests.net.site import soon

pytestmark = [pytest.mark.net, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]

LEARN = ("learn = true", 'import = ["192.168.0.0/16"]')


def test_routers_believe_what_is_announced_and_it_ends_at_once() -> None:
    with Lab() as lab:
        scene = RipScene(lab)
        scene.frr.start()
        scene.bird.start()
        daemon = scene.start(*LEARN)
        soon("all routers have the routes", scene.all_have)
        soon("the inner network is learned", lambda: scene.learned() == {INNER: "192.168.200.6"})
        _shows(daemon, scene)
        _both_ways_keep_their_addresses(scene)
        _reload_changes_nothing(scene, daemon)
        _ends_with_its_cause(scene)
        _what_is_not_announced_any_more_is_forgotten(scene)
        daemon = _crash_changes_nothing(scene, daemon)
        _stop_is_announced(scene, daemon)


def _shows(daemon: Daemon, scene: RipScene) -> None:
    (route,) = daemon.get("/v1/routes")[1]["routes"]
    assert route["channels"] == ["rip"]

    def announcing() -> set[str]:
        return {row["address"] for row in scene.speaker(daemon)["neighbours"] if row["last_update"] is not None}

    soon("both have announced something", lambda: announcing() == {"192.168.200.1", "192.168.200.6"})
    for version in ("v2", "ng"):
        assert scene.speaker(daemon, version)["last_error"] is None
    assert daemon.get("/v1/problems")[1] == {"problems": []}
    (learned,) = daemon.get("/v1/status")[1]["services"]["rip"]["learned"]["routes"]
    assert (learned["prefix"], learned["gateway"], learned["metric"]) == (INNER, "192.168.200.6", 2)
    text = daemon.get("/metrics")[1]
    assert 'routerd_rip_routes{lan="lan0",state="learned",version="v2"} 1.0' in text
    assert 'routerd_rip_counters_total{kind="rip2GlobalRouteChanges",lan="lan0",version="v2"} 1.0' in text


def _both_ways_keep_their_addresses(scene: RipScene) -> None:
    a, b, c = scene.example.a, scene.example.b, scene.c
    assert "10.0.0.0/24" not in b.run(["ip", "route"]).stdout
    for host, address in ((b, "192.168.200.22"), (c, "192.168.60.7")):
        assert tcp_talk(host, a, "10.0.0.1").source == address
        to_host = partial(tcp_talk, a, host, address)
        soon(f"{address} has proven its way back", lambda to_host=to_host: to_host().source == "10.0.0.1")  # type: ignore[misc]


def _reload_changes_nothing(scene: RipScene, daemon: Daemon) -> None:
    watches = [Watch(machine) for machine in (scene.example.gw, scene.r2, scene.beta)]
    for metric in (2, 1):
        scene.reload(daemon, scene.config(*LEARN, f"metric = {metric}"))
    _updates_go_on(daemon, scene)
    triggered = {version: _counters(daemon, scene, version)["SentUpdates"] for version in ("v2", "ng")}
    _updates_go_on(daemon, scene)
    assert triggered == {version: _counters(daemon, scene, version)["SentUpdates"] for version in triggered}
    assert scene.all_have()
    for watch in watches:
        assert [watch.deleted(prefix) for prefix in ("10.0.0.0/24", INNER)] == [[], []]


def _counters(daemon: Daemon, scene: RipScene, version: str = "v2") -> dict[str, int]:
    found: dict[str, int] = scene.speaker(daemon, version)["counters"]
    return found


def _updates_go_on(daemon: Daemon, scene: RipScene) -> None:
    sent = _counters(daemon, scene)["full-updates"]
    soon("updates go on", lambda: _counters(daemon, scene)["full-updates"] > sent + 1)


def _ends_with_its_cause(scene: RipScene) -> None:
    wg = scene.example.tunnel_beta.interface
    began = time.monotonic()
    scene.beta.ip(f"link set {wg} down")
    soon("no router has the routes", scene.none_has)
    assert time.monotonic() - began < 1.5
    scene.beta.ip(f"link set {wg} up", f"address replace fd00:10::2/64 dev {wg}")
    soon("all have them again", scene.all_have)


def _what_is_not_announced_any_more_is_forgotten(scene: RipScene) -> None:
    scene.bird.ask("disable", "inner")
    soon("the inner network is gone", lambda: scene.learned() == {}, 2.0)
    scene.bird.ask("enable", "inner")
    soon("it is learned again", lambda: scene.learned() == {INNER: "192.168.200.6"})
    scene.beta.ip(f"route del {INNER} proto 122")
    soon("what somebody else deleted is put back", lambda: scene.learned() == {INNER: "192.168.200.6"}, 1.0)


def _crash_changes_nothing(scene: RipScene, daemon: Daemon) -> Daemon:
    watches = [Watch(machine) for machine in (scene.example.gw, scene.r2, scene.beta)]
    kill(daemon)
    daemon = scene.start(*LEARN)
    soon("it announces", lambda: scene.speaker(daemon).get("announced") == 1)
    soon("it has learned", lambda: scene.speaker(daemon).get("learned") == 1)
    assert scene.all_have()
    assert scene.learned() == {INNER: "192.168.200.6"}
    for watch in watches:
        assert [watch.deleted(prefix) for prefix in ("10.0.0.0/24", INNER)] == [[], []]
    return daemon


def _stop_is_announced(scene: RipScene, daemon: Daemon) -> None:
    own, *others = (Watch(machine) for machine in (scene.beta, scene.example.gw, scene.r2))
    began = time.monotonic()
    daemon.process.terminate()
    soon("no router has the routes", scene.none_has)
    assert time.monotonic() - began < 0.5
    assert daemon.stop() == 0
    assert scene.learned() == {}
    # It is said three times, and nobody sends anything here any more when the kernel's own route goes.
    gone = own.times_deleted(VPN)[0]
    for other in others:
        assert gone - other.times_deleted(VPN)[0] > 0.1
