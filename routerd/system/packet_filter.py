"""Classic BPF programs on sockets: what a program does not let through never wakes this process."""

import ctypes
import socket
import struct
from collections.abc import Sequence

Instruction = tuple[int, int, int, int]
"""Code, how far to jump where it is true, where it is false, and the operand."""

_SO_ATTACH_FILTER = getattr(socket, "SO_ATTACH_FILTER", 26)


def attach_filter(receiver: socket.socket, program: Sequence[Instruction]) -> None:
    """Let through what the program says, instead of what an earlier one did. Raises OSError."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    receiver.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer))
    )
