"""Reading configurations: every rule with the path and the words of its fault."""

import dataclasses
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from routerd.config.fault import ConfigError, ConfigFault
from routerd.config.load import load, parse
from routerd.config.model import Config, Dhcp

KEY = "4fWL0W/Sw8UxAStVz8VuMBkIyiuKMtKUQC0mKCFPpDo="
VPN = '[[vpn]]\ninterface = "wg0"\n'
BESIDE = '[[lan]]\ninterface = "eth0"\n[lan.dhcp]\nmode = "dnsmasq"\n'
BEHIND = '[[lan.dhcp.subnet]]\nsubnet = "192.168.201.0/24"\n'
OPTION_42 = 'code = 42\ntype = "ip"\nvalue = "192.168.200.1"\n'
REMOTE = '[[vpn]]\ngateways = ["192.168.200.2"]\nprefixes = ["10.0.0.0/24"]\n'
LAN = '[[lan]]\ninterface = "eth0"\n'
BARE = LAN + "[lan.dhcp]\n"
POOL = BARE + 'pools = ["192.168.200.50-192.168.200.199"]\n'
PEER = f'{VPN}[[vpn.peer]]\nname = "a"\npublic_key = "{KEY}"\n'
RESERVE = POOL + '[[lan.dhcp.reservation]]\naddress = "192.168.200.22"\n'
OPTION = POOL + "[[lan.dhcp.option]]\n"


