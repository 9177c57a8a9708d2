"""What is learned from neighbours, for how long, and what never is (RFC 2453 section 3.9.2)."""

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from time import process_time

import pytest

from routerd.model import Address, Network
from routerd.rip.learned import MOST
from routerd.rip.message import Rte
from routerd.rip.words import Change, Import
from tests.rip.scene import (
    HOST_BETA,
    LAN,
    NG,
    OTHER,
    OWN,
    ROUTER,
    ROUTER6,
    V2,
    VPN,
    VPN6,
    Scene,
    key,
    response,
    response_ng,
    route,
    rte,
)

INNER = "172.16.0.0/16"


def listening(*prefixes: str, neighbours: tuple[Address, ...] = (), barred: tuple[Network, ...] = ()) -> Scene:
    rule = Import(tuple(ip_network(prefix) for prefix in prefixes), frozenset(neighbours))
    scene = Scene(V2, learn=rule, barred=barred)
    scene.due()
    return scene


# ---------------------------------------------------------------- what may be learned


@pytest.mark.parametrize(
    ("prefixes", "heard", "taken"),
    [
        ((), "172.16.0.0/16", True),
        ((), "0.0.0.0/0", False),
        (("0.0.0.0/0",), "0.0.0.0/0", True),
        (("0.0.0.0/0",), "172.16.0.0/16", True),
        (("172.16.0.0/12",), "172.16.0.0/12", True),
        (("172.16.0.0/12",), "172.31.255.0/24", True),
        (("172.16.0.0/12",), "172.32.0.0/16", False),
        (("172.16.0.0/12",), "172.0.0.0/8", False),
        (("172.16.0.0/12", "10.9.0.0/16"), "10.9.9.9/32", True),
    ],
)
def test_only_what_is_listed(prefixes: tuple[str, ...], heard: str, taken: bool) -> None:
    scene = listening(*prefixes)
    scene.hear(response(rte(heard)))
    assert (heard in scene.learned()) is taken
    assert scene.count("RcvBadRoutes") == 0


def test_only_of_who_is_listed() -> None:
    scene = listening(neighbours=(ROUTER,))
    scene.hear(response(rte(INNER)), OTHER)
    assert scene.learned() == {}
    scene.hear(response(rte(INNER)), ROUTER)
    assert scene.learned() == {INNER: ("192.168.200.1", 2)}


@pytest.mark.parametrize("heard", ["10.0.0.0/24", "10.0.0.7/32", "192.168.200.0/24", "192.168.200.128/25"])
def test_what_is_behind_the_vpn_or_on_the_lan_never_is(heard: str) -> None:
    scene = listening("0.0.0.0/0", barred=(VPN, LAN))
    scene.hear(response(rte(heard), rte("10.0.0.0/16")))
    assert list(scene.learned()) == ["10.0.0.0/16"]


def test_what_is_announced_here_never_is_and_is_forgotten_when_it_begins_to_be() -> None:
    scene = Scene(V2, route("10.0.0.0/24"), learn=Import())
    scene.hear(response(rte("10.0.0.0/24"), rte(INNER), rte("172.17.0.0/16")))
    assert list(scene.learned()) == [INNER, "172.17.0.0/16"]
    scene.speaker.update([Change(ip_network(INNER), route(INNER))], scene.now)
    assert list(scene.learned()) == ["172.17.0.0/16"]
    scene.speaker.apply([route("172.17.0.0/16")], scene.now)
    assert scene.learned() == {}


def test_what_was_learned_is_never_told_on_the_same_link() -> None:
    scene = Scene(V2, route("10.0.0.0/24"), learn=Import())
    scene.hear(response(rte(INNER)))
    assert list(scene.told([p for p in scene.due(100) if not scene.decode(p.data).whole_table])) == ["10.0.0.0/24"]


def test_nothing_is_learned_unless_it_is_asked_for() -> None:
    scene = Scene(V2, route("10.0.0.0/24"))
    scene.hear(response(rte(INNER)))
    assert scene.learned() == {}
    assert len(scene.due()) == 1, "nor is anybody asked"


