"""What flows, neighbours and answers make of hosts together: which are doubted, and how that ends."""

import random
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.flows import TCP, UDP, Flow
from routerd.hosts.book import Book
from routerd.hosts.frames import Answer
from routerd.hosts.judge import Judge
from routerd.hosts.lans import MeasuredLan, measured_lans
from routerd.hosts.return_path import HOLD
from routerd.hosts.steps import Result, Send, What
from routerd.nat_part import HostState, NatLan, NatPart, NatVpn, Strategy
from routerd.reports import ReturnPath

A, NEAR, LAN, HOST = (IPv4Address(text) for text in ("10.0.0.1", "10.0.0.2", "192.168.200.2", "192.168.200.22"))
KEY = ("lan0", HOST)
OWN, OTHER = bytes((2, 0, 0, 0, 0, 0x22)), bytes((2, 0, 0, 0, 0, 0x99))
VPN = IPv4Network("10.0.0.0/24")
TCP_VPN, TCP_LAN, ECHO_VPN, ECHO_LAN = (What.SYN, 0), (What.SYN, None), (What.ECHO, 0), (What.ECHO, None)
EVERY = {TCP_VPN, TCP_LAN, ECHO_VPN, ECHO_LAN}


def auto(host: HostState) -> tuple[Strategy, bool]:
    proven = host.return_path in (ReturnPath.DIRECT, ReturnPath.VIA_ROUTER)
    return (Strategy.SITE_GATEWAY if proven else Strategy.MASQUERADE), False


def measured() -> dict[str, MeasuredLan]:
    vpn = NatVpn("vpn", (VPN,), "wg0", (NEAR,), mtu=1420)
    return measured_lans(NatPart((vpn,), (NatLan("lan0", (IPv4Network("192.168.200.0/24"),), (LAN,), ("vpn",)),)))


class Play:
    """A judge, and one host with the link-layer address `mac` that answers what `gives` holds, at once."""

    def __init__(self) -> None:
        self.judge, self.now = Judge(Book(), random.Random(3)), 0.0
        self.judge.take_over({name: (auto, lan) for name, lan in measured().items()}, 0.0)
        self.judge.watch.configure([VPN])
        self.mac: bytes | None = OWN
        self.gives = set(EVERY)
        self.sent: list[Send] = []
        self.judge.found(KEY, 0.0, mac=OWN)
        self.until(5.0)
        assert self.state() is ReturnPath.DIRECT

    def state(self) -> ReturnPath:
        return self.judge.book.hosts[KEY].path.state

    def until(self, end: float) -> None:
        """Let time pass."""
        while self.now < end:
            self.now = round(self.now + 0.1, 3)
            self.judge.tick(self.now)
            self.take([*self.judge.on_deadline(self.now), *self.judge.begin(self.now, lambda lan: True)])

    def take(self, results: list[Result]) -> None:
        for send in [send for result in results for send in result.sends]:
            self.sent.append(send)
            if send.what is What.ARP and self.mac is not None:
                self.take([self.judge.resolved(KEY, self.mac, self.now)])
            elif self.mac is not None and self._hears(send):
                kind, number, port = ("rst", send.number + 1 & 0xFFFFFFFF, send.port)
                if send.what is What.ECHO:
                    kind, number, port = "echo", send.number, 0
                answer = Answer(kind, HOST, LAN if send.vpn is None else NEAR, port, 50000, number)
                self.take([self.judge.answered(KEY, answer, self.mac, self.now, lan=send.vpn is None)])

    def _hears(self, send: Send) -> bool:
        return self.mac == self.judge.book.hosts[KEY].mac and (send.what, send.vpn) in self.gives

    def knock(self, protocol: int, port: int = 5300, key: bytes = b"1") -> None:
        """A datagram or SYN of a peer, and time to find out."""
        state = 1 if protocol == TCP else None
        flow = Flow(protocol, A, HOST, 5000, port, HOST, A, port, 5000, tcp_state=state, key=key)
        self.judge.flow(flow, "new", self.now)
        self.until(self.now + 3.0)


