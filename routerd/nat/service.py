"""Keeps routerd's nftables table as the plan wants it, moves hosts in it, and takes it away at the end."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from routerd.model import Address, Problem
from routerd.nat.flow_service import FlowKeeper
from routerd.nat.foreign_service import ForeignLook
from routerd.nat.listing import by_strategy
from routerd.nat.proofs import Host, Proofs
from routerd.nat.ruleset import is_empty
from routerd.nat.table_service import Table
from routerd.nat.taken_service import TakenPorts
from routerd.nat.words import RulesetError
from routerd.nat_part import HostChange, NatPart
from routerd.reports import Check, NatReport
from routerd.system.nft import Nft, NftError
from routerd.system.nft_monitor import Author, NftMonitor

log = logging.getLogger(__name__)

_LOOK_EVERY = 10.0
_SHARE = 100.0
"""A look is not repeated before this many times as long as it took: tables may hold 100,000 elements."""
_SHORTEST = 0.2
_TICK = 0.01
_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0
_MANY, _LATELY = 3, 60.0


class Monitor(Protocol):
    """What tells of changes by others."""

    def close(self) -> None:
        """Stop."""


class NatService:
    """The table `inet routerd`. Failures are retried by `run` and shown by `problems`; nothing raises because of them.

    The table is put back at once when something deletes or changes it. An earlier routerd's table that is as it
    should be stays; its hosts keep the rest of their time. Hosts fall out by themselves when nobody renews them.
    """

    name = "nat"

    def __init__(
        self,
        *,
        nft: Nft | None = None,
        flows: FlowKeeper | None = None,
        monitor: Callable[[Callable[[Author], None], Callable[[], None]], Monitor] = NftMonitor,
    ) -> None:
        self._nft = nft or Nft()
        self._flows = flows or FlowKeeper()
        self._foreign, self._taken = ForeignLook(self._nft), TakenPorts()
        self._open_monitor = monitor
        self._monitor: Monitor | None = None
        self._part: NatPart | None = None
        self._swept = self._there = NatPart()
        self._proofs = Proofs()
        self._table = Table(self._nft, self._proofs)
        self._pending: set[Host] = set()
        self._fallen: dict[Address, bool] = {}
        self._cut: dict[Address, bool] = {}
        self._lock, self._woken, self._changed = asyncio.Lock(), asyncio.Event(), asyncio.Event()
        self._disturbed, self._installed = False, False
        self._author = Author()
        self._losses: deque[float] = deque(maxlen=_MANY)
        self._problem: Problem | None = None
        self._looked, self._took = 0.0, 0.0

    async def apply(self, part: NatPart) -> None:
        """Make the table as `part` says, whoever left it how; an empty part removes it. Returns when it was tried."""
        async with self._lock:
            self._part, self._disturbed = part, False
            await self._sync(expected=False)
        self._woken.set()

    def update(self, changes: Iterable[HostChange]) -> None:
        """Hosts whose strategy has changed, or whose proof is renewed. `run` takes what comes together to the table."""
        changes = tuple(changes)
        taken = self._proofs.take(changes, _now())
        self._pending |= taken.touched
        lost = {(change.lan, change.address) for change in changes if change.lost}
        for host in taken.fallen | lost:
            self._fallen[host[1]] = self._fallen.get(host[1], False) or host in lost
        self._woken.set()

    async def flush(self) -> None:
        """Take the changes so far to the table now."""
        async with self._lock:
            await self._flush()

    async def run(self) -> None:
        """Watch, move hosts, retry and check for ever. Cancelling it removes the table, unless the part keeps it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(), name="nat table")
                tasks.create_task(self._care(), name="nat flows")
        finally:
            await self._leave()

    # ------------------------------------------------------------ what is shown

    @property
    def applied(self) -> bool:
        """Was any part applied since the start?"""
        return self._part is not None

    def ruled(self) -> frozenset[tuple[str, Address]]:
        """The LAN and the address of the aliases whose rules are there."""
        return frozenset((alias.lan, alias.address) for alias in self._there.aliases)

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the rules from being there or from working."""
        found = [self._problem] if self._problem is not None else []
        if len(self._losses) == _MANY and _now() - self._losses[0] < _LATELY:
            values = (("who", str(self._author)), ("times", f"{_MANY} times"))
            found.append(Problem("nat-contested", "nat", values))
        return (*found, *self._flows.problems(), *self._foreign.problems(), *self._taken.problems())

    def checks(self) -> tuple[Check, ...]:
        """Whether the table is there as it should be."""
        if self._part is None:
            return (Check("nat-table", False, "not set up yet"),)
        reason = dict(self._problem.values)["reason"] if self._problem is not None else "is being put back"
        return (Check("nat-table", self._installed, "" if self._installed else reason),)

    def report(self) -> NatReport:
        """What is in the table, as it was read last: at most some seconds ago."""
        counted = by_strategy(self._table.counted)
        flows = {word: counter.packets for word, counter in counted.items() if word != "spoofed"}
        installed = self._installed and self._part is not None and not is_empty(self._part)
        return NatReport(
            installed, self._proofs.count(self._part or NatPart(), _now()), flows, counted["spoofed"].packets
        )

    def status(self) -> dict[str, object]:
        """The report, ready for JSON."""
        report = self.report()
        return {
            "applied": self.applied,
            "table": "inet routerd" if report.installed else None,
            "hosts_proven": report.hosts,
            "flows": dict(report.flows),
            "spoofed_packets": report.spoofed,
            "keep": self._part is not None and self._part.keep,
        }

    # ------------------------------------------------------------ the work

    def _heard(self, who: Author) -> None:
        if not self._nft.is_own(who.pid):
            self._author, self._disturbed = who, True
            self._woken.set()
            self._others_changed()

    def _others_changed(self) -> None:
        at = self._foreign.disturbed(_now())
        if at is not None:
            asyncio.get_running_loop().call_later(at - _now() + _TICK, self._changed.set)

    def _watch(self) -> None:
        if self._monitor is None and self._part is not None and not is_empty(self._part):
            # Without it the timer finds everything as well, only later.
            with contextlib.suppress(OSError):
                self._monitor = self._open_monitor(self._heard, self._others_changed)

    async def _keep(self) -> None:
        retry = _FIRST_RETRY
        while True:
            pause = retry if self._problem is not None else max(_LOOK_EVERY, _SHARE * self._took)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._looked + pause - _now())):
                    await self._woken.wait()
            self._woken.clear()
            self._watch()
            look = self._disturbed or _now() >= self._looked + pause
            async with self._lock:
                await self._work(look=look)
            retry = min(retry * 2, _LAST_RETRY) if self._problem is not None else _FIRST_RETRY
            if look:
                # A program that changes rules all the time is not followed step by step.
                await asyncio.sleep(_SHORTEST)

    async def _work(self, *, look: bool) -> None:
        if self._part is None:
            return
        fallen, self._fallen = self._fallen, {}
        await self._flush()
        if look or self._disturbed:
            self._disturbed = False
            await self._sync(expected=self._installed)
        self._cut |= fallen
        self._changed.set()

    async def _care(self) -> None:
        """What comes after the rules, and may take longer: flows to end, and a look at the rules of others."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._changed.wait()
            self._changed.clear()
            part = self._part
            if part is None:
                continue
            if self._installed:
                before, self._swept = self._swept, part
                cut, self._cut = self._cut, {}
                await self._flows.changed(before, part)
                await self._flows.fallen(cut, part)
            self._flows.watch(part)
            await self._foreign.look(part, _now())
            await self._taken.look(part, _now())

    async def _flush(self) -> None:
        hosts, self._pending = self._pending, set()
        if not hosts or self._part is None or not self._installed or is_empty(self._part):
            return
        try:
            await self._table.move(hosts, self._part)
        except (NftError, RulesetError) as error:
            log.warning("nat: hosts could not be moved: %s; the whole table is looked at", error)
            self._disturbed = True
            self._woken.set()

    async def _sync(self, *, expected: bool) -> None:
        """Compare the table with what it should be, and make it so; `expected`: it was so at the last look."""
        part, self._looked = self._part or NatPart(), _now()
        try:
            changed = await (self._table.remove() if is_empty(part) else self._table.make(part))
        except RulesetError as error:
            self._fail(str(error), "Rename it, or take it out of the configuration.")
        except NftError as error:
            self._fail(error.reason, error.hint)
        else:
            self._problem, self._installed, self._there = None, True, part
            self._took = _now() - self._looked
            if changed:
                self._tell(part, expected)

    def _tell(self, part: NatPart, expected: bool) -> None:
        if is_empty(part):
            log.info("nat: rules removed")
        elif expected:
            self._losses.append(_now())
            log.warning("nat: the rules were removed or changed by %s; they are put back", self._author)
        else:
            log.info("nat: rules installed: %s", _count(part))

    def _fail(self, reason: str, hint: str) -> None:
        problem = Problem("nat-rules", "nat", (("reason", reason), ("hint", hint)))
        if problem != self._problem:
            log.warning("nat: the rules cannot be installed: %s; trying again", reason)
        self._problem, self._installed, self._there = problem, False, NatPart()

    async def _leave(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        self._flows.close()
        if self._part is not None and not self._part.keep:
            await self.apply(NatPart())
            if self._problem is not None:
                reason = dict(self._problem.values)["reason"]
                log.warning("nat: the rules cannot be removed: %s; left as they are", reason)
        self._part = None


def _count(part: NatPart) -> str:
    counted = ((len(part.lans), "LAN", "s"), (len(part.forwards), "forward", "s"), (len(part.aliases), "alias", "es"))
    return ", ".join(f"{number} {word}{'' if number == 1 else end}" for number, word, end in counted)


def _now() -> float:
    return time.monotonic()
