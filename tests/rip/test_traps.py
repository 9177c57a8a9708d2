"""The fourteen traps of interoperation, and everything that a neighbour can forge: each by its name."""

from ipaddress import IPv4Address, IPv6Address
from time import process_time

import pytest

from routerd.model import Address
from routerd.rip import message, message_ng
from routerd.rip.words import Import
from tests.rip.scene import (
    HOST_BETA,
    LAN,
    NG,
    OTHER,
    OWN,
    OWN6,
    ROUTER,
    ROUTER6,
    UNIX,
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

INNER, INNER6 = "172.16.0.0/16", "fd00:172::/64"
GOOD, GOOD6 = response(rte(INNER)), response_ng(rte(INNER6))


def listening(settings: object = V2, **changes: object) -> Scene:
    scene = Scene(settings, learn=Import(), **changes)  # type: ignore[arg-type]
    scene.due()
    return scene


def refused(scene: Scene, data: bytes, *counters: str, **how: object) -> str | None:
    """A datagram leaves no trace but in the counters; the error that is shown."""
    before = dict(scene.speaker.report().counters)
    scene.hear(data, **how)  # type: ignore[arg-type]
    after = scene.speaker.report().counters
    assert sorted(name for name in after if after[name] != before[name]) == sorted(counters)
    assert scene.learned() == {}
    return scene.error()


# ---------------------------------------------------------------- the fourteen traps


@pytest.mark.parametrize("said", [16, 20])
def test_trap_01_the_length_of_a_digest_is_16_or_20(said: int) -> None:
    scene = Scene(V2, route(VPN), keys=(key("md5"),), auth_length=said)
    (packet,) = scene.due()
    assert packet.data[11] == said
    other = listening(keys=(key("md5"),), own=frozenset({ROUTER}))
    other.hear(packet.data, OWN)
    assert "10.0.0.0/24" in other.learned()


def test_trap_02_the_sequence_number_survives_a_restart_and_a_clock_that_jumps() -> None:
    scene = Scene(V2, route(VPN), keys=(key(),))
    said = numbers(scene.due(40))
    assert said[0] == int(UNIX)
    stored = scene.numbers.unstored
    scene.unix -= 1_000_000
    said += numbers(scene.due(40))
    again = Scene(V2, route(VPN), keys=(key(),), stored=stored)
    again.unix = -again.now
    said += numbers(again.due(40))
    assert said == sorted(set(said))


def test_trap_02_an_older_number_is_refused_until_the_neighbour_was_silent_for_180_s() -> None:
    scene = listening(keys=(key(),))
    scene.hear(response(rte(INNER), key=key(), number=100))
    for number in (99, 0):
        scene.hear(response(rte(INNER, 16), key=key(), number=number))
        assert scene.error() == f"192.168.200.1: the sequence number {number} is older than 100"
    assert INNER in scene.learned()
    assert scene.count("authentication-failure") == scene.count("RcvBadPackets") == 2
    scene.due(181)
    assert scene.learned() == {}
    scene.hear(response(rte(INNER), key=key(), number=0))
    assert INNER in scene.learned()


def test_trap_02_the_packets_of_one_update_share_a_number_but_not_for_ever() -> None:
    scene = listening(keys=(key(),))
    for prefix in ("172.16.0.0/16", "172.17.0.0/16"):
        scene.hear(response(rte(prefix), key=key(), number=100))
    assert len(scene.learned()) == 2
    scene.due(15)
    scene.hear(response(rte(INNER), key=key(), number=100))
    assert scene.error() == "192.168.200.1: the sequence number 100 came for the first time 15 s ago"


def test_trap_02_numbers_are_kept_by_neighbour_and_by_key() -> None:
    one, two = key(), key(number=2, secret=b"other")
    scene = listening(keys=(one, two))
    scene.hear(response(rte(INNER), key=one, number=100))
    scene.hear(response(rte("172.17.0.0/16"), key=two, number=5))
    scene.hear(response(rte("172.18.0.0/16"), key=one, number=7), OTHER)
    assert len(scene.learned()) == 3
    assert scene.count("RcvBadPackets") == 0


def test_trap_04_a_request_without_authentication_is_not_answered_unless_that_is_wanted() -> None:
    for wanted in (False, True):
        scene = Scene(V2, route(VPN), keys=(key(),), answer_unauthenticated=wanted)
        scene.due()
        scene.hear(message.WHOLE_TABLE)
        assert bool(scene.due(1)) is wanted
        assert scene.count("authentication-type-failure") == (not wanted)
        scene.hear(response(rte("10.0.0.0/24", 16)))
        assert scene.count("authentication-type-failure") == 2 - wanted
        assert not scene.due(1), "a response is never believed without"


def test_trap_04_a_signed_request_is_answered() -> None:
    scene = Scene(V2, route(VPN), keys=(key(),))
    scene.due()
    other = listening(keys=(key(),), own=frozenset({ROUTER}))
    other.speaker.resume(other.now)
    (asked,) = other.due()
    scene.hear(asked.data)
    assert scene.told(scene.due()) == {"10.0.0.0/24": 1}


@pytest.mark.parametrize("port", [0, 519, 521, 1024, 65535])
def test_trap_05_a_response_comes_from_port_520(port: int) -> None:
    assert refused(listening(), GOOD, "RcvBadPackets", port=port) == f"192.168.200.1: a response from port {port}"


@pytest.mark.parametrize("port", [0, 520, 522, 65535])
def test_trap_05_a_response_of_ng_comes_from_port_521(port: int) -> None:
    assert refused(listening(NG), GOOD6, "RcvBadPackets", port=port) == f"fe80::1: a response from port {port}"


def test_trap_05_a_question_may_come_from_any_port_but_0() -> None:
    scene = Scene(V2, route(VPN))
    scene.due()
    for port in (1, 520, 65535):
        scene.hear(message.WHOLE_TABLE, port=port)
        assert [packet.port for packet in scene.due()] == [port]
    scene.hear(message.WHOLE_TABLE, port=0)
    assert scene.due(1) == []


def test_trap_06_more_than_512_bytes_are_refused() -> None:
    data = response(*[rte(f"172.{n}.0.0/16") for n in range(26)])
    error = refused(listening(), data, "RcvBadPackets")
    assert error == "192.168.200.1: length 524: more than 25 entries"


@pytest.mark.parametrize("algorithm", ["md5", "hmac-sha-512"])
def test_trap_06_the_trailer_of_a_signed_packet_does_not_count(algorithm: str) -> None:
    """RFC 4822: 24 entries and the authentication are 504 bytes, and the trailer comes after them."""
    mine = key(algorithm)
    entries = [rte(f"172.{n}.0.0/16") for n in range(25)]
    scene = listening(keys=(mine,))
    scene.hear(response(*entries[:24], key=mine, number=9))
    assert len(scene.learned()) == 24
    scene.hear(response(*entries, key=mine, number=10))
    assert scene.count("RcvBadPackets") == 1


def test_trap_07_the_hop_limit_of_ng_is_255_for_multicast_only() -> None:
    scene = listening(NG)
    assert refused(scene, GOOD6, "RcvBadPackets", hop_limit=64) == "fe80::1: hop limit 64 instead of 255"
    scene.hear(GOOD6, hop_limit=64, multicast=False)
    assert INNER6 in scene.learned()


def test_trap_08_a_response_of_ng_comes_from_a_link_local_address() -> None:
    error = refused(listening(NG), GOOD6, "RcvBadPackets", source=IPv6Address("fd00:200::1"))
    assert error == "fd00:200::1: a response from an address that is not link-local"


def test_trap_09_another_machine_of_the_link_is_the_next_hop() -> None:
    scene = listening()
    scene.hear(response(rte(INNER, 1, str(HOST_BETA)), rte("172.17.0.0/16", 1, "192.168.201.9"), rte("172.18.0.0/16")))
    gateways = [gateway for gateway, _ in scene.learned().values()]
    assert gateways == [str(HOST_BETA), str(ROUTER), str(ROUTER)]


def test_trap_09_a_next_hop_of_ng_holds_until_the_next() -> None:
    scene = listening(NG)
    nine = int(IPv6Address("fe80::9"))
    scene.hear(response_ng(nine, rte("fd00:1::/64"), rte("fd00:2::/64"), 0, rte("fd00:3::/64")))
    assert [gateway for gateway, _ in scene.learned().values()] == ["fe80::9", "fe80::9", "fe80::1"]


def test_trap_09_a_route_that_leads_back_here_is_not_taken() -> None:
    scene = listening()
    scene.hear(response(rte(INNER)))
    scene.hear(response(rte(INNER, 1, str(OWN)), rte("172.17.0.0/16", 1, str(OWN))))
    assert scene.learned() == {}


@pytest.mark.parametrize(
    "bad",
    [
        rte(INNER, 0),
        rte(INNER, 17),
        rte("172.16.0.1/16"),
        rte("127.0.0.0/8"),
        rte("224.0.0.0/4"),
        rte("240.0.0.0/8"),
        rte("0.0.0.0/8"),
    ],
    ids=["metric 0", "metric 17", "host bits", "127/8", "class D", "class E", "net 0"],
)
def test_trap_10_a_bad_entry_is_counted_and_the_rest_of_the_packet_holds(bad: message.Rte) -> None:
    scene = listening()
    scene.hear(response(rte("172.20.0.0/16"), bad, rte("172.21.0.0/16")))
    assert list(scene.learned()) == ["172.20.0.0/16", "172.21.0.0/16"]
    assert (scene.count("RcvBadRoutes"), scene.count("RcvBadPackets")) == (1, 0)
    (neighbour,) = scene.speaker.report().neighbours
    assert (neighbour.bad_routes, neighbour.last_error) == (1, (scene.error() or "").partition(": ")[2])
    assert (scene.error() or "").startswith("192.168.200.1: entry 2: ")


def test_trap_10_a_mask_with_holes() -> None:
    scene = listening()
    data = bytearray(response(rte(INNER), rte("172.17.0.0/16")))
    data[12:16] = bytes((255, 0, 255, 0))
    scene.hear(bytes(data))
    assert list(scene.learned()) == ["172.17.0.0/16"]
    assert scene.error() == "192.168.200.1: entry 1: the mask 255.0.255.0 is not contiguous"


@pytest.mark.parametrize(
    "source",
    ["192.168.201.1", "10.0.0.1", "192.168.200.0", "192.168.200.255", "0.0.0.0", "127.0.0.1", "fe80::1"],
)
def test_trap_12_who_is_not_on_the_link_is_not_heard(source: str) -> None:
    address: Address = IPv6Address(source) if ":" in source else IPv4Address(source)
    refused(listening(), GOOD, "RcvBadPackets", "off-link", source=address)


@pytest.mark.parametrize("source", ["fd00:201::1", "2001:db8::1", "::1", "::"])
def test_trap_12_nor_over_ng(source: str) -> None:
    refused(listening(NG), GOOD6, "RcvBadPackets", "off-link", source=IPv6Address(source))


def test_trap_12_nor_is_a_question_answered() -> None:
    scene = Scene(V2, route(VPN))
    scene.due()
    scene.hear(message.WHOLE_TABLE, IPv4Address("10.0.0.1"), port=40000)
    assert scene.due(1) == []


def test_trap_14_the_withdrawal_is_held_for_the_garbage_time() -> None:
    scene = Scene(V2, route(VPN))
    scene.due(10)
    scene.speaker.apply([], scene.now)
    assert len([1 for packet in scene.due(120) if scene.told([packet]) == {"10.0.0.0/24": 16}]) >= 4


# ---------------------------------------------------------------- more bad input


def test_our_own_packets_looped_back_are_not_heard() -> None:
    scene = Scene(V2, route(INNER), learn=Import())
    packets = scene.due()
    for packet in packets:
        scene.hear(packet.data, OWN)
    assert scene.count("looped-back") == len(packets) == 2
    assert scene.due(1) == []
    refused(listening(NG), GOOD6, "looped-back", source=OWN6)
    second = IPv4Address("192.168.200.222")
    refused(listening(own=frozenset({OWN, second})), GOOD, "looped-back", source=second)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "offset 0: 1 bytes expected, 0 left"),
        (b"\2", "offset 1: 1 bytes expected, 0 left"),
        (GOOD[:23], "length 23: not a header and whole entries of 20 bytes"),
        (b"\2\1" + GOOD[2:], "offset 1: version 1"),
        (b"\1\1" + message.WHOLE_TABLE[2:], "offset 1: version 1"),
        (b"\2\0" + GOOD[2:], "offset 1: version 0"),
        (b"\5\2" + GOOD[2:], "offset 0: command 5"),
    ],
)
def test_broken_packets(data: bytes, error: str) -> None:
    scene = listening()
    assert refused(scene, data, "RcvBadPackets") == f"192.168.200.1: {error}"
    (neighbour,) = scene.speaker.report().neighbours
    assert (neighbour.bad_packets, neighbour.last_update, neighbour.last_error) == (1, None, error)


