"""Secrets are read when the configuration is, and at no other change: somebody may be writing them."""

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from routerd.config.load import parse
from routerd.config.model import Config, Rip, RipKey
from routerd.rip import door_service
from routerd.rip.auth import Key
from routerd.rip.door_service import Door
from routerd.rip.starter_service import RipStarter
from routerd.rip_part import RipLan, RipPart, RipRoute
from routerd.system.sockets_rip import RipSocketError

OWN, LAN = IPv4Address("192.168.200.2"), IPv4Network("192.168.200.0/24")


class Closed:
    """No socket can be had."""

    def __init__(self, *given: object) -> None:
        raise RipSocketError("it is played", "wait")


class Play:
    """A starter, what it is given, and the secret that each `apply` speaks by."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "rip.key"
        self.secret("old")
        text = f'[[lan]]\ninterface = "lan0"\n[lan.rip]\n[leases]\nstore = "sqlite:{directory}/leases.db"\n'
        self.config: Config = parse(f'[[vpn]]\ninterface = "wg0"\n{text}')
        self.used: list[bytes] = []
        self._starter = RipStarter(lambda event: None, dict)

    def secret(self, word: str) -> None:
        self.file.write_text(word)
        self.file.chmod(0o600)

    def part(self, *prefixes: str) -> RipPart:
        own = Rip(keys=(RipKey(1, "hmac-sha-256", str(self.file)),))
        routes = tuple(RipRoute(IPv4Network(prefix)) for prefix in prefixes)
        lan = RipLan("lan0", 2, 1500, OWN, frozenset((OWN,)), (LAN,), LAN.broadcast_address, own, routes)
        return RipPart((lan,))

    async def apply(self, part: RipPart, *, loaded: bool = False) -> bytes | None:
        """The secret that is used then; None where nothing is spoken."""
        self.used.clear()
        if loaded:
            self.config = replace(self.config)
        await self._starter.apply(part, self.config)
        return self.used[-1] if self.used else None


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    made = Play(tmp_path)
    before = Door.apply

    def apply(door: Door, lan: RipLan, keys: tuple[Key, ...], routes: tuple[RipRoute, ...]) -> None:
        made.used += [key.secret for key in keys]
        before(door, lan, keys, routes)

    monkeypatch.setattr(door_service, "RipSocket", Closed)
    monkeypatch.setattr(Door, "apply", apply)
    return made


def test_another_plan_does_not_read_them_and_a_reload_does(play: Play) -> None:
    async def run() -> None:
        assert await play.apply(play.part("10.0.0.0/24")) == b"old"
        play.secret("new")
        assert await play.apply(play.part()) == b"old", "the withdrawal is signed by what neighbours have"
        assert await play.apply(play.part(), loaded=True) == b"new", "also where nothing else is changed"

    asyncio.run(run())


def test_a_reload_while_the_lan_is_silent_is_not_forgotten(play: Play) -> None:
    async def run() -> None:
        assert await play.apply(play.part("10.0.0.0/24")) == b"old"
        play.secret("new")
        assert await play.apply(RipPart()) is None
        assert await play.apply(play.part("10.0.0.0/24")) == b"old"
        assert await play.apply(RipPart(), loaded=True) is None
        assert await play.apply(play.part("10.0.0.0/24")) == b"new"

    asyncio.run(run())
