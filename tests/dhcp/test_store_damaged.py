"""Lease files that are torn, foreign or no files at all: nothing is lost without a word, what can be read is kept."""

import os
import random
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routerd.dhcp import store_file
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.store import DamagedError, LeaseStore, StoreError
from routerd.dhcp.store_damaged import begin_anew, salvage
from routerd.dhcp.store_file import LARGEST
from routerd.dhcp.store_pages import leases_in
from routerd.dhcp.store_rows import COLUMNS, SCHEMA_VERSION

AT = 1795000000.0
STAMP = "20261118T110640Z"


def row(address: int) -> Row:
    hardware = b"\1\2\0\0" + address.to_bytes(3, "big")
    return Row(address, hardware, hardware, f"host-{address}", BOUND, 100.0, 200.0, seconds=100.0)


def made(path: Path, leases: int = 2000, *, lans: tuple[str, ...] = ("lan0",)) -> list[tuple[str, Row]]:
    """A lease file that was closed without a mark, and what is in it."""
    rows = [(lan, row(address)) for lan in lans for address in range(1, leases + 1)]
    store = LeaseStore(str(path))
    store.open()
    store.commit(rows, 0.0)
    store.close()
    return rows


def sql(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def tear(path: Path, *pages: int) -> None:
    """Fill pages of the file, counted from 0, with what is no page."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek(4096 * page)
            file.write(random.Random(page).randbytes(4096))


def opened(path: Path) -> LeaseStore:
    store = LeaseStore(str(path))
    store.open()
    return store


def loaded(store: LeaseStore) -> list[tuple[str, Row]]:
    return [(lan, row) for lan, rows in store.load(0.0).items() for row in rows]


def use(path: Path) -> None:
    """Open and read a lease file; raises what routerd's start would."""
    store = LeaseStore(str(path))
    store.open()
    try:
        store.load(0.0)
    finally:
        store.close()


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    "change",
    [
        "starts = 'yesterday'",
        "expires = 9e999",
        "client = 'text'",
        "client = x''",
        "hardware = x''",
        "hostname = x'00'",
        "state = 99",
        "address = -address",
        "lan = CAST(lan AS BLOB)",
        "routes = 'many'",
    ],
)
def test_rows_that_no_routerd_wrote_are_dropped_and_no_others(tmp_path: Path, change: str) -> None:
    path = tmp_path / "leases.db"
    rows = made(path, 300)
    sql(path, f"UPDATE lease SET {change} WHERE address <= 101")
    store = opened(path)
    assert sorted(loaded(store)) == rows[101:]
    (note,) = store.notes
    assert re.search(r"101 leases in .* are not readable and are dropped, first that of ", note)
    store.close()
    # They are told once.
    store = opened(path)
    assert len(loaded(store)) == len(rows) - 101
    assert store.notes == []
    store.close()


