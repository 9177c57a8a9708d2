"""How a link that cannot be used is retried, and what its failures mean. Pure."""

import errno
import os
from dataclasses import dataclass

from routerd.model import Problem
from routerd.peers.probes import Link

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0

GONE = frozenset({errno.ENODEV, errno.ENXIO})
"""The interface does not exist: nothing behind it can be reached, which is a fact about its peers."""
BROKEN = GONE | {errno.EADDRNOTAVAIL, errno.EINVAL, errno.EBADF}
"""The socket itself is no use any more, because what it was bound to is gone or was made anew."""

_HINTS = {
    errno.ENODEV: "Create the interface, or correct `interface`; routerd goes on by itself when it appears.",
    errno.EADDRNOTAVAIL: "Give the interface its address again; routerd goes on by itself.",
    errno.EPERM: 'Run routerd with CAP_NET_RAW, or set `probe` of these peers to "handshake".',
    errno.EACCES: 'Run routerd with CAP_NET_RAW, or set `probe` of these peers to "handshake".',
    errno.EMFILE: "Raise the limit of open files of routerd.",
}


@dataclass(slots=True)
class Backoff:
    """The last failure of a link, and when it is tried again (monotonic seconds)."""

    error: int = 0
    attempts: int = 0
    retry_at: float = 0.0
    delay: float = _FIRST_DELAY

    def failed(self, error: int, now: float) -> None:
        """Opening failed with errno `error`: wait, twice as long each time up to 5 s."""
        self.error = error
        self.attempts += 1
        self.retry_at = now + self.delay
        self.delay = min(2 * self.delay, _LONGEST_DELAY)

    def worked(self) -> None:
        """It is open: forget the failures."""
        self.error, self.attempts, self.delay = 0, 0, _FIRST_DELAY

    def broke(self, error: int, now: float) -> None:
        """It was open and is no use any more: it may be opened anew at once."""
        self.error, self.retry_at = error, now


def problem(vpn: str, link: Link, error: int) -> Problem:
    """What is shown for a vpn whose probes cannot be sent."""
    where = link.interface or "any interface"
    reason = f"{where}: {os.strerror(error)}"
    hint = _HINTS.get(error, "routerd tries again by itself; look at the interface and its address.")
    return Problem("probe-socket", f"vpn {vpn}", (("reason", reason), ("hint", hint)), (f"vpn {vpn}",))
