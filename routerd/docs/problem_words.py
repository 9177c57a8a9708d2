"""What there is to say of problems besides their texts: areas, and what routerd does meanwhile. Pure data."""

AREAS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Configuration", ("config-", "configuration-", "not-confirmed")),
    ("Interfaces and prefixes", ("interface-", "address-not-", "no-", "prefix-", "gateway-", "map-")),
    ("DHCP", ("dhcp-", "router-", "pool-", "reservation-", "subnet-", "address-in-use", "lease-")),
    ("Other DHCP servers that routerd keeps current", ("kea-", "beside-")),
    ("Peers and WireGuard", ("peer-", "peers-", "probe-", "wireguard-")),
    ("Hosts of the site", ("hosts-", "kept-")),
    ("Port forwards and alias addresses", ("forward-", "alias-")),
    ("Rules and firewalls", ("nat-", "foreign-", "firewall-")),
    (
        "Routes and settings of the kernel",
        ("kernel-", "route-", "setting-", "sysctl", "forwarding-", "ipv6-", "netlink"),
    ),
    ("RIP", ("rip-",)),
    ("HTTP", ("http-",)),
)
"""Titles, each with how the codes begin that belong there; the first one that fits counts."""

REST = "Others"

MEANWHILE = {
    "interface-missing": "All else goes on. Of a vpn, its routes are not handed out; on a LAN, nothing is served.",
    "interface-down": "All else goes on. Routes of a vpn are withdrawn (see `withdraw`): hosts learn it as they renew.",
    "interface-no-address": "Nothing is served on this LAN, because there is no address that hosts could be told.",
    "address-not-local": "It is no fault where the address is shared (VRRP): the machine that holds it serves.",
    "no-prefixes": "No route to this vpn is handed out.",
    "prefix-overlaps-lan": "Other prefixes of the vpn are handed out. This one would cut the LAN's own hosts off.",
    "gateway-not-on-link": "No route to this vpn is handed out.",
    "dhcp-rival-beside": "routerd serves as before.",
    "dhcp-socket": "Everything else goes on, and leases that clients have stay theirs.",
    "pool-exhausted": "Clients with a lease renew it; new ones get no answer, and ask again.",
    "address-in-use": "Clients get other addresses.",
    "lease-store-damaged": "What could be read of it is in force.",
    "kea-unreachable": "Kea goes on to hand out what it was told last.",
    "peer-down": "Its route stays handed out, unless `withdraw` says otherwise.",
    "peer-flapping": "Its state is measured and shown as ever.",
    "peer-no-endpoint": "It is none where the peer is not set up yet, or is seldom there.",
    "forwarding-off": "Hosts and the VPN do not reach each other through this machine.",
    "kernel-route": "routerd tries again by itself, each time later.",
    "hosts-without-way-back": "Nothing is masqueraded for them, because the configuration says so.",
    "foreign-drop": "The drop stays: routerd changes no rules but its own. Where it is meant, leave it.",
    "foreign-nat": "It stays: routerd changes no rules but its own.",
    "nat-contested": "In the gap of some milliseconds nothing is translated, and translated TCP connections are reset.",
    "nat-rules": "Hosts that have the route and the VPN reach each other all the same.",
    "alias-conflict": "Nothing of this machine answers for the address.",
    "rip-authentication": "What that router announces is not learned. What it thinks of this one, it must say itself.",
    "rip-key": "A reload with such a file is refused.",
    "http-socket": "DHCP and routes go on; the commands do not reach the daemon by this address.",
}
"""Where the text and the mend leave that open."""
