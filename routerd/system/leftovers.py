"""What a daemon that is gone may have left besides routes and settings: Unix sockets and the nftables table."""

import os
import shutil
import socket
import stat
import subprocess

from routerd.system.http_client import AskError, ask

TABLE = "inet routerd"

_TIMEOUT = 2.0
_NFT_TIMEOUT = 30.0


class LeftoverError(Exception):
    """Something cannot be looked at or removed; the text says what and why."""


def is_served(listen: str, certificate: str | None = None) -> bool:
    """Whether a daemon is behind an entry of `http.listen`. Raises `LeftoverError` where that cannot be told.

    `certificate` is the file of the one that it serves TCP with, None where it does so without TLS.
    """
    if listen.startswith("unix:"):
        return _is_connectable(listen.removeprefix("unix:"))
    try:
        status, body = ask((listen,), "/livez", certificate=certificate, timeout=_TIMEOUT)
    except AskError:
        return False
    return status == 200 and str(body).strip() == "ok"


def remove_stale_socket(listen: str) -> str | None:
    """Remove the Unix socket of an entry of `http.listen` if nobody serves it: its path. Raises `LeftoverError`."""
    path = listen.removeprefix("unix:")
    if path == listen:
        return None
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode) or _is_connectable(path):
            return None
        os.unlink(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LeftoverError(f"{path}: cannot be removed: {error.strerror}") from None
    return path


def remove_table() -> str | None:
    """Remove routerd's nftables table: its name, None if there is none. Raises `LeftoverError`."""
    program = shutil.which("nft")
    if program is None or f"table {TABLE}" not in _nft(program, "list", "tables").splitlines():
        return None
    _nft(program, "delete", "table", *TABLE.split())
    return f"table {TABLE}"


def table_text() -> str | None:
    """routerd's nftables table as text that `nft -f` takes, None if there is none. Raises `LeftoverError`."""
    program = shutil.which("nft")
    if program is None or f"table {TABLE}" not in _nft(program, "list", "tables").splitlines():
        return None
    return _nft(program, "list", "table", *TABLE.split())


def replace_table(text: str | None) -> None:
    """Put this table in the place of routerd's in one transaction; None: remove it. Raises `LeftoverError`."""
    if text is None:
        remove_table()
        return
    program = shutil.which("nft")
    if program is None:
        raise LeftoverError("the program nft is not installed, so the rules from before cannot be put back")
    _nft(program, "-f", "-", text=f"table {TABLE}\ndelete table {TABLE}\n{text}")


def _is_connectable(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as trial:
        trial.settimeout(_TIMEOUT)
        try:
            trial.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except TimeoutError:  # its queue is full, so there is one who should empty it
            return True
        except OSError as error:
            raise LeftoverError(f"{path}: cannot be asked whether a daemon runs: {error.strerror}") from None
    return True


def _nft(program: str, *words: str, text: str = "") -> str:
    try:
        done = subprocess.run([program, *words], input=text, capture_output=True, text=True, timeout=_NFT_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeftoverError(f"nft {' '.join(words)}: {error}") from None
    if done.returncode:
        raise LeftoverError(f"nft {' '.join(words)}: {' '.join(done.stderr.split())}")
    return done.stdout