def faults(text: str) -> tuple[ConfigFault, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value.errors


def dhcp(text: str) -> Dhcp:
    part = parse(VPN + text).lans[0].dhcp
    assert part is not None
    return part


# Each: the file, the path of its only fault, and words that the line of the fault has.
ONE_FAULT = [
    # the shape of the file
    ('lan = [{interface = "eth0"}]', "vpn", "is missing"),
    (LAN, "vpn", "at least one [[vpn]]"),
    (VPN, "lan", "at least one [[lan]]"),
    (VPN + LAN + "[lock]\n", "lock", "is not a known key at the top of the file"),
    ("probes = 1\n" + VPN + LAN, "probes", 'did you mean "probe"?'),
    (VPN + 'intreface = "wg1"\n' + LAN, "vpn[0].intreface", 'did you mean "interface"?'),
    (VPN + '"a.b\\n" = 1\n' + LAN, 'vpn[0]."a.b\\u000a"', "known here: name, interface"),
    (VPN + BARE + 'pool = ["192.168.200.1-192.168.200.9"]', "lan[0].dhcp.pool", 'did you mean "pools"?'),
    (VPN.replace("[[vpn]]", "[vpn]") + LAN, "vpn", "begin it with [[vpn]], not [vpn]"),
    ('vpn = "wg0"\n' + LAN, "vpn", 'vpn: "wg0": must be an array of tables'),
    ('lan = ["eth0"]\n' + VPN, "lan[0]", '"eth0": must be a table'),
    ("probe = 3\n" + VPN + LAN, "probe", "begin it with [probe]"),
    (VPN + LAN + "[[probe]]\n", "probe", "must be a table; begin it with [probe]"),
    (VPN + LAN + "dhcp = true\n", "lan[0].dhcp", "true: must be a table"),
    # vpn
    ('[[vpn]]\nname = "v"\n' + LAN, "vpn[0]", "must say where WireGuard runs"),
    (VPN + 'gateways = ["192.168.200.2"]\n' + LAN, "vpn[0].gateways", "must not be set beside interface"),
    ("[[vpn]]\ninterface = 3\n" + LAN, "vpn[0].interface", "written as a string"),
    ('[[vpn]]\ninterface = ""\n' + LAN, "vpn[0].interface", "not an empty string"),
    ('[[vpn]]\ninterface = "wg0123456789abcdef"\n' + LAN, "vpn[0].interface", "at most 15 characters"),
    ('[[vpn]]\ninterface = "wg/0"\n' + LAN, "vpn[0].interface", "no space, / or :"),
    ('[[vpn]]\ngateways = ["192.168.200.2"]\n' + LAN, "vpn[0].prefixes", "cannot be derived"),
    (REMOTE.replace('["192.168.200.2"]', "[]") + LAN, "vpn[0].gateways", "must not be empty"),
    (REMOTE.replace('["192.168.200.2"]', '"192.168.200.2"') + LAN, "vpn[0].gateways", "must be an array"),
    (REMOTE.replace("192.168.200.2", "224.0.0.1") + LAN, "vpn[0].gateways[0]", "must be the address of one machine"),
    (REMOTE.replace("192.168.200.2", "fd00::1") + LAN, "vpn[0].gateways[0]", "must be an IPv4 address"),
    (REMOTE.replace('200.2"', '200.2", "192.168.200.2"') + LAN, "vpn[0].gateways[1]", "see vpn[0].gateways[0]"),
    (VPN + "prefixes = []\n" + LAN, "vpn[0].prefixes", "must not be empty"),
    (VPN + 'prefixes = ["10.0.0.1/24"]\n' + LAN, "vpn[0].prefixes[0]", 'host bits set; write "10.0.0.0/24"'),
    (VPN + 'prefixes = ["10.0.0.1"]\n' + LAN, "vpn[0].prefixes[0]", 'write "10.0.0.1/32"'),
    (VPN + 'prefixes = ["10.0.0.0/255.0.0.0"]\n' + LAN, "vpn[0].prefixes[0]", "with its prefix length"),
    (VPN + 'prefixes = ["10.0.0.0/33"]\n' + LAN, "vpn[0].prefixes[0]", "must be an IPv4 network"),
    (VPN + 'prefixes = ["fd00::/64"]\n' + LAN, "vpn[0].prefixes[0]", "must be an IPv4 network"),
    (VPN + 'prefixes = ["0.0.0.0/0"]\n' + LAN, "vpn[0].prefixes[0]", "must not be the default route"),
    (VPN + 'prefixes = ["1.2.3.4/0"]\n' + LAN, "vpn[0].prefixes[0]", "must not be the default route"),
    (VPN + 'prefixes = ["239.0.0.0/8"]\n' + LAN, "vpn[0].prefixes[0]", "multicast"),
    (VPN + 'prefixes = ["128.0.0.0/1"]\n' + LAN, "vpn[0].prefixes[0]", "multicast"),
    (VPN + 'prefixes = ["10.0.0.0/8", "10.0.0.0/8"]\n' + LAN, "vpn[0].prefixes[1]", "is listed twice"),
    (VPN + 'withdraw = "always"\n' + LAN, "vpn[0].withdraw", '"never", "gateway-down", "all-peers-down"'),
    (VPN + 'name = "a/b"\n' + LAN, "vpn[0].name", "control characters"),
    (VPN + 'name = "a\\u001bb"\n' + LAN, "vpn[0].name", '"a\\u001bb": must not hold'),
    (VPN + f'name = "{"a" * 64}"\n' + LAN, "vpn[0].name", "not be longer than 63"),
    (VPN + 'name = "v"\n[[vpn]]\ninterface = "wg1"\nname = "v"\n' + LAN, "vpn[1].name", "already of vpn[0].name"),
    ('[[vpn]]\ninterface = "a"\nname = "wg0"\n' + VPN + LAN, "vpn[1].name", "already of vpn[0].name"),
    (VPN + 'name = "x"\n' + VPN + LAN, "vpn[1].interface", "is used already by vpn[0].interface"),
    (VPN.replace("wg0", "eth0") + LAN, "vpn[0].interface", "must not be the interface of a LAN too (lan[0])"),
    # vpn.peer
    (VPN + f'[[vpn.peer]]\npublic_key = "{KEY}"\n' + LAN, "vpn[0].peer[0].name", "is missing"),
    (VPN + '[[vpn.peer]]\nname = "a"\n' + LAN, "vpn[0].peer[0]", "set public_key, or address"),
    (PEER.replace(KEY, KEY[:-2]) + LAN, "vpn[0].peer[0].public_key", "44 characters of base64"),
    (PEER.replace(KEY, "!" + KEY[1:]) + LAN, "vpn[0].peer[0].public_key", "44 characters of base64"),
    (PEER.replace("Do=", "Dp=") + LAN, "vpn[0].peer[0].public_key", "copy it from `wg show`"),
    (PEER + 'address = "10.0.0.1/32"\n' + LAN, "vpn[0].peer[0].address", "must be an IPv4 address"),
    (PEER + 'address = "ff02::1"\n' + LAN, "vpn[0].peer[0].address", "must be the address of one machine"),
    (PEER + 'address = "fe80::1%eth0"\n' + LAN, "vpn[0].peer[0].address", "without %interface"),
    (PEER + 'address = "fe80:::"\n' + LAN, "vpn[0].peer[0].address", "must be an IP address"),
    (PEER + 'probe = "udp:22"\n' + LAN, "vpn[0].peer[0].probe", 'use one of "icmp", "handshake", "none"'),
    (PEER + 'interval = "1s"\n' + LAN, "vpn[0].peer[0].interval", "probe.timeout (2s)"),
    (PEER + 'interval = "25h"\n' + LAN, "vpn[0].peer[0].interval", "must be from 100ms to 24h"),
    (PEER + '[[vpn.peer]]\nname = "a"\naddress = "10.0.0.1"\n' + LAN, "vpn[0].peer[1].name", "vpn[0].peer[0].name"),
    (PEER + f'[[vpn.peer]]\nname = "b"\npublic_key = "{KEY}"\n' + LAN, "vpn[0].peer[1].public_key", "key already of"),
    (
        PEER + '[[vpn]]\ninterface = "wg1"\n[[vpn.peer]]\nname = "a"\naddress = "10.0.0.1"\n' + LAN,
        "vpn[1].peer[0].name",
        "they count over all vpns",
    ),
    (
        VPN + '[[vpn.peer]]\nname = "a"\naddress = "10.0.0.1"\n[[vpn.peer]]\nname = "b"\naddress = "10.0.0.1"\n' + LAN,
        "vpn[0].peer[1].address",
        "is the address already of vpn[0].peer[0].address",
    ),
    (
        REMOTE + '[[vpn.peer]]\nname = "a"\naddress = "10.0.0.1"\nprobe = "handshake"\n' + LAN,
        "vpn[0].peer[0].probe",
        "only where WireGuard runs",
    ),
    (REMOTE + PEER.removeprefix(VPN) + LAN, "vpn[0].peer[0].address", "a key alone finds no peer"),
    # lan
    (VPN + "[[lan]]\n", "lan[0].interface", "is missing"),
    (VPN + LAN + LAN, "lan[1].interface", "is a LAN already at lan[0].interface"),
    (VPN + LAN + 'address = "127.0.0.1"\n', "lan[0].address", "must be the address of one machine"),
    (VPN + LAN + 'address = "192.168.200.02"\n', "lan[0].address", "must be an IPv4 address"),
    (VPN + LAN + 'vpns = ["wg1"]\n', "lan[0].vpns[0]", 'is not the name of a vpn; use one of "wg0"'),
    (VPN + LAN + 'vpns = "wg0"\n', "lan[0].vpns", "must be an array"),
    # lan.dhcp
    (VPN + BARE, "lan[0].dhcp", "has no address to serve"),
    (VPN + BARE + 'mode = "isc"\n', "lan[0].dhcp.mode", 'use one of "serve", "dnsmasq", "kea", "off"'),
    (VPN + POOL + 'mode = "dnsmasq"\n', "lan[0].dhcp.pools", 'remove it, or set mode = "serve"'),
    (VPN + BARE + 'mode = "kea"\nlease_time = "1h"\n', "lan[0].dhcp.lease_time", 'no effect with mode = "kea"'),
    (VPN + BESIDE + "[[lan.dhcp.option]]\n" + OPTION_42, "lan[0].dhcp.option", 'no effect with mode = "dnsmasq"'),
    (VPN + BESIDE + BEHIND, "lan[0].dhcp.subnet[0].tag", "dhcp-range=set:TAG"),
    (VPN + BESIDE + BEHIND + 'tag = "far"\nmode = "off"\n', "lan[0].dhcp.subnet[0].mode", "no effect with mode"),
    (VPN + BESIDE.replace("dnsmasq", "kea") + BEHIND + 'tag = "far"\n', "lan[0].dhcp.subnet[0].tag", "no effect"),
    (VPN + BESIDE + BEHIND + 'tag = "a,b"\n', "lan[0].dhcp.subnet[0].tag", "must be a tag of dnsmasq"),
    (VPN + BESIDE + BEHIND + 'tag = "eth0"\n', "lan[0].dhcp.subnet[0].tag", "is used already by lan[0].interface"),
    (
        VPN + POOL + BEHIND + 'pools = ["192.168.201.5-192.168.201.9"]\ntag = "far"\n',
        "lan[0].dhcp.subnet[0].tag",
        "serve",
    ),
    (VPN + BESIDE + '[lan.dhcp.dnsmasq]\noptions_file = "x"\n', "lan[0].dhcp.dnsmasq.options_file", "absolute path"),
    (VPN + BESIDE + '[lan.dhcp.dnsmasq]\noptions_file = "/x/.y"\n', "lan[0].dhcp.dnsmasq.options_file", "rename it"),
    (VPN + BESIDE + f'[lan.dhcp.kea]\nsocket = "/{"x" * 107}"\n', "lan[0].dhcp.kea.socket", "not be longer than 107"),
    (
        VPN + BESIDE + BESIDE.replace("eth0", "eth1") + '[lan.dhcp.dnsmasq]\npid_file = "/x"\n',
        "lan[1].dhcp.dnsmasq.pid_file",
        "must be as in lan[0].dhcp.dnsmasq (/run/dnsmasq/dnsmasq.pid)",
    ),
    (VPN + POOL.replace("199", "9"), "lan[0].dhcp.pools[0]", 'write "192.168.200.9-192.168.200.50"'),
    (VPN + POOL.replace("-", " to "), "lan[0].dhcp.pools[0]", "FIRST-LAST"),
    (VPN + POOL.replace("-192", "-292"), "lan[0].dhcp.pools[0]", "must be an IPv4 address"),
    (
        VPN + BARE + 'pools = ["10.0.0.1-192.168.0.1"]\n',
        "lan[0].dhcp.pools[0]",
        "addresses; use a range of one network",
    ),
    (VPN + POOL.replace('199"', '199", "192.168.200.199-192.168.200.220"'), "lan[0].dhcp.pools[1]", "overlap lan[0]"),
    (
        VPN + POOL + LAN.replace("0", "1") + POOL.removeprefix(LAN),
        "lan[1].dhcp.pools[0]",
        "pool of another LAN, lan[0]",
    ),
    (VPN + POOL + 'router = "auto"\n', "lan[0].dhcp.router", "must be an IPv4 address"),
    (VPN + POOL + "router = 0\n", "lan[0].dhcp.router", "written as a string"),
    (VPN + POOL + "routes = true\n", "lan[0].dhcp.routes", "must be one of the known words"),
    (VPN + POOL + "dns = [1]\n", "lan[0].dhcp.dns[0]", "must be an IPv4 address"),
    (VPN + POOL + "dns = 1\n", "lan[0].dhcp.dns", "must be an array"),
    (VPN + POOL + 'search = ["a..b"]\n', "lan[0].dhcp.search[0]", "labels of letters"),
    (VPN + POOL + 'ntp = ["pool.ntp.org"]\n', "lan[0].dhcp.ntp[0]", "must be an IPv4 address"),
    (VPN + POOL + 'domain = "-a.example"\n', "lan[0].dhcp.domain", "inner hyphens"),
    (VPN + POOL + f'domain = "{"a" * 64}"\n', "lan[0].dhcp.domain", "63 at most each"),
    (VPN + POOL + f'domain = "{"a." * 127}a"\n', "lan[0].dhcp.domain", "253 in all"),
    (VPN + POOL + "lease_time = 3600\n", "lan[0].dhcp.lease_time", "with its unit"),
    (VPN + POOL + 'lease_time = "1 hour"\n', "lan[0].dhcp.lease_time", "whole numbers of h, m, s, ms"),
    (VPN + POOL + 'lease_time = "9s"\n', "lan[0].dhcp.lease_time", "must be from 10s"),
    (VPN + POOL + 'lease_time = "999999999999h"\n', "lan[0].dhcp.lease_time", "at most 2^31 s"),
    (VPN + POOL + 'lease_time = "10s500ms"\n', "lan[0].dhcp.lease_time", 'whole seconds; write "10s"'),
    (VPN + POOL + 'renew_time = "53m"\n', "lan[0].dhcp.renew_time", "shorter than rebind_time (52m30s by default)"),
    (VPN + POOL + 'rebind_time = "20m"\n', "lan[0].dhcp.rebind_time", "longer than renew_time (30m by default)"),
    (VPN + POOL + 'rebind_time = "1h"\n', "lan[0].dhcp.rebind_time", "shorter than lease_time (1h)"),
    (VPN + POOL + 'renew_time = "40m"\nrebind_time = "40m"\n', "lan[0].dhcp.renew_time", "rebind_time (40m)"),
    (VPN + POOL + 'authoritative = "yes"\n', "lan[0].dhcp.authoritative", "must be true or false"),
    (VPN + POOL + 'next_server = "tftp"\n', "lan[0].dhcp.next_server", "must be an IPv4 address"),
    (VPN + POOL + f'server_name = "{"a" * 64}"\n', "lan[0].dhcp.server_name", "at most 63"),
    (VPN + POOL + 'boot_file = "é"\n', "lan[0].dhcp.boot_file", "ASCII"),
    # lan.dhcp.reservation
    (VPN + RESERVE, "lan[0].dhcp.reservation[0]", "set mac, client_id or circuit_id"),
    (VPN + BARE + "reservation = 1\n", "lan[0].dhcp.reservation", "begin it with [[lan.dhcp.reservation]]"),
    (
        VPN + RESERVE + 'mac = "02:00:00:00:00:22"\nclient_id = "01"\n',
        "lan[0].dhcp.reservation[0].client_id",
        "beside mac",
    ),
    (VPN + RESERVE + 'mac = "02:00:00:00:22"\n', "lan[0].dhcp.reservation[0].mac", "six pairs of hex digits"),
    (VPN + RESERVE + 'mac = "02-00:00:00:00:22"\n', "lan[0].dhcp.reservation[0].mac", "six pairs of hex digits"),
    (VPN + RESERVE + 'mac = "ff:ff:ff:ff:ff:ff"\n', "lan[0].dhcp.reservation[0].mac", "of one machine"),
    (VPN + RESERVE + 'client_id = "0:1"\n', "lan[0].dhcp.reservation[0].client_id", "pairs of hex digits"),
    (VPN + RESERVE + 'client_id = ""\n', "lan[0].dhcp.reservation[0].client_id", "not an empty string"),
    (VPN + RESERVE + f'client_id = "{"00" * 256}"\n', "lan[0].dhcp.reservation[0].client_id", "longer than 255"),
    (
        VPN + RESERVE + 'mac = "02:00:00:00:00:22"\nhostname = "a_b"\n',
        "lan[0].dhcp.reservation[0].hostname",
        "letters, digits",
    ),
    (
        VPN + LAN + 'address = "192.168.200.22"\n' + RESERVE.removeprefix(LAN) + 'mac = "02:00:00:00:00:22"\n',
        "lan[0].dhcp.reservation[0].address",
        "must not be this machine's own (lan[0].address)",
    ),
    # lan.dhcp.option
    (VPN + OPTION + 'type = "ip"\nvalue = "1.2.3.4"\n', "lan[0].dhcp.option[0].code", "is missing"),
    (VPN + OPTION + 'code = 42\nvalue = "1.2.3.4"\n', "lan[0].dhcp.option[0].type", "is missing"),
    (VPN + OPTION + 'code = 42\ntype = "ip"\n', "lan[0].dhcp.option[0].value", "is missing"),
    (VPN + OPTION + 'code = 0\ntype = "ip"\nvalue = "1.2.3.4"\n', "lan[0].dhcp.option[0].code", "from 1 to 254"),
    (
        VPN + OPTION + 'code = true\ntype = "ip"\nvalue = "1.2.3.4"\n',
        "lan[0].dhcp.option[0].code",
        "must be an integer",
    ),
    (VPN + OPTION + 'code = 43\ntype = "int"\nvalue = 1\n', "lan[0].dhcp.option[0].type", '"uint8"'),
    (VPN + OPTION + 'code = 43\ntype = "ip"\nvalue = []\n', "lan[0].dhcp.option[0].value", "must not be empty"),
    (VPN + OPTION + 'code = 43\ntype = "ip"\nvalue = ["x"]\n', "lan[0].dhcp.option[0].value[0]", "an IPv4 address"),
    (VPN + OPTION + 'code = 43\ntype = "string"\nvalue = ["x"]\n', "lan[0].dhcp.option[0].value", "as a string"),
    (VPN + OPTION + 'code = 43\ntype = "string"\nvalue = ""\n', "lan[0].dhcp.option[0].value", "empty string"),
    (VPN + OPTION + 'code = 43\ntype = "uint8"\nvalue = 256\n', "lan[0].dhcp.option[0].value", "from 0 to 255"),
    (VPN + OPTION + 'code = 43\ntype = "uint8"\nvalue = true\n', "lan[0].dhcp.option[0].value", "an integer"),
    (VPN + OPTION + 'code = 43\ntype = "uint16"\nvalue = [-1]\n', "lan[0].dhcp.option[0].value[0]", "from 0 to 65535"),
    (VPN + OPTION + 'code = 43\ntype = "bool"\nvalue = 1\n', "lan[0].dhcp.option[0].value", "true or false"),
    (
        VPN + OPTION + 'code = 43\ntype = "domains"\nvalue = "a."\n',
        "lan[0].dhcp.option[0].value",
        "without a final dot",
    ),
    (VPN + OPTION + 'code = 43\ntype = "hex"\nvalue = "0"\n', "lan[0].dhcp.option[0].value", "pairs of hex digits"),
    (VPN + OPTION + f'code = 43\ntype = "hex"\nvalue = "{"00" * 1025}"\n', "lan[0].dhcp.option[0].value", "1024 bytes"),
    (
        VPN + POOL + 'ntp = ["192.168.200.1"]\n[[lan.dhcp.option]]\ncode = 42\ntype = "ip"\nvalue = "192.168.200.1"\n',
        "lan[0].dhcp.option[0].code",
        "must not be set beside ntp",
    ),
    (
        VPN
        + OPTION
        + 'code = 43\ntype = "bool"\nvalue = true\n'
        + '[[lan.dhcp.option]]\ncode = 43\ntype = "hex"\nvalue = "00"\n',
        "lan[0].dhcp.option[1].code",
        "is set already at lan[0].dhcp.option[0]",
    ),
    # networks that the file itself shows to be wrong
    (REMOTE + POOL.replace("200.50", "200.2"), "vpn[0].gateways[0]", "must not lie in a pool, or it would be leased"),
    (REMOTE.replace("192.168.200.2", "10.0.0.2") + LAN, "vpn[0].gateways[0]", "a gateway belongs to a LAN"),
    (VPN + 'prefixes = ["192.168.0.0/16"]\n' + POOL, "lan[0].dhcp.pools[0]", "must not lie behind the VPN"),
    (VPN + 'prefixes = ["10.0.0.0/24"]\n' + LAN + 'address = "10.0.0.9"\n', "lan[0].address", "vpn[0].prefixes[0]"),
    (VPN + 'prefixes = ["10.0.0.0/24"]\n' + POOL + 'router = "10.0.0.9"\n', "lan[0].dhcp.router", "10.0.0.0/24"),
    # probe, http, leases, log
    (VPN + LAN + '[probe]\ntimeout = "11s"\n', "probe.timeout", "must not be longer than probe.interval (10s)"),
    (VPN + LAN + '[probe]\ninterval = "0s"\n', "probe.interval", "must be more than 0"),
    (VPN + LAN + '[probe]\ninterval = "1m1h"\n', "probe.interval", "in this order"),
    (VPN + LAN + "[probe]\ndown_after = 0\n", "probe.down_after", "must be from 1 to 100"),
    (VPN + LAN + "[probe]\nup_after = 101\n", "probe.up_after", "must be from 1 to 100"),
    (VPN + LAN + "[probe]\nup_after = true\n", "probe.up_after", "must be an integer"),
    (VPN + LAN + "[probe]\nup_after = 1.0\n", "probe.up_after", "must be an integer"),
    (VPN + LAN + f"[probe]\nup_after = 0x{'f' * 9000}\n", "probe.up_after", "an integer of 36000 bits"),
    (VPN + LAN + '[http]\nlisten = ["localhost:80"]\n', "http.listen[0]", 'for example "127.0.0.1:80"'),
    (VPN + LAN + '[http]\nlisten = [":80"]\n', "http.listen[0]", 'for example "0.0.0.0:80"'),
    (VPN + LAN + '[http]\nlisten = ["::1:80"]\n', "http.listen[0]", "[IPV6]:PORT"),
    (VPN + LAN + '[http]\nlisten = ["127.0.0.1"]\n', "http.listen[0]", "must be ADDRESS:PORT"),
    (VPN + LAN + '[http]\nlisten = ["127.0.0.1:0"]\n', "http.listen[0]", "from 1 to 65535"),
    (VPN + LAN + '[http]\nlisten = ["unix:run"]\n', "http.listen[0]", "absolute path"),
    (VPN + LAN + f'[http]\nlisten = ["unix:/{"a" * 107}"]\n', "http.listen[0]", "longer than 107 bytes"),
    (VPN + LAN + '[http]\nlisten = ["[::1]:80", "[0::1]:080"]\n', "http.listen[1]", "is listed twice"),
    (VPN + LAN + '[http]\ntls_cert = "/c"\n', "http.tls_key", "is missing: tls_cert needs it"),
    (VPN + LAN + '[http]\ntls_key = "/k"\n', "http.tls_cert", "is missing: tls_key needs it"),
    (VPN + LAN + '[http]\ntls_key = "k"\ntls_cert = "/c"\n', "http.tls_key", "absolute path"),
    (VPN + LAN + '[leases]\nstore = "postgres:/x"\n', "leases.store", "must begin with sqlite:"),
    (VPN + LAN + '[leases]\nstore = "sqlite:leases.db"\n', "leases.store", "absolute path"),
    (VPN + LAN + '[leases]\nsync = "never"\n', "leases.sync", '"always", "bindings"'),
    (VPN + LAN + '[log]\nlevel = "trace"\n', "log.level", '"debug", "info"'),
    (VPN + LAN + "[log]\nformat = 1979-05-27\n", "log.format", "1979-05-27: must be one of"),
    # TOML itself
    ("a = \n", "line 1, column 5", "is not valid TOML: Invalid value"),
    ("[[vpn]\n", "line 1, column 6", "is not valid TOML"),
    ('a = "x', "line 1, column 7", "is not valid TOML"),
    ("a = " + "[" * 100_000, "file", "is nested too deeply"),
    ("a = " + "9" * 10_000, "file", "cannot be read"),
]


@pytest.mark.parametrize(("text", "path", "words"), ONE_FAULT)
def test_each_rule_reports_one_fault_with_its_path(text: str, path: str, words: str) -> None:
    found = faults(text)
    assert [fault.path for fault in found] == [path], [str(fault) for fault in found]
    line = str(found[0])
    assert words in line
    assert line.startswith(f"{path}:")
    assert line.isprintable()
    assert found[0].rule
    assert found[0].mend


@pytest.mark.parametrize("code", [1, 3, 6, 12, 15, *range(50, 60), 61, 80, 82, 119, 121, 249])
def test_options_of_the_server_are_refused(code: int) -> None:
    found = faults(VPN + OPTION + f'code = {code}\ntype = "hex"\nvalue = "00"\n')
    assert [fault.path for fault in found] == ["lan[0].dhcp.option[0].code"]
    assert found[0].value == str(code)


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (3, "router"),
        (6, "dns"),
        (12, "hostname"),
        (15, "domain"),
        (51, "lease_time"),
        (58, "renew_time"),
        (59, "rebind_time"),
        (61, "client_id"),
        (119, "search"),
        (121, "prefixes"),
        (249, "prefixes"),
    ],
)
def test_refused_options_name_the_key_to_use(code: int, key: str) -> None:
    found = faults(VPN + OPTION + f'code = {code}\ntype = "hex"\nvalue = "00"\n')
    assert f"`{key}`" in found[0].mend


