"""What clients may have been promised beyond what the lease file says. Pure.

Renewals are answered before they are stored where that is configured (`leases.sync`), and in any case while the disk
fails. Each promises at most the lease time that is stored with its lease (`Row.covered`), from some moment between the
last commit and the end of that routerd: the end is not known, but it was before the next start.
"""

from collections.abc import Iterable

from routerd.dhcp.lease import BOUND, Row

DOUBT = 15.0
"""Seconds by which a lease may have ended before a commit that did not hold its renewal yet."""


def after_crash(rows: Iterable[Row], saved: float, now: float) -> tuple[list[Row], list[Row]]:
    """All leases of a file that was not closed in order, with the ends that they may have; and those that changed.

    `saved`: all that was promised until then was in the file. A lease that had ended by then has ended.
    """
    found, changed = [], []
    for row in rows:
        end = now + row.seconds
        if row.seconds and row.state == BOUND and saved - DOUBT < row.expires < end:
            row = row._replace(expires=end)
            changed.append(row)
        found.append(row)
    return found, changed
