"""Tells that somebody has changed routerd's nftables table. A netlink socket, because `nft monitor` is a process."""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

_NETFILTER = 12
_GROUP = 1 << 6  # NFNLGRP_NFTABLES
_NEWGEN = 0x0A0F  # NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN
_PID, _NAME = 2, 3
_MARK = b"routerd\0"
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER = 4 << 20
_SO_RCVBUFFORCE = 33
_DATAGRAMS_AT_ONCE = 256


class Author(NamedTuple):
    """Who has committed a transaction: a process id, 0 where that is not known, and its name."""

    pid: int = 0
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})" if self.name else "an unknown program"


def author(datagram: bytes) -> Author | None:
    """Who has committed, if this is the message that ends a transaction."""
    if len(datagram) < _HEADER.size + 4:
        return None
    length, kind, *_ = _HEADER.unpack_from(datagram)
    if kind != _NEWGEN:
        return None
    pid, name, at, end = 0, "", _HEADER.size + 4, min(length, len(datagram))
    while end - at >= _ATTRIBUTE.size:
        size, what = _ATTRIBUTE.unpack_from(datagram, at)
        if size < _ATTRIBUTE.size or size > end - at:
            break
        value = datagram[at + _ATTRIBUTE.size : at + size]
        if what == _PID:
            pid = int.from_bytes(value, "big")
        elif what == _NAME:
            name = value.rstrip(b"\0").decode(errors="replace")
        at += (size + 3) & ~3
    return Author(pid, name)


class NftMonitor:
    """Calls `changed(author)` from the event loop for each transaction that touches a table named routerd.

    `others` is called for each other one. These cost a look for that name, whatever their size. Where the kernel had
    more to say than fits into the buffer, anything may have changed, and the author is unknown. Raises OSError at the
    start.
    """

    def __init__(self, changed: Callable[[Author], None], others: Callable[[], None] = lambda: None) -> None:
        self._changed, self._others = changed, others
        self._touched = False
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _NETFILTER
        )
        try:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
            except OSError:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.bind((0, _GROUP))
            self._loop.add_reader(self._socket.fileno(), self._readable)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Stop; `changed` is not called any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                datagram = self._socket.recv(65536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._touched = False
                self._changed(Author())
                if error.errno != errno.ENOBUFS:
                    return
                continue
            if _MARK in datagram:
                self._touched = True
            elif (who := author(datagram)) is not None:
                touched, self._touched = self._touched, False
                if touched:
                    self._changed(who)
                else:
                    self._others()
