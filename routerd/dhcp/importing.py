"""Takes over leases of another server: which of them can be leases here, and what they are then. Pure.

What is known here is newer, and what the configuration reserves is meant: both win.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import NamedTuple

from routerd.dhcp.client import Client
from routerd.dhcp.given import UNKNOWN
from routerd.dhcp.lease import BOUND, DECLINED, EXPIRED, Lease, Row
from routerd.dhcp.leases import LeaseTable
from routerd.dhcp.options import clean_hostname
from routerd.dhcp.report import lan_of
from routerd.lease_records import BOUND as LASTS
from routerd.lease_records import CONFLICT, KNOWN, SKIPPED, TAKEN, Import, LeaseRecord, Outcome
from routerd.lease_records import DECLINED as KEPT_OFF
from routerd.lease_records import ENDED as HAS_ENDED
from routerd.wire import dotted

LONGEST = float(0xFFFFFFFF)
"""Seconds that a lease without end lasts here: until its client renews it, which gives it an end."""
_SAME = 1.0
"""Seconds by which two ends may differ that mean the same: clocks are slewed, and files have whole seconds."""
_NOBODY = b"\x01" + bytes(6)

Changes = list[tuple[str, tuple[Row, ...]]]


class Place(NamedTuple):
    """A network that is served, and its leases."""

    network: IPv4Network
    table: LeaseTable


def take_over(
    asked: Import, places: Mapping[str, Place], now: float, offset: float
) -> tuple[tuple[Outcome, ...], Changes]:
    """What becomes of each record, and what is to be stored for it. `places` by the keys of their leases.

    `offset` is Unix seconds less the tables' clock. With `dry_run` the tables stay as they are.
    """
    outcomes: list[Outcome] = []
    changes: dict[str, list[Row]] = {}
    served = ", ".join(str(place.network) for place in places.values()) or "none now"
    for record in asked.records:
        key = next((key for key, place in places.items() if record.address in place.network), None)
        if key is None:
            outcomes.append(_skipped(record, f"no network that is served has this address (served: {served})"))
        elif asked.lan not in (None, lan_of(key)):
            outcomes.append(_skipped(record, f"it is an address of {lan_of(key)}, not of {asked.lan}"))
        else:
            outcome, rows = _Judge(places[key].table, record, now, offset).judged(dry_run=asked.dry_run)
            outcomes.append(outcome)
            changes.setdefault(key, []).extend(rows)
    return tuple(outcomes), [(key, tuple(rows)) for key, rows in changes.items() if rows]


def _skipped(record: LeaseRecord, reason: str) -> Outcome:
    return Outcome(record.address, SKIPPED, record.state, reason, record.line)


class _Judge:
    """One record and the table that its address belongs to."""

    def __init__(self, table: LeaseTable, record: LeaseRecord, now: float, offset: float) -> None:
        self._table, self._record, self._now = table, record, now
        self._address = int(record.address)
        self._hardware = record.hardware or _NOBODY
        self._client = Client(record.client or self._hardware, self._hardware)
        ends = now + LONGEST if record.expires is None else min(record.expires - offset, now + LONGEST)
        self._state = HAS_ENDED if record.state == LASTS and ends <= now else record.state
        starts = now if record.starts is None else record.starts - offset
        self._times = min(starts, ends), ends

    def judged(self, *, dry_run: bool) -> tuple[Outcome, tuple[Row, ...]]:
        """What becomes of it, and its rows."""
        reason = self._never_here()
        if reason:
            return self._outcome(SKIPPED, reason), ()
        here = self._table.at(self._address)
        if here is not None and (found := self._beside(here)) is not None:
            return found, ()
        if self._state == HAS_ENDED and (own := self._table.of(self._client.key)) is not None:
            return self._outcome(KNOWN, f"its client has or had {dotted(own.address)} here"), ()
        if dry_run:
            return self._outcome(TAKEN), ()
        rows = self._take(here)
        if not rows:
            return self._outcome(SKIPPED, "too many addresses are kept off already: a quarter of the pools"), ()
        return self._outcome(TAKEN), rows

    def _outcome(self, outcome: str, reason: str = "") -> Outcome:
        return Outcome(self._record.address, outcome, self._state, reason, self._record.line)

    def _never_here(self) -> str:
        """Why this address can be no lease of this client, by configuration; "" where it can."""
        pools, address = self._table.pools, self._address
        if address in pools.excluded:
            return "it is never leased: it is this machine's, a router's, a gateway's, or the network's own"
        if self._state == KEPT_OFF:
            return "" if pools.open_to_all(address) else "it is in no pool, or reserved, so nobody gets it anyway"
        reserved = pools.reserved_for(self._client)
        if reserved and address not in reserved:
            return f"its client has the reservation of {dotted(reserved[0])}"
        if pools.is_reserved(address) and address not in reserved:
            return "it is reserved for another client"
        if not pools.usable(address, self._client):
            return "it is in no pool: add it to lan.dhcp.pools, or reserve it for its client"
        return ""

    def _beside(self, here: Lease) -> Outcome | None:
        """What becomes of it because of the lease that the address has here; None where it makes way."""
        if self._state == KEPT_OFF:
            return None if here.has_ended(self._now) else self._outcome(KNOWN, "the address is in use here already")
        if here.occupied and here.hardware == self._hardware:
            return None  # The machine was noticed because it has this lease.
        if here.state == DECLINED:
            return self._outcome(CONFLICT, f"it is kept off here: {here.hardware[1:].hex(':')} uses it")
        if here.has_ended(self._now):
            return self._outcome(KNOWN, "it had a lease here as well") if self._state == HAS_ENDED else None
        if here.client != self._client.key:
            return self._outcome(CONFLICT, f"{here.hardware[1:].hex(':')} has it here now, and keeps it")
        if here.expires > self._times[1] - _SAME:
            return self._outcome(KNOWN, "the same client has it here already, for as long")
        return None

    def _take(self, here: Lease | None) -> tuple[Row, ...]:
        """The record as a lease of the table."""
        if self._state == KEPT_OFF:
            return self._table.occupy(self._address, self._hardware, self._now, asked=True)
        starts, ends = self._times
        if here is not None and here.holds(self._now):
            return (self._table.lengthen(here, ends),)
        if here is not None and here.occupied:
            self._table.remove(self._address)
        name = clean_hostname((self._record.hostname or "").encode("latin-1", "ignore"))
        state = EXPIRED if self._state == HAS_ENDED else BOUND
        # No routes are known to have been sent; and what was promised last is not known, so no renewal is covered.
        row = Row(self._address, self._client.key, self._hardware, name, state, starts, ends, False, UNKNOWN, 0.0)
        return (row,) if self._table.take_in(row, self._now) else ()
