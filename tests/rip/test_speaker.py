"""When a speaker says what, to whom, and what it answers."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from time import process_time

import pytest

from routerd.config.model import LONGEST_SECRET
from routerd.model import Address
from routerd.rip import message, message_ng
from routerd.rip.message import INFINITY, RESPONSE
from routerd.rip.rivals import MOST, Rivals
from routerd.rip.words import GROUP, GROUP_NG, Change, Import, To
from tests.rip.scene import (
    BETA6,
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
    numbers,
    response,
    response_ng,
    route,
    rte,
)

ONE, TWO, THREE = route("10.0.0.0/24"), route("10.1.0.0/16", metric=3, tag=9), route("10.2.0.0/16")


def updates(scene: Scene, seconds: float) -> list[float]:
    """When packets leave, without repeating a time."""
    return list(dict.fromkeys(at for at, _ in scene.timed(seconds)))


# ---------------------------------------------------------------- full updates


def test_the_whole_table_leaves_at_the_start() -> None:
    scene = Scene(V2, ONE, TWO)
    (packet,) = scene.due()
    assert (packet.kind, packet.address, packet.port) == (To.MULTICAST, GROUP, 520)
    assert scene.decode(packet.data).entries == [rte("10.0.0.0/24"), rte("10.1.0.0/16", 3, tag=9)]


def test_before_it_knows_what_to_announce_it_is_silent() -> None:
    scene = Scene(V2)
    scene.hear(message.WHOLE_TABLE)
    assert scene.due(100) == []
    assert scene.speaker.next_deadline() is None


def test_full_updates_come_every_30_s_give_or_take_5() -> None:
    for seed in range(5):
        times = updates(Scene(V2, ONE, seed=seed), 3600)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert 100 <= len(gaps) <= 145
        assert all(25 <= gap <= 35 for gap in gaps)
        assert max(gaps) - min(gaps) > 5


def test_a_shorter_interval_has_its_jitter_in_proportion() -> None:
    times = updates(Scene(V2, ONE, update_interval=6.0), 600)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(5 <= gap <= 7 for gap in gaps)


def test_two_speakers_do_not_fall_into_step() -> None:
    one, other = (updates(Scene(V2, ONE, seed=seed), 600) for seed in (1, 2))
    assert not set(one[1:]) & set(other[1:])


@pytest.mark.parametrize(
    ("algorithm", "packets"),
    [(None, 4), ("plain", 5), ("md5", 5), ("hmac-sha-1", 5), ("hmac-sha-384", 5), ("hmac-sha-512", 5)],
)
def test_many_routes_go_into_few_packets(algorithm: str | None, packets: int) -> None:
    keys = () if algorithm is None else (key(algorithm),)
    many = [route(f"10.{n}.0.0/16") for n in range(100)]
    scene = Scene(V2, *many, keys=keys)
    sent = scene.due()
    assert len(sent) == packets
    assert all(len(packet.data) <= 504 for packet in sent)
    assert list(scene.told(sent)) == [str(each.prefix) for each in many]


def test_more_than_a_burst_is_paced() -> None:
    """A receiver's buffer holds a burst; what follows comes 10 ms later, in order."""
    many = [route(f"10.{n >> 8}.{n & 255}.0/24") for n in range(4000)]
    scene = Scene(V2, *many)
    assert len(scene.due()) == 64
    rest = scene.timed(1)
    assert [sum(1 for at, _ in rest if round(at * 100) == n) for n in (1, 2)] == [64, 32]
    assert len(scene.told([packet for _, packet in scene.timed(35)])) == 4000


@pytest.mark.parametrize("algorithm", [None, *LONGEST_SECRET])
def test_a_full_update_of_a_thousand_routes_costs_15_ms_at_most(algorithm: str | None) -> None:
    keys = () if algorithm is None else (key(algorithm),)
    scene = Scene(V2, *(route(f"10.{n >> 8}.{n & 255}.0/24", HOST_BETA) for n in range(1000)), keys=keys)
    scene.due(1)
    costs = []
    for _ in range(5):
        # With one change before it, so that nothing can be taken from the one before.
        scene.speaker.update([Change(ONE.prefix, ONE._replace(metric=1 + len(costs)))], scene.now)
        start = process_time()
        sent = scene.due(36)
        costs.append(process_time() - start)
        assert len(sent) >= 40
    assert min(costs) < 0.015


