"""What a host takes in memory: there may be ten thousand."""

import random
import tracemalloc
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.hosts.book import Book
from routerd.hosts.judge import Judge
from routerd.hosts.lans import MeasuredLan, Source
from routerd.nat.proofs import Proofs
from routerd.nat_part import HostState, Strategy
from routerd.reports import ReturnPath

HOSTS = 2000
KNOWN, PROVEN = 620, 960
"""Bytes of a host that is known, and of one that is routed, with what the rules remember of it."""
FIRST = IPv4Address("10.1.0.0")
SOURCE = Source(IPv4Address("10.0.0.2"), (IPv4Network("10.0.0.0/24"),), local=True)
LAN = MeasuredLan("lan0", IPv4Address("10.1.255.1"), (IPv4Network("10.1.0.0/16"),), (SOURCE,), frozenset(), ())


def auto(host: HostState) -> tuple[Strategy, bool]:
    return (Strategy.SITE_GATEWAY if host.return_path is ReturnPath.DIRECT else Strategy.MASQUERADE), False


def mac(number: int) -> bytes:
    return b"\2\0" + number.to_bytes(4, "big")


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_bytes_a_host() -> None:
    before, _ = tracemalloc.get_traced_memory()
    judge, proofs = Judge(Book(), random.Random(1)), Proofs()
    judge.take_over({"lan0": (auto, LAN)}, 0.0)
    for number in range(HOSTS):
        judge.found(("lan0", FIRST + number), 1.0, mac=mac(number), kept=True)
    known = (tracemalloc.get_traced_memory()[0] - before) / HOSTS
    for number in range(HOSTS):
        judge.book.saw(("lan0", FIRST + number), "tcp", mac(number), 0, 2.0 + number / 100)
        proofs.take(judge.book.changes, 2.0 + number / 100)
        judge.book.moves, judge.book.changes = [], []
    assert len(proofs) == HOSTS
    proven = (tracemalloc.get_traced_memory()[0] - before) / HOSTS
    assert (known <= KNOWN, proven <= PROVEN) == (True, True), (known, proven)
