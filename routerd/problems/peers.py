"""WireGuard, its peers and their probes. Pure."""

from routerd.problems.declared import ERROR, INFO, WARNING, Declared

DECLARED = (
    Declared(
        "wireguard-unreadable",
        ERROR,
        "{subject}: the WireGuard state cannot be read: {reason}",
        "{hint}",
        depends_on=("interface-missing",),
        patience=2.0,
    ),
    Declared(
        "peer-unmatched",
        WARNING,
        "{subject}: no such peer on {vpn}",
        "Correct `public_key` or `address`, or add the peer to the WireGuard interface.",
        depends_on=("interface-missing", "wireguard-unreadable", "interface-down"),
        patience=5.0,
    ),
    Declared(
        "peer-down",
        WARNING,
        "{subject}: {what}",
        "{hint}",
        depends_on=(
            *("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket", "peer-unmatched"),
            *("peer-no-endpoint", "peer-no-allowed-ips", "peer-address-claimed", "peer-address-not-allowed"),
        ),
    ),
    Declared(
        "peer-flapping",
        WARNING,
        "{subject}: its state changed more than 4 times in 5 minutes",
        "Look at the way to it: loss, roaming between networks, a full line. Or raise `down_after`, or lengthen its "
        "`interval`. Until it comes to rest its events are summed up once a minute.",
        depends_on=("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket"),
    ),
    Declared(
        "peers-more",
        WARNING,
        "{subject}: {count} more peers than are named here",
        "All peers are in /v1/peers, with their states.",
        depends_on=("interface-missing", "interface-down", "wireguard-unreadable", "probe-socket"),
        counts="code",
    ),
    Declared(
        "peer-no-allowed-ips",
        WARNING,
        "{subject}: has no AllowedIPs, so nothing can be sent to it",
        "Add them, also in the file that sets the interface up: wg set {interface} peer {key} allowed-ips ADDRESS/32",
        patience=2.0,
    ),
    Declared(
        "peer-no-address",
        WARNING,
        '{subject}: its probe "{probe}" needs one address, and its AllowedIPs name none or several',
        "Set `address` of this peer in the configuration; until then its handshakes decide.",
        patience=2.0,
    ),
    Declared(
        "peer-address-not-allowed",
        WARNING,
        "{subject}: {address} is not in its AllowedIPs, so nothing reaches it there",
        "Correct the address, or add it: wg set {interface} peer {key} allowed-ips {allowed}",
        patience=2.0,
    ),
    Declared(
        "peer-address-claimed",
        WARNING,
        "{subject}: {address} goes to another peer, {other}, by that one's AllowedIPs",
        "Take it from that one; give it to this one: wg set {interface} peer {key} allowed-ips {allowed}",
        patience=2.0,
    ),
    Declared(
        "peer-takes-lan",
        WARNING,
        "{subject}: its AllowedIPs hold {allowed}, which takes in the LAN {lan} ({network})",
        "Take it out of the AllowedIPs of this peer on this machine: here they say what is behind the peer.",
        patience=2.0,
    ),
    Declared(
        "peer-inside-lan",
        WARNING,
        "{subject}: its AllowedIPs hold {allowed}, which is part of the LAN {lan} ({network})",
        "Take it out of the AllowedIPs of this peer on this machine, and give the peer an address that is not the "
        "LAN's: this machine sends what is meant for such a host of the LAN into the tunnel.",
        patience=2.0,
    ),
    Declared(
        "peer-no-endpoint",
        INFO,
        "{subject}: no handshake yet, and no endpoint of it is known: the peer must begin",
        "Set up the peer's own side, with keepalive if it is behind NAT: routerd export wg-quick {name}",
        depends_on=("interface-missing", "interface-down"),
        patience=30.0,
    ),
    Declared(
        "probe-socket",
        ERROR,
        "{subject}: probes cannot be sent: {reason}",
        "{hint}",
        depends_on=("interface-missing", "interface-down"),
        patience=1.0,
    ),
    Declared(
        "probe-no-address",
        WARNING,
        "{subject}: peers with IPv{version} addresses are not probed, because {interface} has no IPv{version} address",
        'Give it one: ip address add ADDRESS/PREFIX dev {interface}; or set `probe` of these peers to "handshake".',
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
)