def test_one_and_overlapping_reservations() -> None:
    entry = '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:22"\naddress = "192.168.200.22"\n'
    found = faults(VPN + BARE + entry + entry + entry.replace('mac = "02:00:00:00:00:22"', 'client_id = "0102"') * 2)
    assert [fault.path for fault in found] == [
        "lan[0].dhcp.reservation[1].mac",
        "lan[0].dhcp.reservation[1].address",
        "lan[0].dhcp.reservation[2].address",
        "lan[0].dhcp.reservation[3].client_id",
        "lan[0].dhcp.reservation[3].address",
    ]


def test_all_faults_at_once() -> None:
    found = faults(
        """
        typo = 1
        [[vpn]]
        interface = ""
        prefixes = ["10.0.0.1/24", "10.1.0.0/16", "0.0.0.0/0"]
          [[vpn.peer]]
          name = "a"
          probe = "udp"
          address = "x"
        [[vpn]]
        name = "other"
        [[lan]]
        address = 7
          [lan.dhcp]
          pools = ["10.1.0.9-10.1.0.1", "10.1.0.20-10.1.0.30", "10.1.0.30-10.1.0.40"]
          renew_time = "2h"
            [[lan.dhcp.reservation]]
            mac = "x"
        [[lan]]
        interface = "eth1"
        vpns = ["nobody"]
        [probe]
        timeout = "1m"
        """
    )
    paths = {fault.path for fault in found}
    assert paths >= {
        "typo",
        "vpn[0].interface",
        "vpn[0].prefixes[0]",
        "vpn[0].prefixes[2]",
        "vpn[0].peer[0].probe",
        "vpn[0].peer[0].address",
        "vpn[1]",
        "lan[0].interface",
        "lan[0].address",
        "lan[0].dhcp.pools[0]",
        "lan[0].dhcp.pools[1]",
        "lan[0].dhcp.pools[2]",
        "lan[0].dhcp.renew_time",
        "lan[0].dhcp.reservation[0].mac",
        "lan[0].dhcp.reservation[0].address",
        "lan[1].vpns[0]",
        "probe.timeout",
    }
    overlap = [fault for fault in found if fault.path == "lan[0].dhcp.pools[2]" and "pools[1]" in fault.rule]
    assert overlap[0].value == '"10.1.0.30-10.1.0.40"'


