"""A RIP speaker: one version on one link. Datagrams and time in, packets out; words.py says what it promises. Pure."""

from collections import Counter
from collections.abc import Iterable
from random import Random

from routerd.model import Network
from routerd.rip.auth import most_entries, sending_key, sign
from routerd.rip.bucket import Bucket
from routerd.rip.codec import CODECS
from routerd.rip.hearing import COUNTED, Heard, Hearing
from routerd.rip.learned import Learned, LearnedTable
from routerd.rip.links import Links
from routerd.rip.message import HEADER, INFINITY, REQUEST
from routerd.rip.message_ng import most_entries as most_entries_ng
from routerd.rip.outbox import Outbox
from routerd.rip.partings import Partings, Place, places
from routerd.rip.rivals import Rivals
from routerd.rip.sequence import Sequence
from routerd.rip.table import Prefix, Table, prefix_of
from routerd.rip.timers import GARBAGE, TIMEOUT, Timers
from routerd.rip.words import Change, Datagram, Packet, Settings, To, Version
from routerd.rip_part import RipLearned, RipReport, RipRoute

CHANGES, QUERIES, TRIGGERED = "rip2GlobalRouteChanges", "rip2GlobalQueries", "SentUpdates"
FULL, UNANSWERED = "full-updates", "unanswered"
_ANSWERS = (100.0, 400.0)
"""Packets of answers a second, and at once: a table of 10,000 routes has 400."""


