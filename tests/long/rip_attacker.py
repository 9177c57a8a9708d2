"""Floods a LAN with RIP packets, on a raw socket; run in the namespace of a machine of the LAN.

python -m tests.long.rip_attacker INTERFACE RATE SECONDS: a fifth each of good responses with thousands of prefixes,
requests for the whole table, noise, packets signed by nobody, and responses of version 1; from 200 forged addresses of
the LAN, from Host β's own, and from off the link. Prints how many were sent when it is over.
"""

import random
import socket
import sys
import time

from routerd.dhcp.frame import udp_frame

_PIECE = 50
_GROUP, _GROUP_MAC = 0xE0000009, bytes.fromhex("01005e000009")


def payloads(rng: random.Random) -> list[bytes]:
    """The UDP payloads that are sent in turn."""
    made = []
    for _ in range(200):
        entries = b"".join(
            bytes((0, 2, 0, 0, 172, 16 + rng.randrange(16), rng.randrange(256), 0, 255, 255, 255, 0, *(0,) * 7, 1))
            for _ in range(25)
        )
        made += [
            b"\2\2\0\0" + entries,
            b"\1\2\0\0" + bytes(19) + b"\x10",
            rng.randbytes(rng.randrange(1, 600)),
            b"\2\2\0\0\xff\xff\0\3\0\x2c\x01\x10"
            + rng.randbytes(12)
            + entries[:20]
            + b"\xff\xff\0\1"
            + rng.randbytes(16),
            b"\2\1\0\0" + entries[:100],
        ]
    return made


def source(rng: random.Random) -> int:
    """Who claims to have sent it: most of the time somebody of the LAN."""
    place = rng.random()
    if place < 0.8:
        return 0xC0A8C800 + rng.randrange(40, 240)
    return 0xC0A8C802 if place < 0.9 else 0x0A000000 + rng.randrange(1 << 20)


def attack(interface: str, rate: float, seconds: float) -> int:
    """Send so many packets a second; how many were sent."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((interface, 0))
    rng = random.Random(1)
    frames = [
        udp_frame(
            data,
            source_mac=b"\2\7" + rng.randbytes(4),
            destination_mac=_GROUP_MAC,
            source=source(rng),
            destination=_GROUP,
            source_port=rng.choice((520, 520, 520, 40000)),
            destination_port=520,
        )
        for data in payloads(rng)
    ]
    sent, begin = 0, time.monotonic()
    while (now := time.monotonic()) < begin + seconds:
        for _ in range(min(_PIECE, int((now - begin) * rate) - sent)):
            wire.send(frames[sent % len(frames)])
            sent += 1
        time.sleep(0.0005)
    return sent


if __name__ == "__main__":
    print(attack(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])), flush=True)
