"""Clients behind a relay agent: they lease, renew, release and vanish, and keep book of what they were promised.

Run in a LAN machine's namespace: python -m tests.long.relay_clients SERVER GIADDR RATE LEASE_SECONDS. It plays at RATE
messages a second after a line "go", and only renews after "calm"; at "hold" it stops and tells as a line of JSON what
every client was promised; at "renew" it renews everything that is held; it ends with its input. A promise that another
one contradicts is in "wrong".
"""

import json
import random
import select
import socket
import sys
import time
from collections import Counter
from typing import Any

from tests.dhcp.scene import message

DISCOVER, REQUEST, RELEASE = 1, 3, 7
OFFER, ACK, NAK = 2, 5, 6
_INPUT = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  A line that is read ahead would not be waited for.
_PATIENCE = 0.5
_DRAIN = 0.5


class Client:
    """One machine. `until` is when its lease ends by its own clock; it counts from when it asked (RFC 2131 4.4.1)."""

    __slots__ = ("address", "asked", "gone", "mac", "released", "server", "until", "waits")

    def __init__(self, number: int) -> None:
        self.mac = b"\2\x77" + number.to_bytes(4, "big")
        self.address = self.server = b""
        self.until = self.asked = 0.0
        self.waits = self.gone = self.released = False


class Clients:
    """All machines, what they were promised, and what was wrong with that."""

    def __init__(self, server: str, giaddr: str, lease: float) -> None:
        self.wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.wire.bind((giaddr, 67))
        self.wire.setblocking(False)
        self.server, self.lease = (server, 67), lease
        self.giaddr = int.from_bytes(socket.inet_aton(giaddr), "big")
        self.clients: dict[bytes, Client] = {}
        self.held: list[Client] = []
        self.holder: dict[bytes, Client] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.rng = random.Random(1)

    # ------------------------------------------------------------ asking

    def act(self, now: float, calm: bool) -> None:
        """One client does something."""
        if calm and not self.held:
            return
        dice = 1.0 if calm else self.rng.random()
        client = self.rng.choice(self.held) if self.held and dice > 0.4 else None
        if client is None:
            client = Client(len(self.clients))
            self.clients[client.mac] = client
            self.send(client, DISCOVER, now)
        elif client.gone or client.until <= now or dice < 0.5:
            self.held.remove(client)
            client.gone = True
        elif dice < 0.6:
            self.release(client)
        elif not client.waits or now - client.asked > _PATIENCE:
            self.send(client, REQUEST, now)

    def release(self, client: Client) -> None:
        """It gives its address back, and nobody promises it anything any more."""
        address = int.from_bytes(client.address, "big")
        self._send(message(RELEASE, (54, client.server), mac=client.mac, ciaddr=address, giaddr=self.giaddr, hops=1))
        self.held.remove(client)
        self.holder.pop(client.address, None)
        client.gone = client.released = True

    def send(self, client: Client, kind: int, now: float) -> None:
        """A DISCOVER, or a renewal of the lease that it has."""
        client.asked, client.waits = now, True
        ciaddr = int.from_bytes(client.address, "big") if kind == REQUEST else 0
        self._send(message(kind, mac=client.mac, ciaddr=ciaddr, giaddr=self.giaddr, hops=1))

    def _send(self, data: bytes) -> None:
        try:
            self.wire.sendto(data, self.server)
        except OSError:
            self.counts["unsent"] += 1

    # ------------------------------------------------------------ answers

    def read(self) -> None:
        """Take all replies that came."""
        while True:
            try:
                reply = self.wire.recv(2048)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue
            client = self.clients.get(reply[28:34])
            if client is not None and not client.released:
                self._take(client, reply[242], reply)

    def _take(self, client: Client, kind: int, reply: bytes) -> None:
        now = clock()
        if kind == OFFER and client.waits and not client.address:
            at = reply.index(b"\x36\x04", 240)
            client.server, client.asked = reply[at + 2 : at + 6], now
            asked = ((50, reply[16:20]), (54, client.server))
            self._send(message(REQUEST, *asked, mac=client.mac, giaddr=self.giaddr, hops=1))
        elif kind == ACK:
            self._acknowledged(client, reply[16:20], now)
        elif kind == NAK:
            self.counts["nak"] += 1
            if client.address and not client.gone and client.until > now:
                self.wrong.append(f"{_name(client.address)}: refused to {client.mac.hex()}, which holds it")

    def _acknowledged(self, client: Client, address: bytes, now: float) -> None:
        self.counts["renewed" if client.address else "leased"] += 1
        other = self.holder.get(address)
        if other is not None and other is not client and other.until > now:
            left = other.until - now
            text = f"{_name(address)}: given to {client.mac.hex()} while {other.mac.hex()} has it for {left:.1f} s more"
            self.wrong.append(text)
        if client.address not in (b"", address):
            self.wrong.append(f"{_name(client.address)}: {client.mac.hex()} was given {_name(address)} instead")
        if not client.address:
            self.held.append(client)
        client.address, client.until, client.waits = address, client.asked + self.lease, False
        self.holder[address] = client

    # ------------------------------------------------------------ turns

    def play(self, rate: float, *, calm: bool) -> None:
        """Act so many times a second until there is input. `calm`: leases are renewed, and nothing else happens."""
        began, count = clock(), 0
        while not select.select([_INPUT], [], [], 0)[0]:
            now = clock()
            while began + count / rate <= now:
                self.act(now, calm)
                count += 1
            select.select([self.wire, _INPUT], [], [], max(0.0, began + count / rate - clock()))
            self.read()

    def drain(self, seconds: float) -> None:
        """Take what still comes."""
        end = clock() + seconds
        while (left := end - clock()) > 0:
            select.select([self.wire], [], [], left)
            self.read()

    def renew(self) -> int:
        """Renew every lease that is held; how many were not acknowledged."""
        waiting = [client for client in self.held if client.until > clock() + 1.0]
        for _ in range(4):
            for number, client in enumerate(waiting):
                self.send(client, REQUEST, clock())
                if number % 32 == 31:
                    self.drain(0.01)
            self.drain(_DRAIN)
            waiting = [client for client in waiting if client.waits]
            if not waiting:
                break
        return len(waiting)

    def told(self) -> dict[str, Any]:
        """What the clients hold: address, hardware address, and for how many seconds still."""
        now = clock()
        promised = {
            _name(client.address): [client.mac.hex(":"), client.until - now]
            for client in self.holder.values()
            if client.until > now
        }
        return {"promised": promised, "wrong": self.wrong, "counts": self.counts}


def clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _name(address: bytes) -> str:
    return ".".join(map(str, address))


def main(server: str, giaddr: str, rate: float, lease: float) -> None:
    """Do what the input says until it ends."""
    clients = Clients(server, giaddr, lease)
    for line in iter(_INPUT.readline, b""):
        if line in (b"go\n", b"calm\n"):
            clients.play(rate, calm=line == b"calm\n")
        elif line == b"hold\n":
            clients.drain(_DRAIN)
            print(json.dumps(clients.told()), flush=True)
        elif line == b"renew\n":
            print(json.dumps({"unanswered": clients.renew(), **clients.told()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
