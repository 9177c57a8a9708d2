"""What is known of one peer, and how it is reported. Pure; times are monotonic seconds unless they are reported."""

from dataclasses import dataclass, field, replace

from routerd.config.probes import probing
from routerd.model import Address, Network, ProbeTarget, WireGuardPeer
from routerd.peers.sends import link_of
from routerd.peers.status import Status
from routerd.reports import Evidence, PeerReport

_CLOCK_STEP = 10.0
# The answer to an echo takes 80 bytes and a handshake that it may cause 148; a connection has certificates as well.
_OWN_BYTES = {False: 256, True: 16_384}


@dataclass(slots=True, eq=False)
class Entry:
    """One peer. `peer` is what its device said last, None where no device has it."""

    target: ProbeTarget
    listed: bool
    status: Status = field(default_factory=Status)
    peer: WireGuardPeer | None = None
    rtt: float | None = None
    last_success: float | None = None
    handshake: float | None = None
    traffic: float | None = None
    failure: str | None = None
    is_out: bool = False
    """A probe is out."""
    sent: int = 0
    """Probes whose answers the device may have counted since it was read last."""
    shown: tuple[tuple[Network, ...], tuple[str, ...]] = ((), ())
    """Its networks as they were shown last, and their texts: they rarely change, and a list has thousands."""

    @property
    def is_probed(self) -> bool:
        """Whether probes judge it; else its handshakes do."""
        return link_of(self.target) is not None

    @property
    def public_key(self) -> str | None:
        """Its key as configured, else as found on its device."""
        return self.target.public_key or (self.peer.public_key if self.peer else None)

    def probe_sent(self) -> None:
        """A probe leaves."""
        self.is_out = True
        self.sent += 1

    def moved(self, peer: WireGuardPeer | None) -> bool:
        """Take over what the device says now: whether bytes came that are no answers to probes."""
        before, self.peer = self.peer, peer
        if peer is before:
            return False
        own, self.sent = self.sent, int(self.is_out)
        if peer is None or before is None or peer.public_key != before.public_key:
            return False
        if own:
            own *= _OWN_BYTES[probing(self.target.kind).connects]
        return peer.rx_bytes - before.rx_bytes > own


def probe_of(target: ProbeTarget) -> tuple[str, Address] | None:
    """What a state found by probes stands for: their kind and address; None where handshakes decide."""
    return None if link_of(target) is None or target.address is None else (target.kind, target.address)


def renewed(earlier: Entry | None, target: ProbeTarget, now: float) -> Entry:
    """The entry of a configured target, which goes on with what was known of the same peer.

    What other probes found says nothing about this one's: then the state is unknown until it is measured.
    """
    if earlier is None:
        return Entry(target, True, Status(since=now))
    made = replace(earlier, target=target, listed=True, handshake=None, is_out=False)
    if probe_of(earlier.target) != probe_of(target):
        made.status = Status(since=now)
        made.rtt = made.last_success = made.failure = None
    return made


def unlisted(vpn: str, interface: str, peer: WireGuardPeer, now: float) -> Entry:
    """The entry of a peer that only its device knows."""
    target = ProbeTarget(
        peer.public_key, vpn, peer.public_key, None, "handshake", 0.0, interface, None, peer.allowed_ips
    )
    return Entry(target, False, Status(since=now))


def report(entry: Entry, unix_offset: float, *, flapping: bool = False) -> PeerReport:
    """The entry as `/v1/peers` shows it; `unix_offset` turns monotonic seconds into Unix seconds."""
    target, peer, status = entry.target, entry.peer, entry.status
    last_handshake = _last_handshake(entry, unix_offset)
    last_success = None if entry.last_success is None else entry.last_success + unix_offset
    return PeerReport(
        name=target.name,
        public_key=entry.public_key,
        vpn=target.vpn,
        addresses=_addresses(entry),
        endpoint=peer.endpoint if peer else None,
        state=status.state,
        since=status.since + unix_offset,
        last_handshake=last_handshake,
        rx_bytes=peer.rx_bytes if peer else None,
        tx_bytes=peer.tx_bytes if peer else None,
        probe_kind=target.kind,
        rtt=entry.rtt,
        last_success=last_success,
        failures=status.failures,
        evidence=(
            Evidence("probe", last_success),
            Evidence("handshake", last_handshake),
            Evidence("traffic", None if entry.traffic is None else entry.traffic + unix_offset),
        ),
        flapping=flapping,
        failure=entry.failure,
    )


def _last_handshake(entry: Entry, unix_offset: float) -> float | None:
    """As the device says it, unless the clock was stepped since: then as long ago as it really was."""
    if entry.peer is None or entry.handshake is None:
        return None
    own = entry.handshake + unix_offset
    return entry.peer.last_handshake if abs(own - entry.peer.last_handshake) < _CLOCK_STEP else own


def _addresses(entry: Entry) -> tuple[str, ...]:
    target = entry.target
    networks = entry.peer.allowed_ips if entry.peer else target.allowed_ips
    # The host of an URL may be a machine behind the peer.
    address = target.own or (target.address if "/" not in target.kind else None)
    if entry.shown[0] != networks:
        entry.shown = networks, tuple(map(_text, networks))
    texts = entry.shown[1]
    return texts if address is None else tuple(dict.fromkeys((str(address), *texts)))


def _text(network: Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)
