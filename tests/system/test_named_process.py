"""Another program's process by its pid file: one that is hidden, and one that was started anew."""

import os
import subprocess
from pathlib import Path

import pytest

from routerd.system import named_process
from routerd.system.named_process import look_up


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "pid"


def test_a_process_that_is_there(pid_file: Path) -> None:
    assert look_up(pid_file, "sleep") is None
    with subprocess.Popen(("sleep", "60")) as process:
        pid_file.write_text(f"{process.pid}\n")
        found = look_up(pid_file, "sleep")
        assert found is not None
        assert (found.pid, found.is_hidden) == (process.pid, False)
        assert look_up(pid_file, "sleep") == found
        assert look_up(pid_file, "dnsmasq") is None
        process.kill()
    assert look_up(pid_file, "sleep") is None


def test_a_process_that_is_hidden_is_there(pid_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_process, "_name", lambda _: None)
    monkeypatch.setattr(named_process, "_started", lambda _: None)
    pid_file.write_text(f"{os.getpid()}\n")
    found = look_up(pid_file, "dnsmasq")
    assert found is not None
    assert (found.pid, found.is_hidden) == (os.getpid(), True)
    # Of one that was started anew only the file shows it, also where the number is the same.
    at = pid_file.stat().st_mtime_ns + 1_000_000
    os.utime(pid_file, ns=(at, at))
    second = look_up(pid_file, "dnsmasq")
    assert second is not None
    assert second.mark != found.mark


def test_the_same_number_of_another_process_is_another_one(pid_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file.write_text(f"{os.getpid()}\n")
    name = Path("/proc/self/comm").read_text().strip()
    found = look_up(pid_file, name)
    monkeypatch.setattr(named_process, "_started", lambda _: "1")
    second = look_up(pid_file, name)
    assert found is not None
    assert second is not None
    assert second.mark != found.mark
