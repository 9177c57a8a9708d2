"""What measurements send one after another, and what they find."""

import random
from ipaddress import IPv4Address

import pytest

from routerd.hosts.frames import Answer
from routerd.hosts.return_path import Sign
from routerd.hosts.rounds import Rounds
from routerd.hosts.steps import End, Result, Saw, Send, What

NEAR, LAN, HOST = IPv4Address("10.0.0.2"), IPv4Address("192.168.200.2"), IPv4Address("192.168.200.22")
KEY = ("lan0", HOST)
OWN, ROUTER = bytes((2, 0, 0, 0, 0, 0x22)), bytes((2, 0, 0, 0, 0, 1))


class Play:
    """Rounds with a clock, and the packets that came out last."""

    def __init__(self, **options: bool) -> None:
        self.rounds, self.now = Rounds(random.Random(3)), 0.0
        self.ends: list[End] = []
        self.saw: list[Saw] = []
        self.sent: list[Send] = []
        self.take(self.rounds.begin(KEY, 0.0, 22, **{"resolved": True, "proven": False, **options}))

    def take(self, result: Result) -> None:
        self.sent = result.sends
        self.saw += result.saw
        self.ends += result.ends

    def wait(self) -> list[What]:
        at = self.rounds.next_deadline()
        assert at is not None
        self.now = at
        self.take(self.rounds.on_deadline(at))
        return [send.what for send in self.sent]

    def say(
        self, kind: str, source: bytes = OWN, *, lan: bool = False, number: int | None = None, **changes: int
    ) -> list[What]:
        """An answer to what was sent last from that side."""
        if number is None:
            mine = self.rounds._rounds[KEY]
            number = (mine.lan_number if lan else mine.number) + (kind != "echo") & 0xFFFFFFFF
        port = changes.get("port", 0 if kind == "echo" else 22)
        answer = Answer(kind, HOST, LAN if lan else NEAR, port, 50000, number, 77)
        self.take(self.rounds.heard(KEY, answer, source, OWN, self.now, lan=lan))
        return [send.what for send in self.sent]

    @property
    def kinds(self) -> list[tuple[str, bytes]]:
        return [(saw.kind, saw.source) for saw in self.saw]


def whats(play: Play) -> list[What]:
    return [send.what for send in play.sent]


def test_direct_answers_end_it() -> None:
    play = Play()
    assert whats(play) == [What.SYN]
    assert play.say("syn-ack") == [What.RST]
    assert (play.kinds, play.ends) == ([("tcp", OWN)], [End(KEY, 0, True, 22, True)])
    assert len(play.rounds) == 0
    play = Play()
    assert play.say("rst") == []
    assert play.ends == [End(KEY, 0, True, 22, True)]
    play = Play()
    assert play.wait() == [What.ECHO]
    assert play.say("echo") == []
    assert (play.kinds, play.ends) == ([("echo", OWN)], [End(KEY, 0, True, 22, False)])


def test_the_link_layer_address_comes_first() -> None:
    play = Play(resolved=False)
    assert whats(play) == [What.ARP]
    play.take(play.rounds.resolved(KEY, 0.1))
    assert whats(play) == [What.SYN]
    play = Play(resolved=False)
    play.wait()
    assert play.ends == [End(KEY, 0, False, 22, False, absent=True)]


def test_silence_of_a_host_that_was_never_proven() -> None:
    play = Play()
    assert [play.wait(), play.wait()] == [[What.ECHO], []]
    assert play.ends == [End(KEY, 0, False, 22)]
    hasty = Play(hasty=True)
    assert whats(hasty) == [What.SYN, What.ECHO]
    assert hasty.wait() == []


def test_a_proven_host_that_is_silent_everywhere_has_lost_nothing() -> None:
    play = Play(proven=True)
    assert [play.wait(), play.wait(), play.wait()] == [[What.ECHO], [What.SYN, What.ECHO], [What.ARP]]
    assert play.ends == []
    play.take(play.rounds.resolved(KEY, play.now))
    assert play.ends == [End(KEY, 0, False, 22)]
    away = Play(proven=True)
    assert [away.wait() for _ in range(4)][-1] == []
    assert away.ends == [End(KEY, 0, False, 22, absent=True)]


