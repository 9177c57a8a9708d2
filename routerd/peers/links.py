"""How a link that cannot be used is retried, and what its failures mean. Pure."""

import errno
from dataclasses import dataclass

from routerd.model import Problem
from routerd.peers.sends import Link

_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0

GONE = frozenset({errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL})
"""The interface or its address does not exist: then its peers cannot be reached, and their probes fail."""


def has_no_address(link: Link, error: int) -> bool:
    """Whether errno `error` says that the interface has no address of this IP version that a probe could come from.

    It never had to have one, so this says nothing about the peers: they are just not measured.
    """
    return error == errno.EADDRNOTAVAIL and link.interface is not None and link.source is None


def says_gone(link: Link, error: int) -> bool:
    """Whether errno `error` says that the peers behind the link cannot be reached."""
    return error in GONE and not has_no_address(link, error)


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


def problem(vpn: str, link: Link, error: int, reason: str) -> Problem:
    """What is shown for a vpn whose probes cannot be sent; `reason` is errno `error` in words."""
    if has_no_address(link, error):
        lack = (("interface", link.interface or "?"), ("version", str(link.version)))
        return Problem("probe-no-address", f"vpn {vpn}", lack, (f"vpn {vpn}",))
    where = link.interface or "any interface"
    hint = _HINTS.get(error, "routerd tries again by itself; look at the interface and its address.")
    return Problem("probe-socket", f"vpn {vpn}", (("reason", f"{where}: {reason}"), ("hint", hint)), (f"vpn {vpn}",))


def shown(link: Link, is_open: bool, code: int, reason: str) -> dict[str, object]:
    """The link's socket in the status; `reason` is errno `code` in words, 0 where nothing failed."""
    return {
        "interface": link.interface,
        "source": None if link.source is None else str(link.source),
        "version": link.version,
        "open": is_open,
        "error": reason if code else None,
    }
