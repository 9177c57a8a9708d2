"""The sockets that wait, as the kernel lists them."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from routerd.system.listeners import entries_of, listeners


@pytest.mark.parametrize(
    ("family", "kind", "host"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"),
        (socket.AF_INET6, socket.SOCK_STREAM, "::1"),
        (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.7"),
    ],
)
def test_a_socket_that_waits_is_found_with_its_process(family: int, kind: int, host: str) -> None:
    with socket.socket(family, kind) as waiting:
        waiting.bind((host, 0))
        port = waiting.getsockname()[1]
        protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
        if protocol == "tcp":
            assert not [each for each in listeners() if each.port == port and each.address == ip_address(host)]
            waiting.listen(1)
        (found,) = [each for each in listeners() if each.port == port and each.address == ip_address(host)]
        assert found.protocol == protocol
        assert f"(process {os.getpid()})" in str(found.name())


def test_a_connection_is_no_socket_that_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = client.getsockname()[1]
        assert not [each for each in listeners() if each.port == port and each.protocol == "tcp"]


def test_where_a_process_listens(tmp_path: Path) -> None:
    path = tmp_path / "a socket"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        port = server.getsockname()[1]
        assert f"unix:{path}" not in entries_of(os.getpid())
        unix.listen(1)
        found = entries_of(os.getpid())
        assert f"unix:{path}" in found
        assert found.index(f"unix:{path}") < found.index(f"127.0.0.1:{port}")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
            assert f"[::1]:{six.getsockname()[1]}" in entries_of(os.getpid())
    assert f"127.0.0.1:{port}" not in entries_of(os.getpid())
    assert entries_of(1 << 30) == ()