def test_values_are_bounded_and_escaped() -> None:
    (fault,) = faults(VPN + f'name = "\\u0007\\"{"x" * 500}"\n' + LAN)
    assert fault.value is not None
    assert fault.value.startswith('"\\u0007\\"xxx')
    assert len(fault.value) < 70
    assert str(fault) == f"vpn[0].name: {fault.value}: must not be longer than 63 characters; shorten it"


def test_the_least_configuration() -> None:
    config = parse(VPN + LAN)
    assert config.vpns[0].name == "wg0"
    assert config.vpns[0].prefixes is None
    assert config.lans[0].dhcp is None
    assert dataclasses.replace(config, vpns=(), lans=()) == Config((), ())


def test_default_names_of_vpns() -> None:
    remote = "".join(REMOTE.replace("200.2", f"200.{host}").replace("10.0.0", f"10.0.{host}") for host in (2, 3, 4))
    text = remote.replace("prefixes", 'name = "vpn2"\nprefixes', 1) + VPN + LAN
    assert [vpn.name for vpn in parse(text).vpns] == ["vpn2", "vpn", "vpn3", "wg0"]


def test_a_vpn_whose_name_is_wrong_makes_no_second_fault() -> None:
    found = faults(VPN + 'name = "a/b"\n' + LAN + 'vpns = ["a-b"]\n')
    assert [fault.path for fault in found] == ["vpn[0].name"]


