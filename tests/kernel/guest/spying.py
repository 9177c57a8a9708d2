"""Watching the messages of a dump as they are read, and doing something between two of them."""

from collections.abc import Callable

import pytest

from routerd.system import wireguard_netlink
from routerd.system.wireguard_message import Parts, attributes, nested

_PEERS, _KEY, _NETWORKS = 8, 1, 9


class Dump:
    """The messages of all dumps since, in the order in which they were read."""

    def __init__(self, between: Callable[[int], None] | None) -> None:
        self.messages: list[bytes] = []
        self.attempts = 0
        self._between = between

    def take(self, attributes: bytes) -> None:
        """One more message."""
        self.messages.append(attributes)
        if self._between is not None:
            self._between(len(self.messages))

    def parts(self, key: bytes) -> list[int]:
        """How many networks each part of the peer has that has this key."""
        found = []
        for data in self.messages:
            for _, at, end in nested(data, attributes(data, 0, len(data)).get(_PEERS)):
                peer = attributes(data, at, end)
                if data[slice(*peer[_KEY])] == key:
                    found.append(len(nested(data, peer.get(_NETWORKS))))
        return found


def spy(monkeypatch: pytest.MonkeyPatch, between: Callable[[int], None] | None = None) -> Dump:
    """From now on every message of a dump is kept; `between` is called with their number after each."""
    dump = Dump(between)

    class Spied(Parts):
        def __init__(self, interface: str) -> None:
            super().__init__(interface)
            dump.attempts += 1

        def take(self, message: bytes, at: int, end: int) -> None:
            super().take(message, at, end)
            dump.take(message[at:end])

    monkeypatch.setattr(wireguard_netlink, "Parts", Spied)
    return dump