def test_a_time_of_long_ago_is_one(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    made(path, 2)
    sql(path, "UPDATE lease SET starts = -1e10, expires = -1e9 WHERE address = 1")
    store = opened(path)
    assert [row.expires for _, row in loaded(store)] == [-1e9, 200.0]
    store.close()


def test_a_name_that_is_no_text_costs_only_the_name(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    made(path, 3)
    sql(
        path,
        "UPDATE lease SET hostname = CAST(x'ff0a' AS TEXT) WHERE address = 1",
        "UPDATE lease SET hostname = 'a\nb' WHERE address = 2",
    )
    store = opened(path)
    assert [row.hostname for _, row in loaded(store)] == [None, None, "host-3"]
    store.close()


# ---------------------------------------------------------------- files


_KEYLESS = ("DROP TABLE lease", "ALTER TABLE x RENAME TO lease", "INSERT INTO lease SELECT * FROM lease LIMIT 5")


def damages() -> Iterator[tuple[str, Callable[[Path], object], int]]:
    """What happened to a file of 2,000 leases, and how many of them must be saved at least."""
    yield "one page torn", lambda path: tear(path, 5), 1900
    yield "first page torn", lambda path: tear(path, 0), 1950
    yield "root torn", lambda path: tear(path, 1), 1900
    yield "every other page torn", lambda path: tear(path, *range(2, 24, 2)), 800
    yield "cut off", lambda path: os.truncate(path, 4096 * 12), 700
    yield "all torn", lambda path: tear(path, *range(64)), 0
    yield "no database", lambda path: path.write_bytes(b"not a database at all" * 100), 0
    yield "one byte", lambda path: path.write_bytes(b"x"), 0
    yield "zeros", lambda path: path.write_bytes(bytes(8192)), 0
    yield "head only", lambda path: path.write_bytes(b"SQLite format 3\0"), 0
    yield "no tables of ours", lambda path: sql(path, "DROP TABLE lease"), 0
    yield "no key", lambda path: sql(path, "CREATE TABLE x AS SELECT * FROM lease", *_KEYLESS), 2000
    yield "version 0", lambda path: sql(path, "PRAGMA user_version = 0"), 2000
    yield "too large", lambda path: os.truncate(path, LARGEST + 1), 0
    yield "empty beside what was written ahead", lambda path: (path.write_bytes(b""), beside(path).write_bytes(b"x")), 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[tuple[str, Row]]]:
    """A lease file with 2,000 leases, and these."""
    path = tmp_path_factory.mktemp("whole") / "leases.db"
    rows = made(path)
    return path.read_bytes(), rows


def beside(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


@pytest.mark.parametrize(
    ("damage", "saved"), [pytest.param(damage, saved, id=name) for name, damage, saved in damages()]
)
def test_a_damaged_file_is_set_aside_and_what_can_be_read_is_kept(
    tmp_path: Path, whole: tuple[bytes, list[tuple[str, Row]]], damage: Callable[[Path], object], saved: int
) -> None:
    path = tmp_path / "leases.db"
    path.write_bytes(whole[0])
    damage(path)
    before = path.read_bytes() if path.stat().st_size < LARGEST else b""
    with pytest.raises(DamagedError):
        use(path)
    store = LeaseStore(str(path))
    aside = begin_anew(store, AT)
    assert aside.path == f"{path}.damaged-{STAMP}"
    assert not before or Path(aside.path).read_bytes() == before
    found = loaded(store)
    assert set(found) <= set(whole[1])
    assert len(found) == aside.kept >= saved
    assert store.notes == []
    store.commit([("lan0", row(5000))], 0.0)
    store.close()
    store = opened(path)
    assert set(loaded(store)) == {*found, ("lan0", row(5000))}
    store.close()


def test_what_was_written_ahead_goes_with_the_file(tmp_path: Path) -> None:
    path, killed = tmp_path / "leases.db", tmp_path / "killed"
    made(path)
    store = opened(path)
    store.commit([("lan1", row(1))], 0.0)
    killed.mkdir()
    for name in (path, beside(path)):
        (killed / name.name).write_bytes(name.read_bytes())
    store.close()
    path = killed / "leases.db"
    tear(path, 5)
    store = LeaseStore(str(path))
    aside = begin_anew(store, AT)
    assert Path(f"{aside.path}-wal").stat().st_size > 4096
    assert ("lan1", row(1)) in loaded(store)
    store.close()


def test_leases_of_several_lans_are_saved_wherever_the_file_is_torn(tmp_path: Path) -> None:
    rng = random.Random(1)
    for round in range(5):
        path = tmp_path / str(round) / "leases.db"
        rows = made(path, 500, lans=("eth0", "eth1", "eth1 10.0.0.0/24"))
        pages = path.stat().st_size // 4096
        tear(path, *rng.sample(range(1, pages), 3))
        store = LeaseStore(str(path))
        begin_anew(store, AT)
        found = set(loaded(store))
        store.close()
        assert found <= set(rows)
        # A page holds fewer than a hundred leases.
        assert len(found) > len(rows) - 300


def test_the_pages_hold_what_the_tree_holds(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    made(path, 1000)
    found = salvage(str(path))
    assert found.columns == COLUMNS
    assert set(leases_in(path.read_bytes())) == set(found.leases)


def test_another_programs_database_is_set_aside_untouched(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    sql(path, "CREATE TABLE lease (x)", "INSERT INTO lease VALUES (1)")
    before = path.read_bytes()
    with pytest.raises(DamagedError, match="another program's database"):
        use(path)
    store = LeaseStore(str(path))
    aside = begin_anew(store, AT)
    assert Path(aside.path).read_bytes() == before
    assert (aside.kept, loaded(store)) == (0, [])
    store.close()


def test_a_file_of_a_newer_routerd_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    made(path)
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "DROP TABLE lease")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is a lease file of a newer routerd") as caught:
        use(path)
    assert not isinstance(caught.value, DamagedError)
    assert path.read_bytes() == before


def test_names_that_are_taken_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    names = []
    for content in (b"first", b"second", b"third"):
        path.write_bytes(content)
        store = LeaseStore(str(path))
        names.append(begin_anew(store, AT).path)
        store.close()
    assert [Path(name).read_bytes() for name in names] == [b"first", b"second", b"third"]


def test_where_nothing_new_can_be_made_the_file_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leases.db"
    path.write_bytes(b"no database")

    def refuse(self: LeaseStore, *, anew: bool) -> None:
        raise StoreError("no space")

    monkeypatch.setattr(LeaseStore, "open", refuse)
    with pytest.raises(StoreError, match="no space"):
        begin_anew(LeaseStore(str(path)), AT)
    assert [each.name for each in tmp_path.iterdir()] == ["leases.db"]


# ---------------------------------------------------------------- no files


def test_an_empty_file_is_used_and_told(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    path.touch()
    store = opened(path)
    assert loaded(store) == []
    assert store.notes == [f"{path} is empty: leases start empty"]
    store.close()


def test_a_link_leads_to_the_file(tmp_path: Path) -> None:
    path, disk = tmp_path / "leases.db", tmp_path / "disk"
    disk.mkdir()
    path.symlink_to(disk / "real.db")
    with pytest.raises(StoreError, match=r"is a symbolic link to .*, which is not there; mount its disk"):
        use(path)
    rows = made(disk / "real.db")
    store = opened(path)
    assert loaded(store) == rows
    store.close()
    tear(disk / "real.db", 5)
    store = LeaseStore(str(path))
    aside = begin_anew(store, AT)
    store.close()
    assert aside.path == f"{disk / 'real.db'}.damaged-{STAMP}"
    assert path.is_symlink()
    assert not (disk / "real.db").is_symlink()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: os.mkfifo(path), "is no regular file"),
        (lambda path: path.symlink_to(path), "is a symbolic link to .*, which is not there"),
        (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "is no regular file"),
    ],
    ids=["directory", "pipe", "circle", "socket"],
)
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None], text: str) -> None:
    path = tmp_path / "leases.db"
    make(path)
    with pytest.raises(StoreError, match=text) as caught:
        use(path)
    assert not isinstance(caught.value, DamagedError)


def test_a_read_only_file_system_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases.db"
    made(path, 1)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    monkeypatch.setattr(store_file, "is_read_only", lambda path: True)
    with pytest.raises(StoreError, match="its file system is read-only; mend or remount it, or set another"):
        use(path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leases.db"
    made(path, 1)
    path.chmod(0o400)
    # Root may do everything, so this asks as another user would.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(StoreError, match=r"may not read and write it \(owner \d+, mode 0400\); chown it"):
        use(path)
