"""Clients, crashes, disks and clocks in any order: nobody's address goes to somebody else before its lease is over.

The lease table, the pipeline and the lease file are the real ones; a crash is a copy of the file, and of what was
written ahead, as they are at that moment, or torn anywhere in what the commit under way has written. Replies are not
lost on their way; steps of the clock that are too small to be followed are not played.
"""

import os
import random
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routerd.dhcp.client import Client
from routerd.dhcp.leases import BOUND, LeaseTable, Row
from routerd.dhcp.pipeline import Fate, Pipeline
from routerd.dhcp.promises import after_crash
from routerd.dhcp.store import LeaseStore

LAN = "lan0"
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
CLIENTS = tuple(Client(bytes((1, n)), bytes((1, 2, 0, 0, 0, 0, n)), b"") for n in range(3))
FIRST, LAST = 50, 51
LAZY = 60.0

client = st.sampled_from(CLIENTS)
lease_time = st.sampled_from((30.0, 600.0))


class Promise(NamedTuple):
    """What an ACK says: whose an address is, and until when; `turn` tells to which message of its client."""

    client: Client
    address: int
    until: float
    turn: int


class Unsynced(LeaseStore):
    """A lease file without the waiting for a disk: here a crash takes no more than what was never written."""

    def open(self, *, anew: bool = False) -> None:
        """As ever, only faster."""
        super().open(anew=anew)
        self._connection.execute("PRAGMA synchronous = OFF")


