"""Hosts in the table: what updates do is what the last of each host's says."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from routerd.nat.listing import by_strategy, parse
from routerd.nat.proofs import Proofs, moves
from routerd.nat_part import HostChange, Strategy
from tests.nat.parts import HOST, PLAIN, WHOLE

HOSTS = [("lan0", ip_address(f"192.168.200.{n}")) for n in (20, 21, 22)]
steps = st.lists(
    st.tuples(
        st.sampled_from(HOSTS),
        st.sampled_from([Strategy.SITE_GATEWAY, Strategy.MASQUERADE]),
        st.sampled_from([0.0, 5, 90]),
    ),
    max_size=20,
)


@given(steps, st.lists(st.integers(0, 20)))
def test_any_sequence_of_updates_is_the_same_as_the_last_of_each_host(rows, cuts) -> None:
    changes = [HostChange(*host, strategy, seconds) for host, strategy, seconds in rows]
    one, other, fresh = Proofs(), Proofs(), Proofs()
    for change in changes:
        one.take([change], 100.0)
    other.take(changes, 100.0)
    fresh.take({(change.lan, change.address): change for change in changes}.values(), 100.0)
    for now in (100.0, 106.0, 200.0):
        assert one.held(now) == other.held(now) == fresh.held(now)
    assert fresh.held(200.0) == {}


@given(steps, steps)
def test_moving_the_touched_is_enough(before, after) -> None:
    """The table after the moves is the one that is made from nothing; the moves are read as nft would do them."""
    proofs = Proofs()
    proofs.take([HostChange(*host, strategy, seconds) for host, strategy, seconds in before], 0.0)
    table = set(proofs.held_in(PLAIN, 0.0))
    taken = proofs.take([HostChange(*host, strategy, seconds) for host, strategy, seconds in after], 0.0)
    for line in moves(taken.touched, proofs.held_of(taken.touched, 0.0), PLAIN).splitlines():
        verb, _, words = line.partition(" element inet routerd proven4 ")
        keys = {host for host in HOSTS if f"{host[1]} " in words.replace(",", " ")}
        assert verb == "add" or keys <= table
        table = table | keys if verb == "add" else table - keys
    assert table == set(proofs.held_in(PLAIN, 0.0))
    assert len(table) == proofs.count(PLAIN, 0.0)


def test_who_falls_was_routed_and_is_not_any_more() -> None:
    proofs = Proofs()
    routed = [HostChange(*host, Strategy.SITE_GATEWAY, 90) for host in HOSTS]
    assert proofs.take(routed, 0.0).fallen == frozenset()
    taken = proofs.take([HostChange(*HOSTS[0], Strategy.MASQUERADE, 0), routed[1]], 1.0)
    assert taken.fallen == {HOSTS[0]}
    assert taken.touched == {HOSTS[0], HOSTS[1]}
    assert proofs.take([HostChange(*HOSTS[0], Strategy.MASQUERADE, 0)], 2.0).touched == frozenset()


def test_only_pins_by_mac_bring_more_sets_than_the_proven() -> None:
    change = HostChange("lan.7", ip_address("192.168.7.9"), Strategy.MASQUERADE, 90)
    proofs = Proofs()
    proofs.take([change], 0.0)
    assert "hidden_hosts4" in moves([change[:2]], proofs.held_in(WHOLE, 0.0), WHOLE)
    assert proofs.held_in(PLAIN, 0.0) == {}
    assert moves([change[:2]], {}, PLAIN) == ""


def test_what_is_about_to_end_is_no_stray() -> None:
    routed, soon = (Strategy.SITE_GATEWAY, 60.0), (Strategy.SITE_GATEWAY, 0.5)
    hidden = (Strategy.MASQUERADE, 60.0)
    one, other, third = HOSTS
    proofs = Proofs()
    proofs.take([HostChange(*one, *routed), HostChange(*other, *soon)], 0.0)
    assert proofs.strays({third: soon}, PLAIN, 0.0) == {one}
    assert proofs.strays({one: (Strategy.SITE_GATEWAY, 1.0), third: routed}, PLAIN, 0.0) == {third}
    assert proofs.strays({one: hidden}, PLAIN, 0.0) == {one}
    assert proofs.strays({one: (Strategy.MASQUERADE, 0.5), other: (Strategy.MASQUERADE, 0.5)}, PLAIN, 0.0) == {one}
    assert proofs.strays({one: routed}, PLAIN, 70.0) == {one}
    elsewhere = ("lan.7", one[1])
    assert proofs.strays({one: routed, elsewhere: routed}, PLAIN, 0.0) == {elsewhere}
    copy = proofs.copy()
    proofs.forget_ended(1.0)
    assert (len(copy), len(proofs)) == (2, 1)


LISTED = """table inet routerd {
\tcounter routed {
\t\tpackets 3 bytes 180
\t}

\tset proven4 {
\t\ttype ifname . ipv4_addr
\t\tflags timeout
\t\telements = { "lan0" . 192.168.200.22 timeout 1m30s expires 1m2s500ms,
\t\t\t     "lan0" . 192.168.200.23 timeout 2s expires 12ms }
\t}

\tset alias_addresses4 {
\t\ttype ipv4_addr
\t\telements = { 192.168.200.201, 192.168.200.202 }
\t}

\tchain about {
\t\treturn comment "text 0a listing 0b"
\t}

\tchain leave {
\t\ttype nat hook postrouting priority srcnat - 5; policy accept;
\t\tgoto x
\t}
}
"""


def test_the_listing_is_compared_without_what_changes_by_itself() -> None:
    found = parse(LISTED)
    assert (found.made_from, found.sealed) == ("0a", "0b")
    assert found.hosts[HOSTS[2]] == (Strategy.SITE_GATEWAY, 62.5)
    assert by_strategy(found.counted)["site-gateway"].packets == 3
    same = LISTED.replace("bytes 180", "bytes 1").replace("expires 12ms", "expires 1ms").replace("0b", "0c")
    assert (
        parse(same.replace("192.168.200.201, 192.168.200.202", "192.168.200.202, 192.168.200.201")).digest
        == found.digest
    )
    for changed in (
        LISTED.replace("\t\tgoto x\n", ""),
        LISTED.replace(".201, ", "."),
        LISTED.replace("srcnat - 5", "srcnat"),
        LISTED.replace("{\n", "{\n\tflags dormant\n", 1),
        "",
    ):
        assert parse(changed).digest != found.digest
    assert HOST in {address for _, address in found.hosts}
