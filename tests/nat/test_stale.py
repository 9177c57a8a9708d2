"""Which flows are ended: only those whose translation works no more."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from routerd.flows import TCP, UDP, Flow
from routerd.nat.stale import after_change, concerned, without_way_back
from routerd.nat_part import NatPart, Strategy
from tests.nat.parts import ALIAS, HERE, HOST, LAN, PEER, PLAIN, VPN, forward

ANSWERED = 0x2 | 0x4
MAPPED = replace(PLAIN, vpns=(replace(VPN, mapped=(ip_network("10.0.0.0/24"), ip_network("10.9.9.0/24"))),))


def flow(
    source, destination, port, to=None, to_port=0, seen_as=None, *, status=ANSWERED, protocol=TCP, state=3
) -> Flow:
    """A flow from port 4000; `to` and `seen_as` where they differ."""
    to, seen_as = to or destination, seen_as or source
    return Flow(
        *(protocol, source, destination, 4000, port, to, seen_as, to_port or port, 4000),
        status=status,
        tcp_state=state if protocol == TCP else None,
    )


THROUGH = replace(PLAIN, forwards=(forward(8080, 80), forward(9000, 100, last=9003)), aliases=(ALIAS,))
BY_FORWARD = flow(HOST, HERE, 8080, PEER, 80, ip_address("10.0.0.2"))
BY_RANGE = flow(HOST, HERE, 9002, PEER, 102)
TO_ALIAS = flow(HOST, ALIAS.address, 22, PEER)
FROM_ALIAS = flow(PEER, HOST, 22, seen_as=ALIAS.address)
TO_MAPPED = flow(HOST, ip_address("10.9.9.7"), 22, ip_address("10.0.0.7"))
FROM_MAPPED = flow(ip_address("10.0.0.7"), HOST, 22, seen_as=ip_address("10.9.9.7"))
OWN_SSH = flow(HOST, HERE, 22)
FOREIGN = flow(HOST, HERE, 8080, ip_address("172.17.0.2"), 80)
ALL = [BY_FORWARD, BY_RANGE, TO_ALIAS, FROM_ALIAS, TO_MAPPED, FROM_MAPPED, OWN_SSH, FOREIGN]


@pytest.mark.parametrize(
    ("old", "new", "ended"),
    [
        (THROUGH, THROUGH, []),
        (THROUGH, replace(THROUGH, forwards=THROUGH.forwards[1:]), [BY_FORWARD]),
        (THROUGH, replace(THROUGH, forwards=()), [BY_FORWARD, BY_RANGE]),
        (THROUGH, replace(THROUGH, forwards=(forward(8080, 81), THROUGH.forwards[1])), [BY_FORWARD]),
        (THROUGH, replace(THROUGH, forwards=(forward(8080, 80, masquerade=False), THROUGH.forwards[1])), []),
        (THROUGH, replace(THROUGH, forwards=(THROUGH.forwards[0], forward(9001, 101, last=9003))), []),
        (THROUGH, replace(THROUGH, aliases=()), [TO_ALIAS, FROM_ALIAS]),
        (THROUGH, replace(THROUGH, lans=(replace(LAN, strategy=Strategy.MASQUERADE),)), []),
        (MAPPED, PLAIN, [TO_MAPPED, FROM_MAPPED]),
        (PLAIN, MAPPED, []),
        (THROUGH, NatPart(), [BY_FORWARD, BY_RANGE, TO_ALIAS, FROM_ALIAS]),
    ],
)
def test_only_what_was_cut_off_is_ended(old: NatPart, new: NatPart, ended: list[Flow]) -> None:
    assert list(after_change(ALL, old, new)) == ended
    networks = concerned(old, new)
    for one in ended:
        assert any(one.source in network or one.destination in network for network in networks)
    if old == new:
        assert networks == []


def test_what_has_no_answer_yet_takes_the_new_way() -> None:
    early = flow(HOST, HERE, 8080, status=0, state=1)
    syn = flow(HOST, ALIAS.address, 22, status=0, state=1)
    talking, elsewhere = flow(HOST, HERE, 8080), flow(HOST, HERE, 8080, status=0, protocol=UDP)
    towards = flow(PEER, HOST, 53, status=0, protocol=UDP)
    hidden = flow(PEER, HOST, 54, seen_as=HERE, status=0, protocol=UDP)
    flows = [early, syn, talking, elsewhere, towards, hidden]
    assert list(after_change(flows, NatPart(), THROUGH)) == [early, syn, towards]


def test_a_host_without_way_back_loses_what_goes_on_otherwise() -> None:
    """Connections are not ended: masqueraded from their middle they would be reset, and their way may come again."""
    open_, syn = flow(PEER, HOST, 22), flow(PEER, HOST, 22, status=0, state=1)
    talk, asked = flow(PEER, HOST, 5060, protocol=UDP), flow(PEER, HOST, 53, status=0, protocol=UDP)
    sctp = flow(PEER, HOST, 2905, protocol=132)
    hidden, own = flow(PEER, HOST, 22, seen_as=HERE, status=0), flow(HOST, PEER, 22, status=0)
    other = flow(PEER, ip_address("192.168.200.23"), 22, status=0)
    flows = [open_, syn, talk, asked, sctp, hidden, own, other]
    assert list(without_way_back(flows, {HOST: False}, PLAIN)) == [syn, asked]
    assert list(without_way_back(flows, {HOST: True}, PLAIN)) == [syn, talk, asked]


def test_a_flow_in_words() -> None:
    text = "tcp 192.168.200.22:4000 to 192.168.200.2:8080, which is 10.0.0.1:80, as 10.0.0.2:4000"
    assert str(BY_FORWARD) == text
    six = flow(ip_address("fd00::1"), ip_address("fd00::2"), 53, protocol=UDP)
    assert str(six) == "udp [fd00::1]:4000 to [fd00::2]:53"
