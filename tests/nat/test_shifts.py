"""Port ranges shifted by rules about bits."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from routerd.nat.ruleset import rules
from routerd.nat.shifts import by_rules, steps
from routerd.nat_part import NatPart
from tests.nat.parts import HERE, PLAIN, A, forward

PORTS = st.integers(1, 65535)


@given(PORTS, PORTS, PORTS)
def test_every_port_has_one_case_which_adds_the_shift(one: int, other: int, to: int) -> None:
    first, last = min(one, other), max(one, other)
    last = min(last, 65535 - to + first)
    found = steps(first, last, to - first)
    for port in {first, last, (first + last) // 2, *range(first, min(last, first + 600))}:
        (step,) = [step for step in found if port & step.mask == step.value]
        assert port ^ step.flip == port + to - first


@given(PORTS, PORTS, PORTS)
def test_there_is_no_case_without_a_port(one: int, other: int, shift: int) -> None:
    first, last = min(one, other), max(one, other)
    last = min(last, first + 300)
    used = {step for step in steps(first, last, shift) for p in range(first, last + 1) if p & step.mask == step.value}
    assert used == set(steps(first, last, shift))


def test_there_are_few_for_round_numbers_and_not_too_many_for_any() -> None:
    assert len(steps(1, 65535, 1)) == 16
    assert len(steps(20000, 29999, -10000)) < 100
    assert max(len(steps(0, 65535, shift)) for shift in (0x5555, 0xAAAA, 0x2AAB, 0x5AAB)) <= 1597


def test_short_ranges_and_those_that_keep_their_ports_are_elements() -> None:
    assert by_rules(forward(9000, 9000, last=19000)) == ()
    assert by_rules(forward(9000, 100, last=9007)) == ()
    assert len(by_rules(forward(20000, 30000, last=20999))) > 1


def test_the_rules_of_a_shifted_range() -> None:
    six = replace(forward(4096, 8192, last=5119), addresses=(A("fd00:1::2"),), to=A("fd00:9::1"))
    udp = forward(20000, 30000, last=20999, protocol="udp")
    text = rules(replace(PLAIN, forwards=(forward(80, 8080, last=85), six, udp)))
    assert "fd00:1::2 . tcp . 4096-5119 : goto shifted0" in text
    assert f"{HERE} . udp . 20000-20999 : goto shifted1" in text
    assert "tcp dport & 0x3000 == 0x1000 dnat ip6 to [fd00:9::1] : tcp dport ^ 0x3000" in text
    assert text.count("dnat ip to 10.0.0.1 : udp dport ^ 0x") == len(by_rules(udp))
    assert f"{HERE} . tcp . 85 : 10.0.0.1 . 8085" in text
    assert "shifted" not in rules(NatPart(PLAIN.vpns, PLAIN.lans, (forward(9000, 9000, last=9999),)))
