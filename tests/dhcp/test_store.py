"""Leases on disk: what was committed is there again, whatever the clocks do, and a crash is told from a stop."""

import sqlite3
from pathlib import Path

import pytest

from routerd.dhcp.given import Given
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
    store.close()


class Machine:
    """A lease file over boots and steps of the wall clock; the steady clock begins at 0 with every boot."""

    def __init__(self, path: Path) -> None:
        self.path, self.wall, self.boots, self.offset = str(path), 1e9, 0, 1e9

    def start(self, *, boot: bool = False, wall: float | None = None) -> LeaseStore:
        steady = self.wall - self.offset
        if boot:
            self.boots, steady = self.boots + 1, 0.0
        self.wall = self.wall if wall is None else wall
        self.offset = self.wall - steady
        store = LeaseStore(self.path, wall=lambda: self.wall, boot=str(self.boots))
        store.open()
        return store

    def remaining(self, store: LeaseStore) -> float:
        (found,) = store.load(self.offset)["lan0"]
        return found.expires - (self.wall - self.offset)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which a lease of 200 s was just stored and routerd was stopped."""
    made = Machine(tmp_path / "leases.db")
    store = made.start()
    store.commit([("lan0", row())], made.offset)
    store.close()
    return made


YEARS = 10 * 365 * 86400.0


@pytest.mark.parametrize("step", [YEARS, -YEARS, 0.0])
def test_a_step_of_the_clock_between_two_starts_changes_no_lease(machine: Machine, step: float) -> None:
    store = machine.start(wall=machine.wall + step)
    assert machine.remaining(store) == 200.0
    store.close()
    store = machine.start(boot=True)
    assert machine.remaining(store) == 200.0


@pytest.mark.parametrize("step", [YEARS, -YEARS])
def test_a_step_while_it_runs_rewrites_every_row(machine: Machine, step: float) -> None:
    store = machine.start()
    assert machine.remaining(store) == 200.0
    machine.wall, machine.offset = machine.wall + step, machine.offset + step
    store.commit((), machine.offset)
    store.close()
    database = sqlite3.connect(machine.path)
    assert database.execute("SELECT expires FROM lease").fetchone() == (machine.wall + 200.0,)
    database.close()
    store = machine.start(boot=True, wall=machine.wall + 50.0)
    assert machine.remaining(store) == 150.0


def test_a_boot_without_the_time_lets_no_lease_live_for_years(machine: Machine) -> None:
    store = machine.start(boot=True, wall=0.0)
    assert machine.remaining(store) == 200.0
    # Thirty seconds later a time server has answered.
    machine.offset = 1e9 + 500.0
    machine.wall = machine.offset + 30.0
    store.commit((), machine.offset)
    assert machine.remaining(store) == 170.0
    store.close()


def test_time_passes_while_the_machine_is_off(machine: Machine) -> None:
    assert machine.remaining(machine.start(boot=True, wall=machine.wall + 120.0)) == 80.0


@pytest.mark.parametrize(
    ("version", "lacks"), [(1, ("accepts_routes", "routes", "seconds")), (2, ("seconds",))], ids=["1", "2"]
)
def test_a_file_of_an_older_version_is_taken_over(machine: Machine, version: int, lacks: tuple[str, ...]) -> None:
    database = sqlite3.connect(machine.path)
    for column in lacks:
        database.execute(f"ALTER TABLE lease DROP COLUMN {column}")
    database.execute(f"PRAGMA user_version = {version}")
    database.commit()
    database.close()
    store = machine.start()
    # What it was promised for is not known: for no longer than it lasts as a whole.
    assert store.load(machine.offset) == {"lan0": [row(expires=200.0)._replace(seconds=100.0)]}
    store.commit([("lan0", row()._replace(given=Given(True, 5), seconds=60.0))], machine.offset)
    store.close()
    store = machine.start()
    (found,) = store.load(machine.offset)["lan0"]
    assert (found.given, found.seconds) == (Given(True, 5), 60.0)


def test_a_file_from_before_the_clock_was_kept_is_taken_over(machine: Machine) -> None:
    database = sqlite3.connect(machine.path)
    database.execute("DROP TABLE clock")
    database.commit()
    database.close()
    assert machine.remaining(machine.start()) == 200.0


def test_the_last_row_of_an_address_wins(tmp_path: Path) -> None:
    store = opened(tmp_path / "leases.db")
    store.commit([("lan0", row()), ("lan0", row(state=DELETED)), ("lan0", row(state=RELEASED))], 0.0)
    assert store.load(0.0) == {"lan0": [row(state=RELEASED)]}
    store.close()


def test_a_large_batch(tmp_path: Path) -> None:
    store = opened(tmp_path / "leases.db")
    store.commit([("lan0", row(address)) for address in range(1, 1001)], 0.0)
    assert len(store.load(0.0)["lan0"]) == 1000
    store.close()


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path / "leases.db")
    with pytest.raises(StoreError, match="another routerd uses this lease file"):
        LeaseStore(str(tmp_path / "leases.db")).open()
    store.close()
    opened(tmp_path / "leases.db").close()


def test_a_path_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"leases\.store"):
        LeaseStore(str(tmp_path / "file" / "leases.db")).open()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        LeaseStore(str(tmp_path / "leases.db")).load(0.0)


# ---------------------------------------------------------------- stopped, or crashed


def test_only_a_stop_in_order_leaves_the_mark(machine: Machine, tmp_path: Path) -> None:
    store = machine.start()
    store.load(machine.offset)
    assert (store.clean, store.saved) == (False, 0.0)
    store.close(clean=True)
    store = machine.start()
    store.load(machine.offset)
    assert store.clean
    # From then on a crash is one.
    assert not list(tmp_path.glob("*-clean"))
    store.commit([], machine.offset, 500.0)
    store.close()
    store = machine.start()
    store.load(machine.offset)
    assert (store.clean, store.saved) == (False, 500.0)


def test_the_mark_does_not_vouch_for_another_file(machine: Machine, tmp_path: Path) -> None:
    older = Path(machine.path).read_bytes()
    store = machine.start()
    store.commit([], machine.offset, 500.0)
    store.close(clean=True)
    Path(machine.path).write_bytes(older)
    store = machine.start()
    store.load(machine.offset)
    assert not store.clean


def test_what_is_saved_is_said_in_the_time_of_this_start(machine: Machine) -> None:
    store = machine.start()
    store.commit([], machine.offset, 500.0)
    store.close()
    store = machine.start(boot=True, wall=machine.offset + 800.0)
    store.load(machine.offset)
    assert store.saved == -300.0
    store.close()
    # A clock without a battery: no time has passed, as far as anyone knows.
    store = machine.start(boot=True, wall=0.0)
    store.load(machine.offset)
    assert store.saved == 0.0


@pytest.mark.parametrize("step", [YEARS, -YEARS])
def test_a_step_of_the_clock_does_not_hide_what_a_crash_left(machine: Machine, step: float) -> None:
    store = machine.start()
    store.commit([], machine.offset, 500.0)
    machine.wall, machine.offset = machine.wall + step, machine.offset + step
    store.follow(machine.offset)
    store.close()
    store = machine.start()
    store.load(machine.offset)
    assert (store.clean, store.saved) == (False, 500.0)
    assert machine.remaining(store) == 200.0


def test_a_file_that_nobody_used_goes_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "a" / "b" / "leases.db")
    store.close(clean=True)
    store.discard()
    assert list(tmp_path.iterdir()) == []
    kept = tmp_path / "leases.db"
    opened(kept).close()
    store = opened(kept)
    store.close()
    store.discard()
    assert kept.exists()
