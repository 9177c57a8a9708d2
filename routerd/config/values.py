"""Kinds of single values: addresses, networks, names, numbers, durations, choices."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address
from typing import Any

from routerd.config.model import Address, AddressRange
from routerd.config.schema import Bad, Kind, pattern

LONGEST_POOL = 1 << 24
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:(:[0-9A-Fa-f]{2}){5}|(-[0-9A-Fa-f]{2}){5})")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+")
_PREFIX = re.compile(r"([0-9.]{7,15})/([0-9]{1,2})")
_RESERVED = (IPv4Network("0.0.0.0/8"), IPv4Network("127.0.0.0/8"), IPv4Network("224.0.0.0/4"))


def text_of(value: Any, what: str, example: str) -> str:
    """The value if it is a string that is not empty; raises Bad that names what is due."""
    if not isinstance(value, str):
        raise Bad(f"must be {what}, written as a string", f'for example "{example}"')
    if not value:
        raise Bad(f"must be {what}, not an empty string", f'for example "{example}", or leave the key out')
    return value


def parse_ipv4(value: Any) -> IPv4Address:
    """Any IPv4 address; raises Bad."""
    text = text_of(value, "an IPv4 address", "192.168.200.1")
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise Bad("must be an IPv4 address", 'write four numbers, for example "192.168.200.1"') from None


def parse_unicast(value: Any) -> IPv4Address:
    """An IPv4 address that one machine can have; raises Bad."""
    address = parse_ipv4(value)
    if any(address in network for network in _RESERVED) or address == IPv4Address("255.255.255.255"):
        raise Bad("must be the address of one machine in a network", "give its own address, as `ip address` shows it")
    return address


def parse_address(value: Any) -> Address:
    """An IPv4 or IPv6 address that one machine can have; raises Bad."""
    text = text_of(value, "an IP address", "10.0.0.1")
    if ":" not in text:
        return parse_unicast(text)
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise Bad("must be an IP address", 'for example "10.0.0.1" or "fd00::1"') from None
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.scope_id is not None:
        raise Bad("must be the address of one machine, without %interface", 'for example "fd00::1"')
    return address


def parse_router(value: Any) -> IPv4Address | str:
    """An IPv4 address or the string "none"; raises Bad."""
    return "none" if value == "none" else parse_unicast(value)


def parse_network(value: Any) -> IPv4Network:
    """An IPv4 network that can lie behind a VPN; raises Bad, also for host bits, and names the network then."""
    text = text_of(value, "an IPv4 network", "10.0.0.0/24")
    match = _PREFIX.fullmatch(text)
    try:
        address = IPv4Address(match[1] if match else text)
        network = IPv4Network((address, int(match[2]) if match else 32), strict=False)
    except ValueError:
        raise Bad("must be an IPv4 network with its prefix length", 'for example "10.0.0.0/24"') from None
    if match is None:
        raise Bad("must have a prefix length", f'write "{text}/32" for one address, or the network that you mean')
    if network.prefixlen == 0:
        raise Bad("must not be the default route", "name the networks behind the VPN one by one")
    if network.network_address != address:
        raise Bad("has host bits set", f'write "{network}"')
    if any(network.overlaps(reserved) for reserved in _RESERVED):
        raise Bad("must not cover loopback, multicast or 0.0.0.0/8", "name the networks behind the VPN one by one")
    return network


def parse_pool(value: Any) -> AddressRange:
    """An address range, both ends included; raises Bad."""
    text = text_of(value, "an address range", "192.168.200.50-192.168.200.199")
    first_text, dash, last_text = text.partition("-")
    if not dash:
        raise Bad("must be an address range FIRST-LAST", 'for example "192.168.200.50-192.168.200.199"')
    first, last = parse_unicast(first_text.strip()), parse_unicast(last_text.strip())
    if first > last:
        raise Bad("must begin with its lowest address", f'write "{last}-{first}"')
    if int(last) - int(first) >= LONGEST_POOL:
        raise Bad(f"must not have more than {LONGEST_POOL} addresses", "use a range of one network")
    return AddressRange(first, last)


def parse_mac(value: Any) -> bytes:
    """The six bytes of a machine's MAC address; raises Bad."""
    text = text_of(value, "a MAC address", "02:00:00:00:00:22")
    if not _MAC.fullmatch(text):
        raise Bad("must be a MAC address", 'write six pairs of hex digits, for example "02:00:00:00:00:22"')
    mac = bytes.fromhex(text.replace("-", "").replace(":", ""))
    if mac[0] & 1 or not any(mac):
        raise Bad("must be the MAC address of one machine", "give its own address, as `ip link` shows it")
    return mac


def parse_hex(value: Any) -> bytes:
    """The bytes of a hex string, with or without colons; raises Bad."""
    text = text_of(value, "hex digits", "01:02:00:00:00:00:22")
    if not _HEX.fullmatch(text):
        raise Bad("must be pairs of hex digits", 'for example "01:02:00:00:00:00:22" or "01020000000022"')
    return bytes.fromhex(text.replace(":", ""))


