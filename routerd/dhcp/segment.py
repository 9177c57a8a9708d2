"""What a DHCP server of a LAN would give a client, as its answer to a question says it. Pure."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.dhcp import options as opt
from routerd.dhcp.message import OFFER, Message
from routerd.wire import WireError

ASKED = (
    *(opt.SUBNET_MASK, opt.ROUTER, opt.DNS, opt.DOMAIN, opt.NTP, opt.LEASE_TIME, opt.SERVER_ID),
    *(opt.CLASSLESS_ROUTES, opt.MS_CLASSLESS_ROUTES),
)
_ADDRESSES = {"routers": opt.ROUTER, "dns": opt.DNS, "ntp": opt.NTP}
_ROUTES = {"routes": opt.CLASSLESS_ROUTES, "routes_249": opt.MS_CLASSLESS_ROUTES}
_INFINITE = 0xFFFFFFFF


class Given(NamedTuple):
    """What an answer says. `address` None: it answers, but offers none. `lease_time` in seconds; `endless`: for ever.

    Routes are (prefix, gateway), with a text in their place where the option is broken; None where it is not there.
    """

    address: str | None
    mask: int | None
    lease_time: int | None
    endless: bool
    domain: str | None
    addresses: Mapping[str, tuple[str, ...]]
    routes: Mapping[str, tuple[tuple[str, str], ...] | str | None]


def given(message: Message) -> Given:
    """What a server's OFFER or ACK says."""
    options = message.options
    seconds = options.get(opt.LEASE_TIME, b"")
    number = int.from_bytes(seconds, "big") if len(seconds) == 4 else None
    is_offer = options.get(opt.MESSAGE_TYPE) == bytes((OFFER,))
    domain = options.get(opt.DOMAIN, b"").rstrip(b"\x00").decode("latin-1")
    return Given(
        str(IPv4Address(message.yiaddr)) if is_offer and message.yiaddr else None,
        _width(options.get(opt.SUBNET_MASK, b"")),
        number,
        number == _INFINITE,
        "".join(c if c.isprintable() else "?" for c in domain) or None,
        {name: _addresses(options.get(code, b"")) for name, code in _ADDRESSES.items()},
        {name: _routes(options.get(code)) for name, code in _ROUTES.items()},
    )


def _width(mask: bytes) -> int | None:
    number = int.from_bytes(mask, "big")
    width = number.bit_count()
    return width if len(mask) == 4 and number == (0xFFFFFFFF << (32 - width)) & 0xFFFFFFFF else None


def _addresses(value: bytes) -> tuple[str, ...]:
    whole = len(value) - len(value) % 4
    return tuple(str(IPv4Address(value[at : at + 4])) for at in range(0, whole, 4))


def _routes(value: bytes | None) -> tuple[tuple[str, str], ...] | str | None:
    if value is None:
        return None
    try:
        return tuple((str(prefix), str(gateway)) for prefix, gateway in opt.decode_classless_routes(value))
    except WireError as error:
        return f"broken ({error}): {value[:40].hex()}"
