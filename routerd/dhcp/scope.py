"""One network that is served, ready to answer: its leases, its options, and what single clients get instead."""

from collections.abc import Iterable
from dataclasses import replace

from routerd.config.model import Reservation
from routerd.dhcp import options as opt
from routerd.dhcp.client import Client, Token, token_of
from routerd.dhcp.leases import BOUND, Lease, LeaseTable, Row
from routerd.dhcp.message import Message
from routerd.dhcp.reply_options import ReplyOptions
from routerd.model import DhcpScope

_SLACK = 64
_EXHAUSTED_SECONDS = 60.0


class Voice:
    """What one client, or all clients without settings of their own, are told: options and network boot fields."""

    __slots__ = ("apart", "boot", "hostname", "options")

    def __init__(self, scope: DhcpScope, hostname: str | None = None, common: int | None = None) -> None:
        settings = scope.settings
        self.options = ReplyOptions(scope)
        self.hostname = hostname
        self.apart = common is not None and self.options.routes != common
        """Are these clients sent other routes than the rest of the network, whose digest is `common`?"""
        self.boot = (
            int(settings.next_server or 0),
            (settings.server_name or "").encode("ascii"),
            (settings.boot_file or "").encode("ascii"),
        )


class Scope:
    """A served network with its lease table."""

    def __init__(self, part: DhcpScope, table: LeaseTable) -> None:
        self.table = table
        self.exhausted_at: float | None = None
        """When a client last went without one of the pools' addresses."""
        self.configure(part)

    def configure(self, part: DhcpScope) -> None:
        """Serve by this part from now on; leases stay."""
        self.part = part
        self.settings = part.settings
        self.first = int(part.network.network_address)
        self.last = int(part.network.broadcast_address)
        self._voice = Voice(part)
        reservations = {token_of(each): each for each in part.settings.reservations}
        common = self._voice.options.routes
        self._own = {token: Voice(_own_part(part, each), each.hostname, common) for token, each in reservations.items()}
        self._has_apart = any(voice.apart for voice in self._own.values())
        self._apart: dict[bytes, None] | None = None
        """The clients that are sent routes of their own, as far as they have asked; None: to be looked up."""
        pools = [(int(pool.first), int(pool.last)) for pool in part.settings.pools]
        excluded = {int(address) for address in part.excluded} | {self.first, self.last}
        reserved: dict[int, Token] = {int(each.address): token for token, each in reservations.items()}
        self.table.pools.configure(pools, excluded, reserved)
        self.ipv6_only = any(option.code == opt.IPV6_ONLY for option in part.settings.options)

    def is_current(self, row: Row) -> bool:
        """Did the last ACK of this lease carry exactly the routes that its client is sent now, if it takes them?

        Where there are none to hand out, that is so for who was sent none, whether or not it takes routes; who was
        sent some before has them until it asks again. What is not known (a lease from an older lease file) is not so.
        A client whose reservation has a router of its own is judged by that, whatever address it has.
        """
        return row.given.routes == self._routes_for(row)

    def current(self) -> int:
        """How many of the bound leases are current; costs as much as there are leases with routes of their own.

        The first time after a change the clients whose reservations have routers of their own are looked up.
        """
        common = self._voice.options
        count, table = self.table.given.with_routes(common.routes), self.table
        apart = self._clients_apart() if self._has_apart else ()
        leases = [*map(table.at, common.special), *map(table.of, apart)]
        for lease in {lease.address: lease for lease in leases if lease is not None and lease.state == BOUND}.values():
            routes = lease.given.routes
            count += (routes == self._routes_for(lease)) - (routes == common.routes)
        return count

    def _routes_for(self, lease: Row | Lease) -> int:
        """The digest of the routes that the client of the lease is sent now if it takes them."""
        voice = self._voice_of(lease) if self._has_apart else self._voice
        return voice.options.routes_for(lease.address)

    def _voice_of(self, lease: Row | Lease) -> Voice:
        return self.voice(Client(lease.client, lease.hardware, self.table.pools.place_of(lease.address)))

    def _clients_apart(self) -> Iterable[bytes]:
        """The identifiers of all clients with a lease that are sent routes of their own, and maybe some more."""
        table = self.table
        if self._apart is None:
            names = {name for token, voice in self._own.items() if voice.apart for name in token[1:]}
            places = {address for address in table.pools.reserved if table.pools.place_of(address) in names}
            self._apart = {
                lease.client: None
                for lease in table.leases()
                if lease.client in names or lease.hardware in names or lease.address in places
            }
        for gone in [client for client in self._apart if table.of(client) is None]:
            del self._apart[gone]
        return self._apart

    def is_exhausted(self, now: float) -> bool:
        """Did a client go without an address within the last minute although there are pools?"""
        return self.exhausted_at is not None and now - self.exhausted_at < _EXHAUSTED_SECONDS

    def contains(self, address: int) -> bool:
        """Can a host of this network have the address?"""
        return self.first < address < self.last

    def is_link(self, address: int) -> bool:
        """Does a relay agent that names this address mean this network (RFC 3527: any of it, its own with no host)?"""
        return self.first <= address <= self.last

    def voice(self, client: Client) -> Voice:
        """What this client is told."""
        if self._own:
            for token in client.tokens():
                own = self._own.get(token)
                if own is not None:
                    if own.apart:
                        self._note(client.key)
                    return own
        return self._voice

    def _note(self, client: bytes) -> None:
        if self._apart is not None:
            self._apart[client] = None
            if len(self._apart) > len(self.table) + _SLACK:
                self._apart = None  # One machine under many names, most of them without a lease.

    def prefers_ipv6(self, message: Message) -> bool:
        """Does the client ask for option 108 where the network sets it (RFC 8925)?"""
        return self.ipv6_only and opt.IPV6_ONLY in message.options.get(opt.PARAMETER_LIST, b"")


def _own_part(part: DhcpScope, own: Reservation) -> DhcpScope:
    """The part as it is for the client of one reservation: what that sets wins (the nearest wins)."""
    settings = part.settings
    codes = {option.code for option in own.options}
    kept = tuple(option for option in settings.options if option.code not in codes)
    changes = {
        name: value
        for name in ("dns", "next_server", "server_name", "boot_file")
        if (value := getattr(own, name)) is not None
    }
    router, routes = own.router_on(part.network, part.router), part.routes
    if router != part.router:
        routes = dict(part.own_routes).get(router, routes)
    settings = replace(settings, options=kept + own.options, **changes)
    return replace(part, router=router, routes=routes, settings=settings)
