"""Secrets are read only from files that nobody else can read, and never shown."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from routerd.system.secret import SecretError, read_secret

SECRET = "0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.write_text(SECRET + "\n")
    made.chmod(0o600)
    return made


@pytest.mark.parametrize("text", [SECRET, SECRET + "\n", SECRET + "\r\n", SECRET + "\n\n"])
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o440])
def test_a_secret(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)
    assert read_secret(str(path), 16) == SECRET.encode()


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o660, 0o777])
def test_others_can_reach_it(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SecretError, match="other users can read or change it; Run: chmod 600"):
        read_secret(str(path), 16)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "shorter than 16"),
        (b"\n", "shorter than 16"),
        (SECRET[:-1].encode(), "shorter than 16"),
        (b"two words and more", "not one line"),
        (SECRET.encode() + b"\nmore", "not one line"),
        ("gehei­mnisß12345678".encode(), "not one line"),
        (b"\xff" * 20, "not one line"),
        (b"x" * 5000, "not one line"),
    ],
)
def test_no_secret(path: Path, text: bytes, reason: str) -> None:
    path.write_bytes(text)
    with pytest.raises(SecretError, match=reason) as error:
        read_secret(str(path), 16)
    assert "openssl rand" in error.value.hint
    assert SECRET not in str(error.value)


def test_a_missing_file_and_what_is_none(path: Path) -> None:
    path.unlink()
    with pytest.raises(SecretError, match="No such file"):
        read_secret(str(path), 16)
    for make in (path.mkdir, lambda: (path.rmdir(), os.mkfifo(path, 0o600))):
        make()
        with pytest.raises(SecretError, match="no regular file"):
            read_secret(str(path), 16)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives the file to another user")
def test_it_belongs_to_another_user_or_group(path: Path) -> None:
    os.chown(path, 12345, 0)
    with pytest.raises(SecretError, match="another user; Run: chown root"):
        read_secret(str(path), 16)
    assert read_secret(str(path), 16, for_another=True) == SECRET.encode()
    os.chown(path, 0, 12345)
    path.chmod(0o640)
    with pytest.raises(SecretError, match="a group that routerd is not in"):
        read_secret(str(path), 16)
    path.chmod(0o600)
    assert read_secret(str(path), 16) == SECRET.encode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")
def test_the_mend_for_an_unreadable_secret_keeps_it() -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "secret")
        path.write_text(SECRET)
        path.chmod(0o600)
        Path(directory).chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(SecretError, match="cannot read it") as error:
                read_secret(str(path), 16)
        finally:
            os.seteuid(0)
    assert "chgrp" in error.value.hint
    assert "chmod 640" in error.value.hint
    assert "openssl" not in error.value.hint, "a new secret would not be the neighbours'"


def test_the_mend_makes_a_file_that_the_service_can_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerd.system.secret.os.geteuid", lambda: 0)
    path.unlink()
    monkeypatch.setattr("routerd.system.secret.pwd.getpwnam", lambda name: name)
    with pytest.raises(SecretError) as caught:
        read_secret(str(path), 1, 16)
    assert caught.value.hint.endswith(f"(umask 077; openssl rand -hex 8 > {path}; chown routerd: {path}).")
    monkeypatch.setattr("routerd.system.secret.pwd.getpwnam", {}.__getitem__)
    with pytest.raises(SecretError) as caught:
        read_secret(str(path), 1, 16)
    assert caught.value.hint.endswith(f"(umask 077; openssl rand -hex 8 > {path}).")
