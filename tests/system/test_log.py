"""Log lines: their text, JSON, the journal's priorities, and how repetitions are held back."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.system import log as log_module
from routerd.system.log import JournalFormatter, JsonFormatter, LineHandler, TextFormatter, escaped
from routerd.system.repetitions import Repetitions, subject_of

AT = 1795341600.25
NAME = "routerd.test"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Log:
    """A logger of its own with a handler that writes to `text`."""

    def __init__(self, formatter: logging.Formatter | None = None, name: str = NAME) -> None:
        self.clock = Clock()
        self.stream = io.StringIO()
        self.repetitions = Repetitions(self.clock)
        self.handler = LineHandler(self.stream, self.repetitions)
        self.handler.setFormatter(formatter or logging.Formatter("%(levelname)s %(message)s"))
        self.logger = logging.Logger(name)
        self.logger.addHandler(self.handler)

    def lines(self) -> list[str]:
        """What was written since the last call."""
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return text.splitlines()


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.handler.close()


def record(message: str, *args: object, level: int = logging.INFO, name: str = NAME) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "", 0, message, args, None)
    made.created = AT
    return made


def failed() -> logging.LogRecord:
    made = record("lan %s: a fault", "eth0", level=logging.ERROR)
    try:
        raise ValueError("from\x1b[31m a client\nwith a line")
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


# ---------------------------------------------------------------- formats


def test_text() -> None:
    line = TextFormatter().format(record("lan %s: serving DHCP from %s", "eth0", "192.168.200.2"))
    assert line == "2026-11-22T10:00:00.250Z INFO lan eth0: serving DHCP from 192.168.200.2"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("endpoint-β", "endpoint-β"),
        ("a\nb\r\x00\x1b[2J\x7f", "a\\nb\\r\\x00\\x1b[2J\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        ("\udc80", "\\udc80"),
    ],
)
def test_what_clients_say_is_escaped(given: str, shown: str) -> None:
    assert escaped(given) == shown
    assert TextFormatter().format(record("lan %s: host %s", "eth0", given)).endswith(f"host {shown}")
    line = JsonFormatter().format(record("lan %s: host %s", "eth0", given))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == f"lan eth0: host {given}"


def test_a_traceback_is_indented_and_escaped() -> None:
    lines = TextFormatter().format(failed()).split("\n")
    assert lines[0].endswith("ERROR lan eth0: a fault")
    assert all(line.startswith("  ") for line in lines[1:])
    assert lines[-2:] == ["  ValueError: from\\x1b[31m a client", "  with a line"]


def test_json() -> None:
    assert json.loads(JsonFormatter().format(record("peer %s: down: %s", "endpoint-a", "no answer"))) == {
        "time": "2026-11-22T10:00:00.250Z",
        "level": "info",
        "logger": NAME,
        "subject": "peer endpoint-a",
        "message": "peer endpoint-a: down: no answer",
    }
    assert "ValueError" in json.loads(JsonFormatter().format(failed()))["traceback"]


def test_the_journal_gets_priorities_and_no_time() -> None:
    form = JournalFormatter().format
    rows = ((logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2))
    for level, priority in rows:
        assert form(record("lan %s: x", "eth0", level=level)) == f"<{priority}>lan eth0: x"
    lines = form(failed()).split("\n")
    assert all(line.startswith("<3>") for line in lines)
    assert lines[0] == "<3>lan eth0: a fault"
    assert json.loads(JournalFormatter(JsonFormatter()).format(record("x"))[3:])["message"] == "x"


@pytest.mark.parametrize(
    ("message", "args", "name", "subject"),
    [
        ("lan %s: serving", ("eth0",), NAME, "lan eth0"),
        ("%s: probes cannot be sent: %s", ("interface wg0", "no"), NAME, "interface wg0"),
        ("routerd: stopped", (), NAME, "routerd"),
        ("http %s: serving", ("127.0.0.1:8121",), NAME, "http 127.0.0.1:8121"),
        ("peer %s: up", ("a: b",), NAME, "peer a: b"),
        ("100%% of %s: x", ("it",), NAME, "100% of it"),
        ("nothing to see", (), NAME, None),
        ("%s; %s", ("lan eth0: the interface is down", "bring it up: ip link"), NAME, "lan eth0"),
        ("%s; %s", ("no subject", "mend: it"), NAME, None),
        ("%s", ("x" * 300 + ": y",), NAME, None),
        ("%d of %s: x", ("one", "two"), NAME, None),
        ("Task exception was never retrieved\nfuture: %r", ("x",), "asyncio", None),
    ],
)
def test_subjects(message: str, args: tuple[object, ...], name: str, subject: str | None) -> None:
    assert subject_of(record(message, *args, name=name)) == subject


# ---------------------------------------------------------------- repetitions


def test_five_lines_and_then_how_many_more(log: Log) -> None:
    for number in range(100):
        log.logger.warning("lan %s: failed %d times", "eth0", number)
    assert log.lines() == [f"WARNING lan eth0: failed {number} times" for number in range(5)]
    log.clock.now += 59.9
    log.logger.warning("lan %s: failed %d times", "eth0", 100)
    assert log.lines() == []
    log.clock.now += 0.1
    log.logger.warning("lan %s: failed %d times", "eth0", 101)
    assert log.lines() == [
        "WARNING lan eth0: 96 more suppressed; the last: failed 100 times",
        "WARNING lan eth0: failed 101 times",
    ]


def test_never_more_than_five_in_any_minute(log: Log) -> None:
    written: list[float] = []
    for _ in range(600):
        log.clock.now += 0.7
        log.logger.info("lan %s: again", "eth0")
        written += [log.clock.now for line in log.lines() if line.endswith("again") and "suppressed" not in line]
    assert len(written) > 20
    assert all(later - earlier >= 60.0 for earlier, later in zip(written, written[5:], strict=False))


def test_other_lines_and_other_subjects_are_not_held_back(log: Log) -> None:
    for _ in range(10):
        log.logger.info("lan %s: failed", "eth0")
    log.logger.info("lan %s: failed", "eth1")
    log.logger.info("lan %s: mended", "eth0")
    log.logger.info("nothing in particular")
    assert log.lines()[5:] == ["INFO lan eth1: failed", "INFO lan eth0: mended", "INFO nothing in particular"]


def test_a_thousand_subjects_are_too_many(log: Log) -> None:
    for number in range(1000):
        log.logger.warning("peer %s: down", f"p{number}")
    assert len(log.lines()) == 30
    log.clock.now += 60.0
    log.logger.info("routerd: stopping")
    assert log.lines() == [
        "WARNING routerd.test: 970 more suppressed; the last: peer p999: down",
        "INFO routerd: stopping",
    ]


def test_the_count_comes_with_the_next_line_of_any_kind_or_at_the_end(log: Log) -> None:
    for _ in range(8):
        log.logger.info("lan %s: failed", "eth0")
    log.lines()
    log.logger.info("lan %s: other", "eth0")
    assert log.lines() == ["INFO lan eth0: other"]
    log.handler.close()
    assert log.lines() == ["INFO lan eth0: 3 more suppressed; the last: failed"]


def test_what_must_be_whole_is(log: Log) -> None:
    for number in range(50):
        log.logger.error("config: fault %d", number, extra={"every": True})
    assert len(log.lines()) == 50


def test_memory_is_bounded(log: Log) -> None:
    for number in range(5000):
        log.logger.info(f"host {number}: " + "x" * 5000)
        log.logger.info("host %s: known", "y" * 5000 + str(number))
        log.lines()
    assert len(log.repetitions._kinds) <= 256
    assert all(len(part or "") <= 200 for key in log.repetitions._kinds for part in key)


def test_a_suppressed_traceback_is_not_kept(log: Log) -> None:
    for _ in range(7):
        try:
            raise ValueError("x")
        except ValueError:
            log.logger.exception("lan %s: a fault", "eth0")
    assert [due.exc_info for due in log.repetitions.due(every=True)] == [None]


def test_lines_with_broken_arguments_do_no_harm(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    for _ in range(8):
        log.logger.info("lan %s: %d", *("eth0",))
    log.clock.now += 100
    log.logger.info("lan %s: fine", "eth0")
    assert log.lines()[-1] == "INFO lan eth0: fine"


# ---------------------------------------------------------------- the whole

_PROGRAM = """
import logging, sys
from routerd.system.log import start_log
start_log("info", sys.argv[1])
log = logging.getLogger("routerd.x")
for number in range(7):
    log.warning("lan %s: a\\x1b%d", "eth0", number)
