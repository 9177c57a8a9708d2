"""All aliases together: what is claimed as the plan and the LANs change, what others have, and what is told of it."""

from dataclasses import replace
from ipaddress import IPv4Address
from random import Random
from typing import Any

import pytest

from routerd.alias_part import AliasLan, AliasPart, Claimed, FixedAlias
from routerd.aliases import arp
from routerd.aliases.arp import Heard
from routerd.aliases.book import AT_ONCE, Book, Key
from routerd.aliases.claim import State, Verdict
from routerd.aliases.view import event, line, problems, rows
from routerd.config.model import AddressRange
from routerd.health import ProblemTracker
from routerd.nat_part import NatPool, PoolPeer

A, B, C = (IPv4Address(f"192.168.200.{n}") for n in (201, 202, 203))
OWN, M = bytes.fromhex("020000000002"), bytes.fromhex("020000000099")
PEER = PoolPeer("vpn", "endpoint-a", IPv4Address("10.0.0.1"), "KEY")
LAN = AliasLan("lan0", 7, OWN, IPv4Address("192.168.200.2"), True)
FIXED = AliasPart(lans=(LAN,), aliases=(FixedAlias("lan0", A, PEER),), own_macs=frozenset([OWN]))
KEY: Key = ("lan0", A)


def pooled(first: IPv4Address = B, last: IPv4Address = C, peers: int = 1, **changes: Any) -> AliasPart:
    found = tuple(PoolPeer("vpn", f"p{n}", IPv4Address(0x0A000010 + n), f"KEY{n}") for n in range(peers))
    return AliasPart(lans=(LAN,), pools=(NatPool("lan0", AddressRange(first, last), found),), **changes)


class Story:
    """A book, and time that passes with every deadline met; machines in `there` answer for their addresses."""

    def __init__(self, part: AliasPart = FIXED) -> None:
        self.now = 1000.0
        self.book = Book(Random(3))
        self.there: dict[IPv4Address, bytes] = {}
        self.sent = 0
        self.told: list[tuple[str, str]] = []
        self.apply(part)

    def apply(self, part: AliasPart) -> None:
        self.book.apply(part, self.now, 0.0)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.book.next_deadline()) <= end:
            self.now = max(self.now, at)
            for send in self.book.act(self.now, 0.0):
                self.sent += 1
                if send.address in self.there:
                    self.hear(Heard(self.there[send.address], send.address, LAN.address, False))
            self.told += [(str(news.key[1]), news.what) for news in self.book.news]
            self.book.news.clear()
        self.now = end

    def hear(self, heard: Heard) -> tuple[IPv4Address, Verdict] | None:
        return self.book.hear("lan0", heard, self.now, 0.0)

    def settle(self, *keys: Key) -> set[Key]:
        """What is answered for where these have rules; it is so from now on."""
        wanted = self.book.wanted(keys)
        for key in wanted:
            self.book.entries[key].claim.put(self.now)
        return wanted

    def texts(self) -> list[str]:
        tracker = ProblemTracker()
        tracker.update(problems(self.book), 0.0)
        return [row.text for row in tracker.report(100.0)]


def test_first_the_claim_then_the_rules_then_the_answers() -> None:
    story = Story()
    assert (story.book.claimed(), story.book.wanted([KEY])) == (frozenset(), set())
    story.run(3.0)
    assert story.book.claimed() == {Claimed("lan0", A)}
    assert story.book.wanted([]) == set()
    assert story.settle(KEY) == {KEY}
    assert story.told == [(str(A), "claimed")]
    assert story.texts() == []


def test_what_the_plan_has_no_more_is_forgotten_and_told() -> None:
    story = Story()
    story.run(3.0)
    story.apply(AliasPart())
    assert (story.book.claimed(), story.book.entries, story.book.wanted([KEY])) == (frozenset(), {}, set())
    assert [news.what for news in story.book.news] == ["released"]
    assert story.book.next_deadline() == float("inf")


