"""The rules as text, and what keeps them from saying what nobody meant."""

from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.nat.ruleset import COUNTERS, DELETE, is_empty, rules, seal, transaction
from routerd.nat.spans import merged, pinned
from routerd.nat.words import RulesetError, interface
from routerd.nat_part import NatPart, NatPin, Strategy
from tests.nat.parts import ALIAS, HOST, LAN, PLACE_2, PLAIN, VPN, WHOLE, forward

_GOLDEN = Path(__file__).parent / "golden"

SMALL = replace(PLAIN, forwards=(forward(8080, 80), forward(9100, 100, last=9102)), aliases=(ALIAS,))


@pytest.mark.parametrize(("name", "part"), [("small", SMALL), ("place-2", PLACE_2), ("whole", WHOLE)])
def test_golden(name: str, part: NatPart) -> None:
    """The texts are what `rules` makes, read by a human; a change of one is a change of what routers do."""
    assert rules(part) == (_GOLDEN / f"{name}.nft").read_text()


def test_the_transaction_replaces_the_table_and_carries_hosts_and_counters() -> None:
    held = {("lan0", HOST): (Strategy.SITE_GATEWAY, 61.5)}
    text = transaction(PLAIN, rules(PLAIN), held, {"routed": (3, 180)})
    assert text.startswith(DELETE + "table inet routerd {\n")
    assert '"lan0" . 192.168.200.22 timeout 61500ms' in text
    assert "counter routed {\n\t\tpackets 3 bytes 180\n" in text
    assert all(f"counter {name} {{" in text for name in COUNTERS.values())
    assert "listing 12ab" in seal("x", "12ab")


def test_no_vpn_is_no_table() -> None:
    assert is_empty(NatPart())
    assert is_empty(NatPart(lans=(LAN,), keep=True))
    assert not is_empty(PLAIN)


@pytest.mark.parametrize("name", ["", 'a"b', "eth*", "a b", "a;b", "a{", "a\nb", "a,b", "0123456789abcdef", "naïve"])
def test_a_name_that_could_say_something_else_is_refused(name: str) -> None:
    with pytest.raises(RulesetError):
        interface(name)
    for part in (
        replace(PLAIN, lans=(replace(LAN, interface=name),)),
        replace(PLAIN, vpns=(replace(VPN, interface=name),)),
    ):
        with pytest.raises(RulesetError):
            rules(part)


def test_a_gateway_whose_link_layer_address_is_not_known_is_believed() -> None:
    (vpn,) = PLACE_2.vpns
    text = rules(replace(PLACE_2, vpns=(replace(vpn, gateways=((vpn.gateways[0][0], None),)),)))
    assert "ether" not in text
    assert 'iifname != { "lo", "lan0" } ip saddr 10.0.0.0/24 counter name "spoofed" drop' in text


def test_a_lan_inside_a_larger_prefix_of_the_vpn_is_not_taken_for_forged() -> None:
    text = rules(replace(PLAIN, vpns=(replace(VPN, prefixes=(ip_network("192.168.0.0/16"),)),)))
    assert "ip saddr 192.168.0.0/16 ip saddr != 192.168.200.0/24 counter" in text


networks = st.builds(
    lambda number, length: IPv4Network((number << 2 & ~((1 << (32 - length)) - 1), length)),
    st.integers(0, 63),
    st.integers(24, 32),
)
pins = st.lists(st.builds(NatPin, networks, st.sampled_from(list(Strategy))), max_size=12)


@given(pins)
def test_pins_become_ranges_that_are_apart_and_the_narrowest_holds(found: list[NatPin]) -> None:
    ranges = pinned(found, 4)
    for number in range(256):
        address = ip_address(number)
        holding = sorted((pin for pin in found if address in pin.network), key=lambda pin: -pin.network.prefixlen)
        narrowest = [pin for pin in holding if pin.network == holding[0].network][:1]
        said = [strategy for first, last, strategy in ranges if int(first) <= number <= int(last)]
        assert said == [pin.strategy for pin in narrowest]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=10))
def test_merged_ranges_hold_the_same_numbers_and_are_apart(rows: list[tuple[int, int]]) -> None:
    ranges = [(first, first + more) for first, more in rows]
    found = list(merged(ranges))
    assert {n for a, b in ranges for n in range(a, b + 1)} == {n for a, b in found for n in range(a, b + 1)}
    assert all(one[1] + 1 < other[0] for one, other in pairwise(found))
