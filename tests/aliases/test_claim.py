"""One address: when it is asked for, when it counts as claimed, and what others' packets mean (RFC 5227)."""

from random import Random

import pytest

from routerd.aliases.claim import Claim, State, Verdict, What

M = bytes.fromhex("020000000099")


class Clock:
    """A claim, and time that passes with every deadline met; `sent` is what was sent when."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.claim = Claim(Random(1))
        self.sent: list[tuple[float, What]] = []

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.claim.next_deadline()) <= end:
            self.now = max(self.now, at)
            self.sent += [(round(self.now - 1000.0, 3), what) for what in self.claim.act(self.now)]
            assert self.claim.next_deadline() > self.now
        self.now = end

    def until_claimed(self) -> None:
        self.claim.open(self.now)
        self.run(3.0)
        assert self.claim.state is State.CLAIMED
        self.claim.put(self.now)
        self.run(5.0)
        self.sent.clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_is_asked_for_three_times_and_is_claimed_when_nobody_answers(clock: Clock) -> None:
    """Beside probes go ordinary questions, which proxies answer; they have 0.8 s for it."""
    clock.claim.open(clock.now)
    clock.run(0.099)
    assert clock.sent == []
    clock.run(5.0)
    assert [what for _, what in clock.sent] == [What.PROBE, What.QUESTION, What.PROBE, What.QUESTION, What.PROBE]
    first = clock.sent[0][0]
    assert [round(at - first, 3) for at, _ in clock.sent] == [0.0, 0.0, 0.4, 0.4, 0.8]
    claim = clock.claim
    assert (claim.state, claim.held, claim.installed) == (State.CLAIMED, True, False)
    assert claim.since - 1000.0 == pytest.approx(first + 1.6, abs=0.001)
    assert 0.1 <= first <= 0.5
    assert claim.next_deadline() == float("inf")


def test_it_is_announced_twice_once_it_is_answered_for(clock: Clock) -> None:
    clock.claim.open(clock.now)
    clock.run(3.0)
    clock.sent.clear()
    begin = clock.now
    clock.claim.put(clock.now)
    clock.run(60.0)
    assert [(round(1000.0 + at - begin, 3), what) for at, what in clock.sent] == [
        (0.0, What.ANNOUNCEMENT),
        (2.0, What.ANNOUNCEMENT),
    ]
    clock.claim.pulled()
    assert (clock.claim.held, clock.claim.installed, clock.claim.wants) == (True, False, True)


@pytest.mark.parametrize("heard", ["says", "probes"])
def test_who_has_it_or_asks_for_it_too_is_left_alone(clock: Clock, heard: str) -> None:
    """It is asked for again after 2, 4, 8 … 60 s, a quarter more or less, for as long as they answer."""
    claim, pauses, lost = clock.claim, [], []
    claim.open(clock.now)
    for _ in range(8):
        clock.run(claim.next_deadline() - clock.now)
        lost.append((claim.heard if heard == "says" else claim.probed)(M, clock.now))
        assert (claim.state, claim.held, claim.other) == (State.CONFLICT, False, M)
        pauses.append(claim.next_deadline() - clock.now)
    assert lost == [Verdict.LOST, *[Verdict.NOTHING] * 7]
    assert all(
        0.75 * want <= got <= 1.25 * want for want, got in zip((2, 4, 8, 16, 32, 60, 60, 60), pauses, strict=True)
    )
    clock.run(80.0)
    assert (claim.state, claim.held, claim.other) == (State.CLAIMED, True, None)


def test_what_is_heard_while_it_waits_only_names_who_has_it(clock: Clock) -> None:
    clock.claim.open(clock.now)
    clock.claim.heard(M, clock.now)
    at = clock.claim.next_deadline()
    assert clock.claim.heard(bytes(6), clock.now) is Verdict.NOTHING
    assert (clock.claim.next_deadline(), clock.claim.other) == (at, bytes(6))
    assert clock.claim.probed(M, clock.now) is Verdict.NOTHING


def test_it_is_defended_once_in_ten_seconds_and_then_given_up(clock: Clock) -> None:
    clock.until_claimed()
    assert clock.claim.heard(M, clock.now) is Verdict.DEFEND
    clock.run(10.0)
    assert clock.claim.heard(M, clock.now) is Verdict.DEFEND
    clock.run(9.9)
    assert clock.claim.heard(M, clock.now) is Verdict.LOST
    assert (clock.claim.state, clock.claim.held, clock.claim.wants) == (State.CONFLICT, False, False)


def test_without_rules_it_is_not_defended(clock: Clock) -> None:
    clock.until_claimed()
    clock.claim.pulled()
    assert clock.claim.asked() is clock.claim.probed(M, clock.now) is Verdict.NOTHING
    assert clock.claim.heard(M, clock.now) is Verdict.LOST


def test_hosts_and_probes_are_answered_while_it_stands_for_a_peer(clock: Clock) -> None:
    clock.claim.open(clock.now)
    assert clock.claim.asked() is Verdict.NOTHING
    clock.until_claimed()
    assert clock.claim.asked() is clock.claim.probed(M, clock.now) is Verdict.ANSWER


def test_a_link_that_comes_back_may_be_another_lan(clock: Clock) -> None:
    """The rules stay meanwhile; what answers for it goes, until nobody has answered."""
    clock.until_claimed()
    clock.claim.close(clock.now)
    assert (clock.claim.state, clock.claim.held, clock.claim.installed) == (State.AWAY, True, False)
    assert clock.claim.next_deadline() == float("inf")
    assert clock.claim.heard(M, clock.now) is clock.claim.probed(M, clock.now) is Verdict.NOTHING
    clock.claim.open(clock.now)
    assert (clock.claim.held, clock.claim.wants) == (True, False)
    clock.run(3.0)
    assert clock.claim.wants


def test_what_an_earlier_routerd_had_is_asked_for_while_it_is_answered_for(clock: Clock) -> None:
    """Who has it answers three times, so it is given up."""
    claim = clock.claim
    claim.open(clock.now)
    claim.adopt()
    assert claim.wants
    assert claim.probed(M, clock.now) is Verdict.ANSWER
    clock.run(3.0)
    assert (claim.state, claim.installed, len(clock.sent)) == (State.CLAIMED, True, 5)
    claim.close(clock.now)
    claim.open(clock.now)
    claim.adopt()
    clock.run(0.6)
    assert claim.heard(M, clock.now) is Verdict.DEFEND
    assert claim.heard(M, clock.now) is Verdict.LOST


def test_a_long_peace_ends_the_patience_with_conflicts(clock: Clock) -> None:
    clock.claim.open(clock.now)
    for _ in range(5):
        clock.run(clock.claim.next_deadline() - clock.now)
        clock.claim.heard(M, clock.now)
    clock.run(90.0)
    clock.claim.put(clock.now)
    clock.run(300.0)
    clock.claim.heard(M, clock.now)
    clock.claim.heard(M, clock.now)
    assert clock.claim.next_deadline() - clock.now <= 2.5


def test_what_is_asked_late_is_waited_for_as_long(clock: Clock) -> None:
    claim = clock.claim
    claim.open(clock.now)
    for late in range(3):
        clock.now += 10.0 + late
        assert claim.act(clock.now)
        assert claim.next_deadline() - clock.now == pytest.approx(0.4 if late < 2 else 0.8)
