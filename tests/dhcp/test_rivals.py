"""Other DHCP servers: when it is asked, what answers mean, and the packets on the LAN."""

from ipaddress import IPv4Address
from random import Random

import pytest

from routerd.dhcp.frame import udp_frame
from routerd.dhcp.message import decode_message, encode_reply
from routerd.dhcp.rival_wire import MARK, Answer, is_question, questions, read_answer
from routerd.dhcp.rivals import Own, Phase, Rival, Rivals
from tests.dhcp.scene import MAC_B, message

OWN_ADDRESS = IPv4Address("192.168.200.2")
OWN_MAC = bytes.fromhex("020000000002")
OWN = Own(frozenset({int(OWN_ADDRESS), 0x0A000001}), frozenset({OWN_MAC}))
THEIRS = int(IPv4Address("192.168.200.1"))
THEIR_MAC = bytes.fromhex("020000000001")
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK = range(1, 7)


class Watch:
    """A `Rivals` and a clock: `run` lets time pass, as the service would."""

    def __init__(self, *, ask: bool = True) -> None:
        self.now = 1000.0
        self.rivals = Rivals(OWN, Random(1), self.now, ask=ask)
        self.asked: list[float] = []
        self.xid = 0

    def run(self, seconds: float) -> None:
        """Let time pass, with every deadline met."""
        end = self.now + seconds
        while (deadline := self.rivals.next_deadline()) <= end:
            self.now = max(self.now, deadline)
            xid = self.rivals.on_deadline(self.now)
            if xid is not None:
                self.asked.append(round(self.now - 1000.0, 3))
                self.xid = xid
        self.now = end

    def answer(self, server: int = THEIRS, *, mac: bytes = THEIR_MAC, local: bool = False, own: bool = True) -> None:
        """A server answers our question, or with `own` False somebody else's."""
        self.rivals.receive(Answer(server, self.xid if own else self.xid ^ 1), mac, self.now, local=local)

    @property
    def phase(self) -> Phase:
        return self.rivals.phase

    def found(self) -> list[str]:
        return [rival.text() for rival in self.rivals.found()]


# ---------------------------------------------------------------- when


def test_it_serves_after_three_questions_that_nobody_answers() -> None:
    watch = Watch()
    watch.run(0.44)
    assert (watch.phase, watch.asked) == (Phase.ASKING, [0.0, 0.15, 0.3])
    watch.run(0.02)
    assert watch.phase is Phase.SERVING
    watch.run(299.0)
    assert len(watch.asked) == 3
    watch.run(2.0)
    assert watch.asked[3:] == [300.0, 300.15, 300.3]


def test_who_need_not_ask_serves_at_once_and_asks_beside() -> None:
    watch = Watch(ask=False)
    assert watch.phase is Phase.SERVING
    watch.run(0.1)
    assert watch.asked == [0.0]
    watch.answer()
    watch.run(10.0)
    assert watch.phase is Phase.SERVING
    assert watch.found() == ["192.168.200.1 (02:00:00:00:00:01)"]


def test_an_answer_keeps_it_from_serving_until_a_question_stays_unanswered() -> None:
    watch = Watch()
    watch.run(0.1)
    watch.answer()
    assert watch.phase is Phase.REFUSING
    for question in (10.0, 20.0):
        watch.run(10.0)
        assert watch.asked[-1] == question
        watch.answer()
        assert watch.phase is Phase.REFUSING
    watch.run(13.8)
    assert watch.phase is Phase.REFUSING
    watch.run(0.2)
    assert (watch.phase, watch.found()) == (Phase.SERVING, [])


def test_a_late_answer_to_the_first_question_stops_serving() -> None:
    watch = Watch()
    watch.run(3.0)
    assert watch.phase is Phase.SERVING
    watch.answer(own=False)
    assert watch.phase is Phase.SERVING
    watch.answer()
    assert watch.phase is Phase.REFUSING
    watch.run(10.1)
    assert watch.asked[-1] == 13.0


def test_after_five_seconds_serving_goes_on() -> None:
    watch = Watch()
    watch.run(5.1)
    watch.answer()
    assert (watch.phase, len(watch.found())) == (Phase.SERVING, 1)


