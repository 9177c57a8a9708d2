"""Ranges that do not overlap, as nftables' interval sets want them. Pure."""

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from routerd.model import Address, Network
from routerd.nat_part import NatPin, Strategy

T = TypeVar("T", bound=Hashable)


def pinned(pins: Iterable[NatPin], version: int) -> list[tuple[Address, Address, Strategy]]:
    """First and last address and strategy of ranges that are apart: the narrowest pin holds, of twins the first."""
    kept: dict[Network, Strategy] = {}
    for pin in pins:
        if pin.network.version == version:
            kept.setdefault(pin.network, pin.strategy)
    found: list[tuple[Address, Address, Strategy]] = []
    for network in sorted(kept, key=lambda network: (int(network.network_address), network.prefixlen)):
        _lay(found, network, kept[network])
    return [row for row in found if row[0] <= row[1]]  # type: ignore[operator]


def _lay(found: list[tuple[Address, Address, Strategy]], network: Network, strategy: Strategy) -> None:
    """Put a network over those before it. Prefixes nest or are apart and come in order: only the last can hold it."""
    first, last = network.network_address, network.broadcast_address
    for at in range(len(found) - 1, -1, -1):
        start, end, around = found[at]
        if int(end) < int(first):
            break
        if int(start) <= int(first) and int(end) >= int(last):
            found[at : at + 1] = [
                *([(start, first - 1, around)] if start != first else []),
                (first, last, strategy),
                *([(last + 1, end, around)] if end != last else []),
            ]
            return
    found.append((first, last, strategy))


def merged(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same numbers in as few ranges as there can be, in order."""
    start = end = None
    for first, last in sorted(ranges):
        if start is None or end is None or first > end + 1:
            if start is not None and end is not None:
                yield start, end
            start, end = first, last
        else:
            end = max(end, last)
    if start is not None and end is not None:
        yield start, end
