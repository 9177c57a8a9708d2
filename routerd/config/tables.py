"""Every key of the configuration: its kind, its default and what it is for, in the order of the documentation."""

from typing import Any, Final

from routerd.config import values as kinds
from routerd.config.durations import duration
from routerd.config.endpoints import LISTEN, SECRET_FILE, STORE, TLS_CERT, TLS_KEY, TOKEN_FILE, make_http
from routerd.config.fault import Faults
from routerd.config.forwards import LISTEN_PORTS, TARGET, make_forward
from routerd.config.model import (
    LOG_FORMATS,
    LOG_LEVELS,
    RIP_ALGORITHMS,
    RIP_ANNOUNCE,
    RIP_MODES,
    RIP_VERSIONS,
    SOURCE_NAT,
    STRATEGIES,
    SYNC,
    WITHDRAW,
    Alias,
    Lan,
    Leases,
    Log,
    Nat,
    Probe,
    ReturnPathProbe,
)
from routerd.config.pins import PREFIX, make_host
from routerd.config.probes import PROBE as PROBE_KIND
from routerd.config.rip import (
    AUTH_LENGTH,
    IMPORT,
    LINK_LOCAL,
    NEIGHBOR,
    PREFIX6,
    TIME,
    make_key,
    make_rip,
)
from routerd.config.schema import Key, Section, array, plain
from routerd.config.tables_dhcp import DHCP
from routerd.config.values import choice, integer
from routerd.config.vpns import make_peer, make_vpn

_INTERVAL: Final = duration(0.1, 86_400)

PEER = Section(
    "vpn.peer",
    "peers",
    "A name for a peer and how it is probed; peers that are not listed are reported by their public key.",
    make_peer,
    (
        Key("name", kinds.NAME, "the peer's name in reports and addresses of the API", required=True),
        Key("public_key", kinds.PUBLIC_KEY, "the WireGuard key of the peer", absent="found by address"),
        Key("address", kinds.ADDRESS, "the peer's address inside the VPN", absent="found by public_key"),
        Key(
            "probe",
            PROBE_KIND,
            "how it is found out whether the peer is reachable",
            absent="icmp where the peer has a single address, else handshake",
        ),
        Key("interval", _INTERVAL, "time between two probes of this peer", absent="interval of [probe]"),
    ),
    many=True,
)

VPN = Section(
    "vpn",
    "vpns",
    "A WireGuard network whose points and the site shall reach each other.",
    make_vpn,
    (
        Key("name", kinds.NAME, "the vpn's name", absent="the interface's name, else vpn, vpn2, …"),
        Key("interface", kinds.INTERFACE, "the WireGuard interface, where WireGuard runs on this machine"),
        Key("gateways", array(kinds.IPV4, 1), "the machines of a LAN that run WireGuard, where it is not this one"),
        Key(
            "prefixes",
            array(kinds.NETWORK, 1),
            "the networks behind the VPN",
            absent="the interface's networks and its peers' AllowedIPs, less LANs and default routes",
        ),
        Key("withdraw", choice(WITHDRAW), "when the routes are no longer handed out", "gateway-down"),
        Key("mtu", integer(576, 65535), "the largest packet that the tunnel carries, in bytes", 1420),
        Key(
            "map_to",
            kinds.NETWORK,
            "the prefix under which the site sees the VPN, of the same size",
            absent="it sees it as it is",
        ),
    ),
    (PEER,),
    many=True,
)

RIP_KEY = Section(
    "lan.rip.key",
    "keys",
    "A key of RIPv2's authentication (RFC 4822); with several, one follows the other by their times.",
    make_key,
    (
        Key("id", integer(0, 255), "the key's number, the same on all routers", required=True),
        Key("algorithm", choice(RIP_ALGORITHMS), "what packets are signed with", required=True),
        Key("secret_file", SECRET_FILE, "the file with the secret, one line", required=True),
        Key("send_from", TIME, "when packets begin to be signed with it", absent="at once"),
        Key("send_to", TIME, "when packets are no longer signed with it", absent="never"),
        Key("accept_from", TIME, "when packets signed with it begin to be believed", absent="at once"),
        Key("accept_to", TIME, "when packets signed with it are no longer believed", absent="never"),
    ),
    many=True,
)

RIP = Section(
    "lan.rip",
    "rip",
    "Tells the routers of this LAN the VPN's routes; without the section routerd neither sends nor hears RIP here.",
    make_rip,
    (
        Key("versions", array(choice(RIP_VERSIONS), 1), "RIPv2 for IPv4, RIPng for IPv6", ["v2"]),
        Key("announce", choice(RIP_ANNOUNCE), "what is announced", "prefixes"),
        Key("mode", choice(RIP_MODES), "where updates are sent to, besides neighbors", "multicast"),
        Key("neighbors", array(NEIGHBOR), "routers that updates are sent to one by one", []),
        Key("metric", integer(1, 15), "the metric that is announced", 1),
        Key("tag", integer(0, 65535), "the route tag that is announced", 0),
        Key("update_interval", duration(1, 600), "time between two full updates", "30s"),
        Key("auth_length", AUTH_LENGTH, "the length that packets signed with md5 state for their digest", 16),
        Key("answer_unauthenticated", kinds.BOOL, "answer requests that are not signed although keys are set", False),
        Key("learn", kinds.BOOL, "learn routes of the site from its routers", False),
        Key("import", array(IMPORT), "the prefixes that may be learned, and the routers they may be learned from", []),
        Key(
            "ng_prefixes",
            array(PREFIX6, 1),
            "the IPv6 networks behind the VPN that RIPng announces",
            absent="the WireGuard interface's networks and its peers' AllowedIPs, less LANs and default routes",
        ),
        Key(
            "ng_gateway",
            LINK_LOCAL,
            "the link-local address of the gateway to ng_prefixes on this LAN",
            absent="this machine",
        ),
    ),
    (RIP_KEY,),
)