def test_wrong_digests_and_passwords_are_counted_by_neighbour() -> None:
    scene = listening(keys=(key(),))
    wrong = response(rte(INNER), key=key(secret=b"other"))
    error = refused(scene, wrong, "RcvBadPackets", "authentication-failure")
    assert error == "192.168.200.1: its digest by key 1 is wrong"
    refused(scene, GOOD, "RcvBadPackets", "authentication-type-failure")
    (neighbour,) = scene.speaker.report().neighbours
    assert neighbour.authentication_failures == 2


def test_a_forged_packet_does_not_move_the_sequence_number() -> None:
    scene = listening(keys=(key(),))
    scene.hear(response(rte(INNER), key=key(secret=b"other"), number=0xFFFFFFFF))
    broken = response(rte(INNER), key=key(), number=0xFFFFFFFF, version=1)
    scene.hear(broken)
    scene.hear(response(rte(INNER), key=key(), number=1))
    assert INNER in scene.learned()


def test_a_replay_is_not_believed() -> None:
    scene = listening(keys=(key(),))
    recorded = response(rte(INNER), key=key(), number=100)
    scene.hear(recorded)
    scene.hear(response(rte(INNER, 16), key=key(), number=101))
    scene.hear(recorded)
    assert scene.learned() == {}
    assert scene.count("authentication-failure") == 1


