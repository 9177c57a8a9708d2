"""Listening sockets for HTTP, TCP and Unix. Every function may raise OSError with the kernel's reason."""

import errno
import os
import socket
import stat
from contextlib import suppress

_BACKLOG = 128
_MODE = 0o660


def listen_tcp(host: str, port: int) -> socket.socket:
    """Listen on an IP address and port. A name is resolved, which may block: only localhost is meant to be used."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = _new_socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def listen_unix(path: str) -> socket.socket:
    """Listen on a Unix socket of mode 0660; its directory is made, and a socket there that nobody serves replaced.

    Raises EADDRINUSE where another program answers on it, and EEXIST where something else than a socket is there.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _remove_stale(path)
    listener = _new_socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        # Before listen(): until then nobody can connect, so the mode never is wider than it should be.
        os.chmod(path, _MODE)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def identity(path: str) -> tuple[int, int] | None:
    """What tells a file from another one that replaced it; None if there is none."""
    with suppress(OSError):
        found = os.stat(path)
        return (found.st_dev, found.st_ino)
    return None


def remove_unix(path: str, made: tuple[int, int] | None) -> None:
    """Remove a Unix socket that was made here, unless another one is in its place by now. Raises nothing."""
    if made is not None and identity(path) == made:
        with suppress(OSError):
            os.unlink(path)


def _new_socket(family: int) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def _remove_stale(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "the path exists and is not a socket", path)
    with _new_socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full: somebody serves it
        except FileNotFoundError:
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