def test_a_gateway_may_be_reserved_in_the_pool() -> None:
    entry = '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:02"\naddress = "192.168.200.2"\n'
    assert parse(REMOTE + POOL.replace("200.50", "200.1") + entry).vpns[0].gateways == (IPv4Address("192.168.200.2"),)


def test_values_are_parsed() -> None:
    config = parse(
        PEER
        + 'address = "fd00::1"\ninterval = "1m500ms"\n'
        + POOL
        + 'router = "none"\nlease_time = "1h30m"\nroutes = "never"\n'
    )
    peer = config.vpns[0].peers[0]
    assert (peer.public_key, peer.address, peer.interval, peer.probe) == (KEY, IPv6Address("fd00::1"), 60.5, None)
    part = config.lans[0].dhcp
    assert part is not None
    assert (part.router, part.lease_time, part.routes) == ("none", 5400.0, "never")
    assert str(part.pools[0]) == "192.168.200.50-192.168.200.199"
    assert parse(REMOTE + LAN).vpns[0].prefixes == (IPv4Network("10.0.0.0/24"),)


def test_duration_of_milliseconds_is_not_minutes() -> None:
    probe = parse(VPN + LAN + '[probe]\ninterval = "5m200ms"\ntimeout = "200ms"\n').probe
    assert (probe.interval, probe.timeout) == (300.2, 0.2)


