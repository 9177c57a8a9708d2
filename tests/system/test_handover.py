"""Directories that are made and given to a user: which are, and what is never given."""

import os
from pathlib import Path

import pytest

from routerd.system.handover import Place, give, is_usable, make, merged

UID = 64121

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


def _place(path: Path) -> Place:
    return Place(path, "tests", frozenset({"own.db", "own.db-*"}))


def _owners(*paths: Path) -> list[int]:
    return [path.lstat().st_uid for path in paths]


def test_a_new_directory_and_its_files_are_given(tmp_path):
    path = tmp_path / "a" / "b"
    make(_place(path))
    (path / "own.db").touch()
    (path / "own.db-wal").touch()
    give(_place(path), UID, UID + 1)
    assert _owners(path, path / "own.db", path / "own.db-wal") == [UID] * 3
    assert _owners(tmp_path, path.parent) == [0, 0]
    assert (path / "own.db").stat().st_gid == UID + 1
    assert is_usable(_place(path))


def test_files_of_others_keep_their_directory_where_it_is(tmp_path):
    (tmp_path / "own.db").touch()
    (tmp_path / "other").touch()
    give(_place(tmp_path), UID, UID)
    assert _owners(tmp_path, tmp_path / "other", tmp_path / "own.db") == [0, 0, UID]


def test_a_directory_with_the_own_name_is_given_whatever_is_in_it(tmp_path):
    path = tmp_path / "routerd"
    path.mkdir()
    (path / "backup").touch()
    give(_place(path), UID, UID)
    assert _owners(path, path / "backup") == [UID, 0]


def test_no_link_leads_to_a_file_of_the_system(tmp_path):
    victim, second, path = tmp_path / "victim", tmp_path / "second", tmp_path / "routerd"
    victim.touch()
    second.touch()
    path.mkdir()
    (path / "own.db").symlink_to(victim)
    (path / "own.db-wal").hardlink_to(second)
    (path / "own.db-shm").mkdir()
    os.mkfifo(path / "own.db-journal")
    give(_place(path), UID, UID)
    assert _owners(path, victim, second, path / "own.db-shm", path / "own.db-journal") == [UID, 0, 0, 0, 0]


def test_a_link_in_place_of_the_directory_is_not_followed(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "routerd").symlink_to(real)
    place = _place(tmp_path / "routerd")
    make(place)
    give(place, UID, UID)
    assert _owners(real) == [0]


def test_the_group_of_what_is_the_users_already_stays(tmp_path):
    path = tmp_path / "routerd"
    path.mkdir()
    os.chown(path, UID, UID + 7)
    give(_place(path), UID, UID)
    assert path.stat().st_gid == UID + 7


def test_places_in_one_directory_are_one(tmp_path):
    first = Place(tmp_path, "leases", frozenset({"a"}), 0o750)
    second = Place(tmp_path, "a socket", frozenset({"b"}))
    assert merged([first, second]) == [Place(tmp_path, "leases", frozenset({"a", "b"}), 0o750)]
