"""The service for a dnsmasq without one: what it asks first, and how long it holds something against others."""

import asyncio
import os
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from routerd.beside import dnsmasq_service
from routerd.beside.dnsmasq_service import DnsmasqService
from routerd.beside.told import ASKED
from routerd.beside.words import ServerKey
from routerd.beside_part import BesidePart, Told
from tests.beside.scene import VALUE, network, part

HERE = IPv4Address("192.168.200.2")
THEIRS = bytes.fromhex("100a09c0a8c809")


class Played:
    """A dnsmasq that answers what it is set to; time goes on only by `rounds`."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options: dict[int, bytes] = {1: b"\xff\xff\xff\0", 3: b"\xc0\xa8\xc8\x01"}
        self.asked: list[tuple[int, ...]] = []
        self.now = 1000.0
        self.path = tmp_path / "options"
        monkeypatch.setattr("routerd.beside.dnsmasq_service.time.monotonic", lambda: self.now)
        monkeypatch.setattr(dnsmasq_service, "_WATCHED", 0.0)
        self.service = DnsmasqService(ServerKey("dnsmasq", str(self.path), f"{tmp_path}/pid"), self.ask, lambda: None)
        # Of what this machine has in /etc nothing is to be read.
        monkeypatch.setattr("routerd.beside.dnsmasq_watch_service.read_started", lambda _: (None, None))

    async def ask(self, _: BesidePart, codes: Iterable[int], __: float) -> tuple[Told, ...]:
        self.asked.append(tuple(codes))
        return (Told(HERE, True, dict(self.options)),)

    def round(self, *parts: BesidePart) -> str:
        """One round later; the file's text."""
        self.now += 1.0
        asyncio.run(self.service._round(parts))
        return self.path.read_text() if self.path.exists() else ""

    def codes(self) -> list[str]:
        return [problem.code for problem in self.service.problems()]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(tmp_path, monkeypatch)


def test_what_is_served_before_the_first_write_is_the_administrators(played: Played) -> None:
    played.options[121] = THEIRS
    assert "tag:" not in played.round(part())
    played.round(part())
    assert played.codes() == ["beside-conflict"]
    del played.options[121]
    played.now += 300.0
    played.round(part())
    assert VALUE.hex(":") in played.round(part())
    assert set(played.asked) == {ASKED}


def test_what_an_earlier_run_left_is_not_the_administrators(played: Played) -> None:
    played.options[121] = VALUE
    assert VALUE.hex(":") in played.round(part())
    played.service = DnsmasqService(ServerKey("dnsmasq", str(played.path), ""), played.ask, lambda: None)
    played.round(part(network()))
    played.now += 5.0
    played.round(part(network()))
    assert played.codes() == ["beside-still-told"]
    assert [check.ok for check in played.service.checks()] == [False]


def test_the_router_that_is_heard_counts(played: Played) -> None:
    played.options[3] = b"\xc0\xa8\xc8\xfe"
    assert "00:c0:a8:c8:fe" in played.round(part())
    played.options[3] = b"\xc0\xa8\xc8\x09"
    played.now += 300.0
    played.round(part())
    assert "00:c0:a8:c8:09" in played.round(part())
    del played.options[3]
    played.now += 300.0
    played.round(part())
    assert "/24" in played.round(part()).replace(":c0:a8:c8:02\n", "/24")


def test_a_contest_ends_with_time(played: Played) -> None:
    for _ in range(4):
        played.round(part())
        os.unlink(played.path)
    played.round(part())
    assert "beside-contested" in played.codes()
    played.now += 599.0
    played.round(part())
    assert "beside-contested" not in played.codes()
