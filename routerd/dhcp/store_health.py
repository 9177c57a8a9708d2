"""What is wrong with the lease file: told in the log when it begins and ends, and shown as problems."""

import logging
import os

from routerd.dhcp.store_thread import Taken
from routerd.model import Problem
from routerd.reports import Check

log = logging.getLogger("routerd.dhcp")


class StoreHealth:
    """The state of the lease file at `path`. `error` is why it cannot be written now, None if it can."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.error: str | None = None
        self._damage: tuple[str, str, str] | None = None
        self._absent = False

    def absent(self, reason: str) -> None:
        """There is no file, and none can be made."""
        if self.error != reason:
            text = "leases: %s is not there and cannot be made: %s; DHCP is not served until it can be"
            log.error(text, self.path, reason)
        self._absent, self.error = True, reason

    def taken(self, taken: Taken) -> None:
        """The file was opened and read."""
        if self._absent:
            log.info("leases: %s can be used now", self.path)
        self._absent, self.error = False, None
        for note in taken.notes:
            log.warning("leases: %s", note)
        if taken.aside is not None:
            self._damaged(taken.damage, taken.aside.path, _kept(taken.aside.kept))
        if taken.longer:
            text = "leases: %s was not closed in order; %d leases end later than it says, as may have been promised"
            log.info(text, self.path, len(taken.longer))

    def failed(self, reason: str, refused: int) -> None:
        """A batch was not stored, and so many replies were given up."""
        if self.error != reason:
            text = "leases: %s cannot be written: %s; known leases are renewed all the same, %d clients must ask again"
            log.error(text, self.path, reason, refused)
        self.error = reason

    def renewed(self, aside: str, leases: int) -> None:
        """The file was damaged while it was in use; a new one has all leases."""
        if os.path.lexists(aside):
            self._damaged(self.error or f"{self.path} was damaged", aside, f"all {leases} leases")
        else:
            log.error("leases: %s was not there any more; a new file has all %d leases", self.path, leases)

    def works(self) -> None:
        """A batch was stored."""
        if self.error is not None:
            log.info("leases: %s is written again, with all that changed meanwhile", self.path)
        self.error = None

    def lost(self, changes: int) -> None:
        """The end, with so many changes that are not stored."""
        reason = self.error or "its disk has not answered"
        log.error("leases: %s cannot be written: %s; %d changes are lost", self.path, reason, changes)

    def check(self) -> Check:
        """Can leases be stored?"""
        return Check("leases", self.error is None, self.error or "")

    def problems(self) -> list[Problem]:
        """What is wrong now. A file that was set aside is shown until somebody removes it."""
        found = []
        if self.error is not None:
            code = "lease-store-absent" if self._absent else "lease-store"
            found.append(Problem(code, "leases", (("path", self.path), ("reason", self.error))))
        if self._damage is not None and os.path.lexists(self._damage[1]):
            values = tuple(zip(("damage", "aside", "kept"), self._damage, strict=True))
            found.append(Problem("lease-store-damaged", "leases", values))
        return found

    def _damaged(self, damage: str, aside: str, kept: str) -> None:
        self._damage = (damage, aside, kept)
        log.error("leases: %s; it is set aside as %s, and a new file has %s", *self._damage)


def _kept(leases: int) -> str:
    if leases:
        return f"the {leases} leases that could be read of it"
    return (
        "no leases: clients that renew keep their addresses where this server is authoritative, but until they have, "
        "others may be given them"
    )
