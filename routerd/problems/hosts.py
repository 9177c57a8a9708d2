"""Hosts' ways back, and whether they can be measured. Pure."""

from routerd.problems.declared import WARNING, Declared

DECLARED = (
    Declared(
        "hosts-unmeasured",
        WARNING,
        "{subject}: it cannot be measured which hosts have a way back to the VPN: {reason}",
        "Flows from the VPN to hosts without a proof are masqueraded; routerd tries again by itself.",
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "hosts-unwatched",
        WARNING,
        "{subject}: what the kernel knows of them cannot be read: {reason}",
        "Hosts are measured by probes alone, and flows that stay unanswered are not seen; routerd tries again.",
        patience=2.0,
    ),
    Declared(
        "hosts-too-many",
        WARNING,
        "{subject}: there are more than {most}, and only as many are measured",
        "Set the strategy of the others by [[lan.host]]; without a proof they are masqueraded.",
    ),
    Declared(
        "hosts-without-way-back",
        WARNING,
        "{subject}: {count} routed by the configuration without a way back to the VPN that could be seen: {hosts}",
        "Give them, or their default gateway, the route to the VPN, and let their firewall answer its addresses; or "
        'set their strategy to "auto".',
        patience=5.0,
    ),
    Declared(
        "kept-unmeasured",
        WARNING,
        "{subject}: it cannot be measured whether peers answer addresses of the site: {reason}",
        'Forwards with source_nat = "auto" and aliases show them this machine\'s address; routerd tries again.',
        depends_on=("interface-missing", "interface-down"),
        patience=2.0,
    ),
    Declared(
        "kept-unwatched",
        WARNING,
        "{subject}: flows to forwards and aliases cannot be seen: {reason}",
        "That a peer leaves hosts' own addresses without an answer is noticed by probes alone; routerd tries again.",
        patience=2.0,
    ),
)
