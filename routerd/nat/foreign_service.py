"""Looks, seldom, whether the rules of other programs hit VPN traffic."""

import asyncio
import logging
import time
from dataclasses import replace

from routerd.model import Problem
from routerd.nat.foreign import Finding, findings
from routerd.nat.foreign_text import problem, rule_text
from routerd.nat.ruleset import is_empty
from routerd.nat_part import NatPart
from routerd.system.nft import Nft, NftError, legacy_tables

log = logging.getLogger(__name__)

_EVERY = 120.0
_AGAIN = 5.0
_SOON, _APART, _SHARE = 0.3, 2.0, 100.0
"""After a change by others, which seldom comes alone; but so far apart, also in terms of how long a look takes."""
_MOST = 8


class ForeignLook:
    """What others' rules do, as of the last look: when what matters or rules have changed, else every two minutes."""

    def __init__(self, nft: Nft) -> None:
        self._nft = nft
        self._next, self._earliest = 0.0, 0.0
        self._seen: NatPart | None = None
        self._problems: tuple[Problem, ...] = ()

    def problems(self) -> tuple[Problem, ...]:
        """What was found."""
        return self._problems

    def disturbed(self, now: float) -> float | None:
        """Somebody has changed rules: when to `look`; None if it is to be looked before that anyway."""
        at = max(now + _SOON, self._earliest)
        if at >= self._next:
            return None
        self._next = at
        return at

    async def look(self, part: NatPart, now: float) -> None:
        """Look if it is time to. While something is wrong it is looked at more often, to see that it was mended."""
        matters = replace(part, forwards=(), aliases=(), pools=())
        if now < self._next and matters == self._seen:
            return
        self._seen, begun = matters, time.monotonic()
        # What is changed while it is looked at is looked at again.
        self._next = now + _EVERY
        problems = () if is_empty(part) else await self._find(part)
        took = time.monotonic() - begun
        self._earliest = now + took + max(_APART, _SHARE * took)
        self._next = min(self._next, now + (_AGAIN if problems else _EVERY))
        self._problems = problems

    async def _find(self, part: NatPart) -> tuple[Problem, ...]:
        try:
            ruleset = await self._nft.ruleset()
            found = await asyncio.to_thread(findings, ruleset, part)
            problems = [await self._problem(finding) for finding in found[:_MOST]]
        except NftError as error:
            values = (("reason", error.reason), ("hint", error.hint))
            return (Problem("firewall-unseen", "firewall", values),)
        if legacy := legacy_tables():
            problems.append(Problem("firewall-legacy", "firewall", (("tables", ", ".join(legacy)),)))
        return tuple(dict.fromkeys(problems))

    async def _problem(self, finding: Finding) -> Problem:
        listing = ""
        if finding.handle is not None:
            listing = await self._nft.list_chain(finding.family, finding.table, finding.chain)
        packet = finding.way.packet
        names = (packet.iif, packet.oif) if finding.way.from_vpn else (packet.oif, packet.iif)
        return problem(finding, rule_text(listing, finding.handle), names)
