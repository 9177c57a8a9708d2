"""Looks at a dnsmasq: its process, its configuration, this machine's networks, and whether it can be told anything."""

import os
import shutil
import subprocess
from ipaddress import IPv4Network
from pathlib import Path

from routerd.beside.dnsmasq_conf import Conf
from routerd.beside.dnsmasq_conf_service import (
    NAME,
    State,
    networks_of_interfaces,
    options_state,
    read_started,
    with_option_files,
)
from routerd.system.named_process import SignalError, find_process, hang_up

_UNIT = "routerd-dnsmasq.path"
_TIMEOUT = 3.0
_MOST = 500


class Watch:
    """One dnsmasq. Its methods may wait for the disk."""

    def __init__(self, pid_file: Path, own: Path) -> None:
        self.pid_file, self._own = pid_file, own
        self.pid: int | None = None
        self.conf: Conf | None = None
        self.links: tuple[tuple[str, IPv4Network], ...] = ()
        self._started: Conf | None = None
        self._state: State | None = None

    def look(self, *, force: bool) -> None:
        """At the process; at its configuration, which it reads when it starts; and at its files of options."""
        pid = find_process(self.pid_file, NAME)
        if pid != self.pid or force:
            self.pid, self._started = read_started(self.pid_file)
            self.conf, self._state = None, None
        if self._started is None:
            return
        state = options_state(self._started, self._own)
        if state != self._state:
            self.conf, self._state = with_option_files(self._started, self._own), state
        # Networks of an interface that is down now stay known.
        self.links = tuple(dict.fromkeys((*networks_of_interfaces(), *self.links)))[:_MOST]

    def elsewhere(self, lans: frozenset[str]) -> frozenset[str]:
        """The tags that clients of other interfaces have by their interface alone."""
        try:
            return frozenset(os.listdir("/sys/class/net")) - lans
        except OSError:
            return frozenset()

    def missing_right(self) -> str | None:
        """Why nobody would tell dnsmasq of a change; None where routerd or systemd would, or nothing runs."""
        try:
            hang_up(self.pid_file, NAME, only_try=True)
        except SignalError as error:
            return str(error) if error.may_not and not _is_watched() else None
        return None


def _is_watched() -> bool:
    """Does systemd watch the file for routerd?"""
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
    return done.returncode == 0
