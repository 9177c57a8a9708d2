"""Reading in turns: what is answered at once, what waits, what is given up, and sockets that fail meanwhile."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable

import pytest

from routerd.dhcp import intake_service
from routerd.dhcp.flood import MOST_WAITING
from routerd.dhcp.intake_service import Reader, Source
from tests.dhcp.scene import message

DISCOVER, REQUEST = 1, 3
BROADCAST = b"\xff" * 4
NOBODY = ("0.0.0.0", 68)


class Sockets:
    """Datagrams that wait, in place of the kernel's queue."""

    def __init__(self) -> None:
        self.waiting: deque[bytes | OSError] = deque()
        self.lost = 0

    def filenos(self) -> tuple[int, ...]:
        """None to wait on: the test says when there is something to read."""
        return ()

    def receive(self, descriptor: int) -> tuple[bytes, bytes, Source]:
        """The next datagram, or the next error."""
        if not self.waiting:
            raise BlockingIOError
        found = self.waiting.popleft()
        if isinstance(found, OSError):
            raise found
        return found, BROADCAST, NOBODY

    def unread(self) -> bool:
        """Is there a next one?"""
        return bool(self.waiting)

    def dropped(self) -> int:
        """What did not fit."""
        return self.lost


class Scene:
    """A reader whose messages are noted instead of answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(intake_service, "clock", lambda: self.now)
        self.counters: Counter[str] = Counter()
        self.sockets = Sockets()
        self.handled: list[bytes] = []
        self.turns: list[int] = []
        self.failures: list[OSError] = []
        self.also: Callable[[], None] = lambda: None
        self.reader = Reader("lan0", self.counters, self._handle, self._pump, self._failed)
        self.reader.start(self.sockets)  # type: ignore[arg-type]

    def _handle(self, payload: bytes, destination: bytes, source: Source, now: float) -> None:
        self.handled.append(payload)
        self.also()

    def _pump(self) -> None:
        self.turns.append(len(self.handled) - sum(self.turns))

    def _failed(self, error: OSError) -> None:
        self.failures.append(error)
        self.reader.stop()

    def read(self) -> None:
        """The socket is readable."""
        self.reader._readable(0)

    async def settle(self) -> None:
        """Let all turns be taken."""
        for _ in range(200):
            await asyncio.sleep(0)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def datagrams(count: int, kind: int = DISCOVER, start: int = 0) -> list[bytes]:
    return [message(kind, mac=b"\2\3" + n.to_bytes(4, "big"), xid=n) for n in range(start, start + count)]


def test_what_fits_one_turn_is_answered_at_once_in_order(scene: Scene) -> None:
    sent = datagrams(64)
    scene.sockets.waiting.extend(sent)
    scene.read()
    assert (scene.handled, scene.turns) == (sent, [64])
    assert scene.counters == {"pkt4-received": 64}


def test_more_is_answered_in_turns(scene: Scene) -> None:
    async def play() -> None:
        sent = datagrams(500)
        scene.sockets.waiting.extend(sent)
        scene.read()
        assert len(scene.handled) == 64
        assert len(scene.sockets.waiting) == 0, "all of it is read, so that the oldest can be given up"
        await scene.settle()
        assert scene.handled == sent

    asyncio.run(play())
    assert max(scene.turns) == 64
    assert +scene.counters == {"pkt4-received": 500}


def test_one_wake_up_is_bounded_and_new_messages_wait_behind_old_ones(scene: Scene) -> None:
    async def play() -> None:
        scene.sockets.waiting.extend(datagrams(3000))
        scene.read()
        assert len(scene.sockets.waiting) == 3000 - 1024
        late = datagrams(1, start=9000)
        scene.sockets.waiting.clear()
        scene.sockets.waiting.extend(late)
        scene.read()
        assert len(scene.handled) == 64
        await scene.settle()
        assert scene.handled[-1] == late[0]

    asyncio.run(play())


def test_the_oldest_are_given_up(scene: Scene) -> None:
    async def play() -> None:
        sent = datagrams(6000)
        scene.sockets.waiting.extend(sent)
        while scene.sockets.waiting:
            scene.read()
        scene.sockets.lost = 7
        scene.sockets.waiting.extend(datagrams(65, start=8000))
        scene.read()
        await scene.settle()
        assert scene.handled[:64] == sent[:64]
        assert scene.handled[64] not in sent[:1500]

    asyncio.run(play())
    lost = 6000 + 65 - 64 - MOST_WAITING
    assert scene.counters["pkt4-queue-full"] == lost + 7
    assert scene.counters["pkt4-receive-drop"] == lost + 7
    assert len(scene.handled) == 64 + MOST_WAITING


def test_what_is_stale_is_given_up(scene: Scene) -> None:
    async def play() -> None:
        scene.sockets.waiting.extend(datagrams(200))
        scene.read()
        scene.now += 10.0
        await scene.settle()

    asyncio.run(play())
    assert len(scene.handled) == 64
    assert scene.counters["pkt4-queue-full"] == 200 - 64


def test_a_flood_of_discovers_leaves_requests_half_of_every_turn(scene: Scene) -> None:
    async def play() -> None:
        wanted = datagrams(32, REQUEST, start=7000)
        scene.sockets.waiting.extend([*datagrams(900), *wanted])
        scene.read()
        await asyncio.sleep(0)
        assert set(wanted) <= set(scene.handled)
        assert len(scene.handled) == 128

    asyncio.run(play())


def test_who_sends_too_much_is_logged_once_a_minute(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    mad = message(DISCOVER, mac=b"\2\3\4\5\6\7")
    with caplog.at_level(logging.WARNING, "routerd.dhcp"):
        for _ in range(30):
            scene.sockets.waiting.extend([mad] * 60)
            scene.read()
            scene.now += 1.0
    assert len(scene.handled) < 800
    assert scene.counters["pkt4-limit-exceeded"] == 1800 - len(scene.handled)
    assert [record.getMessage() for record in caplog.records] == [
        "lan lan0: client 02:03:04:05:06:07 sends more than 20 messages a second; those beyond are dropped"
    ]


def test_a_socket_that_fails_ends_the_reading(scene: Scene) -> None:
    scene.sockets.waiting.extend([*datagrams(3), OSError("gone"), *datagrams(3)])
    scene.read()
    assert len(scene.handled) == 3
    assert [str(error) for error in scene.failures] == ["gone"]
    assert not scene.reader.reading
    scene.read()
    assert len(scene.handled) == 3


def test_a_message_may_close_the_sockets(scene: Scene) -> None:
    async def play() -> None:
        scene.sockets.waiting.extend(datagrams(500))
        scene.read()
        scene.also = scene.reader.stop
        await scene.settle()

    asyncio.run(play())
    # The turn that had begun is finished; what waited for another one is forgotten.
    assert len(scene.handled) <= 128
    assert not scene.reader.reading


def test_what_waits_and_is_not_read_is_noticed_the_second_time(scene: Scene) -> None:
    assert scene.reader.hears()
    assert scene.reader.hears()
    scene.sockets.waiting.extend(datagrams(2))
    assert scene.reader.hears(), "it may have come just now"
    assert not scene.reader.hears()
    assert not scene.reader.hears()
    scene.read()
    assert scene.reader.hears()


def test_a_flood_that_is_read_is_no_silence(scene: Scene) -> None:
    async def play() -> None:
        for _ in range(5):
            scene.sockets.waiting.extend(datagrams(3000))
            scene.read()
            assert scene.sockets.waiting
            assert scene.reader.hears()
            await scene.settle()

    asyncio.run(play())


def test_sockets_that_are_closed_are_no_silence(scene: Scene) -> None:
    scene.sockets.waiting.extend(datagrams(2))
    assert scene.reader.hears()
    scene.reader.stop()
    assert scene.reader.hears()
    assert scene.reader.hears()
