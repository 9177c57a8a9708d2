"""The record of a lab: ids, locks, what a reader sees. No namespace is made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from routerd.lab.errors import LabError
from routerd.lab.processes import Process, belonging, end, process
from routerd.lab.removal import down, sweep
from routerd.lab.state import claim, directories, owned, read, take
from routerd.lab.status import lab_facts, lab_lines

_SLEEP = [sys.executable, "-Sc", "import time; time.sleep(60)"]


def test_two_labs_have_different_ids_and_records(tmp_path: Path) -> None:
    first, second = claim(tmp_path), claim(tmp_path)
    assert first.record.id != second.record.id
    assert [path.name for path in directories(tmp_path)] == sorted([first.record.id, second.record.id])
    assert all(len(path.name) == 4 and int(path.name, 16) >= 0 for path in directories(tmp_path))
    first.release()
    second.release()


def test_directory_and_record_are_for_the_owner_only(tmp_path: Path) -> None:
    state = claim(tmp_path)
    assert state.directory.stat().st_mode & 0o077 == 0
    state.release()


def test_record_survives_writing_and_reading(tmp_path: Path) -> None:
    state = claim(tmp_path)
    state.record.namespaces.append("routerd-0000-a")
    state.record.processes.append(Process(4, 5, "routerd"))
    state.save()
    assert read(state.directory) == state.record
    state.release()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"processes": [{"pid": 1}]}'])
def test_broken_record_reads_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert read(tmp_path) is None


def test_lab_of_a_living_owner_is_neither_taken_nor_swept(tmp_path: Path) -> None:
    state = claim(tmp_path)
    assert owned(state.directory)
    assert take(state.directory) is None
    assert sweep(tmp_path) == []
    with pytest.raises(LabError, match=f"in use by process {os.getpid()}"):
        down(state.record.id, tmp_path)
    assert state.directory.is_dir()
    state.release()


def test_lab_of_a_dead_owner_is_swept(tmp_path: Path) -> None:
    state = claim(tmp_path)
    state.release()
    assert sweep(tmp_path) == [state.record.id]
    assert directories(tmp_path) == []


def test_directory_without_record_is_swept(tmp_path: Path) -> None:
    (tmp_path / "abcd").mkdir()
    assert sweep(tmp_path) == ["abcd"]


def test_kept_lab_is_not_swept_but_goes_down(tmp_path: Path) -> None:
    state = claim(tmp_path)
    state.record.kept = True
    state.save()
    state.release()
    assert sweep(tmp_path) == []
    down(state.record.id, tmp_path)
    assert directories(tmp_path) == []


@pytest.mark.parametrize("number", ["ffff", "..", "../etc", "", "abcde"])
def test_down_of_no_lab_says_so(tmp_path: Path, number: str) -> None:
    with pytest.raises(LabError, match="there is no lab"):
        down(number, tmp_path / "labs")


def test_status_tells_living_from_ended_processes(tmp_path: Path) -> None:
    state = claim(tmp_path)
    me = process(os.getpid(), "me")
    assert me is not None
    state.record.processes += [me, Process(me.pid, me.start + 1, "same pid, another process")]
    state.save()
    facts = lab_facts(state.directory)
    assert facts is not None
    assert json.loads(json.dumps(facts))["in_use"] is True
    assert [one["alive"] for one in facts["processes"]] == [True, False]
    assert [line.split()[-1] for line in lab_lines(facts)[1:]] == ["alive", "ended"]
    state.release()


def test_process_that_got_the_pid_later_is_not_ended() -> None:
    with subprocess.Popen(_SLEEP) as child:
        known = process(child.pid, "sleep")
        assert known is not None
        end([Process(known.pid, known.start + 1, "sleep")], grace=0.1)
        assert child.poll() is None
        end([known])
        assert child.wait(5) == -15


def test_process_that_ignores_sigterm_is_killed() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-Sc", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        known = process(child.pid, "stubborn")
        assert known is not None
        end([known], grace=0.1)
        assert child.wait(5) == -9


def test_marked_process_is_found_wherever_it_runs() -> None:
    with subprocess.Popen(_SLEEP, env={"ROUTERD_LAB": "test-mark-1"}) as child:
        assert [one.pid for one in belonging("test-mark-1")] == [child.pid]
        assert belonging("test-mark-2") == []
        child.kill()
