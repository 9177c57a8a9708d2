"""Which table a lease belongs in when networks were renamed, resized or given to another LAN. Pure."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import NamedTuple

from routerd.dhcp.lease import DELETED, OFFERED, Row
from routerd.dhcp.leases import LeaseTable


class Moved(NamedTuple):
    """A lease that went from one table to another: the rows to be stored, in this order.

    `kept` is None where the other table knew better: the address has a client there already.
    """

    source: str
    target: str
    kept: Row | None
    gone: Row


LOOK = 200
"""Addresses that cost about as much to look at as one lease to move."""


def rehome(tables: Mapping[str, LeaseTable], networks: Mapping[str, IPv4Network], now: float) -> Iterator[Moved | None]:
    """Move every lease to the table of the network, of those that are served, that its address lies in.

    A lease whose own network is served, or that no network covers, stays where it is; None comes now and then while
    nothing is to be moved. `tables` has one for every key of `networks`. Between two moves leases may come and go.
    """
    ranges = {key: (int(net.network_address), int(net.broadcast_address)) for key, net in networks.items()}
    for source, table in tables.items():
        first, last = ranges.get(source, (1, 0))
        for count, address in enumerate(table.addresses(), 1):
            if not count % LOOK:
                yield None
            if first <= address <= last:
                continue
            target = next((key for key, (low, high) in ranges.items() if low <= address <= high), None)
            if target is None or (row := table.row(address)) is None or row.state == OFFERED:
                continue
            table.remove(address)
            taken = tables[target].take_in(row, now)
            yield Moved(source, target, row if taken else None, row._replace(state=DELETED, renewal=True))
