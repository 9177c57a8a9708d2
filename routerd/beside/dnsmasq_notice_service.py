"""Tells a dnsmasq that its file of options is another now: by a signal, or by those who watch the file for routerd."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from routerd.beside.dnsmasq_conf_service import NAME
from routerd.system.named_process import SignalError, hang_up

_UNIT = "routerd-dnsmasq.path"
_STAMP = Path("/run/routerd-dnsmasq/told")
"""What the unit's service touches when it has told dnsmasq."""
_TIMEOUT = 3.0
_INACTIVE = (3, 4)
"""What `systemctl is-active` ends with where systemd has answered that the unit is not active, or not there."""
_LOOKS, _PAUSE = 10, 0.1


def tell(pid_file: Path) -> SignalError | None:
    """Send dnsmasq a SIGHUP; what keeps it from that, None for nothing."""
    try:
        hang_up(pid_file, NAME)
    except SignalError as error:
        return error
    return None


def missing_right(pid_file: Path, file: Path, touch: Callable[[], None]) -> str | None:
    """Why nobody would tell dnsmasq of a change; None where routerd or systemd would, or nothing runs."""
    try:
        hang_up(pid_file, NAME, only_try=True)
    except SignalError as error:
        return str(error) if error.may_not and not is_watched(file, touch) else None
    return None


def is_watched(file: Path, touch: Callable[[], None]) -> bool:
    """Does systemd watch the file for routerd? Waits up to a few seconds.

    Where systemd cannot be asked, because there is no D-Bus, the file is made to look changed: who watches it says so.
    """
    program = shutil.which("systemctl")
    if program is None:
        return False
    try:
        done = subprocess.run(
            (program, "is-active", "--quiet", _UNIT),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    if done.returncode == 0 or done.returncode in _INACTIVE:
        return done.returncode == 0
    return _is_told(file) or _is_told_after(touch, file)


def _is_told_after(touch: Callable[[], None], file: Path) -> bool:
    touch()
    for _ in range(_LOOKS):
        time.sleep(_PAUSE)
        if _is_told(file):
            return True
    return False


def _is_told(file: Path) -> bool:
    """Was dnsmasq told after the file's last change?"""
    try:
        return os.stat(_STAMP).st_mtime_ns >= os.stat(file).st_mtime_ns
    except OSError:
        return False
