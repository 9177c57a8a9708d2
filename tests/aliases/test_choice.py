"""Which peer gets which address of a pool: the same one for ever, as long as there are enough."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.aliases.choice import MOST, Choice, Choices
from routerd.aliases.choices_text import TextError, decode, encode
from routerd.config.model import AddressRange
from routerd.nat_part import NatPool, PoolPeer

FIRST = int(IPv4Address("192.168.200.210"))


def peer(number: int, *, key: str = "", name: str = "", vpn: str = "vpn") -> PoolPeer:
    return PoolPeer(vpn, name or f"p{number}", IPv4Address(0x0A000000 + number), key or f"key-{number}")


def pool(size: int, *peers: PoolPeer, barred: tuple[int, ...] = ()) -> NatPool:
    span = AddressRange(IPv4Address(FIRST), IPv4Address(FIRST + size - 1))
    return NatPool("lan0", span, peers, frozenset(at(number) for number in barred))


def at(number: int) -> IPv4Address:
    return IPv4Address(FIRST + number)


def assign(choices: Choices, where: NatPool, *occupied: IPv4Address, now: float = 1.0, **more: Any) -> dict[str, str]:
    """Each peer's key with the last number of its address."""
    found = choices.assign(where, occupied, more.pop("doubtful", ()), now, **more)
    assert all(where.addresses.first <= address <= where.addresses.last for address in found)
    return {peer.key: str(address) for address, peer in found.items()}


def test_everybody_keeps_what_it_has() -> None:
    """Whoever comes or goes, in whatever order they are listed, and however they are called."""
    choices = Choices()
    before = assign(choices, pool(20, *(peer(n) for n in range(10))))
    assert len(set(before.values())) == 10
    others = [peer(n, name="other") for n in (12, 9, 3, 1, 5, 11)]
    after = assign(choices, pool(20, *others))
    assert {key: before[key] for key in ("key-9", "key-3", "key-1", "key-5")}.items() <= after.items()
    assert not {after["key-11"], after["key-12"]} & set(before.values())
    assert assign(choices, pool(20, *(peer(n) for n in range(10)))) == before


def test_without_a_memory_most_get_the_same_again() -> None:
    """The choice follows from vpn and key, so that a lost file changes little."""
    peers = [peer(n) for n in range(20)]
    one, two = assign(Choices(), pool(200, *peers)), assign(Choices(), pool(200, *peers[10:], peer(77), *peers[:10]))
    assert sum(one[key] == two[key] for key in one) >= 19
    assert assign(Choices(), pool(200, *peers[:1])) == assign(Choices(), pool(200, *peers[:1]))


def test_a_peer_with_a_new_key_keeps_its_address() -> None:
    choices = Choices()
    before = assign(choices, pool(20, peer(1), peer(2)))
    after = assign(choices, pool(20, peer(1, key="new"), peer(2)))
    assert after == {"new": before["key-1"], "key-2": before["key-2"]}
    # Another peer that is still there is not robbed of it, even where two swap their addresses.
    swapped = [peer(2, key="new"), peer(1, key="key-2")]
    assert assign(choices, pool(20, *swapped)) == after


def test_who_is_gone_keeps_its_address_until_no_other_is_left() -> None:
    choices = Choices()
    before = assign(choices, pool(4, peer(1), peer(2), peer(3)), now=10.0)
    assign(choices, pool(4, peer(1), peer(3)), now=20.0)
    assign(choices, pool(4, peer(1)), now=30.0)
    after = assign(choices, pool(4, peer(1), peer(4)), now=40.0)
    assert after["key-4"] not in before.values()
    full = assign(choices, pool(4, peer(1), peer(4), peer(5)), now=50.0)
    assert full["key-5"] == before["key-2"]
    assert (full["key-1"], full["key-4"]) == (before["key-1"], after["key-4"])
    late = assign(choices, pool(4, *(peer(n) for n in (1, 4, 5, 6, 7))), now=60.0)
    assert len(late) == 4
    assert "key-7" not in late
    assert late["key-6"] == before["key-3"]


def test_nobody_counts_as_gone_for_good_while_not_all_are_known() -> None:
    choices = Choices()
    assign(choices, pool(2, peer(1), peer(2)))
    assert assign(choices, pool(2, peer(3)), complete=False) == {}
    assert set(assign(choices, pool(2, peer(1), peer(2)))) == {"key-1", "key-2"}