@pytest.mark.parametrize("kind", ["echo", "rst", "syn-ack"])
def test_a_proven_host_that_answers_the_lan_alone_has_lost_its_way(kind: str) -> None:
    play = Play(proven=True)
    play.wait()
    play.wait()
    assert [send.vpn for send in play.sent] == [None, None]
    said = play.say(kind, lan=True)
    assert said == [*([What.RST] if kind == "syn-ack" else []), What.SYN, What.ECHO]
    assert [send.vpn for send in play.sent][-2:] == [0, 0]
    assert play.wait() == []
    assert play.ends == [End(KEY, 0, False, 22, verdict=Sign.LOST)]
    again = Play(proven=True)
    again.wait()
    again.wait()
    again.say(kind, lan=True)
    again.say("echo")
    assert again.ends == [End(KEY, 0, True, 22)]


def test_through_a_router_the_middle_of_a_connection_must_pass() -> None:
    play = Play()
    assert play.say("syn-ack", ROUTER) == [What.FAR]
    assert (play.sent[0].theirs, play.kinds) == (77, [])
    assert play.say("syn-ack", ROUTER) == []
    assert play.say("ack", ROUTER) == [What.RST]
    assert (play.kinds, play.ends) == ([("tcp", ROUTER)], [End(KEY, 0, True, 22, True)])


def test_a_router_that_drops_the_middle() -> None:
    play = Play()
    play.say("syn-ack", ROUTER)
    assert play.wait() == [What.RST, What.ECHO]
    play.say("echo", ROUTER)
    assert play.ends == []
    play.wait()
    assert play.kinds == [("packet", ROUTER), ("echo", ROUTER)]
    assert play.ends == [End(KEY, 0, True, 22)]


def hidden(play: Play) -> None:
    """The ACK comes with the router's address."""
    number = play.rounds._rounds[KEY].number + 1 & 0xFFFFFFFF
    gw = ("lan0", IPv4Address("192.168.200.4"))
    answer = Answer("ack", gw[1], NEAR, 22, 50000, number, 77)
    play.take(play.rounds.heard(gw, answer, ROUTER, ROUTER, play.now, lan=False))


def test_a_router_that_hides_its_hosts() -> None:
    play = Play()
    play.say("syn-ack", ROUTER)
    hidden(play)
    assert whats(play) == [What.RST]
    assert (play.kinds, play.ends) == ([], [End(KEY, 0, False, 22)])
    play.take(play.rounds.begin(KEY, 1.0, 23, resolved=True, proven=False))
    play.say("rst", ROUTER, port=23)
    assert play.kinds == [("packet", ROUTER)]
    proven = Play(proven=True)
    proven.say("syn-ack", ROUTER)
    hidden(proven)
    assert proven.ends == [End(KEY, 0, False, 22, verdict=Sign.LOST)]


def test_a_reset_through_another_router_is_proof() -> None:
    play = Play()
    play.say("rst", ROUTER)
    assert play.kinds == [("tcp", ROUTER)]


WRONG: list[dict[str, int]] = [{"number": 5}, {"lan": True, "number": 9}, {"port": 23}]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [*((kind, one) for kind in ("syn-ack", "rst", "ack") for one in WRONG), ("echo", WRONG[0]), ("echo", WRONG[1])],
)
def test_forged_answers_are_passed_over(kind: str, wrong: dict[str, int]) -> None:
    play = Play()
    assert play.say(kind, **wrong) == []  # type: ignore[arg-type]
    assert (play.saw, play.ends, len(play.rounds)) == ([], [], 1)


def test_an_ack_alone_is_no_answer_to_a_syn() -> None:
    play = Play()
    play.say("ack", ROUTER)
    assert (play.saw, play.ends) == ([], [])


