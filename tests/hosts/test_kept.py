"""Which targets answer the site's own addresses: what is asked, what answers say, and what flows without one do."""

import random
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest

from routerd.config.model import AddressRange
from routerd.flows import TCP, UDP, Flow
from routerd.hosts.frames import ECHO, RST, SYN_ACK, Answer
from routerd.hosts.kept.book import HOLD, KeptBook
from routerd.hosts.kept.doubts import PATIENCE
from routerd.hosts.kept.rounds import Send
from routerd.hosts.kept.targets import KeptTarget, hides, kept_targets, listened_at
from routerd.nat_part import NatAlias, NatForward, NatLan, NatPart, NatPool, NatVpn, PoolPeer

A, N = IPv4Address, ip_network
PEER, OTHER, OWN, LAN_OWN, LAST = (
    A(text) for text in ("10.0.0.1", "10.0.0.3", "10.0.0.2", "192.168.200.2", "192.168.200.255")
)
HOST = A("192.168.200.22")
KEY = ("vpn", PEER)
VPN = NatVpn("vpn", (N("10.0.0.0/24"),), "wg0", (OWN,))
LAN = NatLan("lan0", (N("192.168.200.0/24"), N("fd00:1::/64")), (LAN_OWN, ip_address("fd00:1::2")), ("vpn",))
FORWARD = NatForward("lan0", "vpn", "tcp", 8080, 8080, (LAN_OWN,), PEER, 80, measured=True)
PART = NatPart((VPN,), (LAN,), (FORWARD,))
EVERY = (OWN, LAN_OWN, LAST)


def target(*questions: int) -> KeptTarget:
    return KeptTarget("vpn", "wg0", PEER, OWN, (LAN_OWN, LAST), questions or (80,))


def book(*questions: int) -> KeptBook:
    made = KeptBook(random.Random(1))
    made.configure({KEY: target(*questions)}, 30.0, 1.0, 0.0)
    return made


def answer(made: KeptBook, sends: list[Send], now: float, *sources: IPv4Address, kind: str = RST) -> list[Send]:
    """The target answers what came from these addresses."""
    said: list[Send] = []
    for send in sends:
        if send.source in sources and not send.reset:
            number = send.number if kind == ECHO else send.number + 1 & 0xFFFFFFFF
            port = 0 if kind == ECHO else send.question
            said += made.heard(KEY, Answer(kind, PEER, send.source, port, 50000, number), now)
    return said


def rest(made: KeptBook, now: float, *sources: IPv4Address) -> float:
    """The measurement under way goes on until its end, with answers to these addresses only; when it ended."""
    for _ in range(3):
        now = max(now, made.next_deadline() or now)
        answer(made, made.on_deadline(now), now, *sources)
    return now


def begin(made: KeptBook, now: float) -> tuple[list[Send], float]:
    """The beginning of the next measurement, and when it comes."""
    for _ in range(20):
        now = max(now + 0.01, made.schedule.next_deadline() or now)
        if sends := made.begin(now):
            return sends, now
    raise AssertionError("nothing is measured")


def measure(made: KeptBook, now: float, *sources: IPv4Address) -> float:
    """The next measurement, from its beginning to its end."""
    sends, now = begin(made, now)
    assert {send.source for send in sends} == set(EVERY)
    answer(made, sends, now, *sources)
    return rest(made, now, *sources) if set(sources) != set(EVERY) else now


def proven(*questions: int) -> KeptBook:
    made = book(*questions)
    measure(made, 0.0, *EVERY)
    assert made.kept() == {KEY}
    made.moves.clear()
    return made


def flow(protocol: int = TCP, port: int = 80, key: bytes = b"1", **changes: Any) -> Flow:
    values: dict[str, Any] = {"reply_destination": HOST, "status": 0, **changes}
    return Flow(
        *(protocol, HOST, LAN_OWN, 4000, 8080, values.pop("reply_source", PEER), values.pop("reply_destination")),
        *(port, 4000),
        tcp_state=1 if protocol == TCP else None,
        key=key,
        **values,
    )


# ---------------------------------------------------------------- what is measured


