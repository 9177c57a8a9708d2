"""Who tells dnsmasq of a change: routerd, or systemd for it, also where systemd cannot be asked."""

import os
from pathlib import Path

import pytest

from routerd.beside import dnsmasq_notice_service as notice
from routerd.system.named_process import SignalError


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of options, newer than the last time that dnsmasq was told."""
    stamp, file = tmp_path / "told", tmp_path / "options"
    for number, path in enumerate((stamp, file)):
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    monkeypatch.setattr(notice, "_STAMP", stamp)
    monkeypatch.setattr(notice, "_PAUSE", 0.001)
    return file


def systemctl(scene: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    program = scene.with_name("systemctl")
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(scene.parent))


@pytest.mark.parametrize(("code", "watched"), [(0, True), (3, False), (4, False)])
def test_what_systemd_says_counts(scene: Path, monkeypatch: pytest.MonkeyPatch, code: int, watched: bool) -> None:
    systemctl(scene, monkeypatch, code)
    touched: list[int] = []
    assert notice.is_watched(scene, lambda: touched.append(1)) is watched
    assert touched == []


def test_who_watches_the_file_shows_where_systemd_cannot_be_asked(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl(scene, monkeypatch, 1)
    stamp = scene.with_name("told")
    assert not notice.is_watched(scene, lambda: None)
    assert notice.is_watched(scene, lambda: os.utime(stamp))
    touched: list[int] = []
    assert notice.is_watched(scene, lambda: touched.append(1))
    assert touched == []


def test_no_right_is_missed_where_somebody_watches(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise SignalError("may not", may_not=True)

    monkeypatch.setattr(notice, "hang_up", refuse)
    systemctl(scene, monkeypatch, 1)
    stamp = scene.with_name("told")
    assert notice.missing_right(scene, scene, lambda: None) == "may not"
    assert notice.missing_right(scene, scene, lambda: os.utime(stamp)) is None
