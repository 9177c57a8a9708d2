"""What flows tell of hosts."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from routerd.flows import ICMP, TCP, UDP, Flow
from routerd.hosts.watching import Doubt, Heard, Watch

A, B, OWN = (ip_address(text) for text in ("10.0.0.1", "192.168.200.22", "192.168.200.2"))
SEEN, ASSURED = 2, 4
SENT, ESTABLISHED, FIN = 1, 3, 4


def watch() -> Watch:
    made = Watch()
    made.configure([ip_network("10.0.0.0/24")])
    return made


def flow(protocol: int = TCP, status: int = 0, state: int | None = SENT, port: int = 80, **changes: Any) -> Flow:
    values = {"source": A, "destination": B, "reply_source": B, "reply_destination": A, **changes}
    return Flow(
        protocol,
        source_port=5000,
        destination_port=port,
        reply_source_port=port,
        reply_destination_port=5000,
        **{"status": status, "tcp_state": state if protocol == TCP else None, "key": b"1", **values},
    )


def everyone(address: object) -> bool:
    return True


@pytest.mark.parametrize(("protocol", "after"), [(TCP, 1.2), (UDP, 1.5)])
def test_an_answer_that_does_not_come(protocol: int, after: float) -> None:
    made = watch()
    assert made.take(flow(protocol), "new", 10.0) == Heard(B, port=80 if protocol == TCP else None)
    assert made.next_deadline() == pytest.approx(10 + after)
    assert made.due(10 + after - 0.01, everyone) == []
    assert made.due(10 + after, everyone) == [Doubt(B, protocol, 80, A)]
    made.take(flow(protocol), "listed", 20.0)
    assert made.due(99.0, everyone) == [], "each is told once"


def test_an_answer_is_evidence_when_it_comes_and_not_later() -> None:
    made = watch()
    made.take(flow(), "new", 10.0)
    answered = flow(status=SEEN | ASSURED, state=ESTABLISHED)
    assert made.take(answered, "changed", 10.1) == Heard(B, True, True, 80)
    assert made.take(flow(status=SEEN | ASSURED, state=FIN), "changed", 99.0) == Heard(B, port=80)
    assert made.take(answered, "listed", 99.0) == Heard(B, port=80)
    assert made.due(99.0, everyone) == []


def test_a_flow_that_ends_is_no_evidence() -> None:
    made = watch()
    made.take(flow(), "new", 10.0)
    assert made.take(flow(status=SEEN), "ended", 10.5) is None
    assert made.due(99.0, everyone) == []


@pytest.mark.parametrize("what", ["new", "changed", "listed"])
def test_what_is_hidden_tells_only_that_a_port_is_used(what: str) -> None:
    made = watch()
    hidden = flow(status=SEEN, state=ESTABLISHED, reply_destination=OWN)
    assert made.take(hidden, what, 10.0) == Heard(B, port=80)
    assert made.due(99.0, everyone) == []


def test_a_map_hides_nothing() -> None:
    made = Watch()
    real, shown = ip_network("10.0.0.0/24"), ip_network("10.9.9.0/24")
    made.configure([real, shown], [(real, shown)])
    mapped = {"reply_destination": ip_address("10.9.9.1")}
    made.take(flow(**mapped), "new", 1.0)
    assert made.take(flow(status=SEEN, state=ESTABLISHED, **mapped), "changed", 1.1) == Heard(B, True, False, 80)
    assert made.take(flow(reply_destination=A), "new", 1.0) == Heard(B, port=80)


def test_what_the_host_begins() -> None:
    made = watch()
    back = {"source": B, "destination": A, "reply_source": A, "reply_destination": B}
    assert made.take(flow(**back), "new", 1.0) == Heard(B)
    assert made.take(flow(status=SEEN | ASSURED, state=ESTABLISHED, **back), "changed", 1.0) == Heard(B, True, True)
    assert made.take(flow(status=SEEN | ASSURED, state=FIN, **back), "changed", 1.0) == Heard(B, False, True)
    assert made.take(flow(status=SEEN | ASSURED, state=ESTABLISHED, **back), "listed", 1.0) == Heard(B)
    assert made.take(flow(UDP, SEEN | ASSURED, **back), "changed", 1.0) == Heard(B, True, False)
    turned = {**back, "reply_destination": ip_address("10.0.0.2")}
    assert made.take(flow(status=SEEN | ASSURED, state=ESTABLISHED, **turned), "changed", 1.0) == Heard(B)


@pytest.mark.parametrize("port", [9, 162, 514, 2055, 6343, 33434, 33534])
def test_ports_that_nobody_answers(port: int) -> None:
    made = watch()
    made.take(flow(UDP, port=port), "new", 1.0)
    assert made.next_deadline() is None


def test_a_port_that_is_closed_has_answered() -> None:
    """The kernel takes the refusal for no answer, and may tell of the flow after it."""
    for refused in (9.9, 10.1):
        made = watch()
        made.closed(B, 5300, refused)
        made.take(flow(UDP, port=5300), "new", 10.0)
        made.take(flow(UDP, port=5301, key=b"2"), "new", 10.0)
        made.take(flow(TCP, port=5300, key=b"3"), "new", 10.0)
        assert sorted(doubt[1:3] for doubt in made.due(99.0, everyone)) == [(TCP, 5300), (UDP, 5301)]
        made.take(flow(UDP, port=5300, key=b"4"), "new", 30.0)
        assert made.due(99.0, everyone) == [Doubt(B, UDP, 5300, A)], "that was long ago"
    for number in range(6000):
        made.closed(B, number, 40.0)
    assert len(made._closed) <= 1024


def test_a_udp_port_that_answers_who_hides_and_nobody_else() -> None:
    made = watch()

    def silent(key: bytes) -> list[bool]:
        made.take(flow(UDP, port=161, key=key), "new", 10.0)
        return [doubt.silent for doubt in made.due(99.0, everyone)]

    assert [silent(b"1"), silent(b"2")] == [[False], [False]], "it may be off"
    made.take(flow(UDP, SEEN, port=161, reply_destination=OWN), "changed", 5.0)
    assert [silent(b"3"), silent(b"4")] == [[False], [True]], "one datagram may be lost"
    for ends in (lambda: made.take(flow(UDP, SEEN, port=161), "changed", 5.0), lambda: made.closed(B, 161, 0.0)):
        made.take(flow(UDP, SEEN, port=161, reply_destination=OWN), "changed", 5.0)
        silent(b"5" + bytes([len(made._told)]))
        ends()
        assert [silent(b"6" + bytes([len(made._told)])), silent(b"7" + bytes([len(made._told)]))] == [[False], [False]]
    for number in range(6000):
        made.take(flow(UDP, SEEN, port=number, reply_destination=OWN), "changed", 5.0)
    assert len(made._served) <= 1024


def test_other_flows() -> None:
    made = watch()
    assert made.take(flow(destination=ip_address("10.0.0.9"), reply_source=ip_address("10.0.0.9")), "new", 1.0) is None
    assert made.take(flow(source=ip_address("192.0.2.1")), "new", 1.0) is None
    assert made.take(flow(source=ip_address("fd00::1"), destination=ip_address("fd00::2")), "new", 1.0) is None
    assert made.take(flow(ICMP), "new", 1.0) == Heard(B)
    assert made.next_deadline() is None


def test_a_host_that_is_not_routed_is_left_alone_and_memory_is_bounded() -> None:
    made = watch()
    for number in range(6000):
        made.take(flow(key=number.to_bytes(4, "big"), port=number), "new", 1.0)
    assert made.due(5.0, lambda address: False) == []
    for number in range(6000):
        made.take(flow(key=number.to_bytes(4, "big"), port=number), "new", 6.0)
    assert len(made.due(9.0, everyone)) <= 4096
    assert len(made._told) <= 1024