def test_each_lan_is_asked_from_with_its_own_and_its_last_address() -> None:
    second = NatLan("lan1", (N("192.168.7.0/25"), N("172.16.0.0/31")), (A("192.168.7.1"),), ("vpn",))
    elsewhere = NatLan("lan2", (N("192.168.9.0/24"),), (A("192.168.9.1"),), ())
    found = kept_targets(replace(PART, lans=(LAN, second, elsewhere)))
    assert found == {KEY: target()._replace(sources=(LAN_OWN, LAST, A("192.168.7.1"), A("192.168.7.127")))}


def test_targets_are_asked_at_the_ports_that_forwards_lead_to_else_by_echo() -> None:
    forwards = [replace(FORWARD, first=n, last=n, to_first=n) for n in (81, 82, 83, 84)]
    udp = replace(FORWARD, protocol="udp", to=OTHER)
    pool = NatPool(
        "lan0", AddressRange(A("192.168.200.210"), A("192.168.200.211")), (PoolPeer("vpn", "x", A("10.0.0.9")),)
    )
    alias = NatAlias("lan0", "vpn", A("192.168.200.201"), PEER)
    part = replace(PART, forwards=(*forwards, udp), aliases=(alias,), pools=(pool,))
    asked = {str(key[1]): each.questions for key, each in kept_targets(part).items()}
    assert asked == {"10.0.0.1": (81, 82, 83), "10.0.0.3": (0,), "10.0.0.9": (0,)}
    assert listened_at(part) == [N("192.168.200.2/32"), N("192.168.200.201/32")]


@pytest.mark.parametrize(
    "part",
    [
        replace(PART, forwards=(replace(FORWARD, measured=False),)),
        replace(PART, vpns=(replace(VPN, interface=None),)),
        replace(PART, vpns=(replace(VPN, addresses=()),)),
        replace(PART, lans=(replace(LAN, vpns=()),)),
        replace(PART, forwards=(replace(FORWARD, to=ip_address("fd00:9::1")),)),
        NatPart(),
    ],
)
def test_what_cannot_or_need_not_be_measured(part: NatPart) -> None:
    assert kept_targets(part) == {}


def test_a_part_hides_a_target_where_all_that_leads_to_it_does() -> None:
    kept, alias = replace(FORWARD, masquerade=False), NatAlias("lan0", "vpn", A("192.168.200.201"), PEER)
    assert hides(PART, KEY)
    assert not hides(replace(PART, forwards=(kept,)), KEY)
    assert hides(replace(PART, forwards=(replace(kept, measured=False), FORWARD)), KEY)
    assert not hides(replace(PART, aliases=(alias,)), KEY)
    assert hides(replace(PART, aliases=(replace(alias, masquerade=True),)), KEY)


# ---------------------------------------------------------------- what answers say


@pytest.mark.parametrize(
    ("answered", "kept"),
    [
        (EVERY, True),
        ((LAN_OWN, LAST), True),
        ((OWN,), False),
        ((OWN, LAN_OWN), False),
        ((OWN, LAST), False),
        ((), False),
    ],
)
def test_every_address_of_the_site_must_be_answered(answered: tuple[IPv4Address, ...], kept: bool) -> None:
    made = book()
    now = measure(made, 0.0, *answered)
    now = measure(made, now, *answered)
    assert bool(made.kept()) is kept
    assert [move.kept for move in made.moves] == [True] * kept


def test_a_question_that_only_the_vpn_side_is_answered_hides() -> None:
    """A firewall over there lets its own networks reach the one port, and everybody the other."""
    made = book(80, 443)
    sends = made.begin(0.0)
    answer(made, [send for send in sends if send.question == 443], 0.0, *EVERY)
    answer(made, [send for send in sends if send.question == 80], 0.0, OWN)
    rest(made, 0.0)
    assert made.kept() == frozenset()
    # Where nobody at all is answered says nothing.
    quiet = book(80, 443)
    answer(quiet, [send for send in quiet.begin(0.0) if send.question == 443], 0.0, *EVERY)
    rest(quiet, 0.0)
    assert quiet.kept() == {KEY}


def test_foreign_late_and_forged_answers_count_for_nothing() -> None:
    made = book()
    sends = made.begin(0.0)
    good = Answer(RST, PEER, OWN, 80, 50000, sends[0].number + 1 & 0xFFFFFFFF)
    for wrong in (
        good._replace(number=sends[0].number),
        good._replace(source_port=81),
        good._replace(target=HOST),
        good._replace(kind=ECHO, number=sends[0].number),
        good._replace(kind="ack"),
    ):
        made.heard(KEY, wrong, 0.0)
    assert made.heard(("vpn", OTHER), good, 0.0) == []
    assert len(made.on_deadline(0.4)) == 3, "nothing was answered"
    rest(made, 0.4)
    assert made.heard(KEY, good, 5.0) == []


