"""Parts of the rip section that run in a machine of the lab, each a process of its own.

python -m tests.bench.load_rip updates INTERFACE ADDRESS COUNT UPDATES ALGORITHM: speaks RIP there with so many routes,
by the daemon's own socket, speaker and timers, and prints the processor seconds of one full update.
python -m tests.bench.load_rip announce INTERFACE COUNT: announces so many routes as a neighbour at once, prints when.
"""

import asyncio
import socket
import statistics
import sys
import time
from ipaddress import IPv4Address, IPv4Network

from routerd.config.model import Rip
from routerd.rip.auth import Key
from routerd.rip.door_service import Door
from routerd.rip.sequence_service import SequenceStore
from routerd.rip.words import Version
from routerd.rip_part import RipLan, RipRoute

_INTERVAL = 0.2


async def updates(interface: str, address: str, count: int, wanted: int, algorithm: str) -> float:
    """Processor seconds of one full update, the median of several."""
    own, network = IPv4Address(address), IPv4Network(f"{address}/24", strict=False)
    lan = RipLan(
        interface=interface,
        index=socket.if_nametoindex(interface),
        mtu=1500,
        address=own,
        addresses=frozenset((own,)),
        networks=(network,),
        broadcast=network.broadcast_address,
        settings=Rip(update_interval=_INTERVAL),
    )
    routes = [RipRoute(IPv4Network((0x0A080000 + number, 32))) for number in range(count)]
    keys = [] if algorithm == "none" else [Key(1, algorithm, b"correct-battery")]
    door = Door(Version.V2, lan, SequenceStore(), lambda link, changes: None)
    door.apply(lan, keys, routes)
    await asyncio.sleep(2 * _INTERVAL)
    costs = []
    while len(costs) < wanted:
        before, used = _sent(door), time.process_time()
        await asyncio.sleep(10 * _INTERVAL)
        costs.append((time.process_time() - used) / max(1, _sent(door) - before))
    if door.counters["send-failed"]:
        raise RuntimeError("packets could not be sent")
    door.close()
    return statistics.median(costs)


def _sent(door: Door) -> int:
    report = door.report()
    assert report is not None
    return report.counters["full-updates"]


def announce(interface: str, count: int) -> float:
    """Send a whole table as a neighbour; the monotonic time when the first packet left."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, 25, interface.encode() + b"\0")
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    udp.setsockopt(
        socket.IPPROTO_IP,
        socket.IP_MULTICAST_IF,
        bytes(8) + socket.if_nametoindex(interface).to_bytes(4, sys.byteorder),
    )
    udp.bind(("0.0.0.0", 520))
    begun = time.monotonic()
    for start in range(0, count, 25):
        entries = b"".join(
            b"\0\2\0\0" + (0xAC100000 + 256 * number).to_bytes(4, "big") + b"\xff\xff\xff\0" + bytes(4) + b"\0\0\0\1"
            for number in range(start, min(start + 25, count))
        )
        udp.sendto(b"\2\2\0\0" + entries, ("224.0.0.9", 520))
        if start % 1600 == 0:
            time.sleep(0.002)
    return begun


if __name__ == "__main__":
    if sys.argv[1] == "updates":
        print(asyncio.run(updates(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])))
    else:
        print(announce(sys.argv[2], int(sys.argv[3])))
