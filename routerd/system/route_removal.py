"""Which of routerd's routes a netlink message says were removed, and by whom."""

import os
import struct
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import NamedTuple

from routerd.system.files import namespace_inode
from routerd.system.learned_routes import PROTOCOL as LEARNED
from routerd.system.route_message import OWN_PROTOCOL

_DELROUTE = 25
_IPV4, _MAIN = 2, 254
_DST, _PRIORITY = 1, 6
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
# A port id is the pid of the first socket of a program; libraries put the number of a further socket above its 22
# bits, the kernel gives numbers from the upper half.
_PID, _KERNELS_CHOICE = 0x3FFFFF, 0x80000000


class Removal(NamedTuple):
    """Another program has removed this route of routerd's. `who` names it, "" where that cannot be known."""

    prefix: IPv4Network
    metric: int
    who: str = ""


def removals(datagram: bytes) -> list[tuple[IPv4Network, int, int]]:
    """Prefix, metric and requester's port id of every own IPv4 route that went; garbage is skipped."""
    found = []
    offset, end = 0, len(datagram)
    while end - offset >= _HEADER.size:
        length, kind, _, _, port = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size or length > end - offset:
            break
        row = datagram[offset + 16 : offset + length]
        if kind == _DELROUTE and len(row) >= 12 and (row[0], row[4], row[5]) == (_IPV4, _MAIN, OWN_PROTOCOL):
            prefix, metric = _route(row)
            if prefix is not None:
                found.append((prefix, metric, port))
        offset += (length + 3) & ~3
    return found


def loses_learned(datagram: bytes) -> bool:
    """Whether a route that was learned by RIP went, and this process is not known to have removed it itself."""
    offset, end = 0, len(datagram)
    while end - offset >= _HEADER.size:
        length, kind, _, _, port = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size or length > end - offset:
            break
        if kind == _DELROUTE and length >= _HEADER.size + 12 and datagram[offset + 21] == LEARNED and not is_own(port):
            return True
        offset += (length + 3) & ~3
    return False


def is_own(port: int) -> bool:
    """Was it a socket of this very process?"""
    return port < _KERNELS_CHOICE and port & _PID == os.getpid()


def requester(port: int) -> str:
    """The program that has this netlink port id, in words; "" where that cannot be known. To be asked at once."""
    pid = port & _PID
    if pid == 0 or port >= _KERNELS_CHOICE:
        return ""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        # A pid of another pid namespace may be someone else's here; that one is hardly in this network namespace.
        if os.stat(f"/proc/{pid}/ns/net").st_ino != namespace_inode():
            return ""
    except PermissionError:
        pass
    except OSError:
        return f"process {pid}, which has ended"
    return f"{name} (process {pid})"


def _route(row: bytes) -> tuple[IPv4Network | None, int]:
    address, metric, at = bytes(4), 0, 12
    while at + 8 <= len(row):
        size, kind = _ATTRIBUTE.unpack_from(row, at)
        if kind == _DST and size == 8:
            address = row[at + 4 : at + 8]
        elif kind == _PRIORITY and size == 8:
            metric = int.from_bytes(row[at + 4 : at + 8], sys.byteorder)
        at += max((size + 3) & ~3, 4)
    try:
        return IPv4Network((address, row[1])), metric
    except ValueError:
        return None, metric
