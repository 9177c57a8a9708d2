"""Many DHCP clients in one tight loop: whole exchanges, or renewals of leases that are there already.

Run in the namespace of a LAN machine: python -m tests.bench.dhcp_clients JSON, the fields of `Work`. Prints what came
of it as JSON. A client asks once; an answer that takes longer than a second counts as lost.
"""

import gc
import json
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass

from routerd.dhcp.frame import checksum

LINK, RELAYED, RENEWING = "link", "relayed", "renewing"

_IP = 0x0800
_SO_RCVBUFFORCE = 33
_BUFFER = 16 * 1024 * 1024
_SIZE = 300
_LOST_AFTER = 1.0
_DISCOVER, _OFFER, _REQUEST, _ACK, _RELEASE = 1, 2, 3, 5, 7
_COOKIE = b"\x63\x82\x53\x63"
_ASKED = bytes((55, 4, 1, 3, 6, 121, 255))


@dataclass(frozen=True)
class Work:
    """What the clients do. `rate` 0: as fast as the server answers, `window` exchanges at a time.

    `turns`: so many times as many clients, each lot after the one before has released its addresses.
    """

    how: str
    server: str
    server_mac: str
    clients: int
    interface: str = "lan0"
    relay: str = "0.0.0.0"
    first_client: int = 0
    first_address: str = "0.0.0.0"
    rate: float = 0.0
    window: int = 256
    turns: int = 1
    limit: float = 60.0


def mac_of(number: int) -> bytes:
    """The hardware address of a client."""
    return b"\x02\x77" + number.to_bytes(4, "big")


class _Relay:
    """A relay agent's socket; the address of the network that it serves is its own."""

    payload_at = 0

    def __init__(self, work: Work) -> None:
        self.wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.bind((work.relay, 67))
        self.wire.connect((work.server, 67))
        self.head = b"\x01\x01\x06\x01"
        self.giaddr = socket.inet_aton(work.relay)

    def outside(self, mac: bytes, source: bytes) -> bytes:
        """What comes before the message of a client."""
        return b""


class _Link:
    """Clients on the link itself: frames, broadcast while they have no address, and unicast where they renew."""

    payload_at = 42

    def __init__(self, work: Work) -> None:
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_IP))
        self.wire.bind((work.interface, _IP))
        self.head = b"\x01\x01\x06\x00"
        self.giaddr = bytes(4)
        broadcast = work.how == LINK
        self._to = b"\xff" * 6 if broadcast else bytes.fromhex(work.server_mac.replace(":", ""))
        self._destination = b"\xff" * 4 if broadcast else socket.inet_aton(work.server)
        self._udp = b"\x00\x44\x00\x43" + (8 + _SIZE).to_bytes(2, "big") + bytes(2)

    def outside(self, mac: bytes, source: bytes) -> bytes:
        """What comes before the message of a client."""
        before = b"\x45\x00" + (28 + _SIZE).to_bytes(2, "big") + bytes(4) + b"\x40\x11"
        after = source + self._destination
        ip = before + checksum(before + b"\0\0" + after).to_bytes(2, "big") + after
        return self._to + mac + b"\x08\x00" + ip + self._udp


