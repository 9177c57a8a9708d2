"""Telling the service manager how things are: the protocol of sd_notify(3), one datagram a message.

systemd names its socket in the environment; where nothing does so, every message goes nowhere.
"""

import logging
import os
import socket
import time
from collections.abc import MutableMapping

log = logging.getLogger("routerd")

_LONGEST_PATH = 107


class Notifier:
    """The way to the service manager. The variables that name it are taken out of `environment`: children have none."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = _address(environment.pop("NOTIFY_SOCKET", ""))
        self.watchdog = _watchdog(environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", ""))
        """Seconds after which the manager takes silence for a hang; None: it does not watch."""
        self._socket: socket.socket | None = None

    @property
    def wanted(self) -> bool:
        """Does anybody listen?"""
        return bool(self._address)

    def send(self, *lines: str) -> bool:
        """Send the lines (`READY=1`) as one message. False: it could not be sent now, and may be tried again."""
        if not self._address:
            return True
        try:
            # The address each time: a manager that started anew listens at the same one with another socket.
            self._open().sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.debug("systemd: a notification could not be sent: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the socket; it is opened again if something is sent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            # It never waits: a manager that does not read must not stop DHCP.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        return self._socket


def monotonic_line() -> str:
    """The line that goes with `RELOADING=1`: when the reload began, on the clock that the manager has too."""
    return f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def _address(text: str) -> str:
    """The socket's address; "@" stands for the zero byte of the abstract namespace."""
    if not text:
        return ""
    if text[0] not in "/@" or len(text) < 2 or len(os.fsencode(text)) > _LONGEST_PATH:
        log.warning("systemd: NOTIFY_SOCKET is %r, which is no Unix socket; systemd is told nothing", text[:200])
        return ""
    return "\0" + text[1:] if text[0] == "@" else text


def _watchdog(microseconds: str, pid: str) -> float | None:
    if not _is_number(microseconds) or not int(microseconds):
        return None
    if pid and pid != str(os.getpid()):  # meant for the process that started this one
        return None
    return int(microseconds) / 1_000_000


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
