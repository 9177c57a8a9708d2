"""The options of a reply: what a client asked for, in its order (RFC 2131 section 4.3.1), within the size it takes.

What does not differ between clients with the same parameter list is encoded once and kept.
"""

from ipaddress import IPv4Address

from routerd.dhcp import options as opt
from routerd.dhcp.given import Given, digest, given
from routerd.dhcp.message import ACK, NAK, OFFER, Message
from routerd.model import DhcpScope

_KEPT_BLOCKS = 512
_MIN_LEASE = 60
_IP_UDP_HEADERS = 28
_FIXED_PART = 241  # header, cookie and END
_ETHERNET_MTU = 1500
_ESSENTIAL = frozenset((opt.ROUTER, opt.DNS, opt.CLASSLESS_ROUTES, opt.MS_CLASSLESS_ROUTES))
_ROUTES = (opt.CLASSLESS_ROUTES, opt.MS_CLASSLESS_ROUTES)


class ReplyOptions:
    """Encodes the options of the replies to clients of one network."""

    def __init__(self, part: DhcpScope) -> None:
        self._part = part
        self._mask = opt.encode_option(opt.SUBNET_MASK, [part.network.netmask.packed])
        self._server = opt.encode_option(opt.SERVER_ID, [part.address.packed])
        self._values = _values(part)
        self.routes = digest(self._values.get(opt.CLASSLESS_ROUTES, ()))
        """The digest of the routes that clients are sent that take them, but for those at the addresses `special`."""
        self._own = _own_entries(part)
        self.special = self._own.keys()
        self._always = [option.code for option in part.settings.options if option.always]
        self._blocks: dict[tuple[bytes | None, int, int], tuple[bytes, Given]] = {}
        self._lease = int(part.settings.lease_time)
        self._heads = {kind: self._head(kind, self._lease, None) for kind in (OFFER, ACK)}
        self._largest = max(576, part.mtu)
        # RFC 2131 section 2 promises 576 bytes of a client that says nothing. One that asks for more options than fit
        # there reads whole Ethernet frames, and a list of routes that is cut would cost it its way to the VPN.
        self._room = self._limit(_ETHERNET_MTU.to_bytes(2, "big"))

    def routes_for(self, address: int) -> int:
        """The digest of the routes that a client at this address is sent if it takes them.

        A route is not sent to a host that it leads through: to the gateway itself, and to a peer of the VPN that is
        at this site now, where the route leads through the tunnel to that peer. It is sent all others.
        """
        return digest(self._own[address]) if address in self._own else self.routes

    def lease_seconds(self, message: Message) -> int:
        """How long the client may hold the address: what it asks for, if that is shorter, but at least a minute."""
        asked = message.options.get(opt.LEASE_TIME)
        if asked is None or len(asked) != 4:
            return self._lease
        return min(self._lease, max(_MIN_LEASE, int.from_bytes(asked, "big")))

    def encode(
        self,
        message: Message,
        kind: int,
        address: int,
        hostname: str | None,
        seconds: int | None,
        server: bytes | None = None,
        rapid: bool = False,
    ) -> tuple[bytes, Given]:
        """The options of an OFFER or ACK for `address`, and what they give; without times where no lease is given
        (`seconds` None: INFORM).

        `server` is the server identifier where a relay agent asks for its own (RFC 5107); `rapid`: the ACK of a
        DISCOVER (RFC 4039).
        """
        if seconds == self._lease and server is None and not rapid:
            head = self._heads[kind]
        else:
            head = self._head(kind, seconds, server, rapid=rapid)
        asked = message.options.get(opt.PARAMETER_LIST)
        if hostname is not None and (asked is None or opt.HOSTNAME in asked):
            head += opt.encode_option(opt.HOSTNAME, [hostname.encode("ascii")])
        tail, size = _echo(message), message.options.get(opt.MAX_SIZE)
        room = (self._room if size is None else self._limit(size)) - len(head) - len(tail)
        key = (asked, room, address if address in self._own else 0)
        known = self._blocks.get(key)
        if known is None:
            known = self._block(asked, room, address)
            if len(self._blocks) >= _KEPT_BLOCKS:
                self._blocks.clear()
            self._blocks[key] = known
        return head + known[0] + tail, known[1]

    def encode_nak(self, message: Message, server: bytes | None = None) -> bytes:
        """The options of a NAK: nothing of a lease (RFC 2131 table 3)."""
        return bytes((opt.MESSAGE_TYPE, 1, NAK)) + self._server_id(server) + _echo(message)

    def _head(self, kind: int, seconds: int | None, server: bytes | None, *, rapid: bool = False) -> bytes:
        """What does not depend on what is asked for."""
        head = bytes((opt.MESSAGE_TYPE, 1, kind)) + self._server_id(server)
        if rapid:
            head += bytes((opt.RAPID_COMMIT, 0))
        if seconds is not None:
            head += self._times(seconds)
        return head + self._mask

    def _server_id(self, server: bytes | None) -> bytes:
        return self._server if server is None else bytes((opt.SERVER_ID, 4)) + server

    def _limit(self, size: bytes) -> int:
        """The room for options where the client takes messages of this size."""
        takes = _ETHERNET_MTU if len(size) != 2 else max(576, int.from_bytes(size, "big"))
        return min(self._largest, takes) - _IP_UDP_HEADERS - _FIXED_PART

    def _times(self, seconds: int) -> bytes:
        settings = self._part.settings
        renew = settings.renew_time if settings.renew_time is not None else self._lease * 0.5
        rebind = settings.rebind_time if settings.rebind_time is not None else self._lease * 0.875
        scale = seconds / self._lease
        times = ((opt.LEASE_TIME, seconds), (opt.RENEW_TIME, renew * scale), (opt.REBIND_TIME, rebind * scale))
        return b"".join(bytes((code, 4)) + int(value).to_bytes(4, "big") for code, value in times)

    def _block(self, asked: bytes | None, room: int, address: int) -> tuple[bytes, Given]:
        """What was asked for and always goes out, cut to `room` bytes as `_fit` says."""
        codes = dict.fromkeys([*(self._values if asked is None else asked), *self._always])
        wanted = {code: self._values[code] for code in codes if code in self._values}
        if asked is None:
            for code in _ROUTES:  # Who understands classless routes asks for them (RFC 3442).
                wanted.pop(code, None)
        for code in _ROUTES:
            if code in wanted:
                wanted[code] = self._own.get(address, wanted[code])
        wanted = {code: value for code, value in wanted.items() if value}
        block = _fit(wanted, room)
        sent = wanted.get(opt.CLASSLESS_ROUTES) or wanted.get(opt.MS_CLASSLESS_ROUTES, ())
        accepts = None if asked is None else any(code in asked for code in _ROUTES)
        return block, given(accepts, digest(sent))


