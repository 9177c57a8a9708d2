"""Lease files with many leases in them, each in its server's own form. Lease n is of client n of `dhcp_clients`."""

import time
from ipaddress import IPv4Address
from pathlib import Path

from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.store import LeaseStore
from tests.bench.dhcp_clients import mac_of
from tests.bench.dhcp_servers import FIRST, LEASE_SECONDS

_KEA_HEAD = (
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"  # of 2.2
)


def fill(name: str, directory: Path, count: int) -> None:
    """Write the lease file that the server `name` starts from, with `count` leases that have just begun."""
    first = int(IPv4Address(FIRST))
    pairs = [(first + number, mac_of(number)) for number in range(count)]
    if name == "routerd":
        _fill_routerd(directory / "leases.db", pairs)
        return
    end = int(time.time()) + LEASE_SECONDS
    if name == "Kea":
        lines = [f"{IPv4Address(a)},{mac.hex(':')},,{LEASE_SECONDS},{end},1,0,0,,0,\n" for a, mac in pairs]
        (directory / "kea.csv").write_text(_KEA_HEAD + "".join(lines))
    else:
        lines = [f"{end} {mac.hex(':')} {IPv4Address(a)} * *\n" for a, mac in pairs]
        (directory / "dnsmasq.leases").write_text("".join(lines))


def _fill_routerd(path: Path, pairs: list[tuple[int, bytes]]) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    offset = time.time() - now
    store = LeaseStore(str(path))
    store.open()
    store.load(offset)
    rows = [
        Row(address, b"\x01" + mac, b"\x01" + mac, None, BOUND, now, now + LEASE_SECONDS, seconds=LEASE_SECONDS)
        for address, mac in pairs
    ]
    store.commit([("lan0", row) for row in rows], offset)
    store.close(clean=True)
