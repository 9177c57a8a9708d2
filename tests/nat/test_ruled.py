"""For which aliases the rules are there: others answer for an address only while they are."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from routerd.nat import service
from routerd.nat.service import NatService
from routerd.nat_part import NatPart
from routerd.system.nft import NftError
from tests.nat.parts import ALIAS, PLAIN

ALIASED = replace(PLAIN, aliases=(ALIAS,))
KEY = (ALIAS.lan, ALIAS.address)


class Slow:
    """A table whose making takes until `go` is set, and fails where `broken`."""

    def __init__(self, *_: object) -> None:
        self.counted: dict[str, tuple[int, int]] = {}
        self.broken = False
        self.go = asyncio.Event()
        self.go.set()

    async def make(self, part: NatPart) -> bool:
        await self.go.wait()
        if self.broken:
            raise NftError("no")
        return True

    async def remove(self) -> bool:
        return True


class Quiet:
    def __init__(self, *changed: Callable[..., None]) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Table", Slow)


def test_an_alias_is_ruled_only_after_its_rules_were_made() -> None:
    async def main() -> None:
        nat = NatService(monitor=Quiet)
        table = nat._table
        assert isinstance(table, Slow)
        await nat.apply(PLAIN)
        assert nat.ruled() == frozenset()
        table.go.clear()
        applying = asyncio.create_task(nat.apply(ALIASED))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert nat.ruled() == frozenset()
        table.go.set()
        await applying
        assert nat.ruled() == {KEY}
        # What cannot be kept does not count either, whatever is left of it.
        table.broken = True
        await nat.apply(ALIASED)
        assert nat.ruled() == frozenset()
        table.broken = False
        await nat.apply(ALIASED)
        assert nat.ruled() == {KEY}
        await nat.apply(PLAIN)
        assert nat.ruled() == frozenset()

    asyncio.run(main())
