"""One version of RIP on one LAN: its socket and its speaker. What is decided, the speaker decides."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from routerd.model import Network
from routerd.reports import Check
from routerd.rip.auth import Key
from routerd.rip.sequence_service import SequenceStore
from routerd.rip.settings import routes_of, settings_of
from routerd.rip.speaker import Speaker
from routerd.rip.words import Datagram, Packet, Settings, Version
from routerd.rip_part import RipLan, RipLearned, RipReport, RipRoute
from routerd.system.addresses import ipv6_addresses
from routerd.system.sockets_rip import RipSocket, RipSocketError

log = logging.getLogger("routerd.rip")

_READS = 16
_VERIFY = 5.0
_FIRST_RETRY, _LAST_RETRY = 0.25, 5.0
_AFTER_FAULT = 1.0

OnLearned = Callable[[int, dict[Network, RipLearned | None]], None]
"""Hears of what changed of the learned routes, on the interface with this index."""


class Door:
    """Opens its socket, and opens it again when it broke; nothing that comes in by it ever raises."""

    def __init__(self, version: Version, lan: RipLan, store: SequenceStore, on_learned: OnLearned) -> None:
        self.version = version
        self.error: RipSocketError | None = None
        self.others: str | None = None
        """Another program that came to speak RIP here; None: there is none."""
        self.counters: Counter[str] = Counter({"send-failed": 0})
        self._lan, self._store, self._on_learned = lan, store, on_learned
        self._rng = random.Random(random.SystemRandom().getrandbits(64))
        self._keys: Sequence[Key] = ()
        self._routes: Sequence[RipRoute] = ()
        self._speaker: Speaker | None = None
        self._socket: RipSocket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._own: IPv6Address | None = None
        self._is_leaving = False
        self._verify_at = self._retry_at = 0.0
        self._retry = _FIRST_RETRY

    @property
    def is_open(self) -> bool:
        """Is RIP spoken here?"""
        return self._socket is not None

    # ------------------------------------------------------------ what is wanted

    def apply(self, lan: RipLan, keys: Sequence[Key], routes: Sequence[RipRoute]) -> None:
        """Speak by this from now on. The socket survives where interface and address stay."""
        before, self._lan, self._keys = self._lan, lan, keys
        was_leaving, self._is_leaving = self._is_leaving, False
        moved = before.index != lan.index or (self.version is Version.V2 and before.address != lan.address)
        if moved and self._socket is not None:
            self.close()
        self._routes = routes_of(routes, self.version)
        if self._socket is None:
            self._retry_at = 0.0
            self.open()
        elif self._speaker is not None:
            now = _now()
            self._speaker.configure(self._settings(), now)
            self._speaker.apply(self._routes, now)
            if was_leaving:
                self._speaker.resume(now)
                asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)
            self._learned()
            self._arm()

    def announce(self, routes: Sequence[RipRoute]) -> None:
        """Announce exactly these from now on."""
        self._routes = routes_of(routes, self.version)
        if self._speaker is not None and self._socket is not None:
            self._speaker.apply(self._routes, _now())
            self._arm()

    def _settings(self) -> Settings:
        return settings_of(self._lan, self.version, self._keys, self._own)

    # ------------------------------------------------------------ the socket

    def tick(self, now: float) -> None:
        """To be called every second: open what is closed, look whether what is open still works."""
        if self._socket is None:
            if now >= self._retry_at:
                self.open()
        elif now >= self._verify_at:
            self._verify(now)

    def open(self) -> None:
        """Open the socket if it is closed; what keeps it from being opened is in `error`."""
        if self._socket is not None or self._is_leaving:
            return
        now, lan = _now(), self._lan
        try:
            self._socket = RipSocket(lan.interface, lan.index, self._address())
        except RipSocketError as error:
            if self.error is None or self.error.reason != error.reason:
                text = "lan %s: RIP%s is not spoken: %s; trying again; %s"
                log.warning(text, lan.interface, self.version.value, error.reason, error.hint)
            self.error, self._retry_at = error, now + self._retry
            self._retry = min(2 * self._retry, _LAST_RETRY)
            return
        self.error, self._retry, self._verify_at = None, _FIRST_RETRY, now + _VERIFY
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)
        settings = self._settings()
        if self._speaker is None:
            self._speaker = Speaker(settings, self._rng, self._store.sequence, now)
        else:
            self._speaker.configure(settings, now)
            self._speaker.resume(now)
        self._speaker.apply(self._routes, now)
        log.info("lan %s: speaking RIP%s from %s", lan.interface, self.version.value, self._socket.address)
        self._arm()

    def _address(self) -> IPv4Address | IPv6Address:
        if self.version is Version.V2:
            return self._lan.address
        try:
            own = [each.ip for each in ipv6_addresses(self._lan.interface) if each.ip.is_link_local]
        except OSError:
            own = []
        if not own:
            hint = (
                f"see that IPv6 is on there: sysctl net.ipv6.conf.{self._lan.interface.replace('.', '/')}.disable_ipv6"
            )
            raise RipSocketError("the interface has no link-local IPv6 address that can be used", hint)
        if self._own not in own:
            self._own = own[0]
        return self._own

    def _verify(self, now: float) -> None:
        self._verify_at = now + _VERIFY
        assert self._socket is not None
        try:
            self._socket.verify()
            if self.version is Version.NG and self._address() != self._socket.address:
                raise OSError("its link-local address has changed")
        except (OSError, RipSocketError) as error:
            self._broke(error)
            return
        before, self.others = self.others, self._socket.others_speak()
        if self.others is not None and before is None:
            text = "lan %s: %s speaks RIP%s as well; routerd goes on"
            log.warning(text, self._lan.interface, self.others or "another program", self.version.value)

    def _broke(self, error: Exception) -> None:
        text = "lan %s: the socket of RIP%s failed: %s; opening it again"
        log.warning(text, self._lan.interface, self.version.value, error)
        self._close_socket()
        self._retry_at = 0.0
        self.open()

    def close(self) -> None:
        """Be silent, and forget what was learned, until `apply` or `open`."""
        self._close_socket()
        if self._speaker is not None:
            self._speaker.configure(replace(self._settings(), learn=None), _now())
            self._learned()

    def _close_socket(self) -> None:
        self._disarm()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    # ------------------------------------------------------------ datagrams

    def _readable(self) -> None:
        """Take a bounded number of datagrams: others wait as well."""
        now, unix_now = _now(), time.time()
        for _ in range(_READS):
            if self._socket is None or self._speaker is None or self._is_leaving:
                return
            try:
                got = self._socket.receive()
            except BlockingIOError:
                break
            except OSError as error:
                self._broke(error)
                return
            source = IPv4Address(got.source) if self.version is Version.V2 else IPv6Address(got.source)
            try:
                self._speaker.receive(Datagram(got.data, source, got.port, got.hop_limit, got.multicast), now, unix_now)
            except Exception:
                self._fault("a packet from %s", source)
        self._learned()
        self._arm()

    def _fault(self, text: str, *values: object) -> None:
        self.counters["faults"] += 1
        log.exception("lan %s: RIP%s: a fault in routerd: " + text, self._lan.interface, self.version.value, *values)

    def _learned(self) -> None:
        if self._speaker is not None and (changes := self._speaker.learned_changes()):
            self._on_learned(self._lan.index, changes)

    def _arm(self) -> None:
        self._disarm()
        deadline = None if self._speaker is None else self._speaker.next_deadline()
        if deadline is not None and self._socket is not None and not self._is_leaving:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._on_time)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        if self._speaker is None:
            return
        try:
            packets = self._speaker.on_deadline(_now(), time.time())
        except Exception:
            self._fault("nothing is sent")
            self._timer = asyncio.get_running_loop().call_later(_AFTER_FAULT, self._on_time)
            return
        self.send(packets)
        self._learned()
        self._arm()

    def send(self, packets: Sequence[Packet]) -> None:
        """Send packets, as soon as their sequence numbers are on disk."""
        if packets:
            self._store.when_stored(lambda: self._send_now(packets))

    def _send_now(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            if self._socket is None:
                return
            try:
                self._socket.send(packet.data, str(packet.address), packet.port)
            except OSError as error:
                self.counters["send-failed"] += 1
                self._verify_at = 0.0
                log.debug("lan %s: a packet to %s could not be sent: %s", self._lan.interface, packet.address, error)

    def farewell(self) -> Sequence[Packet]:
        """What says that nothing is announced any more, to be given to `send`. Nothing else is sent until `apply`."""
        self._disarm()
        if self._speaker is None or self._socket is None:
            return ()
        if not self._is_leaving:
            self._is_leaving = True
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        return self._speaker.farewell(_now(), time.time())

    # ------------------------------------------------------------ what is shown

    def report(self) -> RipReport | None:
        """The speaker's, with what went wrong in sending; None before it ever spoke."""
        if self._speaker is None:
            return None
        report = self._speaker.report()
        return replace(report, counters={**report.counters, **self.counters})

    def check(self) -> Check:
        """Is RIP spoken?"""
        name = f"rip {self._lan.interface} {self.version.value}"
        return Check(name, self.is_open, "" if self.error is None else self.error.reason)


def _now() -> float:
    return time.monotonic()