# ---------------------------------------------------------------- where to


def test_neighbours_get_the_same_packets_one_by_one() -> None:
    scene = Scene(V2, ONE, neighbours=(ROUTER, OTHER), keys=(key(),))
    sent = scene.due()
    assert [(each.kind, each.address) for each in sent] == [
        (To.MULTICAST, GROUP),
        (To.UNICAST, ROUTER),
        (To.UNICAST, OTHER),
    ]
    assert len({packet.data for packet in sent}) == 1


def test_unicast_only_and_broadcast() -> None:
    assert [each.address for each in Scene(V2, ONE, group=None, neighbours=(ROUTER,)).due()] == [ROUTER]
    everybody = LAN.broadcast_address
    (packet,) = Scene(V2, ONE, group=(To.BROADCAST, everybody)).due()
    assert (packet.kind, packet.address) == (To.BROADCAST, everybody)
    assert Scene(V2, ONE, group=None).due() == []


# ---------------------------------------------------------------- next hops


@pytest.mark.parametrize(
    ("gateway", "told"),
    [
        (HOST_BETA, str(HOST_BETA)),
        (None, "0.0.0.0"),
        (OWN, "0.0.0.0"),
        (IPv4Address("192.168.201.9"), "0.0.0.0"),
        (LAN.broadcast_address, "0.0.0.0"),
    ],
    ids=["on the link", "none", "this machine", "elsewhere", "nobody"],
)
def test_the_next_hop_is_the_gateway_where_the_receiver_can_reach_it(gateway: IPv4Address | None, told: str) -> None:
    scene = Scene(V2, route(VPN, gateway))
    (found,) = scene.read(scene.due())
    assert found.entries == [rte("10.0.0.0/24", 1, told if told != "0.0.0.0" else None)]


def test_a_next_hop_of_ng_is_an_entry_of_its_own() -> None:
    mine, theirs = route("fd00:1::/64"), [route(f"fd00:{n}::/64", BETA6) for n in (2, 3)]
    scene = Scene(NG, *theirs, mine)
    (packet,) = scene.due()
    assert (packet.kind, packet.address, packet.port) == (To.MULTICAST, GROUP_NG, 521)
    beta = int(BETA6)
    assert packet.data == response_ng(rte("fd00:1::/64"), beta, rte("fd00:2::/64"), rte("fd00:3::/64"))


def test_every_packet_of_ng_says_its_next_hop() -> None:
    scene = Scene(NG, *(route(f"fd00:{n:x}::/64", BETA6) for n in range(1, 201)), route("fd01::/64", ROUTER6))
    sent = scene.due()
    assert [len(packet.data) for packet in sent] == [1444, 1444, 4 + 20 * (1 + 58 + 2)]
    entries = [each for found in scene.read(sent) for each in found.entries]
    assert [each.next_hop for each in entries] == [int(ROUTER6), *[int(BETA6)] * 200]


def test_a_global_address_is_no_next_hop_of_ng() -> None:
    scene = Scene(NG, route(VPN6, IPv6Address("fd00:200::9")))
    (found,) = scene.read(scene.due())
    assert [each.next_hop for each in found.entries] == [0]


# ---------------------------------------------------------------- triggered updates


def test_a_change_leaves_at_once_and_alone() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due(10)
    scene.speaker.apply([ONE, TWO, THREE], scene.now)
    assert scene.told(scene.due()) == {"10.2.0.0/16": 1}
    assert scene.count("SentUpdates") == 1


def test_a_withdrawal_leaves_at_once_also_right_after_a_full_update() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due()
    scene.speaker.update([Change(ONE.prefix, None)], scene.now)
    assert scene.told(scene.due()) == {"10.0.0.0/24": INFINITY}


@pytest.mark.parametrize(("interval", "least", "most"), [(30.0, 1, 5), (300.0, 1, 5), (6.0, 0.2, 1)])
def test_only_what_follows_is_damped(interval: float, least: float, most: float) -> None:
    waits = set()
    for seed in range(20):
        scene = Scene(V2, ONE, TWO, seed=seed, update_interval=interval)
        scene.due()
        scene.speaker.update([Change(ONE.prefix, None)], scene.now)
        scene.due()
        scene.speaker.update([Change(TWO.prefix, None)], scene.now)
        assert scene.due(least * 0.99) == []
        scene.speaker.update([Change(ONE.prefix, ONE)], scene.now)
        ((at, packet),) = scene.timed(most)
        waits.add(round(at, 3))
        assert scene.told([packet]) == {"10.0.0.0/24": 1, "10.1.0.0/16": INFINITY}
        assert scene.timed(most) == []
    assert len(waits) > 10


