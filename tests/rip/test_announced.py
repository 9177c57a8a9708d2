"""Which routes a LAN is told of while peers come and go."""

from ipaddress import IPv4Address
from time import process_time

import pytest

from routerd.config.model import Rip
from routerd.model import PeerKey
from routerd.reports import PeerState
from routerd.rip.announced import Announced
from routerd.rip.settings import routes_of
from routerd.rip.words import Version
from routerd.rip_part import RipLan, RipPeer
from tests.rip.scene import LAN, OWN, V2, Scene, route

UP, STALE, DOWN, IDLE, NEVER, UNKNOWN = (
    PeerState(word) for word in ("up", "stale", "down", "idle", "never", "unknown")
)
A, B = ("vpn", "a"), ("vpn", "b")
GATEWAY = route("10.0.0.2/32")
ONE, TWO = route("10.0.0.1/32"), route("10.0.0.5/32")


def lan(*peers: RipPeer, own: bool = True) -> RipLan:
    return RipLan(
        "eth0",
        2,
        1500,
        OWN,
        frozenset({OWN}),
        (LAN,),
        IPv4Address("192.168.200.255"),
        Rip(announce="peers"),
        (GATEWAY,) if own else (),
        peers,
    )


BOTH = lan(RipPeer("vpn", "a", (ONE,)), RipPeer("vpn", "b", (TWO,)))


class Clock:
    def __init__(self, part: RipLan = BOTH) -> None:
        self.now = 1000.0
        self.announced = Announced()
        self.announced.apply(part)

    def after(self, seconds: float, a: PeerState, b: PeerState = NEVER) -> list[str]:
        """What is announced so much later, when the states are these."""
        self.now += seconds
        self.announced.observe({A: a, B: b}, self.now)
        return self.shown()

    def shown(self) -> list[str]:
        return [str(each.prefix) for each in self.announced.routes(self.now)]


OWN_ONLY, WITH_A = ["10.0.0.2/32"], ["10.0.0.2/32", "10.0.0.1/32"]


@pytest.mark.parametrize(
    ("state", "shown"),
    [(UP, WITH_A), (STALE, WITH_A), (DOWN, OWN_ONLY), (IDLE, OWN_ONLY), (NEVER, OWN_ONLY), (UNKNOWN, OWN_ONLY)],
)
def test_a_peer_is_announced_while_it_is_reachable(state: PeerState, shown: list[str]) -> None:
    assert Clock().after(0, state) == shown


def test_before_a_part_is_known_nothing_is() -> None:
    assert Announced().routes(0.0) == ()
    assert Announced().next_deadline(0.0) is None


@pytest.mark.parametrize("away", [DOWN, IDLE])
def test_a_peer_that_is_lost_is_withdrawn_at_once_and_comes_back_after_ten_steady_seconds(away: PeerState) -> None:
    clock = Clock()
    assert clock.after(0, UP) == WITH_A
    assert clock.after(30, away) == OWN_ONLY
    assert clock.after(1, UP) == OWN_ONLY
    assert clock.announced.next_deadline(clock.now) == clock.now + 10
    clock.now += 9.9
    assert clock.shown() == OWN_ONLY
    clock.now += 0.1
    assert clock.shown() == WITH_A
    assert clock.announced.next_deadline(clock.now) is None


def test_a_flapping_peer_is_not_announced_until_it_rests() -> None:
    clock = Clock()
    clock.after(0, UP)
    for _ in range(100):
        assert clock.after(5, DOWN) == OWN_ONLY
        assert clock.after(5, UP) == OWN_ONLY
    assert clock.after(9.9, STALE) == OWN_ONLY
    assert clock.after(0.1, UP) == WITH_A


def test_stale_is_no_loss() -> None:
    clock = Clock()
    clock.after(0, UP)
    assert clock.after(5, STALE) == WITH_A
    assert clock.after(5, UP) == WITH_A


def test_after_a_long_absence_there_is_nothing_to_wait_for() -> None:
    clock = Clock()
    clock.after(0, UP)
    clock.after(30, DOWN)
    assert clock.after(301, UP) == WITH_A


