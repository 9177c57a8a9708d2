"""Backups: what is in them, and every file that is none is refused before anything changes."""

import gzip
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from routerd.backup_manifest import manifest
from routerd.cli import main
from routerd.commands import restore_put, store_at
from routerd.dhcp.lease import BOUND, Row
from routerd.dhcp.offline_service import read_offline
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.store_thread import wall_offset
from routerd.system.lock import DaemonLock

_CONFIG = '[[vpn]]\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n[leases]\nstore = "sqlite:{}/state/leases.db"\n'
_ALIASES = b'{"routerd_aliases": 1, "aliases": [\n\n]}\n'


class Place:
    """A machine's files: configuration, and a directory with the daemon's state. No daemon runs."""

    def __init__(self, directory: Path) -> None:
        self.config, self.state = directory / "routerd.toml", directory / "state"
        self.file = directory / "backup.tar.gz"
        self.config.write_text(_CONFIG.format(directory))
        self.state.mkdir()
        self.leases = self.state / "leases.db"

    def fill(self, *hosts: int, sequence: int | None = 1000) -> None:
        """Have leases of these hosts, aliases, and a sequence number."""
        store, offset = LeaseStore(str(self.leases)), wall_offset()
        store.open()
        store.load(offset)
        now = 1_795_000_000.0 - offset
        rows = [
            Row(0xC0A8C800 + host, b"\x01" + bytes((2, 0, 0, 0, 0, host)), b"\x01abcdef", "h", BOUND, now, now + 9e8)
            for host in hosts
        ]
        store.replace([("lan0", row) for row in rows], offset)
        store.close(clean=True)
        (self.state / "leases.db-aliases").write_bytes(_ALIASES)
        if sequence is not None:
            (self.state / "rip-sequence").write_text(f"{sequence}\n")

    def hosts(self) -> list[int]:
        return [int(each.address) & 0xFF for each in read_offline(str(self.leases))]

    def run(self, *words: str) -> int:
        return main([*words, "--config", str(self.config)])

    def everything(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.state.iterdir()) if path.is_file()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(store_at, "DaemonLock", lambda **words: DaemonLock(tmp_path / "run", **words))
    monkeypatch.setattr(store_at, "holder", lambda: None)
    return Place(tmp_path)


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


def test_a_backup_holds_all_and_is_for_its_owner_only(place: Place) -> None:
    place.fill(50, 51)
    before = place.everything()
    assert place.run("backup", str(place.file)) == 0
    assert place.everything() == before
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o600
    found = members(place.file)
    assert set(found) == {"manifest.json", "leases.db", "aliases.json", "rip-sequence"}
    assert (found["aliases.json"], found["rip-sequence"]) == (_ALIASES, b"1000\n")
    said = json.loads(found["manifest.json"])
    assert (said["routerd_backup"], set(said["parts"])) == (1, set(found) - {"manifest.json"})
    assert [path for path in place.file.parent.iterdir() if path.name.startswith(".")] == []


