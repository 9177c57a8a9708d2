"""One socket with its speaker: what is sent and when, faults, floods, and sockets that break; the socket is played."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise

import pytest

from routerd.config.model import Rip
from routerd.model import Network
from routerd.rip import door_service
from routerd.rip.door_service import Door
from routerd.rip.farewell_service import say_farewell
from routerd.rip.message import RESPONSE, Rte, encode_rte
from routerd.rip.sequence_service import SequenceStore
from routerd.rip.speaker import Speaker
from routerd.rip.words import Version
from routerd.rip_part import RipLan, RipLearned, RipRoute
from routerd.system.sockets_rip import Received, RipSocketError

NETWORK, OWN = IPv4Network("192.168.200.0/24"), IPv4Address("192.168.200.2")
ROUTE = RipRoute(IPv4Network("10.0.0.0/24"))
INNER = IPv4Network("172.16.1.0/24")


class Played:
    """A socket that hears what `heard` holds. `failure`: why none can be had, `broken`: it does not work any more."""

    failure: RipSocketError | None = None
    made: list["Played"]

    def __init__(self, interface: str, index: int, address: IPv4Address) -> None:
        if Played.failure is not None:
            raise Played.failure
        self.address = address
        self.sent: list[bytes] = []
        self.heard: list[Received] = []
        self.broken = False
        self._near, self._far = socket.socketpair()
        Played.made.append(self)

    def hear(self, *datagrams: Received) -> None:
        """Datagrams come."""
        self.heard += datagrams
        self._far.send(b"!")

    def receive(self) -> Received:
        if self.broken:
            raise OSError(100, "Network is down")
        if not self.heard:
            self._near.recv(4096)
            raise BlockingIOError
        return self.heard.pop(0)

    def send(self, data: bytes, address: str, port: int) -> None:
        self.sent.append(data)

    def verify(self) -> None:
        if self.broken:
            raise OSError(100, "Network is down")

    def others_speak(self) -> str | None:
        return None

    def fileno(self) -> int:
        return self._near.fileno()

    def close(self) -> None:
        self._near.close()
        self._far.close()


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Played.failure, Played.made = None, []
    monkeypatch.setattr(door_service, "RipSocket", Played)
    yield
    for made in Played.made:
        made.close()


def lan(**settings: object) -> RipLan:
    own = Rip(learn=True, imports=(IPv4Network("172.16.0.0/12"),), **settings)  # type: ignore[arg-type]
    return RipLan("lan0", 2, 1500, OWN, frozenset((OWN,)), (NETWORK,), NETWORK.broadcast_address, own)


def response(last: int = 6, prefix: Network = INNER, metric: int = 1) -> Received:
    entry = encode_rte(Rte(int(prefix.network_address), prefix.prefixlen, 0, metric))
    return Received(bytes((RESPONSE, 2, 0, 0)) + entry, f"192.168.200.{last}", 520, None, True)


def opened(learned: Callable[[int, dict[Network, RipLearned | None]], None] = lambda link, changes: None) -> Door:
    door = Door(Version.V2, lan(), SequenceStore(), learned)
    door.apply(lan(), (), [ROUTE])
    return door


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(5.0):
        while not probe():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def updates(made: Played) -> list[bytes]:
    return [data for data in made.sent if data[0] == RESPONSE]


def test_it_asks_and_announces_as_soon_as_it_is_open() -> None:
    async def play() -> None:
        door = opened()
        (made,) = Played.made
        await until(lambda: len(made.sent) >= 2)
        assert sorted(data[0] for data in made.sent) == [1, 2]
        door.close()
        assert not door.is_open

    asyncio.run(play())


def test_what_changes_leaves_at_once_and_a_reload_sends_nothing() -> None:
    async def play() -> None:
        door = opened()
        (made,) = Played.made
        await until(lambda: updates(made))
        count = len(made.sent)
        door.apply(lan(), (), [ROUTE])
        await asyncio.sleep(0.02)
        assert len(made.sent) == count
        door.announce([])
        await until(lambda: len(made.sent) > count)
        assert made.sent[-1][-1] == 16
        assert len(Played.made) == 1, "the socket survives"
        door.close()

    asyncio.run(play())


def test_a_fault_in_one_packet_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Speaker.receive

    def faulty(self: Speaker, datagram: door_service.Datagram, now: float, unix_now: float) -> None:
        if datagram.data == b"deadly":
            raise ZeroDivisionError
        receive(self, datagram, now, unix_now)

    monkeypatch.setattr(Speaker, "receive", faulty)
    found: dict[Network, RipLearned | None] = {}

    async def play() -> None:
        door = opened(lambda link, changes: found.update(changes))
        Played.made[0].hear(Received(b"deadly", "192.168.200.6", 520, None, True), response())
        await until(lambda: INNER in found)
        report = door.report()
        assert report is not None
        assert report.counters["faults"] == 1
        door.close()

    asyncio.run(play())


def test_a_flood_leaves_turns_to_others() -> None:
    async def play() -> None:
        door = opened()
        made = Played.made[0]
        made.hear(*(response(last=3 + number % 50) for number in range(1000)))
        left = []
        while made.heard:
            left.append(len(made.heard))
            await asyncio.sleep(0)
        assert max(earlier - later for earlier, later in pairwise(left)) <= 16
        door.close()

    asyncio.run(play())


def test_a_socket_that_breaks_is_opened_again_and_everything_is_told_anew() -> None:
    async def play() -> None:
        door = opened()
        first = Played.made[0]
        await until(lambda: updates(first))
        first.broken = True
        first.hear(response())
        await until(lambda: len(Played.made) == 2)
        await until(lambda: updates(Played.made[1]))
        assert door.is_open
        door.close()

    asyncio.run(play())


def test_a_socket_that_cannot_be_had_is_tried_again_and_again() -> None:
    async def play() -> None:
        Played.failure = RipSocketError("ripd (process 7) speaks RIPv2 there already", "stop it", rival=True)
        door = opened()
        assert door.error is Played.failure
        assert not door.check().ok
        now = asyncio.get_running_loop().time()
        door.tick(now)
        assert not door.is_open
        Played.failure = None
        door.tick(now + 10.0)
        assert door.is_open
        assert door.error is None
        await until(lambda: updates(Played.made[0]))
        door.close()

    asyncio.run(play())


def test_what_was_learned_is_forgotten_with_the_link() -> None:
    found: dict[Network, RipLearned | None] = {}

    async def play() -> None:
        door = opened(lambda link, changes: found.update(changes))
        Played.made[0].hear(response())
        await until(lambda: found.get(INNER) is not None)
        door.close()
        assert found == {INNER: None}
        door.open()
        await until(lambda: any(data[0] == 1 for data in Played.made[1].sent))
        door.close()

    asyncio.run(play())


def test_after_the_farewell_nothing_is_said_any_more() -> None:
    async def play() -> None:
        door = opened()
        (made,) = Played.made
        await until(lambda: updates(made))
        await say_farewell([door])
        assert [data[-1] for data in made.sent[-3:]] == [16, 16, 16]
        count = len(made.sent)
        made.hear(Received(bytes((1, 2)) + bytes(21) + b"\x10", "192.168.200.6", 520, None, True))
        door.announce([ROUTE])
        await asyncio.sleep(0.05)
        assert len(made.sent) == count
        door.apply(lan(), (), [ROUTE])
        await until(lambda: made.sent[-1][-1] == 1)
        door.close()

    asyncio.run(play())
