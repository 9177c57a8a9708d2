"""The keys of `lan.dhcp`, with those of its subnets, reservations and options, in the order of the documentation."""

from typing import Final

from routerd.config import values as kinds
from routerd.config.beside import KEA_FILE, OPTIONS_FILE, PID_FILE, SOCKET, TAG
from routerd.config.dhcp import make_dhcp, make_reservation, make_subnet
from routerd.config.durations import LONGEST, duration
from routerd.config.model import DHCP_MODES, OPTION_TYPES, ROUTES, SUBNET_MODES, Dnsmasq, Kea
from routerd.config.options import ANY, CODE, make_option
from routerd.config.schema import Key, Section, array, plain
from routerd.config.values import choice, field_text

_SECONDS: Final = duration(1, LONGEST, whole=True)


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
        Key("mode", choice(SUBNET_MODES), "whether DHCP is served", absent="as in lan.dhcp"),
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
