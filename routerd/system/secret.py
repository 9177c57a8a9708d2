"""Secrets in files: read only where nobody but routerd and its own group can read them."""

import grp
import os
import pwd
import stat

_LARGEST = 4096
_SERVICE = "routerd"


class SecretError(Exception):
    """A secret cannot be used; `reason` says why and `hint` how to mend it. The secret itself is in neither."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint


def read_secret(path: str, least: int, most: int = _LARGEST, *, for_another: bool = False) -> bytes:
    """The one line of a file, without its end: `least` to `most` visible ASCII characters. Raises SecretError.

    The file belongs to root or to this process's user; only they may write it, and at most a group that this process
    is in may read it. `for_another`: this process only looks at it, and whoever uses it may be another user.
    """
    try:
        # Not blocking: a FIFO put in the file's place must not hold the caller.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        raise SecretError(f"{_user()} cannot read it", _let_read(path)) from None
    except OSError as error:
        hint = f"Create it, readable for routerd: {_make(path, most)}"
        raise SecretError(os.strerror(error.errno or 0), hint) from None
    try:
        found = os.fstat(handle)
        _check_mode(path, found, most)
        if not for_another:
            _check_owner(path, found)
        data = os.read(handle, _LARGEST + 1)
    except OSError as error:
        raise SecretError(os.strerror(error.errno or 0), "Look at the file system.") from None
    finally:
        os.close(handle)
    secret = data.rstrip(b"\r\n")
    if len(data) > _LARGEST or not all(0x21 <= byte <= 0x7E for byte in secret):
        raise SecretError("it is not one line of visible ASCII characters", f"Make a new one: {_make(path, most)}")
    if len(secret) < least:
        reason = "it is empty" if least == 1 else f"it is shorter than {least} characters"
        raise SecretError(reason, f"Make a new one: {_make(path, most)}")
    if len(secret) > most:
        raise SecretError(f"it is longer than {most} characters", f"Make a shorter one: {_make(path, most)}")
    return secret


def _check_mode(path: str, found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretError("it is no regular file", f"Replace it: {_make(path, most)}")
    if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SecretError("other users can read or change it", f"Run: chmod 600 {path}, and make a new one.")


def _check_owner(path: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SecretError("it belongs to another user", f"Run: chown root {path}.")
    if found.st_mode & stat.S_IRGRP and found.st_gid not in (os.getegid(), *os.getgroups()):
        raise SecretError("a group that routerd is not in can read it", f"Run: chmod 600 {path}.")


def _make(path: str, most: int) -> str:
    secret = f"openssl rand -hex {min(32, most // 2)} > {path}"
    if os.geteuid() != 0:
        return f"(umask 077; {secret}; {_shared(path)})."
    return f"(umask 077; {secret}{_given(path)})."


def _given(path: str) -> str:
    """Where the package has made a user, the service runs as that one."""
    try:
        pwd.getpwnam(_SERVICE)
    except KeyError:
        return ""
    return f"; chown {_SERVICE}: {path}"


def _let_read(path: str) -> str:
    """Reads what is there: neighbours have the same secret, so a new one would be wrong."""
    return f"Run: {_shared(path)}; and let this group enter its directory."


def _shared(path: str) -> str:
    return f"chgrp {_group()} {path}; chmod 640 {path}"


def _group() -> str:
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())


def _user() -> str:
    return "root with reduced rights" if os.geteuid() == 0 else f"the user that routerd runs as ({os.geteuid()})"