def test_what_was_restored_is_what_was_saved(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.fill(50, 51)
    place.run("backup", str(place.file))
    place.fill(52, sequence=7)
    assert place.run("restore", str(place.file)) == 1
    assert "1 lease would be replaced; say --force" in capsys.readouterr().err
    assert place.hosts() == [52]
    assert place.run("restore", str(place.file), "--force", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (place.hosts(), said["leases"]) == ([50, 51], 2)
    assert (place.state / "rip-sequence").read_text() == "1000\n"
    (aside,) = [path for path in said["set_aside"] if "leases.db.before-restore-" in path]
    assert [int(each.address) & 0xFF for each in read_offline(aside)] == [52]
    assert [path.name for path in place.state.iterdir() if path.name.startswith(".")] == []


def test_a_new_machine_needs_no_force(place: Place) -> None:
    place.fill(50)
    place.run("backup", str(place.file))
    for path in place.state.iterdir():
        path.unlink()
    place.state.rmdir()
    assert place.run("restore", str(place.file)) == 0
    assert place.hosts() == [50]


def test_a_sequence_never_steps_back(place: Place) -> None:
    place.fill(50, sequence=1000)
    place.run("backup", str(place.file))
    place.fill(50, sequence=1001)
    assert place.run("restore", str(place.file), "--force") == 0
    assert (place.state / "rip-sequence").read_text() == "1001\n"


def test_what_the_backup_has_not_stays(place: Place) -> None:
    place.fill(50, sequence=None)
    (place.state / "leases.db-aliases").unlink()
    place.run("backup", str(place.file))
    place.fill(51, sequence=5)
    assert place.run("restore", str(place.file), "--force") == 0
    assert (place.state / "rip-sequence").read_text() == "5\n"
    assert (place.state / "leases.db-aliases").read_bytes() == _ALIASES


def test_what_was_written_ahead_by_a_killed_daemon_is_saved_and_set_aside(place: Place) -> None:
    place.fill(50)
    store, offset = LeaseStore(str(place.leases)), wall_offset()
    store.open()
    store.load(offset)
    store.commit([("lan0", Row(0xC0A8C833, b"\x01x", b"\x01abcdef", None, BOUND, 0.0, 9e8))], offset)
    copies = {path.name: path.read_bytes() for path in place.state.iterdir()}
    store.close()
    for name, data in copies.items():
        (place.state / name).write_bytes(data)
    assert (place.state / "leases.db-wal").stat().st_size
    assert place.run("backup", str(place.file)) == 0
    assert place.run("restore", str(place.file), "--force") == 0
    assert place.hosts() == [50, 51]
    (aside,) = place.state.glob("leases.db.before-restore-*Z")
    assert [int(each.address) & 0xFF for each in read_offline(str(aside))] == [50, 51]


def test_nothing_there_is_no_backup(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run("backup", str(place.file)) == 1
    assert "there is nothing to back up" in capsys.readouterr().err
    assert not place.file.exists()


def test_the_owner_stays(place: Place) -> None:
    if os.geteuid():
        pytest.skip("needs root")
    place.fill(50)
    place.run("backup", str(place.file))
    for path in (place.state, place.leases):
        os.chown(path, 64121, 64121)
    (place.state / "rip-sequence").unlink()
    assert place.run("restore", str(place.file), "--force") == 0
    assert {path.stat().st_uid for path in (place.leases, place.state / "rip-sequence")} == {64121}


# ---------------------------------------------------------------- files that are no backup


def archive(parts: dict[str, bytes], said: bytes | None = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as made:
        for name, data in ({"manifest.json": manifest("0", 0, parts) if said is None else said} | parts).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return target.getvalue()


def foreign(directory: Path) -> bytes:
    path = directory / "foreign.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE lease (x)")
    return path.read_bytes()


def newer(directory: Path) -> bytes:
    path = directory / "newer.db"
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA application_id = {0x72746C64}")
        database.execute("PRAGMA user_version = 99")
        database.execute("CREATE TABLE lease (x)")
    return path.read_bytes()


BAD: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda d: b"", "is cut, damaged, or no backup"),
    "text": (lambda d: b"hello\n" * 100, "is cut, damaged, or no backup"),
    "gzip of text": (lambda d: gzip.compress(b"hello\n" * 1000), "is cut, damaged, or no backup"),
    "tar of others": (lambda d: archive({}, b"{}"), "is no backup of routerd's"),
    "newer format": (lambda d: archive({}, b'{"routerd_backup": 2, "parts": {}}'), "was made by a newer routerd"),
    "no parts": (lambda d: archive({}, b'{"routerd_backup": 1, "parts": {}}'), "does not say what is in it"),
    "missing part": (lambda d: archive({}, manifest("0", 0, {"leases.db": b"x"})), "leases.db is missing"),
    "checksum": (lambda d: archive({"rip-sequence": b"12"}, manifest("0", 0, {"rip-sequence": b"13"})), "checksum"),
    "unknown part": (lambda d: archive({"../evil": b"x"}), "does not know"),
    "part too much": (
        lambda d: archive({"x": b"", "rip-sequence": b"1"}, manifest("0", 0, {"rip-sequence": b"1"})),
        "'x'",
    ),
    "foreign database": (lambda d: archive({"leases.db": foreign(d)}), "is no lease file of routerd's"),
    "newer database": (lambda d: archive({"leases.db": newer(d)}), "is of a newer routerd (version 99"),
    "no database": (lambda d: archive({"leases.db": b"x" * 5000}), "is damaged or is no lease file"),
    "no aliases": (lambda d: archive({"aliases.json": b"{}"}), "its aliases.json is no file of routerd's"),
    "no number": (lambda d: archive({"rip-sequence": b"-1"}), "its rip-sequence holds no number"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_backup_changes_nothing(place: Place, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    make, text = BAD[name]
    place.fill(50)
    before = place.everything()
    place.file.write_bytes(make(place.file.parent))
    assert place.run("restore", str(place.file), "--force") == 1
    error = capsys.readouterr().err
    assert text in error
    assert "nothing changed" in error
    assert place.everything() == before
    assert [path.name for path in place.state.iterdir() if path.name.startswith(".")] == []


def test_a_backup_that_is_cut_anywhere_changes_nothing(place: Place) -> None:
    place.fill(*range(50, 80))
    place.run("backup", str(place.file))
    whole = place.file.read_bytes()
    place.fill(90)
    before = place.everything()
    for end in [*range(0, 40, 3), *range(40, len(whole), 61), *range(len(whole) - 12, len(whole))]:
        place.file.write_bytes(whole[:end])
        if place.run("restore", str(place.file), "--force") == 1:
            assert place.everything() == before, end
        else:
            # Nothing but the end of the archive is missing, behind all parts and their checksums.
            assert (end > len(whole) - 100, place.hosts()) == (True, list(range(50, 80))), end
            place.fill(90)
            before = place.everything()


def test_a_damaged_byte_is_found(place: Place) -> None:
    place.fill(50, 51)
    place.run("backup", str(place.file))
    whole = place.file.read_bytes()
    place.fill(90)
    for at in range(12, len(whole) - 80, 97):
        place.file.write_bytes(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
        if place.run("restore", str(place.file), "--force") == 0:
            assert place.hosts() == [50, 51], at
            place.fill(90)
        else:
            assert place.hosts() == [90], at


def test_through_pipes(place: Place, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any) -> None:
    place.fill(50)
    assert place.run("backup", "-") == 0
    data = capsysbinary.readouterr().out
    place.leases.unlink()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert place.run("restore", "-") == 0
    assert place.hosts() == [50]


def test_while_a_daemon_runs_nothing_is_restored(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.fill(50)
    place.run("backup", str(place.file))
    other = DaemonLock(tmp_path / "run")
    other.take()
    try:
        assert place.run("restore", str(place.file), "--force") == 1
    finally:
        other.give_back()
    assert "routerd runs here already" in capsys.readouterr().err


# ---------------------------------------------------------------- what is never written over


def places_of_routerd(place: Place) -> list[Path]:
    names = ("leases.db", "leases.db-wal", "leases.db-clean", "leases.db-aliases", "rip-sequence", "beside-servers")
    aside = "leases.db.before-restore-20261122T120000Z"
    return [*(place.state / name for name in (*names, aside)), place.config]


@pytest.mark.parametrize("words", [("backup",), ("leases", "export", "--format", "kea")], ids=["backup", "export"])
def test_files_of_routerds_own_stay(place: Place, words: tuple[str, ...], capsys: Any) -> None:
    place.fill(50)
    (place.state.parent / "other").symlink_to(place.state)
    for path in places_of_routerd(place):
        if not path.exists():
            path.write_text("a file")
    link = place.state.parent / "link"
    before = place.everything()
    for path in places_of_routerd(place):
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        by_link = place.state.parent / "other" / path.name if path.parent == place.state else path
        for name in (path, link, by_link):
            assert place.run(*words, str(name)) == 1, name
            assert "and stays; name another file" in capsys.readouterr().err
    assert place.everything() == before
    # Files of others may be there.
    assert place.run(*words, str(place.state / "leases.db.tar.gz")) == 0


@pytest.mark.parametrize("words", [("backup",), ("leases", "export", "--format", "kea")], ids=["backup", "export"])
def test_what_is_no_regular_file_stays(place: Place, words: tuple[str, ...], capsys: Any) -> None:
    place.fill(50)
    fifo, directory = place.state.parent / "fifo", place.state.parent / "directory"
    os.mkfifo(fifo)
    directory.mkdir()
    assert place.run(*words, str(fifo)) == 1
    assert f"{fifo}: is no regular file, and stays" in capsys.readouterr().err
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    assert place.run(*words, str(directory)) == 1
    assert "is a directory; name a file in it" in capsys.readouterr().err
    if os.geteuid() == 0:
        device = place.state.parent / "device"
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        assert place.run(*words, str(device)) == 1
        assert stat.S_ISCHR(device.lstat().st_mode)
    assert sorted(path.name for path in directory.iterdir()) == []


@pytest.mark.parametrize("words", [("backup",), ("leases", "export", "--format", "kea")], ids=["backup", "export"])
def test_a_link_stays_and_what_it_points_to_is_replaced(place: Place, words: tuple[str, ...]) -> None:
    place.fill(50)
    link, target = place.state.parent / "link", place.state.parent / "elsewhere" / "file"
    target.parent.mkdir()
    link.symlink_to(target)
    for _ in range(2):
        assert place.run(*words, str(link)) == 0
        assert (link.is_symlink(), target.is_file(), os.listdir(target.parent)) == (True, True, ["file"])


@pytest.mark.parametrize("words", [("backup",), ("leases", "export", "--format", "kea")], ids=["backup", "export"])
def test_a_dash_is_standard_output(
    place: Place, words: tuple[str, ...], capsysbinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.fill(50)
    monkeypatch.chdir(place.state.parent)
    assert place.run(*words, "-") == 0
    assert capsysbinary.readouterr().out.startswith((b"address,", b"\x1f\x8b\x08"))
    assert not Path("-").exists()


# ---------------------------------------------------------------- leases export


def test_where_there_is_nothing_to_export_nothing_is_written(place: Place, capsys: Any) -> None:
    assert place.run("leases", "export", "--format", "kea", str(place.file)) == 1
    assert f"there is nothing to export: no {place.leases}" in capsys.readouterr().err
    place.fill(50)
    assert place.run("leases", "export", "--format", "kea", "--lan", "lan7", str(place.file)) == 1
    assert "no LAN 'lan7' is configured; LANs: lan0" in capsys.readouterr().err
    assert not place.file.exists()
    assert place.run("leases", "export", "--format", "kea", "--lan", "lan0", str(place.file)) == 0


def test_what_was_exported_is_said_as_json(place: Place, capsys: Any) -> None:
    place.fill(50, 51)
    assert place.run("leases", "export", "--format", "dnsmasq", "--json", str(place.file)) == 0
    said = json.loads(capsys.readouterr().out)
    counts = {"bound": 2, "declined": 0, "declined_left_out": 0}
    assert said == {"file": str(place.file), "format": "dnsmasq", **counts}
    assert len(place.file.read_text().splitlines()) == 2


def test_a_damaged_file_is_named_by_its_own_name(place: Place, capsys: Any) -> None:
    place.fill(50)
    place.leases.write_bytes(place.leases.read_bytes()[:4096] + b"x" * 4096)
    assert place.run("leases", "export", "--format", "kea") == 1
    error = capsys.readouterr().err
    assert f"routerd leases export: {place.leases}: is damaged" in error
    assert "routerd-" not in error


def test_commands_at_the_same_time_wait_for_each_other(place: Place, tmp_path: Path, capsys: Any) -> None:
    place.fill(50)
    other = DaemonLock(tmp_path / "run", command="leases export")
    other.take()
    timer = threading.Timer(0.1, other.give_back)
    timer.start()
    assert place.run("leases", "export", "--format", "kea") == 0
    timer.join()
    assert "02:00:00:00:00:32" in capsys.readouterr().out


# ---------------------------------------------------------------- restore


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE lease DROP COLUMN seconds", "no such column: seconds"),
        ("PRAGMA user_version = 2", "duplicate column name: seconds"),
        (
            "ALTER TABLE lease ADD COLUMN more TEXT NOT NULL DEFAULT 'x'; DROP TABLE clock; CREATE TABLE clock (x)",
            "boot",
        ),
        ("CREATE TRIGGER t BEFORE INSERT ON lease BEGIN SELECT RAISE(ABORT, 'never'); END", "never"),
        ("PRAGMA user_version = 0", "it has no table of leases"),
    ],
)
def test_leases_that_the_daemon_could_not_start_with_are_refused(
    place: Place, statement: str, said: str, capsys: Any
) -> None:
    place.fill(50)
    path = place.state.parent / "other.db"
    shutil.copyfile(place.leases, path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statement)
    place.file.write_bytes(archive({"leases.db": path.read_bytes()}))
    before = place.everything()
    assert place.run("restore", str(place.file), "--force") == 1
    error = capsys.readouterr().err
    assert (said in error, "nothing changed" in error, ".restore-" in error) == (True, True, False), error
    assert place.everything() == before
    assert [path.name for path in place.state.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("number", ["0", "-1", "true", "1.0"])
def test_formats_that_never_were(place: Place, number: str, capsys: Any) -> None:
    said = manifest("0", 0, {"rip-sequence": b"1"}).replace(
        b'"routerd_backup": 1', f'"routerd_backup": {number}'.encode()
    )
    place.file.write_bytes(archive({"rip-sequence": b"1"}, said))
    assert place.run("restore", str(place.file)) == 1
    assert "is no backup of routerd's" in capsys.readouterr().err


def test_what_a_killed_restore_left_is_removed(place: Place) -> None:
    place.fill(50)
    place.run("backup", str(place.file))
    left, used, other = (place.state / name for name in (".restore-ab_d1234", ".restore-abcd5678", ".restore-mine"))
    for path in (left, used, other):
        path.mkdir()
        (path / "leases.db").write_bytes(b"x")
    with ExitStack() as stack:
        assert restore_put.is_locked(stack, used)
        assert place.run("restore", str(place.file), "--force") == 0
    assert sorted(path.name for path in place.state.glob(".restore-*")) == [used.name, other.name]
