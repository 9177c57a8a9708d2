"""Reads a WireGuard device of this network namespace, whether the kernel runs it or a program in userspace."""

import asyncio
import contextlib
import errno
import grp
import os
import socket
import threading
from typing import Protocol

from routerd.model import WireGuardDevice
from routerd.system.netlink import Netlink
from routerd.system.netlink_error import NetlinkError
from routerd.system.wireguard_netlink import read_kernel_device
from routerd.system.wireguard_text import TextError, complete, parse_device

SOCKET_DIRECTORY = "/var/run/wireguard"

_TIMEOUT = 2.0
_LARGEST = 16 << 20
"""20,000 peers with a dozen AllowedIPs each; more is no WireGuard but a flood, and a router has little memory."""
_CHUNK = 256 << 10
_LONG = 64 << 10


class Kinds(Protocol):
    """Tells an interface's kind; `Netlink` does."""

    async def kind(self, name: str) -> str | None:
        """The kind, None if there is no such interface. Raises NetlinkError."""


class WireGuardError(Exception):
    """The device cannot be read. `reason` says why, `hint` what to do; neither holds any part of the answer.

    `missing` is True where the interface does not exist in this network namespace, `hung` where there was no answer.
    """

    def __init__(self, interface: str, reason: str, hint: str, missing: bool = False, hung: bool = False) -> None:
        super().__init__(f"{interface}: {reason}")
        self.interface = interface
        self.reason = reason
        self.hint = hint
        self.missing = missing
        self.hung = hung


async def read_device(
    interface: str, socket_dir: str = SOCKET_DIRECTORY, *, netlink: Kinds | None = None, timeout: float = _TIMEOUT
) -> WireGuardDevice:
    """The device as it is now, without any secret key. Raises `WireGuardError` within about `timeout` seconds.

    `netlink` is used to learn the interface's kind, and is made for the occasion if it is not given.
    """
    # What failed is kept as plain text and raised outside of all handlers: no error carries a frame, message or
    # buffer in which a secret key might stand.
    outcome: WireGuardDevice | WireGuardError = _missing(interface)
    if _exists(interface):
        outcome = await _read(interface, socket_dir, netlink, timeout)
    if isinstance(outcome, WireGuardError):
        # An interface that was deleted in the middle of its answer is missing, whatever the answer looked like.
        raise outcome if outcome.missing or _exists(interface) else _missing(interface)
    return outcome


def _exists(interface: str) -> bool:
    try:
        # The socket's directory and /sys may be those of another namespace; this call never is.
        socket.if_nametoindex(interface)
    except OSError:
        return False
    return True


async def _read(
    interface: str, socket_dir: str, netlink: Kinds | None, timeout: float
) -> WireGuardDevice | WireGuardError:
    path = f"{socket_dir}/{interface}.sock"
    try:
        async with asyncio.timeout(timeout):
            kind = await _kind(interface, netlink)
            if kind is None:
                return _missing(interface)
            if kind == "wireguard":
                return await _read_kernel(interface)
            return await _read_userspace(interface, path)
    except TimeoutError:
        return WireGuardError(
            interface,
            f"no answer within {timeout:g} s",
            f"Look at the program that runs {interface} and at its socket {path}: wg show {interface}",
            hung=True,
        )
    except NetlinkError as error:
        return WireGuardError(interface, error.reason, "routerd tries again by itself.")


async def _kind(interface: str, netlink: Kinds | None) -> str | None:
    if netlink is not None:
        return await netlink.kind(interface)
    own = Netlink()
    try:
        return await own.kind(interface)
    finally:
        own.close()


async def _read_kernel(interface: str) -> WireGuardDevice | WireGuardError:
    try:
        return await read_kernel_device(interface)
    except OSError as error:
        code = error.errno or errno.EIO
    if code == errno.ENODEV:
        return _missing(interface)
    if code in (errno.EPERM, errno.EACCES):
        return WireGuardError(
            interface,
            "the kernel refuses to show the device",
            "Give routerd the capability CAP_NET_ADMIN (AmbientCapabilities=CAP_NET_ADMIN in a systemd unit).",
        )
    if code == errno.EAGAIN:
        reason = "its peers changed while they were read, time and again"
        return WireGuardError(interface, reason, "routerd tries again by itself; look at what changes the peers.")
    return WireGuardError(interface, NetlinkError("", code).reason, "routerd tries again by itself.")


async def _read_userspace(interface: str, path: str) -> WireGuardDevice | WireGuardError:
    try:
        answer = await _converse(path)
    except OSError as error:
        return _socket_error(interface, path, error.errno or errno.EIO)
    if answer is None:
        return WireGuardError(
            interface,
            f"the answer at {path} is longer than {_LARGEST >> 20} MiB",
            f"Restart the program that runs {interface}.",
        )
    try:
        # Hundreds of peers take tens of milliseconds, in which DHCP must go on.
        if len(answer) > _LONG:
            return await _parse_aside(interface, answer)
        return parse_device(interface, answer)
    except TextError as error:
        return WireGuardError(
            interface,
            f"the answer at {path} cannot be understood: {error}",
            f"Compare with: wg show {interface}; restart the program that runs it if that fails too.",
        )


async def _parse_aside(interface: str, answer: bytearray) -> WireGuardDevice:
    """Parse in a thread, which ends soon after nobody waits for it any more."""
    given_up = threading.Event()
    try:
        return await asyncio.to_thread(parse_device, interface, answer, given_up.is_set)
    finally:
        given_up.set()


async def _converse(path: str) -> bytearray | None:
    """Everything that the socket answers, up to its errno line or its end; None if that is too long."""
    answer = bytearray()
    reader, writer = await asyncio.open_unix_connection(path, limit=_CHUNK)
    try:
        writer.write(b"get=1\n\n")
        await writer.drain()
        while len(answer) <= _LARGEST:
            chunk = await reader.read(_CHUNK)
            answer += chunk
            if not chunk or complete(answer):
                return answer
        return None
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _missing(interface: str) -> WireGuardError:
    return WireGuardError(
        interface,
        "no such interface in this network namespace",
        "Create the interface, or correct `interface` in the configuration.",
        missing=True,
    )


def _opening(interface: str, path: str) -> str:
    # wireguard-go watches the socket, and takes any change of its rights for its removal (tried: 0.0.20220316).
    return (
        "Start routerd as root without --user: it reads the socket then, and keeps three capabilities only. Or have "
        f"systemd make the socket for routerd's group (ListenStream={path}, SocketMode=0660, SocketGroup={_group()}) "
        f"and start `wireguard-go -f {interface}` with WG_UAPI_FD=3. No chmod or chgrp while wireguard-go runs: it "
        "ends, and the interface with it."
    )


def _group() -> str:
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())


def _socket_error(interface: str, path: str, code: int) -> WireGuardError:
    name = errno.errorcode.get(code, str(code))
    if code in (errno.EACCES, errno.EPERM):
        return WireGuardError(interface, f"{name}: the socket {path} is closed to this user", _opening(interface, path))
    if code == errno.ENOENT:
        return WireGuardError(
            interface,
            f"{name}: the interface is not the kernel's WireGuard, and there is no socket {path}",
            f"Check that {interface} is a WireGuard interface and that its program runs: wg show {interface}",
        )
    if code == errno.ECONNREFUSED:
        return WireGuardError(
            interface, f"{name}: nothing listens at {path}", f"Start the program that runs {interface} again."
        )
    return WireGuardError(interface, f"{name} at {path}", f"Look at: wg show {interface}")