def _own_entries(part: DhcpScope) -> dict[int, tuple[bytes, ...]]:
    """The entries of option 121 for hosts that some of the routes lead through: the other routes."""
    through = dict(part.through)
    own = {}
    for host in {gateway for _, gateway in part.routes} | through.keys():
        barred = through.get(host, ())
        kept = tuple(route for route in part.routes if route[1] != host and route[0] not in barred)
        own[int(host)] = opt.classless_routes(kept, part.router)
    return own


def _values(part: DhcpScope) -> dict[int, tuple[bytes, ...]]:
    """Every option that this LAN can send, as parts that are not cut."""
    settings = part.settings
    values: dict[int, tuple[bytes, ...]] = {}
    if part.router is not None:
        values[opt.ROUTER] = (part.router.packed,)
    routes = opt.classless_routes(part.routes, part.router)
    if routes:
        values[opt.CLASSLESS_ROUTES] = values[opt.MS_CLASSLESS_ROUTES] = routes
    for code, addresses in ((opt.DNS, settings.dns), (opt.NTP, settings.ntp)):
        if addresses:
            values[code] = tuple(address.packed for address in addresses)
    if settings.domain:
        values[opt.DOMAIN] = (settings.domain.encode("ascii"),)
    if settings.search:
        values[opt.SEARCH] = tuple(opt.encode_domains([name]) for name in settings.search)
    values[opt.BROADCAST] = (IPv4Address(int(part.network.broadcast_address)).packed,)
    if settings.server_name:
        values[opt.SERVER_NAME] = (settings.server_name.encode("ascii"),)
    if settings.boot_file:
        values[opt.BOOT_FILE] = (settings.boot_file.encode("ascii"),)
    for option in settings.options:
        values[option.code] = (option.data,)
    return values


def _fit(wanted: dict[int, tuple[bytes, ...]], room: int) -> bytes:
    """Encode what fits, and leave in `wanted` what went in: 249 beside 121 goes first, then unimportant options, then
    routes.
    """
    sizes = {code: len(opt.encode_option(code, value)) for code, value in wanted.items()}
    # Who asks for both takes 121, which says all that 249 does.
    copy = [opt.MS_CLASSLESS_ROUTES] if sizes.keys() >= set(_ROUTES) else []
    for code in [*copy, *(code for code in reversed(wanted) if code not in _ESSENTIAL)]:
        if sum(sizes.values()) > room:
            del wanted[code], sizes[code]
    for code in _ROUTES:
        if sum(sizes.values()) > room and len(wanted.get(code, ())) > 1:
            wanted[code] = _nearest(code, wanted[code], room - sum(sizes.values()) + sizes[code])
            sizes[code] = len(opt.encode_option(code, wanted[code]))
    return b"".join(opt.encode_option(code, value) for code, value in wanted.items())


def _nearest(code: int, entries: tuple[bytes, ...], room: int) -> tuple[bytes, ...]:
    """As many of the first entries as fit, and the last one in any case: that is the default route, without which the
    client loses its way out.
    """
    least, most = 0, len(entries) - 1
    while least < most:
        count = (least + most + 1) // 2
        if len(opt.encode_option(code, (*entries[:count], entries[-1]))) <= room:
            least = count
        else:
            most = count - 1
    return (*entries[:least], entries[-1])


def _echo(message: Message) -> bytes:
    """Client identifier (RFC 6842) and relay agent information (RFC 3046) go back as they came, the latter last."""
    client_id, relay = message.options.get(opt.CLIENT_ID), message.options.get(opt.RELAY_AGENT)
    if client_id is relay is None:
        return b""
    echo = b"" if client_id is None else opt.encode_option(opt.CLIENT_ID, [client_id])
    return echo if relay is None else echo + opt.encode_option(opt.RELAY_AGENT, [relay])
