"""Tells when the kernel's neighbour entries of some addresses change, and has the kernel ask for them."""

import asyncio
import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Callable, Collection
from ipaddress import IPv4Address

from routerd.system.packet_filter import Instruction, attach_filter

_RTMGRP_NEIGH = 0x4
_NEWNEIGH, _REQUEST, _CREATE = 28, 0x1, 0x400
_NTF_USE = 0x1
_NDA_DST = 1
_MESSAGE = struct.Struct("=IHHIIBBHiHBBHH4s")
_AT_ONCE = 64
_LOAD_WORD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ADDRESS_AT = 32
_MOST = 64


class NeighbourWatch:
    """Calls `changed` from the event loop until `close`. Raises OSError at the start.

    Of other neighbours' changes, of which there may be many, nothing is heard.
    """

    def __init__(self, addresses: Collection[IPv4Address], changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        try:
            if sys.platform == "linux":
                attach_filter(self._socket, _filter(addresses))
            self._socket.bind((0, _RTMGRP_NEIGH))
            self._loop.add_reader(self._socket.fileno(), self._readable)
        except BaseException:
            self._socket.close()
            raise

    def solicit(self, link: int, address: IPv4Address) -> None:
        """Have the kernel find out by ARP whether an entry is still right, as if a packet were to be sent there.

        It does so only where it is not sure. Needs CAP_NET_ADMIN; without it nothing happens.
        """
        head = (_MESSAGE.size, _NEWNEIGH, _REQUEST | _CREATE, 1, 0)
        entry = (socket.AF_INET, 0, 0, link, 0, _NTF_USE, 0)
        with contextlib.suppress(OSError):
            self._socket.send(_MESSAGE.pack(*head, *entry, 8, _NDA_DST, address.packed))

    def close(self) -> None:
        """Stop; `changed` is not called any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                self._socket.recv(4096)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    break
        self._changed()


def _filter(addresses: Collection[IPv4Address]) -> list[Instruction]:
    """Lets through messages whose first attribute, the neighbour's address, is one of these."""
    program: list[Instruction] = [(_LOAD_WORD, 0, 0, _ADDRESS_AT)]
    for address in list(addresses)[:_MOST]:
        program += [(_EQUAL, 0, 1, int(address)), (_RETURN, 0, 0, 0xFFFFFFFF)]
    return [*program, (_RETURN, 0, 0, 0)]
