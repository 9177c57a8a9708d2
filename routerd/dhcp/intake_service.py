"""Reads the messages of one LAN, in turns, so that a flood neither stops routerd nor makes it answer what is stale."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

from routerd.dhcp.flood import RATE, Intake
from routerd.system.sockets_dhcp import DhcpSockets

log = logging.getLogger("routerd.dhcp")

_MESSAGES_A_TURN = 64
_MOST_A_WAKE_UP = 1024

Source = tuple[str, int]
"""Address and UDP port."""
Datagram = tuple[bytes, bytes, Source]
"""Payload, the address it was sent to, who sent it."""
Handle = Callable[[bytes, bytes, Source, float], None]


def clock() -> float:
    """Seconds of a clock that never steps and goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Reader:
    """Hands every message that is admitted to `handle`, and calls `pump` after each turn.

    `failed` is called with the error of a socket that cannot be read any more.
    """

    def __init__(
        self,
        lan: str,
        counters: Counter[str],
        handle: Handle,
        pump: Callable[[], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self.intake: Intake[Datagram] = Intake(counters)
        self._lan, self._counters = lan, counters
        self._handle, self._pump, self._failed = handle, pump, failed
        self._sockets: DhcpSockets | None = None
        self._dropped = 0
        self._turn: asyncio.Handle | None = None
        self._held = False
        self._reads = 0
        self._waiting_since: int | None = None
        """How many reads there were when something waited the last time that `hears` looked."""

    @property
    def reading(self) -> bool:
        """Are messages read?"""
        return self._sockets is not None

    def hears(self) -> bool:
        """False where something waits that waited at the last call already, and nothing was read in between."""
        before = self._waiting_since
        waits = self._sockets is not None and self._sockets.unread()
        self._waiting_since = self._reads if waits else None
        return not waits or before != self._reads

    def start(self, sockets: DhcpSockets) -> None:
        """Read from these sockets from now on."""
        self._sockets, self._dropped = sockets, 0
        for descriptor in sockets.filenos():
            asyncio.get_running_loop().add_reader(descriptor, self._readable, descriptor)

    def stop(self) -> None:
        """Read no more, and forget what waits for its turn; before the sockets are closed."""
        if self._sockets is not None:
            for descriptor in self._sockets.filenos():
                asyncio.get_running_loop().remove_reader(descriptor)
        self._sockets = None
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self.intake.clear()

    def hold(self, held: bool) -> None:
        """Let messages wait instead of being handled, as long as this is so."""
        self._held = held
        if held and self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._take_turn_soon()

    def _take_turn_soon(self) -> None:
        if len(self.intake) and self._turn is None and not self._held:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)

    def _readable(self, descriptor: int) -> None:
        """Answer what came. Where more than a turn's worth waits, read on, so that the oldest can be given up."""
        now, intake, handle = clock(), self.intake, self._handle
        self._reads += 1
        read, queued = 0, self._held or len(intake) > 0
        while read < _MOST_A_WAKE_UP and (datagram := self._receive(descriptor)) is not None:
            read += 1
            payload, destination, source = datagram
            if not intake.admits(payload, now):
                continue
            if queued or read > _MESSAGES_A_TURN:
                intake.wait(payload, datagram, now)
            else:
                handle(payload, destination, source, now)
        self._counters["pkt4-received"] += read
        if read > _MESSAGES_A_TURN:
            self._count_dropped()
        self._take_turn_soon()
        self._tell(now)
        self._pump()

    def _take_turn(self) -> None:
        now, intake = clock(), self.intake
        self._turn = None
        for payload, destination, source in intake.turn(_MESSAGES_A_TURN, now):
            self._handle(payload, destination, source, now)
        self._take_turn_soon()
        self._pump()

    def _receive(self, descriptor: int) -> Datagram | None:
        # A message that is handled may close the sockets.
        if self._sockets is None:
            return None
        try:
            return self._sockets.receive(descriptor)
        except BlockingIOError:
            return None
        except OSError as error:
            self._failed(error)
            return None

    def _count_dropped(self) -> None:
        """Where the kernel's queue was full, it gave up messages before they could be read."""
        if self._sockets is None:
            return
        dropped = self._sockets.dropped()
        for name in ("pkt4-queue-full", "pkt4-receive-drop"):
            self._counters[name] += dropped - self._dropped
        self._dropped = dropped

    def _tell(self, now: float) -> None:
        limited = self.intake.to_tell(now)
        if limited is not None:
            text = "lan %s: client %s sends more than %d messages a second; those beyond are dropped"
            log.warning(text, self._lan, limited.hex(":"), RATE)
