"""All addresses that are to stand for peers, with what is with each of them. Pure: `now` is seconds of one clock.

`wall` are Unix seconds, for what is remembered longer than this process lives.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from random import Random
from typing import NamedTuple

from routerd.alias_part import AliasLan, AliasPart, Claimed
from routerd.aliases.arp import Heard
from routerd.aliases.choice import Choices
from routerd.aliases.claim import Claim, State, Verdict, What, retry_after
from routerd.model import Address
from routerd.nat_part import PoolPeer

Key = tuple[str, IPv4Address]
"""The LAN's interface and the address."""

AT_ONCE, PAUSE = 32, 0.1
"""So many addresses are asked for or announced at a time, and so many seconds lie between two times."""
_FORGET = 600.0
_NEVER = float("inf")


class Send(NamedTuple):
    """Something to be sent on a LAN."""

    lan: AliasLan
    address: IPv4Address
    what: What


class News(NamedTuple):
    """Something that has changed: claimed, conflict (`mac` has it) or released."""

    key: Key
    peer: PoolPeer
    what: str
    mac: bytes | None = None


@dataclass(slots=True)
class Occupied:
    """Another machine has an address of a pool; it is not asked for again before `until`."""

    lan: str
    mac: bytes | None
    until: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One address as it is now."""

    peer: PoolPeer
    claim: Claim
    pooled: bool


class Book:
    """The addresses of the part that was applied last.

    `news` collects what has changed, until it is taken. On LANs in `deaf` nothing is asked: no answer could be heard.
    `lacking`: how many peers of a LAN's pool have no address.
    """

    def __init__(self, generator: Random) -> None:
        self.choices = Choices()
        self.entries: dict[Key, Entry] = {}
        self.occupied: dict[IPv4Address, Occupied] = {}
        self.lacking: dict[str, int] = {}
        self.deaf: set[str] = set()
        self.news: list[News] = []
        self._random = generator
        self._part = AliasPart()
        self._acted = -_NEVER
        self._lans: dict[str, AliasLan] = {}

    @property
    def lans(self) -> dict[str, AliasLan]:
        """The LANs with aliases, by interface."""
        return self._lans

    def apply(self, part: AliasPart, now: float, wall: float) -> None:
        """Go on with this part. What it does not have any more is forgotten, but for which peer it was chosen for."""
        before, self._part = self._lans, part
        self._lans = {lan.interface: lan for lan in part.lans}
        old = set(self.entries)
        self._assign(now, wall)
        for key in old & set(self.entries):
            claim, was, lan = self.entries[key].claim, before.get(key[0]), self._lans[key[0]]
            anew = was is None or (was.index, was.mac) != (lan.index, lan.mac)
            if claim.state is not State.AWAY and (anew or not lan.up):
                claim.close(now)
            if claim.state is State.AWAY and lan.up:
                claim.open(now)

    def adopt(self, key: Key) -> bool:
        """An earlier routerd answers for this address; False where it must not any more."""
        entry = self.entries.get(key)
        if entry is None or not self._lans[key[0]].up:
            return False
        entry.claim.adopt()
        return True

    # ------------------------------------------------------------ asking

    def next_deadline(self) -> float:
        """When `act` next has something to do; infinite if it has not."""
        times = [entry.claim.next_deadline() for key, entry in self.entries.items() if key[0] not in self.deaf]
        lacks = any(self.lacking.values())
        times += [one.until + (0.0 if lacks and one.until > self._acted else _FORGET) for one in self.occupied.values()]
        return min(times, default=_NEVER)

    def act(self, now: float, wall: float) -> list[Send]:
        """What is to be sent now. Of very many addresses that are due the rest is left for the next time."""
        if any(self.lacking.values()) and any(self._acted < one.until <= now for one in self.occupied.values()):
            self._assign(now, wall)
        self._acted = now
        self.occupied = {at: one for at, one in self.occupied.items() if now < one.until + _FORGET}
        due = [
            (at, key)
            for key, entry in self.entries.items()
            if (at := entry.claim.next_deadline()) <= now and key[0] not in self.deaf
        ]
        sends = []
        for _, key in sorted(due)[:AT_ONCE]:
            entry, lan = self.entries[key], self._lans[key[0]]
            claim, held = entry.claim, entry.claim.held
            sends += [Send(lan, key[1], what) for what in claim.act(now)]
            if claim.state is State.CLAIMED:
                self.occupied.pop(key[1], None)
            if claim.held and not held:
                self.news.append(News(key, entry.peer, "claimed"))
        return sends

    def hearing(self, lan: str, can: bool, now: float) -> None:
        """Answers on this LAN can be heard from now on, or not any more; what was being asked is asked again."""
        if can and lan in self.deaf:
            for key, entry in self.entries.items():
                if key[0] == lan and entry.claim.state is State.ASKING:
                    entry.claim.open(now)
        (self.deaf.discard if can else self.deaf.add)(lan)

    # ------------------------------------------------------------ hearing

    def hear(self, lan: str, heard: Heard, now: float, wall: float) -> tuple[IPv4Address, Verdict] | None:
        """What a packet on a LAN means for which address; None if it means nothing."""
        here = self._lans.get(lan)
        if here is None or heard.mac == here.mac or heard.mac in self._part.own_macs:
            return None
        if heard.sender is not None and (lan, heard.sender) in self.entries:
            key = lan, heard.sender
            verdict = self.entries[key].claim.heard(heard.mac, now)
        elif heard.asks and (lan, heard.target) in self.entries:
            key = lan, heard.target
            claim = self.entries[key].claim
            verdict = claim.probed(heard.mac, now) if heard.sender is None else claim.asked()
        else:
            return None
        if verdict is Verdict.LOST:
            self._lost(key, heard.mac, now, wall)
        return key[1], verdict

    def lose(self, key: Key, now: float, wall: float) -> None:
        """Something on this machine itself has the address."""
        if key in self.entries and self.entries[key].claim.lose(now) is Verdict.LOST:
            self._lost(key, None, now, wall)

    # ------------------------------------------------------------ what holds

    def claimed(self) -> frozenset[Claimed]:
        """What nobody else has, for the plan."""
        return frozenset(
            Claimed(*key, entry.peer.vpn, entry.peer.key) if entry.pooled else Claimed(*key)
            for key, entry in self.entries.items()
            if entry.claim.held
        )

    def wanted(self, ruled: Collection[tuple[str, Address]]) -> set[Key]:
        """What this machine is to answer for: what is claimed, as far as its rules are there."""
        return {key for key, entry in self.entries.items() if key in ruled and entry.claim.wants}

    # ------------------------------------------------------------ parts

    def _assign(self, now: float, wall: float) -> None:
        peers: dict[Key, tuple[PoolPeer, bool]] = {
            (one.lan, one.address): (one.peer, False) for one in self._part.aliases
        }
        occupied = {at for at, one in self.occupied.items() if one.until > now}
        self.lacking = {}
        for pool in self._part.pools:
            doubtful = self.occupied.keys() - occupied
            found = self.choices.assign(pool, occupied, doubtful, wall, complete=self._part.complete)
            self.lacking[pool.lan] = len(pool.peers) - len(found)
            peers |= {(pool.lan, address): (peer, True) for address, peer in found.items()}
        for key in [key for key in self.entries if key not in peers]:
            entry = self.entries.pop(key)
            if entry.claim.held:
                self.news.append(News(key, entry.peer, "released"))
        for key, (peer, pooled) in peers.items():
            self.entries[key] = Entry(peer, self._claim(key, now), pooled)

    def _claim(self, key: Key, now: float) -> Claim:
        if key in self.entries:
            return self.entries[key].claim
        claim = Claim(self._random)
        if self._lans[key[0]].up:
            claim.open(now)
        return claim

    def _lost(self, key: Key, mac: bytes | None, now: float, wall: float) -> None:
        entry = self.entries[key]
        self.news.append(News(key, entry.peer, "conflict", mac))
        if entry.pooled:
            known = self.occupied.get(key[1])
            times = 1 if known is None else known.times + 1
            self.occupied[key[1]] = Occupied(key[0], mac, now + retry_after(times, self._random), times)
            del self.entries[key]
            self._assign(now, wall)


def listened(book: Book) -> Iterator[tuple[str, list[IPv4Address]]]:
    """The addresses of every LAN whose packets are of interest."""
    for lan in book.lans:
        yield lan, sorted(address for name, address in book.entries if name == lan)
