"""What a router without a battery and with little flash does to leases."""

from pathlib import Path

from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.store import LeaseStore
from tests.openwrt.flash import day

CLIENT = bytes.fromhex("01020000000022")
NOW = 1_800_000_000.0


class Clock:
    """The wall clock; the caller's begins at 0 with every boot."""

    def __init__(self) -> None:
        self.wall, self.boot, self.began = NOW, 0, NOW

    @property
    def offset(self) -> float:
        return self.began

    def restart(self, wall: float) -> None:
        self.boot += 1
        self.wall = self.began = wall

    def step(self, wall: float) -> None:
        """A time server answers."""
        self.began += wall - self.wall
        self.wall = wall

    def open(self, path: Path) -> LeaseStore:
        store = LeaseStore(str(path / "leases.db"), wall=lambda: self.wall, boot=str(self.boot), runtime=path)
        store.open()
        return store


def remaining(store: LeaseStore, clock: Clock) -> float:
    (row,) = store.load(clock.offset)["br-lan"]
    return row.expires - (clock.wall - clock.offset)


def test_a_clock_in_1970_neither_ends_leases_nor_makes_them_eternal(tmp_path: Path) -> None:
    clock = Clock()
    store = clock.open(tmp_path)
    store.load(clock.offset)
    store.commit([("br-lan", Row(50, CLIENT, CLIENT, "endpoint-b", BOUND, 0.0, 3600.0))], clock.offset, 0.0)
    store.close(clean=True)
    # The router boots, and its clock begins at the epoch: as far as anyone knows no time has passed.
    clock.restart(wall=25.0)
    store = clock.open(tmp_path)
    assert 3590 < remaining(store, clock) <= 3610
    # The time server answers a minute later; ten minutes went by in all.
    clock.step(wall=NOW + 600.0)
    store.commit([("br-lan", Row(51, CLIENT, CLIENT, "endpoint-c", BOUND, 0.0, 3600.0))], clock.offset, 60.0)
    store.close(clean=True)
    clock.restart(wall=NOW + 660.0)
    store = clock.open(tmp_path)
    rows = store.load(clock.offset)["br-lan"]
    assert {row.address for row in rows} == {50, 51}
    assert all(3000 < row.expires - (clock.wall - clock.offset) < 3660 for row in rows)
    store.close()


def test_what_a_day_writes_to_flash() -> None:
    """As openwrt/README.md says, for fifty leases."""
    always, bindings = day(3600, lazy=False), day(3600, lazy=True)
    assert bindings.commits * 2 == always.commits == 2400
    assert bindings.octets < 11e6 < 14e6 < always.octets < 16e6