def test_the_neighbours_are_asked_at_the_start() -> None:
    for settings in (V2, NG):
        scene = Scene(settings, learn=Import())
        (packet,) = scene.due()
        assert scene.decode(packet.data).whole_table
        assert scene.due(1000) == []


# ---------------------------------------------------------------- metrics and changes


@pytest.mark.parametrize(("heard", "held"), [(1, 2), (14, 15), (15, None), (16, None)])
def test_the_link_adds_one(heard: int, held: int | None) -> None:
    scene = listening()
    scene.hear(response(rte(INNER, heard)))
    assert scene.learned().get(INNER, (None, None))[1] == held


def test_the_nearer_of_two_neighbours_wins() -> None:
    scene = listening()
    scene.hear(response(rte(INNER, 5)), ROUTER)
    scene.hear(response(rte(INNER, 5)), OTHER)
    assert scene.learned() == {INNER: ("192.168.200.1", 6)}
    scene.hear(response(rte(INNER, 4)), OTHER)
    assert scene.learned() == {INNER: ("192.168.200.3", 5)}
    scene.hear(response(rte(INNER, 3)), ROUTER)
    scene.hear(response(rte(INNER, 16)), OTHER)
    assert scene.learned() == {INNER: ("192.168.200.1", 4)}


def test_its_own_neighbour_may_make_it_worse() -> None:
    scene = listening()
    scene.hear(response(rte(INNER, 1)))
    scene.hear(response(rte(INNER, 9, str(HOST_BETA), tag=7)))
    (held,) = scene.speaker.learned()
    assert (held.metric, held.gateway, held.tag, held.neighbour) == (10, HOST_BETA, 7, ROUTER)


def test_another_one_as_near_takes_over_when_this_one_grows_old() -> None:
    """The heuristic of RFC 2453 section 3.9.2: half of the timeout."""
    scene = listening()
    scene.hear(response(rte(INNER)), ROUTER)
    scene.due(91)
    scene.hear(response(rte(INNER)), OTHER)
    assert scene.learned() == {INNER: ("192.168.200.3", 2)}


def test_a_withdrawal_counts_at_once_and_another_neighbour_may_follow() -> None:
    scene = listening()
    scene.hear(response(rte(INNER)), ROUTER)
    before = scene.speaker.generation
    scene.hear(response(rte(INNER, 16)), ROUTER)
    assert scene.learned() == {}
    assert scene.speaker.generation != before
    scene.hear(response(rte(INNER, 7)), OTHER)
    assert scene.learned() == {INNER: ("192.168.200.3", 8)}


def test_only_a_change_is_one() -> None:
    scene = listening()
    scene.hear(response(rte(INNER)))
    before = scene.speaker.generation
    for _ in range(5):
        scene.due(30)
        scene.hear(response(rte(INNER)))
        scene.hear(response(rte(INNER, 9)), OTHER)
    assert scene.speaker.generation == before
    assert scene.count("rip2GlobalRouteChanges") == 1


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("interval", [30.0, 5.0])
def test_a_route_ends_six_intervals_after_it_was_heard(interval: float) -> None:
    scene = Scene(V2, learn=Import(), update_interval=interval)
    scene.due()
    scene.hear(response(rte(INNER)))
    scene.due(interval * 3)
    scene.hear(response(rte(INNER)))
    scene.due(interval * 6 - 0.1)
    assert INNER in scene.learned()
    scene.due(0.2)
    assert scene.learned() == {}
    assert scene.speaker.next_deadline() == pytest.approx(scene.now + 4 * interval, abs=0.2)
    scene.due(interval * 4)
    assert scene.speaker.next_deadline() is None


def test_a_route_that_comes_back_while_it_is_forgotten() -> None:
    scene = listening()
    scene.hear(response(rte(INNER)))
    scene.due(190)
    scene.hear(response(rte(INNER, 15)))
    assert scene.learned() == {}
    scene.hear(response(rte(INNER, 3)))
    assert scene.learned() == {INNER: ("192.168.200.1", 4)}


# ---------------------------------------------------------------- reload


