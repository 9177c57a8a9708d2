"""Looks at a dnsmasq: its process, its configuration, and this machine's networks."""

import os
from ipaddress import IPv4Network
from pathlib import Path

from routerd.beside.dnsmasq_conf import Conf
from routerd.beside.dnsmasq_conf_service import (
    NAME,
    Started,
    State,
    networks_of_interfaces,
    options_state,
    read_started,
    with_option_files,
)
from routerd.system.named_process import Process, look_up

_MOST = 500


class Watch:
    """One dnsmasq. Its methods may wait for the disk.

    `edits` counts how often its files of options were seen to be others than before.
    """

    def __init__(self, pid_file: Path, own: Path) -> None:
        self.pid_file, self._own = pid_file, own
        self.process: Process | None = None
        self.conf: Conf | None = None
        self.edits = 0
        self.links: tuple[tuple[str, IPv4Network], ...] = ()
        self._started = Started()
        self._state: State | None = None

    @property
    def mark(self) -> tuple[object, ...] | None:
        """Another value for another process; None while none runs."""
        return None if self.process is None else self.process.mark

    @property
    def unseen(self) -> tuple[str, ...]:
        """What is not seen of that with which it runs."""
        return self._started.unseen

    def look(self, *, force: bool) -> None:
        """At the process; at its configuration, which it reads when it starts; and at its files of options."""
        process = look_up(self.pid_file, NAME)
        is_other = process != self.process
        if is_other or force:
            started = read_started(self.pid_file)
            self.process = started.process
            if started.process is not None or self._started.process is None:
                self._started, self.conf = started, None
            # Else it has ended, and what it ran with is the best guess at what it will be started with.
        if self._started.conf is None:
            return
        state = options_state(self._started.conf, self._own)
        if state != self._state or self.conf is None:
            self.edits += not is_other and self._state not in (None, state)
            self.conf, self._state = with_option_files(self._started.conf, self._own), state
        # Networks of an interface that is down now stay known.
        self.links = tuple(dict.fromkeys((*networks_of_interfaces(), *self.links)))[:_MOST]

    def elsewhere(self, lans: frozenset[str]) -> frozenset[str]:
        """The tags that clients of other interfaces have by their interface alone."""
        try:
            return frozenset(os.listdir("/sys/class/net")) - lans
        except OSError:
            return frozenset()
