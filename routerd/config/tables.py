"""Every key of the configuration: its kind, its default and what it is for, in the order of the documentation."""

from typing import Any, Final

from routerd.config import values as kinds
from routerd.config.beside import KEA_FILE, OPTIONS_FILE, PID_FILE, SOCKET, TAG
from routerd.config.dhcp import make_dhcp, make_reservation, make_subnet
from routerd.config.durations import LONGEST, duration
from routerd.config.endpoints import LISTEN, SECRET_FILE, STORE, TLS_CERT, TLS_KEY, TOKEN_FILE, make_http
from routerd.config.fault import Faults
from routerd.config.forwards import LISTEN_PORTS, TARGET, make_forward
from routerd.config.model import (
    DHCP_MODES,
    LOG_FORMATS,
    LOG_LEVELS,
    OPTION_TYPES,
    RIP_ALGORITHMS,
    RIP_ANNOUNCE,
    RIP_MODES,
    RIP_VERSIONS,
    ROUTES,
    SOURCE_NAT,
    STRATEGIES,
    SUBNET_MODES,
    SYNC,
    WITHDRAW,
    Alias,
    Dnsmasq,
    Kea,
    Lan,
    Leases,
    Log,
    Nat,
    Probe,
    ReturnPathProbe,
)
from routerd.config.options import ANY, CODE, make_option
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
from routerd.config.values import choice, field_text, integer
from routerd.config.vpns import make_peer, make_vpn

_INTERVAL: Final = duration(0.1, 86_400)
_SECONDS: Final = duration(1, LONGEST, whole=True)

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


def _option(path: str) -> Section:
    return Section(
        path,
        "options",
        "A DHCP option that has no key of its own.",
        make_option,
        (
            Key("code", CODE, "the option's number", required=True),
            Key("type", choice(OPTION_TYPES), "how the value is written", required=True),
            Key("value", ANY, "the value; ip, uint8, uint16, uint32 and domains also take an array", required=True),
            Key("always", kinds.BOOL, "send it also to clients that did not ask for it", False),
        ),
        many=True,
    )


def _reservation(path: str) -> Section:
    return Section(
        path,
        "reservations",
        "An address that is kept for one client, and what only this client is told.",
        make_reservation,
        (
            Key("mac", kinds.MAC, "the client's MAC address; this, client_id or circuit_id"),
            Key("client_id", kinds.CLIENT_ID, "the client identifier (option 61) in hex"),
            Key("circuit_id", kinds.CLIENT_ID, "the circuit id that the relay agent adds (option 82) in hex"),
            Key("address", kinds.IPV4, "the address that the client gets", required=True),
            Key("hostname", kinds.HOSTNAME, "the name that the client is told", absent="none is sent"),
            Key("dns", array(kinds.IPV4), "name servers of this client", absent="those of the network"),
            Key("router", kinds.ROUTER, "default gateway of this client", absent="that of the network"),
            Key("next_server", kinds.IPV4, "boot server of this client", absent="that of the network"),
            Key("server_name", field_text(63), "name of this client's boot server", absent="that of the network"),
            Key("boot_file", field_text(127), "boot file of this client", absent="that of the network"),
        ),
        (_option(f"{path}.option"),),
        many=True,
    )