def parse_client_id(value: Any) -> bytes:
    """The 1 to 255 bytes of a DHCP client identifier; raises Bad."""
    data = parse_hex(value)
    if len(data) > 255:
        raise Bad("must not be longer than 255 bytes", "copy it from the client or from `routerd leases`")
    return data


def parse_hostname(value: Any) -> str:
    """A host or domain name of RFC 1123, as it was written; raises Bad."""
    text = text_of(value, "a name", "endpoint-b")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        raise Bad(
            "must be labels of letters, digits and inner hyphens, 63 at most each, 253 in all",
            'for example "endpoint-b" or "site-b.example", without a final dot',
        )
    return text


def parse_name(value: Any) -> str:
    """A name of 1 to 63 printable characters without `/`; raises Bad."""
    text = text_of(value, "a name", "endpoint-a")
    if len(text) > 63:
        raise Bad("must not be longer than 63 characters", "shorten it")
    if "/" in text or not text.isprintable() or text in {".", ".."} or text != text.strip():
        raise Bad('must not hold "/" or control characters, nor begin or end with a space', 'for example "endpoint-a"')
    return text


def parse_interface(value: Any) -> str:
    """A name that Linux allows for a network interface; raises Bad."""
    text = text_of(value, "the name of a network interface", "eth0")
    printable = text.isascii() and text.isprintable()
    if len(text) > 15 or not printable or set(text) & set("/: ") or text in {".", ".."}:
        raise Bad("must be the name of a network interface: at most 15 characters, no space, / or :", "see `ip link`")
    return text


def parse_public_key(value: Any) -> str:
    """A WireGuard public key in base64, as it was written; raises Bad."""
    text = text_of(value, "a WireGuard public key", "K1x…=")
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    # A second spelling of one key (spare bits set) would never match what the kernel reports.
    if len(key) != 32 or base64.b64encode(key).decode() != text:
        raise Bad("must be a WireGuard public key: 44 characters of base64", "copy it from `wg show`")
    return text


def parse_bool(value: Any) -> bool:
    """A boolean; raises Bad."""
    if not isinstance(value, bool):
        raise Bad("must be true or false", "write it without quotes")
    return value


def integer(least: int, most: int) -> Kind:
    """The kind of an integer between two bounds, both included."""

    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Bad(f"must be an integer from {least} to {most}", "write it in digits, without quotes")
        if not least <= value <= most:
            raise Bad(f"must be from {least} to {most}", "choose a value in this range")
        return value

    return Kind(f"integer, {least} to {most}", parse, "integer", limits={"minimum": least, "maximum": most})


def choice(values: Sequence[str]) -> Kind:
    """The kind of a string out of a few."""
    listed = ", ".join(f'"{value}"' for value in values)

    def parse(value: Any) -> str:
        if not isinstance(value, str) or value not in values:
            raise Bad("must be one of the known words", f"use one of {listed}" if len(values) > 1 else f"use {listed}")
        return value

    return Kind(f"one of {listed}", parse, choices=tuple(values))


def field_text(size: int) -> Kind:
    """The kind of a printable ASCII string of at most `size` bytes."""

    def parse(value: Any) -> str:
        text = text_of(value, "a text", "pxelinux.0")
        if len(text) > size or not text.isascii() or not text.isprintable():
            raise Bad(f"must be at most {size} printable ASCII characters", "shorten it")
        return text

    return Kind(f"text, at most {size} characters", parse, limits={"minLength": 1, "maxLength": size})


def _kind(name: str, parse: Callable[[Any], Any], expression: str, blank: Any = None) -> Kind:
    return Kind(name, parse, blank=blank, limits=pattern(expression))


_V4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_ANY = r"[0-9A-Fa-f:.]{2,45}"

IPV4 = _kind("IPv4 address", parse_unicast, _V4)
ADDRESS = _kind("IPv4 or IPv6 address", parse_address, _ANY)
ROUTER = _kind('IPv4 address or "none"', parse_router, f"none|{_V4}")
NETWORK = _kind("IPv4 network", parse_network, f"{_V4}/[0-9]{{1,2}}")
POOL = _kind("IPv4 range FIRST-LAST", parse_pool, rf"\s*{_V4}\s*-\s*{_V4}\s*")
MAC = _kind("MAC address", parse_mac, _MAC.pattern)
CLIENT_ID = _kind("hex bytes", parse_client_id, _HEX.pattern)
HOSTNAME = _kind("host or domain name", parse_hostname, "[A-Za-z0-9.-]{1,253}")
NAME = _kind("name", parse_name, "[^/]{1,63}", blank="")
INTERFACE = _kind("interface name", parse_interface, "[^/: ]{1,15}", blank="")
PUBLIC_KEY = _kind("WireGuard public key", parse_public_key, "[A-Za-z0-9+/]{43}=")
BOOL = Kind("boolean", parse_bool, "boolean")
