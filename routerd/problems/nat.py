"""The table of rules, and the rules of others. Pure."""

from routerd.problems.declared import ERROR, INFO, WARNING, Declared

DECLARED = (
    Declared(
        "nat-rules",
        ERROR,
        "{subject}: the rules cannot be installed: {reason}; what was there before stays",
        "{hint} routerd tries again by itself.",
    ),
    Declared(
        "nat-contested",
        WARNING,
        "{subject}: {who} has removed or changed the rules ({times} in a minute); routerd puts them back at once",
        "Have that program leave the table inet routerd alone, for example load its rules without `flush ruleset`.",
    ),
    Declared(
        "nat-flows",
        WARNING,
        "{subject}: flows whose translation has gone cannot be ended: {reason}",
        "They end by themselves when nothing is sent any more. Load nf_conntrack_netlink, or grant CAP_NET_ADMIN.",
    ),
    Declared(
        "nat-flow-log",
        WARNING,
        "{subject}: flows cannot be logged: {reason}",
        "Run: sysctl -w net.netfilter.nf_conntrack_events=1, or set `log_flows` to false.",
    ),
    Declared(
        "foreign-drop",
        WARNING,
        "{subject}: VPN traffic is dropped by another program's rule: {rule}",
        "{mend}",
        patience=2.0,
    ),
    Declared(
        "foreign-partly",
        INFO,
        "{subject}: another program's rules drop all VPN traffic but what they let pass; the first such rule: {rule}",
        "If more is meant to pass: {mend}",
        patience=2.0,
    ),
    Declared(
        "foreign-nat",
        WARNING,
        "{subject}: VPN traffic has its source changed by another program's rule: {rule}",
        "{mend}",
        patience=2.0,
    ),
    Declared(
        "firewall-unseen",
        INFO,
        "{subject}: other programs' rules cannot be looked at: {reason}",
        "{hint} Until then routerd cannot say whether one of them drops VPN traffic.",
    ),
    Declared(
        "firewall-legacy",
        INFO,
        "{subject}: rules of iptables-legacy are loaded (tables: {tables}), and routerd cannot see them",
        "See that they let VPN traffic pass: iptables-legacy -S FORWARD; or move them to iptables-nft.",
    ),
)
