"""Tells that links, addresses, settings or routes that matter have changed; what others' routes do costs nothing."""

import asyncio
import contextlib
import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Callable

from routerd.system.learned_routes import PROTOCOL as LEARNED
from routerd.system.route_message import OWN_PROTOCOL
from routerd.system.route_removal import Removal, is_own, loses_learned, removals, requester

_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE
_GROUPS |= 1 << 23 | 1 << 24  # RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF: forwarding, rp_filter
_ROUTES = (24, 25)  # RTM_NEWROUTE, RTM_DELROUTE
_HEADER = struct.Struct("=IHHII")
_RECEIVE_BUFFER = 4 << 20
_DATAGRAMS_AT_ONCE = 64
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33


def matters(datagram: bytes) -> bool:
    """True if the netlink messages may change a fact: link, address, setting, default route, own route, or garbage.

    Routes of others (a table of tens of thousands of them) are the only thing that does not matter.
    """
    offset, end = 0, len(datagram)
    if end == 0:
        return True
    while offset < end:
        if end - offset < _HEADER.size:
            return True
        length, kind, *_ = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size or length > end - offset:
            return True
        if kind not in _ROUTES or length < _HEADER.size + 12:
            return True
        if datagram[offset + 17] == 0 or datagram[offset + 21] == OWN_PROTOCOL:
            return True
        offset += (length + 3) & ~3
    return False


def _filter() -> bytes:
    """`matters` for a single message as a classic BPF program, so that the kernel never queues what does not.

    Learned routes that are deleted come through as well.
    """
    new, deleted = (int.from_bytes(struct.pack("=H", kind), "big") for kind in _ROUTES)
    program = (
        (0x28, 0, 0, 4),  # type of the message; loads are big-endian, the message is in the machine's order
        (0x15, 1, 0, new),
        (0x15, 0, 7, deleted),
        (0x30, 0, 0, 17),  # rtm_dst_len
        (0x15, 5, 0, 0),
        (0x30, 0, 0, 21),  # rtm_protocol
        (0x15, 3, 0, OWN_PROTOCOL),
        (0x15, 0, 3, LEARNED),
        (0x28, 0, 0, 4),
        (0x15, 0, 1, deleted),
        (0x06, 0, 0, 0xFFFFFFFF),
        (0x06, 0, 0, 0),
    )
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


class Monitor:
    """Calls `changed` (from the event loop, often, never with arguments) until `close`. Raises OSError at the start.

    `removed` is called, before `changed`, for every route of routerd's that another program has removed, and
    `unlearned` when some of those that RIP learned were. Routes that vanish with their interface or its address are
    not told: the kernel sends no message for them.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        removed: Callable[[Removal], None] = lambda removal: None,
        unlearned: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed, self._removed, self._unlearned = changed, removed, unlearned
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        try:
            self._prepare()
            self._socket.bind((0, _GROUPS))
            self._loop.add_reader(self._socket.fileno(), self._readable)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Stop; `changed` is not called any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _prepare(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except OSError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if sys.platform != "linux":
            return
        program = _filter()
        memory = ctypes.create_string_buffer(program, len(program))
        # Without the filter everything works as well: _readable looks at each message.
        with contextlib.suppress(OSError):
            prog = struct.pack("@HP", len(program) // 8, ctypes.addressof(memory))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, prog)

    def _readable(self) -> None:
        changed = unlearned = False
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                datagram = self._socket.recv(65536)
            except BlockingIOError:
                break
            except InterruptedError:
                continue
            except OSError as error:
                # ENOBUFS: messages were lost, so everything may have changed; reading goes on.
                changed = True
                if error.errno != errno.ENOBUFS:
                    break
                continue
            changed = changed or matters(datagram)
            unlearned = unlearned or loses_learned(datagram)
            for prefix, metric, port in removals(datagram):
                if not is_own(port):
                    self._removed(Removal(prefix, metric, requester(port)))
        if unlearned:
            self._unlearned()
        if changed:
            self._changed()
