"""Leases on disk: what was committed is there again, and foreign files are refused."""

import sqlite3
from pathlib import Path

import pytest

from routerd.dhcp.leases import BOUND, DELETED, RELEASED, Row
from routerd.dhcp.store import LeaseStore, StoreError

CLIENT = bytes.fromhex("01020000000022")


def row(address: int = 50, state: int = BOUND, expires: float = 200.0) -> Row:
    return Row(address, CLIENT, CLIENT, "endpoint-b", state, 100.0, expires)


def opened(path: Path) -> LeaseStore:
    store = LeaseStore(str(path))
    store.open()
    return store


def test_committed_leases_are_there_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "new" / "leases.db")
    store.commit([("lan0", row()), ("lan1", row(51)), ("lan0", row(52))], 1000.0)
    store.commit([("lan0", row(expires=300.0)), ("lan0", row(52, DELETED))], 1000.0)
    store.close()
    store = opened(tmp_path / "new" / "leases.db")
    assert store.load(1000.0) == {"lan0": [row(expires=300.0)], "lan1": [row(51)]}
    assert store.load(900.0)["lan1"] == [Row(51, CLIENT, CLIENT, "endpoint-b", BOUND, 200.0, 300.0)]
    store.close()


def test_the_last_row_of_an_address_wins(tmp_path: Path) -> None:
    store = opened(tmp_path / "leases.db")
    store.commit([("lan0", row()), ("lan0", row(state=DELETED)), ("lan0", row(state=RELEASED))], 0.0)
    assert store.load(0.0) == {"lan0": [row(state=RELEASED)]}
    store.close()


def test_a_large_batch(tmp_path: Path) -> None:
    store = opened(tmp_path / "leases.db")
    store.commit([("lan0", row(address)) for address in range(1000)], 0.0)
    assert len(store.load(0.0)["lan0"]) == 1000
    store.close()


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path / "leases.db")
    with pytest.raises(StoreError, match="another routerd uses this lease file"):
        LeaseStore(str(tmp_path / "leases.db")).open()
    store.close()
    opened(tmp_path / "leases.db").close()


def test_foreign_files_are_refused_and_untouched(tmp_path: Path) -> None:
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="no lease file"):
        LeaseStore(str(junk)).open()
    assert junk.read_bytes() == b"not a database at all" * 100
    foreign = tmp_path / "foreign.db"
    database = sqlite3.connect(foreign)
    database.execute("CREATE TABLE something (x)")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="not a lease file of this version"):
        LeaseStore(str(foreign)).open()


def test_a_path_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"leases\.store"):
        LeaseStore(str(tmp_path / "file" / "leases.db")).open()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        LeaseStore(str(tmp_path / "leases.db")).load(0.0)
