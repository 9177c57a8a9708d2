"""The protocol of sd_notify(3): where messages go, and what becomes of those that cannot be sent."""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.system.notify import Notifier, monotonic_line


def listening(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    listener.bind(address)
    return listener


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """What NOTIFY_SOCKET says, and the socket behind it."""
    name = str(tmp_path / "notify") if request.param == "a path" else f"@routerd-test-{uuid.uuid4()}"
    with listening(name.replace("@", "\0", 1)) as listener:
        yield name, listener


def test_a_message_arrives_whole(manager: tuple[str, socket.socket]) -> None:
    name, listener = manager
    environment = {"NOTIFY_SOCKET": name, "HOME": "/"}
    notifier = Notifier(environment)
    assert notifier.wanted
    assert notifier.send("RELOADING=1", monotonic_line())
    first, second = listener.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    key, _, microseconds = second.partition("=")
    assert key == "MONOTONIC_USEC"
    assert 0 <= time.monotonic() - int(microseconds) / 1e6 < 60
    # What a child would tell in routerd's name.
    assert environment == {"HOME": "/"}
    notifier.close()
    notifier.close()


def test_a_manager_that_started_anew_is_found(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    notifier = Notifier({"NOTIFY_SOCKET": name})
    assert not notifier.send("READY=1")
    for _ in range(2):
        with listening(name) as listener:
            assert notifier.send("READY=1")
            assert listener.recv(4096) == b"READY=1"
        os.unlink(name)
    assert not notifier.send("READY=1")
    notifier.close()


def test_a_manager_that_does_not_read_stops_nothing(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    notifier = Notifier({"NOTIFY_SOCKET": name})
    with listening(name):
        sent = [notifier.send("WATCHDOG=1") for _ in range(10_000)]
    assert sent[0]
    assert not sent[-1]
    notifier.close()


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative/path", "/", "@", "/" + "x" * 200])
def test_what_is_no_socket_is_told_nothing(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})
    assert not notifier.wanted
    assert notifier.send("READY=1")


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("30000000", "", 30.0),
        ("1500000", "own", 1.5),
        ("30000000", "1", None),
        ("0", "", None),
        ("-5", "", None),
        ("soon", "", None),
        ("", "", None),
    ],
)
def test_the_time_of_the_watchdog(microseconds: str, pid: str, seconds: float | None) -> None:
    environment = {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid}
    assert Notifier(environment).watchdog == seconds
    assert environment == {}
