"""Asks for other DHCP servers on one LAN and listens for them: the sockets and the timer of `Rivals`."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from random import Random
from time import CLOCK_BOOTTIME, clock_gettime

from routerd.dhcp.rival_wire import questions, read_answer
from routerd.dhcp.rivals import Own, Phase, Rivals
from routerd.model import DhcpPart
from routerd.system.port_holders import Holder
from routerd.system.sockets_rivals import RivalSocket

log = logging.getLogger("routerd.dhcp")

_LOOPBACK = ("lo", 1)
_PACKETS_A_WAKE_UP = 64


class RivalWatch:
    """Says by `phase` whether DHCP may be served, and calls `changed` when that or what is found changes.

    `others` gives the sockets of other processes of this machine that may hear the LAN's clients.
    """

    def __init__(
        self,
        part: DhcpPart,
        own: Own,
        *,
        ask: bool,
        changed: Callable[[], None],
        others: Callable[[], list[Holder]],
    ) -> None:
        self._part = part
        self._changed, self._others = changed, others
        self._rivals = Rivals(own, Random(), _clock(), ask=ask)
        self._ears: dict[str, RivalSocket] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._local = ""

    @property
    def phase(self) -> Phase:
        """Whether to serve."""
        return self._rivals.phase

    @property
    def listening(self) -> bool:
        """Is the LAN's socket open?"""
        return self._part.interface in self._ears

    def found(self) -> str:
        """The other servers in words, "" if there is none."""
        return ", ".join(one.text(self._local) for one in self._rivals.found())

    def configure(self, part: DhcpPart, own: Own, *, insist: bool) -> None:
        """Ask from this address from now on; `insist`: serve whatever is found."""
        self._part, self._rivals.own = part, own
        if insist:
            self._rivals.insist()

    def open(self) -> None:
        """Listen, and ask in time. Raises OSError."""
        if not self.listening:
            self._listen(self._part.interface, self._part.index)
            self._on_time()

    def close(self) -> None:
        """Stop asking and listening; what was found is kept."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for name in list(self._ears):
            self._stop(name)

    def requested(self, server: bytes) -> None:
        """A client asked for an address from the server with this address."""
        if len(server) == 4:
            self._tell(partial(self._rivals.requested, int.from_bytes(server, "big")))
            self._schedule()

    # ------------------------------------------------------------ inside

    def _tell(self, what: Callable[[float], object]) -> None:
        before = self.phase, self._rivals.found()
        what(_clock())
        if (self.phase, self._rivals.found()) != before:
            self._changed()

    def _on_time(self) -> None:
        # Answers that wait to be read must count before a question is concluded.
        for name in list(self._ears):
            self._read(name)
        self._tell(self._ask)
        self._schedule()

    def _ask(self, now: float) -> None:
        xid = self._rivals.on_deadline(now)
        lan = self._ears.get(self._part.interface)
        if xid is None or lan is None:
            return
        discover, inform = questions(self._part.mac, self._part.address, xid)
        try:
            if self._others():
                self._listen(*_LOOPBACK)
                lan.send_looped(inform)
            else:
                lan.send(inform)
            lan.send(discover)
        except OSError as error:
            log.debug("lan %s: a question could not be sent: %s", self._part.interface, error)

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self.listening:
            delay = max(0.0, self._rivals.next_deadline() - _clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_time)

    def _listen(self, name: str, index: int) -> None:
        if name not in self._ears:
            self._ears[name] = RivalSocket(name, index)
            asyncio.get_running_loop().add_reader(self._ears[name].fileno(), self._read, name)

    def _stop(self, name: str) -> None:
        ear = self._ears.pop(name, None)
        if ear is not None:
            asyncio.get_running_loop().remove_reader(ear.fileno())
            ear.close()

    def _read(self, name: str) -> None:
        for _ in range(_PACKETS_A_WAKE_UP):
            ear = self._ears.get(name)
            if ear is None:
                return
            try:
                packet, mac = ear.receive()
            except BlockingIOError:
                return
            except OSError as error:
                log.debug("lan %s: listening on %s failed: %s", self._part.interface, name, error)
                self._stop(name)
                return
            self._hear(packet, mac, name == _LOOPBACK[0])

    def _hear(self, packet: bytes, mac: bytes, local: bool) -> None:
        answer = read_answer(packet)
        if answer is None:
            return
        if local and not self._local:
            names = (holder.name() for holder in self._others())
            self._local = next((name for name in names if name is not None), "")
        self._tell(lambda now: self._rivals.receive(answer, mac, now, local=local))
        self._schedule()


def _clock() -> float:
    return clock_gettime(CLOCK_BOOTTIME)