def test_what_another_machine_has_is_skipped() -> None:
    choices = Choices()
    first = assign(choices, pool(3, peer(1)))["key-1"]
    second = assign(choices, pool(3, peer(1)), IPv4Address(first))["key-1"]
    assert second != first
    assert assign(choices, pool(3, peer(1)))["key-1"] == second
    assert assign(choices, pool(3, peer(1), peer(2), peer(3)), at(0), at(1), at(2)) == {}
    # What was in doubt comes last.
    choices = Choices()
    rows = assign(choices, pool(3, peer(1), peer(2)), doubtful=(at(1),))
    assert str(at(1)) not in rows.values()
    assert str(at(1)) in assign(choices, pool(3, peer(1), peer(2), peer(3)), doubtful=(at(1),)).values()


def test_what_is_barred_now_is_given_up() -> None:
    choices = Choices()
    first = assign(choices, pool(3, peer(1)))["key-1"]
    number = int(IPv4Address(first)) - FIRST
    assert assign(choices, pool(3, peer(1), barred=(number,)))["key-1"] != first
    assert assign(choices, pool(1, peer(1), barred=(0,))) == {}


def test_another_pool_is_not_touched() -> None:
    choices = Choices()
    here = assign(choices, pool(4, peer(1)))
    away = AddressRange(IPv4Address("172.16.0.1"), IPv4Address("172.16.0.9"))
    there = choices.assign(NatPool("lan1", away, (peer(1),)), (), (), 1.0)
    assert [address in {IPv4Address(here["key-1"])} for address in there] == [False]
    assert assign(choices, pool(4, peer(1))) == here
    assert len(choices.rows()) == 2


def test_only_a_change_is_to_be_written() -> None:
    choices = Choices()
    assert not choices.changed
    assign(choices, pool(4, peer(1)))
    assert choices.changed
    choices.saved()
    assign(choices, pool(4, peer(1, name="renamed")), now=99.0)
    assert not choices.changed
    assign(choices, pool(4), now=100.0)
    assert choices.changed


@given(st.lists(st.tuples(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 5))), max_size=12), st.integers(1, 8))
def test_any_history(steps: list[tuple[set[int], set[int]]], size: int) -> None:
    """Nobody is moved without need, no address is given twice, and as many have one as there are addresses."""
    choices, before = Choices(), dict[str, str]()
    for now, (present, taken) in enumerate(steps):
        where, occupied = pool(size, *map(peer, sorted(present))), [at(n) for n in taken if n < size]
        found = assign(choices, where, *occupied, now=float(now))
        assert len(set(found.values())) == len(found) == min(len(present), size - len(occupied))
        assert not set(found.values()) & set(map(str, occupied))
        for key, address in before.items():
            if key in {f"key-{n}" for n in present} and IPv4Address(address) not in occupied:
                assert found[key] == address
        before = found
        again = Choices()
        again.restore(decode(encode(choices.rows())))
        assert assign(again, where, *occupied, now=float(now)) == found


# ---------------------------------------------------------------- the text


def test_the_text_says_all() -> None:
    rows = (
        Choice(at(1), "vpn", "A" * 43 + "=", IPv4Address("10.0.0.1")),
        Choice(at(2), "vpn 2", 'ключ"', IPv4Address("10.0.0.2"), 1_800_000_000.0),
    )
    assert decode(encode(rows)) == rows
    assert decode(encode(())) == ()
    assert encode(rows).count(b"\n") == 4


ROW = '{"address": "192.168.200.1", "vpn": "v", "key": "k", "peer": "10.0.0.1", "gone": null}'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is torn"),
        ("[" * 100_000, "is torn"),
        ('{"routerd_aliases": 1, "aliases": [', "is torn"),
        ("\0" * 100, "is torn"),
        ("[]", "is no file of routerd's"),
        ('{"routerd_aliases": 1, "aliases": {}}', "is no file of routerd's"),
        ('{"routerd_aliases": 2, "aliases": []}', "has the version 2"),
        ('{"aliases": []}', "has the version None"),
        (f'{{"routerd_aliases": 1, "aliases": [{",".join([ROW] * (MOST + 1))}]}}', "more than"),
        *(
            (f'{{"routerd_aliases": 1, "aliases": [{ROW.replace(old, new)}]}}', "has an entry that is none")
            for old, new in (
                ("192.168.200.1", "192.168.200.1/24"),
                ('"192.168.200.1"', "3232286721"),
                ('"k"', "null"),
                ('"key"', '"kez"'),
                ("null", "true"),
                ("null", '"now"'),
                (ROW, "7"),
            )
        ),
    ],
)
def test_what_is_no_text_of_choices(text: str, why: str) -> None:
    with pytest.raises(TextError, match=why):
        decode(text.encode())
