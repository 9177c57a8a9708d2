"""Alias addresses that cannot be. Pure."""

from routerd.problems.declared import ERROR, INFO, WARNING, Declared

DECLARED = (
    Declared(
        "alias-in-use",
        ERROR,
        "{subject}: it is not taken, because it is {what}",
        "Choose a free address of the LAN. One that is leased is taken when its client has given it back.",
    ),
    Declared(
        "alias-not-on-link",
        ERROR,
        "{subject}: it is not taken, because it is not in the LAN's network {network}",
        "Choose a free address of the LAN, or correct the address of the interface.",
    ),
    Declared(
        "alias-no-address",
        WARNING,
        "{subject}: it is not taken, because no single IPv4 address of {peer} is known",
        "Set `address` of the peer.",
        depends_on=("interface-missing", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "alias-not-behind",
        WARNING,
        "{subject}: it is not taken, because {peer} ({address}) is behind no vpn of the LAN",
        "Correct the peer's address, add it to its AllowedIPs, or to `prefixes` of the vpn.",
        depends_on=("interface-missing", "interface-down", "no-prefixes", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "alias-allowed",
        ERROR,
        "{subject}: it is not taken, because the peer {peer} has it in its AllowedIPs ({network}); whenever another "
        "program removes the rules, its packets would go there",
        "Narrow the AllowedIPs of that peer, or use [[lan.forward]] for the ports that are needed.",
    ),
    Declared(
        "alias-conflict",
        ERROR,
        "{subject}: it does not stand for {peer}, because {who} has it",
        "Choose a free address, or give that machine another one; it is asked for again every minute.",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
    ),
    Declared(
        "alias-unclaimed",
        ERROR,
        "{subject}: alias addresses cannot be claimed or answered for: {reason}",
        "routerd tries again by itself; if it lasts: is the interface an Ethernet, and has routerd the capabilities "
        "CAP_NET_RAW and CAP_NET_ADMIN?",
        depends_on=("interface-missing", "interface-down", "interface-no-address"),
        patience=2.0,
    ),
    Declared(
        "alias-store",
        WARNING,
        "{subject}: {path} {reason}; after a restart some peers may get another address of the pool",
        "Mend its disk or its rights, or remove it, then restart routerd; aliases work all the same.",
        patience=2.0,
    ),
    Declared(
        "alias-store-damaged",
        WARNING,
        "{subject}: {path} {reason}; it was set aside as {aside}, and some peers may have another address of the pool "
        "than before",
        "Look what has damaged it, and remove {aside}.",
    ),
    Declared(
        "alias-pool-taken",
        ERROR,
        "{subject}: {peers} peers have no alias, because other machines use addresses of the pool: {addresses}",
        "Widen `alias_pool`, or give those machines other addresses.",
    ),
    Declared(
        "alias-pool-shared",
        INFO,
        "{subject}: other machines use addresses of the pool of aliases: {addresses}; the peers have others",
        "Take these addresses out of `alias_pool`, or give those machines other ones.",
    ),
    Declared(
        "alias-pool-leased",
        INFO,
        "{subject}: no alias is taken out of {pool} where a client has a lease: {addresses}",
        "Nothing has to be done: they are free for peers when these leases end. Or choose another `alias_pool`.",
    ),
    Declared(
        "alias-pool-allowed",
        ERROR,
        "{subject}: peers of {vpn} get no alias out of {pool}, because the peer {peer} has it in its AllowedIPs "
        "({network}); whenever another program removes the rules, their packets would go there",
        "Narrow the AllowedIPs of that peer, or use [[lan.forward]] for the ports that are needed.",
    ),
    Declared(
        "alias-pool-not-on-link",
        ERROR,
        "{subject}: the pool of aliases {pool} is not inside the LAN's network {network}",
        "Correct `alias_pool`, or the address of the interface.",
    ),
    Declared(
        "alias-pool-small",
        WARNING,
        "{subject}: the pool of aliases {pool} has {free} free addresses for {peers} peers",
        "Widen `alias_pool`; until then some peers have no alias.",
        patience=2.0,
    ),
)