def test_after_five_quiet_seconds_a_change_leaves_at_once_again() -> None:
    scene = Scene(V2, ONE, TWO)
    for change in (None, ONE, None):
        scene.due(5)
        scene.speaker.update([Change(ONE.prefix, change)], scene.now)
        assert len(scene.due()) == 1


def test_a_full_update_that_is_due_takes_the_changes_along() -> None:
    scene = Scene(V2, ONE)
    scene.speaker.update([Change(TWO.prefix, TWO)], scene.now)
    assert len(scene.due()) == 1
    assert scene.count("SentUpdates") == 0


def test_what_is_the_same_is_no_change() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due()
    scene.speaker.apply([TWO, ONE], scene.now)
    scene.speaker.update([Change(ONE.prefix, ONE), Change(THREE.prefix, None)], scene.now)
    assert scene.due(1) == []


# ---------------------------------------------------------------- withdrawals


def test_a_withdrawn_route_goes_out_with_16_for_the_garbage_time() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due()
    scene.speaker.apply([TWO], scene.now)
    times = [at for at, packet in scene.timed(300) if scene.told([packet]).get("10.0.0.0/24") == INFINITY]
    assert times[0] == 0
    assert 4 <= len(times) <= 6
    assert 85 <= times[-1] <= 120
    assert "10.0.0.0/24" not in scene.told(scene.due(40))
    report = scene.speaker.report()
    assert (report.announced, report.withdrawn) == (1, 0)


def test_a_route_that_comes_back_while_it_is_withdrawn() -> None:
    scene = Scene(V2, ONE)
    scene.due(10)
    scene.speaker.apply([], scene.now)
    scene.due(10)
    scene.speaker.apply([ONE], scene.now)
    assert scene.told(scene.due()) == {"10.0.0.0/24": 1}
    assert scene.told(scene.due(300)) == {"10.0.0.0/24": 1}


def test_without_any_route_nothing_is_sent() -> None:
    scene = Scene(V2, ONE)
    scene.speaker.apply([], scene.now)
    scene.due(130)
    assert scene.due(300) == []


def test_the_farewell_withdraws_all_that_anybody_may_believe() -> None:
    scene = Scene(V2, ONE, TWO, keys=(key(),))
    scene.due()
    scene.speaker.apply([TWO], scene.now)
    scene.due()
    goodbyes = [scene.speaker.farewell(scene.now, scene.unix + scene.now) for _ in range(3)]
    for packets in goodbyes:
        assert scene.told(packets) == {"10.0.0.0/24": INFINITY, "10.1.0.0/16": INFINITY}
    said = [number for packets in goodbyes for number in numbers(packets)]
    assert said == sorted(set(said))
    assert Scene(V2).speaker.farewell(0.0, 0.0) == ()


def test_the_farewell_does_not_wait_behind_an_update() -> None:
    many = [route(f"10.{n >> 8}.{n & 255}.0/24") for n in range(4000)]
    scene = Scene(V2, *many)
    scene.due()
    packets = scene.speaker.farewell(scene.now, scene.unix)
    assert set(scene.told(packets).values()) == {INFINITY}
    assert scene.speaker.on_deadline(scene.now + 1, scene.unix) == ()


# ---------------------------------------------------------------- requests


def test_a_request_for_the_whole_table_is_answered_to_who_asked() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due()
    scene.hear(message.WHOLE_TABLE, port=520)
    scene.hear(message.WHOLE_TABLE, OTHER, port=40000)
    sent = scene.due()
    assert [(each.kind, each.address, each.port) for each in sent] == [
        (To.UNICAST, ROUTER, 520),
        (To.UNICAST, OTHER, 40000),
    ]
    assert all(scene.told([each]) == {"10.0.0.0/24": 1, "10.1.0.0/16": 3} for each in sent)
    assert scene.count("rip2GlobalQueries") == 2


