"""The table in the kernel: compared with what it should be, made, and taken away."""

import asyncio
import logging
import time

from routerd.nat.listing import Listing, parse
from routerd.nat.proofs import Host, Proofs, moves
from routerd.nat.ruleset import DELETE, digest, rules, seal, transaction
from routerd.nat_part import NatPart
from routerd.system.nft import Nft, NftError

log = logging.getLogger(__name__)

_LONG, _MANY = 20_000, 500
"""A table of more characters, or with more hosts, is gone through beside the event loop."""


class Table:
    """routerd's table and the hosts in it. Methods raise `NftError` and `RulesetError`; then nothing was changed.

    `counted` are the counters as they were read last; they survive when the table is made anew.
    """

    def __init__(self, nft: Nft, proofs: Proofs) -> None:
        self._nft, self._proofs = nft, proofs
        self._adopted = False
        self.counted: dict[str, tuple[int, int]] = {}

    async def make(self, part: NatPart) -> bool:
        """Make it as `part` says; False if it was so already, but perhaps for hosts."""
        body = rules(part)
        found = await self._read()
        if found is not None and found.made_from == digest(body) and found.sealed == found.digest:
            wrong = await self._strays(found, part)
            if wrong:
                await self.move(wrong, part)
            return False
        held = self._proofs.held_in(part, _now())
        await self._nft.load(transaction(part, body, held, self.counted))
        made = await self._read()
        if made is None:
            raise NftError("another program removes the rules while they are made")
        await self._nft.load(seal(body, made.digest), check=False)
        return True

    async def _strays(self, found: Listing, part: NatPart) -> set[Host]:
        now = _now()
        self._proofs.forget_ended(now)
        if max(len(self._proofs), len(found.hosts)) < _MANY:
            return self._proofs.strays(found.hosts, part, now)
        return await asyncio.to_thread(self._proofs.copy().strays, found.hosts, part, now)

    async def move(self, hosts: set[Host], part: NatPart) -> None:
        """Make these hosts in the table as the proofs say, in one transaction."""
        text = moves(hosts, self._proofs.held_of(hosts, _now()), part)
        if text:
            await self._nft.load(text, check=False)

    async def remove(self) -> bool:
        """Take it away; False if there was none."""
        if await self._read() is None:
            return False
        await self._nft.load(DELETE, check=False)
        return True

    async def _read(self) -> Listing | None:
        text = await self._nft.list_table()
        if text is None:
            return None
        found = parse(text) if len(text) < _LONG else await asyncio.to_thread(parse, text)
        self.counted = found.counted or self.counted
        if not self._adopted:
            # Only what an earlier routerd has left is taken over; later ones are others' elements.
            self._adopted = True
            self._proofs.adopt(found.hosts, _now())
        return found


def _now() -> float:
    return time.monotonic()