@pytest.mark.parametrize("port", [9, 5300, 33434])
def test_a_datagram_without_an_answer_is_nothing_where_the_way_back_works(port: int) -> None:
    """The program may be a silent one, or there is none."""
    play = Play()
    play.knock(UDP, port)
    assert play.state() is ReturnPath.DIRECT


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_host_that_is_off_is_not_lan_only(protocol: int) -> None:
    play = Play()
    play.mac = None
    play.knock(protocol)
    assert play.state() is ReturnPath.DIRECT
    play.until(300.0)
    assert play.state() is ReturnPath.UNKNOWN


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("gives", [{TCP_LAN, ECHO_LAN, ECHO_VPN}, {ECHO_LAN}])
def test_what_answers_its_own_subnet_alone_is_lan_only(protocol: int, gives: set[tuple[What, int | None]]) -> None:
    play = Play()
    play.gives = gives
    play.knock(protocol)
    # By TCP alone nothing is known of a host that is silent to both.
    known = protocol == UDP or TCP_LAN in gives
    assert (play.state() is ReturnPath.LAN_ONLY) == known


def test_lan_only_ends_when_the_vpn_is_given_what_it_was_denied() -> None:
    play = Play()
    play.gives = {TCP_LAN, ECHO_LAN, ECHO_VPN}
    play.knock(UDP)
    play.until(play.now + 600.0)
    assert play.state() is ReturnPath.LAN_ONLY, "an echo is no news"
    play.gives = set(EVERY)
    play.until(play.now + 40.0)
    assert play.state() is ReturnPath.DIRECT
    assert play.judge.book.hosts[KEY].path.relapses == 1
    assert [move.path.state.value for move in play.judge.book.moves] == ["direct", "lan-only", "unknown", "direct"]


def test_lan_only_ends_with_its_time() -> None:
    """The port that was in doubt is asked for meanwhile, and no other one proves anything."""
    play = Play()
    play.gives = {TCP_LAN, ECHO_LAN, ECHO_VPN}
    play.knock(TCP, 8080)
    play.sent.clear()
    play.until(play.now + HOLD - 10)
    assert play.state() is ReturnPath.LAN_ONLY
    assert {send.port for send in play.sent if send.what is What.SYN} == {8080}
    play.until(play.now + 100.0)
    assert play.state() is ReturnPath.DIRECT, "by its echo"


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_flow_without_an_answer_finds_another_machine(protocol: int) -> None:
    play = Play()
    play.mac, play.gives = OTHER, {TCP_LAN, ECHO_LAN}
    play.knock(protocol)
    host = play.judge.book.hosts[KEY]
    assert (host.path.state, host.mac, host.strategy) == (ReturnPath.UNKNOWN, OTHER, Strategy.MASQUERADE)


def test_the_kernel_tells_of_another_machine() -> None:
    play = Play()
    play.judge.neighbour(KEY, OWN, play.now)
    play.sent.clear()
    play.until(play.now + 1.0)
    assert play.sent == []
    play.judge.neighbour(KEY, OTHER, play.now)
    play.until(play.now + 1.0)
    assert play.state() is ReturnPath.DIRECT, "the kernel's entry was an old one"
    assert [send.what for send in play.sent][:1] == [What.ARP]
    play.until(play.now + 10.0)
    play.mac, play.gives = OTHER, {TCP_LAN, ECHO_LAN}
    play.judge.neighbour(KEY, OTHER, play.now)
    play.until(play.now + 1.0)
    host = play.judge.book.hosts[KEY]
    assert (host.path.state, host.mac) == (ReturnPath.UNKNOWN, OTHER)
    play.gives = set(EVERY)
    play.until(play.now + 60.0)
    assert play.state() is ReturnPath.DIRECT


def test_a_silent_host_is_asked_for_its_link_layer_address() -> None:
    """So that another machine is found within one measurement, also after it was silent for long."""
    for silent in (0.0, 70.0):
        play = Play()
        play.mac = None
        play.until(play.now + silent)
        assert play.state() is ReturnPath.DIRECT
        play.mac, play.gives = OTHER, {TCP_LAN, ECHO_LAN}
        play.until(play.now + 34.0)
        host = play.judge.book.hosts[KEY]
        assert (host.path.state, host.mac) == (ReturnPath.UNKNOWN, OTHER)
        assert play.judge.book.moves[-1].sign.name == "RESET"
