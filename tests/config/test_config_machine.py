"""The configuration against the addresses of a machine."""

from ipaddress import IPv4Interface

import pytest

from routerd.config.check import check_networks
from routerd.config.fault import ConfigError
from routerd.config.load import parse

REMOTE = '[[vpn]]\ngateways = ["192.168.200.2"]\nprefixes = ["10.0.0.0/24"]\n'
LAN = '[[lan]]\ninterface = "eth0"\n'
POOL = LAN + '[lan.dhcp]\npools = ["192.168.200.50-192.168.200.199"]\n'
RESERVE = POOL + '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:22"\naddress = "192.168.200.22"\n'
MAPPED = '[[vpn]]\ninterface = "wg0"\nmap_to = "10.9.9.0/24"\n'
PEER = '[[vpn]]\ninterface = "wg0"\n[[vpn.peer]]\nname = "a"\naddress = "10.0.0.1"\n'
ALIAS = LAN + '[[lan.alias]]\naddress = "192.168.200.201"\npeer = "a"\n'
ETH0 = {"eth0": (IPv4Interface("192.168.200.1/24"),)}


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        (REMOTE + POOL.replace("200.199", "201.9"), "lan[0].dhcp.pools[0]", "network of eth0 (192.168.200.0/24)"),
        (REMOTE + POOL + 'router = "192.168.201.1"\n', "lan[0].dhcp.router", "must lie in the network of eth0"),
        (REMOTE + POOL + 'router = "192.168.200.255"\n', "lan[0].dhcp.router", "the first or last address of"),
        (REMOTE + RESERVE.replace("200.22", "201.22"), "lan[0].dhcp.reservation[0].address", "must lie in the network"),
        (REMOTE + RESERVE.replace("200.22", "200.0"), "lan[0].dhcp.reservation[0].address", "first or last address"),
        (REMOTE + RESERVE + 'router = "10.9.9.1"\n', "lan[0].dhcp.reservation[0].router", "must lie in the network of"),
        *(
            (
                REMOTE + POOL + f'[[lan.dhcp.subnet]]\nsubnet = "{net}"\npools = ["192.168.200.9-192.168.200.10"]\n',
                "lan[0].dhcp.subnet[0].subnet",
                "must not overlap the network of eth0",
            )
            for net in ("192.168.200.0/24", "192.168.200.0/25", "192.168.0.0/16")
        ),
        (REMOTE + LAN + 'address = "192.168.201.2"\n', "lan[0].address", "must lie in a network of eth0"),
        (REMOTE.replace("200.2", "201.2") + LAN, "vpn[0].gateways[0]", "must lie on a LAN (192.168.200.0/24)"),
        (REMOTE.replace("200.2", "200.1") + LAN, "vpn[0].gateways[0]", "this is an address of eth0 here"),
        (REMOTE.replace("200.2", "200.255") + LAN, "vpn[0].gateways[0]", "must not be the first or last address"),
        (REMOTE.replace("10.0.0.0/24", "192.168.200.128/25") + LAN, "vpn[0].prefixes[0]", "must not lie inside a LAN"),
        (
            '[[vpn]]\ninterface = "wg0"\nprefixes = ["192.168.0.0/16"]\n' + LAN,
            "vpn[0].prefixes[0]",
            "not contain a LAN",
        ),
        (
            MAPPED.replace("10.9.9", "192.168.200") + LAN,
            "vpn[0].map_to",
            "must not overlap a LAN (eth0: 192.168.200.0/24)",
        ),
        (PEER + ALIAS.replace("200.201", "201.201"), "lan[0].alias[0].address", "must lie in the network of eth0"),
        (PEER + ALIAS.replace("200.201", "200.255"), "lan[0].alias[0].address", "first or last address of"),
        (PEER + ALIAS.replace("200.201", "200.1"), "lan[0].alias[0].address", "is this machine's own"),
        (PEER + LAN + 'alias_pool = "192.168.200.250-192.168.201.9"\n', "lan[0].alias_pool", "the network of eth0"),
        (
            PEER
            + LAN
            + '[[lan.forward]]\nlisten = "8000-8999/tcp"\nto = "a:80"\n[http]\nlisten = ["192.168.200.1:8121"]\n',
            "lan[0].forward[0].listen",
            'must not take port 8121, which routerd serves HTTP at (http.listen, "192.168.200.1:8121")',
        ),
    ],
)
def test_each_rule(text: str, path: str, words: str) -> None:
    found = check_networks(parse(text), ETH0)
    assert [fault.path for fault in found] == [path], [str(fault) for fault in found]
    assert words in str(found[0])