def test_a_request_for_single_entries_keeps_their_order() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due()
    unknown = bytes.fromhex("00020000 0a630000 ffff00ff 00000000 00000000")
    asked = [rte("10.9.0.0/16", 0), rte("10.1.0.0/16", 0), rte("10.0.0.0/25", 0)]
    scene.hear(b"\1\2\0\0" + b"".join(map(message.encode_rte, asked)) + unknown, port=40000)
    (packet,) = scene.due()
    assert packet.data[:1] == bytes((RESPONSE,))
    want = [rte("10.9.0.0/16", 16), rte("10.1.0.0/16", 3, tag=9), rte("10.0.0.0/25", 16)]
    assert packet.data[4:64] == b"".join(map(message.encode_rte, want))
    assert packet.data[64:] == unknown[:16] + b"\0\0\0\x10"


def test_a_request_for_nothing_is_not_answered() -> None:
    scene = Scene(V2, ONE)
    scene.due()
    scene.hear(b"\1\2\0\0")
    assert scene.due(1) == []


def test_requests_of_ng() -> None:
    scene = Scene(NG, route(VPN6, BETA6))
    scene.due()
    scene.hear(message_ng.WHOLE_TABLE, multicast=True)
    scene.hear(message_ng.WHOLE_TABLE, IPv6Address("fd00:200::5"), port=40000, hop_limit=64, multicast=False)
    scene.hear(b"\1\1\0\0" + message_ng.encode_rte(rte("fd00:10::/64", 0)))
    sent = scene.due()
    assert [(str(each.address), each.port) for each in sent] == [
        ("fe80::1", 521),
        ("fd00:200::5", 40000),
        ("fe80::1", 521),
    ]
    assert sent[0].data == sent[1].data == response_ng(int(BETA6), rte("fd00:10::/64"))
    assert sent[2].data == response_ng(rte("fd00:10::/64"))


def test_answers_are_bounded() -> None:
    many = [route(f"10.{n}.0.0/16") for n in range(250)]
    scene = Scene(V2, *many)
    scene.due()
    for _ in range(100):
        scene.hear(message.WHOLE_TABLE, port=40000)
    assert len(scene.due(1)) <= 410
    assert scene.count("unanswered") >= 50
    scene.due(20)
    scene.hear(message.WHOLE_TABLE, port=40000)
    assert len(scene.due(1)) == 10


# ---------------------------------------------------------------- reload


def test_a_reload_that_changes_nothing_sends_nothing() -> None:
    scene = Scene(V2, ONE)
    scene.due(3)
    scene.speaker.configure(replace(scene.settings), scene.now)
    scene.speaker.apply([ONE], scene.now)
    assert scene.due(20) == []


def test_new_keys_and_places_are_used_at_once() -> None:
    scene = Scene(V2, ONE)
    scene.due(3)
    scene.settings = replace(scene.settings, keys=(key(),), neighbours=(ROUTER,))
    scene.speaker.configure(scene.settings, scene.now)
    assert scene.told(scene.due()) == {"10.0.0.0/24": 1}
    assert scene.speaker.report().key_id == 1


BOTH_TOLD, GONE = {"10.0.0.0/24": 1, "10.1.0.0/16": 3}, {"10.0.0.0/24": INFINITY, "10.1.0.0/16": INFINITY}
TO_GROUP, TO_ROUTER, TO_OTHER = (To.MULTICAST, GROUP), (To.UNICAST, ROUTER), (To.UNICAST, OTHER)
TO_ALL = (To.BROADCAST, LAN.broadcast_address)
Places = tuple[tuple[To, Address], ...]


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ((TO_GROUP,), (TO_ROUTER,), (TO_GROUP,)),
        ((TO_GROUP, TO_ROUTER), (TO_ROUTER,), (TO_GROUP,)),
        ((TO_ROUTER, TO_OTHER), (TO_ROUTER,), (TO_OTHER,) * 3),
        ((TO_GROUP, TO_ROUTER), (TO_GROUP,), (TO_ROUTER,)),
        ((TO_ALL,), (TO_OTHER,), (TO_ALL,)),
        ((TO_GROUP,), (TO_ALL,), ()),
        ((TO_ROUTER,), (TO_GROUP,), (TO_ROUTER,)),
        ((TO_ROUTER,), (TO_ROUTER, TO_OTHER), ()),
    ],
)
def test_who_is_not_addressed_any_more_is_told_by_its_own_key(before: Places, after: Places, left: Places) -> None:
    old, new = key(), key(number=2, secret=b"other")
    how = [
        {"group": next((p for p in each if p[0] is not To.UNICAST), None)}
        | {"neighbours": tuple(address for kind, address in each if kind is To.UNICAST)}
        for each in (before, after)
    ]
    scene = Scene(V2, ONE, TWO, keys=(old,), **how[0])  # type: ignore[arg-type]
    scene.due(3)
    changed = replace(scene.settings, keys=(new,), **how[1])  # type: ignore[arg-type]
    scene.speaker.configure(changed, scene.now)
    sent = scene.due(1)
    said = [packet for packet in sent if packet.data[10] == 1]
    assert [(packet.kind, packet.address) for packet in said] == list(left)
    assert all(scene.told([packet]) == GONE for packet in said)
    # Whoever hears both is put right at once.
    rest = [packet for packet in sent if packet.data[10] == 2]
    assert not said or sent.index(said[0]) < sent.index(rest[0])
    assert [(packet.kind, packet.address) for packet in rest] == list(after)
    scene.settings = changed
    assert scene.told(rest) == BOTH_TOLD
    assert scene.speaker.report().key_id == 2
    later = scene.due(100)
    assert {(packet.kind, packet.address) for packet in later} == set(after)