class Clients:
    """The clients of one turn and what has become of them."""

    def __init__(self, work: Work, place: _Relay | _Link, first: int) -> None:
        self._work, self._place, self._first = work, place, first
        self._wire = place.wire
        self._server_id = b"\x36\x04" + socket.inet_aton(work.server)
        self._held = int.from_bytes(socket.inet_aton(work.first_address), "big")
        opening = self._renewal if work.how == RENEWING else self._discover
        # Built beforehand: while the clients ask, the processor is the server's.
        self._openings = [opening(number) for number in range(work.clients)]
        self._begun = [0.0] * work.clients
        self._addresses = [b""] * work.clients
        self._open: deque[int] = deque()
        self._count = self._lost = 0
        self.delays: list[float] = []

    # ------------------------------------------------------------ messages

    def _message(self, number: int, ciaddr: bytes, options: bytes) -> bytes:
        place, mac = self._place, mac_of(self._first + number)
        head = place.head + number.to_bytes(4, "big") + bytes(4) + ciaddr + bytes(8) + place.giaddr + mac
        payload = (head.ljust(236, b"\0") + _COOKIE + options).ljust(_SIZE, b"\0")
        return place.outside(mac, ciaddr) + payload

    def _discover(self, number: int) -> bytes:
        return self._message(number, bytes(4), bytes((53, 1, _DISCOVER)) + _ASKED)

    def _renewal(self, number: int) -> bytes:
        address = (self._held + self._first + number).to_bytes(4, "big")
        return self._message(number, address, bytes((53, 1, _REQUEST)) + _ASKED)

    def _request(self, number: int, address: bytes) -> bytes:
        # The DISCOVER with other options: the rest of it is the same.
        discover = self._openings[number]
        options = bytes((53, 1, _REQUEST, 50, 4)) + address + self._server_id + _ASKED
        return discover[: self._place.payload_at + 240] + options.ljust(_SIZE - 240, b"\0")

    # ------------------------------------------------------------ the loop

    def run(self) -> float:
        """Let every client ask; the seconds that it took."""
        work, poll = self._work, select.poll()
        poll.register(self._wire, select.POLLIN)
        start = time.monotonic()
        while (now := time.monotonic()) < start + work.limit:
            under_way = self._give_up(now)
            if self._count == work.clients and not under_way:
                break
            self._begin(self._due(now - start, under_way))
            poll.poll(self._nap(start))
            self._read()
        return time.monotonic() - start

    def _due(self, elapsed: float, under_way: int) -> int:
        """How many clients begin now; few at once, so that replies are read in between."""
        work = self._work
        due = int(elapsed * work.rate) + 1 - self._count if work.rate else work.window - under_way
        return max(0, min(due, work.clients - self._count, 32))

    def _begin(self, due: int) -> None:
        for number in range(self._count, self._count + due):
            self._begun[number] = time.monotonic()
            self._open.append(number)
            self._wire.send(self._openings[number])
        self._count += due

    def _read(self) -> None:
        """Take all replies that came, and ask for what was offered."""
        at, receive, send, begun = self._place.payload_at, self._wire.recv, self._wire.send, self._begun
        while True:
            try:
                data = receive(2048)
            except BlockingIOError:
                return
            if len(data) < at + 243 or data[at] != 2:
                continue
            number = int.from_bytes(data[at + 4 : at + 8], "big")
            if number >= len(begun) or not begun[number]:
                continue
            kind = data[data.index(b"\x35\x01", at + 240) + 2]
            if kind == _OFFER:
                send(self._request(number, data[at + 16 : at + 20]))
            elif kind == _ACK:
                self.delays.append(time.monotonic() - begun[number])
                begun[number] = 0.0
                self._addresses[number] = data[at + 16 : at + 20]

    def _give_up(self, now: float) -> int:
        """Count as lost who waits for too long; how many exchanges are under way."""
        waiting, begun = self._open, self._begun
        while waiting and (not begun[waiting[0]] or now - begun[waiting[0]] > _LOST_AFTER):
            number = waiting.popleft()
            if begun[number]:
                begun[number] = 0.0
                self._lost += 1
        return self._count - len(self.delays) - self._lost

    def _nap(self, start: float) -> float:
        """Milliseconds until the next client begins."""
        if not self._work.rate or self._count == self._work.clients:
            return 20.0
        return max(0.0, (start + self._count / self._work.rate - time.monotonic()) * 1000)

    def release(self) -> None:
        """Every client that has an address gives it back. Nobody answers that; the server is given time for it."""
        for number, address in enumerate(self._addresses):
            if address:
                options = bytes((53, 1, _RELEASE)) + self._server_id + b"\xff"
                self._wire.send(self._message(number, address, options))
            if number % 100 == 99:
                time.sleep(0.01)
        time.sleep(0.1)


def run(work: Work) -> dict[str, float]:
    """Do the work; what came of it."""
    place = _Relay(work) if work.how == RELAYED else _Link(work)
    place.wire.setblocking(False)
    place.wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    gc.disable()
    delays: list[float] = []
    seconds, cpu = 0.0, 0.0
    for turn in range(work.turns):
        clients = Clients(work, place, work.first_client + turn * work.clients)
        before = time.process_time()
        seconds += clients.run()
        cpu += time.process_time() - before
        delays += clients.delays
        if turn + 1 < work.turns:
            clients.release()
    done = len(delays)
    delays = sorted(delays) or [float("inf")]
    return {
        "lost": work.turns * work.clients - done,
        "rate": done / seconds,
        "median_ms": delays[len(delays) // 2] * 1000,
        "p99_ms": delays[int(len(delays) * 0.99)] * 1000,
        "share": cpu / seconds,
    }


if __name__ == "__main__":
    print(json.dumps(run(Work(**json.loads(sys.argv[1])))))
