"""Commands of root that are killed while they work: what they leave belongs to the user that routerd runs as."""

import os
import signal
from pathlib import Path

import pytest

from routerd.dhcp import offline_service
from routerd.dhcp.offline_service import read_offline, take_over_offline
from routerd.dhcp.store import LeaseStore
from routerd.dhcp.store_file import Mark
from routerd.lease_records import Import

UID = 64121

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    os.chown(path, UID, UID)
    return path


def killed_while_it_imports(path: Path, monkeypatch: pytest.MonkeyPatch, *, stored: bool) -> None:
    child = os.fork()
    if not child:
        work = offline_service._take_over

        def killed(store: LeaseStore, *words: object) -> None:
            if stored:
                work(store, *words)  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(offline_service, "_take_over", killed)
        take_over_offline(str(path), [], Import(()))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("stored", [False, True])
def test_a_first_import_that_is_killed(state: Path, monkeypatch: pytest.MonkeyPatch, stored: bool) -> None:
    killed_while_it_imports(state / "leases.db", monkeypatch, stored=stored)
    assert {path.name for path in state.iterdir()} >= {"leases.db", "leases.db-wal"}
    assert {path.name: path.stat().st_uid for path in state.iterdir() if path.stat().st_uid != UID} == {}
    assert read_offline(str(state / "leases.db")) == []


def test_before_its_first_byte_it_is_the_owners(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[int] = []
    work = LeaseStore.open

    def opened(store: LeaseStore) -> None:
        owners.append(os.stat(store.path).st_uid)
        work(store)

    monkeypatch.setattr(LeaseStore, "open", opened)
    take_over_offline(str(state / "leases.db"), [], Import(()))
    assert owners == [UID]


def test_a_mark_that_cannot_be_read_vouches_for_nothing_and_goes(state: Path, tmp_path: Path) -> None:
    """One that root wrote and did not come to give away; the user may not read it."""
    for upper in (state, *state.parents):
        if not upper.stat().st_mode & 0o001:
            upper.chmod(upper.stat().st_mode | 0o011)
    mark = Path(f"{state}/leases.db-clean")
    mark.write_text("1.0\n")
    mark.chmod(0o600)
    child = os.fork()
    if not child:
        code = 9
        try:
            os.setgroups([])
            os.setresgid(UID, UID, UID)
            os.setresuid(UID, UID, UID)
            code = int(Mark(str(state / "leases.db"), tmp_path).take(1.0))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not mark.exists()