HOST = Section(
    "lan.host",
    "hosts",
    "Hosts that have a strategy of their own: the nearest section counts (address, then mac, then the longest prefix).",
    make_host,
    (
        Key("address", kinds.ADDRESS, "the host's address; this, mac or prefix"),
        Key("mac", kinds.MAC, "the host's MAC address"),
        Key("prefix", PREFIX, "the network of the hosts"),
        Key("strategy", choice(STRATEGIES), "how they and the VPN talk", required=True),
    ),
    many=True,
)

FORWARD = Section(
    "lan.forward",
    "forwards",
    "A port of this machine's LAN addresses behind which the site finds a service of a peer.",
    make_forward,
    (
        Key("listen", LISTEN_PORTS, "the port or ports with their protocol", required=True),
        Key("to", TARGET, "the peer, or an address behind the VPN, and the port there", required=True),
        Key("source_nat", choice(SOURCE_NAT), "whether the peer sees this machine's address in the VPN", "auto"),
    ),
    many=True,
)

ALIAS = Section(
    "lan.alias",
    "aliases",
    "A LAN address that stands for a whole peer, in both directions.",
    plain(Alias),
    (
        Key("address", kinds.IPV4, "the free address of the LAN", required=True),
        Key("peer", kinds.NAME, "the name of the peer", required=True),
    ),
    many=True,
)

LAN = Section(
    "lan",
    "lans",
    "A LAN that takes part.",
    plain(Lan),
    (
        Key("interface", kinds.INTERFACE, "this machine's interface on the LAN", required=True),
        Key(
            "address",
            kinds.IPV4,
            "this machine's address on the LAN, the next hop that is handed out",
            absent="the interface's first",
        ),
        Key("strategy", choice(STRATEGIES), "how the LAN's hosts and the VPN talk", "auto"),
        Key("vpns", array(kinds.NAME), "the names of the vpns that this LAN takes part in", absent="all"),
        Key(
            "alias_pool",
            kinds.POOL,
            "the free addresses of the LAN out of which every peer gets one that stands for it",
            absent="peers get none but by lan.alias",
        ),
    ),
    (HOST, DHCP, RIP, FORWARD, ALIAS),
    many=True,
)

PROBE = Section(
    "probe",
    "probe",
    "How peers are probed where a peer says nothing else.",
    plain(Probe),
    (
        Key("interval", _INTERVAL, "time between two probes of a peer", "10s"),
        Key("timeout", _INTERVAL, "how long an answer is waited for; at most the interval", "2s"),
        Key("down_after", integer(1, 100), "failures in a row that make a peer down", 3),
        Key("up_after", integer(1, 100), "answers in a row that make a peer up again", 2),
    ),
)

RETURN_PATH = Section(
    "return_path",
    "return_path",
    "How it is measured whether the hosts of the site have a way back to the VPN.",
    plain(ReturnPathProbe),
    (
        Key("interval", _INTERVAL, "time between two probes of a host; a proof ends after three of it", "30s"),
        Key("timeout", _INTERVAL, "how long an answer is waited for; at most the interval", "1s"),
    ),
)

NAT = Section(
    "nat",
    "nat",
    "What concerns all address translation.",
    plain(Nat),
    (
        Key("keep", kinds.BOOL, "leave rules, routes and forwarding in place when routerd stops", False),
        Key("log_flows", kinds.BOOL, "log the peer behind every masqueraded flow", False),
    ),
)

HTTP = Section(
    "http",
    "http",
    "Status, health and metrics over HTTP.",
    make_http,
    (
        Key("listen", array(LISTEN), "where to serve", ["127.0.0.1:8121", "unix:/run/routerd/routerd.sock"]),
        Key(
            "token_file",
            TOKEN_FILE,
            "the file with the token that changes over TCP need",
            absent="changes are possible over the Unix socket only",
        ),
        Key(
            "tls_cert",
            TLS_CERT,
            "the file with the certificate, and those between it and its root, for TLS on all TCP addresses",
            absent="TCP is served without TLS",
        ),
        Key("tls_key", TLS_KEY, "the file with the certificate's private key", absent="TCP is served without TLS"),
    ),
)

LEASES = Section(
    "leases",
    "leases",
    "Where leases are kept.",
    plain(Leases),
    (
        Key("store", STORE, "the database file", "sqlite:/var/lib/routerd/leases.db"),
        Key("sync", choice(SYNC), "what is on disk before the client hears of it", "always"),
    ),
)

LOG = Section(
    "log",
    "log",
    "The log on standard error.",
    plain(Log),
    (
        Key("level", choice(LOG_LEVELS), "the least severity that is logged", "info"),
        Key("format", choice(LOG_FORMATS), "for people or for programs", "text"),
    ),
)


def _values(values: dict[str, Any], path: str, faults: Faults) -> dict[str, Any]:
    return values


ROOT = Section("", "", "The whole file.", _values, (), (VPN, LAN, PROBE, RETURN_PATH, NAT, HTTP, LEASES, LOG))
