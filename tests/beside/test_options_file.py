"""The file of options on disk: what is ours, what is not, and what the disk refuses."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from routerd.beside import options_file_service
from routerd.beside.dnsmasq_file import HEADER
from routerd.beside.options_file_service import FileError, OptionsFile

TEXT = f"{HEADER}tag:lan0,121,00\n"


@pytest.fixture
def file(tmp_path: Path) -> OptionsFile:
    return OptionsFile(tmp_path / "made/options")


def test_it_is_written_once_and_readable_for_all(file: OptionsFile) -> None:
    before = os.umask(0o077)
    try:
        assert file.keep(TEXT) is True
    finally:
        os.umask(before)
    assert (file.path.read_text(), file.path.stat().st_mode & 0o777) == (TEXT, 0o644)
    inode = file.path.stat().st_ino
    assert file.keep(TEXT) is False
    assert file.path.stat().st_ino == inode


def test_what_was_changed_or_emptied_is_put_back(file: OptionsFile) -> None:
    file.keep(TEXT)
    for other in (f"{TEXT}42,1.2.3.4\n", ""):
        file.path.write_text(other)
        assert file.keep(TEXT) is True
        assert file.path.read_text() == TEXT


def test_emptying(file: OptionsFile) -> None:
    assert file.empty(remove=False) is False
    assert not file.path.exists()
    file.keep(TEXT)
    assert file.empty(remove=False) is True
    assert file.path.read_text() == HEADER
    assert file.empty(remove=False) is False
    assert file.empty(remove=True) is False
    assert not file.path.exists()


@pytest.mark.parametrize("content", ["42,1.2.3.4\n", "\n", "\xff", None])
def test_what_is_not_ours_is_never_touched(file: OptionsFile, content: str | None) -> None:
    file.path.parent.mkdir(mode=0o755)
    if content is None:
        file.path.mkdir()
    else:
        file.path.write_text(content)
    for act in (lambda: file.keep(TEXT), lambda: file.empty(remove=True)):
        with pytest.raises(FileError) as raised:
            act()
        assert raised.value.foreign
    assert file.path.is_dir() if content is None else file.path.read_text() == content


def test_a_full_disk_leaves_the_old_file(file: OptionsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.keep(TEXT)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(options_file_service, "write_synced", full)
    with pytest.raises(FileError, match="No space left on device") as raised:
        file.keep(HEADER)
    assert (raised.value.foreign, file.path.read_text()) == (False, TEXT)


def test_a_directory_that_dnsmasq_cannot_enter_is_named(file: OptionsFile) -> None:
    file.keep(TEXT)
    assert file.closed_at() != file.path.parent
    file.path.parent.chmod(0o700)
    assert file.closed_at() == file.path.parent


def test_a_file_that_others_may_not_read_is_opened_again(file: OptionsFile) -> None:
    file.keep(TEXT)
    file.path.chmod(0o600)
    assert file.keep(TEXT) is True
    assert file.path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_others_may_not_read_is_named(file: OptionsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.keep(TEXT)
    file.path.chmod(0o600)
    monkeypatch.setattr(type(file.path), "parents", ())
    assert file.closed_at() == file.path
    file.path.chmod(0o644)
    assert file.closed_at() is None