def test_who_is_addressed_again_is_not_told_any_more() -> None:
    scene = Scene(V2, ONE, group=None, neighbours=(ROUTER, OTHER))
    scene.due(3)
    scene.speaker.configure(replace(scene.settings, neighbours=(ROUTER,)), scene.now)
    scene.due(0.01)
    scene.speaker.configure(scene.settings, scene.now)
    assert scene.told(scene.due(1)) == {"10.0.0.0/24": 1}


def test_where_nothing_is_announced_nobody_is_told() -> None:
    scene = Scene(V2, group=None, neighbours=(ROUTER,))
    scene.speaker.configure(replace(scene.settings, neighbours=(OTHER,)), scene.now)
    assert scene.due(10) == []


def test_a_shorter_interval_counts_from_now() -> None:
    scene = Scene(V2, ONE)
    scene.due(3)
    scene.speaker.configure(replace(scene.settings, update_interval=3.0), scene.now)
    assert scene.timed(3.5)[0][0] <= 3.5


def test_another_own_address_makes_another_next_hop() -> None:
    scene = Scene(V2, route(VPN, HOST_BETA))
    scene.due(3)
    scene.speaker.configure(replace(scene.settings, own=frozenset({OWN, HOST_BETA})), scene.now)
    (found,) = scene.read(scene.due())
    assert found.entries == [rte("10.0.0.0/24")]


# ---------------------------------------------------------------- signing


def test_the_packets_of_one_update_share_a_number_and_updates_do_not() -> None:
    many = [route(f"10.{n}.0.0/16") for n in range(100)]
    scene = Scene(V2, *many, keys=(key(),))
    first, second = scene.due(), scene.due(36)
    assert len(set(numbers(first))) == len(set(numbers(second))) == 1
    assert numbers(first)[0] < numbers(second)[0]


def test_numbers_are_stored_before_they_are_used() -> None:
    scene = Scene(V2, ONE, keys=(key(),))
    sent = scene.due()
    assert scene.numbers.unstored is not None
    assert scene.numbers.unstored > numbers(sent)[0]
    plain = Scene(V2, ONE, keys=(key("plain"),))
    plain.due()
    assert plain.numbers.unstored is None


def test_a_rollover_under_traffic_loses_nothing() -> None:
    """Two routers with both keys, clocks 2 s apart: every packet is believed before, at and after the change."""
    turn = 1_800_000_100.0
    old = key(number=1, send_to=turn, accept_to=turn + 30)
    new = key("hmac-sha-512", number=2, secret=b"other", send_from=turn, accept_from=turn - 30)
    mine = Scene(V2, ONE, keys=(old, new), update_interval=1.0)
    theirs = Scene(V2, keys=(old, new), own=frozenset({ROUTER}), learn=Import())
    used = set()
    for _ in range(400):
        for packet in mine.due(0.5):
            theirs.now = mine.now + 2
            theirs.hear(packet.data, OWN)
            used.add(packet.data[10])
    assert used == {1, 2}
    assert theirs.count("RcvBadPackets") == 0
    assert theirs.learned() == {"10.0.0.0/24": (str(OWN), 2)}
    assert mine.speaker.report().key_id == 2


