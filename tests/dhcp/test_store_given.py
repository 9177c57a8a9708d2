"""What leases were given is on disk, and files from before it was are brought up to date."""

import sqlite3
from pathlib import Path

import pytest

from routerd.dhcp.given import UNKNOWN, Given
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.store_rows import APPLICATION_ID, SCHEMA_VERSION

CLIENT = bytes.fromhex("01020000000022")
EVERY = [UNKNOWN, Given(True, 0), Given(False, 0), Given(None, 0), Given(True, (1 << 63) - 1), Given(None, 5)]

VERSION_1 = """
CREATE TABLE lease (
    lan TEXT NOT NULL, address INTEGER NOT NULL, client BLOB NOT NULL, hardware BLOB NOT NULL, hostname TEXT,
    state INTEGER NOT NULL, starts REAL NOT NULL, expires REAL NOT NULL, PRIMARY KEY (lan, address)
) WITHOUT ROWID;
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, offset REAL NOT NULL, newest REAL NOT NULL
);
"""


def row(address: int, given: Given = UNKNOWN) -> Row:
    return Row(address, CLIENT, CLIENT, "endpoint-b", BOUND, 100.0, 200.0, given=given)


def opened(path: Path) -> LeaseStore:
    store = LeaseStore(str(path))
    store.open()
    return store


def old_file(path: Path) -> None:
    """A lease file of the first version with one lease in it."""
    with sqlite3.connect(path) as database:
        database.executescript(VERSION_1)
        values = ("lan0", 50, CLIENT, CLIENT, "endpoint-b", BOUND, 1100.0, 1200.0)
        database.execute("INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
    database.close()


def test_what_was_given_is_there_again(tmp_path: Path) -> None:
    rows = [row(50 + n, given) for n, given in enumerate(EVERY)]
    store = opened(tmp_path / "leases.db")
    store.commit([("lan0", each) for each in rows], 1000.0)
    store.close()
    store = opened(tmp_path / "leases.db")
    found = store.load(1000.0)["lan0"]
    store.close()
    assert [(each.address, each.given) for each in found] == [(each.address, each.given) for each in rows]
    assert [type(each.given.accepts_routes) for each in found] == [type(each.accepts_routes) for each in EVERY]


def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    old_file(path)
    store = opened(path)
    (found,) = store.load(1000.0)["lan0"]
    assert (found.address, found.hostname, found.expires, found.given) == (50, "endpoint-b", 200.0, UNKNOWN)
    assert found.seconds == 100.0  # It may be renewed from memory while the disk fails.
    store.commit([("lan0", row(50, EVERY[1])), ("lan0", row(51))], 1000.0)
    store.close()
    store = opened(path)
    assert [each.given for each in store.load(1000.0)["lan0"]] == [EVERY[1], UNKNOWN]
    store.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    database.close()


@pytest.mark.parametrize("values", ["'yes', 0", "2, 0", "1, 'all'", "0, 1.5"])
def test_what_no_routerd_wrote_is_dropped(tmp_path: Path, values: str) -> None:
    store = opened(tmp_path / "leases.db")
    store.commit([("lan0", row(50))], 1000.0)
    store.close()
    with sqlite3.connect(tmp_path / "leases.db") as database:
        accepts, routes = values.split(", ")
        database.execute(f"UPDATE lease SET accepts_routes = {accepts}, routes = {routes}")
    database.close()
    store = opened(tmp_path / "leases.db")
    assert store.load(1000.0) == {}
    store.close()
    (note,) = store.notes
    assert "what it was given is not readable" in note
