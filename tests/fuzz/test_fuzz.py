"""Every case that the fuzzer ever found, a short run of it, and that it would find something."""

from pathlib import Path as File
from random import getrandbits

import pytest

from routerd.dhcp import options
from routerd.rip import message as rip_message
from tests.fuzz.cases import fails, known, read, shortened, write
from tests.fuzz.corpus import corpus, recorded
from tests.fuzz.dhcp import DHCP
from tests.fuzz.fuzzer import Fuzzer
from tests.fuzz.path import Path
from tests.fuzz.rip import RIP
from tests.fuzz.target import Step, Target

BOTH = pytest.mark.parametrize("target", [DHCP, RIP], ids=lambda target: target.name)
CASES = [pytest.param(target, case, id=case.stem) for target in (DHCP, RIP) for case in known(target)]


@pytest.mark.parametrize(("target", "case"), CASES)
def test_what_once_broke_the_server_does_not_break_it(target: Target, case: File) -> None:
    assert fails(read(case), target) is None


@BOTH
@pytest.mark.parametrize("seed", [20261122, None], ids=["the same every time", "another every time"])
def test_a_short_run_finds_nothing(tmp_path: File, target: Target, seed: int | None) -> None:
    seed = getrandbits(32) if seed is None else seed
    fuzzer = Fuzzer(target, seed, directory=tmp_path)
    fuzzer.run(seconds=20.0, rounds=60)
    assert [case.read_text() for case in fuzzer.found] == [], f"python -m tests.fuzz 60 {seed} {target.name}"
    assert fuzzer.played > 1000
    assert fuzzer.learned > 50


@BOTH
def test_the_same_seed_plays_the_same(tmp_path: File, target: Target) -> None:
    runs = [Fuzzer(target, seed=7, directory=tmp_path) for _ in range(2)]
    for fuzzer in runs:
        fuzzer.run(seconds=20.0, rounds=3)
    assert (runs[0].played, runs[0].learned) == (runs[1].played, runs[1].learned)


def test_real_clients_are_answered() -> None:
    assert len(recorded()) >= 8
    for data in recorded():
        assert Path().receive(data) is not None
    assert len(corpus()) > 300


def test_a_fault_is_found_shortened_and_kept(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(raw: bytes) -> str | None:
        if b"e" in raw:
            raise ValueError(f"host name {raw!r}")
        return None

    monkeypatch.setattr(options, "clean_hostname", faulty)
    fuzzer = Fuzzer(DHCP, seed=1, directory=tmp_path)
    fuzzer.run(seconds=20.0, rounds=20)
    assert fuzzer.found
    steps = read(fuzzer.found[0])
    assert len(steps) == 1
    assert isinstance(fails(steps, DHCP), ValueError)
    assert fuzzer.found[0].read_text().startswith("# ValueError: host name ")
    monkeypatch.undo()
    assert fails(steps, DHCP) is None


def test_a_fault_of_rip_is_found_too(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rip_message, "_fault", lambda *_: None)
    fuzzer = Fuzzer(RIP, seed=1, directory=tmp_path)
    fuzzer.run(seconds=20.0, rounds=5)
    steps = read(fuzzer.found[0])
    assert len(steps) == 1
    assert fails(steps, RIP) is not None
    monkeypatch.undo()
    assert fails(steps, RIP) is None


def test_a_case_is_read_as_it_was_written(tmp_path: File) -> None:
    steps = [Step(0.0, False, b""), Step(0.5, True, b"\x01\x02"), Step(3700.0, False, b"\xff" * 300)]
    assert read(write(steps, ValueError("two\nlines"), tmp_path)) == steps
    assert shortened([], DHCP) == []