@pytest.mark.parametrize("mac", ["02:00:00:00:00:aB", "02-00-00-00-00-AB"])
def test_spellings_of_a_mac(mac: str) -> None:
    assert dhcp(RESERVE + f'mac = "{mac}"\n').reservations[0].mac == bytes.fromhex("0200000000ab")


@pytest.mark.parametrize("client_id", ["01:02:ff", "0102FF"])
def test_spellings_of_a_client_identifier(client_id: str) -> None:
    assert dhcp(RESERVE + f'client_id = "{client_id}"\n').reservations[0].client_id == b"\x01\x02\xff"


@pytest.mark.parametrize(
    ("type_name", "value", "data"),
    [
        ("ip", '"192.168.200.1"', b"\xc0\xa8\xc8\x01"),
        ("ip", '["192.168.200.1", "0.0.0.0"]', b"\xc0\xa8\xc8\x01\0\0\0\0"),
        ("string", '"é"', b"\xc3\xa9"),
        ("uint8", "7", b"\x07"),
        ("uint8", "[7, 7]", b"\x07\x07"),
        ("uint16", "258", b"\x01\x02"),
        ("uint32", "[4294967295]", b"\xff\xff\xff\xff"),
        ("bool", "true", b"\x01"),
        ("bool", "false", b"\x00"),
        ("domains", '"a.example"', b"\x01a\x07example\x00"),
        ("domains", '["a", "b"]', b"\x01a\x00\x01b\x00"),
        ("hex", '"01:ff"', b"\x01\xff"),
    ],
)
def test_option_values_on_the_wire(type_name: str, value: str, data: bytes) -> None:
    part = dhcp(OPTION + f'code = 43\ntype = "{type_name}"\nvalue = {value}\nalways = true\n')
    assert [(option.code, option.data, option.always) for option in part.options] == [(43, data, True)]


