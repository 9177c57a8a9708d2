"""Which peer is probed when: one outstanding echo a peer, spread evenly over the interval, for thousands of peers.

Pure: `now` is seconds of a monotonic clock. The cost of a call depends on what is due, not on how many peers there are.
"""

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

from routerd.config.probes import probing
from routerd.model import Address, PeerChange, PeerKey, PeersPart
from routerd.peers.sends import Link, Outcome, Send, key_of, link_of

# Phases are multiples of the golden ratio: any number of peers, added in any steps, stays evenly spread.
_GOLDEN = 0.6180339887498949
_FIRST_ROUND = 1.0
_FIRST_ROUND_RATE = 2000.0
_MOST_OUTSTANDING = 0x8000
_MOST_CONNECTING = 64
_MOST_SPARED = 5
_FULL_DELAY = 0.1
_STEPS = 128


@dataclass(slots=True, eq=False)
class _Peer:
    key: PeerKey
    address: Address
    link: Link
    interval: float
    phase: float
    kind: str = "icmp"
    connects: bool = False
    serial: int = 0
    """Of its one valid heap entry; older entries are skipped when they come up."""
    sequence: int | None = None
    sent: float = 0.0
    rtt: float | None = None
    failures: int = 0
    answers: int = 0
    """Probes in a row that were answered."""
    fresh: float = -math.inf
    """When it last gave a sign of life that spares it a probe."""
    spared: int = 0
    """Turns in a row that were left out."""
    asked: bool = False
    """Somebody waits for its next outcome."""


