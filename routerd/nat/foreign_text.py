"""Findings about others' rules as problems: which rule, what it does, and how to mend it. Pure."""

from routerd.model import Problem
from routerd.nat.foreign import Finding
from routerd.nat.foreign_walk import Effect

POLICY = "policy drop"

_CODES = {Effect.DROP: "foreign-drop", Effect.SOURCE: "foreign-nat", Effect.PARTLY: "foreign-partly"}

_DROP_MENDS = {
    "docker": "Let it pass in Docker's own chain: iptables -I DOCKER-USER -i {iif} -o {oif} -j ACCEPT",
    "ufw": "Allow it: ufw route allow in on {iif} out on {oif}",
    "firewalld": "Put both into one zone that forwards: firewall-cmd --permanent --zone=ZONE --add-interface={vpn}; "
    "firewall-cmd --permanent --zone=ZONE --add-forward; firewall-cmd --reload",
    "fw4": "Give {vpn} a zone of its own, and allow forwarding between it and the zone of {lan} both ways "
    "(/etc/config/firewall: config forwarding; then: service firewall reload)",
    "iptables": "Let it pass: iptables -I FORWARD -i {iif} -o {oif} -j ACCEPT",
    "": 'Let it pass: nft insert rule {place} iifname "{iif}" oifname "{oif}" accept',
}
_SOURCE_MENDS = {
    "firewalld": "Switch masquerading off in the zone of {oif}: firewall-cmd --permanent --zone=ZONE "
    "--remove-masquerade; firewall-cmd --reload",
    "fw4": "Set `masq` to 0 in the zone of {oif} (/etc/config/firewall), or limit it with masq_src and masq_dest",
    "": "Remove the rule, or have it leave out what goes from {iif} to {oif}; routerd hides addresses where it must",
}


def rule_text(listing: str, handle: int | None) -> str:
    """The rule with this handle out of `nft -a list chain …`; the policy where there is no handle."""
    if handle is None:
        return POLICY
    for line in listing.splitlines():
        text, mark, number = line.rpartition(" # handle ")
        if mark and number.strip() == str(handle) and not text.endswith("{"):
            return " ".join(text.split())
    return f"the rule with the handle {handle}"


def problem(finding: Finding, text: str, names: tuple[str, str]) -> Problem:
    """The problem; `names` are the vpn's interface (in place 2 the LAN's) and the LAN's."""
    packet = finding.way.packet
    words = {"iif": packet.iif, "oif": packet.oif, "place": finding.place, "vpn": names[0], "lan": names[1]}
    subject = f"firewall {finding.place} ({packet.iif} to {packet.oif})"
    mends = _SOURCE_MENDS if finding.effect is Effect.SOURCE else _DROP_MENDS
    mend = mends.get(finding.owner, mends[""]).format(**words)
    return Problem(_CODES[finding.effect], subject, (("rule", text), ("mend", mend)))