def test_an_answer_to_another_question_is_not_late() -> None:
    watch = Watch()
    watch.run(1.0)
    watch.rivals.requested(THEIRS, watch.now)
    watch.run(0.1)
    watch.answer()
    assert (watch.phase, len(watch.found())) == (Phase.SERVING, 1)


def test_a_busy_loop_does_not_conclude_before_answers_can_come() -> None:
    watch = Watch()
    assert watch.rivals.on_deadline(1000.0)
    for now in (1002.0, 1002.0):
        assert watch.rivals.on_deadline(now)
    assert watch.rivals.on_deadline(1002.05) is None
    assert watch.phase is Phase.ASKING
    assert watch.rivals.on_deadline(1002.1) is None
    assert watch.phase is Phase.SERVING


def test_while_serving_a_rival_is_asked_every_minute_until_it_is_gone() -> None:
    watch = Watch()
    watch.run(300.1)
    watch.answer()
    watch.run(10.0)
    assert (watch.phase, len(watch.found())) == (Phase.SERVING, 1)
    watch.run(50.0)
    assert watch.asked[-1] == 360.0
    watch.run(5.0)
    assert watch.found() == []
    watch.run(290.0)
    assert watch.asked[-1] == 360.3


def test_who_is_told_to_serve_does_so() -> None:
    watch = Watch()
    watch.run(0.1)
    watch.answer()
    watch.rivals.insist()
    watch.run(30.0)
    assert watch.phase is Phase.SERVING


# ---------------------------------------------------------------- who


@pytest.mark.parametrize(("server", "mac"), [(int(OWN_ADDRESS), THEIR_MAC), (0x0A000001, THEIR_MAC), (THEIRS, OWN_MAC)])
def test_own_addresses_and_own_macs_are_no_rivals(server: int, mac: bytes) -> None:
    watch = Watch()
    watch.run(0.1)
    watch.answer(server, mac=mac)
    watch.run(1.0)
    assert (watch.phase, watch.found()) == (Phase.SERVING, [])


def test_another_process_here_is_a_rival_even_with_our_address() -> None:
    watch = Watch()
    watch.run(0.1)
    watch.answer(int(OWN_ADDRESS), local=True, own=False)
    assert watch.phase is Phase.ASKING
    watch.answer(int(OWN_ADDRESS), local=True)
    assert watch.phase is Phase.REFUSING
    (rival,) = watch.rivals.found()
    assert rival.text("dnsmasq (process 7)") == "dnsmasq (process 7) on this machine, as 192.168.200.2"
    assert rival.text() == "another process on this machine, as 192.168.200.2"


def test_a_rival_with_several_servers_is_shown_with_all() -> None:
    watch = Watch()
    watch.run(0.1)
    watch.answer(THEIRS + 2)
    watch.answer(THEIRS)
    assert watch.found() == ["192.168.200.1 (02:00:00:00:00:01)", "192.168.200.3 (02:00:00:00:00:01)"]
    for number in range(100):
        watch.answer(THEIRS + 10 + number)
    assert len(watch.found()) == 8


def test_what_other_clients_are_answered_counts_for_ten_minutes() -> None:
    watch = Watch()
    watch.run(30.0)
    watch.answer(own=False)
    watch.run(580.0)
    assert (watch.phase, len(watch.found())) == (Phase.SERVING, 1)
    watch.run(90.0)
    assert watch.found() == []


def test_a_client_that_chooses_another_server_is_a_reason_to_ask() -> None:
    watch = Watch()
    watch.run(30.0)
    watch.rivals.requested(int(OWN_ADDRESS), watch.now)
    watch.rivals.requested(0, watch.now)
    watch.run(1.0)
    assert watch.asked[-1] == 0.3
    watch.rivals.requested(THEIRS, watch.now)
    assert watch.found() == ["192.168.200.1 (a client chose it)"]
    watch.run(0.1)
    assert watch.asked[-1] == 31.0
    watch.answer()
    assert watch.found() == ["192.168.200.1 (02:00:00:00:00:01)"]
    watch.run(70.0)
    assert (watch.phase, watch.rivals.found()) == (Phase.SERVING, ())


