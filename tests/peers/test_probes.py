"""The schedule of probes: fair, bounded, quick to notice, and deaf to replies that are not asked for."""

from collections import Counter
from ipaddress import IPv4Address, ip_address
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerd.model import PeersPart, ProbeTarget
from routerd.peers.probes import Probes
from routerd.peers.sends import Link, Outcome, Send, link_of

LINK = Link("wg0", None, 4)


def target(number: int, interval: float = 10.0, kind: str = "icmp") -> ProbeTarget:
    address = IPv4Address(0x0A000001 + number)
    return ProbeTarget(f"p{number}", "vpn", None, address, kind, interval, "wg0")


def part(count: int, interval: float = 10.0, timeout: float = 2.0, down_after: int = 3) -> PeersPart:
    return PeersPart(tuple(target(number, interval) for number in range(count)), timeout, down_after, 2)


class World:
    """A clock, and peers that answer after `delay` while they are `alive`."""

    def __init__(self, setup: PeersPart, delay: float = 0.01, now: float = 1000.0) -> None:
        self.now, self.delay = now, delay
        self.alive = True
        self.probes = Probes(0x1234)
        self.probes.configure(setup, now)
        self.sent: list[tuple[float, Send]] = []
        self.outcomes: list[tuple[float, Outcome]] = []
        self._answers: list[tuple[float, Send]] = []

    def until(self, end: float) -> None:
        """Let time pass up to `end`, in steps of what is due."""
        while True:
            deadline = self.probes.next_deadline()
            answer = self._answers[0][0] if self._answers else None
            at = min((time for time in (deadline, answer) if time is not None), default=end)
            if at >= end:
                self.now = end
                return
            self.now = max(self.now, at)
            if answer is not None and answer <= self.now:
                self._answer(self._answers.pop(0)[1])
            else:
                self._step()

    def _answer(self, send: Send) -> None:
        outcome = self.probes.receive(send.link, send.address, 0x1234, send.sequence, self.now)
        if outcome is not None:
            self.outcomes.append((self.now, outcome))

    def _step(self) -> None:
        sends, outcomes = self.probes.on_deadline(self.now)
        self.outcomes += [(self.now, outcome) for outcome in outcomes]
        for send in sends:
            self.sent.append((self.now, send))
            if self.alive:
                self._answers.append((self.now + self.delay, send))


@pytest.mark.parametrize(
    ("kind", "address", "link"),
    [
        ("icmp", "10.0.0.1", Link("wg0", None, 4)),
        ("icmp", "fd00::1", Link("wg0", None, 6)),
        ("icmp", None, None),
        ("handshake", "10.0.0.1", None),
        ("none", "10.0.0.1", None),
    ],
)
def test_link_of(kind: str, address: str | None, link: Link | None) -> None:
    parsed = None if address is None else ip_address(address)
    assert link_of(ProbeTarget("a", "vpn", None, parsed, kind, 1.0, "wg0")) == link


def test_nothing_to_probe() -> None:
    probes = Probes(1)
    probes.configure(PeersPart((target(1, kind="none"),)), 0.0)
    assert probes.next_deadline() is None
    assert probes.on_deadline(9.0) == ([], [])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 300),
    st.floats(0.1, 600.0),
    st.floats(0.0, 1e7),
    st.lists(st.integers(0, 299), max_size=20, unique=True),
)
def test_probes_are_fair_and_evenly_spread(count: int, interval: float, start: float, removed: list[int]) -> None:
    """After the first round every peer is probed once an interval, and no tenth of one is much fuller than another."""
    world = World(part(count, interval), delay=interval / 1000, now=start)
    world.until(start + 2 * interval + 1.0)
    kept = tuple(peer for number, peer in enumerate(part(count, interval).targets) if number not in removed)
    world.probes.configure(PeersPart(kept), world.now)
    world.sent.clear()
    begin = world.now
    world.until(begin + 10 * interval)
    counts = Counter(send.key for _, send in world.sent)
    assert counts.keys() == {("vpn", peer.name) for peer in kept}
    assert all(9 <= times <= 11 for times in counts.values())
    assert {outcome.rtt is None for _, outcome in world.outcomes} <= {False}
    if not removed:
        tenths = Counter(int((at - begin) / interval * 10) for at, _ in world.sent)
        assert max(tenths.values()) <= count / 10 + 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["answer", "lose", "deadline", "reconfigure", "fail", "not_sent"]), max_size=200))
