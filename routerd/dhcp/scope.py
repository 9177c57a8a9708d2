"""One network that is served, ready to answer: its leases, its options, and what single clients get instead."""

from dataclasses import replace
from ipaddress import IPv4Address

from routerd.config.model import Reservation
from routerd.dhcp import options as opt
from routerd.dhcp.client import Client, Token, token_of
from routerd.dhcp.leases import LeaseTable
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
        self.ipv6_only = any(option.code == opt.IPV6_ONLY for option in part.settings.options)

    def contains(self, address: int) -> bool:
        """Can a host of this network have the address?"""
        return self.first < address < self.last

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