def test_mode_off_needs_no_pool() -> None:
    assert dhcp(BARE + 'mode = "off"\n').mode == "off"


def test_listen_is_canonical() -> None:
    listen = '[http]\nlisten = ["[0:0::1]:080", "unix:/run/x"]\n'
    assert parse(VPN + LAN + listen).http.listen == ("[::1]:80", "unix:/run/x")


def test_an_empty_file_lacks_both() -> None:
    assert [fault.path for fault in faults("")] == ["vpn", "lan"]


def test_load_takes_what_is_not_a_table() -> None:
    with pytest.raises(ConfigError):
        load([])  # type: ignore[arg-type]


_RESERVED = "lan[0].dhcp.subnet[0].reservation[0]"
SUBNETS = """
[[vpn]]
interface = "wg0"
[[lan]]
interface = "eth0"
[lan.dhcp]
pools = ["192.168.200.50-192.168.200.60"]
router = "192.168.200.1"
dns = ["192.168.200.1"]
lease_time = "2h"
rapid_commit = true
[[lan.dhcp.option]]
code = 150
type = "string"
value = "all"
[[lan.dhcp.option]]
code = 151
type = "string"
value = "all"
[[lan.dhcp.reservation]]
mac = "02:00:00:00:00:22"
address = "192.168.200.22"
[[lan.dhcp.subnet]]
subnet = "192.168.201.0/24"
pools = ["192.168.201.50-192.168.201.60"]
router = "192.168.201.1"
lease_time = "1h"
[[lan.dhcp.subnet.option]]
code = 150
type = "string"
value = "own"
[[lan.dhcp.subnet.reservation]]
circuit_id = "70:31"
address = "192.168.201.9"
router = "none"
"""