class Server(RuleBasedStateMachine):
    """A DHCP server and its clients. `now` is real time; the wall clock and the machine's own clock differ from it."""

    @initialize(lazy=st.booleans())
    def begin(self, lazy: bool) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="routerd-", dir=MEMORY))
        self.starts = self.boots = 0
        self.now, self.booted, self.wall_shift = 1000.0, 0.0, 1e9
        self.promises: dict[int, Promise] = {}
        self.turn = 0
        self.outdated: dict[bytes, int] = {}
        self.lazy = lazy
        self.path = self.directory / "0" / "leases.db"
        self._start()

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.store.close()
            shutil.rmtree(self.directory)

    # ------------------------------------------------------------ the machine

    def _steady(self) -> float:
        return self.now - self.booted

    def _offset(self) -> float:
        return self.now + self.wall_shift - self._steady()

    def _start(self) -> None:
        self.store = Unsynced(str(self.path), wall=lambda: self.now + self.wall_shift, boot=str(self.boots))
        self.store.open()
        rows = self.store.load(self._offset()).get(LAN, [])
        self.table, self.pipeline = LeaseTable(), Pipeline[Promise]()
        if not self.store.clean:
            rows, changed = after_crash(rows, self.store.saved, self._steady())
            self.pipeline.owe([(LAN, row) for row in changed])
        self.table.pools.configure([(FIRST, LAST)], (), {})
        self.table.load(rows)
        self.pipeline.lazy = self.lazy
        self.owed_since = self.now
        self.batch: list[tuple[str, Row]] = []
        self._expire()
        self._compare()

    def _expire(self) -> None:
        while self.table.expire(self._steady()):
            pass

    def _compare(self) -> None:
        """Everything that was promised, and is not over, is known."""
        for promise in self.promises.values():
            if promise.until > self.now:
                lease = self.table.at(promise.address)
                assert lease is not None, promise
                assert (lease.state, lease.client) == (BOUND, promise.client.key), promise
                assert lease.expires + self.booted >= promise.until - 1e-3, promise

    def _promise(self, promise: Promise) -> None:
        """An ACK leaves. Its client is not interested if it has asked for less since, or wants nothing any more."""
        if promise.turn < self.outdated.get(promise.client.key, 0):
            return
        other = self.promises.get(promise.address)
        assert other is None or other.client is promise.client or other.until <= self.now, (other, promise)
        self.promises[promise.address] = promise

    # ------------------------------------------------------------ clients

    @rule(client=client, seconds=lease_time)
    def ask(self, client: Client, seconds: float) -> None:
        """A client asks for a lease, or to renew the one that it has."""
        now = self._steady()
        own = self.table.of(client.key)
        address = own.address if own is not None and own.holds(now) else self.table.offer(client, 0, now)
        if address is None:
            return
        rows = self.table.bind(client, address, None, seconds, now)
        if rows is None:
            return
        self.turn += 1
        promise = Promise(client, address, self.now + seconds, self.turn)
        self.outdated[client.key] = self.turn
        held = self.promises.get(address)
        if held is not None and held.client is client:
            self.promises[address] = held._replace(until=min(held.until, promise.until))
        if self.pipeline.add(LAN, rows, promise) is Fate.LEAVES:
            self._promise(promise)

    @rule(seconds=st.sampled_from((10.0, 20.0)))
    def all_renew_after_a_while(self, seconds: float) -> None:
        """Everybody renews for as long as before."""
        self.time_goes_by(seconds)
        for client in CLIENTS:
            lease = self.table.of(client.key)
            if lease is not None and lease.holds(self._steady()):
                self.ask(client, lease.seconds)

    @rule(client=client)
    def release(self, client: Client) -> None:
        """A client gives up what it has."""
        self.turn += 1
        self.outdated[client.key] = self.turn
        for promise in list(self.promises.values()):
            if promise.client is client:
                del self.promises[promise.address]
                rows = self.table.release(client, promise.address, self._steady())
                if rows:
                    self.pipeline.add(LAN, rows, None)

    @rule(seconds=st.sampled_from((0.5, 10.0, 20.0, 29.0, 70.0, 4000.0)))
    def time_goes_by(self, seconds: float) -> None:
        """Renewals that were answered are not left for longer than a minute, unless the disk does not take them."""
        while seconds > 0:
            step = min(seconds, 20.0)
            seconds -= step
            self.now += step
            self._expire()
            if self.now - self.owed_since >= LAZY and not self.batch and not self.pipeline.stuck:
                self.commit()

    # ------------------------------------------------------------ the disk

    @precondition(lambda self: not self.batch)
    @rule()
    def commit_begins(self) -> None:
        """What waits is on its way to the disk."""
        self.batch, self.began = self.pipeline.start(), self._steady()
        self.owed_since = self.now

    @precondition(lambda self: self.batch)
    @rule()
    def commit_succeeds(self) -> None:
        """It is there."""
        self.store.commit(self.batch, self._offset(), self.began)
        self.batch = []
        for item in self.pipeline.done():
            if item.waiter is not None:
                self._promise(item.waiter)

    @precondition(lambda self: not self.batch)
    @rule()
    def commit(self) -> None:
        """The usual case."""
        self.commit_begins()
        if self.batch:
            self.commit_succeeds()

    @precondition(lambda self: self.batch)
    @rule()
    def commit_fails(self) -> None:
        """The disk does not take it."""
        self.batch = []
        for _, promise in self.pipeline.failed().leaving:
            self._promise(promise)

    @precondition(lambda self: self.batch)
    @rule()
    def commit_hangs(self) -> None:
        """The disk says nothing."""
        for _, promise in self.pipeline.hangs().leaving:
            self._promise(promise)

    # ------------------------------------------------------------ clocks and ends

    @rule(step=st.sampled_from((-1e8, -50.0, 3.0, 3600.0, 1e8)))
    def clock_is_stepped(self, step: float) -> None:
        """The wall clock is set while routerd runs, and routerd notices."""
        self.wall_shift += step
        self.store.follow(self._offset())

    def _copy(self) -> Path:
        self.starts += 1
        copy = self.directory / str(self.starts) / "leases.db"
        copy.parent.mkdir()
        for suffix in ("", "-wal", "-clean"):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        return copy

    def _reboot(self, off: float | None) -> None:
        """The machine was off for so long; its clock, if it has no battery, stood still or begins in 1970."""
        if off is not None:
            self.now += off
            self.boots += 1
            self.booted = self.now - 20.0

    @rule(off=st.sampled_from((None, 5.0, 100.0, 5000.0)), torn=st.integers(0, 1 << 30))
    def crash(self, off: float | None, torn: int) -> None:
        """routerd, or the whole machine, ends at once, perhaps in the middle of a commit."""
        copy = self._copy()
        if self.batch:
            self._tear(copy, torn)
        self.store.close()
        self.path = copy
        self._reboot(off)
        self._start()

    def _tear(self, copy: Path, seed: int) -> None:
        """Some of what the commit under way writes ahead is on the disk, and some of that is wrong."""
        ahead = copy.with_name(copy.name + "-wal")
        before = ahead.stat().st_size if ahead.exists() else 0
        self.store.commit(self.batch, self._offset(), self.began)
        written = self.path.with_name(self.path.name + "-wal").read_bytes()
        rng = random.Random(seed)
        kept = bytearray(written[: rng.randint(before, max(before, len(written)))])
        if len(kept) > before and rng.random() < 0.5:
            kept[rng.randrange(before, len(kept))] ^= 0xFF
        ahead.write_bytes(kept)

    @precondition(lambda self: not self.batch and not self.pipeline.stuck)
    @rule(off=st.sampled_from((None, 5.0, 5000.0)), lazy=st.booleans())
    def stop_and_start(self, off: float | None, lazy: bool) -> None:
        """routerd is stopped in order, and started with another configuration; no lease has changed."""
        while batch := self.pipeline.start():
            self.store.commit(batch, self._offset(), self._steady())
            for item in self.pipeline.done():
                if item.waiter is not None:
                    self._promise(item.waiter)
        ends = {row.address: row.expires + self.booted for row in self.table.rows() if row.state == BOUND}
        self.store.close(clean=True)
        self.lazy = lazy
        self._reboot(off)
        self._start()
        assert self.store.clean
        for row in self.table.rows():
            assert row.state != BOUND or abs(row.expires + self.booted - ends[row.address]) < 1e-3

    # ------------------------------------------------------------ laws

    @invariant()
    def what_was_promised_is_known(self) -> None:
        """No client has lost its lease."""
        if hasattr(self, "table"):
            self._compare()

    @precondition(lambda self: not self.batch and not self.pipeline.urgent and not self.pipeline.owed)
    @rule()
    def the_file_says_what_the_table_says(self) -> None:
        """With nothing on its way, another reader of the file finds every lease as it is."""
        copy = self._copy()
        database = sqlite3.connect(copy)
        found = {
            address: end - self._offset()
            for address, end in database.execute("SELECT address, expires FROM lease WHERE state = 1")
        }
        database.close()
        held = {row.address: row.expires for row in self.table.rows() if row.state == BOUND}
        assert {a: found[a] for a in held} == {a: found[a] for a in held if abs(found[a] - held[a]) < 1e-3}


TestServer = Server.TestCase
