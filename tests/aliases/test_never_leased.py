"""No address that stands for a peer, or may come to do so, is ever leased: neither by configuration nor to who asks."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from routerd.config.fault import ConfigError
from routerd.config.load import parse
from routerd.dhcp.client import Client
from routerd.dhcp.leases import LeaseTable
from routerd.dhcp.scope import Scope
from routerd.model import Facts, Interface, VpnFacts
from routerd.plan import plan

KEY = "A" * 43 + "="
TEXT = f"""
[[vpn]]
interface = "wg0"
[[vpn.peer]]
name = "a"
public_key = "{KEY}"
address = "10.0.0.1"
[[lan]]
interface = "eth0"
alias_pool = "192.168.200.210-192.168.200.230"
[[lan.alias]]
address = "192.168.200.201"
peer = "a"
[lan.dhcp]
pools = ["192.168.200.50-192.168.200.199"]
"""
FACTS = Facts(
    interfaces={
        "eth0": Interface("eth0", 2, True, b"\2\0\0\0\0\2", 1500, (IPv4Interface("192.168.200.2/24"),)),
        "wg0": Interface("wg0", 3, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),)),
    },
    vpns={"wg0": VpnFacts(True, ((KEY, ()),))},
)
RESERVED = '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:22"\naddress = "{}"\n'


def test_nobody_may_hold_one_whatever_it_asks_for() -> None:
    (part,) = plan(parse(TEXT), FACTS).dhcp
    pools = Scope(part.own, LeaseTable()).table.pools
    client = Client(b"\1\2\0\0\0\0\x22", b"\1\2\0\0\0\0\x22")
    assert pools.usable(int(IPv4Address("192.168.200.60")), client)
    for last in (201, *range(210, 231)):
        address = int(IPv4Address(f"192.168.200.{last}"))
        assert not pools.usable(address, client)
        assert not pools.open_to_all(address)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (TEXT + RESERVED.format("192.168.200.201"), "lan[0].alias[0].address"),
        (TEXT + RESERVED.format("192.168.200.210"), "lan[0].alias_pool"),
        (TEXT + RESERVED.format("192.168.200.230"), "lan[0].alias_pool"),
        (TEXT.replace("200.199", "200.201"), "lan[0].alias[0].address"),
        (TEXT.replace("200.199", "200.210"), "lan[0].alias_pool"),
        (TEXT.replace("200.50-192.168.200.199", "200.230-192.168.200.240"), "lan[0].alias_pool"),
    ],
)
def test_a_file_that_would_lease_one_is_refused(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert where in [error.path for error in refused.value.errors]
