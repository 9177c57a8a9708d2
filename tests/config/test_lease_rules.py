"""No address is leased by two LANs, and a network behind relay agents is served with its LAN or not at all."""

import time

import pytest

from routerd.config.fault import ConfigError, ConfigFault, Faults
from routerd.config.lease_rules import check_leases
from routerd.config.load import parse

VPN = '[[vpn]]\ngateways = ["192.168.200.3"]\nprefixes = ["10.0.0.0/24"]\n'


def lan(number: int, *, mode: str = "", more: str = "", pool: str = "") -> str:
    pools = f'pools = ["{pool or f"192.168.{200 + number}.50-192.168.{200 + number}.59"}"]\n'
    return f'[[lan]]\ninterface = "lan{number}"\n{more}[lan.dhcp]\n{mode}{pools}'


def behind(net: str, keys: str = "") -> str:
    base = net.rpartition(".")[0]
    return f'[[lan.dhcp.subnet]]\nsubnet = "{net}"\npools = ["{base}.9-{base}.20"]\n{keys}'


def reserve(address: str, last: int = 0x22) -> str:
    return f'[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:{last:02x}"\naddress = "{address}"\n'


def faults(text: str) -> tuple[ConfigFault, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(VPN + text)
    return caught.value.errors


SUBNET_0, SUBNET_1 = "lan[0].dhcp.subnet[0].subnet", "lan[1].dhcp.subnet[0].subnet"
NEAR = "192.168.0.0/24"


@pytest.mark.parametrize(
    ("text", "path", "rule"),
    [
        (
            lan(0) + behind("10.7.1.0/24") + lan(1) + behind("10.7.1.0/24"),
            SUBNET_1,
            f"must not overlap a network behind relay agents of another LAN, {SUBNET_0} (10.7.1.0/24)",
        ),
        (lan(0) + behind("10.7.1.0/24") + lan(1) + behind("10.7.1.0/25"), SUBNET_1, f"{SUBNET_0} (10.7.1.0/24)"),
        (lan(0) + behind("10.7.1.0/25") + lan(1) + behind("10.7.1.0/24"), SUBNET_1, f"{SUBNET_0} (10.7.1.0/25)"),
        (
            lan(0) + behind("192.168.201.0/24") + lan(1),
            SUBNET_0,
            "must not overlap a pool of another LAN, lan[1].dhcp.pools[0] (192.168.201.50-192.168.201.59)",
        ),
        (
            lan(0) + behind("10.7.1.0/24") + lan(1) + reserve("10.7.1.77"),
            "lan[1].dhcp.reservation[0].address",
            f"must not lie in a network behind relay agents of another LAN, {SUBNET_0}",
        ),
        (
            lan(0) + behind("10.7.1.0/24") + lan(1, more='address = "10.7.1.1"\n'),
            SUBNET_0,
            "must not hold the address of another LAN, lan[1].address (10.7.1.1): it would be leased",
        ),
        (
            lan(0) + lan(1) + reserve("192.168.200.55"),
            "lan[1].dhcp.reservation[0].address",
            "must not lie in a pool of another LAN, lan[0].dhcp.pools[0]",
        ),
        (
            lan(0) + reserve("192.168.200.22") + lan(1) + reserve("192.168.200.22", 0x33),
            "lan[1].dhcp.reservation[0].address",
            "must not be a reservation of another LAN, lan[0].dhcp.reservation[0].address",
        ),
        (
            lan(0) + lan(1, pool="192.168.200.40-192.168.200.50"),
            "lan[1].dhcp.pools[0]",
            "must not overlap a pool of another LAN, lan[0].dhcp.pools[0]",
        ),
        (
            lan(0, pool="10.7.1.20-10.7.1.30") + behind("10.7.1.0/24"),
            "lan[0].dhcp.subnet[0].pools[0]",
            "must not overlap a pool of the LAN itself, lan[0].dhcp.pools[0]",
        ),
        (
            lan(0) + reserve("10.7.1.20") + behind("10.7.1.0/24"),
            "lan[0].dhcp.reservation[0].address",
            "must not lie in a pool of the LAN itself, lan[0].dhcp.subnet[0].pools[0] (10.7.1.9-10.7.1.20)",
        ),
    ],
)
def test_an_address_is_leased_by_one_lan_only(text: str, path: str, rule: str) -> None:
    (fault,) = faults(text)
    assert fault.path == path
    assert rule in fault.rule
    assert fault.value is not None
    assert fault.mend


def test_of_many_that_overlap_each_has_one_fault() -> None:
    nets = ("10.7.0.0/16", "10.7.1.0/24", "10.7.2.0/24")
    found = faults("".join(lan(number) + behind(net) for number, net in enumerate(nets)))
    assert [fault.path for fault in found] == [SUBNET_1, "lan[2].dhcp.subnet[0].subnet"]
    assert all(SUBNET_0 in fault.rule for fault in found)


@pytest.mark.parametrize(
    "text",
    [
        lan(0)
        + behind("10.7.1.0/25")
        + lan(1)
        + behind("10.7.1.128/25").replace("10.7.1.9-10.7.1.20", "10.7.1.130-10.7.1.140"),
        lan(0) + behind("10.7.1.0/24") + lan(1) + behind("10.7.1.0/24", 'mode = "off"\n'),
        lan(0) + behind("10.7.1.0/24") + lan(1, mode='mode = "off"\n') + behind("10.7.1.0/24"),
        lan(0, more='address = "192.168.200.55"\n') + reserve("192.168.200.56"),
    ],
    ids=["apart", "subnet-off", "lan-off", "one-lan"],
)
def test_what_no_two_lans_serve_is_fine(text: str) -> None:
    assert parse(VPN + text).lans


def test_it_costs_no_square_of_thousands() -> None:
    nets = "".join(behind(f"10.{n // 250}.{n % 250}.0/24") for n in range(1, 1500))
    entries = "".join(
        f'[[lan.dhcp.reservation]]\nclient_id = "01{n:08x}"\naddress = "172.16.{n // 250}.{n % 250 + 1}"\n'
        for n in range(1500)
    )
    config = parse(VPN.replace("10.0.0.0/24", "100.64.0.0/24") + lan(0) + nets + lan(1) + entries)
    faults, before = Faults(), time.process_time()
    check_leases(config, faults)
    assert faults.found == []
    assert time.process_time() - before < 0.5  # 0.02 s; comparing each with each takes 6 s.


# ---------------------------------------------------------------- mode


def modes(text: str) -> list[str]:
    dhcp = parse(VPN + text).lans[0].dhcp
    assert dhcp is not None
    return [subnet.mode for subnet in dhcp.subnets]


def test_a_network_behind_relay_agents_is_off_where_its_lan_is() -> None:
    off = lan(0, mode='mode = "off"\n')
    assert modes(off + behind("10.7.1.0/24") + behind("10.7.2.0/24", 'mode = "off"\n')) == ["off", "off"]
    assert modes(lan(0) + behind("10.7.1.0/24") + behind("10.7.2.0/24", 'mode = "off"\n')) == ["serve", "off"]


def test_it_cannot_be_served_alone() -> None:
    (fault,) = faults(lan(0, mode='mode = "off"\n') + behind("10.7.1.0/24", 'mode = "serve"\n'))
    assert str(fault) == (
        'lan[0].dhcp.subnet[0].mode: "serve": has no effect inside lan[0].dhcp with mode = "off"; '
        'remove it, or set mode = "serve" there'
    )
