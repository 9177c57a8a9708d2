"""Where the daemon says that it listens."""

import os
from pathlib import Path

from routerd.system.listen_file import ListenFile

LISTEN = ("127.0.0.1:8121", "unix:/run/a b\u00e4.sock", "[::1]:8121")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = ListenFile(tmp_path)
    assert file.read(os.getpid()) is None
    before = os.umask(0o077)
    try:
        file.write(LISTEN)
    finally:
        os.umask(before)
    assert file.path.stat().st_mode & 0o777 == 0o644
    assert file.read(os.getpid()) == ("unix:/run/a b\u00e4.sock", "127.0.0.1:8121", "[::1]:8121")
    file.write(())
    assert file.read(os.getpid()) == ()
    # That of a daemon that was killed says nothing of the next one.
    assert file.read(os.getpid() + 1) is None
    assert list(tmp_path.iterdir()) == [file.path]
    file.remove()
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_nothing_elsewhere_is_written_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    file = ListenFile(tmp_path)
    for path in (file.path, file.path.with_name(f".{file.path.name}.new")):
        path.symlink_to(elsewhere)
    file.write(LISTEN)
    assert elsewhere.read_text() == "mine"
    assert not file.path.is_symlink()
    assert file.read(os.getpid()) is not None
    # Where it cannot be written there is none, and no error.
    ListenFile(tmp_path / "missing").write(LISTEN)


def test_junk_is_no_place_to_ask(tmp_path: Path) -> None:
    file = ListenFile(tmp_path)
    for text in (b"", b"\xff\x00", b"soon\nunix:/a\n", b"1" * 100_000):
        file.path.write_bytes(text)
        assert file.read(7) is None
    file.path.write_bytes(b"7\nunix:\nhost\n:80\nhost:port\n/etc/passwd:1\n127.0.0.1:80\nunix:/a\n")
    assert file.read(7) == ("unix:/a", "127.0.0.1:80")
