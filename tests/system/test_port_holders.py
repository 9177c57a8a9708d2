"""Who holds a UDP port, as the kernel and /proc say it."""

import os
import socket
from collections.abc import Iterator

import pytest

from routerd.system import port_holders
from routerd.system.port_holders import Holder, remember_holders, udp_holders


@pytest.fixture
def held() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp


def test_a_holder_is_found_and_named(held: socket.socket) -> None:
    inode = os.fstat(held.fileno()).st_ino
    (holder,) = udp_holders(held.getsockname()[1])
    assert holder.inode == inode
    assert holder.index in (0, None)
    name = holder.name()
    assert name is not None
    assert name.endswith(f"(process {os.getpid()})")


def test_without_socket_diagnosis_proc_is_read(held: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(port: int, family: int) -> list[Holder]:
        raise OSError("no such module")

    monkeypatch.setattr(port_holders, "_ask_kernel", missing)
    assert udp_holders(held.getsockname()[1]) == [Holder(os.fstat(held.fileno()).st_ino, None)]


def test_a_name_is_remembered(held: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    port = held.getsockname()[1]
    remember_holders(port)
    monkeypatch.setattr(port_holders, "_process_of", lambda inode: None)
    (holder,) = udp_holders(port)
    assert holder.name() is not None
    assert Holder(1, 0).name() is None


def test_a_free_port_has_no_holder(held: socket.socket) -> None:
    port = held.getsockname()[1]
    held.close()
    assert udp_holders(port) == []
