"""What is said of other programs' rules, as nft itself shows them: every finding true, and no alarm without a fire."""

import asyncio
from pathlib import Path

import pytest

from routerd.health import ProblemTracker
from routerd.nat.foreign_service import ForeignLook
from routerd.system.nft import Nft
from tests.nat.parts import PLACE_2, PLAIN
from tests.net.helpers_system import space

pytestmark = pytest.mark.net

_RULES = Path(__file__).parent.parent / "nat" / "firewalls"


async def look(place: str) -> None:
    """Print every problem in words."""
    seen = ForeignLook(Nft())
    await seen.look(PLACE_2 if place == "2" else PLAIN, 0.0)
    tracker = ProblemTracker()
    tracker.update(seen.problems(), 0.0)
    for report in tracker.report(10.0):
        print(f"{report.code} {report.text}; {report.mend}")


def said(rules: str, *commands: str, place: str = "1") -> list[str]:
    """What is said where these rules are loaded, and changed by these commands of nft."""
    with space() as here:
        here.sh(f"nft -f {_RULES / rules}" if rules else "true")
        for command in commands:
            here.sh(f"nft '{command}'")
        return sorted(here.call(look, place).splitlines())


def test_fw4_with_its_zones_allowed_is_no_problem() -> None:
    assert said("fw4.nft") == []
    assert said("") == []


def test_fw4_without_a_forwarding_names_the_rule_and_the_zones() -> None:
    (one,) = said("fw4.nft", "flush chain inet fw4 forward_vpn")
    assert "foreign-drop firewall inet fw4 handle_reject (wg0 to lan0): VPN traffic is dropped" in one
    assert 'rule: meta l4proto tcp reject with tcp reset comment "!fw4: Reject TCP traffic"' in one
    assert "allow forwarding between it and the zone of lan0" in one


def test_fw4_that_masquerades_the_lan_hides_no_host_that_goes_by_routerds_rules() -> None:
    assert said("fw4.nft", "add rule inet fw4 srcnat oifname lan0 masquerade") == []
    (one,) = said("fw4.nft", "add rule inet fw4 srcnat oifname wg0 meta nfproto ipv4 masquerade")
    assert "foreign-nat firewall inet fw4 srcnat (lan0 to wg0): VPN traffic has its source changed" in one
    assert 'oifname "wg0" meta nfproto ipv4 masquerade' in one
    early = "add chain inet fw4 early { type nat hook postrouting priority 50; }"
    found = said("fw4.nft", early, "add rule inet fw4 early masquerade random")
    assert ["early (lan0 to wg0)" in found[0], "early (wg0 to lan0)" in found[1]] == [True, True]


def test_docker_drops_by_its_policy_until_its_own_chain_lets_pass() -> None:
    one, other = said("docker.nft")
    assert "ip filter FORWARD (lan0 to wg0): VPN traffic is dropped by another program's rule: policy drop" in one
    assert "iptables -I DOCKER-USER -i wg0 -o lan0 -j ACCEPT" in other
    both = [
        f"insert rule ip filter DOCKER-USER iifname {i} oifname {o} accept"
        for i, o in (("wg0", "lan0"), ("lan0", "wg0"))
    ]
    assert said("docker.nft", *both) == []
    assert len(said("docker.nft", both[0])) == 1


def test_ufw_drops_by_its_policy_until_a_route_is_allowed() -> None:
    one, other = said("ufw.nft")
    assert "ufw route allow in on lan0 out on wg0" in one
    assert "ufw route allow in on wg0 out on lan0" in other
    allowed = "add rule ip filter ufw-user-forward iifname { lan0, wg0 } oifname { lan0, wg0 } accept"
    assert said("ufw.nft", allowed) == []
    # A rule for one service may be what is wanted: it is told, and is no alarm.
    one, other = said("ufw.nft", "add rule ip filter ufw-user-forward iifname wg0 tcp dport 443 accept")
    assert one.startswith("foreign-drop firewall ip filter FORWARD (lan0 to wg0)")
    assert other.startswith("foreign-partly firewall ip filter ufw-user-forward (wg0 to lan0): another program's rules")
    assert 'drop all VPN traffic but what they let pass; the first such rule: iifname "wg0" tcp dport 443' in other


def test_firewalld_rejects_and_masquerades() -> None:
    found = said("firewalld.nft")
    assert [line.split()[0] for line in found] == ["foreign-drop", "foreign-nat"]
    assert "(lan0 to wg0)" in found[0]
    assert "firewall-cmd --permanent --zone=ZONE --add-forward" in found[0]
    assert "--remove-masquerade" in found[1]


def test_place_2_sends_one_direction_through_the_lans_own_zone() -> None:
    assert said("fw4.nft", place="2") == []
    (one,) = said("docker.nft", place="2")
    assert "(lan0 to lan0)" in one
    (one,) = said(
        "",
        "add table inet x",
        "add chain inet x f { type filter hook forward priority 0; }",
        "add rule inet x f ct state { invalid, untracked } drop",
        place="2",
    )
    assert "ct state { invalid, untracked } drop" in one


def test_nft_without_json_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ForeignLook(Nft("no-such-nft"))
    asyncio.run(seen.look(PLAIN, 0.0))
    assert [problem.code for problem in seen.problems()] == ["firewall-unseen"]
