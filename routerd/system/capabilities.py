"""The Linux capabilities of this process: which it has, and how to give up all but some for good.

The kernel keeps them for each thread, so they are reduced before a second thread starts.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Collection
from pathlib import Path

KILL, NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 5, 10, 12, 13

_STATUS = Path("/proc/thread-self/status")
_LAST = 63
_VERSION_3 = 0x20080522

_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _AMBIENT_RAISE, _AMBIENT_CLEAR_ALL = 47, 2, 4


def permitted() -> frozenset[int]:
    """The capabilities that this process may use. Raises OSError if /proc is not there."""
    (bits,) = _sets("CapPrm")
    return frozenset(number for number in range(_LAST + 1) if bits >> number & 1)


def keep_at_change_of_user() -> None:
    """Let the permitted capabilities stay when the user is changed next. Raises OSError."""
    _prctl(_PR_SET_KEEPCAPS, 1)


def limit_bounding_set(keep: Collection[int]) -> None:
    """Take all but `keep` out of the bounding set: no program that is started later can have them.

    Without the right to do so (CAP_SETPCAP) it stays as it is: `forbid_new_privileges` has the same effect then.
    """
    for number in range(_LAST + 1):
        try:
            if number not in keep and _prctl(_PR_CAPBSET_READ, number) == 1:
                _prctl(_PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno == errno.EPERM:
                return
            if error.errno == errno.EINVAL:  # past the last one that this kernel knows
                return
            raise


def forbid_new_privileges() -> None:
    """Nothing that is started later can have more rights than its parent, whatever its file says. Raises OSError."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_only(keep: Collection[int]) -> None:
    """Make `keep` the permitted, effective, inheritable and ambient set. Raises OSError if one is not permitted.

    By the ambient set a child has them too, also one of an ordinary user.
    """
    bits = sum(1 << number for number in keep)
    if all(value == bits for value in _sets("CapInh", "CapPrm", "CapEff", "CapAmb")):
        return  # a sandbox that gives just these may forbid to ask for any
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    data = ctypes.create_string_buffer(struct.pack("=6I", low, low, low, high, high, high))
    _check(_libc().capset(header, data))
    try:
        _prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
        for number in keep:
            _prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, number)
    except OSError as error:
        # A kernel without ambient sets, or a parent that forbade them: only children of an ordinary user go without.
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise


def _sets(*names: str) -> list[int]:
    """These sets of this thread, as bits; none where this kernel does not know one."""
    rows = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return [int(rows.get(name, "0"), 16) for name in names]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *values: int) -> int:
    padded = [*values, 0, 0, 0, 0][:4]
    return _check(_libc().prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded)))


def _check(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
