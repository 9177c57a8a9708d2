"""All peers with what is known of them: configured targets, and peers of the devices that no target names.

Pure: `now` is monotonic seconds, `unix_now` the same moment in Unix seconds. Methods that can change what is
reachable say so: they return True when `reachable` of some peer has changed.
"""

from collections.abc import Iterable, Iterator, Mapping

from routerd.model import Address, PeerChange, PeerKey, PeersPart, ProbeTarget, Problem, WireGuardDevice, WireGuardPeer
from routerd.peers.entries import Entry, probe_of, renewed, report, unlisted
from routerd.peers.failures import NO_ANSWER
from routerd.peers.flapping import Flaps
from routerd.peers.handshakes import Handshakes
from routerd.peers.matching import match
from routerd.peers.moves import Move
from routerd.peers.sends import Outcome, key_of
from routerd.peers.status import Event, Status, handshake_event, observed, probed
from routerd.peers.troubles import named, troubles
from routerd.reports import PeerReport, PeerState

_SETTLED = frozenset((PeerState.UP, PeerState.STALE, PeerState.DOWN, PeerState.IDLE))
"""Coming from and going to the other states says something of the measuring, not of the peer."""

_Identity = tuple[str, str | None, tuple[str, Address] | None]
"""A vpn, a public key, and what is probed."""


