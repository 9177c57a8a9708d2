"""Claims alias addresses, answers for them as long as their rules are there, and gives up what others have."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Collection
from pathlib import Path

from routerd.alias_part import AliasPart, Claimed
from routerd.aliases.arp import Heard
from routerd.aliases.book import PAUSE, Book, Key, listened
from routerd.aliases.claim import Verdict, What
from routerd.aliases.lan_service import Door
from routerd.aliases.memory_service import Memory
from routerd.aliases.view import event, line, problems, rows, unclaimed
from routerd.model import Address, Event, Problem
from routerd.system.neighbours import Proxy, change_proxies, next_hop, proxies
from routerd.system.netlink_error import NetlinkError

log = logging.getLogger("routerd.aliases")

_TICK = 1.0
_LOOK_EVERY = 10.0


class AliasService:
    """The addresses of the part that `take` got last. Failures are retried by `run` and shown by `problems`.

    An address is claimed first (`claimed`, told by `on_claims`), then others make its rules (`ruled` says for which
    ones they are there), and only then this machine answers for it: by an entry in the kernel, and until the kernel
    does, which takes its time, by an answer of its own. The way back is the same in reverse.
    """

    name = "aliases"

    def __init__(
        self,
        path: Path,
        ruled: Callable[[], Collection[tuple[str, Address]]],
        on_claims: Callable[[], None],
        emit: Callable[[Event], None],
    ) -> None:
        self._ruled, self._on_claims, self._emit = ruled, on_claims, emit
        self._memory = Memory(path)
        self._book = Book(random.Random(time.time_ns()))
        self._part = AliasPart()
        self._doors: dict[str, Door] = {}
        self._lock, self._woken = asyncio.Lock(), asyncio.Event()
        self._began = self._settling = self._ended = False
        self._told: frozenset[Claimed] = frozenset()
        self._made: set[Proxy] = set()
        self._answered: set[Key] = set()
        self._looked = float("-inf")
        self._failure: str | None = None

    # ------------------------------------------------------------ what others call

    def configure(self, path: Path) -> None:
        """Remember the choices in this file from now on."""
        if path != self._memory.path:
            self._memory.move(path)
            self._book.choices.changed = True

    async def take(self, part: AliasPart) -> None:
        """Go on with this part. What it does not have any more is not answered for when this returns.

        The first time it adopts what an earlier routerd answers for.
        """
        async with self._lock:
            if self._ended:
                return
            self._part = part
            if not self._began:
                self._book.choices.restore(await self._memory.load())
            self._book.apply(part, _now(), time.time())
            if not self._began:
                self._began = True
                await self._adopt()
            await self._answer({key for key, entry in self._book.entries.items() if entry.claim.wants}, add=False)
            self._told = self._book.claimed()
            self._note()
        self._woken.set()

    def claimed(self) -> frozenset[Claimed]:
        """What nobody else has, so that its rules can be made."""
        return self._book.claimed()

    async def settle(self) -> None:
        """The rules are as they should be now: answer for what is claimed and has its own."""
        async with self._lock:
            if self._ended:
                return
            self._settling = True
            await self._answer(self._book.wanted(self._ruled()))
        self._woken.set()

    def resync(self) -> None:
        """Something has changed in the kernel's network state: look soon whether the entries are there."""
        self._looked = float("-inf")
        self._woken.set()

    async def release(self) -> None:
        """Answer for nothing any more, unless the part keeps it: the rules go next. It is the end."""
        async with self._lock:
            self._settling, self._ended = False, True
            if self._began and not self._part.keep:
                await self._answer(set(), add=False)

    async def run(self) -> None:
        """Ask, listen, defend and look for ever. Cancelling it takes back what was claimed, unless it is kept."""
        try:
            while True:
                await self._work()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._woken.wait()
                self._woken.clear()
        finally:
            for door in self._doors.values():
                door.close()
            await self.release()
            await self._memory.written()
            self._memory.close()

    # ------------------------------------------------------------ what is shown

    def problems(self) -> tuple[Problem, ...]:
        """What other machines have, and what keeps addresses from being claimed."""
        failures = [(name, door.error) for name, door in self._doors.items() if door.error is not None]
        if self._failure is not None:
            failures.append(("", self._failure))
        return (*problems(self._book), *unclaimed(failures), *self._memory.problems())

    def status(self) -> dict[str, object]:
        """Every address with its state, ready for JSON."""
        file = {"path": str(self._memory.path), "error": self._memory.error}
        return {"aliases": rows(self._book, _now(), time.time()), "file": file}

    # ------------------------------------------------------------ the work

    def _pause(self) -> float | None:
        if not self._book.entries:
            return None
        now = _now()
        return max(PAUSE if self._book.next_deadline() <= now else 0.0, min(_TICK, self._book.next_deadline() - now))

    async def _work(self) -> None:
        async with self._lock:
            now = _now()
            self._open_doors(now)
            for lan, address, what in self._book.act(now, time.time()):
                self._doors[lan.interface].send(what, address, now)
            await self._give_up_own()
            if self._settling:
                wanted = self._book.wanted(self._ruled())
                if wanted != self._answered or now >= self._looked + _LOOK_EVERY:
                    await self._answer(wanted)
            self._note()
        if self._book.claimed() != self._told:
            self._told = self._book.claimed()
            self._on_claims()

    def _open_doors(self, now: float) -> None:
        lans = self._book.lans
        for name in [name for name, door in self._doors.items() if lans.get(name) != door.lan or not door.lan.up]:
            self._doors.pop(name).close()
        for name, addresses in listened(self._book):
            if lans[name].up:
                door = self._doors.setdefault(name, Door(lans[name], self._heard))
                door.listen(addresses, now)
                self._book.hearing(name, door.is_open, now)

    def _heard(self, lan: str, heard: Heard) -> None:
        found, now = self._book.hear(lan, heard, _now(), time.time()), _now()
        if found is None:
            return
        address, verdict = found
        if verdict is Verdict.ANSWER:
            self._doors[lan].answer(address, heard, now)
        elif verdict is Verdict.DEFEND:
            text = "alias %s: %s says that it has it on %s; it is told once that it is taken"
            log.warning(text, address, heard.mac.hex(":"), lan)
            self._doors[lan].send(What.ANNOUNCEMENT, address, now)
        elif verdict is Verdict.LOST:
            self._woken.set()

    async def _give_up_own(self) -> None:
        """Of an address of this machine itself rules would take away what is for those who listen there."""
        for news in [news for news in self._book.news if news.what == "claimed"]:
            try:
                here = await asyncio.to_thread(next_hop, news.key[1]) is None
            except NetlinkError:
                continue
            if here:
                self._book.news.remove(news)
                self._book.lose(news.key, _now(), time.time())

    def _note(self) -> None:
        news, self._book.news = self._book.news, []
        for one in news:
            is_bad, text = line(one)
            log.log(logging.WARNING if is_bad else logging.INFO, text)
            self._emit(event(one, time.time()))
        self._memory.keep(self._book.choices, _now())

    # ------------------------------------------------------------ the kernel's entries

    async def _adopt(self) -> None:
        names = {lan.index: name for name, lan in self._book.lans.items()}
        try:
            found = [proxy for proxy in await proxies() if proxy.own]
        except NetlinkError as error:
            self._fail(error)
            return
        adopted = [proxy.address for proxy in found if self._book.adopt((names.get(proxy.link, ""), proxy.address))]
        if adopted:
            log.info("aliases: %d that an earlier routerd has claimed: taken over", len(adopted))

    async def _answer(self, wanted: set[Key], *, add: bool = True) -> None:
        """Make the kernel's entries those of `wanted`; without `add` only those that are too many go."""
        now = self._looked = _now()
        indices = {name: lan.index for name, lan in self._book.lans.items()}
        rows = {key: Proxy(indices[key[0]], key[1]) for key in wanted}
        try:
            present = await proxies()
            everyone = {proxy._replace(own=True) for proxy in present}
            own = {proxy for proxy in present if proxy.own} | (everyone & self._made)
            for key in [key for key, row in rows.items() if add and row in everyone - own]:
                # Another program of this machine answers for it.
                self._book.lose(key, now, time.time())
                del rows[key]
            new = set(rows.values()) - own if add else set()
            failed = await change_proxies(new, own - set(rows.values()))
        except NetlinkError as error:
            self._fail(error)
            return
        undone = {proxy for proxy, _ in failed}
        self._made = (self._made & own) | (new - undone)
        there = (own | new) - (undone & new)
        self._answered = {key for key, row in rows.items() if row in there}
        self._standing(now)
        self._failure = None if not failed else self._failure
        if failed:
            self._fail(failed[0][1])

    def _standing(self, now: float) -> None:
        for key, entry in self._book.entries.items():
            if key in self._answered and not entry.claim.installed:
                entry.claim.put(now)
            elif entry.claim.installed and key not in self._answered:
                entry.claim.pulled()

    def _fail(self, error: NetlinkError) -> None:
        if self._failure != str(error):
            log.warning("aliases: %s; trying again", error)
        self._failure = str(error)


def _now() -> float:
    return asyncio.get_running_loop().time()
