"""The door into one vpn's tunnel: asks targets from addresses of this machine and of the site, hears their answers."""

import asyncio
import os
import random
from collections.abc import Callable

from routerd.hosts import frames
from routerd.hosts.kept.rounds import Send
from routerd.hosts.kept.targets import ECHO
from routerd.system.sockets_tunnel import TunnelSocket

_AT_ONCE = 256
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0
_EPHEMERAL = 49152

Heard = Callable[[str, frames.Answer], None]
"""Gets the vpn, and an answer."""


class Door:
    """Opened by `open` as often as needed; `error` says why it is not open."""

    def __init__(self, vpn: str, interface: str, heard: Heard, generator: random.Random) -> None:
        self.vpn, self.interface = vpn, interface
        self.error: str | None = None
        self.sent = 0
        self._heard = heard
        self._ident = generator.getrandbits(16)
        self._port = generator.randrange(_EPHEMERAL, 65536)
        self._socket: TunnelSocket | None = None
        self._retry, self._at = _FIRST_RETRY, 0.0

    def open(self, now: float) -> float | None:
        """Open it if it is not, and its time has come; when to try again, None where it is open."""
        if self._socket is not None:
            return None
        if now < self._at:
            return self._at
        try:
            self._socket = TunnelSocket(self.interface, self._port, self._ident)
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)
        except OSError as error:
            self._broken(error, now)
            return self._at
        self.error, self._retry = None, _FIRST_RETRY
        return None

    def verify(self, now: float) -> None:
        """Close it if its interface is gone or was made anew."""
        if self._socket is not None:
            try:
                self._socket.verify()
            except OSError as error:
                self._broken(error, now)

    def close(self) -> None:
        """Give everything back."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def send(self, send: Send, now: float) -> None:
        """Send a packet, if that can be done now."""
        if self._socket is None:
            return
        try:
            self._socket.send(self._packet(send))
            self.sent += 1
        except BlockingIOError:
            pass
        except OSError as error:
            self._broken(error, now)

    def _packet(self, send: Send) -> bytes:
        source, target = send.source.packed, send.target[1].packed
        if send.question == ECHO:
            return frames.echo(source, target, self._ident, send.number)
        ends = frames.Ends(source, target, self._port, send.question)
        return frames.reset(ends, send.number) if send.reset else frames.syn(ends, send.number)

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                answer = frames.read(self._socket.receive())
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._broken(error, asyncio.get_running_loop().time())
                return
            if answer is not None:
                self._heard(self.vpn, answer)

    def _broken(self, error: OSError, now: float) -> None:
        self.close()
        self.error = os.strerror(error.errno) if error.errno else str(error)
        self._at = now + self._retry
        self._retry = min(self._retry * 2, _LAST_RETRY)
