"""Kea's lease file (memfile, CSV): the first line names the columns; the last row of an address counts. Pure."""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from routerd.lease_files.found import Found, NotReadableError, address_of, whole_lines
from routerd.lease_records import BOUND, DECLINED, ENDED, LeaseRecord, octets_of

NAME = "kea"
HEADER = (
    *("address", "hwaddr", "client_id", "valid_lifetime", "expire", "subnet_id", "fqdn_fwd", "fqdn_rev"),
    *("hostname", "state", "user_context"),
)
"""The columns of Kea 2.2; newer versions read them as well."""
NEVER = 0xFFFFFFFF
"""The lifetime of a lease without end."""
SIBLINGS = (".completed", ".2", ".1")
"""What Kea's clean-up leaves beside the file, newest last: a `.completed` one stands for both others."""
_NEEDED = ("address", "hwaddr", "valid_lifetime", "expire")
_STATES = {"0": BOUND, "1": DECLINED, "2": ENDED, "3": ENDED}
_STATE_NUMBERS = {BOUND: 0, DECLINED: 1}
_ESCAPED = re.compile(r"&#x([0-9a-fA-F]{2})")
_LARGEST = 100_000_000_000
_ETHERNET = b"\x01"


def is_meant(text: str) -> bool:
    """Does the text look like such a file?"""
    return text.startswith("address,") and "hwaddr" in text[:200]


def parse(text: str, now: float) -> Found:
    """The leases of a file. A row with a lifetime of 0 says that its address has no lease any more."""
    found = Found()
    lines = whole_lines(text, found)
    if not lines:
        return found
    columns = lines[0].split(",")
    lacking = [name for name in _NEEDED if name not in columns]
    if lacking:
        found.fault(1, lines[0], f"the names of the columns are expected; {', '.join(lacking)} is missing")
        return found
    if "prefix_len" in columns or "duid" in columns:
        found.fault(1, lines[0], "this is a file of DHCPv6 leases; routerd serves DHCPv4")
        return found
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        values = line.split(",")
        try:
            if len(values) != len(columns):
                raise NotReadableError(line, f"{len(columns)} columns are expected, {len(values)} found")
            row = dict(zip(columns, values, strict=True))
            record = _record(row, number)
            if record is None:
                found.remove(address_of(row["address"]))
            else:
                found.add(record)
        except NotReadableError as error:
            found.fault(number, error.value, error.rule)
    return found


def _record(row: dict[str, str], number: int) -> LeaseRecord | None:
    address = address_of(row["address"])
    lifetime, expire = _number(row, "valid_lifetime"), _number(row, "expire")
    if not lifetime:
        return None
    state = _STATES.get(row.get("state") or "0")
    if state is None:
        raise NotReadableError(row["state"], "a state from 0 to 3 is expected")
    mac, client = _octets(row["hwaddr"], "hwaddr", 16), _octets(row.get("client_id", ""), "client_id", 255)
    if not mac and state != DECLINED:
        raise NotReadableError(row["hwaddr"], "a hardware address is expected: routerd knows clients by it")
    hardware = _ETHERNET + mac if mac else b""
    never = lifetime == NEVER
    hostname = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), row.get("hostname", "")) or None
    ends, starts = None if never else float(expire), None if never else float(max(0, expire - lifetime))
    return LeaseRecord(address, hardware, client or hardware, hostname, state, ends, starts, number)


def _number(row: dict[str, str], name: str) -> int:
    text = row[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) < _LARGEST):
        raise NotReadableError(text, f"{name}: a number of seconds is expected")
    return int(text)


def _octets(text: str, name: str, most: int) -> bytes:
    if not text:
        return b""
    octets = octets_of(text)
    if octets is None or len(octets) > most:
        raise NotReadableError(text, f"{name}: hex with colons is expected, at most {most} octets")
    return octets


def written(records: Iterable[LeaseRecord], now: float, subnet_id: Callable[[IPv4Address], int]) -> str:
    """The bound leases and the declined addresses as a file that Kea reads when it starts."""
    lines = [",".join(HEADER)]
    lines += [_line(record, now, subnet_id(record.address)) for record in records if record.state in _STATE_NUMBERS]
    return "\n".join(lines) + "\n"


def _line(record: LeaseRecord, now: float, subnet: int) -> str:
    starts = round(min(now, record.starts if record.starts is not None else now))
    if record.expires is None:
        lifetime, expire = NEVER, starts + NEVER
    else:
        expire = round(record.expires)
        lifetime = max(1, expire - starts)
    declined = record.state == DECLINED
    mac = "" if declined else record.hardware[1:].hex(":")
    client = "" if declined or record.client == record.hardware else record.client.hex(":")
    name = "" if declined else record.hostname or ""
    values = (record.address, mac, client, lifetime, expire, subnet, 0, 0, name, _STATE_NUMBERS[record.state], "")
    return ",".join(map(str, values))
