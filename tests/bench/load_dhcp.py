"""DHCP clients at a steady rate, on a raw socket: DISCOVER, OFFER, REQUEST, ACK, so many whole exchanges a second.

Run in the namespace of a LAN machine: python -m tests.bench.load_dhcp INTERFACE RATE SECONDS [CLIENTS]. Says "asking"
when it begins, and prints what was asked and answered, and the delay of ACKs, as JSON.
"""

import gc
import json
import select
import socket
import sys
import time

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from tests.dhcp.scene import message

DISCOVER, REQUEST = 1, 3
_IP = 0x0800
_MAC = bytes((2, 0, 0, 10))
_REPLY = slice(42, None)


class Load:
    """The clients, each with at most one exchange under way."""

    def __init__(self, interface: str, clients: int) -> None:
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_IP))
        self.wire.bind((interface, _IP))
        self.wire.setblocking(False)
        self.macs = [_MAC + number.to_bytes(2, "big") for number in range(clients)]
        asked = (55, bytes((1, 3, 6, 121)))
        self.discovers = [_frame(message(DISCOVER, asked, mac=mac, xid=n), mac) for n, mac in enumerate(self.macs)]
        self.begun: dict[int, float] = {}
        self.delays: list[float] = []
        self.sent = self.offers = self.skipped = 0

    def begin(self, number: int, now: float) -> None:
        """Begin an exchange, unless this client still waits for an earlier one."""
        if now - self.begun.get(number, 0.0) < 1.0:
            self.skipped += 1
            return
        self.begun[number] = now
        self.wire.send(self.discovers[number])
        self.sent += 1

    def read(self) -> None:
        """Take all replies that came."""
        while True:
            try:
                frame = self.wire.recv(2048)
            except BlockingIOError:
                return
            if frame[23] != 17 or frame[36:38] != b"\0\x44":
                continue
            reply = frame[_REPLY]
            number = int.from_bytes(reply[4:8], "big")
            if number >= len(self.macs) or reply[28:34] != self.macs[number] or reply[240] != 53:
                continue
            if reply[242] == 2:
                self._request(number, reply)
            elif reply[242] == 5 and number in self.begun:
                self.delays.append(time.monotonic() - self.begun.pop(number))

    def _request(self, number: int, offer: bytes) -> None:
        self.offers += 1
        at = offer.index(b"\x36\x04", 240)
        wanted = ((50, offer[16:20]), (54, offer[at + 2 : at + 6]), (55, bytes((1, 3, 6, 121))))
        self.wire.send(_frame(message(REQUEST, *wanted, mac=self.macs[number], xid=number), self.macs[number]))


def _frame(data: bytes, mac: bytes) -> bytes:
    return udp_frame(
        data,
        source_mac=mac,
        destination_mac=BROADCAST_MAC,
        source=0,
        destination=BROADCAST_ADDRESS,
        source_port=68,
        destination_port=67,
    )


def run(interface: str, rate: float, seconds: float, clients: int) -> dict[str, float]:
    """Play the load; what came of it."""
    load = Load(interface, clients)
    gc.disable()
    begin, count = time.monotonic(), 0
    print("asking", flush=True)
    while (now := time.monotonic()) < begin + seconds:
        while begin + count / rate <= now:
            load.begin(count % clients, now)
            count += 1
        select.select([load.wire], [], [], max(0.0, begin + count / rate - time.monotonic()))
        load.read()
    delays = sorted(load.delays) or [float("inf")]
    return {
        "sent": load.sent,
        "offers": load.offers,
        "acks": len(load.delays),
        "skipped": load.skipped,
        "rate": len(load.delays) / seconds,
        "median_ms": delays[len(delays) // 2] * 1000,
        "p99_ms": delays[int(len(delays) * 0.99)] * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int((*sys.argv, "100")[4]))))
