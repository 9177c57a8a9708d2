"""Which peer is probed when: one outstanding echo a peer, spread evenly over the interval, for thousands of peers.

Pure: `now` is seconds of a monotonic clock. The cost of a call depends on what is due, not on how many peers there are.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from routerd.model import Address, PeerChange, PeerKey, PeersPart, ProbeTarget

# Phases are multiples of the golden ratio: any number of peers, added in any steps, stays evenly spread.
_GOLDEN = 0.6180339887498949
_FIRST_ROUND = 1.0
_FIRST_ROUND_RATE = 2000.0
_MOST_OUTSTANDING = 0x8000
_FULL_DELAY = 0.1
_STEPS = 128


class Link(NamedTuple):
    """What one probe socket is bound to; `version` is 4 or 6."""

    interface: str | None
    source: Address | None
    version: int


class Send(NamedTuple):
    """An echo request that is to leave now."""

    key: PeerKey
    link: Link
    address: Address
    sequence: int


class Outcome(NamedTuple):
    """How a probe ended: `rtt` in seconds, None where it failed."""

    key: PeerKey
    rtt: float | None


@dataclass(slots=True, eq=False)
class _Peer:
    key: PeerKey
    address: Address
    link: Link
    interval: float
    phase: float
    serial: int = 0
    """Of its one valid heap entry; older entries are skipped when they come up."""
    sequence: int | None = None
    sent: float = 0.0
    rtt: float | None = None
    failures: int = 0


def key_of(target: ProbeTarget) -> PeerKey:
    """The key of a target."""
    return (target.vpn, target.name)


def link_of(target: ProbeTarget) -> Link | None:
    """What the target's probes are sent through; None for a target that is not probed."""
    if target.kind != "icmp" or target.address is None:
        return None
    return Link(target.interface, target.source, target.address.version)


