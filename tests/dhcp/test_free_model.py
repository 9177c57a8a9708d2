"""Whatever clients, probes, other machines and administrators do: no address is lost, and none is given twice."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routerd.dhcp.client import Client
from routerd.dhcp.conflicts import Conflicts
from routerd.dhcp.lease import NOBODY
from routerd.dhcp.leases import BOUND, LeaseTable

FIRST, LAST = 10, 29
MACS = [bytes((2, 0, 0, 0, 0, n)) for n in range(8)]
CLIENTS = [Client(b"\1" + mac, b"\1" + mac) for mac in MACS]
POOLS = [[(FIRST, LAST)], [(FIRST, 14), (20, LAST)], [(12, 25)]]
RESERVED = [{}, {13: (0, CLIENTS[0].key)}, {20: (0, CLIENTS[1].key), 40: (0, CLIENTS[2].key)}]
EXCLUDED = frozenset({17})

some_client = st.sampled_from(CLIENTS)
some_address = st.integers(FIRST - 1, LAST + 1)


class FreeMachine(RuleBasedStateMachine):
    """A table with everything that touches its free addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.table = LeaseTable()
        self.conflicts: Conflicts | None = None

    @initialize()
    def begin(self) -> None:
        self.configure(POOLS[0], RESERVED[0])

    @rule(pools=st.sampled_from(POOLS), reserved=st.sampled_from(RESERVED))
    def configure(self, pools: list[tuple[int, int]], reserved: dict[int, tuple[int, bytes]]) -> None:
        self.table.pools.configure(pools, EXCLUDED, reserved)
        if self.conflicts is not None:
            self.conflicts.reconsider()

    @rule(client=some_client, requested=st.one_of(st.just(0), some_address))
    def discover(self, client: Client, requested: int) -> None:
        self.table.offer(client, requested, self.now)

    @rule(client=some_client)
    def select(self, client: Client) -> None:
        address = self.table.offer(client, 0, self.now)
        if address is not None:
            assert self.table.bind(client, address, None, 60.0, self.now) is not None

    @rule(client=some_client, address=some_address)
    def reboot(self, client: Client, address: int) -> None:
        self.table.bind(client, address, None, 60.0, self.now)

    @rule(client=some_client, address=some_address)
    def release(self, client: Client, address: int) -> None:
        self.table.release(client, address, self.now)

    @rule(client=some_client)
    def decline(self, client: Client) -> None:
        lease = self.table.of(client.key)
        if lease is not None:
            self.table.decline(client, lease.address, self.now)

    @rule(client=some_client)
    def choose_another_server(self, client: Client) -> None:
        self.table.withdraw_offer(client)

    @rule(address=some_address)
    def remove(self, address: int) -> None:
        self.table.remove(address)

    @rule(seconds=st.sampled_from([0.5, 1.0, 10.0, 60.0, 4000.0]), tick=st.booleans())
    def pass_time(self, seconds: float, tick: bool) -> None:
        self.now += seconds
        if tick:
            self.table.expire(self.now)

    @rule(on=st.booleans())
    def switch(self, on: bool) -> None:
        if self.conflicts is not None:
            self.conflicts.stop()
        self.conflicts = Conflicts(self.table, self.now) if on else None

    @rule()
    def ask(self) -> None:
        if self.conflicts is not None:
            self.conflicts.questions(self.now)
            deadline = self.conflicts.next_deadline()
            assert deadline is None or deadline > self.now

    @rule(address=some_address, mac=st.sampled_from(MACS))
    def hear(self, address: int, mac: bytes) -> None:
        if self.conflicts is not None:
            self.conflicts.heard(address, mac, self.now)

    @invariant()
    def what_is_in_the_stock_is_free(self) -> None:
        for address in self.table.free.stock.addresses():
            lease = self.table.at(address)
            assert lease is None or lease.has_ended(self.now)
            assert self.table.offered(address) is None

    @invariant()
    def nobody_has_two_addresses_and_no_lease_is_nobodys(self) -> None:
        rows = [row for row in self.table.rows() if row.state == BOUND and row.expires > self.now]
        clients = [row.client for row in rows]
        assert len(set(clients)) == len(clients)
        assert NOBODY not in clients

    def teardown(self) -> None:
        """When all that was promised has ended, every address of the pools is to be had, once."""
        if self.conflicts is not None:
            self.conflicts.questions(self.now)
        self.now += 100_000.0
        while self.table.expire(self.now):
            pass
        open_to_all = [a for a in range(50) if self.table.pools.open_to_all(a)]
        strangers = [Client(bytes((9, n)), bytes((9, n))) for n in range(len(open_to_all) + 1)]
        given = [self.table.offer(stranger, 0, self.now) for stranger in strangers]
        assert sorted(a for a in given[:-1] if a is not None) == open_to_all
        assert given[-1] == given[0], "the oldest offer"


TestFreeAddresses = FreeMachine.TestCase
