"""Secrets in files: read only where nobody but routerd and its own group can read them."""

import os
import stat

_LARGEST = 4096


class SecretError(Exception):
    """A secret cannot be used; `reason` says why and `hint` how to mend it. The secret itself is in neither."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint


def read_secret(path: str, least: int) -> bytes:
    """The one line of a file, without its end: at least `least` visible ASCII characters. Raises SecretError.

    The file belongs to root or to this process's user; only they may write it, and at most a group that this process
    is in may read it.
    """
    try:
        # Not blocking: a FIFO put in the file's place must not hold the caller.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SecretError(os.strerror(error.errno or 0), f"Create it, readable for routerd: {_make(path)}") from None
    try:
        _check(path, os.fstat(handle))
        data = os.read(handle, _LARGEST + 1)
    except OSError as error:
        raise SecretError(os.strerror(error.errno or 0), "Look at the file system.") from None
    finally:
        os.close(handle)
    secret = data.rstrip(b"\r\n")
    if len(data) > _LARGEST or not all(0x21 <= byte <= 0x7E for byte in secret):
        raise SecretError("it is not one line of visible ASCII characters", f"Make a new one: {_make(path)}")
    if len(secret) < least:
        raise SecretError(f"it is shorter than {least} characters", f"Make a new one: {_make(path)}")
    return secret


def _check(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretError("it is no regular file", f"Replace it: {_make(path)}")
    if found.st_uid not in (0, os.geteuid()):
        raise SecretError("it belongs to another user", f"Run: chown root {path}.")
    if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SecretError("other users can read or change it", f"Run: chmod 600 {path}, and make a new one.")
    if found.st_mode & stat.S_IRGRP and found.st_gid not in (os.getegid(), *os.getgroups()):
        raise SecretError("a group that routerd is not in can read it", f"Run: chmod 600 {path}.")


def _make(path: str) -> str:
    return f"(umask 077; openssl rand -hex 32 > {path})."