class Probes:
    """The schedule of all probes. `identifier` is the 16-bit ICMP identifier of all requests.

    `late`, `forged` and `foreign` count replies that were ignored: to no probe that is outstanding, from another
    address or link than the probed one, and to another program's requests.
    """

    def __init__(self, identifier: int) -> None:
        self.identifier = identifier
        self.late = self.forged = self.foreign = 0
        self._timeout = 2.0
        self._down_after = 3
        self._peers: dict[PeerKey, _Peer] = {}
        self._outstanding: dict[int, _Peer] = {}
        self._heap: list[tuple[float, int, _Peer]] = []
        self._serial = 0
        self._added = 0
        self._sequence = 0

    def configure(self, part: PeersPart, now: float) -> None:
        """Take over what is to be probed; a peer whose address, link and interval stay is not disturbed."""
        self._timeout, self._down_after = part.timeout, part.down_after
        wanted = {key_of(target): target for target in part.targets}
        gone = [PeerChange(key, None) for key in self._peers if key not in wanted]
        self.update([*gone, *(PeerChange(key, target) for key, target in wanted.items())], now)

    def update(self, changes: Iterable[PeerChange], now: float) -> None:
        """Take over single peers: new, changed, or (target None) gone."""
        fresh = []
        for key, target in changes:
            link = None if target is None else link_of(target)
            peer = self._peers.get(key)
            if target is None or link is None or target.address is None:
                if peer is not None:
                    self._drop(self._peers.pop(key))
                continue
            if peer is not None and (peer.address, peer.link) == (target.address, link):
                if peer.interval != target.interval:
                    peer.interval = target.interval
                    if peer.sequence is None:
                        self._schedule(peer, self._slot(peer, now))
                continue
            if peer is not None:
                self._drop(peer)
            phase = peer.phase if peer is not None else self._next_phase()
            self._peers[key] = peer = _Peer(key, target.address, link, target.interval, phase)
            fresh.append(peer)
        self._start(fresh, now)

    def probed(self) -> dict[PeerKey, tuple[Address, Link, float]]:
        """Address, link and interval of every peer that is probed."""
        return {key: (peer.address, peer.link, peer.interval) for key, peer in self._peers.items()}

    def next_deadline(self) -> float | None:
        """When `on_deadline` is to be called next; None while nothing is probed."""
        while self._heap and self._heap[0][1] != self._heap[0][2].serial:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def on_deadline(self, now: float) -> tuple[list[Send], list[Outcome]]:
        """What to send now and which probes failed by their timeout: bounded work, more may be due at once."""
        sends: list[Send] = []
        outcomes: list[Outcome] = []
        for _ in range(_STEPS):
            deadline = self.next_deadline()
            if deadline is None or deadline > now:
                break
            peer = heapq.heappop(self._heap)[2]
            if peer.sequence is not None:
                outcomes.append(self._fail(peer, now))
            elif len(self._outstanding) >= _MOST_OUTSTANDING:
                self._schedule(peer, now + _FULL_DELAY)
            else:
                sends.append(self._send(peer, now))
        return sends, outcomes

    def receive(self, link: Link, source: Address, identifier: int, sequence: int, now: float) -> Outcome | None:
        """Match a reply to the probe that it answers; None, and counted, where there is none."""
        if identifier != self.identifier:
            self.foreign += 1
            return None
        peer = self._outstanding.get(sequence)
        if peer is None:
            self.late += 1
            return None
        if (peer.address, peer.link) != (source, link):
            self.forged += 1
            return None
        self._end(peer)
        rtt = now - peer.sent
        peer.rtt = rtt if peer.rtt is None else (7 * peer.rtt + rtt) / 8
        peer.failures = 0
        self._schedule(peer, self._slot(peer, now))
        return Outcome(peer.key, rtt)

    def send_failed(self, key: PeerKey, now: float) -> Outcome | None:
        """The request to this peer could not leave: its probe has failed. None if none is outstanding."""
        peer = self._peers.get(key)
        return None if peer is None or peer.sequence is None else self._fail(peer, now)

    def not_sent(self, key: PeerKey, now: float) -> None:
        """Nothing can be sent at all: that says nothing about the peer, which is tried again at its next turn."""
        peer = self._peers.get(key)
        if peer is not None and peer.sequence is not None:
            self._end(peer)
            peer.failures = 0
            self._schedule(peer, self._slot(peer, now))

    def hasten(self, link: Link, now: float) -> None:
        """The link works again: probe its peers soon instead of at their next turns."""
        self._start([peer for peer in self._peers.values() if peer.link == link and peer.sequence is None], now)

    def _send(self, peer: _Peer, now: float) -> Send:
        while self._sequence in self._outstanding:
            self._sequence = (self._sequence + 1) & 0xFFFF
        peer.sequence, peer.sent = self._sequence, now
        self._outstanding[peer.sequence] = peer
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._schedule(peer, now + self._patience(peer))
        return Send(peer.key, peer.link, peer.address, peer.sequence)

    def _patience(self, peer: _Peer) -> float:
        # Where the timeout is longer than the interval, waiting for all of it would delay the next probe and with it
        # the news that the peer is gone. A peer known to answer fast is given up earlier; a slow one never is.
        if peer.rtt is None:
            return self._timeout
        return min(self._timeout, max(peer.interval, 4 * peer.rtt))

    def _fail(self, peer: _Peer, now: float) -> Outcome:
        self._end(peer)
        peer.failures += 1
        if peer.failures < self._down_after:
            # In doubt the next probe follows at once, but not so fast that one short disturbance counts as several.
            self._schedule(peer, max(now, peer.sent + min(peer.interval, self._timeout)))
        else:
            peer.rtt = None
            self._schedule(peer, self._slot(peer, now))
        return Outcome(peer.key, None)

    def _end(self, peer: _Peer) -> None:
        assert peer.sequence is not None
        del self._outstanding[peer.sequence]
        peer.sequence = None

    def _drop(self, peer: _Peer) -> None:
        if peer.sequence is not None:
            self._end(peer)
        peer.serial = -1

    def _start(self, peers: list[_Peer], now: float) -> None:
        spread = max(_FIRST_ROUND, len(peers) / _FIRST_ROUND_RATE)
        for peer in peers:
            self._schedule(peer, now + peer.phase * min(peer.interval, spread))

    def _schedule(self, peer: _Peer, at: float) -> None:
        self._serial += 1
        peer.serial = self._serial
        heapq.heappush(self._heap, (at, self._serial, peer))
        if len(self._heap) > 4 * len(self._peers) + 64:
            self._heap = [entry for entry in self._heap if entry[1] == entry[2].serial]
            heapq.heapify(self._heap)

    def _slot(self, peer: _Peer, now: float) -> float:
        """The peer's first regular turn after `now`."""
        offset = peer.phase * peer.interval
        slot = offset + ((now - offset) // peer.interval + 1) * peer.interval
        return slot if slot > now else slot + peer.interval

    def _next_phase(self) -> float:
        self._added += 1
        return self._added * _GOLDEN % 1.0
