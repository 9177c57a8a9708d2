"""The TCP and UDP sockets of this network namespace that wait for anybody."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from routerd.config.model import Address, Ports
from routerd.system.port_holders import Holder

_WAITING = {"tcp": "0A", "udp": "07"}
_ACCEPTS = "00010000"
_TABLES = ("tcp", "tcp6", "udp", "udp6")


class Listener(NamedTuple):
    """A socket that waits at an address and port; `inode` tells whose it is."""

    protocol: str
    address: Address
    port: int
    inode: int

    def name(self) -> str | None:
        """The process that has it, as "sshd (process 77)"; None where that cannot be known, or the kernel has it."""
        return Holder(self.inode, None).name() if self.inode else None


def listeners() -> list[Listener]:
    """All of them. Never raises: what cannot be read is left out."""
    found = []
    for table in _TABLES:
        with suppress(OSError), open(f"/proc/net/{table}", encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                listener = _parse(table[:3], line.split())
                if listener is not None:
                    found.append(listener)
    return found


def remember_listeners(ports: Iterable[Ports]) -> None:
    """Look now whose the sockets on these ports are; without CAP_SYS_PTRACE it cannot be seen any more."""
    wanted = tuple(ports)
    for each in listeners() if wanted else ():
        if any(one.protocol == each.protocol and one.first <= each.port <= one.last for one in wanted):
            each.name()


def entries_of(process: int) -> tuple[str, ...]:
    """Where a process waits for connections, in the words of http.listen, Unix sockets first; none as `sockets_of`."""
    own = sockets_of(process)
    found = [each for each in listeners() if each.protocol == "tcp" and each.inode in own]
    hosts = ((f"[{each.address}]" if each.address.version == 6 else str(each.address), each.port) for each in found)
    return (*_unix_entries(own), *sorted(f"{host}:{port}" for host, port in hosts))


def _unix_entries(own: set[int]) -> list[str]:
    """Those with a path in the file system."""
    found = []
    with suppress(OSError), open("/proc/net/unix", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.rstrip("\n").split(maxsplit=7)
            if len(fields) == 8 and fields[3] == _ACCEPTS and int(fields[6]) in own and fields[7].startswith("/"):
                found.append(f"unix:{fields[7]}")
    return sorted(found)


def own_sockets() -> set[int]:
    """The inodes of this process's own sockets, of every kind."""
    return sockets_of("self")


def sockets_of(process: int | str) -> set[int]:
    """The inodes of the sockets of a process; none where it is gone, or is not to be seen by this user."""
    found: set[int] = set()
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{process}/fd"):
            with suppress(OSError):
                target = os.readlink(f"/proc/{process}/fd/{descriptor}")
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
    return found


def _parse(protocol: str, fields: list[str]) -> Listener | None:
    if len(fields) < 10 or fields[3] != _WAITING[protocol]:
        return None
    address, _, port = fields[1].partition(":")
    words = [bytes.fromhex(address[at : at + 8]) for at in range(0, len(address), 8)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    data = b"".join(words)
    return Listener(protocol, IPv4Address(data) if len(data) == 4 else IPv6Address(data), int(port, 16), int(fields[9]))