def test_one_that_is_not_measured_yet_stays_what_it_was() -> None:
    """No route flaps because probes begin anew at a reload."""
    clock = Clock()
    clock.after(0, UP)
    assert clock.after(5, UNKNOWN) == WITH_A
    assert clock.after(5, UP) == WITH_A
    assert clock.after(5, DOWN) == OWN_ONLY
    assert clock.after(5, UNKNOWN) == OWN_ONLY


def test_a_new_part_keeps_what_is_known_of_peers_that_stay() -> None:
    clock = Clock()
    clock.after(0, UP, UP)
    clock.announced.apply(lan(RipPeer("vpn", "a", (ONE, route("10.5.0.0/16")))))
    assert clock.shown() == ["10.0.0.2/32", "10.0.0.1/32", "10.5.0.0/16"]
    clock.announced.apply(BOTH)
    assert clock.shown() == WITH_A
    clock.announced.apply(lan(own=False))
    assert clock.shown() == []


def test_a_peer_that_is_gone_is_withdrawn() -> None:
    clock = Clock()
    clock.after(0, UP)
    clock.announced.apply(lan())
    clock.announced.observe({}, clock.now)
    assert clock.shown() == OWN_ONLY


@pytest.mark.parametrize("name", [("vpn", "other"), ("other", "a")], ids=["the peer", "the vpn"])
def test_a_new_name_changes_nothing(name: PeerKey) -> None:
    clock = Clock()
    clock.after(0, UP)
    clock.announced.apply(lan(RipPeer(*name, (ONE,)), RipPeer("vpn", "b", (TWO,))))
    assert clock.announced.renamed == {name}
    for states in ({A: UP}, {}, {name: UNKNOWN}, {name: UP}):
        clock.announced.observe(states, clock.now)
        assert clock.shown() == WITH_A
    clock.announced.observe({name: DOWN}, clock.now)
    assert clock.shown() == OWN_ONLY
    clock.announced.apply(BOTH)
    assert clock.after(1, UP) == OWN_ONLY, "it is restless under any name"


def test_peers_that_change_their_names_among_each_other_keep_their_routes() -> None:
    clock = Clock()
    clock.after(0, UP, DOWN)
    clock.announced.apply(lan(RipPeer("vpn", "b", (ONE,)), RipPeer("vpn", "a", (TWO,))))
    assert clock.announced.renamed == {A, B}
    assert clock.shown() == WITH_A
    assert clock.after(0, DOWN, UP) == WITH_A


def test_another_peer_under_an_old_name_begins_anew() -> None:
    clock = Clock()
    clock.after(0, UP)
    clock.announced.apply(lan(RipPeer("vpn", "c", (ONE,)), RipPeer("vpn", "a", (TWO,))))
    assert clock.shown() == WITH_A


def test_a_peer_whose_routes_are_all_others_is_the_same() -> None:
    clock = Clock()
    clock.after(0, UP)
    clock.announced.apply(lan(RipPeer("vpn", "a", (route("10.9.0.0/16"),))))
    assert clock.shown() == ["10.0.0.2/32", "10.9.0.0/16"]


def test_a_peer_of_a_thousand_changes_in_a_few_milliseconds() -> None:
    peers = [RipPeer("vpn", str(n), (route(f"10.1.{n >> 8}.{n & 255}/32"),)) for n in range(1000)]
    clock, states = Clock(lan(*peers)), {("vpn", str(n)): UP for n in range(1000)}
    scene = Scene(V2)
    costs = []
    for step in range(5):
        states["vpn", "7"] = DOWN if step % 2 else UP
        start = process_time()
        clock.announced.observe(states, clock.now)
        scene.speaker.apply(clock.announced.routes(clock.now), scene.now)
        costs.append(process_time() - start)
        scene.due(10)
        clock.now += 1000
    assert min(costs[1:]) < 0.015
    assert scene.speaker.report().announced == 1001


def test_a_prefix_is_announced_once() -> None:
    clock = Clock(lan(RipPeer("vpn", "a", (GATEWAY, ONE))))
    assert clock.after(0, UP) == WITH_A


def test_routes_are_told_apart_by_version() -> None:
    six = route("fd00:10::1/128")
    assert routes_of((GATEWAY, six), Version.V2) == [GATEWAY]
    assert routes_of((GATEWAY, six), Version.NG) == [six]