def test_a_recorded_packet_does_not_keep_a_dead_neighbour_alive() -> None:
    scene = listening(keys=(key(),))
    recorded = response(rte(INNER), key=key(), number=100)
    for _ in range(31):
        scene.hear(recorded)
        scene.due(6.1)
    assert scene.learned() == {}


def test_authenticated_packets_are_not_believed_without_a_key() -> None:
    refused(listening(), response(rte(INNER), key=key()), "RcvBadPackets", "authentication-type-failure")


# ---------------------------------------------------------------- floods


def flood(scene: Scene, seconds: int, packets: list[tuple[bytes, Address]]) -> tuple[list[float], float]:
    """10,000 packets a second; when our updates left, and the processor time that it took a second."""
    times, begin = [], scene.now
    start = process_time()
    for second in range(seconds):
        for step in range(10):
            for index in range(1000):
                data, source = packets[index % len(packets)]
                scene.hear(data, source)
            times += [scene.now - begin for _ in scene.timed(0.1)]
            assert scene.now == pytest.approx(begin + second + (step + 1) / 10)
    return times, (process_time() - start) / seconds


FLOODS = {
    "questions": [(message.WHOLE_TABLE, ROUTER)],
    "routes": [(response(*[rte(f"172.{n}.{m}.0/24") for n in range(25)]), ROUTER) for m in range(200)],
    "everybody": [(GOOD, address) for address in LAN.hosts() if address != OWN],
    "off the link": [(GOOD, IPv4Address("10.9.9.9"))],
    "nonsense": [(bytes(range(n % 250)), ROUTER) for n in range(500)],
    "wrong digests": [(response(rte(INNER), key=key(secret=b"x")), OTHER)],
}


