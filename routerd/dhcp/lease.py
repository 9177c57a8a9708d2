"""What one address of a LAN is used for: a lease, an offer, or a reason to keep it off. Values, times in seconds."""

from typing import NamedTuple

from routerd.dhcp.given import UNKNOWN, Given

BOUND, RELEASED, EXPIRED, DECLINED, DELETED = range(1, 6)
OFFERED = 0
STATE_NAMES = ("offered", "bound", "released", "expired", "declined", "deleted")

NOBODY = b""
"""The client of a declined address that is in use without a lease; `hardware` is the machine that uses it."""


class Row(NamedTuple):
    """A lease as it is stored and reported. A row with state DELETED removes the address.

    `renewal`: the client had the lease already; `changed`: under another hardware address or host name.
    `seconds` is the lease time that was promised last. `covered`: a renewal of a lease that had not ended, and for no
    longer than it was promised before, so that the row before this one tells how long it may last at most.
    """

    address: int
    client: bytes
    hardware: bytes
    hostname: str | None
    state: int
    starts: float
    expires: float
    renewal: bool = False
    given: Given = UNKNOWN
    seconds: float = 0.0
    covered: bool = False
    changed: bool = False


class Lease:
    """An address and the client that holds it, or held it last (then it is offered to that client first).

    `queued` is the time of its entry in the queue of ends, 0 if it has none.
    """

    __slots__ = (
        *("address", "client", "expires", "given", "hardware"),
        *("hostname", "queued", "seconds", "starts", "state"),
    )

    def __init__(self, row: Row) -> None:
        self.address, self.client, self.hardware, self.hostname, self.state, self.starts, self.expires = row[:7]
        self.given, self.seconds = row.given, row.seconds
        self.queued = 0.0

    @property
    def occupied(self) -> bool:
        """Is the address in use by a machine that has no lease?"""
        return self.state == DECLINED and self.client == NOBODY

    def holds(self, now: float) -> bool:
        """Is the address its client's now?"""
        return self.state == BOUND and self.expires > now

    def has_ended(self, now: float) -> bool:
        """Is the address free for others?"""
        return self.state in (RELEASED, EXPIRED) or (self.state == BOUND and self.expires <= now)

    def row(self, renewal: bool = False, covered: bool = False, changed: bool = False) -> Row:
        """The lease as it is now."""
        who = (self.address, self.client, self.hardware, self.hostname)
        what = (self.state, self.starts, self.expires, renewal, self.given, self.seconds, covered, changed)
        return tuple.__new__(Row, who + what)  # Half the time of Row(...), and one is made for every ACK.


class Offer(NamedTuple):
    """An address held for a client that has not asked for it yet.

    `disputed`: a machine without a lease uses it, or says so, but nothing else was free.
    """

    client: bytes
    hardware: bytes
    until: float
    disputed: bool = False
