"""All peers with what is known of them: configured targets, and peers of the devices that no target names.

Pure: `now` is monotonic seconds, `unix_now` the same moment in Unix seconds. Methods that can change what is
reachable say so: they return True when `reachable` of some peer has changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from routerd.model import (
    Network,
    PeerChange,
    PeerKey,
    PeerReport,
    PeersPart,
    PeerState,
    ProbeTarget,
    Problem,
    WireGuardDevice,
    WireGuardPeer,
)
from routerd.peers.handshakes import Handshakes
from routerd.peers.matching import match
from routerd.peers.moves import Move
from routerd.peers.probes import Outcome, key_of, link_of
from routerd.peers.status import Event, Status, handshake_event, observed, probed

_CLOCK_STEP = 10.0


@dataclass(slots=True, eq=False)
class Entry:
    """One peer. `peer` is what its device said last, None where no device has it. Times are monotonic seconds."""

    target: ProbeTarget
    listed: bool
    status: Status = field(default_factory=Status)
    peer: WireGuardPeer | None = None
    rtt: float | None = None
    last_success: float | None = None
    handshake: float | None = None

    @property
    def is_probed(self) -> bool:
        """Whether probes judge it; else its handshakes do."""
        return link_of(self.target) is not None

    @property
    def public_key(self) -> str | None:
        """Its key as configured, else as found on its device."""
        return self.target.public_key or (self.peer.public_key if self.peer else None)


class Roster:
    """Every peer's entry, kept up to date by configuration, devices, probes and time."""

    def __init__(self) -> None:
        self._entries: dict[PeerKey, Entry] = {}
        self._devices: Mapping[str, WireGuardDevice] = {}
        self._handshakes = Handshakes()
        self._moves: list[Move] = []
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
        """Take over single targets: new, changed, or (None) gone; a new name of a known key keeps that one's state."""
        changes = tuple(changes)
        before = self._measured()
        states = {key: self._entries.get(key) for key, _ in changes}
        gone = {key: self._entries.pop(key) for key, target in changes if target is None and key in self._entries}
        by_key = {(key[0], entry.public_key): entry for key, entry in (*self._entries.items(), *gone.items())}
        for key, target in changes:
            if target is None:
                self._handshakes.forget(key)
                continue
            earlier = self._entries.get(key)
            if earlier is None or not _same_peer(earlier, target):
                earlier = by_key.get((target.vpn, target.public_key)) if target.public_key else None
            self._entries[key] = _renewed(earlier, target, now)
        for key, former in states.items():
            self._compare(key, former)
        self.observed(self._devices, now, unix_now)
        return self._measured() != before

    def observed(self, devices: Mapping[str, WireGuardDevice], now: float, unix_now: float) -> bool:
        """Take over the devices that can be read now, by vpn."""
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
                    self._entries[key] = _unlisted(vpn, device.interface, peers[public_key], now)
        for key in [key for key, entry in self._entries.items() if not entry.listed and key not in found]:
            former = self._entries.pop(key)
            changed |= former.status.reachable is not None
            self._handshakes.forget(key)
            self._compare(key, former)
        for key, entry in self._entries.items():
            changed |= self._see(key, entry, found.get(key), now, unix_now)
        return changed

    def outcome(self, outcome: Outcome, now: float) -> bool:
        """Take over how a probe ended; of a peer that is gone by now it is ignored."""
        entry = self._entries.get(outcome.key)
        if entry is None:
            return False
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
        return self._set(key, entry, observed(entry.status, Event.UNMEASURED, now, is_probed=True))

    def next_deadline(self) -> float | None:
        """When `on_deadline` is to be called next."""
        return self._handshakes.next_deadline()

    def on_deadline(self, now: float) -> bool:
        """Judge the peers whose handshake has become too old."""
        changed = False
        for key in self._handshakes.on_deadline(now):
            entry = self._entries[key]
            changed |= self._set(key, entry, observed(entry.status, Event.AGED, now, is_probed=entry.is_probed))
        return changed

    def reachable(self) -> dict[str, bool | None]:
        """Per peer name; where a peer of two vpns has one name, the configured one counts."""
        entries = sorted(self._entries.items(), key=lambda item: item[1].listed)
        return {name: entry.status.reachable for (_, name), entry in entries}

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
        """The peers that are down, and the targets that no peer of their device matches."""
        for (vpn, name), entry in self._entries.items():
            subject, within = f"peer {name}", (f"vpn {vpn}",)
            if entry.status.state is PeerState.DOWN:
                values = (("probe", f"ICMP echo to {entry.target.address}"), ("interface", self._interface(entry)))
                yield Problem("peer-down", subject, values, within)
            if entry.listed and entry.peer is None and vpn in self._devices:
                yield Problem("peer-unmatched", subject, (("vpn", vpn),), within)

    def _interface(self, entry: Entry) -> str:
        device = self._devices.get(entry.target.vpn)
        return device.interface if device is not None else entry.target.interface or "?"

    def _see(self, key: PeerKey, entry: Entry, peer: WireGuardPeer | None, now: float, unix_now: float) -> bool:
        entry.peer = peer
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
            self._moves.append(_move(key, entry, status.state))
        return before.reachable is not status.reachable

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


def report(entry: Entry, unix_offset: float) -> PeerReport:
    """The entry as `/v1/peers` shows it; `unix_offset` turns monotonic seconds into Unix seconds."""
    target, peer, status = entry.target, entry.peer, entry.status
    return PeerReport(
        name=target.name,
        public_key=entry.public_key,
        vpn=target.vpn,
        addresses=_addresses(entry),
        endpoint=peer.endpoint if peer else None,
        state=status.state,
        since=status.since + unix_offset,
        last_handshake=_last_handshake(entry, unix_offset),
        rx_bytes=peer.rx_bytes if peer else None,
        tx_bytes=peer.tx_bytes if peer else None,
        probe_kind=target.kind,
        rtt=entry.rtt,
        last_success=None if entry.last_success is None else entry.last_success + unix_offset,
        failures=status.failures,
    )


def _last_handshake(entry: Entry, unix_offset: float) -> float | None:
    """As the device says it, unless the clock was stepped since: then as long ago as it really was."""
    if entry.peer is None or entry.handshake is None:
        return None
    own = entry.handshake + unix_offset
    return entry.peer.last_handshake if abs(own - entry.peer.last_handshake) < _CLOCK_STEP else own


def _same_peer(earlier: Entry, target: ProbeTarget) -> bool:
    return target.public_key is None or earlier.public_key is None or target.public_key == earlier.public_key


def _renewed(earlier: Entry | None, target: ProbeTarget, now: float) -> Entry:
    if earlier is None:
        return Entry(target, True, Status(since=now))
    return Entry(target, True, earlier.status, earlier.peer, earlier.rtt, earlier.last_success)


def _unlisted(vpn: str, interface: str, peer: WireGuardPeer, now: float) -> Entry:
    target = ProbeTarget(
        peer.public_key, vpn, peer.public_key, None, "handshake", 0.0, interface, None, peer.allowed_ips
    )
    return Entry(target, False, Status(since=now))


def _addresses(entry: Entry) -> tuple[str, ...]:
    networks = entry.peer.allowed_ips if entry.peer else entry.target.allowed_ips
    own = () if entry.target.address is None else (str(entry.target.address),)
    return tuple(dict.fromkeys((*own, *map(_text, networks))))


def _text(network: Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _move(key: PeerKey, entry: Entry, state: PeerState | None) -> Move:
    probed = str(entry.target.address) if entry.is_probed else None
    return Move(key, state, entry.listed, probed, entry.status.failures, entry.rtt)