class Roster:
    """Every peer's entry, kept up to date by configuration, devices, probes and time."""

    def __init__(self) -> None:
        self._entries: dict[PeerKey, Entry] = {}
        self._devices: Mapping[str, WireGuardDevice] = {}
        self._handshakes = Handshakes()
        self._moves: list[Move] = []
        self._flaps = Flaps()
        self._looked = 0.0
        self._fresh: list[tuple[PeerKey, float]] = []
        self._down_after = 3
        self._up_after = 2

    def apply(self, part: PeersPart, now: float, unix_now: float) -> bool:
        """Take over all targets. One with the name or the key of an earlier one goes on with that one's state."""
        self._down_after, self._up_after = part.down_after, part.up_after
        wanted = {key_of(target): target for target in part.targets}
        gone = [key for key, entry in self._entries.items() if entry.listed and key not in wanted]
        changes = [PeerChange(key, None) for key in gone] + [PeerChange(*item) for item in wanted.items()]
        changed = self.update(changes, now, unix_now)
        # Shown in the order of the part: what is configured first comes first.
        rest = [key for key in self._entries if key not in wanted]
        self._entries = {key: self._entries[key] for key in (*wanted, *rest)}
        return changed

    def update(self, changes: Iterable[PeerChange], now: float, unix_now: float) -> bool:
        """Take over single targets: new, changed, or (None) gone; what is renamed keeps the state of its probe."""
        changes = tuple(changes)
        before = self._measured()
        states = {key: self._entries.get(key) for key, _ in changes}
        left = self._left_by(changes)
        for key, target in changes:
            if target is None:
                self._entries.pop(key, None)
                self._forget(key)
                continue
            earlier = self._entries.get(key)
            if earlier is None or not _same_peer(earlier, target):
                earlier = left.get((target.vpn, target.public_key, probe_of(target))) if target.public_key else None
            self._entries[key] = renewed(earlier, target, now)
        for key, former in states.items():
            self._compare(key, former)
        self._see_all(self._devices, now, unix_now)
        return self._measured() != before

    def _left_by(self, changes: Iterable[PeerChange]) -> dict[_Identity, Entry]:
        """The entries whose names go, or come to stand for another peer, by what they stood for.

        Of an entry that stays nobody inherits: several names may be behind one key, and each has its own probe.
        """
        left = [(key[0], entry) for key, entry in self._entries.items() if not entry.listed]
        for key, target in changes:
            entry = self._entries.get(key)
            if entry is not None and (target is None or not _same_peer(entry, target)):
                left.append((key[0], entry))
        return {(vpn, entry.public_key, probe_of(entry.target)): entry for vpn, entry in left}

    def observed(self, devices: Mapping[str, WireGuardDevice], now: float, unix_now: float) -> bool:
        """Take over the devices that can be read now, by vpn."""
        changed = self._see_all(devices, now, unix_now)
        self._devices, self._looked = devices, now
        return changed

    def _see_all(self, devices: Mapping[str, WireGuardDevice], now: float, unix_now: float) -> bool:
        self._devices = devices
        targets: dict[str, list[ProbeTarget]] = {}
        for (vpn, _), entry in self._entries.items():
            if entry.listed:
                targets.setdefault(vpn, []).append(entry.target)
        found: dict[PeerKey, WireGuardPeer] = {}
        changed = False
        for vpn, device in devices.items():
            peers = {peer.public_key: peer for peer in device.peers}
            names = match(targets.get(vpn, ()), device.peers)
            for name, public_key in names.items():
                found[vpn, name] = peers[public_key]
            for public_key in peers.keys() - set(names.values()):
                key = (vpn, public_key)
                found[key] = peers[public_key]
                if key not in self._entries:
                    self._entries[key] = unlisted(vpn, device.interface, peers[public_key], now)
        for key in [key for key, entry in self._entries.items() if not entry.listed and key not in found]:
            former = self._entries.pop(key)
            changed |= former.status.reachable is not None
            self._forget(key)
            self._compare(key, former)
        for key, entry in self._entries.items():
            changed |= self._see(key, entry, found.get(key), now, unix_now)
        return changed

    def probe_sent(self, key: PeerKey) -> None:
        """A probe of this peer leaves."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.probe_sent()

    def outcome(self, outcome: Outcome, now: float) -> bool:
        """Take over how a probe ended; of a peer that is gone by now it is ignored."""
        entry = self._entries.get(outcome.key)
        if entry is None:
            return False
        entry.is_out = False
        entry.failure = None if outcome.rtt is not None else outcome.reason or NO_ANSWER
        if outcome.rtt is not None:
            entry.rtt, entry.last_success = outcome.rtt, now
        status = probed(
            entry.status, outcome.rtt is not None, now, down_after=self._down_after, up_after=self._up_after
        )
        return self._set(outcome.key, entry, status)

    def unmeasured(self, key: PeerKey, now: float) -> bool:
        """The peer cannot be probed now, for a reason that says nothing about the peer."""
        entry = self._entries.get(key)
        if entry is None:
            return False
        entry.is_out = False
        return self._set(key, entry, observed(entry.status, Event.UNMEASURED, now, is_probed=True))

    def next_deadline(self) -> float | None:
        """When `on_deadline` is to be called next."""
        deadlines = (self._handshakes.next_deadline(), self._flaps.next_deadline())
        return min((at for at in deadlines if at is not None), default=None)

    def on_deadline(self, now: float) -> bool:
        """Judge the peers whose handshake has become too old, and sum up what became of those that flap."""
        changed = False
        for key, changes, flapping in self._flaps.on_deadline(now):
            entry = self._entries[key]
            self._moves.append(_move(key, entry, entry.status.state, flapping, changes))
        for key in self._handshakes.on_deadline(now):
            entry = self._entries[key]
            changed |= self._set(key, entry, observed(entry.status, Event.AGED, now, is_probed=entry.is_probed))
        return changed

    def reachable(self) -> dict[str, bool | None]:
        """Per peer name; where a peer of two vpns has one name, the configured one counts."""
        entries = sorted(self._entries.items(), key=lambda item: item[1].listed)
        return {name: entry.status.reachable for (_, name), entry in entries}

    def states(self) -> dict[PeerKey, PeerState]:
        """The state of every peer."""
        return {key: entry.status.state for key, entry in self._entries.items()}

    def all_down(self) -> frozenset[str]:
        """The vpns that have peers, every one of them known to be unreachable."""
        down: dict[str, bool] = {}
        for (vpn, _), entry in self._entries.items():
            down[vpn] = down.get(vpn, True) and entry.status.reachable is False
        return frozenset(vpn for vpn, all_are in down.items() if all_are)

    def _measured(self) -> dict[str, bool]:
        return {name: value for name, value in self.reachable().items() if value is not None}

    def find(self, name: str) -> Entry | None:
        """The peer of this name, else of this public key."""
        entries = self._entries
        named = next((entry for (_, other), entry in entries.items() if other == name), None)
        return named or next((entry for entry in entries.values() if entry.public_key == name), None)

    def entries(self) -> tuple[Entry, ...]:
        """All peers: configured ones first, in their order."""
        return tuple(sorted(self._entries.values(), key=lambda entry: not entry.listed))

    def problems(self) -> Iterator[Problem]:
        """What is wrong with peers: they are down, flap, are on no device, or cannot be begun with."""
        devices = {vpn: device.interface for vpn, device in self._devices.items()}
        return named(troubles(self._entries.values(), devices, self._flaps.keys()))

    def report(self, entry: Entry, unix_offset: float) -> PeerReport:
        """The entry as `/v1/peers` shows it; `unix_offset` turns monotonic seconds into Unix seconds."""
        return report(entry, unix_offset, flapping=self._flaps.is_flapping(key_of(entry.target)))

    def fresh(self) -> list[tuple[PeerKey, float]]:
        """Since the last call: the peers that bytes came from, and since when at the earliest."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _see(self, key: PeerKey, entry: Entry, peer: WireGuardPeer | None, now: float, unix_now: float) -> bool:
        if entry.moved(peer):
            entry.traffic = now
            self._fresh.append((key, self._looked))
        if peer is None:
            if key[0] in self._devices:
                self._handshakes.forget(key)
            if entry.is_probed:
                return False
            return self._set(key, entry, observed(entry.status, Event.UNMEASURED, now, is_probed=False))
        at = entry.handshake = self._handshakes.update(key, peer.last_handshake, now, unix_now)
        return self._set(key, entry, observed(entry.status, handshake_event(at, now), now, is_probed=entry.is_probed))

    def _set(self, key: PeerKey, entry: Entry, status: Status) -> bool:
        before, entry.status = entry.status, status
        if before.state is not status.state:
            self._tell(key, entry, before.state)
        return before.reachable is not status.reachable

    def _tell(self, key: PeerKey, entry: Entry, before: PeerState) -> None:
        status = entry.status
        if before not in _SETTLED or status.state not in _SETTLED or self._flaps.note(key, status.since):
            self._moves.append(_move(key, entry, status.state, self._flaps.is_flapping(key) or None))

    def _forget(self, key: PeerKey) -> None:
        self._handshakes.forget(key)
        self._flaps.forget(key)

    def _compare(self, key: PeerKey, former: Entry | None) -> None:
        """Note what became of a peer whose entry was made anew or is gone."""
        entry = self._entries.get(key)
        state = former.status.state if former is not None else PeerState.UNKNOWN
        if entry is None and former is not None:
            self._moves.append(_move(key, former, None))
        elif entry is not None and entry.status.state is not state:
            self._moves.append(_move(key, entry, entry.status.state))

    def moves(self) -> list[Move]:
        """Every change of a state since the last call, in order."""
        moves, self._moves = self._moves, []
        return moves


def _same_peer(earlier: Entry, target: ProbeTarget) -> bool:
    return target.public_key is None or earlier.public_key is None or target.public_key == earlier.public_key


def _move(key: PeerKey, entry: Entry, state: PeerState | None, flapping: bool | None = None, changes: int = 0) -> Move:
    probed = str(entry.target.address) if entry.is_probed else None
    failure = entry.failure if entry.target.kind != "icmp" else None
    return Move(key, state, entry.listed, probed, entry.status.failures, entry.rtt, flapping, changes, failure)
