"""Links, addresses and routes of the kernel, by one netlink socket. Own routes carry protocol 121 in the main table."""

import asyncio
import contextlib
import errno
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from ipaddress import IPv4Network
from typing import Any, ClassVar

from pyroute2.netlink.exceptions import NetlinkError as _KernelError
from pyroute2.netlink.marshal import Marshal
from pyroute2.netlink.nlsocket import AsyncNetlinkSocket, NetlinkRequest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from routerd.model import DefaultGateway, Interface, KernelRoute
from routerd.system import link_message, route_message
from routerd.system.netlink_error import NetlinkError

# The library writes every message that it sees, as a whole, to its log at the level debug.
logging.getLogger("pyroute2").setLevel(logging.WARNING)

_TIMEOUT = 5.0
_ATTEMPTS = 3
_SOL_NETLINK, _STRICT = 270, 12
_NEWLINK, _DELLINK, _GETLINK = 16, 17, 18
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
_REQUEST, _ACK, _DUMP, _INTERRUPTED = 0x1, 0x4, 0x300, 0x10
_EXCL, _CREATE = 0x200, 0x400


class _Marshal(Marshal):  # type: ignore[misc]
    """Reads links, addresses and routes, and nothing else: the library's own loads 2.5 MB of what is not used here."""

    msg_map: ClassVar[dict[int, type]] = {
        **dict.fromkeys((_NEWLINK, _DELLINK, _GETLINK), ifinfmsg),
        **dict.fromkeys((_NEWADDR, _DELADDR, _GETADDR), ifaddrmsg),
        **dict.fromkeys((_NEWROUTE, _DELROUTE, _GETROUTE), rtmsg),
    }


class _Socket(AsyncNetlinkSocket):  # type: ignore[misc]
    marshal_class = _Marshal


