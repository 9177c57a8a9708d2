"""Synced files, and the originals of settings."""

import json
import os

import pytest

from routerd.system import files, sysctl
from routerd.system.sysctl import Originals

KEY, OTHER = ("eth0.100", "rp_filter"), ("all", "send_redirects")


def test_write_synced_replaces_the_whole_file(tmp_path):
    path = tmp_path / "file"
    files.write_synced(path, b"old and longer")
    files.write_synced(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_synced(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="space"):
        files.write_synced(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_runtime_directory_may_be_there_already(tmp_path):
    path = tmp_path / "a" / "b"
    assert files.runtime_directory(path) == path
    assert files.runtime_directory(path).is_dir()


def test_originals_are_never_overwritten(tmp_path):
    first = Originals(tmp_path)
    first.remember({KEY: 1})
    first.remember({KEY: 2, OTHER: 1})
    assert Originals(tmp_path).values == {KEY: 1, OTHER: 1}
    later = Originals(tmp_path)
    later.remember({KEY: 7})
    assert Originals(tmp_path).values == {KEY: 1, OTHER: 1}
    later.forget([OTHER])
    assert Originals(tmp_path).values == {KEY: 1}
    assert str(files.namespace_inode()) in later.path.name
    later.forget([KEY])
    assert os.listdir(tmp_path) == []


def test_originals_of_another_boot_do_not_count(tmp_path):
    originals = Originals(tmp_path)
    originals.remember({KEY: 1})
    document = json.loads(originals.path.read_text())
    originals.path.write_text(json.dumps(document | {"boot": "another"}))
    assert Originals(tmp_path).values == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"boot": 1}', b'{"values": {"a/b": "x"}}'])
def test_a_damaged_file_counts_as_none(tmp_path, content):
    path = Originals(tmp_path).path
    path.write_bytes(content)
    originals = Originals(tmp_path)
    assert originals.values == {}
    originals.remember({KEY: 1})
    assert Originals(tmp_path).values == {KEY: 1}


def test_reads_and_writes_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(sysctl, "CONF", tmp_path)
    for interface, value in (("eth0.100", 0), ("all", 1), ("lo", 0)):
        (tmp_path / interface).mkdir()
        (tmp_path / interface / "forwarding").write_text(f"{value}\n")
    assert sysctl.read("eth0.100", "forwarding") == 0
    sysctl.write("eth0.100", "forwarding", 1)
    assert sysctl.forwarding_interfaces() == {"all", "eth0.100"}
    assert sysctl.read("gone", "forwarding") is None
    with pytest.raises(FileNotFoundError):
        sysctl.write("gone", "forwarding", 1)


@pytest.mark.parametrize("name", ["", ".", "..", "../lo", "a/b"])
def test_a_name_never_leads_out_of_the_tree(name):
    assert sysctl.read(name, "forwarding") is None
    with pytest.raises(FileNotFoundError):
        sysctl.write(name, "forwarding", 1)


def test_originals_of_another_namespace_with_the_same_inode_do_not_count(tmp_path):
    originals = Originals(tmp_path)
    originals.remember({KEY: 1})
    document = json.loads(originals.path.read_text())
    if document["namespace"] is None:
        pytest.skip("needs Linux 5.14, to tell namespaces apart")
    originals.path.write_text(json.dumps(document | {"namespace": document["namespace"] + 1}))
    assert Originals(tmp_path).values == {}
    del document["namespace"]
    originals.path.write_text(json.dumps(document))
    assert Originals(tmp_path).values == {KEY: 1}
