"""The lease file's tables, and how a lease is kept in them. Pure.

On disk times are Unix seconds; `base` and `offset` are what turns the caller's clock into them.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

from routerd.dhcp.given import given
from routerd.dhcp.lease import BOUND, DECLINED, DELETED, Row

APPLICATION_ID = 0x72746C64
SCHEMA_VERSION = 3
ROWS_PER_STATEMENT = 256
_PAD = 32
_LONGEST_NAME = 255

LEASE_TABLE = """
CREATE TABLE lease (
    lan TEXT NOT NULL, address INTEGER NOT NULL, client BLOB NOT NULL, hardware BLOB NOT NULL, hostname TEXT,
    state INTEGER NOT NULL, starts REAL NOT NULL, expires REAL NOT NULL, accepts_routes INTEGER, routes INTEGER,
    seconds REAL, PRIMARY KEY (lan, address)
) WITHOUT ROWID
"""
COLUMNS = (
    *("lan", "address", "client", "hardware", "hostname", "state", "starts", "expires"),
    *("accepts_routes", "routes", "seconds"),
)
NAMES = ", ".join(COLUMNS)
CLOCK_TABLE = """
CREATE TABLE IF NOT EXISTS clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, offset REAL NOT NULL, newest REAL NOT NULL
)
"""
LEFT_TABLE = "CREATE TABLE IF NOT EXISTS left_behind (place TEXT PRIMARY KEY) WITHOUT ROWID"
"""Where leases were kept before they moved here: what is in those files is older than all that is in this one. Most
lease files have none."""
LEFT_THERE = "SELECT count(*) FROM sqlite_master WHERE name = 'left_behind'"
_UPGRADES = {
    1: ("ALTER TABLE lease ADD COLUMN accepts_routes INTEGER", "ALTER TABLE lease ADD COLUMN routes INTEGER"),
    2: ("ALTER TABLE lease ADD COLUMN seconds REAL",),
}
OLD_VERSIONS = frozenset(_UPGRADES)


def upgrade(version: int) -> Iterable[str]:
    """The statements that make a file of an older version one of this version."""
    for old in range(version, SCHEMA_VERSION):
        yield from _UPGRADES[old]
    yield f"PRAGMA user_version = {SCHEMA_VERSION}"


def padded(values: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """These values, the last ones several times, so that few statements are needed for any number of leases: to
    prepare one for hundreds costs as much as to store twenty.
    """
    count = len(values)
    wanted = 1 << (count - 1).bit_length() if count <= _PAD else -(-count // _PAD) * _PAD
    return values + values[-1:] * (wanted - count)


@lru_cache(maxsize=ROWS_PER_STATEMENT)
def upsert(rows: int) -> str:
    """The statement that stores so many leases."""
    marks = ",".join("?" * len(COLUMNS))
    return f"REPLACE INTO lease ({NAMES}) VALUES " + ",".join([f"({marks})"] * rows)


def stored(leases: Iterable[tuple[str, Row]], base: float) -> list[tuple[object, ...]]:
    """The values of leases, as COLUMNS."""
    return [
        (lan, address, client, hardware, hostname, state, starts + base, expires + base, *told, seconds)
        for lan, (address, client, hardware, hostname, state, starts, expires, _, told, seconds, _, _) in leases
    ]


def restored(values: Sequence[Any], offset: float) -> Row:
    """A stored lease, from its values without the LAN; raises TypeError or ValueError for one that no routerd wrote."""
    address, client, hardware, hostname, state, starts, expires, accepts, routes, seconds = values
    if not (isinstance(client, bytes) and isinstance(hardware, bytes) and isinstance(hostname, str | None)):
        raise TypeError("its client is not readable")
    if not (isinstance(address, int) and 0 < address <= 0xFFFFFFFF and BOUND <= state < DELETED):
        raise ValueError("its address or state is out of range")
    if not hardware or (not client and state != DECLINED):
        raise ValueError("it has no client")
    if accepts not in (None, 0, 1) or not isinstance(routes, int | None):
        raise ValueError("what it was given is not readable")
    # A lease that is older than this column was promised for no longer than it lasted as a whole.
    lasts = max(0.0, expires - starts) if seconds is None else seconds
    if not isfinite(starts + expires + lasts):
        raise ValueError("its times are not readable")
    if hostname is not None and not (hostname.isascii() and hostname.isprintable() and len(hostname) <= _LONGEST_NAME):
        hostname = None
    told = given(None if accepts is None else bool(accepts), routes)
    ends = starts - offset, expires - offset
    # What most leases have in common is kept once: there may be tens of thousands of them.
    client = hardware if client == hardware else client
    return Row(address, client, hardware, hostname, state, *ends, False, told, _one(lasts))


@lru_cache(maxsize=256)
def _one(seconds: float) -> float:
    """The value, one object for all leases that have it."""
    return seconds