def test_rules_stay_while_the_link_is_away() -> None:
    story = Story()
    story.run(3.0)
    story.settle(KEY)
    story.apply(replace(FIXED, lans=(replace(LAN, up=False),)))
    assert (story.book.claimed(), story.book.wanted([KEY])) == ({Claimed("lan0", A)}, set())
    story.apply(FIXED)
    assert story.book.wanted([KEY]) == set()
    story.run(3.0)
    assert story.book.wanted([KEY]) == {KEY}


@pytest.mark.parametrize("changes", [{"index": 8}, {"mac": bytes.fromhex("020000000003")}])
def test_an_interface_that_was_made_anew_is_another_link(changes: dict[str, Any]) -> None:
    story = Story()
    story.run(3.0)
    story.settle(KEY)
    story.apply(replace(FIXED, lans=(replace(LAN, **changes),)))
    assert story.book.entries[KEY].claim.state is State.ASKING
    assert not story.book.entries[KEY].claim.installed
    story.apply(replace(FIXED, lans=(replace(LAN, address=IPv4Address("192.168.200.3"), **changes),)))
    assert story.book.entries[KEY].claim.state is State.ASKING


def test_a_conflict_names_who_has_it_and_ends_when_they_go() -> None:
    story = Story()
    story.there[A] = M
    story.run(100.0)
    assert story.texts() == [f"alias {A}: it does not stand for endpoint-a, because 02:00:00:00:00:99 has it"]
    (row,) = rows(story.book, story.now, 1_800_000_000.0)
    assert (row["state"], row["used_by"], row["pool"]) == ("conflict", "02:00:00:00:00:99", False)
    assert story.told == [(str(A), "conflict")]
    del story.there[A]
    story.run(80.0)
    assert (story.texts(), story.told[1:]) == ([], [(str(A), "claimed")])


def test_something_on_this_machine_has_it() -> None:
    story = Story()
    story.run(3.0)
    story.book.lose(KEY, story.now, 0.0)
    assert story.book.claimed() == frozenset()
    assert story.texts() == [f"alias {A}: it does not stand for endpoint-a, because this machine itself has it"]
    (news,) = story.book.news
    assert line(news) == (
        True,
        f"alias {A}: this machine itself has it on lan0, so it does not stand for endpoint-a",
    )
    assert event(news, 5.0).data == {"lan": "lan0", "vpn": "vpn", "peer": "endpoint-a", "mac": None}


def test_own_packets_that_come_back_mean_nothing() -> None:
    story = Story(replace(FIXED, own_macs=frozenset([OWN, M])))
    assert story.hear(Heard(M, A, A, True)) is None
    assert story.hear(Heard(OWN, A, A, True)) is None
    assert story.book.entries[KEY].claim.state is State.ASKING
    story.apply(AliasPart())
    assert story.hear(Heard(bytes.fromhex("020000000098"), A, A, True)) is None


def test_questions_are_answered_only_for_what_stands_for_a_peer() -> None:
    story = Story()
    host, probe = Heard(M, B, A, True), Heard(M, None, A, True)
    story.run(3.0)
    assert story.hear(host) == story.hear(probe) == (A, Verdict.NOTHING)
    story.settle(KEY)
    assert story.hear(host) == story.hear(probe) == (A, Verdict.ANSWER)
    assert story.hear(Heard(M, B, A, False)) is None
    assert story.hear(Heard(M, B, C, True)) is None


def test_an_address_of_a_pool_that_another_machine_has_is_left_for_the_next() -> None:
    story = Story(pooled())
    (first,) = (key[1] for key in story.book.entries)
    story.there[first] = M
    story.run(10.0)
    (second,) = (key[1] for key in story.book.entries)
    assert {first, second} == {B, C}
    assert story.book.claimed() == {Claimed("lan0", second, "vpn", "KEY0")}
    assert [str(first) in text and "the peers have others" in text for text in story.texts()] == [True]
    story.run(700.0)
    assert story.texts() == []
    assert {key[1] for key in story.book.entries} == {second}