def test_one_probe_a_peer_is_outstanding_whatever_happens(events: list[str]) -> None:
    probes, now, setups = Probes(7), 0.0, [part(5, 1.0), part(3, 1.0), part(5, 0.5)]
    probes.configure(setups[0], now)
    flying: dict[tuple[str, str], Send] = {}
    for number, event in enumerate(events):
        now = max(now, probes.next_deadline() or now)
        if event == "reconfigure":
            setup = setups[number % 3]
            probes.configure(setup, now)
            names = {("vpn", peer.name) for peer in setup.targets}
            flying = {key: send for key, send in flying.items() if key in names}
        elif flying and event in ("answer", "fail", "not_sent"):
            key, send = flying.popitem()
            if event == "answer":
                assert probes.receive(LINK, send.address, 7, send.sequence, now) is not None
            elif event == "fail":
                assert probes.send_failed(key, now) == Outcome(key, None)
            else:
                probes.not_sent(key, now)
        else:
            sends, outcomes = probes.on_deadline(now)
            for outcome in outcomes:
                del flying[outcome.key]
            for send in sends:
                assert send.key not in flying
                flying[send.key] = send
        assert len({send.sequence for send in flying.values()}) == len(flying)
        assert probes.next_deadline() is not None
    assert (probes.late, probes.forged, probes.foreign) == (0, 0, 0)


@pytest.mark.parametrize(
    ("interval", "timeout", "limit"),
    [(0.2, 0.2, 0.8), (0.2, 2.0, 0.85), (0.2, 0.1, 0.7), (10.0, 2.0, 16.0), (1.0, 0.5, 3.1)],
)
@pytest.mark.parametrize("cut", [0.0, 0.37, 0.99])
def test_a_cut_is_noticed(interval: float, timeout: float, limit: float, cut: float) -> None:
    world = World(part(1, interval, timeout))
    world.until(1000.0 + interval * (5 + cut))
    world.alive = False
    world._answers.clear()
    begin = world.now
    world.until(begin + 10 * limit)
    third = [at for at, outcome in world.outcomes if outcome.rtt is None][2]
    assert third - begin <= limit + 1e-6


def test_a_slow_peer_is_no_lost_peer_where_the_timeout_allows_it() -> None:
    world = World(part(1, 0.2, 2.0), delay=0.7)
    world.until(1020.0)
    assert {outcome.rtt is None for _, outcome in world.outcomes} == {False}


def test_a_peer_that_is_down_is_probed_at_its_interval() -> None:
    world = World(part(1, 10.0, 2.0))
    world.alive = False
    world.until(1300.0)
    assert 30 <= len(world.sent) <= 33


def test_sends_that_fail_at_once_are_spaced() -> None:
    world = World(part(1, 0.2, 0.2))
    failed_at: list[float] = []
    while len(failed_at) < 3:
        now = world.probes.next_deadline()
        assert now is not None
        for send in world.probes.on_deadline(now)[0]:
            assert world.probes.send_failed(send.key, now) is not None
            failed_at.append(now)
    assert failed_at[2] - failed_at[0] == pytest.approx(0.4)


def _first_send(probes: Probes) -> tuple[float, Send]:
    now = probes.next_deadline()
    assert now is not None
    return now, probes.on_deadline(now)[0][0]


