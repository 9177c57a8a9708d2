"""`routerd reload`: what it says of a trial."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from routerd.cli import main
from tests.commands.played import played


def answered(body: Any, tmp_path: Path, *argv: str) -> int:
    """Its exit status where the daemon answers so."""
    query = "?confirm=5s" if "--confirm" in argv else ""
    with played(tmp_path, {f"POST /v1/reload{query}": (200, body)}) as daemon:
        return main(["reload", "--config", str(daemon.config), *argv])


def in_seconds(seconds: float) -> dict[str, Any]:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"reloaded": True, "confirm": {"deadline": deadline.isoformat(timespec="milliseconds")}}


def test_for_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered({"reloaded": True}, tmp_path) == 0
    assert capsys.readouterr().out == "reloaded\n"


def test_on_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(in_seconds(5), tmp_path, "--confirm", "5s") == 0
    assert capsys.readouterr().out == "reloaded on trial: run `routerd confirm` within 5s, or it is taken back\n"


def test_within_a_trial_the_deadline_stays_and_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(in_seconds(90.2), tmp_path) == 0
    assert capsys.readouterr().out == (
        "reloaded within the trial, whose deadline stays: run `routerd confirm` within 1m30s, or it is taken back\n"
    )


@pytest.mark.parametrize("argv", [(), ("--confirm", "5s")])
def test_json_has_the_deadline(tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    body = in_seconds(5)
    assert answered(body, tmp_path, "--json", *argv) == 0
    assert json.loads(capsys.readouterr().out) == body


@pytest.mark.parametrize("said", [None, 7, {}, {"deadline": None}, {"deadline": "soon"}])
def test_an_odd_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str], said: object) -> None:
    assert answered({"reloaded": True, "confirm": said}, tmp_path) == 0
    assert capsys.readouterr().out == "reloaded\n"