def test_other_rules_forget_what_may_not_be_learned_any_more() -> None:
    scene = listening()
    scene.hear(response(rte(INNER), rte("172.17.0.0/16")))
    scene.hear(response(rte("172.18.0.0/16")), OTHER)
    rule = Import((IPv4Network(INNER), IPv4Network("172.18.0.0/16")), frozenset({ROUTER}))
    scene.speaker.configure(replace(scene.settings, learn=rule), scene.now)
    assert list(scene.learned()) == [INNER]
    scene.speaker.configure(replace(scene.settings, learn=rule, barred=(IPv4Network(INNER),)), scene.now)
    assert scene.learned() == {}


def test_learning_can_be_switched_off_and_on() -> None:
    scene = listening()
    scene.hear(response(rte(INNER)))
    scene.speaker.configure(replace(scene.settings, learn=None), scene.now)
    assert scene.learned() == {}
    scene.speaker.configure(scene.settings, scene.now)
    (packet,) = scene.due()
    assert scene.decode(packet.data).whole_table


# ---------------------------------------------------------------- much of it


def test_ten_thousand_routes_are_learned_within_a_second_of_processor_time() -> None:
    scene = Scene(V2, learn=Import((IPv4Network("172.16.0.0/12"),)), barred=(VPN, LAN), keys=(key(),))
    scene.due()
    entries = [Rte(0xAC100000 + n * 64, 26, 0, 1) for n in range(10_000)]
    packets = [response(*entries[at : at + 22], key=key(), number=5) for at in range(0, 10_000, 22)]
    start = process_time()
    for packet in packets:
        scene.hear(packet)
    assert len(scene.speaker.learned()) == 10_000
    assert process_time() - start < 1.0
    assert scene.count("flooded") == 0


def test_no_more_than_so_many_are_learned() -> None:
    scene = listening()
    for at in range(0, MOST + 200, 25):
        scene.hear(response(*[Rte(0x14000000 + n * 256, 24, 0, 1) for n in range(at, at + 25)]))
        scene.due(0.02)
    report = scene.speaker.report()
    assert report.learned == MOST
    assert report.counters["RcvBadRoutes"] == 200
    assert scene.error() == "192.168.200.1: more routes than can be learned"
    scene.hear(response(Rte(0x14000000, 24, 0, 16)))
    scene.hear(response(rte(INNER)))
    assert INNER in scene.learned(), "one that is gone makes room"


# ---------------------------------------------------------------- RIPng


def test_ng_is_learned_from_too() -> None:
    rule = Import((IPv6Network("fd00::/16"),), frozenset({ROUTER6}))
    scene = Scene(NG, learn=rule, barred=(VPN6,))
    scene.due()
    nine = int(IPv6Address("fe80::9"))
    scene.hear(
        response_ng(rte("fd00:1::/64"), rte("2001:db8::/32"), rte("::/0"), nine, rte("fd00:2::/64"), rte(str(VPN6)))
    )
    scene.hear(response_ng(rte("fd00:3::/64")), IPv6Address("fe80::3"))
    assert scene.learned() == {"fd00:1::/64": ("fe80::1", 2), "fd00:2::/64": ("fe80::9", 2)}


def test_a_zone_in_an_address_does_no_harm() -> None:
    scene = Scene(NG, learn=Import(neighbours=frozenset({ROUTER6})))
    scene.hear(response_ng(rte("fd00:1::/64")), IPv6Address("fe80::1%eth0"))
    assert scene.learned() == {"fd00:1::/64": ("fe80::1", 2)}
    assert str(scene.speaker.report().neighbours[0].address) == "fe80::1"


def test_the_report_counts_by_neighbour() -> None:
    scene = listening()
    scene.hear(response(rte(INNER), rte("172.17.0.0/16")), ROUTER)
    scene.hear(response(rte("172.18.0.0/16"), version=3), OTHER)
    report = scene.speaker.report()
    rows = [(str(each.address), each.version, each.routes) for each in report.neighbours]
    assert rows == [("192.168.200.1", 2, 2), ("192.168.200.3", 3, 1)]
    assert report.neighbours[0].last_update == scene.unix + scene.now
    assert (report.learned, report.lan, report.version) == (3, "eth0", "v2")
    assert report.counters["rip2GlobalRouteChanges"] == 3
    assert OWN not in [each.address for each in report.neighbours]
