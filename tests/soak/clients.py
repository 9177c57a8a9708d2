"""DHCP clients that come and go for a given time, in one process, on a raw socket: lease, renew, release, vanish.

Run in the namespace of a LAN machine: python -m tests.soak.clients INTERFACE SECONDS COUNT. Prints its counts as JSON.
"""

import json
import random
import select
import socket
import sys
import time
from collections import Counter

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.dhcp.message import decode_message
from routerd.wire import WireError
from tests.dhcp.scene import message

DISCOVER, REQUEST, RELEASE = 1, 3, 7
_EVERYTHING = 0x0003  # ETH_P_ALL


class Client:
    """One client: what it holds, and what it does next."""

    def __init__(self, number: int) -> None:
        self.mac = bytes((2, 0, 0, 9, 0, number))
        self.xid = 0
        self.address = 0
        self.server = b""

    def next(self, rng: random.Random) -> bytes:
        """The next message: most often a renewal, sometimes a release, or a fresh start without one."""
        self.xid = rng.getrandbits(32)
        asked = (55, bytes((1, 3, 6, 121)))
        if self.address and rng.random() < 0.15:
            data = message(RELEASE, (54, self.server), mac=self.mac, xid=self.xid, ciaddr=self.address)
            self.address = 0
            return data
        if self.address and rng.random() < 0.8:
            return message(REQUEST, asked, mac=self.mac, xid=self.xid, ciaddr=self.address)
        self.address = 0
        return message(DISCOVER, asked, (51, b"\0\0\0\x3c"), mac=self.mac, xid=self.xid, flags=0x8000)


def run(interface: str, seconds: float, count: int) -> Counter[str]:
    """Play the clients; the counts of what was sent and answered."""
    rng, counts = random.Random(1), Counter[str]()
    clients = {client.mac: client for client in map(Client, range(count))}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING)) as wire:
        wire.bind((interface, _EVERYTHING))
        end, turn = time.monotonic() + seconds, list(clients.values())
        while time.monotonic() < end:
            client = rng.choice(turn)
            _send(wire, client.next(rng), client.mac)
            counts["sent"] += 1
            until = time.monotonic() + 0.05
            while (left := until - time.monotonic()) > 0:
                if select.select([wire], [], [], left)[0]:
                    _answer(wire, clients, counts)
    return counts


def _send(wire: socket.socket, data: bytes, mac: bytes) -> None:
    frame = udp_frame(
        data,
        source_mac=mac,
        destination_mac=BROADCAST_MAC,
        source=0,
        destination=BROADCAST_ADDRESS,
        source_port=68,
        destination_port=67,
    )
    wire.send(frame)


def _answer(wire: socket.socket, clients: dict[bytes, Client], counts: Counter[str]) -> None:
    frame = wire.recv(4096)
    if frame[12:14] == b"\x08\x06":
        _resolve(wire, frame, clients)
        return
    if frame[12:14] != b"\x08\0" or frame[23] != 17 or frame[36:38] != b"\0\x44":
        return
    try:
        reply = decode_message(frame[42:])
    except WireError:
        counts["unreadable"] += 1
        return
    client = clients.get(reply.chaddr)
    if client is None or reply.xid != client.xid:
        return
    kind = reply.options[53][0]
    counts[{2: "offer", 5: "ack", 6: "nak"}[kind]] += 1
    if kind == 2:
        wanted = ((50, reply.yiaddr.to_bytes(4, "big")), (54, reply.options[54]), (51, b"\0\0\0\x3c"))
        _send(wire, message(REQUEST, *wanted, mac=client.mac, xid=client.xid, flags=0x8000), client.mac)
    elif kind == 5:
        client.address, client.server = reply.yiaddr, reply.options[54]
    else:
        client.address = 0


def _resolve(wire: socket.socket, frame: bytes, clients: dict[bytes, Client]) -> None:
    """Answer an ARP request for an address that a client holds, as the reply to a renewal needs it."""
    wanted = int.from_bytes(frame[38:42], "big")
    for client in clients.values():
        if frame[20:22] == b"\0\x01" and client.address == wanted:
            head = frame[6:12] + client.mac + b"\x08\x06" + frame[14:20] + b"\0\x02"
            wire.send(head + client.mac + frame[38:42] + frame[22:32])


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))))