def test_a_subnet_takes_what_it_does_not_set_from_its_lan() -> None:
    dhcp = parse(SUBNETS).lans[0].dhcp
    assert dhcp is not None
    (subnet,) = dhcp.subnets
    assert (subnet.lease_time, subnet.rapid_commit, str(subnet.router)) == (3600.0, True, "192.168.201.1")
    assert [str(address) for address in subnet.dns] == ["192.168.200.1"]
    assert {option.code: option.data for option in subnet.options} == {150: b"own", 151: b"all"}
    (own,) = subnet.reservations
    assert (own.circuit_id, own.router) == (b"p1", "none")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("192.168.201.50-", "192.168.200.150-", "lan[0].dhcp.subnet[0].pools[0]"),
        ('router = "192.168.201.1"', 'router = "192.168.202.1"', "lan[0].dhcp.subnet[0].router"),
        ('address = "192.168.201.9"', 'address = "192.168.202.9"', _RESERVED + ".address"),
        ('subnet = "192.168.201.0/24"', "", "lan[0].dhcp.subnet[0].subnet"),
        ('subnet = "192.168.201.0/24"', 'subnet = "192.168.201.1/24"', "lan[0].dhcp.subnet[0].subnet"),
        (
            'circuit_id = "70:31"',
            'circuit_id = "70:31"\nmac = "02:00:00:00:00:01"',
            "lan[0].dhcp.subnet[0].reservation[0].circuit_id",
        ),
        ('lease_time = "1h"', "conflict_probe = true", "lan[0].dhcp.subnet[0].conflict_probe"),
        ('router = "none"', 'router = "192.168.202.1"', _RESERVED + ".router"),
        ('router = "none"', 'router = "192.168.201.9"', _RESERVED + ".address"),
        ('address = "192.168.201.9"', 'address = "192.168.201.1"', _RESERVED + ".address"),
        ('address = "192.168.201.9"', 'address = "192.168.201.0"', _RESERVED + ".address"),
        ('address = "192.168.201.9"', 'address = "192.168.201.255"', _RESERVED + ".address"),
        ('address = "192.168.200.22"', 'address = "192.168.200.1"', "lan[0].dhcp.reservation[0].address"),
    ],
)
def test_faults_of_a_subnet(old: str, new: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SUBNETS.replace(old, new))
    assert path in [fault.path for fault in caught.value.errors]


@pytest.mark.parametrize(
    ("subnets", "wrong"),
    [
        (("192.168.201.0/24", "192.168.201.0/25"), [1]),
        (("192.168.201.0/25", "192.168.201.0/24"), [1]),
        (("192.168.201.0/24", "192.168.201.0/24", "192.168.201.128/25"), [1, 2]),
        (("192.168.201.0/25", "192.168.201.128/25"), []),
    ],
)
def test_subnets_of_a_lan_have_no_address_in_common(subnets: tuple[str, ...], wrong: list[int]) -> None:
    entries = (
        f'[[lan.dhcp.subnet]]\nsubnet = "{net}"\n[[lan.dhcp.subnet.reservation]]\nmac = "02:00:00:00:00:01"\n'
        f'address = "{IPv4Network(net)[9]}"\n'
        for net in subnets
    )
    text = VPN + POOL + "".join(entries)
    found = [fault.path for fault in faults(text)] if wrong else list(map(str, parse(text).vpns[1:]))
    assert found == [f"lan[0].dhcp.subnet[{index}].subnet" for index in wrong]


def test_a_client_identifier_made_of_a_mac_is_the_same_client() -> None:
    entry = '[[lan.dhcp.reservation]]\nmac = "02:00:00:00:00:22"\naddress = "192.168.200.22"\n'
    other = '[[lan.dhcp.reservation]]\nclient_id = "01:02:00:00:00:00:22"\naddress = "192.168.200.23"\n'
    for text, wrong in ((entry + other, 1), (other + entry, 0)):
        (fault,) = faults(VPN + POOL + text)
        assert fault.path == f"lan[0].dhcp.reservation[{wrong}].client_id"
    assert len(parse(VPN + POOL + entry + other.replace("00:22", "00:23")).lans) == 1


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ('type = "uint16"\nvalue = 1800\n', "value"),
        ('type = "hex"\nvalue = "00:00:00:07:08"\n', "value"),
        ('type = "uint32"\nvalue = 1800\nalways = true\n', "always"),
        ('type = "uint32"\nvalue = 1800\n', None),
    ],
)
def test_option_108_turns_ipv4_off_for_who_asks_and_for_so_many_seconds(written: str, key: str | None) -> None:
    text = VPN + OPTION + "code = 108\n" + written
    if key is None:
        assert parse(text).lans[0].dhcp.options[0].data == bytes((0, 0, 7, 8))  # type: ignore[union-attr]
    else:
        assert [fault.path for fault in faults(text)] == [f"lan[0].dhcp.option[0].{key}"]
