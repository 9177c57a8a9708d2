"""Asks the kernel's WireGuard by generic netlink: one socket for one dump, its messages read one by one."""

import asyncio
import errno
import os
import socket
import struct

from routerd.model import WireGuardDevice
from routerd.system.wireguard_message import Parts, attributes

_GENERIC = 16
_CONTROLLER = 16
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_GET_DEVICE, _INTERFACE = 0, 2
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10
_ERROR, _DONE = 2, 3
_ATTEMPTS = 5
# The kernel fills a message as long as what is read at once, so this bounds how long one message holds up all else.
_CHUNK = 16384

_MESSAGE = struct.Struct("=IHHII")
_HEAD = _MESSAGE.size + 4


async def read_kernel_device(interface: str) -> WireGuardDevice:
    """The device as the kernel reports it. Raises OSError; EAGAIN: its peers changed during every attempt."""
    with _open() as asked:
        family = await _family(asked, b"wireguard\0")
        for attempt in range(_ATTEMPTS):
            parts = Parts(interface)
            name = _attribute(_INTERFACE, interface.encode() + b"\0")
            if await _dump(asked, _request(family, _DUMP, attempt, _GET_DEVICE, name), parts):
                return parts.device()
        raise _fault(errno.EAGAIN)


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _GENERIC)
    opened.bind((0, 0))
    return opened


async def _family(asked: socket.socket, name: bytes) -> int:
    """The number that the kernel gave to a family of generic netlink."""
    asked.send(_request(_CONTROLLER, 0, 0, _GET_FAMILY, _attribute(_FAMILY_NAME, name)))
    data = await _receive(asked)
    length, kind = _MESSAGE.unpack_from(data)[:2]
    _check(kind, data, 0)
    at, end = attributes(data, _HEAD, length).get(_FAMILY_ID, (0, 0))
    if end - at != 2:
        raise _fault(errno.EPROTO)
    return int(struct.unpack_from("=H", data, at)[0])


async def _dump(asked: socket.socket, request: bytes, parts: Parts) -> bool:
    """Reads a whole dump into `parts`. False where the device changed meanwhile: peers may be missing."""
    asked.send(request)
    whole = True
    while True:
        data, at = await _receive(asked), 0
        while at + _MESSAGE.size <= len(data):
            length, kind, flags, _, _ = _MESSAGE.unpack_from(data, at)
            whole = whole and not flags & _INTERRUPTED
            if _check(kind, data, at):
                return whole
            if length < _MESSAGE.size:
                raise _fault(errno.EPROTO)
            parts.take(data, at + _HEAD, at + length)
            at += length + 3 & ~3
        # Thousands of peers are a hundred messages; DHCP goes on between them.
        await asyncio.sleep(0)


async def _receive(asked: socket.socket) -> bytes:
    """The kernel's next datagram; what other programs send is passed over."""
    while True:
        data, (port, _) = await asyncio.get_running_loop().sock_recvfrom(asked, _CHUNK)
        if port == 0 and len(data) >= _MESSAGE.size:
            return data


def _check(kind: int, data: bytes, at: int) -> bool:
    """True at the end of a dump. Raises OSError where the message is a refusal."""
    if kind not in (_ERROR, _DONE):
        return False
    code = data[at + _MESSAGE.size : at + _MESSAGE.size + 4]
    number = int(struct.unpack("=i", code)[0]) if len(code) == 4 else 0
    if number < 0:
        raise _fault(-number)
    return kind == _DONE


def _request(kind: int, flags: int, sequence: int, command: int, attribute: bytes) -> bytes:
    body = struct.pack("=BBH", command, 1, 0) + attribute
    return _MESSAGE.pack(_MESSAGE.size + len(body), kind, _REQUEST | flags, sequence, 0) + body


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _fault(code: int) -> OSError:
    return OSError(code, os.strerror(code))
