"""RIP on one LAN: its versions, their keys, and what is announced as peers come and go."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from routerd.model import Network, PeerKey, Problem
from routerd.reports import Check, PeerState
from routerd.rip.announced import Announced
from routerd.rip.door_service import Door
from routerd.rip.farewell_service import say_farewell
from routerd.rip.keys_service import KeyFiles
from routerd.rip.sequence_service import SequenceStore
from routerd.rip.troubles import Troubles
from routerd.rip.words import Version
from routerd.rip_part import RipLan, RipLearned, RipReport

OnLearned = Callable[[tuple[str, Version], int, dict[Network, RipLearned | None]], None]
"""Hears of what changed of the routes that a speaker learned, on the interface with this index."""


class LanService:
    """What is announced and known survives every `apply`, and also `park`, but for what was learned."""

    def __init__(self, lan: RipLan, store: SequenceStore, on_learned: OnLearned) -> None:
        self.lan = lan
        self._store, self._on_learned = store, on_learned
        self._doors: dict[Version, Door] = {}
        self._troubles: dict[Version, Troubles] = {}
        self._announced = Announced()
        self._keys = KeyFiles(lan.interface)
        self._loaded: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def doors(self) -> Sequence[Door]:
        """The sockets with their speakers."""
        return tuple(self._doors.values())

    # ------------------------------------------------------------ what is wanted

    async def apply(self, lan: RipLan, states: Mapping[PeerKey, PeerState], loaded: int) -> None:
        """Speak by this part from now on. The secrets are read from their files where the number `loaded` is new.

        Between two loads of the configuration somebody may be writing them: no neighbour has them yet.
        """
        before, self.lan = self.lan, lan
        if loaded != self._loaded:
            self._loaded = loaded
            await self._keys.read(lan.settings.keys)
        versions = {Version(name) for name in lan.settings.versions}
        if self._keys.keys is None:
            versions.discard(Version.V2)
        await say_farewell([self._doors[version] for version in self._ending(before, versions)])
        for version in self._doors.keys() - versions:
            self._doors.pop(version).close()
        now = time.monotonic()
        self._announced.apply(lan)
        renamed = self._announced.renamed
        self._announced.observe({key: state for key, state in states.items() if key not in renamed}, now)
        for version in sorted(versions):
            if version not in self._doors:
                self._doors[version] = Door(version, lan, self._store, self._hear(version))
                self._troubles[version] = Troubles()
            self._doors[version].apply(lan, self._keys.keys or (), self._announced.routes(now))
        self._arm(now)

    def _ending(self, before: RipLan, versions: set[Version]) -> Iterator[Version]:
        """The versions that are over, or are spoken from another address while the one that was is still here."""
        for version in self._doors:
            moved = version is Version.V2 and before.address != self.lan.address
            if version not in versions or (moved and before.address in self.lan.addresses):
                yield version

    def _hear(self, version: Version) -> Callable[[int, dict[Network, RipLearned | None]], None]:
        return lambda link, changes: self._on_learned((self.lan.interface, version), link, changes)

    def observe(self, states: Mapping[PeerKey, PeerState]) -> None:
        """Take over the states of all peers."""
        if self.lan.peers:
            self._announced.observe(states, time.monotonic())
            self._announce()

    def _announce(self) -> None:
        now = time.monotonic()
        routes = self._announced.routes(now)
        for door in self._doors.values():
            door.announce(routes)
        self._arm(now)

    def _arm(self, now: float) -> None:
        self._disarm()
        deadline = self._announced.next_deadline(now)
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._announce)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------ ends

    async def park(self) -> None:
        """This machine cannot, or must not, speak here now: RIPv2 falls silent at once.

        Whoever has the LAN's address now goes on with that. RIPng's own address is this machine's alone, so it says
        that it is over.
        """
        self._disarm()
        await say_farewell([door for version, door in self._doors.items() if version is Version.NG])
        self.close()

    async def end(self) -> None:
        """RIP is not wanted here any more."""
        self._disarm()
        await say_farewell(self.doors)
        self.close()

    def close(self) -> None:
        """Give the sockets back."""
        self._disarm()
        for door in self._doors.values():
            door.close()

    # ------------------------------------------------------------ what is shown

    def reports(self) -> Iterator[tuple[Door, RipReport]]:
        """Every speaker's, as far as it ever spoke."""
        for door in self._doors.values():
            if (report := door.report()) is not None:
                yield door, report

    def checks(self) -> Iterator[Check]:
        """Is RIP spoken?"""
        if self._keys.keys is None:
            yield Check(f"rip {self.lan.interface} v2", False, "its keys cannot be read")
        for door in self._doors.values():
            yield door.check()

    def problems(self) -> Iterator[Problem]:
        """What keeps RIP from being spoken, or neighbours from being understood."""
        subject, now = f"lan {self.lan.interface}", time.monotonic()
        yield from self._keys.problems()
        for door in self._doors.values():
            version = ("version", door.version.value)
            if not door.is_open and (error := door.error) is not None:
                code = "rip-other-daemon" if error.rival else "rip-socket"
                yield Problem(code, subject, (version, ("reason", error.reason), ("hint", error.hint)))
            elif door.others is not None:
                yield Problem("rip-other-beside", subject, (version, ("who", door.others or "another program")))
        for door, report in self.reports():
            troubles = self._troubles[door.version]
            troubles.look(report, now)
            yield from troubles.problems(report, now)