def test_a_connection_that_was_begun_is_ended() -> None:
    made = book()
    sends = made.begin(0.0)
    ends = answer(made, sends, 0.0, *EVERY, kind=SYN_ACK)
    assert [(end.source, end.question, end.number, end.reset) for end in ends] == [
        (source, 80, sends[0].number, True) for source in EVERY
    ]


def test_lost_packets_are_asked_for_again() -> None:
    made = book(0)
    sends = made.begin(0.0)
    answer(made, sends, 0.0, OWN, LAST, kind=ECHO)
    assert made.next_deadline() == pytest.approx(1 / 3)
    again = made.on_deadline(0.34)
    assert [send.source for send in again] == [LAN_OWN]
    answer(made, again, 0.4, *EVERY, kind=ECHO)
    assert made.kept() == {KEY}


def test_two_measurements_must_say_that_the_way_is_lost() -> None:
    made = proven()
    now = measure(made, 0.0, OWN)
    assert made.kept() == {KEY}
    assert made.schedule.next_deadline() == pytest.approx(now, abs=0.2), "it is measured again at once"
    measure(made, now, OWN)
    assert made.kept() == frozenset()
    assert [(move.kept, move.flow, move.lost) for move in made.moves] == [(False, False, True)]
    half = proven()
    measure(half, measure(half, 0.0, OWN, LAN_OWN), OWN, LAN_OWN)
    assert [(move.kept, move.lost) for move in half.moves] == [(False, False)]


def test_a_peer_that_is_down_changes_nothing_and_is_asked_less_often() -> None:
    made, now, begun = proven(), 0.0, []
    for _ in range(8):
        now = measure(made, now)
        begun.append(now)
    assert made.kept() == {KEY}
    silent, now, begun = book(), 0.0, []
    for _ in range(10):
        now = measure(silent, now)
        begun.append(now)
    assert begun[-1] - begun[-2] > 100
    silent.soon(now)
    assert silent.schedule.next_deadline() == pytest.approx(now, abs=0.2)


def test_states_survive_a_change_of_what_is_asked_but_not_of_the_lans() -> None:
    made = proven()
    made.configure({KEY: target(443)}, 30.0, 1.0, 1.0)
    assert made.kept() == {KEY}
    made.begin(1.0)
    made.configure({KEY: target(443)._replace(sources=(LAN_OWN,))}, 30.0, 1.0, 1.1)
    assert made.kept() == frozenset()
    assert made.schedule.next_deadline() == pytest.approx(1.1, abs=0.2)
    made.configure({}, 30.0, 1.0, 2.0)
    assert (len(made), made.begin(60.0), made.on_deadline(60.0)) == (0, [], [])


def test_many_targets_are_asked_one_after_another() -> None:
    made = KeptBook(random.Random(1))
    many = {("vpn", A(int(PEER) + n)): target()._replace(address=A(int(PEER) + n)) for n in range(400)}
    made.configure(many, 30.0, 1.0, 0.0)
    sent, now = 0, 0.0
    while now < 60.0:
        sent += len(made.on_deadline(now)) + len(made.begin(now))
        now += 0.05
    assert sent < 60 * 50 * 1.2


# ---------------------------------------------------------------- flows without an answer


def doubted(made: KeptBook, now: float, protocol: int, port: int, *answered: IPv4Address, key: bytes = b"1") -> float:
    """A flow has no answer, and these addresses are answered when it is asked after; when that was settled."""
    made.flow(flow(protocol, port, key), "new", now)
    now += PATIENCE[protocol]
    sends = made.on_deadline(now)
    assert {send.source for send in sends} == {*EVERY, HOST}
    assert {send.question for send in sends} == {port if protocol == TCP else 0}
    kind = RST if protocol == TCP else ECHO
    answer(made, sends, now, *answered, kind=kind)
    for _ in range(3):
        if (at := made.next_deadline()) is not None and at < now + 1:
            now = at
            answer(made, made.on_deadline(now), now, *answered, kind=kind)
    return now


