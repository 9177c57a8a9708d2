"""What a message costs, from the wire to the wire, does not grow with the number of leases: processor time is compared.

The calls of the lease table alone are counted in test_leases_growth.py; time also sees what one call into C does.
"""

import gc
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.dhcp.leases import BOUND, EXPIRED, Row
from tests.dhcp.scene import Scene, message, part, settings

SERVER = IPv4Address("10.77.0.1")
FIRST = int(IPv4Address("10.77.1.0"))
FEW, MANY = 500, 50_000
BATCH, REPEATS = 50, 9
MOST = 3.0
"""How much dearer a message may be with a hundred times as many leases: caches are missed, nothing else."""


def mac(number: int) -> bytes:
    return b"\x02\x00" + number.to_bytes(4, "big")


def scene(size: int, state: int, full: float) -> Scene:
    """A LAN with a pool of which the first part is leased, or was."""
    pool = f"{IPv4Address(FIRST)}-{IPv4Address(FIRST + size - 1)}"
    network = IPv4Network("10.77.0.0/16")
    made = Scene(part(settings(pool), address=SERVER, network=network, router=SERVER, excluded=frozenset({SERVER})))
    expires = 1e6 if state == BOUND else 500.0
    made.table.load(
        Row(FIRST + n, b"\1" + mac(n), b"\1" + mac(n), None, state, 0.0, expires) for n in range(int(size * full))
    )
    # The first client after a start may pay for finding the first free address.
    made.send(message(1, mac=mac(10**6)))
    return made


def arrive(made: Scene, turn: int) -> None:
    """New clients, from DISCOVER to ACK."""
    for n in range(BATCH):
        who = mac(2 * 10**6 + turn * BATCH + n)
        reply = made.send(message(1, (55, b"\1\3\6\x79"), mac=who))
        assert reply is not None
        ack = made.send(message(3, (50, reply.payload[16:20]), (54, SERVER.packed), (55, b"\1\3\6\x79"), mac=who))
        assert ack is not None
        assert ack.rows


def arrive_in_vain(made: Scene, turn: int) -> None:
    """New clients, where nothing is free."""
    for n in range(BATCH):
        assert made.send(message(1, (55, b"\1\3\6\x79"), mac=mac(2 * 10**6 + turn * BATCH + n))) is None


def renew(made: Scene, turn: int) -> None:
    """Clients that hold a lease."""
    for n in range(turn * BATCH, (turn + 1) * BATCH):
        assert made.send(message(3, mac=mac(n % FEW), ciaddr=FIRST + n % FEW)) is not None


def leave_and_arrive(made: Scene, turn: int) -> None:
    """Clients give their addresses back, and new ones come."""
    for n in range(turn * BATCH, (turn + 1) * BATCH):
        made.send(message(7, (54, SERVER.packed), mac=mac(n), ciaddr=FIRST + n))
        assert made.rows
    arrive(made, turn)


def stray(made: Scene, turn: int) -> None:
    """Clients ask for addresses of others, and are refused."""
    for n in range(BATCH):
        reply = made.send(message(3, (50, (FIRST + n).to_bytes(4, "big")), mac=mac(3 * 10**6 + turn * BATCH + n)))
        assert reply is not None


@pytest.fixture
def calm() -> Iterator[None]:
    """No collection of garbage falls into what is measured."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def seconds(made: Scene, work: Callable[[Scene, int], None]) -> float:
    """The processor time of the cheapest batch: what else the machine does is in the others."""
    times = []
    for turn in range(REPEATS):
        made.now += 0.01
        begin = time.process_time()
        work(made, turn)
        times.append(time.process_time() - begin)
    return min(times)


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize(
    ("work", "state", "full"),
    [
        (arrive, BOUND, 0.0),
        (arrive, BOUND, 0.05),
        (arrive_in_vain, BOUND, 1.0),
        (arrive, EXPIRED, 1.0),
        (renew, BOUND, 1.0),
        (leave_and_arrive, BOUND, 1.0),
        (stray, BOUND, 1.0),
    ],
)
def test_a_message_costs_the_same_with_many_leases(work: Callable[[Scene, int], None], state: int, full: float) -> None:
    few, many = (seconds(scene(size, state, full), work) for size in (FEW, MANY))
    assert many <= MOST * few
