"""Kea's control socket: one connection a command, each with an end in time and size."""

import asyncio
import errno
import os
import socket
import struct
import time
from typing import NamedTuple

from routerd.beside.kea_wire import LARGEST, KeaLateError, KeaRefusesError, KeaUnreachableError

_PIECE = 64 * 1024
_MOST_SOCKETS = 256 * 1024
"""In bytes, 128 a socket: more take longer to list than may be spent on it every second."""
_CREDENTIALS = struct.Struct("iII")

_WHY = {
    errno.ENOENT: "there is no such socket: Kea does not run, or its configuration has no control-socket there",
    errno.ECONNREFUSED: "nobody listens there: Kea does not run",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTSOCK: "that is no socket",
}


class Said(NamedTuple):
    """The whole answer, and the process that answered (0: it cannot be told from here)."""

    data: bytes
    pid: int


async def ask(path: str, command: bytes, limit: float) -> Said:
    """Send one command and read the answer to its end, within `limit` seconds.

    Raises `KeaUnreachableError`, `KeaLateError`, or `KeaRefusesError` for an answer of more than `LARGEST` bytes.
    """
    try:
        async with asyncio.timeout(limit):
            return await _ask(path, command)
    except TimeoutError:
        raise KeaLateError(f"no answer within {limit:g} s") from None
    except OSError as error:
        reason = _WHY.get(error.errno or 0) or error.strerror or str(error)
        raise KeaUnreachableError(reason) from None


async def _ask(path: str, command: bytes) -> Said:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        pid = _peer(writer)
        writer.write(command)
        pieces, size = [], 0
        await writer.drain()
        while piece := await reader.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise KeaRefusesError(f"the answer has more than {LARGEST // 1024 // 1024} MiB")
        return Said(b"".join(pieces), pid)
    finally:
        writer.transport.abort()


def _peer(writer: asyncio.StreamWriter) -> int:
    """Who listens at the socket, as the kernel noted it."""
    found = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[0])


def identity(path: str) -> tuple[int, int] | None:
    """Tells a socket from another one that took its place, as after a restart of Kea; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def sockets_of_servers() -> frozenset[int] | None:
    """The UDP sockets of this network namespace on port 67, by number; None where they cannot be seen.

    Kea closes and opens its own each time that it takes a configuration, whoever told it to, and nothing else of it
    shows that to others. Those of other servers are among them. Among thousands of sockets they are not looked for.
    """
    try:
        with open("/proc/net/udp", "rb") as file:
            data = file.read(_MOST_SOCKETS + 1)
        lines = data.splitlines()[1:]
        found = (words[9] for words in map(bytes.split, lines) if words[1].endswith(b":0043"))
        return frozenset(map(int, found)) if len(data) <= _MOST_SOCKETS else None
    except (OSError, ValueError, IndexError):
        return None


def started_at(pid: int) -> float | None:
    """When this process began, as Unix time; None where that cannot be seen from here."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the process, in parentheses, may have any character in it.
            ticks = int(file.read(4096).rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def started_with(pid: int) -> str | None:
    """The file that the Kea of this process id was started with (`-c`); None where that cannot be seen from here."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(64 * 1024).split(b"\0")
    except OSError:
        return None
    for word, after in zip(words, [*words[1:], b""], strict=True):
        if word.startswith(b"-c"):
            path = os.fsdecode(word[2:] or after)
            return path if os.path.isabs(path) else None
    return None