class Speaker:
    """See `words.SpeakerWords`."""

    def __init__(self, settings: Settings, rng: Random, sequence: Sequence, now: float) -> None:
        self._settings = settings
        self._sequence = sequence
        self._codec = CODECS[settings.version]
        self._counters: Counter[str] = Counter(
            dict.fromkeys((CHANGES, QUERIES, TRIGGERED, FULL, UNANSWERED, *COUNTED), 0)
        )
        self._links = Links(settings.version, settings.own, settings.networks)
        self._table = Table(settings.version, self._codec, self._links)
        self._partings = Partings()
        self._rivals = Rivals()
        self._learned = LearnedTable()
        self._hearing = Hearing(settings, self._links, self._counters, now)
        self._timers = Timers(settings.update_interval, rng, now)
        self._outbox = Outbox()
        self._answers = Bucket(*_ANSWERS, now)
        self._asks = settings.learn is not None
        self._key_id: int | None = None
        self._key_expired = False
        self._teach()

    # ------------------------------------------------------------ what is announced

    def configure(self, settings: Settings, now: float) -> None:
        """Go on with other settings of the same version; what is announced, learned and counted stays.

        Who is not addressed any more is told metric 16.
        """
        before, self._settings = self._settings, settings
        if before == settings:
            return
        self._links = Links(settings.version, settings.own, settings.networks)
        self._table.configure(self._links)
        self._hearing.configure(settings, self._links)
        self._timers.configure(settings.update_interval, now)
        self._teach()
        self._asks |= settings.learn is not None and before.learn is None
        sent = (before.group, before.neighbours, before.keys, before.auth_length)
        self._partings.configure(before, settings, now)
        if self._timers.full_at is not None and sent != (
            settings.group,
            settings.neighbours,
            settings.keys,
            settings.auth_length,
        ):
            self._timers.soon(now)

    def _teach(self) -> None:
        settings = self._settings
        timeout, garbage = settings.update_interval * TIMEOUT, settings.update_interval * GARBAGE
        self._learned.configure(settings.learn, settings.barred, timeout, garbage)

    def apply(self, routes: Iterable[RipRoute], now: float) -> None:
        """Announce exactly these; what was announced before and is not among them is withdrawn."""
        wanted = list(routes)
        self._table.apply(wanted, self._withdrawn_until(now))
        self._learned.forget(prefix_of(route.prefix) for route in wanted)
        if self._timers.full_at is None:
            self._timers.soon(now)

    def update(self, changes: Iterable[Change], now: float) -> None:
        """The same for some prefixes."""
        for change in changes:
            self._table.set(change.prefix, change.route, self._withdrawn_until(now))
            if change.route is not None:
                self._learned.forget((prefix_of(change.prefix),))

    def resume(self, now: float) -> None:
        """The link was away and is there again: a full update, and the question for the neighbours', are due."""
        self._asks = self._settings.learn is not None
        if self._timers.full_at is not None:
            self._timers.soon(now)

    def _withdrawn_until(self, now: float) -> float:
        return now + self._settings.update_interval * GARBAGE

    # ------------------------------------------------------------ what is heard

    def receive(self, datagram: Datagram, now: float, unix_now: float) -> None:
        """Judge a datagram: learn from a response, queue the answer to a request, or count why not."""
        heard = self._hearing.read(datagram, now, unix_now)
        if heard is None:
            return
        if heard.message.command == REQUEST:
            self._answer(heard, datagram, now, unix_now)
            return
        self._watch(heard, now)
        if self._settings.learn is not None and self._learned.trusts(heard.source):
            entries = heard.message.entries
            lost = self._learned.hear(heard.source, entries, self._links, now, self._table.is_announced)
            if lost:
                self._hearing.lost(heard.neighbour, lost, "more routes than can be learned")

    def _watch(self, heard: Heard, now: float) -> None:
        """Where another machine that announces the same no longer does, who believed it shall hear of us."""
        until = now + self._settings.update_interval * TIMEOUT
        for rte in heard.message.entries if len(self._table) else ():
            prefix = (rte.address, rte.length)
            if prefix not in self._table:
                continue
            if rte.metric < INFINITY:
                self._rivals.announces(heard.source, prefix, until)
            elif self._rivals.ends(heard.source, prefix, now) and self._table.is_announced(prefix):
                self._table.repeat(prefix)

    def _answer(self, heard: Heard, datagram: Datagram, now: float, unix_now: float) -> None:
        """Whole tables and single entries go back to where the question came from (RFC 2453 section 3.9.1)."""
        if not len(self._table):
            return
        bodies = (
            self._table.whole(self._most(unix_now))
            if heard.message.whole_table
            else self._table.answer(heard.message.asked, self._most(unix_now))
        )
        if not bodies:
            return
        if self._outbox.is_crowded or not self._answers.take(now, len(bodies)):
            self._counters[UNANSWERED] += 1
            return
        self._counters[QUERIES] += 1
        address = self._codec.address(heard.source)
        packets = self._packets(self._codec.response, bodies, unix_now)
        self._outbox.add(Packet(To.UNICAST, address, datagram.port, data) for data in packets)

    # ------------------------------------------------------------ what is sent

    def next_deadline(self) -> float | None:
        """When `on_deadline` has something to do; None: never, as things are."""
        timers = self._timers
        due = [timers.full_at, self._outbox.next_deadline(), self._learned.next_deadline()]
        due.append(self._partings.next_deadline())
        if self._table.is_changed:
            due.append(timers.triggered_at)
        if self._table.is_repeated:
            due.append(timers.repeat_at)
        if self._asks:
            return float("-inf")
        return min((at for at in due if at is not None), default=None)

    def on_deadline(self, now: float, unix_now: float) -> tuple[Packet, ...]:
        """What is to be sent now, in this order; more than a burst of packets is given piece by piece."""
        self._learned.expire(now)
        self._part(now, unix_now)
        if self._asks:
            self._asks = False
            whole = self._codec.whole_table
            self._send(whole[:HEADER], [whole[HEADER:]], unix_now)
        timers, table = self._timers, self._table
        if timers.full_at is not None and timers.full_at <= now:
            table.expire(now)
            self._hearing.neighbours.expire(now)
            self._rivals.expire(now)
            if len(table):
                self._send(self._codec.response, table.whole(self._most(unix_now)), unix_now)
                self._counters[FULL] += 1
            table.told()
            timers.full_sent(now)
        elif table.is_changed and timers.triggered_at <= now:
            self._trigger(unix_now)
            timers.triggered_sent(now)
        elif table.is_repeated and timers.repeat_at <= now:
            self._trigger(unix_now)
            timers.repeated(now)
        return self._outbox.take(now)

    def _trigger(self, unix_now: float) -> None:
        self._send(self._codec.response, self._table.changes(self._most(unix_now)), unix_now)
        self._counters[TRIGGERED] += 1
        self._table.told()

    def farewell(self, now: float, unix_now: float) -> tuple[Packet, ...]:
        """Everything that is or was announced, with metric 16; for a stop, to be called and sent three times."""
        self._outbox.clear()
        if not len(self._table):
            return ()
        bodies = self._table.farewell(self._most(unix_now))
        return tuple(self._addressed(self._packets(self._codec.response, bodies, unix_now), places(self._settings)))

    def _part(self, now: float, unix_now: float) -> None:
        """Say metric 16 to who is left, by the keys that are believed there, and to nobody else."""
        for _, place, settings in self._partings.due(now):
            if not len(self._table):
                continue
            bodies = self._table.farewell(_most_of(settings, unix_now))
            packets, _, _ = self._signed(settings, self._codec.response, bodies, unix_now)
            self._outbox.add(self._addressed(packets, [place]))

    def _send(self, header: bytes, bodies: list[bytes], unix_now: float) -> None:
        self._outbox.add(self._addressed(self._packets(header, bodies, unix_now), places(self._settings)))

    def _addressed(self, packets: list[bytes], to: list[Place]) -> Iterable[Packet]:
        return (Packet(kind, address, self._codec.port, data) for data in packets for kind, address in to)

    def _most(self, unix_now: float) -> int:
        return _most_of(self._settings, unix_now)

    def _packets(self, header: bytes, bodies: list[bytes], unix_now: float) -> list[bytes]:
        packets, self._key_id, self._key_expired = self._signed(self._settings, header, bodies, unix_now)
        return packets

    def _signed(
        self, settings: Settings, header: bytes, bodies: list[bytes], unix_now: float
    ) -> tuple[list[bytes], int | None, bool]:
        """The packets of one update, which share one sequence number; the key's id, and whether its time is over."""
        if settings.version is Version.NG or not settings.keys:
            return [header + body for body in bodies], None, False
        key, is_expired = sending_key(settings.keys, unix_now)
        assert key is not None
        number = 0 if key.algorithm == "plain" else self._sequence.next(unix_now)
        return [sign(header, body, key, number, settings.auth_length) for body in bodies], key.id, is_expired

    # ------------------------------------------------------------ what is known

    @property
    def generation(self) -> int:
        """A number that is another one whenever `learned()` would say something else."""
        return self._learned.generation

    def learned(self) -> tuple[RipLearned, ...]:
        """The routes that hold now."""
        return tuple(self._shown(prefix, route) for prefix, route in self._learned)

    def learned_changes(self) -> dict[Network, RipLearned | None]:
        """What has changed of them since the last call; None: it does not hold any more."""
        return {
            self._codec.network(prefix): None if route is None else self._shown(prefix, route)
            for prefix, route in self._learned.touched()
        }

    def _shown(self, prefix: Prefix, route: Learned) -> RipLearned:
        address, network = self._codec.address, self._codec.network(prefix)
        gateway, neighbour = address(route.gateway), address(route.neighbour)
        return RipLearned(self._settings.lan, network, gateway, route.metric, route.tag, neighbour)

    def report(self) -> RipReport:
        """Counters, neighbours and errors, made on demand."""
        sources = Counter(route.neighbour for _, route in self._learned)
        announced = self._table.announced
        return RipReport(
            lan=self._settings.lan,
            version=self._settings.version.value,
            announced=announced,
            withdrawn=len(self._table) - announced,
            learned=sources.total(),
            counters={**self._counters, CHANGES: self._learned.changes},
            neighbours=self._hearing.neighbours.report(sources),
            last_error=self._hearing.last_error,
            key_id=self._key_id,
            key_expired=self._key_expired,
        )


def _most_of(settings: Settings, unix_now: float) -> int:
    """How many entries a packet has at most."""
    if settings.version is Version.NG:
        return most_entries_ng(settings.mtu)
    return most_entries(sending_key(settings.keys, unix_now)[0])