log.debug("not seen")
logging.getLogger("other").info("not seen")
if len(sys.argv) > 2:
    start_log(sys.argv[2], "text")
    log.debug("lan %s: seen", "eth1")
"""


def run(path: Path, *args: str, journal: bool = False) -> list[str]:
    with open(path, "wb") as file:
        found = os.fstat(file.fileno())
        stream = f"{found.st_dev}:{found.st_ino}" if journal else "1:1"
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        subprocess.run([sys.executable, "-c", _PROGRAM, *args], stderr=file, env=environment, check=True)
    return path.read_text().splitlines()


def test_a_program_on_a_terminal(tmp_path: Path) -> None:
    lines = run(tmp_path / "log", "text")
    assert [line.split(" ", 1)[1] for line in lines] == [
        *(f"WARNING lan eth0: a\\x1b{number}" for number in range(5)),
        "WARNING lan eth0: 2 more suppressed; the last: a\\x1b6",
    ]


def test_a_program_under_systemd(tmp_path: Path) -> None:
    assert run(tmp_path / "log", "text", journal=True)[0] == "<4>lan eth0: a\\x1b0"


def test_a_program_that_logs_json(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in run(tmp_path / "log", "json")]
    assert {row["subject"] for row in rows} == {"lan eth0"}
    assert rows[-1]["message"] == "lan eth0: 2 more suppressed; the last: a\x1b6"


def test_a_program_that_changes_its_mind(tmp_path: Path) -> None:
    lines = run(tmp_path / "log", "json", "debug")
    assert [line[0] for line in lines] == ["{"] * 6 + ["2"]
    assert lines[-1].endswith("DEBUG lan eth1: seen")


def test_a_stream_without_a_file_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    assert not log_module._is_journal(io.StringIO())
