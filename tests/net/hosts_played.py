"""The hosts service alone on Host β, as a program: it says what it finds in a file that is always whole.

Arguments: the file, the interval, a LAN's strategy, and the port of a control socket on 127.0.0.1 that takes
`lease ADDRESS` lines.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_network

from routerd.config.model import ReturnPathProbe
from routerd.hosts.service import HostsService
from routerd.model import Event
from routerd.nat_part import HostChange, NatLan, NatPart, NatVpn, Strategy
from routerd.plan_nat import decider

VPN = NatVpn("vpn", (ip_network("10.0.0.0/24"),), "wg0", (ip_address("10.0.0.2"),), mtu=1420)
LAN = NatLan("lan0", (ip_network("192.168.200.0/24"),), (ip_address("192.168.200.2"),), ("vpn",))


def write(path: str, service: HostsService, changes: list[HostChange], events: list[Event]) -> None:
    """What there is to say, whole."""
    text = json.dumps(
        {
            "hosts": {
                str(host.address): {
                    "path": host.return_path.value,
                    "kind": host.evidence and host.evidence.kind,
                    "hop": host.evidence and host.evidence.next_hop_mac,
                    "mac": host.mac,
                    "strategy": host.strategy,
                }
                for host in service.reports()
            },
            "changes": [(str(one.address), one.strategy.value, round(one.seconds, 2), one.lost) for one in changes],
            "events": [(event.subject, event.what, event.at) for event in events],
            "problems": [(one.code, one.subject, dict(one.values)) for one in service.problems()],
            "checks": [one.ok for one in service.checks()],
            "cpu": time.process_time(),
            "status": service.status(),
        }
    )
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


async def main(path: str, interval: float, strategy: str) -> None:
    changes: list[HostChange] = []
    events: list[Event] = []
    service = HostsService(decider, changes.extend, emit=events.append)
    part = NatPart((VPN,), (replace(LAN, strategy=Strategy(strategy)),))
    await service.apply(part, ReturnPathProbe(interval, 0.4))
    task = asyncio.create_task(service.run())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(partial(asyncio.StreamReaderProtocol, reader), sys.stdin)
    said = asyncio.create_task(reader.readline())
    while not task.done():
        write(path, service, changes, events)
        await asyncio.wait((said, task), timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
        if said.done():
            words = said.result().decode().split()
            if words[:1] == ["lease"]:
                service.acknowledged("lan0", int(ip_address(words[1])), None)
            if not words:
                task.cancel()
                break
            said = asyncio.create_task(reader.readline())
    try:
        await task
    except asyncio.CancelledError:
        os.remove(path)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