_SERVED_KEYS: Final = (
    Key("pools", array(kinds.POOL), "the addresses to lease", []),
    Key(
        "router",
        kinds.ROUTER,
        "the default gateway of the clients (option 3)",
        absent="this machine's own default gateway if it is on this LAN, else this machine's address",
    ),
    Key("routes", choice(ROUTES), "when the VPN's routes are handed out by option 121", "auto"),
    Key("dns", array(kinds.IPV4), "name servers (option 6)", []),
    Key("search", array(kinds.HOSTNAME), "domains that short names are looked up in (option 119)", []),
    Key("ntp", array(kinds.IPV4), "time servers (option 42)", []),
    Key("domain", kinds.HOSTNAME, "the domain of the clients (option 15)", absent="none is sent"),
    Key("lease_time", duration(10, LONGEST, whole=True), "how long a lease lasts", "1h"),
    Key("renew_time", _SECONDS, "when a client begins to renew", absent="half of lease_time"),
    Key("rebind_time", _SECONDS, "when a client asks any server", absent="0.875 of lease_time"),
    Key("rapid_commit", kinds.BOOL, "answer a DISCOVER that asks for it (option 80) with an ACK at once", False),
    Key(
        "authoritative",
        kinds.BOOL,
        "refuse addresses that are wrong on this LAN (NAK); set to true, serve even beside another DHCP server",
        absent="true, but nothing is served for the first time where another DHCP server answers",
    ),
    Key("conflict_probe", kinds.BOOL, "ask by ARP, ahead of need, whether free addresses are in use", True),
    Key("next_server", kinds.IPV4, "boot server (siaddr)", absent="none is sent"),
    Key("server_name", field_text(63), "name of the boot server (sname)", absent="none is sent"),
    Key("boot_file", field_text(127), "boot file (file)", absent="none is sent"),
)


SUBNET = Section(
    "lan.dhcp.subnet",
    "subnets",
    "A network behind a relay agent. What is not set here is as in lan.dhcp, but pools, router and reservations.",
    make_subnet,
    (
        Key("subnet", kinds.NETWORK, "the network", required=True),
        Key("mode", choice(SUBNET_MODES), "whether DHCP is served", "serve"),
        *_SERVED_KEYS,
        Key("tag", TAG, 'with mode = "dnsmasq": the tag that the dhcp-range of this network sets', absent="none"),
    ),
    (_reservation("lan.dhcp.subnet.reservation"), _option("lan.dhcp.subnet.option")),
    many=True,
)

DNSMASQ = Section(
    "lan.dhcp.dnsmasq",
    "dnsmasq",
    'With mode = "dnsmasq": the dnsmasq of this machine that serves the LAN and is told the routes.',
    plain(Dnsmasq),
    (
        Key(
            "options_file",
            OPTIONS_FILE,
            "the file that routerd writes and dnsmasq reads (its dhcp-optsfile, or a file inside its dhcp-optsdir)",
            "/run/routerd/dnsmasq-options",
        ),
        Key("pid_file", PID_FILE, "the file with dnsmasq's process number", "/run/dnsmasq/dnsmasq.pid"),
        Key(
            "tag",
            TAG,
            "the tag that the LAN's clients have in dnsmasq",
            absent="the interface's name, which dnsmasq gives them by itself",
        ),
    ),
)

KEA = Section(
    "lan.dhcp.kea",
    "kea",
    'With mode = "kea": the Kea of this machine that serves the LAN and is told the routes.',
    plain(Kea),
    (
        Key("socket", SOCKET, "Kea's control socket", "/run/kea/kea4-ctrl-socket"),
        Key(
            "write",
            kinds.BOOL,
            "have Kea write its file (config-write) after each change, so that its next start has the routes; only "
            "where the file says what Kea runs and has no comments or includes, which would be lost",
            True,
        ),
        Key(
            "config_file",
            KEA_FILE,
            "the file Kea was started with",
            absent="the one its process was started with, where that can be seen",
        ),
        Key("interval", duration(1, 3600), "how often Kea is asked whether somebody changed its configuration", "30s"),
    ),
)

DHCP = Section(
    "lan.dhcp",
    "dhcp",
    "The DHCP server of this LAN; without the section routerd does not touch DHCP here.",
    make_dhcp,
    (Key("mode", choice(DHCP_MODES), "who serves DHCP", "serve"), *_SERVED_KEYS),
    (_reservation("lan.dhcp.reservation"), _option("lan.dhcp.option"), SUBNET, DNSMASQ, KEA),
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