def test_a_key_that_goes_on_after_its_time_is_said() -> None:
    scene = Scene(V2, ONE, keys=(key(send_to=1.0),))
    scene.due()
    assert scene.speaker.report().key_expired
    assert not Scene(V2, ONE).speaker.report().key_expired


def test_the_question_at_the_start_is_signed_too() -> None:
    """Trap 4: BIRD demands it."""
    scene = Scene(V2, keys=(key(),), learn=Import())
    (packet,) = scene.due()
    assert (packet.kind, packet.port) == (To.MULTICAST, 520)
    assert scene.decode(packet.data).whole_table


# ---------------------------------------------------------------- a second routerd


def test_a_standby_speaks_up_when_another_one_withdraws_what_it_announces() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due(10)
    scene.hear(response(rte("10.0.0.0/24", 1), rte("10.9.0.0/16", 1)), OTHER)
    assert scene.due() == []
    scene.hear(response(rte("10.0.0.0/24", 16), rte("10.9.0.0/16", 16)), OTHER)
    assert scene.told(scene.due()) == {"10.0.0.0/24": 1}


def test_it_does_not_for_what_it_withdrew_itself_nor_for_what_is_well() -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due()
    scene.hear(response(rte("10.0.0.0/24", 1), rte("10.1.0.0/16", 1)), OTHER)
    scene.speaker.apply([TWO], scene.now)
    scene.due(10)
    scene.hear(response(rte("10.0.0.0/24", 16), rte("10.1.0.0/16", 15)), OTHER)
    assert scene.due() == []


def test_two_standbys_do_not_excite_each_other() -> None:
    one, two = Scene(V2, ONE), Scene(V2, ONE, own=frozenset({OTHER}))
    for turn in range(600):
        if turn == 400:
            assert (one.count("SentUpdates"), two.count("SentUpdates")) == (0, 0)
            one.speaker.apply([], one.now)
        for scene, source, other in ((one, OWN, two), (two, OTHER, one)):
            for packet in scene.due(0.1):
                other.hear(packet.data, source)
    assert (one.count("SentUpdates"), two.count("SentUpdates")) == (1, 1)


POISONED = response(rte("10.0.0.0/24", 16), rte("10.1.0.0/16", 16))


def test_a_poisoned_reverse_is_no_withdrawal() -> None:
    """BIRD's default: what it learned here comes back as unreachable, in every update of it."""
    scene = Scene(V2, ONE, TWO)
    scene.due()
    for _ in range(40):
        scene.hear(POISONED)
        scene.due(30)
    assert scene.count("SentUpdates") == 0


@pytest.mark.parametrize("was_alive", [False, True], ids=["poisoned reverse", "a withdrawal"])
def test_what_a_neighbour_says_does_not_make_a_withdrawal_wait(was_alive: bool) -> None:
    scene = Scene(V2, ONE, TWO)
    scene.due(5)
    if was_alive:
        scene.hear(response(rte("10.1.0.0/16")))
    scene.hear(POISONED)
    assert len(scene.due()) == was_alive
    scene.speaker.update([Change(ONE.prefix, None)], scene.now)
    assert scene.told(scene.due()) == {"10.0.0.0/24": INFINITY}


def test_a_neighbour_that_comes_and_goes_makes_no_storm() -> None:
    scene = Scene(V2, ONE)
    scene.due()
    for _ in range(1000):
        scene.hear(response(rte("10.0.0.0/24")))
        scene.hear(POISONED)
        scene.due(0.02)
    assert 1 <= scene.count("SentUpdates") <= 20


def test_who_was_silent_for_long_does_not_withdraw() -> None:
    scene = Scene(V2, ONE)
    scene.due()
    scene.hear(response(rte("10.0.0.0/24")))
    scene.due(181)
    sent = scene.count("SentUpdates")
    scene.hear(POISONED)
    scene.due()
    assert scene.count("SentUpdates") == sent


def test_what_is_remembered_of_other_machines_is_bounded() -> None:
    rivals = Rivals()
    for n in range(MOST + 100):
        rivals.announces(n, (0, 8), 10.0)
    assert not rivals.ends(MOST, (0, 8), 0.0)
    assert rivals.ends(0, (0, 8), 0.0)
    rivals.expire(10.0)
    assert not rivals.ends(1, (0, 8), 0.0)
