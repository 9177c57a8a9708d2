"""`routerd status` on a terminal: its width, its colours, and `--watch`."""

import codecs
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.commands.played import answers, peer, played, problem

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A terminal of some size with `routerd status` on it, and all that was printed there."""

    def __init__(self, config: Path, words: tuple[str, ...], size: tuple[int, int], env: dict[str, str]) -> None:
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._leader, follower = pty.openpty()
        ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "routerd", "status", "--config", str(config), *words],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**environment, "TERM": "xterm", **env},
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
            start_new_session=True,
        )
        os.close(follower)

    def until(self, condition: Callable[[str], bool], limit: float = 20.0) -> None:
        """Read until what is shown is as wanted."""
        deadline = time.monotonic() + limit
        while not condition(self.shown):
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown

    def type(self, text: bytes) -> None:
        os.write(self._leader, text)

    def end(self, limit: float = 20.0) -> int:
        """Read to the end: the exit code."""
        deadline = time.monotonic() + limit
        while self._read():
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(limit)

    def _read(self) -> bool:
        """Read what there is; False at the end."""
        try:
            if select.select([self._leader], [], [], 0.2)[0]:
                self.shown += self._decoder.decode(os.read(self._leader, 65536))
        except OSError:  # nobody has the terminal open any more
            return False
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._leader)


@contextmanager
def terminal(
    config: Path, *words: str, size: tuple[int, int] = (24, 80), env: dict[str, str] | None = None
) -> Iterator[Terminal]:
    made = Terminal(config, words, size, env or {})
    try:
        yield made
    finally:
        made.close()


KNOWN = answers(
    [peer("endpoint-a"), peer("gone", "down", False)], problems=[problem("warning", "peer gone", "it is gone")]
)


def test_colours_and_width(tmp_path: Path) -> None:
    with played(tmp_path, KNOWN) as daemon, terminal(daemon.config) as shown:
        assert shown.end() == 0
    lines = shown.shown.split("\r\n")
    assert lines[0].startswith("routerd 0.1.0, up 5 h, \x1b[32mready\x1b[0m, 1 of 2 peers")
    assert any("\x1b[31mdown\x1b[0m" in line for line in lines)
    assert "ENDPOINT" not in shown.shown
    assert ENTER not in shown.shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(tmp_path: Path, env: dict[str, str]) -> None:
    with played(tmp_path, KNOWN) as daemon, terminal(daemon.config, env=env, size=(24, 120)) as shown:
        assert shown.end() == 0
    assert "\x1b" not in shown.shown
    assert "ENDPOINT" in shown.shown


def test_watching_draws_anew_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    with played(tmp_path, KNOWN) as daemon, terminal(daemon.config, "--watch=0.1", size=(10, 80)) as shown:
        shown.until(lambda text: text.count("\x1b[J") >= 2)
        daemon.answers |= answers([peer("endpoint-b")])
        shown.until(lambda text: "endpoint-b" in text)
        shown.type(b"\x03")
        assert shown.end() == 0
    first, _, rest = shown.shown.partition("\x1b[J")
    assert shown.shown.startswith(ENTER)
    assert shown.shown.endswith(LEAVE)
    assert shown.shown.count(ENTER) == shown.shown.count(LEAVE) == 1
    picture = first.split("\x1b[H")[-1].split("\r\n")
    assert len(picture) == 10
    assert picture[2].startswith("\x1b[1mProblems:")
    assert picture[9].startswith("… and 7 more lines")
    assert rest.startswith("\x1b[H")
    assert "\x1b[2J" not in shown.shown


def test_watching_outlives_the_daemon(tmp_path: Path) -> None:
    with played(tmp_path, KNOWN) as daemon, terminal(daemon.config, "--watch=0.1", "--peer", "gone") as shown:
        shown.until(lambda text: "gone" in text)
        daemon.answers |= {"GET /v1/peers/gone": (500, {"error": "internal error"})}
        shown.until(lambda text: "answered 500: internal error" in text)
        daemon.answers |= answers([peer("gone")])
        shown.until(lambda text: "\x1b[32mup\x1b[0m" in text)


def test_watching_ends_in_order_by_a_signal(tmp_path: Path) -> None:
    with played(tmp_path, KNOWN) as daemon, terminal(daemon.config, "--watch") as shown:
        shown.until(lambda text: "\x1b[J" in text)
        shown.process.send_signal(signal.SIGTERM)
        assert shown.end() == 128 + signal.SIGTERM
    assert shown.shown.endswith(LEAVE)
