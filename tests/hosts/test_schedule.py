"""Which host is measured when, and at which port."""

from ipaddress import IPv4Address
from itertools import pairwise

import pytest

from routerd.hosts.schedule import HASTE, PORTS, RATE, HostKey, Schedule


def host(number: int) -> HostKey:
    return "lan0", IPv4Address("10.1.0.0") + number


def schedule(count: int, interval: float = 30.0) -> Schedule:
    made = Schedule(interval)
    for number in range(count):
        made.add(host(number), 100.0)
    return made


def play(
    made: Schedule, start: float, end: float, *, proven: bool = True, answered: bool = True
) -> list[tuple[float, HostKey]]:
    """What is measured when, each measurement ending at once."""
    log, now = [], start
    while now <= end:
        for key in made.due(now):
            log.append((now, key))
            made.ended(key, now, proven=proven, answered=answered)
        at = made.next_deadline()
        if at is None:
            break
        now = max(at, now + 0.01)
    return log


def test_a_thousand_hosts_every_30_seconds_at_most_50_a_second() -> None:
    log = play(schedule(1000), 100.0, 400.0)
    times: dict[HostKey, list[float]] = {}
    for at, key in log:
        times.setdefault(key, []).append(at)
    assert len(times) == 1000
    gaps = [b - a for each in times.values() for a, b in pairwise(each)]
    assert max(gaps) <= 1.3 * 30 + 1
    gaps = [b - a for each in times.values() for a, b in pairwise(each[2:])]
    assert 29.0 <= min(gaps) <= max(gaps) <= 31.0
    assert max(at[0] for at in times.values()) < 130
    seconds = [sum(start <= at < start + 1 for at, _ in log) for start in range(100, 400)]
    assert max(seconds) <= RATE + 5
    # After the first rounds they are spread over the interval.
    late = seconds[240:]
    assert 25 <= min(late) <= max(late) <= 42


def test_what_goes_on_beyond_the_first_packet_counts_too() -> None:
    made = schedule(200)
    spent, now = 0, 100.0
    for _ in range(400):
        for _key in made.due(now):
            made.spend(2)
            spent += 3
        now += 0.01
    assert spent <= 4 * RATE + 20


def test_ten_thousand_hosts_are_measured_less_often_instead_of_faster() -> None:
    made = schedule(10_000)
    assert made.interval == 250.0
    log = play(made, 100.0, 600.0)
    counts: dict[HostKey, int] = {}
    for _, key in log:
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 10_000
    assert len(log) <= 500 * RATE + 10


def test_thousands_that_are_found_at_once_do_not_come_due_at_once() -> None:
    made = schedule(10_000)
    log = play(made, 100.0, 110.0)
    assert 10 * RATE - 5 <= len(log) <= 10 * RATE + 10
    assert len(made._ready) < 300
    assert [key for _, key in log] == [host(number) for number in range(len(log))]
    # After a long time without any measurement all of them are due, and are taken in by pieces.
    made.due(5000.0)
    assert len(made._ready) <= 500 + 300


def test_after_an_ack_it_is_measured_within_a_second_and_again() -> None:
    made = schedule(300)
    play(made, 100.0, 120.0, proven=False, answered=False)
    made.hurry(host(7), 121.0)
    times = [at - 121.0 for at, key in play(made, 121.0, 125.0, proven=False, answered=False) if key == host(7)]
    assert times == pytest.approx(HASTE, abs=0.15)


def test_haste_ends_with_the_proof() -> None:
    made = schedule(1)
    play(made, 100.0, 101.0, proven=False)
    made.hurry(host(0), 102.0)
    assert len(play(made, 102.0, 110.0, proven=True)) == 1


def test_who_never_answers_is_asked_less_often_and_who_is_proven_is_not() -> None:
    times = [at for at, _ in play(schedule(1), 100.0, 800.0, proven=False, answered=False)]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[0] < 40
    assert gaps[-1] == pytest.approx(4 * 30, abs=1)
    times = [at for at, _ in play(schedule(1), 100.0, 800.0, proven=True, answered=False)]
    assert max(b - a for a, b in pairwise(times)) < 40


def test_what_is_watched_is_not_measured() -> None:
    made = schedule(2)
    play(made, 100.0, 101.0)
    log = []
    for second in range(101, 300):
        made.watched(host(0), float(second))
        log += [key for _, key in play(made, float(second), second + 0.99)]
    assert host(0) not in log
    assert log.count(host(1)) >= 6


def test_urgent_ones_come_first() -> None:
    made = schedule(500)
    made.due(100.0)
    made.at_once(host(499), 100.1)
    made.at_once(host(499), 100.1)
    assert made.due(100.2)[0] == host(499)


def test_the_port_that_answered_is_kept_until_it_is_silent() -> None:
    made = schedule(1)
    made.add(host(0), 0.0)
    assert made.port(host(0)) == PORTS[0]
    made.saw_port(host(0), 8443)
    made.saw_port(host(0), 80)
    tried = []
    for _ in range(len(PORTS) + 1):
        tried.append(made.port(host(0)))
        made.port_silent(host(0))
    assert tried == [80, 8443, *(port for port in PORTS if port != 80)]
    made.port_answered(host(0), 443)
    made.saw_port(host(0), 25)
    assert made.port(host(0)) == 443
    made.port_silent(host(0))
    assert made.port(host(0)) == 25


def test_memory_stays_bounded() -> None:
    made = schedule(50)
    for turn in range(5000):
        made.hurry(host(turn % 50), 100.0 + turn / 1000)
        made.saw_port(host(turn % 50), turn)
    assert len(made._later) + len(made._ready) < 5 * 50 + 128
    for number in range(50):
        made.remove(host(number))
    assert len(made) == 0
    assert made.due(1000.0) == []
    assert made.next_deadline() is None
