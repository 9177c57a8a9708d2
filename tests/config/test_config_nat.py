"""The keys of strategies, forwards, aliases and maps: every rule with the path and the words of its fault."""

import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.load import parse
from routerd.config.model import Alias, Forward, HostPin, Ports, Target

PEER = '[[vpn.peer]]\nname = "a"\naddress = "10.0.0.1"\n'
VPN = f'[[vpn]]\ninterface = "wg0"\n{PEER}'
FIXED = f'[[vpn]]\ninterface = "wg0"\nprefixes = ["10.0.0.0/24"]\n{PEER}'
REMOTE = f'[[vpn]]\ngateways = ["192.168.200.9"]\nprefixes = ["10.0.0.0/24"]\n{PEER}'
SECOND = '[[vpn]]\ninterface = "wg1"\nprefixes = ["10.1.0.0/24"]\n[[vpn.peer]]\nname = "b"\naddress = "10.1.0.1"\n'
LAN = '[[lan]]\ninterface = "eth0"\n'
LAN1 = '[[lan]]\ninterface = "eth1"\n'
POOL = LAN + '[lan.dhcp]\npools = ["192.168.200.50-192.168.200.199"]\n'
RESERVED = POOL + '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:22"\naddress = "192.168.200.22"\n'


def host(*lines: str) -> str:
    return "\n".join(["[[lan.host]]", *lines, ""])


def forward(listen: str = "8080/tcp", to: str = "a:80", *lines: str) -> str:
    return "\n".join(["[[lan.forward]]", f'listen = "{listen}"', f'to = "{to}"', *lines, ""])


def alias(address: str = "192.168.200.201", peer: str = "a") -> str:
    return f'[[lan.alias]]\naddress = "{address}"\npeer = "{peer}"\n'


def aliases(pool: str) -> str:
    return f'alias_pool = "{pool}"\n'


def vpn(key: str, text: str = FIXED) -> str:
    return text.replace('"wg0"\n', f'"wg0"\n{key}\n', 1)


