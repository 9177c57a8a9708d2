"""Port forwards that cannot be. Pure."""

from routerd.problems.declared import ERROR, WARNING, Declared

DECLARED = (
    Declared(
        "forward-no-address",
        WARNING,
        "{subject}: nothing is forwarded, because no single address of {peer} is known",
        "Set `address` of the peer, or write its address in `to`.",
        depends_on=("interface-missing", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "forward-not-behind",
        WARNING,
        "{subject}: nothing is forwarded, because {address} is behind no vpn of the LAN",
        "Correct `to`, or add the address to the AllowedIPs of the peer, or to `prefixes` of the vpn.",
        depends_on=("interface-missing", "interface-down", "no-prefixes", "wireguard-unreadable"),
        patience=2.0,
    ),
    Declared(
        "forward-leads-nowhere",
        WARNING,
        "{subject}: it leads nowhere, because {why}",
        "Correct `to`, or add the address to the AllowedIPs of the peer that has it.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "forward-nowhere",
        WARNING,
        "{subject}: nothing is forwarded, because this machine has no IPv6 address on a LAN to listen at",
        "Give the interface of the LAN an IPv6 address that is not link-local.",
        depends_on=("interface-missing", "interface-down"),
        patience=5.0,
    ),
    Declared(
        "forward-own-port",
        ERROR,
        "{subject}: nothing is forwarded, because routerd serves HTTP there ({http})",
        "Choose another port in `listen`, or another one for HTTP (http.listen).",
    ),
    Declared(
        "forward-takes-port",
        WARNING,
        "{subject}: {who} on this machine listens at port {port} too, where hosts of the site reach the peer now",
        "{hint}Choose another port in `listen`, or move that service.",
    ),
)
