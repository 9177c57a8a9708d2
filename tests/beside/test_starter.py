"""The starter: which server is told what, what is remembered, and what is withdrawn at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from routerd.beside import starter_service
from routerd.beside.starter_service import BesideStarter, record_path, recorded_servers
from routerd.beside.words import ServerKey, Withdrawn
from routerd.beside_part import BesidePart, Told
from routerd.config.load import parse
from routerd.config.model import Config
from tests.beside.scene import part

KEY = ServerKey("dnsmasq", "/run/routerd/dnsmasq-options", "/run/dnsmasq/dnsmasq.pid")
OLD = ServerKey("kea", "/run/kea/old")


class Played:
    """A server that takes what it is told at once."""

    def __init__(self, *_: object) -> None:
        self.told: list[tuple[BesidePart, ...]] = []
        self.withdrawn, self.is_clear, self.is_untouched, self.hangs = 0, False, False, False

    def apply(self, parts: tuple[BesidePart, ...]) -> None:
        self.told.append(parts)
        self.is_clear = not parts

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def withdraw(self) -> Withdrawn:
        self.withdrawn += 1
        if self.hangs:
            await asyncio.Event().wait()
        self.is_clear = True
        return Withdrawn()

    def problems(self) -> tuple[()]:
        return ()

    def checks(self) -> tuple[()]:
        return ()

    def status(self) -> dict[str, object]:
        return {}


async def nobody(*_: object) -> tuple[Told, ...]:
    return ()


def config(tmp_path: Path, mode: str = "dnsmasq", keep: bool = False, more: str = "[leases]") -> Config:
    return parse(
        f'[[vpn]]\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n[lan.dhcp]\nmode = "{mode}"\n'
        f'{more}\nstore = "sqlite:{tmp_path}/leases.db"\n[nat]\nkeep = {str(keep).lower()}\n'
    )


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[ServerKey, Played]:
    servers: dict[ServerKey, Played] = {}
    monkeypatch.setattr(starter_service, "make_server", lambda key, *_: servers.setdefault(key, Played()))
    return servers


def play(test: Callable[[BesideStarter], Awaitable[None]]) -> None:
    """Run the starter for the time of a test, and end it as the daemon does."""

    async def main() -> None:
        starter = BesideStarter(nobody, lambda: None)
        running = asyncio.create_task(starter.run())
        await test(starter)
        await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def remembered(tmp_path: Path) -> frozenset[ServerKey]:
    return recorded_servers(record_path(f"sqlite:{tmp_path}/leases.db"))


def test_a_server_is_told_remembered_and_withdrawn_from(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path))
        assert made[KEY].told == [(part(),)]
        assert remembered(tmp_path) == {KEY}

    play(test)
    assert made[KEY].withdrawn == 1
    assert remembered(tmp_path) == frozenset()


def test_nothing_is_touched_where_no_server_stays(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((), config(tmp_path, "off"))
        assert starter.status() == {"servers": []}

    play(test)
    assert (made, list(tmp_path.iterdir())) == ({}, [])


def test_a_lan_that_is_not_there_leaves_its_server_as_it_is(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((), config(tmp_path))
        assert made[KEY].told == []
        await starter.apply((part(),), config(tmp_path))
        await starter.apply((), config(tmp_path))
        assert made[KEY].told == [(part(),)]

    play(test)


def test_a_server_that_only_the_record_names_is_cleared(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    record_path(f"sqlite:{tmp_path}/leases.db").write_text(f"kea\t{OLD.path}\t\n")

    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path))
        assert made[OLD].told == [()]
        await asyncio.sleep(0.05)
        assert remembered(tmp_path) == {KEY}

    play(test)
    assert made[OLD].withdrawn == 0


def test_another_mode_takes_back_and_forgets(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path))
        await starter.apply((), config(tmp_path, "off"))
        assert made[KEY].told == [(part(),), ()]
        await asyncio.sleep(0.05)
        assert remembered(tmp_path) == frozenset()

    play(test)


def test_a_server_that_was_never_reached_is_forgotten(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path))
        made[KEY].is_untouched = True
        made[KEY].apply = made[KEY].told.append  # type: ignore[method-assign]
        await starter.apply((), config(tmp_path, "off"))
        assert not made[KEY].is_clear
        await asyncio.sleep(0.05)
        assert remembered(tmp_path) == frozenset()

    play(test)
    assert made[KEY].withdrawn == 0


def test_what_shall_be_kept_stays_at_the_end(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path, keep=True))

    play(test)
    assert made[KEY].withdrawn == 0
    assert remembered(tmp_path) == {KEY}


def test_a_server_that_hangs_does_not_hold_the_end(
    tmp_path: Path, made: dict[ServerKey, Played], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter_service, "_FAREWELL", 0.05)

    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path))
        made[KEY].hangs = True

    play(test)
    assert remembered(tmp_path) == {KEY}


def test_a_record_that_cannot_be_written_stops_nothing(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path / "missing"))
        assert made[KEY].told == [(part(),)]

    play(test)


def test_another_pid_file_hands_over_what_was_made(tmp_path: Path, made: dict[ServerKey, Played]) -> None:
    """Nothing is taken back in between: clients would lose their routes."""
    text = f'[lan.dhcp.dnsmasq]\npid_file = "{tmp_path}/pid"\n[leases]'
    new = ServerKey(KEY.kind, KEY.path, f"{tmp_path}/pid")

    async def test(starter: BesideStarter) -> None:
        await starter.apply((part(),), config(tmp_path))
        await asyncio.sleep(0.01)
        other = part()
        settings = replace(other.settings, dnsmasq=replace(other.settings.dnsmasq, pid_file=f"{tmp_path}/pid"))
        await starter.apply((replace(other, settings=settings),), config(tmp_path, more=text))
        await asyncio.sleep(0.05)
        assert () not in made[KEY].told
        assert len(made[new].told) == 1
        assert remembered(tmp_path) == {new}

    play(test)
    assert (made[KEY].withdrawn, made[new].withdrawn) == (0, 1)