@pytest.mark.parametrize(("protocol", "port", "after"), [(TCP, 81, 1.2), (UDP, 5300, 1.5)])
def test_a_host_that_is_not_answered_is_hidden_soon(protocol: int, port: int, after: float) -> None:
    made = proven()
    made.flow(flow(protocol, port), "new", 10.0)
    assert made.next_deadline() == pytest.approx(10 + after)
    assert made.on_deadline(10 + after - 0.01) == []
    made = proven()
    end = doubted(made, 10.0, protocol, port, OWN)
    assert end - 10 <= after + 0.61
    assert made.kept() == frozenset()
    assert [(move.flow, move.lost) for move in made.moves] == [(True, False)]
    # The next measurement that is answered shows that it can be kept again.
    measure(made, end, *EVERY)
    assert made.kept() == {KEY}


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_host_in_a_gap_of_the_allowed_ips_is_asked_from_until_it_is_answered(protocol: int) -> None:
    """This machine's address and the LAN's last one are in them, and the host's is not."""
    made = proven()
    now = doubted(made, 10.0, protocol, 80, *EVERY)
    for _ in range(5):
        assert made.kept() == frozenset()
        sends, now = begin(made, now)
        assert {send.source for send in sends} == {*EVERY, HOST}
        answer(made, sends, now, *EVERY)
        now = rest(made, now, *EVERY)
    sends, now = begin(made, now)
    answer(made, sends, now, *EVERY, HOST)
    assert made.kept() == {KEY}
    measure(made, now, *EVERY)


def test_silence_that_hiding_would_not_mend_changes_nothing() -> None:
    made = proven()
    now = doubted(made, 10.0, TCP, 81)
    assert made.kept() == {KEY}
    made.flow(flow(TCP, 81), "changed", now)
    assert made.on_deadline(now + 2.0) == [], "a flow is asked after once"


def test_a_peer_that_was_away_for_a_moment_is_no_reason() -> None:
    """When it is asked after it is there again, and answers everybody."""
    made = proven()
    for times in range(5):
        doubted(made, 10.0 + 5 * times, TCP, 80, *EVERY, HOST, key=bytes([times]))
    assert made.kept() == {KEY}
    assert made.moves == []


def test_udp_that_stays_unanswered_twice_may_be_a_firewall_and_is_remembered() -> None:
    made, now = proven(), 0.0
    for times in range(3):
        now = doubted(made, now, UDP, 5300, *EVERY, HOST, key=b"1")
        assert made.kept() == {KEY}
        made.flow(flow(UDP, 5300, b"1"), "ended", now)
        now = doubted(made, now, UDP, 5300, *EVERY, HOST, key=b"2")
        made.flow(flow(UDP, 5300, b"2"), "ended", now)
        assert made.kept() == frozenset()
        fell = now
        while not made.kept():
            now = measure(made, now, *EVERY)
        assert HOLD * 2**times <= now - fell < HOLD * 2**times + 40


def test_an_answer_by_udp_in_between_makes_silence_the_first_again() -> None:
    made, now = proven(), 0.0
    for times in range(4):
        now = doubted(made, now, UDP, 5300, *EVERY, HOST, key=bytes([times]))
        made.flow(flow(UDP, 5300, b"x"), "new", now)
        made.flow(flow(UDP, 5300, b"x", status=2), "changed", now)
    assert made.kept() == {KEY}


@pytest.mark.parametrize(
    "other",
    [
        flow(reply_destination=OWN),
        flow(reply_source=LAN_OWN, port=8080),
        flow(reply_source=OTHER),
        flow(UDP, 514),
        flow(1),
        flow(status=2)._replace(tcp_state=3),
    ],
    ids=["hidden", "this machine's own service", "another target", "a log", "a ping", "answered"],
)
def test_flows_that_tell_nothing(other: Flow) -> None:
    made = proven()
    made.flow(other, "new", 10.0)
    assert made.on_deadline(14.0) == []


def test_an_answer_in_time_and_an_end_are_no_doubt() -> None:
    made = proven()
    made.flow(flow(key=b"1"), "new", 10.0)
    made.flow(flow(key=b"2"), "new", 10.0)
    made.flow(flow(key=b"1", status=2)._replace(tcp_state=2), "changed", 10.5)
    made.flow(flow(key=b"2"), "ended", 10.6)
    assert made.on_deadline(14.0) == []
