"""The lease table against a simple model: clients, the clock, administrators, crashes and restarts in any order."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routerd.dhcp.client import Client
from routerd.dhcp.leases import (
    BOUND,
    DECLINE_SECONDS,
    DECLINED,
    DECLINES_PER_CLIENT,
    DELETED,
    EXPIRED,
    OFFER_SECONDS,
    OFFERED,
    RELEASED,
    LeaseTable,
    Row,
)

FIRST, LAST = 50, 57
OWN, ROUTER, NETWORK, LIMITED = 51, 54, 0, 255
EXCLUDED = frozenset({OWN, ROUTER, NETWORK, LIMITED})
OUTSIDE = 70
HARDWARE = [bytes((1, 2, 0, 0, 0, 0, n)) for n in range(5)]
# The last two are one machine that boots under two names; the one before has a name of its own.
CLIENTS = [
    *(Client(hardware, hardware) for hardware in HARDWARE[:3]),
    Client(b"\0named", HARDWARE[3]),
    Client(b"\0pxe", HARDWARE[4]),
    Client(b"\xffos", HARDWARE[4]),
]
RESERVED: list[dict[int, tuple[int, bytes]]] = [
    {},
    {FIRST: (0, HARDWARE[0])},
    {FIRST + 2: (0, HARDWARE[4]), OUTSIDE: (0, b"\0named")},
    {OWN: (0, HARDWARE[1])},
]

some_client = st.sampled_from(CLIENTS)
some_address = st.sampled_from([*range(FIRST, LAST + 1), OUTSIDE, NETWORK, LIMITED, 200])
some_time = st.sampled_from([60.0, 600.0, 3600.0])


@dataclass(frozen=True)
class Held:
    """What the model knows of an address that is not free."""

    client: Client
    state: int
    expires: float

    def ended(self, now: float) -> bool:
        return self.state in (RELEASED, EXPIRED) or (self.state == BOUND and self.expires <= now)


class Model:
    """The obvious rules, on dicts."""

    def __init__(self) -> None:
        self.leases: dict[int, Held] = {}
        self.offers: dict[int, tuple[Client, float]] = {}
        self.gave_way: dict[bytes, tuple[int, float]] = {}
        self.reserved = RESERVED[0]

    def usable(self, address: int, client: Client) -> bool:
        if address in EXCLUDED:
            return False
        if address in self.reserved:
            return self.reserved[address][1] in (client.key, client.hardware)
        return FIRST <= address <= LAST

    def reserved_for(self, client: Client) -> int | None:
        for name in (client.key, client.hardware):
            for address, (_, owner) in self.reserved.items():
                if owner == name:
                    return address
        return None

    def free_for(self, address: int, client: Client, now: float) -> bool:
        if not self.usable(address, client):
            return False
        offer = self.offers.get(address)
        if offer is not None and offer[0].key != client.key and offer[1] > now:
            made, until = self.gave_way.get(client.key, (0, 0.0))
            if not (made == address and until > now):
                return False
        held = self.leases.get(address)
        if held is None or held.ended(now) or held.client.key == client.key:
            return held is None or held.state != DECLINED
        return address in self.reserved and held.client.hardware == client.hardware and held.state != DECLINED

    def lease_of(self, client: Client) -> int | None:
        found = [a for a, held in self.leases.items() if held.client.key == client.key and held.state != DECLINED]
        assert len(found) <= 1
        return found[0] if found else None

    def offer_of(self, client: Client) -> int | None:
        return next((a for a, (owner, _) in self.offers.items() if owner.key == client.key), None)

    def drop_offer(self, client: Client) -> None:
        address = self.offer_of(client)
        if address is not None:
            del self.offers[address]

    def hold(self, address: int, client: Client, now: float) -> None:
        held = self.leases.get(address)
        if self.offer_of(client) != address:
            self.drop_offer(client)
        before = self.offers.pop(address, None)
        if held is not None and held.client.key == client.key and held.state == BOUND and held.expires > now:
            return
        if before is not None and before[0].key != client.key and before[1] > now:
            self.gave_way[before[0].key] = address, before[1]
        self.gave_way.pop(client.key, None)
        self.offers[address] = client, now + OFFER_SECONDS

    def expire(self, now: float) -> None:
        self.offers = {a: offer for a, offer in self.offers.items() if offer[1] > now}
        for address, held in list(self.leases.items()):
            if held.expires > now or held.state in (RELEASED, EXPIRED):
                continue
            if held.state == DECLINED:
                del self.leases[address]
            else:
                self.leases[address] = replace(held, state=EXPIRED)


class LeaseTableMachine(RuleBasedStateMachine):
    """The table, the model, and a disk that holds what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.table, self.model = LeaseTable(), Model()
        self.disk: dict[int, Row] = {}
        self.pending: list[tuple[Row, ...]] = []
        self.promised: dict[int, Row] = {}
        """Every binding that is on disk, so that its client was told, as long as nothing has ended it."""

    @initialize()
    def begin(self) -> None:
        self.configure(RESERVED[0])

    @rule(which=st.sampled_from(RESERVED))
    def configure(self, which: dict[int, tuple[int, bytes]]) -> None:
        self.model.reserved = which
        self.table.pools.configure([(FIRST, LAST)], EXCLUDED, which)

    # -------------------------------------------------------- clients

    @rule(client=some_client, requested=st.one_of(st.just(0), some_address))
    def discover(self, client: Client, requested: int) -> None:
        model, now = self.model, self.now
        wishes = (model.reserved_for(client), model.lease_of(client), model.offer_of(client), requested)
        expected = next((a for a in wishes if a and model.free_for(a, client, now)), None)
        address = self.table.offer(client, requested, now)
        if expected is not None:
            assert address == expected
        elif address is None:
            assert not [a for a in range(FIRST, LAST + 1) if self._is_to_be_had(a, client)]
        else:
            assert self._is_to_be_had(address, client)
            untouched = [a for a in range(FIRST, LAST + 1) if a not in model.leases and a not in model.offers]
            open_to_all = [a for a in untouched if a not in EXCLUDED and a not in model.reserved]
            assert not open_to_all or address <= open_to_all[0], "the lowest free address comes first"
        self._follow()
        if address is not None:
            self._check_reserved(address, client)
            model.hold(address, client, now)

    def _follow(self) -> None:
        """Where no address is free, the table looks at once for what has ended by now."""
        for address, held in list(self.model.leases.items()):
            lease = self.table.at(address)
            if held.expires > self.now or held.state not in (BOUND, DECLINED):
                continue
            if held.state == BOUND and lease is not None and lease.state == EXPIRED:
                self.model.leases[address] = replace(held, state=EXPIRED)
            elif held.state == DECLINED and lease is None:
                del self.model.leases[address]
        for address, (client, until) in list(self.model.offers.items()):
            offer = self.table.offered(address)
            if until <= self.now and (offer is None or offer.client != client.key):
                del self.model.offers[address]

    def _check_reserved(self, address: int, client: Client) -> None:
        owner = self.model.reserved.get(address)
        assert owner is None or owner[1] in (client.key, client.hardware), "a reserved address went to a stranger"

    def _is_to_be_had(self, address: int, client: Client) -> bool:
        """Nobody holds it; that it is offered to somebody is no reason where nothing else is left."""
        held = self.model.leases.get(address)
        gone = held is None or held.ended(self.now) or (held.state == DECLINED and held.expires <= self.now)
        return self.model.usable(address, client) and gone

    @rule(client=some_client, address=some_address, seconds=some_time)
    def request(self, client: Client, address: int, seconds: float) -> None:
        model = self.model
        reserved = model.reserved_for(client)
        elsewhere = reserved not in (None, address) and model.free_for(reserved or 0, client, self.now)
        expected = model.free_for(address, client, self.now) and not elsewhere
        rows = self.table.bind(client, address, None, seconds, self.now)
        assert (rows is not None) is expected
        if rows is None:
            return
        self._check_reserved(address, client)
        old = model.lease_of(client)
        if old not in (None, address):
            del model.leases[old or 0]
        model.drop_offer(client)
        model.offers.pop(address, None)
        model.leases[address] = Held(client, BOUND, self.now + seconds)
        assert (rows[-1].address, rows[-1].client, rows[-1].state) == (address, client.key, BOUND)
        assert [row.address for row in rows[:-1]] == ([] if old in (None, address) else [old])
        self._change(rows)

    @rule(client=some_client, seconds=some_time)
    def request_what_is_offered(self, client: Client, seconds: float) -> None:
        self.request(client, self.model.offer_of(client) or FIRST, seconds)

    @rule(client=some_client, seconds=some_time)
    def renew(self, client: Client, seconds: float) -> None:
        self.request(client, self.model.lease_of(client) or FIRST, seconds)

    @rule(client=some_client, address=st.one_of(st.just(None), some_address))
    def release(self, client: Client, address: int | None) -> None:
        address = address or self.model.lease_of(client) or FIRST
        held = self.model.leases.get(address)
        rows = self.table.release(client, address, self.now)
        assert bool(rows) is (held is not None and held.client.key == client.key and held.state == BOUND)
        if rows and held is not None:
            self.model.leases[address] = replace(held, state=RELEASED, expires=self.now)
            self._change(rows)

    @rule(client=some_client, address=st.one_of(st.just(None), some_address))
    def decline(self, client: Client, address: int | None) -> None:
        address = address or self.model.lease_of(client) or FIRST
        held = self.model.leases.get(address)
        holds = held is not None and held.client.key == client.key and held.state == BOUND and held.expires > self.now
        rows = self.table.decline(client, address, self.now)
        assert bool(rows) is holds
        for row in rows:
            self.model.leases.pop(row.address, None)
        if rows:
            self.model.offers.pop(address, None)
            self.model.leases[address] = Held(client, DECLINED, self.now + DECLINE_SECONDS)
            self._change(rows)

    @rule(client=some_client)
    def choose_another_server(self, client: Client) -> None:
        self.table.withdraw_offer(client)
        self.model.drop_offer(client)

    # -------------------------------------------------------- the clock, the disk, administrators

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 10.0, 60.0, 600.0, 3600.0, 1e8]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def tick(self) -> None:
        self.table.expire(self.now)
        self.model.expire(self.now)
        assert all(row.state != OFFERED or row.expires > self.now for row in self.table.rows())

    @rule(address=some_address)
    def remove(self, address: int) -> None:
        rows = self.table.remove(address)
        assert bool(rows) is (address in self.model.leases)
        self.model.leases.pop(address, None)
        self._change(rows)

    @precondition(lambda self: self.pending)
    @rule(count=st.integers(1, 5))
    def commit(self, count: int) -> None:
        done, self.pending = self.pending[:count], self.pending[count:]
        for rows in done:
            for row in rows:
                self.disk[row.address] = row
                self.promised.pop(row.address, None)
                if row.state == BOUND:
                    self.promised[row.address] = row

    @rule()
    def crash_and_start_again(self) -> None:
        """What was not committed is lost, and nobody was told of it."""
        self.pending = []
        self.table = LeaseTable()
        self.table.load(row for row in self.disk.values() if row.state != DELETED)
        self.table.pools.configure([(FIRST, LAST)], EXCLUDED, self.model.reserved)
        by_key = {client.key: client for client in CLIENTS}
        self.model.offers, self.model.gave_way = {}, {}
        self.model.leases = {
            address: Held(by_key[row.client], row.state, row.expires)
            for address, row in self.disk.items()
            if row.state != DELETED
        }

    def _change(self, rows: tuple[Row, ...]) -> None:
        if rows:
            self.pending.append(rows)

    # -------------------------------------------------------- what always holds

    @invariant()
    def nobody_holds_what_is_never_leased(self) -> None:
        assert not EXCLUDED & set(self.table.addresses())

    @invariant()
    def no_address_is_held_twice(self) -> None:
        rows = self.table.rows()
        assert len({row.address for row in rows}) == len(rows)
        clients = [row.client for row in rows if row.state == BOUND and row.expires > self.now]
        assert len(set(clients)) == len(clients)

    @invariant()
    def what_a_client_was_told_holds(self) -> None:
        changed = {row.address for rows in self.pending for row in rows}
        for address, row in self.promised.items():
            if row.expires <= self.now or address in changed:
                continue
            found = self.table.row(address)
            assert found is not None
            assert (found.client, found.state, found.expires) == (row.client, BOUND, row.expires)

    @invariant()
    def table_and_model_agree(self) -> None:
        known = {row.address: row for row in self.table.rows() if row.state != OFFERED}
        for address in known.keys() | self.model.leases.keys():
            row, held = known.get(address), self.model.leases.get(address)
            assert row is not None
            assert held is not None
            assert (row.client, row.state) == (held.client.key, held.state)

    @invariant()
    def an_offer_lasts_ten_seconds_at_most(self) -> None:
        assert all(row.expires <= self.now + OFFER_SECONDS for row in self.table.rows() if row.state == OFFERED)

    @invariant()
    def quarantine_is_bounded(self) -> None:
        declined = self.table.declined()
        assert len(declined) <= max(1, (LAST - FIRST + 1) // 4)
        hardware = [row.hardware for row in self.table.rows() if row.address in declined]
        assert all(hardware.count(each) <= DECLINES_PER_CLIENT for each in hardware)


TestLeaseTable = LeaseTableMachine.TestCase