def faults(text: str) -> tuple[ConfigFault, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value.errors


MAC = 'mac = "02:00:00:00:00:41"'
AUTO = 'strategy = "auto"'
NEVER = 'source_nat = "never"'

# Each: the file, the path of its only fault, and words that the line of the fault has.
ONE_FAULT = [
    # vpn.mtu, vpn.map_to
    (vpn("mtu = 575") + LAN, "vpn[0].mtu", "must be from 576 to 65535"),
    (vpn('map_to = "10.9.9.1/24"') + LAN, "vpn[0].map_to", 'host bits set; write "10.9.9.0/24"'),
    (vpn('map_to = "10.9.0.0/16"') + LAN, "vpn[0].map_to", "same size as vpn[0].prefixes (10.0.0.0/24)"),
    (
        vpn('map_to = "10.9.9.0/24"').replace('0/24"]', '0/24", "10.1.0.0/24"]') + LAN,
        "vpn[0].map_to",
        "must stand for a single prefix, and vpn[0].prefixes has 2",
    ),
    (vpn('map_to = "10.0.0.0/24"') + LAN, "vpn[0].map_to", "must not overlap vpn[0].prefixes[0] (10.0.0.0/24)"),
    (vpn('map_to = "10.1.0.0/24"') + SECOND + LAN, "vpn[0].map_to", "must not overlap vpn[1].prefixes[0]"),
    (
        vpn('map_to = "10.9.9.0/24"') + SECOND.replace('"wg1"', '"wg1"\nmap_to = "10.9.9.0/24"') + LAN,
        "vpn[1].map_to",
        "must not overlap vpn[0].map_to",
    ),
    (vpn('map_to = "192.168.200.0/24"') + POOL, "vpn[0].map_to", "must not overlap a LAN, which a pool belongs to"),
    (
        REMOTE.replace("prefixes", 'map_to = "10.9.9.0/24"\nprefixes') + LAN,
        "vpn[0].map_to",
        "must not be used with gateways",
    ),
    # lan.strategy, lan.host
    (VPN + LAN + 'strategy = "nat"\n', "lan[0].strategy", '"auto", "site-gateway", "masquerade", "none"'),
    (REMOTE + LAN + 'strategy = "masquerade"\n', "lan[0].strategy", "needs WireGuard on this machine"),
    (
        REMOTE + LAN + host(MAC, 'strategy = "masquerade"'),
        "lan[0].host[0].strategy",
        'run routerd on the gateway, or use "auto"',
    ),
    (VPN + LAN + host(AUTO), "lan[0].host[0]", "must say which host it is; set address, mac or prefix"),
    (VPN + LAN + host(MAC), "lan[0].host[0].strategy", "is missing"),
    (VPN + LAN + host(MAC, 'address = "192.168.200.4"', AUTO), "lan[0].host[0].mac", "must not be set beside address"),
    (VPN + LAN + host('address = "x"', AUTO), "lan[0].host[0].address", "must be an IPv4 address"),
    (VPN + LAN + host('prefix = "192.168.200.1/25"', AUTO), "lan[0].host[0].prefix", "host bits set"),
    (VPN + LAN + host('prefix = "fd00::1/64"', AUTO), "lan[0].host[0].prefix", 'host bits set; write "fd00::/64"'),
    (VPN + LAN + host('prefix = "fd00::"', AUTO), "lan[0].host[0].prefix", 'write "fd00::/128"'),
    (VPN + LAN + host('prefix = "::/0"', AUTO), "lan[0].host[0].prefix", "must not be the default route"),
    (VPN + LAN + host('prefix = "fd00::/129"', AUTO), "lan[0].host[0].prefix", "a network with its prefix length"),
    (VPN + LAN + host('prefix = "ff02::/64"', AUTO), "lan[0].host[0].prefix", "must be a network of machines"),
    (VPN + LAN + host('prefix = "fe80::%a\\u0007/64"', AUTO), "lan[0].host[0].prefix", "with its prefix length"),
    (VPN + LAN + host(MAC, AUTO) * 2, "lan[0].host[1].mac", "is named already at lan[0].host[0].mac"),
    (
        VPN + LAN + host('prefix = "fd00::/64"', AUTO) * 2,
        "lan[0].host[1].prefix",
        "is named already at lan[0].host[0].prefix",
    ),
    # lan.forward: how it is written
    (VPN + LAN + '[[lan.forward]]\nto = "a:80"\n', "lan[0].forward[0].listen", "is missing"),
    (VPN + LAN + '[[lan.forward]]\nlisten = "80/tcp"\n', "lan[0].forward[0].to", "is missing"),
    (VPN + LAN + forward("8080"), "lan[0].forward[0].listen", 'write "8080/tcp" or "8080/udp"'),
    (VPN + LAN + forward("8080/sctp"), "lan[0].forward[0].listen", 'must have "tcp" or "udp"'),
    (VPN + LAN + forward("0/tcp"), "lan[0].forward[0].listen", "ports from 1 to 65535"),
    (VPN + LAN + forward("80-65536/tcp"), "lan[0].forward[0].listen", "ports from 1 to 65535"),
    (VPN + LAN + forward("90-80/udp"), "lan[0].forward[0].listen", 'write "80-90/udp"'),
    (VPN + LAN + forward("80-/tcp"), "lan[0].forward[0].listen", "PORT/PROTOCOL or FIRST-LAST/PROTOCOL"),
    (VPN + LAN + forward(to="a"), "lan[0].forward[0].to", "must be PEER:PORT"),
    (VPN + LAN + forward(to="a:80-90"), "lan[0].forward[0].to", "the port that its first one goes to"),
    (VPN + LAN + forward(to="a:0"), "lan[0].forward[0].to", "one port from 1 to 65535"),
    (VPN + LAN + forward(to="fd00::1"), "lan[0].forward[0].to", 'for example "[fd00::1]:80"'),
    (VPN + LAN + forward(to="fd00::1:80"), "lan[0].forward[0].to", "brackets around an IPv6 address"),
    (VPN + LAN + forward(to="[fd00::1]"), "lan[0].forward[0].to", "must be PEER:PORT"),
    (VPN + LAN + forward(to="[a]:80"), "lan[0].forward[0].to", "brackets around an IPv6 address only"),
    (VPN + LAN + forward(to="[ff02::1]:80"), "lan[0].forward[0].to", "the address of one machine"),
    (VPN + LAN + forward(to="10.0.0:80"), "lan[0].forward[0].to", "must be an IPv4 address"),
    (VPN + LAN + forward(to="127.0.0.1:80"), "lan[0].forward[0].to", "the address of one machine"),
    (VPN + LAN + forward("8000-8999/tcp", "a:65000"), "lan[0].forward[0].to", "its last port would go to 65999"),
    (VPN + LAN + forward("80/tcp", "a:80", 'source_nat = "no"'), "lan[0].forward[0].source_nat", '"always", "never"'),
    # lan.forward: where it leads
    (VPN + LAN + forward(to="b:80"), "lan[0].forward[0].to", 'has no peer of this name; use one of "a"'),
    (
        '[[vpn]]\ninterface = "wg0"\n' + LAN + forward(),
        "lan[0].forward[0].to",
        "name the peer by a [[vpn.peer]] section",
    ),
    (
        FIXED + SECOND + LAN + 'vpns = ["wg1"]\n' + forward(),
        "lan[0].forward[0].to",
        'a peer of the vpn "wg0", which this LAN does not take part in; add the vpn to lan[0].vpns',
    ),
    (FIXED + LAN + forward(to="10.2.0.1:80"), "lan[0].forward[0].to", "behind a vpn of this LAN (10.0.0.0/24)"),
    (FIXED.replace("0.0.1", "2.0.1") + LAN + forward(), "lan[0].forward[0].to", "behind a vpn of this LAN"),
    (
        vpn('map_to = "10.9.9.0/24"') + LAN + forward(to="10.9.9.1:80"),
        "lan[0].forward[0].to",
        "must be the address inside the VPN, not one of 10.9.9.0/24",
    ),
    (REMOTE + LAN + forward(to="[fd00::1]:80"), "lan[0].forward[0].to", "must be an IPv4 address where WireGuard"),
    (REMOTE + LAN + forward("80/tcp", "a:80", NEVER), "lan[0].forward[0].source_nat", "must not be used with gateways"),
    # lan.forward: where it listens
    (VPN + LAN + forward() + forward(to="10.0.0.2:80"), "lan[0].forward[1].listen", "lan[0].forward[0].listen"),
    (
        VPN + LAN + forward("8000-8999/tcp") + LAN1 + forward("8999/tcp"),
        "lan[1].forward[0].listen",
        "must not overlap lan[0].forward[0].listen (8000-8999/tcp): a forward listens at every LAN address",
    ),
    (VPN + POOL + forward("60-70/udp"), "lan[0].forward[0].listen", "port 67, which DHCP is served at"),
    (
        VPN + LAN + forward("8000-8999/tcp") + '[http]\nlisten = ["0.0.0.0:8121"]\n',
        "lan[0].forward[0].listen",
        'must not take port 8121, which routerd serves HTTP at (http.listen, "0.0.0.0:8121")',
    ),
    (
        VPN + LAN + 'address = "192.168.200.2"\n' + forward("8121/tcp") + '[http]\nlisten = ["192.168.200.2:8121"]\n',
        "lan[0].forward[0].listen",
        "or serve HTTP at another one",
    ),
    (
        VPN + LAN + forward("8121/tcp", "[fd00::1]:80") + '[http]\nlisten = ["[::]:8121"]\n',
        "lan[0].forward[0].listen",
        "must not take port 8121",
    ),
    # lan.alias
    (VPN + LAN + '[[lan.alias]]\npeer = "a"\n', "lan[0].alias[0].address", "is missing"),
    (VPN + LAN + '[[lan.alias]]\naddress = "192.168.200.201"\n', "lan[0].alias[0].peer", "is missing"),
    (VPN + LAN + alias("fd00::1"), "lan[0].alias[0].address", "must be an IPv4 address"),
    (VPN + LAN + alias(peer="c"), "lan[0].alias[0].peer", 'is not the name of a peer; use one of "a"'),
    (VPN + POOL + alias("192.168.200.60"), "lan[0].alias[0].address", "must not lie in a pool, or it would be leased"),
    (VPN + RESERVED + alias("192.168.200.22"), "lan[0].alias[0].address", "is reserved (lan[0].dhcp.reservation[0])"),
    (
        VPN + LAN + 'address = "192.168.200.201"\n' + alias(),
        "lan[0].alias[0].address",
        "must be free, and is this machine's own (lan[0].address)",
    ),
    (
        VPN + POOL + 'router = "192.168.200.201"\n' + alias(),
        "lan[0].alias[0].address",
        "is the router's (lan[0].dhcp.router)",
    ),
    (
        VPN + REMOTE.replace('"a"', '"r"').replace("10.0.0", "10.2.0") + LAN + alias("192.168.200.9"),
        "lan[0].alias[0].address",
        "is a gateway's (vpn[1].gateways[0])",
    ),
    (
        VPN.replace(PEER, PEER + PEER.replace('"a"', '"b"').replace("0.1", "0.3")) + LAN + alias() + alias(peer="b"),
        "lan[0].alias[1].address",
        "is an alias already at lan[0].alias[0].address",
    ),
    (VPN + LAN + alias() + alias("192.168.200.202"), "lan[0].alias[1].peer", "has an alias on this LAN already"),
    (FIXED + LAN + alias("10.0.0.9"), "lan[0].alias[0].address", "must not lie behind the VPN"),
    (REMOTE + LAN + alias(), "lan[0].alias[0].peer", "needs WireGuard on this machine"),
    (FIXED + SECOND + LAN + 'vpns = ["wg1"]\n' + alias(), "lan[0].alias[0].peer", 'a peer of the vpn "wg0"'),
    (VPN.replace("10.0.0.1", "fd00::1") + LAN + alias(), "lan[0].alias[0].peer", "only the IPv6 address fd00::1"),
    # lan.alias_pool
    (VPN + LAN + aliases("192.168.200.230"), "lan[0].alias_pool", "FIRST-LAST"),
    (
        VPN + LAN + aliases("192.168.200.190-192.168.200.230") + POOL.removeprefix(LAN),
        "lan[0].alias_pool",
        "must not overlap lan[0].dhcp.pools[0] (192.168.200.50-192.168.200.199)",
    ),
    (
        VPN + LAN + aliases("192.168.200.20-192.168.200.30") + RESERVED.removeprefix(LAN),
        "lan[0].alias_pool",
        "must have only free addresses, and 192.168.200.22 is reserved",
    ),
    (
        VPN + LAN + aliases("192.168.200.20-192.168.200.30") + LAN1 + aliases("192.168.200.30-192.168.200.40"),
        "lan[1].alias_pool",
        "must not overlap lan[0].alias_pool",
    ),
    (REMOTE + LAN + aliases("192.168.200.20-192.168.200.30"), "lan[0].alias_pool", "needs WireGuard on this machine"),
    (FIXED + LAN + aliases("10.0.0.20-10.0.0.30"), "lan[0].alias_pool", "must not lie behind the VPN"),
    # return_path, nat
    (VPN + LAN + '[return_path]\ntimeout = "31s"\n', "return_path.timeout", "longer than return_path.interval (30s)"),
    (VPN + LAN + '[return_path]\ninterval = "0s"\n', "return_path.interval", "must be more than 0"),
    (VPN + LAN + '[nat]\nkeep = "yes"\n', "nat.keep", "must be true or false"),
    (VPN + LAN + "[nat]\nlog_flows = 1\n", "nat.log_flows", "must be true or false"),
]


@pytest.mark.parametrize(("text", "path", "words"), ONE_FAULT)
def test_each_rule_reports_one_fault_with_its_path(text: str, path: str, words: str) -> None:
    found = faults(text)
    assert [fault.path for fault in found] == [path], [str(fault) for fault in found]
    line = str(found[0])
    assert words in line
    assert line.isprintable()
    assert found[0].rule
    assert found[0].mend


FINE = [
    VPN + LAN + forward() + forward("8080/udp"),
    VPN + LAN + forward("8000-8999/tcp") + forward("9000/tcp") + forward("7999/tcp"),
    # The families have LAN addresses of their own, and LANs of different vpns have nothing to do with each other.
    VPN + LAN + forward(to="10.0.0.1:80") + forward(to="[fd00::1]:80"),
    FIXED + SECOND + LAN + 'vpns = ["wg0"]\n' + forward() + LAN1 + 'vpns = ["wg1"]\n' + forward(to="b:80"),
    # Derived prefixes are known on the machine only.
    VPN + LAN + forward(to="10.77.0.1:80"),
    VPN + LAN + forward("8121/tcp"),
    VPN + LAN + forward("67/udp"),
    VPN + LAN + forward("8121/tcp", "10.0.0.1:80") + '[http]\nlisten = ["[::]:8121"]\n',
    REMOTE + LAN + forward("80/tcp", "a:80", 'source_nat = "auto"'),
    REMOTE + LAN + 'strategy = "none"\n',
    REMOTE + SECOND + LAN + 'strategy = "masquerade"\n',
    VPN + LAN + aliases("192.168.200.200-192.168.200.230") + alias(),
    VPN + LAN + alias() + LAN1 + alias("192.168.201.201"),
    vpn('map_to = "10.9.9.0/24"', VPN) + LAN,
]


@pytest.mark.parametrize("text", FINE)
def test_what_is_allowed(text: str) -> None:
    parse(text)


def test_values_are_parsed() -> None:
    pins = (
        host('address = "fd00::7"', 'strategy = "none"')
        + host(MAC, 'strategy = "site-gateway"')
        + host('prefix = "fd00:1::/64"', AUTO)
        + host('prefix = "192.168.200.128/25"', 'strategy = "masquerade"')
    )
    config = parse(
        vpn('map_to = "10.9.9.0/24"\nmtu = 1380')
        + LAN
        + 'strategy = "site-gateway"\n'
        + pins
        + forward("8000-8999/udp", "[fd00::1]:80", NEVER)
        + forward()
        + alias()
        + '[return_path]\ninterval = "10s"\ntimeout = "200ms"\n[nat]\nkeep = true\nlog_flows = true\n'
    )
    (lan,) = config.lans
    assert (config.vpns[0].map_to, config.vpns[0].mtu, lan.strategy) == (
        IPv4Network("10.9.9.0/24"),
        1380,
        "site-gateway",
    )
    assert lan.hosts == (
        HostPin("none", address=IPv6Address("fd00::7")),
        HostPin("site-gateway", mac=bytes.fromhex("020000000041")),
        HostPin("auto", prefix=IPv6Network("fd00:1::/64")),
        HostPin("masquerade", prefix=IPv4Network("192.168.200.128/25")),
    )
    assert lan.forwards == (
        Forward(Ports("udp", 8000, 8999), Target(IPv6Address("fd00::1"), 80), "never"),
        Forward(Ports("tcp", 8080, 8080), Target("a", 80)),
    )
    assert [(str(each.listen), str(each.to)) for each in lan.forwards] == [
        ("8000-8999/udp", "[fd00::1]:80"),
        ("8080/tcp", "a:80"),
    ]
    assert lan.aliases == (Alias(IPv4Address("192.168.200.201"), "a"),)
    assert (config.return_path.interval, config.return_path.timeout) == (10.0, 0.2)
    assert (config.nat.keep, config.nat.log_flows) == (True, True)


def test_a_peer_whose_name_is_wrong_makes_no_second_fault() -> None:
    text = VPN.replace('"a"', '"a/b"') + LAN + forward() + alias()
    assert [fault.path for fault in faults(text)] == ["vpn[0].peer[0].name"]


def test_all_faults_of_one_section_at_once() -> None:
    text = VPN + LAN + '[[lan.forward]]\nlisten = "x"\nto = "y"\nsource_nat = "z"\n'
    assert [fault.path.removeprefix("lan[0].forward[0].") for fault in faults(text)] == ["listen", "to", "source_nat"]


def test_a_forward_that_leads_nowhere_listens_all_the_same() -> None:
    text = VPN + LAN + forward("80-90/tcp", "b:80") + forward("85/tcp")
    assert [fault.path for fault in faults(text)] == ["lan[0].forward[0].to", "lan[0].forward[1].listen"]


def test_an_unusable_forward_keeps_the_count_of_the_file() -> None:
    text = VPN + LAN + forward("x") + forward() + forward("8080/tcp", "10.0.0.2:80")
    assert [fault.path for fault in faults(text)] == ["lan[0].forward[0].listen", "lan[0].forward[2].listen"]


def test_thousands_of_forwards_and_aliases_take_little_time() -> None:
    peers = "".join(
        f'[[vpn.peer]]\nname = "p{i}"\naddress = "10.{1 + i // 250}.0.{1 + i % 250}"\n' for i in range(1000)
    )
    text = '[[vpn]]\ninterface = "wg0"\n' + peers + LAN
    text += "".join(forward(f"{10000 + i}/tcp", f"p{i}:80") for i in range(1000))
    text += "".join(alias(f"172.16.{i // 250}.{1 + i % 250}", f"p{i}") for i in range(1000))
    begin = time.process_time()
    config = parse(text)
    assert len(config.lans[0].forwards) == len(config.lans[0].aliases) == 1000
    assert time.process_time() - begin < 2.0