class Probes:
    """The schedule of all probes. `identifier` is the 16-bit ICMP identifier of all requests.

    `late`, `forged` and `foreign` count replies that were ignored: to no probe that is outstanding, from another
    address or link than the probed one, and to another program's requests. `spared` counts echoes that were left out.

    A peer that is well and gave a sign of life within its interval is spared the echo, five times in a row at most:
    then its round-trip time is wanted too. One that fails, or has not yet answered often enough to be up, is always
    probed. Connections are never left out, because no other sign of life says that the service works.
    """

    def __init__(self, identifier: int) -> None:
        self.identifier = identifier
        self.late = self.forged = self.foreign = self.spared = 0
        self._timeout = 2.0
        self._down_after, self._up_after = 3, 2
        self._connecting = 0
        self._links: dict[Link, Link] = {}
        self._peers: dict[PeerKey, _Peer] = {}
        self._outstanding: dict[int, _Peer] = {}
        self._heap: list[tuple[float, int, _Peer]] = []
        self._serial = 0
        self._added = 0
        self._sequence = 0

    def configure(self, part: PeersPart, now: float) -> None:
        """Take over what is to be probed; a peer whose address, link and interval stay is not disturbed."""
        self._timeout, self._down_after, self._up_after = part.timeout, part.down_after, part.up_after
        wanted = {key_of(target): target for target in part.targets}
        self._links = {peer.link: peer.link for peer in self._peers.values()}
        gone = [PeerChange(key, None) for key in self._peers if key not in wanted]
        self.update([*gone, *(PeerChange(key, target) for key, target in wanted.items())], now)

    def update(self, changes: Iterable[PeerChange], now: float) -> None:
        """Take over single peers: new, changed, or (target None) gone."""
        fresh = []
        for key, target in changes:
            link = None if target is None else link_of(target)
            # Thousands of peers share a few links.
            link = link if link is None else self._links.setdefault(link, link)
            peer = self._peers.get(key)
            if target is None or link is None or target.address is None:
                if peer is not None:
                    self._drop(self._peers.pop(key))
                continue
            if peer is not None and (peer.address, peer.link, peer.kind) == (target.address, link, target.kind):
                if peer.interval != target.interval:
                    peer.interval = target.interval
                    if peer.sequence is None:
                        self._schedule(peer, self._slot(peer, now))
                continue
            if peer is not None:
                self._drop(peer)
            phase = peer.phase if peer is not None else self._next_phase()
            connects = probing(target.kind).connects
            peer = _Peer(key, target.address, link, target.interval, phase, target.kind, connects)
            self._peers[key] = peer
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
            elif self._is_spared(peer, now):
                peer.spared += 1
                self.spared += 1
                self._schedule(peer, self._slot(peer, now))
            elif len(self._outstanding) >= _MOST_OUTSTANDING or (
                peer.connects and self._connecting >= _MOST_CONNECTING
            ):
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
        if peer.connects or (peer.address, peer.link) != (source, link):
            self.forged += 1
            return None
        return self._succeed(peer, now)

    def connected(self, send: Send, reason: str, now: float) -> Outcome | None:
        """A connection has ended, with success where `reason` is empty; None if nobody waits for it any more."""
        if not self.is_outstanding(send):
            return None
        peer = self._outstanding[send.sequence]
        return self._fail(peer, now, reason) if reason else self._succeed(peer, now)

    def is_outstanding(self, send: Send) -> bool:
        """Whether the outcome of this probe is still waited for."""
        peer = self._outstanding.get(send.sequence)
        return peer is not None and (peer.key, peer.address, peer.link) == (send.key, send.address, send.link)

    def send_failed(self, key: PeerKey, now: float, reason: str = "") -> Outcome | None:
        """The request to this peer could not leave: its probe has failed. None if none is outstanding."""
        peer = self._peers.get(key)
        return None if peer is None or peer.sequence is None else self._fail(peer, now, reason)

    def not_sent(self, key: PeerKey, now: float) -> None:
        """Nothing can be sent at all: that says nothing about the peer, which is tried again at its next turn."""
        peer = self._peers.get(key)
        if peer is not None and peer.sequence is not None:
            self._end(peer)
            peer.failures = peer.answers = 0
            self._schedule(peer, self._slot(peer, now))

    def fresh(self, key: PeerKey, at: float) -> None:
        """The peer gave a sign of life at `at` that is no answer to a probe."""
        peer = self._peers.get(key)
        if peer is not None:
            peer.fresh = max(peer.fresh, at)

    def ask(self, key: PeerKey, now: float) -> bool:
        """Probe this peer at once, or wait for the probe that is out; False if it is not probed at all."""
        peer = self._peers.get(key)
        if peer is None:
            return False
        peer.asked = True
        if peer.sequence is None:
            self._schedule(peer, now)
        return True

    def hasten(self, link: Link, now: float) -> None:
        """The link works again: probe its peers soon instead of at their next turns."""
        self._start([peer for peer in self._peers.values() if peer.link == link and peer.sequence is None], now)

    def _send(self, peer: _Peer, now: float) -> Send:
        while self._sequence in self._outstanding:
            self._sequence = (self._sequence + 1) & 0xFFFF
        peer.sequence, peer.sent = self._sequence, now
        self._outstanding[peer.sequence] = peer
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._connecting += peer.connects
        self._schedule(peer, now + self._patience(peer))
        return Send(peer.key, peer.link, peer.address, peer.sequence, peer.kind)

    def _is_spared(self, peer: _Peer, now: float) -> bool:
        well = peer.answers >= self._up_after and not (peer.connects or peer.asked)
        return well and peer.spared < _MOST_SPARED and now - peer.fresh < peer.interval

    def _patience(self, peer: _Peer) -> float:
        # Where the timeout is longer than the interval, waiting for all of it would delay the next probe and with it
        # the news that the peer is gone. A peer known to answer fast is given up earlier; a slow one never is.
        if peer.rtt is None or peer.connects:
            return self._timeout
        return min(self._timeout, max(peer.interval, 4 * peer.rtt))

    def _succeed(self, peer: _Peer, now: float) -> Outcome:
        if peer.asked:
            peer.fresh = now
        self._end(peer)
        rtt = now - peer.sent
        peer.rtt = rtt if peer.rtt is None else (7 * peer.rtt + rtt) / 8
        peer.failures = peer.spared = 0
        peer.answers += 1
        self._schedule(peer, self._slot(peer, now))
        return Outcome(peer.key, rtt)

    def _fail(self, peer: _Peer, now: float, reason: str = "") -> Outcome:
        self._end(peer)
        peer.failures += 1
        peer.answers = 0
        if peer.failures < self._down_after:
            # In doubt the next probe follows at once, but not so fast that one short disturbance counts as several.
            self._schedule(peer, max(now, peer.sent + min(peer.interval, self._timeout)))
        else:
            peer.rtt = None
            self._schedule(peer, self._slot(peer, now))
        return Outcome(peer.key, None, reason)

    def _end(self, peer: _Peer) -> None:
        assert peer.sequence is not None
        del self._outstanding[peer.sequence]
        peer.sequence, peer.asked = None, False
        self._connecting -= peer.connects

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
