"""What the configuration and this machine's interfaces do not agree on; the configuration itself. Pure."""

from routerd.problems.declared import ERROR, WARNING, Declared

DECLARED = (
    Declared(
        "config-invalid",
        ERROR,
        "{subject}: {path} was not taken over, it has {count}; the first: {first}",
        "Correct it (routerd check lists all faults) and reload again; the configuration from before goes on.",
    ),
    Declared(
        "not-confirmed",
        WARNING,
        "{subject}: {path} is on trial, and is taken back in {seconds} s",
        "Run: routerd confirm. Without that all is as it was before the trial.",
    ),
    Declared(
        "configuration-rolled-back",
        WARNING,
        "{subject}: {path} is not what runs: it was on trial and was not confirmed",
        "Correct it, or put it into force again: routerd reload --confirm 60s, and then routerd confirm.",
    ),
    Declared(
        "interface-missing",
        ERROR,
        "{subject}: the interface does not exist",
        "Create it, or correct `interface` in the configuration; routerd goes on by itself when it appears.",
        patience=1.0,
    ),
    Declared(
        "interface-down",
        ERROR,
        "{subject}: the interface is down",
        "Bring it up: ip link set {interface} up",
        patience=2.0,
    ),
    Declared(
        "interface-no-address",
        ERROR,
        "{subject}: the interface has no IPv4 address",
        "Give it one, or set `address` of this LAN.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "address-not-local",
        WARNING,
        "{subject}: {address} is not an address of the interface now",
        "This machine stays silent on this LAN until it holds the address.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "no-prefixes",
        ERROR,
        "{subject}: no prefix is known to be behind it",
        "Set `prefixes`, or give the interface an address or its peers AllowedIPs.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "prefix-overlaps-lan",
        ERROR,
        "{subject}: {prefix} overlaps the LAN {network} and is not handed out",
        "Renumber one of the two, or leave the LAN out of the AllowedIPs of the peer.",
    ),
    Declared(
        "gateway-not-on-link",
        ERROR,
        "{subject}: none of its gateways is on a LAN that takes part",
        "Give `gateways` an address of a listed LAN, or list the LAN that the gateway is on.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "no-next-hop",
        ERROR,
        "{subject}: hosts in {network} have no next hop for the VPN, so they are not told of it",
        "Set `router` of this lan.dhcp.subnet.",
    ),
    Declared(
        "router-not-on-link",
        ERROR,
        "{subject}: the router {router} is not on the LAN's network {network}",
        'Set `router` of lan.dhcp to an address of this LAN, or to "none".',
    ),
    Declared(
        "pool-not-on-link",
        ERROR,
        "{subject}: the pool {pool} is not inside the LAN's network {network}",
        "Correct `pools`, or the address of the interface.",
    ),
    Declared(
        "reservation-not-on-link",
        ERROR,
        "{subject}: the reserved address {address} is not inside the LAN's network {network}",
        "Correct the reservation, or the address of the interface; until then its client gets an address of the pools.",
    ),
    Declared(
        "reservation-never-leased",
        WARNING,
        "{subject}: the reserved address {address} is never leased: it is a router's, this machine's own, or the first "
        "or last one of {network}",
        "Reserve another address; until then its client gets an address of the pools.",
    ),
    Declared(
        "reservation-router-not-on-link",
        WARNING,
        "{subject}: the router {router} of the reservation of {address} is not on the network {network}",
        'Set `router` of the reservation to an address of this network, or to "none"; until then its client has none.',
    ),
    Declared(
        "subnet-overlaps-lan",
        ERROR,
        "{subject}: {subnet} is not served behind a relay agent: it overlaps the LAN {lan} ({network})",
        "Correct `subnet` of this lan.dhcp.subnet, or the address of the interface.",
    ),
    Declared(
        "map-size",
        ERROR,
        "{subject}: it cannot be shown as {shown}, because behind it is {real}; its routes are not handed out",
        "Set `prefixes` of the vpn to one prefix of the size of `map_to`, or correct `map_to`.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "map-overlaps",
        ERROR,
        "{subject}: it cannot be shown as {shown}, which overlaps {what} {network}; its routes are not handed out",
        "Set `map_to` to a prefix that nothing else uses.",
    ),
)