class Netlink:
    """One netlink socket, opened at the first use and opened anew after a fault.

    Requests wait for each other: the kernel refuses a second dump on a socket. Every method raises `NetlinkError`.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._socket: Any = None

    def close(self) -> None:
        """Close the socket; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def interfaces(self, names: Collection[str] | None = None) -> dict[str, Interface]:
        """The interfaces of this namespace by name, all or those of `names` that exist.

        With `names` only these are asked for, which is what a machine with thousands of interfaces needs.
        """
        async with self._session("read the interfaces"):
            if names is None:
                links = await self._ask(link_message.request(), _GETLINK, _REQUEST | _DUMP)
                addresses = await self._addresses(0)
                return dict(link_message.interface(link, addresses) for link in links)
            found = {}
            for name in dict.fromkeys(names):
                link = await self._link(name)
                if link is not None:
                    found[name] = link_message.interface(link, await self._addresses(link["index"]))[1]
            return found

    async def kind(self, name: str) -> str | None:
        """The kind of the interface ("wireguard", "tun", "veth", …), "" where it has none; None: no such interface."""
        async with self._session(f"read the kind of {name}"):
            link = await self._link(name)
            if link is None:
                return None
            return link_message.kind(link)

    async def default_gateways(self) -> tuple[DefaultGateway, ...]:
        """Next hops of the main table's default routes, best metric first. Default routes without one are left out."""
        async with self._session("read the default routes"):
            routes = await self._scan(lambda *at: route_message.peek(*at)[0] == 0)
            return route_message.default_gateways(routes, _name)

    async def own_routes(self) -> set[KernelRoute]:
        """Every route that routerd (this or an earlier one) put into the main table; `interface` is always set there
        but for unreachable routes."""
        async with self._session("read routerd's routes"):
            return await self._own()

    async def foreign_routes(self, prefixes: Iterable[IPv4Network]) -> set[IPv4Network]:
        """Those of `prefixes` for which the main table has a route with exactly this prefix that is not routerd's."""
        async with self._session("read routes of others"):
            return {prefix for prefix, _, own in await self._exact(prefixes) if not own}

    async def add_route(self, route: KernelRoute) -> None:
        """Put the route there; no error if it is there already. A route of someone else is never replaced.

        One of routerd's own with the same prefix and metric stays beside it until it is deleted, so that no packet
        finds no route. Raises `NetlinkError` EEXIST if someone else has the same prefix with the same metric.
        """
        async with self._session(f"add the route {route.prefix}"):
            message = route_message.encode(route, _index(route), adding=True)
            try:
                await self._ask(message, _NEWROUTE, _REQUEST | _ACK | _CREATE | _EXCL)
                return
            except _KernelError as error:
                if error.code != errno.EEXIST:
                    raise
            twins = await self._exact([route.prefix])
            if any(metric == route.metric and not own for _, metric, own in twins):
                raise NetlinkError(f"add the route {route.prefix}", errno.EEXIST, "another program's route is there")
            message = route_message.encode(route, _index(route), adding=True)
            with _tolerating(errno.EEXIST):
                await self._ask(message, _NEWROUTE, _REQUEST | _ACK | _CREATE)

    async def delete_route(self, route: KernelRoute) -> None:
        """Remove the route if it is there and routerd's own; routes of others are never touched."""
        async with self._session(f"delete the route {route.prefix}"):
            with _tolerating(errno.ESRCH, errno.ENODEV):
                message = route_message.encode(route, _index(route), adding=False)
                await self._ask(message, _DELROUTE, _REQUEST | _ACK)

    # ------------------------------------------------------------ the parts of the above, with the lock held

    async def _link(self, name: str) -> Any | None:
        with _tolerating(errno.ENODEV):
            for link in await self._ask(link_message.request(name), _GETLINK, _REQUEST):
                return link
        return None

    async def _addresses(self, index: int) -> list[Any]:
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            # A kernel without IPv6 knows no such request.
            with _tolerating(errno.ENODEV, errno.EOPNOTSUPP):
                found += await self._ask(link_message.addresses_request(index, family), _GETADDR, _REQUEST | _DUMP)
        return found

    async def _own(self) -> set[KernelRoute]:
        message = route_message.dump_request(route_message.OWN_PROTOCOL)
        routes = await self._ask(message, _GETROUTE, _REQUEST | _DUMP)
        return {route for route in (route_message.decode_own(route, _name) for route in routes) if route is not None}

    async def _exact(self, prefixes: Iterable[IPv4Network]) -> list[tuple[IPv4Network, int, bool]]:
        wanted = {(prefix.prefixlen, prefix.network_address.packed) for prefix in prefixes}
        if not wanted:
            return []
        return [
            route_message.identity(route) for route in await self._scan(lambda *at: route_message.peek(*at) in wanted)
        ]

    async def _scan(self, keep: Callable[[bytes, int], bool]) -> list[Any]:
        """Routes of the main table for which `keep(data, offset of the message)` holds; the others stay undecoded.

        The kernel cannot filter by prefix length, and decoding costs 100 times as much as looking at one byte.
        """
        parse = self._socket.marshal.parse_one_message

        def parser(data: bytes, offset: int, length: int) -> Any:
            kind = int.from_bytes(data[offset + 4 : offset + 6], sys.byteorder)
            if kind == _NEWROUTE and not keep(data, offset):
                # The library takes a datagram that yields nothing for the end of the dump.
                return None if offset else {"header": {"type": 0, "flags": 2, "error": None}}
            flags = int.from_bytes(data[offset + 6 : offset + 8], sys.byteorder)
            return parse(kind, flags, 0, data, offset, length)

        rows = await self._ask(route_message.dump_request(), _GETROUTE, _REQUEST | _DUMP, parser)
        return [row for row in rows if isinstance(row, rtmsg)]

    async def _ask(self, message: Any, kind: int, flags: int, parser: Any = None) -> list[Any]:
        answers: list[Any] = []
        for _ in range(_ATTEMPTS):
            request = NetlinkRequest(self._socket, message, msg_type=kind, msg_flags=flags, parser=parser)
            await request.send()
            answers = [answer async for answer in request.response()]
            if not any(answer["header"].get("flags", 0) & _INTERRUPTED for answer in answers):
                break
        return answers

    @contextlib.asynccontextmanager
    async def _session(self, action: str) -> AsyncIterator[None]:
        """Hold the lock and an open socket; a fault of the socket closes it and every fault becomes `NetlinkError`."""
        async with self._lock:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    if self._socket is None:
                        self._socket = _open()
                    yield
            except NetlinkError:
                raise
            except _KernelError as error:
                raise NetlinkError(action, error.code, _detail(error)) from None
            except TimeoutError:
                self.close()
                raise NetlinkError(action, errno.ETIMEDOUT, "the kernel did not answer") from None
            except OSError as error:
                self.close()
                raise NetlinkError(action, error.errno or errno.EIO) from None
            except BaseException:
                # Cancelled in the middle of a dump: the rest of it would meet the next request.
                self.close()
                raise


def _open() -> Any:
    opened = _Socket(family=socket.NETLINK_ROUTE, ext_ack=True, rcvsize=65536)
    # Kernels before 4.20 do not know strict checks; they send more, and all answers are filtered here as well.
    with contextlib.suppress(OSError):
        opened.socket.setsockopt(_SOL_NETLINK, _STRICT, 1)
    return opened


@contextlib.contextmanager
def _tolerating(*codes: int) -> Iterator[None]:
    try:
        yield
    except _KernelError as error:
        if error.code not in codes:
            raise


def _detail(error: Any) -> str | None:
    text = error.args[1] if len(error.args) > 1 else None
    return text if isinstance(text, str) else None


def _name(index: int) -> str | None:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return None


def _index(route: KernelRoute) -> int | None:
    if route.interface is None:
        return None
    try:
        return socket.if_nametoindex(route.interface)
    except OSError:
        raise NetlinkError(f"use the interface {route.interface}", errno.ENODEV) from None
