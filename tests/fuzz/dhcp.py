"""DHCP as a target: the whole receive path of a LAN."""

from collections.abc import Sequence
from random import Random
from time import process_time

from routerd.dhcp.leases import BOUND
from tests.dhcp.scene import SERVER, ip
from tests.fuzz.cases import DIRECTORY
from tests.fuzz.corpus import corpus
from tests.fuzz.mutate import mutated
from tests.fuzz.path import BROADCAST, Path
from tests.fuzz.target import MOST_SECONDS, Broken, Step

_NEVER = {ip("192.168.200.0"), ip("192.168.200.1"), int(SERVER), ip("192.168.200.255")}


class Dhcp:
    """A server with subnets behind relay agents."""

    name = "dhcp"
    directory = DIRECTORY
    waits = (0.0, 0.0, 0.1, 1.0, 11.0, 3700.0)

    def start(self) -> Path:
        """A new server."""
        return Path()

    def play(self, path: Path, step: Step) -> object:
        """One message, as a datagram and as what is overheard."""
        path.now += step.wait
        before = dict(path.counters)
        start = process_time()
        reply = path.receive(step.data, SERVER.packed if step.to_us else BROADCAST)
        path.overhear(step.data)
        if process_time() - start > MOST_SECONDS:
            raise Broken(f"{process_time() - start:.2f} s for one message")
        counted = frozenset(name for name, count in path.counters.items() if count != before.get(name, 0))
        return counted, None if reply is None else (reply.options[53], frozenset(reply.options))

    def check(self, path: Path) -> None:
        """The next client is served, and the tables are in order."""
        path.now += 11.0
        for key, table in path.tables.items():
            table.expire(path.now)
            rows = table.rows()
            held = [row.client for row in rows if row.state == BOUND and row.expires > path.now]
            if len({row.address for row in rows}) != len(rows) or len(set(held)) != len(held):
                raise Broken(f"{key}: an address or a client has two leases")
            if key == "lan0" and _NEVER & {row.address for row in rows}:
                raise Broken("an address that nobody may have is leased")
        if not path.serves():
            raise Broken("the next DISCOVER gets no OFFER")

    def corpus(self) -> list[bytes]:
        """Messages of real clients, played and hostile ones."""
        return corpus()

    def mutated(self, data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """A message with its fields and options changed."""
        return mutated(data, rng, corpus)


DHCP = Dhcp()
