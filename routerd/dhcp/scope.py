"""One network that is served, ready to answer: its leases, its options, and what single clients get instead."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from routerd.config.model import Reservation
from routerd.dhcp import options as opt
from routerd.dhcp.client import Client, Token, token_of
from routerd.dhcp.leases import BOUND, LeaseTable, Row
from routerd.dhcp.message import Message
from routerd.dhcp.reply_options import ReplyOptions
from routerd.model import DhcpScope


class Voice:
    """What one client, or all clients without settings of their own, are told: options and network boot fields."""

    __slots__ = ("boot", "hostname", "options")

    def __init__(self, scope: DhcpScope, hostname: str | None = None) -> None:
        settings = scope.settings
        self.options = ReplyOptions(scope)
        self.hostname = hostname
        self.boot = (
            int(settings.next_server or 0),
            (settings.server_name or "").encode("ascii"),
            (settings.boot_file or "").encode("ascii"),
        )


class Scope:
    """A served network with its lease table."""

    def __init__(self, part: DhcpScope, table: LeaseTable) -> None:
        self.table = table
        self.configure(part)

    def configure(self, part: DhcpScope) -> None:
        """Serve by this part from now on; leases stay."""
        self.part = part
        self.settings = part.settings
        self.first = int(part.network.network_address)
        self.last = int(part.network.broadcast_address)
        self._voice = Voice(part)
        reservations = {token_of(each): each for each in part.settings.reservations}
        self._own = {token: Voice(_own_part(part, each), each.hostname) for token, each in reservations.items()}
        pools = [(int(pool.first), int(pool.last)) for pool in part.settings.pools]
        excluded = {int(address) for address in part.excluded} | {self.first, self.last}
        reserved: dict[int, Token] = {int(each.address): token for token, each in reservations.items()}
        self.table.pools.configure(pools, excluded, reserved)
        self._routes_at = self._special_routes(reservations)
        self.ipv6_only = any(option.code == opt.IPV6_ONLY for option in part.settings.options)

    def _special_routes(self, reservations: Mapping[Token, Reservation]) -> dict[int, int]:
        """The digests of the routes for addresses that are sent others than all the rest."""
        common = self._voice.options
        found = {address: common.routes_for(address) for address in common.special}
        for token, own in reservations.items():
            found[int(own.address)] = self._own[token].options.routes_for(int(own.address))
        return {address: routes for address, routes in found.items() if routes != common.routes}

    def is_current(self, row: Row) -> bool:
        """Did the last ACK of this lease carry exactly the routes that its client is sent now, if it takes them?

        Where there are none to hand out, that is so for who was sent none, whether or not it takes routes; who was
        sent some before has them until it asks again. What is not known (a lease from an older lease file) is not so.
        A client at a reserved address is judged by the reservation's own router, wherever that differs.
        """
        return row.given.routes == self._routes_at.get(row.address, self._voice.options.routes)

    def current(self) -> int:
        """How many of the bound leases are current; costs as much as there are addresses with routes of their own."""
        common = self._voice.options.routes
        count = self.table.given.with_routes(common)
        for address, routes in self._routes_at.items():
            lease = self.table.at(address)
            if lease is not None and lease.state == BOUND:
                count += (lease.given.routes == routes) - (lease.given.routes == common)
        return count

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
                    return own
        return self._voice

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
    router = part.router
    if own.router is not None:
        router = own.router if isinstance(own.router, IPv4Address) and own.router in part.network else None
    return replace(part, router=router, settings=replace(settings, options=kept + own.options, **changes))