@pytest.mark.parametrize("keys", [(), (key(),)], ids=["open", "signed"])
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_does_not_delay_our_updates(name: str, keys: tuple[object, ...]) -> None:
    many = [route(f"10.{n}.0.0/16") for n in range(25)]
    scene = Scene(V2, *many, keys=keys, learn=Import(), update_interval=1.0)
    scene.due()
    before = scene.count("full-updates")
    _, cost = flood(scene, 3, FLOODS[name])
    assert 2 <= scene.count("full-updates") - before <= 4
    assert cost < 0.5
    report = scene.speaker.report()
    assert len(report.neighbours) <= 256
    assert report.learned <= 20_000


def test_a_flood_of_strangers_does_not_silence_a_neighbour_that_is_listed() -> None:
    scene = Scene(V2, networks=(LAN.supernet(8),), learn=Import(neighbours=frozenset({ROUTER})))
    for prefix in (INNER, "172.17.0.0/16"):
        for number in range(10_000):
            scene.hear(GOOD, IPv4Address(0xC0A90000 + number))
        scene.hear(response(rte(prefix)))
        assert prefix in scene.learned()
    assert len(scene.speaker.report().neighbours) <= 257


def test_a_neighbour_that_is_believed_is_not_pushed_out() -> None:
    """Else its sequence numbers would be forgotten, and a recorded packet believed."""
    scene = listening(keys=(key(),), networks=(LAN.supernet(8),))
    recorded = response(rte(INNER), key=key(), number=100)
    scene.hear(recorded)
    scene.hear(response(rte(INNER, 16), key=key(), number=101))
    for number in range(2000):
        scene.due(0.05)
        scene.hear(GOOD, IPv4Address(0xC0A90000 + number))
    scene.hear(recorded)
    assert scene.learned() == {}


def test_silent_neighbours_are_forgotten_after_a_while() -> None:
    scene = Scene(V2, route(VPN))
    scene.hear(GOOD)
    assert len(scene.speaker.report().neighbours) == 1
    scene.due(1900)
    assert scene.speaker.report().neighbours == ()


def test_ng_is_not_signed_whatever_the_keys() -> None:
    scene = Scene(NG, route(VPN6))
    (packet,) = scene.due()
    assert packet.data == response_ng(rte("fd00:10::/64"))
    scene.hear(message_ng.WHOLE_TABLE, ROUTER6)
    assert scene.told(scene.due()) == {"fd00:10::/64": 1}
