"""A TCP connection between two machines of the lab, and what the far side saw of it."""

import subprocess
import sys
from dataclasses import dataclass

from routerd.lab.errors import LabError
from routerd.lab.namespace import Namespace

_SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], 0))
server.settimeout(float(sys.argv[2]))
print(server.getsockname()[1], flush=True)
connection, (address, _) = server.accept()
connection.settimeout(float(sys.argv[2]))
connection.sendall(("hello " + address).encode())
connection.shutdown(socket.SHUT_WR)
while connection.recv(64): pass
"""
_CLIENT = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
print(connection.makefile().read(), connection.getsockname()[0])
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The source address that the far side saw, and the one that the near side used."""

    source: str
    local: str


def tcp_talk(near: Namespace, far: Namespace, address: str, *, timeout: float = 5.0) -> Seen:
    """Connects from `near` to a server on `far` at `address`, and has the server say whom it sees."""
    argv = [sys.executable, "-Sc", _SERVER, address, f"{timeout:g}"]
    server = far.popen(argv, name=f"tcp-{far.role}", stdout=subprocess.PIPE)
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    if not port:
        raise LabError(f"{far.role}: no TCP server at {address}: {far.log(f'tcp-{far.role}').read_text().strip()}")
    client = near.run([sys.executable, "-Sc", _CLIENT, address, port, f"{timeout:g}"], check=False, timeout=timeout + 5)
    words = client.stdout.split()
    if client.returncode or len(words) != 3 or words[0] != "hello":
        why = client.stderr.strip().rpartition("\n")[2] or "no greeting came back"
        raise LabError(f"TCP from {near.role} to {far.role} at {address}, port {port}: {why}")
    return Seen(words[1], words[2])
