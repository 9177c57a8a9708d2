"""Says that nothing is announced any more: three times, because datagrams get lost."""

import asyncio
from collections.abc import Sequence

from routerd.rip.door_service import Door

_TIMES = 3
_BETWEEN = 0.07
_BURST, _PAUSE = 64, 0.01


async def say_farewell(doors: Sequence[Door]) -> None:
    """Tell all neighbours of these doors that every route is unreachable (metric 16). Takes about 0.15 s."""
    for time in range(_TIMES):
        packets = [(door, door.farewell()) for door in doors]
        if not any(packets for _, packets in packets):
            return
        if time:
            await asyncio.sleep(_BETWEEN)
        most = max(len(each) for _, each in packets)
        for start in range(0, most, _BURST):
            if start:
                await asyncio.sleep(_PAUSE)
            for door, each in packets:
                door.send(each[start : start + _BURST])
