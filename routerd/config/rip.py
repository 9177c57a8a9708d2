"""RIP as it is written: what is learned, from whom, keys and their times; and the rules inside one lan.rip section."""

import datetime
import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Any

from routerd.config.fault import Faults
from routerd.config.model import Address, Network, Rip, RipKey
from routerd.config.pins import parse_prefix
from routerd.config.schema import INVALID, Bad, Kind
from routerd.config.values import parse_unicast, text_of

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EXAMPLE_TIME = "2030-01-31T00:00:00Z"
_LINK_LOCAL = IPv6Network("fe80::/10")
_EVERYTHING: dict[str, Network] = {"0.0.0.0/0": IPv4Network("0.0.0.0/0"), "::/0": IPv6Network("::/0")}
_LARGEST_METRIC = 14
_TIMES = (("send_from", "send_to"), ("accept_from", "accept_to"))


# ---------------------------------------------------------------- kinds of values


def parse_time(value: Any) -> float:
    """The Unix seconds of a time of RFC 3339, a string or TOML's own date and time; raises Bad."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.timestamp()
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Bad("must be a time of RFC 3339, with its offset from UTC", f'for example "{_EXAMPLE_TIME}"')
    try:
        return datetime.datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        raise Bad("must be a time that exists", f'for example "{_EXAMPLE_TIME}"') from None


def parse_neighbor(value: Any) -> Address:
    """The address of a router on a LAN: IPv4, or link-local of IPv6; raises Bad."""
    text = text_of(value, "the address of a router", "192.168.200.1")
    return parse_link_local(text) if ":" in text else parse_unicast(text)


def parse_link_local(value: Any) -> IPv6Address:
    """A link-local IPv6 address without its interface; raises Bad."""
    text = text_of(value, "a link-local IPv6 address", "fe80::2")
    try:
        address = IPv6Address(text)
    except ValueError:
        raise Bad("must be a link-local IPv6 address", 'for example "fe80::2"') from None
    if address not in _LINK_LOCAL or address.scope_id is not None:
        rule = "must be link-local (fe80::/10), without %interface: routers know each other by no other IPv6 address"
        raise Bad(rule, 'for example "fe80::2"; `ip -6 address` on that machine shows it')
    return address


def parse_import(value: Any) -> Network | Address:
    """A prefix that may be learned, or a neighbour that may be learned from; raises Bad."""
    text = text_of(value, "a prefix, or the address of a neighbour", "192.168.0.0/16")
    if "/" not in text:
        return parse_neighbor(text)
    if text in _EVERYTHING:
        return _EVERYTHING[text]
    try:
        return parse_prefix(text)
    except Bad as bad:
        hint = bad.mend if bad.mend.startswith("write ") else 'name networks of the site, for example "192.168.0.0/16"'
        raise Bad(bad.rule, hint) from None


def parse_prefix6(value: Any) -> IPv6Network:
    """An IPv6 network behind the VPN; raises Bad."""
    text = text_of(value, "an IPv6 network", "fd00:10::/64")
    found = parse_prefix(text) if ":" in text else None
    if not isinstance(found, IPv6Network):
        raise Bad("must be an IPv6 network", 'for example "fd00:10::/64"; IPv4 ones are those of the vpn')
    if found.subnet_of(_LINK_LOCAL):
        raise Bad("must not be link-local", 'for example "fd00:10::/64"')
    return found


def parse_auth_length(value: Any) -> int:
    """16 or 20; raises Bad."""
    if isinstance(value, bool) or value not in (16, 20):
        raise Bad("must be 16 or 20", "use 16, or 20 for routers that count the trailer's own header (old ripd)")
    return int(value)


TIME = Kind("time of RFC 3339", parse_time)
NEIGHBOR = Kind("IPv4 address or link-local IPv6 address", parse_neighbor)
LINK_LOCAL = Kind("link-local IPv6 address", parse_link_local)
IMPORT = Kind("prefix, or address of a neighbour", parse_import)
PREFIX6 = Kind("IPv6 network", parse_prefix6)
AUTH_LENGTH = Kind("16 or 20", parse_auth_length, "integer")


# ---------------------------------------------------------------- one section


def make_key(values: dict[str, Any], path: str, faults: Faults) -> Any:
    """The RipKey of a parsed section; a span of time that ends before it begins is a fault."""
    key = RipKey(**values)
    for begin, end in _TIMES:
        first, last = values.get(begin), values.get(end)
        if first is not None and last is not None and first >= last:
            faults.add(f"{path}.{end}", None, f"must be later than {begin}", "correct one of the two")
            return INVALID
    return key


def make_rip(values: dict[str, Any], path: str, faults: Faults) -> Rip:
    """The Rip of a parsed section; faults between its keys are added."""
    if "import" in values:
        values["imports"] = values.pop("import")
    rip = Rip(**values)
    _check_keys(rip, path, faults)
    if rip.metric > _LARGEST_METRIC and faults.clean(f"{path}.metric"):
        rule = "is of no use: every router adds 1 to what it hears, and 16 is unreachable (RFC 2453)"
        faults.add(f"{path}.metric", rip.metric, rule, f"use {_LARGEST_METRIC} at most")
    if not faults.clean(f"{path}.versions"):
        return rip
    _check_families(rip, path, faults)
    _check_mode(rip, path, faults)
    _check_learning(rip, path, faults)
    _check_ng(rip, path, faults)
    return rip


def _check_keys(rip: Rip, path: str, faults: Faults) -> None:
    first: dict[int, int] = {}
    for index, key in enumerate(rip.keys):
        other = first.setdefault(key.id, index)
        if other != index:
            where = f"{faults.item(f'{path}.key', index)}.id"
            rule = f"is the id already of {faults.item(f'{path}.key', other)}"
            faults.add(where, key.id, rule, "give each key an id of its own, the same on all routers")
    endless = [index for index, key in enumerate(rip.keys) if key.accept_to is None]
    plain = [index for index in endless if rip.keys[index].algorithm == "plain"]
    if plain and len(plain) < len(endless):
        where = f"{faults.item(f'{path}.key', plain[0])}.algorithm"
        rule = "is believed for ever beside keys that sign packets, so who hears the password can forge what those say"
        faults.add(where, "plain", rule, "remove it, or set its accept_to: the time when all routers have the new key")
    if rip.keys and "v2" not in rip.versions and faults.clean(f"{path}.versions"):
        rule = 'is of no use without "v2" in versions: RIPng has no authentication (RFC 2080)'
        faults.add(f"{path}.key", None, rule, "remove the keys; protect the link itself, or use IPsec")


def _check_families(rip: Rip, path: str, faults: Faults) -> None:
    for key, items in (("neighbors", rip.neighbors), ("import", rip.imports)):
        for index, item in enumerate(items):
            needed = "v2" if item.version == 4 else "ng"
            if needed not in rip.versions:
                where = faults.item(f"{path}.{key}", index)
                rule = f'is of no use without "{needed}" in versions'
                faults.add(where, str(item), rule, f'add "{needed}" to versions, or remove it')


def _check_mode(rip: Rip, path: str, faults: Faults) -> None:
    if not (faults.clean(f"{path}.mode") and faults.clean(f"{path}.neighbors")):
        return
    if rip.mode == "broadcast" and "v2" not in rip.versions:
        rule = 'needs "v2" in versions: RIPng is never broadcast'
        faults.add(f"{path}.mode", rip.mode, rule, 'use "multicast" or "unicast"')
    if rip.mode == "unicast":
        for version, family in (("v2", 4), ("ng", 6)):
            if version in rip.versions and not any(each.version == family for each in rip.neighbors):
                what = "IPv4 address" if family == 4 else "link-local IPv6 address"
                rule = f"needs neighbors for {version}, each with its {what}"
                faults.add(f"{path}.mode", rip.mode, rule, 'list them, or use "multicast"')


def _check_learning(rip: Rip, path: str, faults: Faults) -> None:
    if not (faults.clean(f"{path}.learn") and faults.clean(f"{path}.import")):
        return
    if rip.imports and not rip.learn:
        shown = [str(item) for item in rip.imports]
        faults.add(f"{path}.import", shown, "is of no use without learn = true", "set learn, or remove it")
    if rip.learn and not rip.imports:
        rule = "needs `import`: what may be learned, and from whom"
        faults.add(f"{path}.learn", rip.learn, rule, 'for example import = ["192.168.0.0/16"]')
    if rip.announce == "none" and not rip.learn:
        rule = "does nothing without learn = true"
        faults.add(f"{path}.announce", rip.announce, rule, "set learn and import, or remove the section")


def _check_ng(rip: Rip, path: str, faults: Faults) -> None:
    prefixes, gateway = f"{path}.ng_prefixes", f"{path}.ng_gateway"
    if rip.ng_prefixes is not None and "ng" not in rip.versions:
        faults.add(prefixes, None, 'is of no use without "ng" in versions', 'add "ng" to versions, or remove it')
    if rip.ng_gateway is not None and rip.ng_prefixes is None and faults.clean(prefixes):
        rule = "needs ng_prefixes: what is found on this machine leads through this machine"
        faults.add(gateway, str(rip.ng_gateway), rule, "list the prefixes behind that gateway")
