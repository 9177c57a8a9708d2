"""A client that only asks: one message from a machine of the LAN, the decoded reply."""

import sys

from routerd.dhcp.message import Message, decode_message
from routerd.lab.namespace import Namespace
from tests.dhcp.scene import message

_ASK = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
s.bind((sys.argv[1], 0x0800))
data = bytes.fromhex(sys.argv[2])
udp = (68).to_bytes(2, "big") + (67).to_bytes(2, "big") + (8 + len(data)).to_bytes(2, "big") + b"\\0\\0" + data
head = bytes((0x45, 0)) + (20 + len(udp)).to_bytes(2, "big") + bytes(4) + bytes((64, 17)) + bytes(6) + b"\\xff" * 4
total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
total = 0xffff - (total % 0xffff)
frame = b"\\xff" * 6 + data[28:34] + b"\\x08\\x00" + head[:10] + total.to_bytes(2, "big") + head[12:] + udp
for _ in range(int(sys.argv[3])):
    s.send(frame)
    end = time.monotonic() + 1.0
    try:
        while (left := end - time.monotonic()) > 0:
            s.settimeout(left)
            got = s.recv(4096)
            if got[23] == 17 and got[36:38] == b"\\0D" and got[46:50] == data[4:8] and got[42] == 2:
                print(got[42:].hex())
                sys.exit()
    except TimeoutError:
        pass
"""


def ask(machine: Namespace, data: bytes, *, interface: str = "lan0", tries: int = 3) -> Message | None:
    """Send a client's message as a frame, and decode the first reply to its xid; None where none comes."""
    done = machine.run([sys.executable, "-Sc", _ASK, interface, data.hex(), str(tries)], timeout=tries + 5)
    return decode_message(bytes.fromhex(done.stdout.strip())) if done.stdout.strip() else None


def offer(
    machine: Namespace, *codes: int, mac: bytes = bytes.fromhex("0200000000aa"), tries: int = 3
) -> Message | None:
    """The OFFER to a DISCOVER that asks for these options."""
    return ask(machine, message(1, (55, bytes(codes)), mac=mac, flags=0x8000), tries=tries)