def test_peers_without_an_address_get_one_as_soon_as_a_machine_leaves_it() -> None:
    story = Story(pooled(B, B))
    story.there[B] = M
    story.run(60.0)
    assert story.texts() == [
        f"lan lan0: 1 peers have no alias, because other machines use addresses of the pool: {B} (02:00:00:00:00:99)"
    ]
    asked = story.sent
    story.run(600.0)
    assert 0 < story.sent - asked < 200
    del story.there[B]
    story.run(80.0)
    assert story.book.claimed() == {Claimed("lan0", B, "vpn", "KEY0")}
    assert story.texts() == []


def test_what_an_earlier_routerd_had_is_claimed_at_once() -> None:
    story = Story()
    assert story.book.adopt(KEY)
    assert not story.book.adopt(("lan0", B))
    assert not story.book.adopt(("", A))
    assert story.book.claimed() == {Claimed("lan0", A)}
    assert story.book.wanted([KEY]) == {KEY}
    story.apply(replace(FIXED, lans=(replace(LAN, up=False),)))
    assert not story.book.adopt(KEY)


def test_nothing_is_claimed_that_could_not_be_asked_for() -> None:
    story = Story()
    story.book.hearing("lan0", False, story.now)
    assert story.book.next_deadline() == float("inf")
    story.run(60.0)
    assert (story.sent, story.book.claimed()) == (0, frozenset())
    story.book.hearing("lan0", True, story.now)
    story.run(3.0)
    assert (story.sent, story.book.claimed()) == (5, {Claimed("lan0", A)})


def test_very_many_are_asked_for_one_after_the_other() -> None:
    first = IPv4Address("172.16.0.1")
    story = Story(pooled(first, first + 1999, 1000))
    assert len(story.book.entries) == 1000
    at = story.now + 1.0
    sends = story.book.act(at, 0.0)
    assert len({send.address for send in sends}) == AT_ONCE
    assert story.book.next_deadline() <= at


# ---------------------------------------------------------------- packets


def test_packets_are_what_scapy_makes_and_reads() -> None:
    from scapy.layers.l2 import ARP

    ours, theirs = OWN.hex(":"), M.hex(":")
    nobody = "00:00:00:00:00:00"
    own = LAN.address
    assert arp.probe(OWN, A) == bytes(ARP(op=1, hwsrc=ours, psrc="0.0.0.0", hwdst=nobody, pdst=str(A)))
    assert arp.question(OWN, own, A) == bytes(ARP(op=1, hwsrc=ours, psrc=str(own), hwdst=nobody, pdst=str(A)))
    assert arp.announcement(OWN, A) == bytes(ARP(op=1, hwsrc=ours, psrc=str(A), hwdst=nobody, pdst=str(A)))
    for sender, text in ((B, str(B)), (None, "0.0.0.0")):
        heard = Heard(M, sender, A, True)
        assert arp.read(bytes(ARP(op=1, hwsrc=theirs, psrc=text, hwdst=nobody, pdst=str(A)))) == heard
        assert arp.answer(OWN, A, heard) == bytes(ARP(op=2, hwsrc=ours, psrc=str(A), hwdst=theirs, pdst=text))
    assert arp.read(bytes(ARP(op=2, hwsrc=theirs, psrc=str(B), pdst=str(A))) + bytes(18)) == Heard(M, B, A, False)
    for bad in ({"op": 3}, {"hwsrc": nobody}, {"hwsrc": "ff:ff:ff:ff:ff:ff"}, {"hwtype": 6}, {"plen": 6}):
        assert arp.read(bytes(ARP(**{"hwsrc": theirs, "psrc": str(A), **bad}))) is None
    assert arp.read(arp.probe(OWN, A)[:-1]) is None