@pytest.mark.parametrize(
    ("from_lan", "from_vpn", "verdict"),
    [(True, False, Sign.UNANSWERED), (True, True, None), (False, True, None)],
)
def test_doubt(from_lan: bool, from_vpn: bool, verdict: Sign | None) -> None:
    play = Play()
    play.take(play.rounds.doubt(KEY, 0.5, 80))
    assert [(send.what, send.vpn, send.port) for send in play.sent] == [(What.SYN, 0, 80), (What.SYN, None, 80)]
    assert play.rounds.doubt(KEY, 0.6, 81).sends == []
    if from_lan:
        assert play.say("syn-ack", lan=True, port=80) == [What.RST]
    if from_vpn:
        play.say("syn-ack", port=80)
    else:
        assert play.wait() == [What.SYN, What.ECHO], "once more: a packet may be lost"
        assert play.say("echo") == []
        while len(play.rounds):
            play.wait()
        assert play.now <= 1.41
    withheld = None if verdict is None else "tcp"
    assert play.ends == [End(KEY, 0, True, 80, from_vpn, verdict=verdict, doubt=True, withheld=withheld)]


@pytest.mark.parametrize("udp", [False, True])
def test_doubt_of_a_host_that_is_silent_everywhere(udp: bool) -> None:
    """It may be another machine now, or none; that is no verdict."""
    for present in (False, True):
        play = Play()
        play.take(play.rounds.doubt(KEY, 0.0, 80, udp=udp, silent=udp))
        assert play.wait() == [What.ARP]
        if present:
            play.take(play.rounds.resolved(KEY, play.now))
        else:
            assert play.wait() == []
        assert play.ends == [End(KEY, 0, False, 80, absent=not present, doubt=True)]


TCP_LAN, TCP_VPN, ECHO_LAN, ECHO_VPN = ("rst", True), ("rst", False), ("echo", True), ("echo", False)


@pytest.mark.parametrize(
    ("answers", "withheld"),
    [
        ([TCP_LAN, ECHO_LAN], "tcp"),
        ([TCP_LAN, ECHO_LAN, ECHO_VPN], "tcp"),
        ([ECHO_LAN], "echo"),
        ([ECHO_LAN, ECHO_VPN], None),
        ([ECHO_VPN], None),
        ([ECHO_VPN, TCP_LAN, TCP_VPN], None),
        ([TCP_VPN], None),
        ([ECHO_LAN, TCP_VPN], None),
    ],
)
@pytest.mark.parametrize("silent", [False, True])
def test_doubt_of_udp(answers: list[tuple[str, bool]], withheld: str | None, silent: bool) -> None:
    """Nothing is sent to the port itself; what the same host gives to one side and not to the other tells."""
    play = Play()
    play.take(play.rounds.doubt(KEY, 0.0, 5300, udp=True, silent=silent))
    asked = [(send.what, send.vpn) for send in play.sent]
    assert asked == [(What.SYN, 0), (What.ECHO, 0), (What.SYN, None), (What.ECHO, None)], "the VPN's side comes first"
    for kind, lan in answers:
        play.say(kind, lan=lan, **({} if kind == "echo" else {"port": 5300}))
    while len(play.rounds):
        play.wait()
    (end,) = play.ends
    unanswered = silent or withheld is not None
    assert (end.verdict, end.withheld) == (Sign.UNANSWERED if unanswered else None, withheld)
    assert play.now <= 0.91


def test_one_lost_packet_is_no_verdict() -> None:
    play = Play()
    play.take(play.rounds.doubt(KEY, 0.0, 80))
    play.say("syn-ack", lan=True, port=80)
    play.wait()
    assert play.say("syn-ack", port=80) == [What.RST]
    assert play.ends == [End(KEY, 0, True, 80, True, doubt=True)]


def test_a_host_that_is_forgotten() -> None:
    play = Play()
    play.rounds.forget(KEY)
    assert play.rounds.on_deadline(9.0) == Result()
    assert play.rounds.next_deadline() is None