@pytest.mark.parametrize("networks", [{}, {"eth0": ()}, {"eth1": (IPv4Interface("10.0.0.1/24"),)}])
def test_what_is_missing_is_not_judged(networks: dict[str, tuple[IPv4Interface, ...]]) -> None:
    text = REMOTE + RESERVE.replace("200.22", "201.22") + 'hostname = "endpoint-b"\n'
    assert check_networks(parse(text), networks) == ()


def test_a_gateway_may_be_on_a_lan_that_is_missing_now() -> None:
    text = REMOTE.replace("200.2", "201.2") + LAN + LAN.replace("eth0", "eth1")
    assert check_networks(parse(text), ETH0) == ()


def test_the_example_network_fits() -> None:
    text = REMOTE + RESERVE.replace("[lan.dhcp]\n", '[lan.dhcp]\nrouter = "192.168.200.1"\n', 1)
    assert check_networks(parse(text), ETH0) == ()


def test_the_address_chooses_among_several_networks() -> None:
    networks = {"eth0": tuple(map(IPv4Interface, ("172.16.0.1/16", "192.168.200.3/32", "192.168.200.1/24")))}
    text = REMOTE + POOL.replace('"eth0"\n', '"eth0"\naddress = "192.168.200.3"\n')
    assert check_networks(parse(text), networks) == ()
    without = check_networks(parse(REMOTE + POOL), networks)
    assert [fault.path for fault in without] == ["lan[0].dhcp.pools[0]", "vpn[0].gateways[0]"]


WG = '[[vpn]]\nname = "vpn"\ninterface = "wg0"\n'
PIN = '[[lan]]\ninterface = "eth0"\n[[lan.host]]\nstrategy = "masquerade"\n'


@pytest.mark.parametrize(("shown", "refused"), [("10.9.9.0/25", True), ("10.9.9.0/24", False), ("10.9.8.0/23", False)])
def test_a_map_cannot_be_smaller_than_the_network_of_its_interface(shown: str, refused: bool) -> None:
    """A larger one may be right: AllowedIPs add to what is behind the vpn."""
    networks = {**ETH0, "wg0": (IPv4Interface("10.0.0.2/24"),)}
    found = check_networks(parse(f'{WG}map_to = "{shown}"\n[[lan]]\ninterface = "eth0"\n'), networks)
    assert [fault.path for fault in found] == ["vpn[0].map_to"] * refused


@pytest.mark.parametrize(
    ("pin", "key"),
    [
        ('prefix = "10.0.0.0/24"', "prefix"),
        ('prefix = "10.0.0.128/25"', "prefix"),
        ('address = "10.0.0.1"', "address"),
        ('prefix = "10.0.0.0/16"', None),
        ('prefix = "192.168.200.0/25"', None),
        ('prefix = "fd00::/64"', None),
    ],
)
def test_a_pin_of_what_is_behind_the_vpn_can_never_match(pin: str, key: str | None) -> None:
    networks = {**ETH0, "wg0": (IPv4Interface("10.0.0.2/24"),)}
    found = check_networks(parse(f"{WG}{PIN}{pin}\n"), networks)
    assert [fault.path for fault in found] == ([] if key is None else [f"lan[0].host[0].{key}"])
    # Where the prefixes are given, the file alone says it.
    given = f'{WG}prefixes = ["10.0.0.0/24"]\n{PIN}{pin}\n'
    if key is None:
        assert check_networks(parse(given), networks) == ()
        return
    with pytest.raises(ConfigError) as error:
        parse(given)
    (fault,) = error.value.errors
    assert (fault.path, fault.rule) == (
        f"lan[0].host[0].{key}",
        "must be of the site, and is behind the vpn vpn (10.0.0.0/24)",
    )