def test_replies_that_answer_nothing_are_ignored_and_counted() -> None:
    probes = Probes(0x1234)
    probes.configure(part(1), 0.0)
    now, send = _first_send(probes)
    other = IPv4Address("10.9.9.9")
    assert probes.receive(LINK, send.address, 0x1235, send.sequence, now) is None
    assert probes.receive(LINK, other, 0x1234, send.sequence, now) is None
    assert probes.receive(Link("eth0", None, 4), send.address, 0x1234, send.sequence, now) is None
    assert probes.receive(LINK, send.address, 0x1234, send.sequence + 1, now) is None
    assert (probes.foreign, probes.forged, probes.late) == (1, 2, 1)
    assert probes.receive(LINK, send.address, 0x1234, send.sequence, now + 0.25) == Outcome(send.key, 0.25)
    assert probes.receive(LINK, send.address, 0x1234, send.sequence, now + 0.25) is None
    assert probes.late == 2


def test_a_late_reply_is_no_answer_to_the_next_probe() -> None:
    probes = Probes(1)
    probes.configure(part(1, 10.0, 1.0), 0.0)
    now, send = _first_send(probes)
    sends, outcomes = probes.on_deadline(now + 1.0)
    assert outcomes == [Outcome(send.key, None)]
    assert sends[0].sequence != send.sequence
    assert probes.receive(LINK, send.address, 1, send.sequence, now + 1.1) is None
    assert probes.late == 1


def test_configure_does_not_disturb_what_stays() -> None:
    probes = Probes(1)
    probes.configure(part(10), 0.0)
    probes.configure(part(10), 0.0)
    before = probes.next_deadline()
    now, send = _first_send(probes)
    assert now == before
    probes.configure(part(10), now)
    assert probes.receive(LINK, send.address, 1, send.sequence, now + 0.1) is not None


def test_a_reply_for_a_peer_that_is_gone_or_moved() -> None:
    probes = Probes(1)
    probes.configure(part(1), 0.0)
    now, send = _first_send(probes)
    moved = ProbeTarget("p0", "vpn", None, IPv4Address("10.0.0.99"), "icmp", 10.0, "wg0")
    probes.configure(PeersPart((moved,)), now)
    assert probes.receive(LINK, send.address, 1, send.sequence, now) is None
    assert probes.send_failed(send.key, now) is None
    probes.configure(PeersPart(()), now)
    assert probes.send_failed(send.key, now) is None
    probes.not_sent(send.key, now)
    assert probes.next_deadline() is None


def test_hasten_probes_soon() -> None:
    probes = Probes(1)
    probes.configure(part(5, 3600.0), 0.0)
    world = World(part(5, 3600.0), now=0.0)
    world.until(100.0)
    world.sent.clear()
    world.probes.hasten(LINK, 100.0)
    world.until(101.1)
    assert len(world.sent) == 5


def test_reconfiguring_again_and_again_keeps_memory_bounded() -> None:
    probes = Probes(1)
    for number in range(2000):
        probes.configure(part(10, 3600.0 + number % 2), float(number) / 1000)
    assert len(probes._heap) <= 4 * 10 + 64


def test_ten_thousand_peers_are_cheap() -> None:
    """Ten seconds of 10,000 peers, each probed every 10 s and answering, take a fraction of that."""
    world = World(part(10_000), delay=0.0)
    world.until(1020.0)
    sent, begin = len(world.sent), thread_time()
    world.until(1030.0)
    assert 9_900 <= len(world.sent) - sent <= 10_100
    assert thread_time() - begin < 2.0


@pytest.mark.long
def test_sequences_run_out_without_harm() -> None:
    world = World(part(40_000, 10.0, 30.0))
    world.alive = False
    world.until(1021.0)  # the first round takes 20 s
    assert len({send.sequence for _, send in world.sent}) == len(world.sent) == 0x8000


