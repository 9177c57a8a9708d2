"""What keeps a flood of messages from costing other clients their answers: a bounded queue, and limits by client.

Pure. Never by source address: behind a relay agent all clients have the same one, and on the link none has any.
"""

from collections import Counter, deque
from typing import Generic, TypeVar

from routerd.dhcp import options as opt
from routerd.dhcp.message import DISCOVER, Message

T = TypeVar("T")

MOST_WAITING = 4096
"""Messages of one kind that wait, about what comes in a second at most; older ones are given up for newer ones."""
LONGEST_WAITING = 1500
"""Bytes of a message that may wait: one of several frames is no client's, and many would cost much memory."""
PATIENCE = 2.0
"""Seconds after which a client has asked again, or will soon: clients wait for 3 to 5 (RFC 2131 section 4.1)."""
BURST = 100
RATE = 20.0
"""A client's messages a second in the long run. Real ones (dhclient, dhcpcd, udhcpc, systemd-networkd) send three at
most, on a flapping link and when they are refused; the rest is for many clients of one machine, and for benches."""
MOST_CLIENTS = 4096

# Where things are in a message that is not decoded yet.
_XID, _GIADDR_CHADDR = slice(4, 8), slice(24, 44)
_HLEN, _CHADDR, _CHADDR_SIZE = 2, 28, 16
_OPTIONS = 240
_ZEROS = frozenset(bytes(size) for size in range(_CHADDR_SIZE + 1))
_LONGEST_CLIENT_ID = 255
_TELL_EVERY = 60.0


class Backlog(Generic[T]):
    """Messages that were read faster than they are answered. The newest stay: who waited for long has asked again.

    DISCOVERs wait apart from all else and get half of every turn, so that a flood of them leaves clients that renew,
    reboot or take their offer alone, and the other way round.
    """

    def __init__(self, most: int = MOST_WAITING, patience: float = PATIENCE) -> None:
        self._most, self._patience = most, patience
        self._discovers: deque[tuple[float, T, bytes]] = deque()
        self._others: deque[tuple[float, T, bytes]] = deque()
        self._asked: set[bytes] = set()
        self.given_up = 0
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._discovers) + len(self._others)

    def add(self, payload: bytes, item: T, now: float) -> None:
        """Let `item`, whose UDP payload this is, wait for its turn; counted in `repeated` if it waits already.

        The oldest of its kind is given up for it, and counted in `given_up`, where too many wait.
        """
        if len(payload) > LONGEST_WAITING:
            self.given_up += 1
            return
        if not is_discover(payload):
            self._others.append((now, item, b""))
            if len(self._others) > self._most:
                self._others.popleft()
                self.given_up += 1
            return
        # By relay agent too: where two forward one message, each waits for an answer of its own.
        key = payload[_XID] + payload[_GIADDR_CHADDR]
        if key in self._asked:
            self.repeated += 1
            return
        self._asked.add(key)
        self._discovers.append((now, item, key))
        if len(self._discovers) > self._most:
            self._asked.discard(self._discovers.popleft()[2])
            self.given_up += 1

    def take(self, count: int, now: float) -> list[T]:
        """The next `count` items at most, less those that waited for longer than clients do."""
        half = count // 2
        others = min(len(self._others), max(half, count - len(self._discovers)))
        turn = [self._others.popleft() for _ in range(others)]
        for _ in range(min(len(self._discovers), count - others)):
            entry = self._discovers.popleft()
            self._asked.discard(entry[2])
            turn.append(entry)
        fresh = [item for added, item, _ in turn if now - added <= self._patience]
        self.given_up += len(turn) - len(fresh)
        return fresh


class Limits:
    """How many messages one client may send: `burst` at once, and `rate` a second. Bounded memory.

    A client is remembered as long as it goes on, or until `most` others have come.
    """

    def __init__(self, rate: float = RATE, burst: int = BURST, most: int = MOST_CLIENTS) -> None:
        self._cost, self._allowed, self._most = 1.0 / rate, (burst - 0.5) / rate, most
        # When the bucket of each client is full again; two generations, the older one is forgotten as a whole.
        self._young: dict[bytes, float] = {}
        self._old: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def exceeded(self, client: bytes, now: float) -> bool:
        """Does this message of the client's come too fast? One that does is not counted."""
        young = self._young
        full = young.get(client)
        if full is None:
            full = self._old.get(client, now)
            if len(young) >= self._most:
                self._old = young
                self._young = young = {}
        if full <= now:
            young[client] = now + self._cost
            return False
        if full - now > self._allowed:
            young[client] = full
            return True
        young[client] = full + self._cost
        return False


class Intake(Generic[T]):
    """The limits and the queue of one LAN's messages, with what they cost in the counters (named as Kea's)."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._limits = Limits()
        self._backlog: Backlog[T] = Backlog()
        self._refused: bytes | None = None
        self._tell_from = 0.0

    def __len__(self) -> int:
        return len(self._backlog)

    def admits(self, payload: bytes, now: float) -> bool:
        """May this message be read, as far as its hardware address goes?"""
        hardware = hardware_of(payload)
        return not (hardware and self._limits.exceeded(hardware, now) and self._refuse(hardware))

    def admits_client(self, message: Message, now: float) -> bool:
        """May this message, which was admitted already, be answered as far as its client identifier goes?"""
        client = message.options.get(opt.CLIENT_ID)
        if client is None or client[1:] == message.chaddr or not 0 < len(client) <= _LONGEST_CLIENT_ID:
            return True
        key = bytes((opt.CLIENT_ID, len(client))) + client
        return not (self._limits.exceeded(key, now) and self._refuse(message.chaddr))

    def wait(self, payload: bytes, item: T, now: float) -> None:
        """Queue an admitted message."""
        self._backlog.add(payload, item, now)

    def turn(self, count: int, now: float) -> list[T]:
        """The messages to answer now."""
        backlog, counters = self._backlog, self._counters
        items = backlog.take(count, now)
        for name, lost in (("pkt4-queue-full", backlog.given_up), ("pkt4-duplicate", backlog.repeated)):
            if lost:
                counters[name] += lost
                counters["pkt4-receive-drop"] += lost
        backlog.given_up = backlog.repeated = 0
        return items

    def to_tell(self, now: float) -> bytes | None:
        """The hardware address of a client that was limited, for the log: one a minute at most, else None."""
        refused, self._refused = self._refused, None
        if refused is None or now < self._tell_from:
            return None
        self._tell_from = now + _TELL_EVERY
        return refused

    def clear(self) -> None:
        """Forget what waits."""
        self._backlog = Backlog()

    def _refuse(self, hardware: bytes) -> bool:
        self._counters["pkt4-limit-exceeded"] += 1
        self._counters["pkt4-receive-drop"] += 1
        self._refused = hardware
        return True


def is_discover(payload: bytes) -> bool:
    """Is the first message type in a message that is not decoded yet that of a DISCOVER? Most clients, not all, begin
    their options with it.
    """
    offset, last = _OPTIONS, len(payload) - 3
    while offset <= last:
        code = payload[offset]
        if code == opt.MESSAGE_TYPE:
            return payload[offset + 2] == DISCOVER
        if code == 255:
            return False
        offset += 2 + payload[offset + 1] if code else 1
    return False


def hardware_of(payload: bytes) -> bytes:
    """The hardware address in a message that is not decoded yet; b"" where it tells no clients apart."""
    size = payload[_HLEN] if len(payload) > _CHADDR else 0
    field = payload[_CHADDR : _CHADDR + (size if size < _CHADDR_SIZE else _CHADDR_SIZE)]
    return b"" if field in _ZEROS else field
