"""The ICMP sockets of probes: one for each link, opened again by itself when it broke."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from routerd.model import Address
from routerd.peers import echo
from routerd.peers.links import Backoff
from routerd.peers.sends import Link, Send
from routerd.system.sockets_icmp import IcmpSocket
from routerd.wire import WireError

log = logging.getLogger("routerd.peers")

_READS = 64
_VERIFY_INTERVAL = 0.25

OnReply = Callable[[Link, Address, echo.Reply], None]


class Door:
    """The socket of one link, or why there is none."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.socket: IcmpSocket | None = None
        self.backoff = Backoff()


class IcmpDoors:
    """All ICMP sockets. `on_reply` is called for every echo reply, `on_read` after each bounded number of them.

    `on_mended` is called with a link that works again.
    """

    def __init__(self, on_reply: OnReply, on_read: Callable[[], None], on_mended: Callable[[Link], None]) -> None:
        self._on_reply, self._on_read, self._on_mended = on_reply, on_read, on_mended
        self.doors: dict[Link, Door] = {}
        self.garbled = 0
        """Replies that were no whole echo reply."""
        self._suspicious = False
        self._verify_at = 0.0

    def want(self, links: Iterable[Link]) -> None:
        """Keep these links' sockets open from now on, and no others."""
        wanted = set(links)
        for link in self.doors.keys() - wanted:
            self._close(self.doors.pop(link))
        for link in wanted - self.doors.keys():
            self.doors[link] = Door(link)

    def errors(self) -> Mapping[Link, int]:
        """The errno of every link whose socket cannot be opened."""
        return {link: door.backoff.error for link, door in self.doors.items() if door.backoff.error}

    def send(self, send: Send, identifier: int) -> int:
        """Send a request: 0, or the errno for which the link cannot be used. Raises OSError where sending fails."""
        door = self.doors[send.link]
        if door.socket is None:
            return door.backoff.error
        encode = echo.encode_request if send.link.version == 4 else echo.encode_request6
        try:
            door.socket.send(encode(identifier, send.sequence), send.address)
        except OSError:
            self._suspicious = True
            raise
        return 0

    def verify(self, now: float, *, lost: bool) -> None:
        """Where probes were lost, find the sockets whose interface or source is gone or was made anew."""
        if not (lost or self._suspicious) or now < self._verify_at:
            return
        self._suspicious = False
        self._verify_at = now + _VERIFY_INTERVAL
        for door in self.doors.values():
            if door.socket is not None:
                try:
                    door.socket.verify()
                except OSError as error:
                    self._close(door)
                    door.backoff.broke(error.errno or 0, now)

    def open(self, now: float) -> float | None:
        """Open every socket that it is time for; when to try again, None if all are open."""
        retries = [retry for door in self.doors.values() if (retry := self._open(door, now)) is not None]
        return min(retries, default=None)

    def drain(self) -> None:
        """Read whatever is there: replies that came while the loop was held are in time."""
        for door in self.doors.values():
            while self._read(door):
                pass

    def close(self) -> None:
        """Close all sockets."""
        for door in self.doors.values():
            self._close(door)

    def _open(self, door: Door, now: float) -> float | None:
        if door.socket is not None:
            return None
        if now < door.backoff.retry_at:
            return door.backoff.retry_at
        was_missing = door.backoff.attempts > 0
        try:
            door.socket = IcmpSocket(door.link.version, door.link.interface, door.link.source)
        except OSError as error:
            if not door.backoff.attempts:
                log.warning("%s: probes cannot be sent: %s; trying again", _where(door.link), error.strerror)
            door.backoff.failed(error.errno or 0, now)
            return door.backoff.retry_at
        door.backoff.worked()
        asyncio.get_running_loop().add_reader(door.socket.fileno(), self._read, door)
        if was_missing:
            log.info("%s: probes can be sent again", _where(door.link))
            self._on_mended(door.link)
        return None

    def _read(self, door: Door) -> bool:
        """Take a bounded number of replies; whether more may be there."""
        decode = echo.decode_reply if door.link.version == 4 else echo.decode_reply6
        more = True
        for _ in range(_READS):
            if door.socket is None:
                return False
            try:
                packet, source = door.socket.receive()
                reply = decode(packet)
            except WireError:
                self.garbled += 1
                continue
            except OSError:
                more = False
                break
            self._on_reply(door.link, source, reply)
        self._on_read()
        return more

    def _close(self, door: Door) -> None:
        if door.socket is not None:
            asyncio.get_running_loop().remove_reader(door.socket.fileno())
            door.socket.close()
            door.socket = None


def _where(link: Link) -> str:
    return f"interface {link.interface}" if link.interface else "any interface"
