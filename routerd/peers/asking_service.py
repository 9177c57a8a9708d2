"""Who waits for a probe that somebody asked for: bounded, and one probe for all who ask at the same time."""

import asyncio

from routerd.model import PeerKey

_MOST_WAITING = 256
_PAUSE = 1.0


class Asking:
    """The waiting. A peer is probed on demand once a second at most, and 256 askers wait at most."""

    def __init__(self) -> None:
        self._waiting: dict[PeerKey, asyncio.Event] = {}
        self._askers = 0
        self._asked: dict[PeerKey, float] = {}

    def may_ask(self, key: PeerKey, now: float) -> bool:
        """Whether a probe of this peer may be asked for now, or one is waited for already."""
        if self._askers >= _MOST_WAITING:
            return False
        if key in self._waiting:
            return True
        if len(self._asked) >= _MOST_WAITING:
            self._asked = {other: at for other, at in self._asked.items() if now - at < _PAUSE}
        if now - self._asked.get(key, -_PAUSE) < _PAUSE or len(self._asked) >= _MOST_WAITING:
            return False
        self._asked[key] = now
        return True

    async def wait(self, key: PeerKey, seconds: float) -> None:
        """Until the peer's probe has ended, or for so many seconds."""
        ended = self._waiting.setdefault(key, asyncio.Event())
        self._askers += 1
        try:
            async with asyncio.timeout(seconds):
                await ended.wait()
        except TimeoutError:
            self.done(key)
        finally:
            self._askers -= 1

    def done(self, key: PeerKey) -> None:
        """The peer's probe has ended."""
        ended = self._waiting.pop(key, None)
        if ended is not None:
            ended.set()

    def close(self) -> None:
        """Nobody waits any more."""
        for key in list(self._waiting):
            self.done(key)
