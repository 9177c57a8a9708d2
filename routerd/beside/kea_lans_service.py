"""Asks on each LAN whether clients are told what Kea has for them."""

import asyncio
import logging
import time
from typing import Any

from routerd.beside.kea_asked import ASKED, PATIENCE, Heard, Turns, expected, judge
from routerd.beside.kea_shown import KeaShown
from routerd.beside.words import Ask
from routerd.beside_part import BesidePart

log = logging.getLogger("routerd.beside")


class KeaLans:
    """The LANs of one Kea. What is heard there goes to `shown`."""

    def __init__(self, ask: Ask, shown: KeaShown) -> None:
        self._ask, self._shown = ask, shown
        self._turns = Turns()

    @property
    def is_due(self) -> bool:
        """Is it time to ask?"""
        return time.monotonic() >= self._turns.due

    def started(self) -> None:
        """Kea is another one than before."""
        if self._shown.expected:
            self._turns.changed(time.monotonic())

    def expect(self, parts: tuple[BesidePart, ...], config: dict[str, Any]) -> None:
        """Have the LANs asked where what is right there is another thing now."""
        missing = self._shown.missing
        lans = [part for part in parts if part.networks[0].routes and part.networks[0].network not in missing]
        wanted = {part.lan: expected(config, part.networks[0].network) for part in lans}
        if wanted != self._shown.expected:
            self._shown.expected, self._shown.heard = wanted, {}
            self._turns.changed(time.monotonic())
        if not wanted:
            self._turns.rest()

    async def ask_all(self, parts: tuple[BesidePart, ...], until: asyncio.Event) -> None:
        """Ask on every LAN, or until something else is to be done."""
        lans = [part for part in parts if part.lan in self._shown.expected]
        asking = asyncio.gather(*map(self._ask_one, lans))
        due = asyncio.create_task(until.wait())
        try:
            await asyncio.wait((asking, due), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                found = {
                    part.lan: heard for part, heard in zip(lans, asking.result(), strict=True) if heard is not None
                }
                self._shown.heard = found
                self._turns.answered(time.monotonic(), right=all(heard.told for heard in found.values()))
        finally:
            asking.cancel()
            due.cancel()
            await asyncio.gather(asking, due, return_exceptions=True)

    async def _ask_one(self, part: BesidePart) -> Heard | None:
        """None where nothing can be asked: then nothing is said either."""
        try:
            return judge(part, self._shown.expected[part.lan], await self._ask(part, ASKED, PATIENCE))
        except OSError as error:
            log.debug("beside: lan %s cannot be asked: %s", part.lan, error)
            return None
