"""When the rules of others are looked at."""

import asyncio
from typing import Any

from routerd.nat import foreign_service
from routerd.nat.foreign_service import ForeignLook
from routerd.system.nft import Nft
from tests.nat.parts import PLAIN


class Counted(Nft):
    """Rules of nobody; counts how often they were asked for."""

    looks = 0

    async def ruleset(self) -> list[dict[str, Any]]:
        """None."""
        self.looks += 1
        return []


def test_soon_after_a_change_and_not_for_each_of_many() -> None:
    async def main() -> None:
        nft = Counted()
        seen = ForeignLook(nft)
        await seen.look(PLAIN, 1000.0)
        await seen.look(PLAIN, 1001.0)
        assert nft.looks == 1
        # A change at once after a look waits; all that comes meanwhile is looked at together.
        first = seen.disturbed(1001.0)
        assert first is not None
        assert 1002.0 <= first < 1010.0
        assert [seen.disturbed(1001.0 + n / 10) for n in range(10)] == [None] * 10
        await seen.look(PLAIN, first - 0.01)
        assert nft.looks == 1
        await seen.look(PLAIN, first)
        assert nft.looks == 2
        assert seen.disturbed(1100.0) == 1100.0 + foreign_service._SOON

    asyncio.run(main())