def test_many_clients_that_choose_it_do_not_make_many_questions() -> None:
    watch = Watch(ask=False)
    watch.run(30.0)
    for _ in range(50):
        watch.rivals.requested(THEIRS, watch.now)
        watch.run(0.5)
    assert len(watch.asked) == 6
    assert watch.rivals.found() == (Rival(IPv4Address(THEIRS)),)


# ---------------------------------------------------------------- packets


def test_the_questions() -> None:
    discover, inform = questions(OWN_MAC, OWN_ADDRESS, 0x01020304)
    for packet, kind, source in ((discover, 1, b"\0" * 4), (inform, 8, OWN_ADDRESS.packed)):
        assert (packet[0], packet[9]) == (0x45, 17)
        assert (packet[12:16], packet[16:20]) == (source, b"\xff" * 4)
        assert packet[20:24] == bytes((0, 68, 0, 67))
        asked = decode_message(packet[28:])
        assert (asked.op, asked.xid, asked.flags, asked.chaddr) == (1, 0x01020304, 0x8000, OWN_MAC)
        assert (asked.options[53], asked.options[61]) == (bytes((kind,)), MARK + OWN_MAC)
        assert asked.ciaddr.to_bytes(4, "big") == source
        assert is_question(asked)
        assert read_answer(packet) is None
    assert not is_question(decode_message(message(DISCOVER)))


def packet(payload: bytes, *, source: int = THEIRS, port: int = 68) -> bytes:
    """An IPv4 packet from a server to a client."""
    frame = udp_frame(
        payload,
        source_mac=THEIR_MAC,
        destination_mac=MAC_B,
        source=source,
        destination=0xFFFFFFFF,
        source_port=67,
        destination_port=port,
    )
    return frame[14:]


def reply(kind: int, server: bytes | None = bytes((192, 168, 200, 9)), yiaddr: int = 0xC0A8C864) -> bytes:
    """A server's message."""
    options = bytes((53, 1, kind)) + (b"" if server is None else bytes((54, len(server))) + server)
    return encode_reply(decode_message(message(DISCOVER, xid=77)), yiaddr=yiaddr, options=options)


@pytest.mark.parametrize("kind", [OFFER, ACK, NAK])
def test_answers_are_read(kind: int) -> None:
    assert read_answer(packet(reply(kind))) == Answer(int(IPv4Address("192.168.200.9")), 77)
    assert read_answer(packet(reply(kind)) + b"\0" * 20) == Answer(int(IPv4Address("192.168.200.9")), 77)


@pytest.mark.parametrize("server", [None, b"", b"\0\0\0\0", b"\1\2\3"])
def test_without_a_server_identifier_the_sender_counts(server: bytes | None) -> None:
    assert read_answer(packet(reply(ACK, server))) == Answer(THEIRS, 77)
    assert read_answer(packet(reply(ACK, server), source=0)) is None


def test_a_boot_server_that_offers_no_address_is_no_rival() -> None:
    assert read_answer(packet(reply(OFFER, yiaddr=0))) is None
    assert read_answer(packet(reply(ACK, yiaddr=0))) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x45",
        b"\x4f" + b"\0" * 30,
        packet(message(OFFER)),
        packet(reply(DISCOVER)),
        packet(reply(OFFER), port=67),
        packet(reply(OFFER))[:200],
        packet(reply(OFFER))[:28],
        packet(b"x" * 300),
        packet(reply(OFFER)).replace(b"\x63\x82\x53\x63", b"\0\0\0\0"),
    ],
)
def test_anything_else_is_ignored(data: bytes) -> None:
    assert read_answer(data) is None


def test_hostile_packets_never_raise() -> None:
    rng = Random(7)
    whole = packet(reply(OFFER))
    for _ in range(3000):
        data = bytearray(whole[: rng.randrange(len(whole) + 1)])
        for _ in range(rng.randrange(6)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        read_answer(bytes(data))
