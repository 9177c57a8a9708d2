"""The nat service alone in a namespace: what it takes to apply forwards, and to move hosts.

python -m tests.bench.load_nat FORWARDS PORTS HOSTS MOVED RUNS; prints JSON: seconds for each run of each.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

from routerd.nat.service import NatService
from routerd.nat_part import HostChange, NatPart, Strategy
from tests.nat.parts import PLAIN, forward

_FIRST_HOST = IPv4Address("192.168.200.0")


def processor() -> float:
    """Processor seconds that this process and the programs that it ran have used."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


async def applied(part: NatPart) -> float:
    """Seconds until the rules of a part are in place, from none."""
    service = NatService()
    begun = time.monotonic()
    await service.apply(part)
    took = time.monotonic() - begun
    if service.problems():
        raise RuntimeError(str(service.problems()))
    await service.apply(NatPart())
    return took


def changes(numbers: Iterable[int], strategy: Strategy) -> list[HostChange]:
    """These hosts get this strategy."""
    return [HostChange("lan0", _FIRST_HOST + n, strategy, 90.0) for n in numbers]


async def moved(hosts: int, count: int, runs: int) -> list[float]:
    """Processor seconds of each move of so many of so many routed hosts: out of the rules, and in again."""
    service = NatService()
    await service.apply(PLAIN)
    service.update(changes(range(hosts), Strategy.SITE_GATEWAY))
    await service.flush()
    found = []
    for run in range(runs):
        used = processor()
        service.update(changes(range(count), (Strategy.MASQUERADE, Strategy.SITE_GATEWAY)[run % 2]))
        await service.flush()
        found.append(processor() - used)
    if service.report().hosts != (hosts - count if runs % 2 else hosts):
        raise RuntimeError(f"{service.report().hosts} hosts are routed")
    await service.apply(NatPart())
    return found


async def main(forwards: int, ports: int, hosts: int, count: int, runs: int) -> None:
    """Measure everything."""
    single = replace(PLAIN, forwards=tuple(forward(10000 + n, 80 + n % 7) for n in range(forwards)))
    shifted = replace(PLAIN, forwards=(forward(5000, 1, last=5000 + ports - 1),))
    said = {
        "forwards": [await applied(single) for _ in range(runs)],
        "shifted": [await applied(shifted) for _ in range(runs)],
        "moved": await moved(hosts, count, runs),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    asyncio.run(main(*(int(each) for each in sys.argv[1:])))
