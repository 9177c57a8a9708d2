"""What the tests of the guest share."""

from collections.abc import Callable, Iterator
from functools import partial, partialmethod
from typing import Any

import pytest

from routerd.lab import daemon, demo, waiting
from routerd.lab.clients import client
from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from routerd.lab.talk import tcp_talk

Recorder = Callable[[str, object], None]
"""The fixture `record_property`: a figure that is told with the test."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab, removed whatever the test does."""
    with Lab() as made:
        yield made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab waits longer before it gives up: an emulated processor is 20 times slower."""

    def wait_for(what: str, probe: Callable[[], Any], *, limit: float, step: float = 0.05) -> Any:
        return waiting.wait_for(what, probe, limit=6 * limit, step=step)

    for module in (daemon, demo, client):
        monkeypatch.setattr(module, "wait_for", wait_for)
    monkeypatch.setattr(demo, "tcp_talk", partial(tcp_talk, timeout=30.0))
    monkeypatch.setattr(Daemon, "stop", partialmethod(Daemon.stop, 30.0))
