"""All hosts that are known, what is known of each, and the strategy that follows. Pure.

`now` is monotonic seconds. What has changed is collected: `changes` for nat/, `moves` for events and the log.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from routerd.hosts.host import Host, Move
from routerd.hosts.return_path import LIFETIME, Seen, Sign, came, expired, step
from routerd.hosts.schedule import HostKey
from routerd.nat_part import HostChange, HostState, Strategy
from routerd.reports import ReturnPath

MOST = 10_000
"""So many hosts are measured; leases, reservations and pins come before others."""
FORGET = 900.0
"""A host that nothing keeps is forgotten this many seconds after it was seen last."""

_PIECE = 1000
_RESOLVED = 600.0
_RECENT = 60.0

Decide = Callable[[HostState], tuple[Strategy, bool]]
"""The strategy of one host of a LAN, and whether the configuration sets it."""


class Book:
    """The hosts. `interval` is that between two measurements of one host, kept current by the caller."""

    def __init__(self, most: int = MOST) -> None:
        self.hosts: dict[HostKey, Host] = {}
        self.interval = 30.0
        self.refused = 0
        self._most = most
        self._full = False
        self._look = self._kept_since = 1
        self._unseen: list[Host] = []
        self._unjudged: list[Host] = []
        self._counting: dict[str, list[IPv4Address]] = {}
        self.without_way_back: dict[str, list[IPv4Address]] = {}
        """The addresses of hosts by LAN that are routed and show no way back, as `tick` has found them last."""
        self._decide: dict[str, Decide] = {}
        self._sources: dict[str, int] = {}
        self.changes: list[HostChange] = []
        self.moves: list[Move] = []

    def configure(self, lans: dict[str, tuple[Decide, int]], now: float) -> list[HostKey]:
        """The LANs that take part, each with how it decides and its number of VPN-side addresses.

        The hosts of other LANs are forgotten, and returned. The rest are judged anew, by `judge_rest` where there are
        many.
        """
        before, self._decide = self._decide, {lan: decide for lan, (decide, _) in lans.items()}
        counts = {lan: count for lan, (_, count) in lans.items()}
        gone = [key for key in self.hosts if key[0] not in lans] if before.keys() - lans.keys() else []
        for key in gone:
            self.forget(key)
        if counts != self._sources:
            for host in self.hosts.values():
                if self._sources.get(host.key[0], 0) != counts[host.key[0]]:
                    host.answered = host.turn = 0
        self._sources, self._unjudged = counts, list(self.hosts.values())
        self.judge_rest(now)
        return gone

    def judge_rest(self, now: float) -> bool:
        """Judge some of the hosts by what `configure` has brought; True: some are left for the next time."""
        for host in _some(self._unjudged):
            if self.hosts.get(host.key) is host:
                self._judge(host, now, lost=False)
        return bool(self._unjudged)

    def forget(self, key: HostKey) -> None:
        """It is no host any more."""
        host = self.hosts.pop(key, None)
        if host is not None and host.strategy is Strategy.SITE_GATEWAY:
            self.changes.append(HostChange(*key, Strategy.MASQUERADE, 0.0))

    def know(
        self,
        key: HostKey,
        now: float,
        *,
        mac: bytes | None = None,
        kept: bool = False,
        gateway: IPv4Address | None = None,
    ) -> bool:
        """There is such a host; True: it is new. A full book takes no more, unless it is a kept one."""
        host = self.hosts.get(key)
        if host is None:
            if key[0] not in self._decide:
                return False
            if len(self.hosts) >= self._most and not (kept and self._make_room()):
                self.refused += 1
                return False
            host = self.hosts[key] = Host(key, mac, gateway=gateway, kept=self._look if kept else 0, last=now)
            self._judge(host, now, lost=False)
            return True
        host.last, host.kept = now, self._look if kept else host.kept
        if host.gateway != gateway:
            host.gateway, host.checked = gateway, 0.0
            self._is_at(host, mac, now)
        elif host.mac is None and mac is not None:
            self._is_at(host, mac, now)
        return False

    def leased(self, key: HostKey, mac: bytes | None, now: float) -> None:
        """The host has just set itself up by a lease; with another link-layer address it is another machine.

        What was proven goes on until it is measured, but a lan-only host may have got the route only now.
        """
        host = self.hosts.get(key)
        if host is None:
            return
        another = False
        if mac is not None and host.gateway is None and host.mac != mac:
            another, host.checked = host.mac is not None, 0.0
            self._is_at(host, mac, now)
        if another or host.path.state is ReturnPath.LAN_ONLY:
            self.sign(key, Sign.RESET, now)

    def begin_look(self) -> None:
        """From now on all that leases, reservations and pins name is told."""
        self._look += 1

    def end_look(self) -> None:
        """All were told: what was not named since `begin_look` is kept no more."""
        self._kept_since = self._look

    def resolved(self, key: HostKey, mac: bytes, now: float) -> bool:
        """ARP has told the link-layer address of the next hop; True: the host is another machine than before."""
        host = self.hosts.get(key)
        if host is None:
            return False
        another = host.mac is not None and host.mac != mac and host.gateway is None and host.checked != 0
        host.checked, host.last = now, now
        if host.mac != mac:
            self._is_at(host, mac, now)
        if another:
            self.sign(key, Sign.RESET, now)
        return another

    def ask_again(self, host: Host) -> None:
        """Its link-layer address, or its next hop's, may be another one now."""
        host.checked = -abs(host.checked)

    def is_resolved(self, host: Host, now: float) -> bool:
        """Is the link-layer address known, and was it right lately?"""
        return host.mac is not None and host.checked > 0 and now < host.checked + _RESOLVED

    # ------------------------------------------------------------ signs

    def saw(self, key: HostKey, kind: str, source: bytes, vpn: int, now: float) -> bool:
        """A packet of the host came to the VPN; True: it must answer other VPN-side addresses as well to be proven."""
        host = self.hosts.get(key)
        if host is None:
            return False
        if source == host.mac:
            source = host.mac  # One object for as long as it is known, of thousands of hosts.
        host.last, host.hop, host.hop_at = now, source, now
        if source == host.own:
            host.checked = now
        sign = came(host.path, kind, source, host.own)
        if not host.path.proven and sign in (Sign.OWN, Sign.ROUTER_TCP):
            host.answered |= 1 << vpn
            every = (1 << self._sources.get(key[0], 1)) - 1
            if host.answered & every != every:
                host.turn = next(index for index in range(64) if not host.answered >> index & 1)
                return True
        self._step(host, sign, now, Seen(kind, source, now))
        return False

    def flow(self, key: HostKey, now: float, *, solid: bool) -> bool:
        """A flow of the host with the VPN was answered, no address changed; True: it should be measured now."""
        host = self.hosts.get(key)
        if host is None:
            return False
        host.last = now
        if host.path.proven:
            self._step(host, Sign.FLOW, now, Seen("flow", None, now))
            return False
        recent = host.hop is not None and now < host.hop_at + _RECENT
        if solid and recent and host.path.state is ReturnPath.UNKNOWN and self._sources.get(key[0]) == 1:
            sign = Sign.OWN if host.hop == host.own else Sign.ROUTER_TCP
            self._step(host, sign, now, Seen("flow", host.hop, now))
            return False
        return host.path.state is ReturnPath.UNKNOWN

    def sign(self, key: HostKey, sign: Sign, now: float) -> None:
        """Something that is known otherwise."""
        host = self.hosts.get(key)
        if host is not None:
            self._step(host, sign, now, None)

    def tick(self, now: float) -> list[HostKey]:
        """What time alone changes: proofs expire or are renewed for nat/, hosts are forgotten (and returned).

        To be called once a second. Of more than a thousand hosts each call looks at a thousand: the more there are, the
        longer they wait for everything else too.
        """
        gone, self._full = [], False
        if not self._unseen:
            self._unseen, self._counting = list(self.hosts.values()), {}
        for host in _some(self._unseen):
            if self.hosts.get(host.key) is not host:
                continue
            if expired(host.path, now):
                self._step(host, Sign.EXPIRED, now, None)
            elif now >= host.told + self.interval and self._renewable(host):
                self._tell(host, now)
            if self._is_spare(host) and now > host.last + FORGET:
                gone.append(host.key)
            elif host.is_without_way_back:
                self._counting.setdefault(host.key[0], []).append(host.key[1])
        for key in gone:
            self.forget(key)
        if not self._unseen:
            self.without_way_back = self._counting
        return gone

    def _step(self, host: Host, sign: Sign, now: float, seen: Seen | None) -> None:
        before = host.path
        host.path = step(before, sign, now, self.interval, seen)
        if before.proven and not host.path.proven:
            host.answered = 0
        if host.path.state is not before.state:
            self._judge(host, now, lost=sign is Sign.LOST)
            self.moves.append(Move(host.key, before.state, host.path, host.strategy or Strategy.NONE, sign))

    def _judge(self, host: Host, now: float, *, lost: bool) -> None:
        lan, address = host.key
        state = HostState(address, host.own, host.path.state, host.path.tcp_proof)
        before = host.strategy
        host.strategy, host.pinned = self._decide[lan](state)
        # The first masquerade says nothing new, and would end what an earlier routerd has proven.
        if host.strategy is not before and (before is not None or self._renewable(host)):
            self._tell(host, now, lost=lost)

    def _renewable(self, host: Host) -> bool:
        return host.strategy is Strategy.SITE_GATEWAY or host.pinned

    def _tell(self, host: Host, now: float, *, lost: bool = False) -> None:
        host.told = now
        seconds = LIFETIME * self.interval
        if host.path.proven and not host.pinned:
            seconds = max(host.path.expires - now, 0.0)
        self.changes.append(HostChange(*host.key, host.strategy or Strategy.NONE, seconds, lost))

    def _is_at(self, host: Host, mac: bytes | None, now: float) -> None:
        """This is its link-layer address now, or its next hop's: a MAC may be pinned."""
        host.mac = mac
        self._judge(host, now, lost=False)

    def _make_room(self) -> bool:
        # Whoever looks through all in vain does so once a second: a burst of leases brings thousands.
        old = None if self._full else next((host.key for host in self.hosts.values() if self._is_spare(host)), None)
        if old is not None:
            self.forget(old)
        self._full = old is None
        return old is not None

    def _is_spare(self, host: Host) -> bool:
        return host.kept < self._kept_since and not host.path.proven


def _some(hosts: list[Host]) -> Iterator[Host]:
    """The last ones of the list, which are taken from it."""
    for _ in range(min(len(hosts), _PIECE)):
        yield hosts.pop()
