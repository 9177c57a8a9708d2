"""Signs of life of one peer: what its device counts, less what probes caused."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from routerd.model import PeersPart, ProbeTarget, WireGuardDevice, WireGuardPeer
from routerd.peers.roster import Roster
from routerd.peers.sends import Outcome

KEY = ("vpn", "a")
A = ProbeTarget("a", "vpn", "KEY-A", ip_address("10.0.0.1"), "icmp", 10.0, "wg0")
PEER = WireGuardPeer("KEY-A", rx_bytes=1000)


class Device:
    """A device that is looked at every 1.5 s."""

    def __init__(self, target: ProbeTarget = A) -> None:
        self.roster, self.now, self.peer = Roster(), 100.0, PEER
        self.roster.apply(PeersPart((target,)), self.now, 1000.0)
        self.look(0)

    def look(self, more: int) -> None:
        self.now += 1.5
        self.peer = replace(self.peer, rx_bytes=self.peer.rx_bytes + more)
        self.roster.observed({"vpn": WireGuardDevice("wg0", None, 1, (self.peer,))}, self.now, 1000.0)

    def probe(self, answered: bool = True) -> None:
        self.roster.probe_sent(KEY)
        if answered:
            self.roster.outcome(Outcome(KEY, 0.01), self.now)

    @property
    def traffic(self) -> float | None:
        return dict(self.roster.report(self.roster.entries()[0], 0.0).evidence)["traffic"]


def test_bytes_that_come_are_evidence_from_the_look_before_on() -> None:
    device = Device()
    assert (device.traffic, device.roster.fresh()) == (None, [])
    before = device.now
    device.look(32)
    assert device.traffic == device.now
    assert device.roster.fresh() == [(KEY, before)]
    device.look(0)
    assert device.traffic == device.now - 1.5
    assert device.roster.fresh() == []


@pytest.mark.parametrize(("more", "counts"), [(80, False), (80 + 148, False), (5000, True)])
def test_answers_to_probes_are_not(more: int, counts: bool) -> None:
    device = Device()
    device.probe()
    device.look(more)
    assert (device.traffic is not None) is counts


def test_an_answer_that_comes_after_the_look_is_not_either() -> None:
    device = Device()
    device.probe(answered=False)
    device.look(0)
    device.look(80)
    assert device.traffic is None
    device.roster.outcome(Outcome(KEY, 0.01), device.now)
    device.look(0)
    device.look(32)
    assert device.traffic == device.now


def test_a_connection_may_take_more() -> None:
    device = Device(replace(A, kind="https://10.0.0.1/"))
    device.probe()
    device.look(9000)
    assert device.traffic is None


def test_counters_that_begin_anew() -> None:
    device = Device()
    device.look(-900)
    assert device.traffic is None
    device.look(32)
    assert device.traffic == device.now


def test_an_update_of_the_target_is_no_look() -> None:
    device = Device()
    device.look(32)
    device.roster.fresh()
    device.roster.apply(PeersPart((replace(A, interval=1.0),)), device.now + 1.0, 1000.0)
    assert device.roster.fresh() == []
    assert device.traffic == device.now
