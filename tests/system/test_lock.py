"""The lock of a network namespace: whose file it is, who is said to hold it, and a file that a killed command left."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from routerd.system.lock import DaemonLock, LockedError, holder

UID = 64121

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be several users")


@contextmanager
def held(runtime: Path, command: str = "", *, seconds: float = 60.0) -> Iterator[int]:
    """Another process that holds the lock, for so long or to the end; its process id."""
    script = (
        "import sys, time, pathlib\n"
        "from routerd.system.lock import DaemonLock\n"
        "DaemonLock(pathlib.Path(sys.argv[1]), command=sys.argv[2]).take()\n"
        "print(flush=True)\n"
        "time.sleep(float(sys.argv[3]))\n"
    )
    argv = [sys.executable, "-c", script, str(runtime), command, str(seconds)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def as_user(runtime: Path, words: str) -> str:
    """What a process of the user prints that runs `words` with the lock as `lock`."""
    script = (
        "import os, sys, pathlib\n"
        "from routerd.system.lock import DaemonLock, LockedError\n"
        f"os.setgroups([]); os.setgid({UID}); os.setuid({UID})\n"
        "lock = DaemonLock(pathlib.Path(sys.argv[1]))\n" + words
    )
    done = subprocess.run([sys.executable, "-c", script, str(runtime)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A runtime directory of the user's own, which it can get to."""
    path = tmp_path / "run"
    path.mkdir()
    if os.geteuid() == 0:
        for upper in (tmp_path, *tmp_path.parents):
            if not upper.stat().st_mode & 0o001:
                upper.chmod(upper.stat().st_mode | 0o011)
        os.chown(path, UID, UID)
    return path


@needs_root
def test_a_lock_that_root_was_killed_with_can_be_taken_by_the_owner_of_the_directory(runtime: Path) -> None:
    before = os.umask(0o077)
    try:
        with held(runtime, "leases import"):
            pass
    finally:
        os.umask(before)
    (path,) = runtime.iterdir()
    assert (path.stat().st_uid, path.stat().st_gid) == (UID, UID)
    assert as_user(runtime, "lock.take(); print('taken')") == "taken"


@needs_root
def test_a_lock_that_cannot_be_opened_and_that_nobody_holds_is_made_anew(runtime: Path) -> None:
    path = DaemonLock(runtime).path
    path.touch(0o600)
    assert as_user(runtime, "lock.take(); print('taken', lock.path.stat().st_uid)") == f"taken {UID}"


@needs_root
def test_a_lock_that_cannot_be_opened_and_is_held_stays(runtime: Path) -> None:
    with held(runtime) as process:
        (path,) = runtime.iterdir()
        os.chown(path, 0, 0)
        path.chmod(0o600)
        assert as_user(runtime, "lock.take(); print('taken')").startswith("PermissionError")
        assert holder(runtime) == process


@needs_root
def test_a_directory_of_others_keeps_its_lock(runtime: Path) -> None:
    path = DaemonLock(runtime).path
    path.touch(0o600)
    os.chown(runtime, 0, 0)
    assert as_user(runtime, "lock.take(); print('taken')").startswith("PermissionError")
    assert path.exists()


def test_a_file_with_a_second_name_is_not_written_to(runtime: Path, tmp_path: Path) -> None:
    other, lock = tmp_path / "other", DaemonLock(runtime)
    other.write_text("precious")
    os.link(other, lock.path)
    lock.take()
    assert (other.read_text(), lock.path.read_text()) == ("precious", f"{os.getpid()}\n")
    lock.give_back()


def test_a_daemon_that_holds_it_is_named(runtime: Path) -> None:
    with held(runtime) as process:
        assert holder(runtime) == process
        with pytest.raises(LockedError, match=rf"^routerd runs here already \(process {process}\)$") as error:
            DaemonLock(runtime).take_soon(0.0)
        assert error.value.mend == "stop it first: systemctl stop routerd"


def test_a_command_that_holds_it_is_named_and_is_no_daemon(runtime: Path) -> None:
    with held(runtime, "leases export") as process:
        assert holder(runtime) is None
        text = rf"^`routerd leases export` works on routerd's files now \(process {process}\)$"
        with pytest.raises(LockedError, match=text) as error:
            DaemonLock(runtime).take()
        assert error.value.mend == "try again when it has ended"


def test_a_command_is_waited_for(runtime: Path) -> None:
    lock = DaemonLock(runtime)
    with held(runtime, "leases export", seconds=0.2):
        lock.take_soon(0.0)
        assert holder(runtime) == os.getpid()
        lock.give_back()
    assert holder(runtime) is None


def test_what_a_killed_command_wrote_is_not_said_of_a_daemon(runtime: Path) -> None:
    path = DaemonLock(runtime).path
    path.write_text("1 leases export\n")
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holder(runtime) == os.getpid()


def test_a_lock_that_does_not_say_yet_whose_it_is_is_waited_for(runtime: Path) -> None:
    lock = DaemonLock(runtime)
    script = "import fcntl, sys, time\nf = open(sys.argv[1], 'w')\n"
    script += "fcntl.flock(f, fcntl.LOCK_EX)\nprint(flush=True)\ntime.sleep(0.05)"
    with subprocess.Popen([sys.executable, "-c", script, str(lock.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        lock.take_soon(0.0)
        lock.give_back()