def connecting(count: int) -> PeersPart:
    return PeersPart(tuple(target(number, kind="tcp:22") for number in range(count)), 2.0, 3, 2)


def test_a_bounded_number_of_connections_is_out() -> None:
    world = World(connecting(200))
    world.alive = False
    world.until(1002.0)
    assert len(world.sent) == 64
    assert {send.kind for _, send in world.sent} == {"tcp:22"}
    world.until(1030.0)
    assert len({send.key for _, send in world.sent}) == 200


def test_how_connections_end() -> None:
    probes = Probes(1)
    probes.configure(connecting(1), 0.0)
    now, send = _first_send(probes)
    assert probes.receive(LINK, send.address, 1, send.sequence, now) is None
    assert probes.forged == 1
    assert probes.is_outstanding(send)
    assert probes.connected(send, "connection refused", now + 0.1) == Outcome(send.key, None, "connection refused")
    assert not probes.is_outstanding(send)
    assert probes.connected(send, "", now + 0.2) is None
    now, send = _first_send(probes)
    assert probes.connected(send, "", now + 0.5) == Outcome(send.key, 0.5)


def test_another_kind_of_probe_is_begun_anew() -> None:
    probes = Probes(1)
    probes.configure(part(1), 0.0)
    _, send = _first_send(probes)
    probes.configure(connecting(1), 0.0)
    assert not probes.is_outstanding(send)


def sent_in(world: World, seconds: float) -> int:
    before = len(world.sent)
    world.until(world.now + seconds)
    return len(world.sent) - before


def test_a_peer_that_moves_bytes_is_spared_five_turns_of_six() -> None:
    world = World(part(1, 10.0))
    world.until(1040.0)
    for _ in range(60):
        world.probes.fresh(("vpn", "p0"), world.now)
        world.until(world.now + 2.0)
    # Within two minutes there are twelve turns.
    assert sum(1 for at, _ in world.sent if at >= 1040.0) == 2
    assert world.probes.spared == 10
    assert 10 <= sent_in(world, 110.0) <= 11


def test_old_evidence_spares_nothing() -> None:
    world = World(part(1, 10.0))
    world.until(1040.0)
    for _ in range(10):
        world.probes.fresh(("vpn", "p0"), world.now - 10.0)
        world.until(world.now + 10.0)
    assert world.probes.spared == 0


def test_a_peer_that_fails_is_never_spared() -> None:
    world = World(part(1, 10.0))
    world.alive = False
    for _ in range(60):
        world.probes.fresh(("vpn", "p0"), world.now)
        world.until(world.now + 2.0)
    assert world.probes.spared == 0
    assert len(world.sent) >= 12


def test_connections_are_not_spared() -> None:
    probes = Probes(1)
    probes.configure(connecting(1), 0.0)
    for _ in range(5):
        now, send = _first_send(probes)
        assert probes.connected(send, "", now) is not None
        probes.fresh(send.key, now + 9.0)
    assert probes.spared == 0


def test_a_probe_that_is_asked_for() -> None:
    world = World(part(2, 3600.0), now=0.0)
    world.until(100.0)
    assert not world.probes.ask(("vpn", "nobody"), 100.0)
    assert world.probes.ask(("vpn", "p1"), 100.0)
    assert world.probes.ask(("vpn", "p1"), 100.0)
    world.sent.clear()
    world.until(100.5)
    assert [send.key[1] for _, send in world.sent] == ["p1"]
    assert world.outcomes[-1][1].rtt == pytest.approx(0.01)


def test_a_probe_that_is_asked_for_is_not_spared_but_spares_the_next() -> None:
    world = World(part(1, 10.0))
    world.until(1040.0)
    world.probes.fresh(("vpn", "p0"), 1040.0)
    world.probes.ask(("vpn", "p0"), 1040.0)
    assert sent_in(world, 0.1) == 1
    assert sent_in(world, 9.9) == 0
    assert sent_in(world, 10.0) == 1
