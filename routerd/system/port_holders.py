"""Which sockets hold a UDP port in this network namespace, and which processes they belong to."""

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBBI2s2s32sI8s")
_TELL = struct.Struct("=BBBB2s2s32sI8sIIIII")
_TIMEOUT = 0.5

_names: dict[int, str] = {}


@dataclass(frozen=True, slots=True)
class Holder:
    """A socket on the port. `index` is the interface that it is bound to, 0 for all, None where that is not known."""

    inode: int
    index: int | None

    def name(self) -> str | None:
        """The process that has it, as "dnsmasq (process 77)"; None where that cannot be known."""
        if self.inode not in _names and (found := _process_of(self.inode)) is not None:
            _names[self.inode] = found
        return _names.get(self.inode)


def remember_holders(port: int) -> None:
    """Look now whose the sockets on a UDP port are; without CAP_SYS_PTRACE it cannot be seen any more."""
    for holder in udp_holders(port):
        holder.name()


def udp_holders(port: int) -> list[Holder]:
    """The sockets on a UDP port, of IPv4 and of both versions. Never raises: what cannot be read is left out."""
    try:
        return [holder for family in (socket.AF_INET, socket.AF_INET6) for holder in _ask_kernel(port, family)]
    except OSError:
        return _read_proc(port)


def _ask_kernel(port: int, family: int) -> list[Holder]:
    """By socket diagnosis, which knows the interface. Raises OSError where the kernel has none."""
    found: list[Holder] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as diag:
        diag.settimeout(_TIMEOUT)
        body = _ASK.pack(family, socket.IPPROTO_UDP, 0, 0, 0xFFFFFFFF, port.to_bytes(2, "big"), b"", b"", 0, b"")
        diag.send(_HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body)
        while True:
            data, offset = diag.recv(65536), 0
            while offset + _HEADER.size <= len(data):
                length, kind, *_ = _HEADER.unpack_from(data, offset)
                if kind == _DONE:
                    return found
                if kind == _ERROR or length < _HEADER.size + _TELL.size:
                    raise OSError("socket diagnosis is not available")
                fields = _TELL.unpack_from(data, offset + _HEADER.size)
                if fields[4] == port.to_bytes(2, "big"):
                    found.append(Holder(inode=fields[-1], index=fields[7]))
                offset += (length + 3) & ~3


def _process_of(inode: int) -> str | None:
    target = f"socket:[{inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{descriptor}") == target:
                        with open(f"/proc/{pid}/comm") as comm:
                            return f"{comm.read().strip()} (process {pid})"
    return None


def _read_proc(port: int) -> list[Holder]:
    found = []
    for table in ("udp", "udp6"):
        with suppress(OSError), open(f"/proc/net/{table}") as lines:
            next(lines, None)
            for line in lines:
                fields = line.split()
                if fields[1].endswith(f":{port:04X}"):
                    found.append(Holder(int(fields[9]), None))
    return found
