"""dnsmasq's lease file: a line a lease, `END MAC ADDRESS NAME CLIENT-ID`, with * for what there is not. Pure.

END is Unix seconds, 0 for never. A dnsmasq that was built for machines without a clock (HAVE_BROKEN_RTC) writes the
length of the lease there instead. DHCPv6 leases follow a line `duid …`.
"""

import re
from collections.abc import Iterable

from routerd.lease_files.found import Found, NotReadableError, address_of, whole_lines
from routerd.lease_records import BOUND, LeaseRecord, octets_of

NAME = "dnsmasq"
_FIRST = re.compile(r"\s*(duid [0-9a-fA-F:]+|[0-9]+ (?:[0-9a-fA-F]{2}-)?[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2})* [0-9.]+ )")
_ETHERNET = 1
_OLDEST = 1_000_000_000
"""What is less than this is no time of day (2001) but a length."""
_LARGEST = 100_000_000_000


def is_meant(text: str) -> bool:
    """Does the text look like such a file?"""
    return _FIRST.match(text) is not None


def parse(text: str, now: float) -> Found:
    """The leases of a file, as it was read at `now`."""
    found, lengths, version6 = Found(), 0, 0
    for number, line in enumerate(whole_lines(text, found), 1):
        fields = line.split()
        if not fields:
            continue
        if fields[0] == "duid" or (len(fields) > 2 and ":" in fields[2]):
            version6 += fields[0] != "duid"
            continue
        try:
            record, is_length = _record(fields, line, number, now)
        except NotReadableError as error:
            found.fault(number, error.value, error.rule)
            continue
        lengths += is_length
        found.add(record)
    if version6:
        found.notes.append(f"DHCPv6 leases are not taken over ({version6}): routerd serves DHCPv4")
    if lengths:
        found.notes.append(f"lengths stand in place of ends ({lengths}, dnsmasq without clock): they count from now on")
    return found


def _record(fields: list[str], line: str, number: int, now: float) -> tuple[LeaseRecord, bool]:
    if len(fields) != 5:
        raise NotReadableError(line, "five fields are expected: end, MAC, address, name, client identifier")
    end, mac, address, name, identifier = fields
    if not (end.isascii() and end.isdigit() and int(end[:12]) < _LARGEST and len(end) <= 12):
        raise NotReadableError(end, "the end of the lease is expected, in Unix seconds")
    hardware = _hardware(mac)
    client = hardware
    if identifier != "*":
        octets = octets_of(identifier)
        if octets is None or len(octets) > 255:
            raise NotReadableError(identifier, "a client identifier is expected: hex with colons, or *")
        client = octets
    expires, is_length = float(end), 0 < int(end) < _OLDEST
    if is_length:
        expires += now
    hostname = None if name == "*" else name
    record = LeaseRecord(address_of(address), hardware, client, hostname, BOUND, expires or None, None, number)
    return record, is_length


def _hardware(text: str) -> bytes:
    kind, dash, rest = text.rpartition("-")
    octets, types = octets_of(rest), octets_of(kind) if dash else bytes((_ETHERNET,))
    if octets is None or types is None or len(types) != 1 or len(octets) > 16:
        raise NotReadableError(text, "a MAC address is expected: hex with colons")
    return types + octets


def written(records: Iterable[LeaseRecord], now: float, *, remaining: bool = False) -> str:
    """The bound leases as a file that dnsmasq reads when it starts; `remaining`: seconds left in place of the end."""
    return "".join(_line(record, now, remaining) for record in records if record.state == BOUND)


def _line(record: LeaseRecord, now: float, remaining: bool) -> str:
    left = 0.0 if record.expires is None else max(1.0, record.expires - (now if remaining else 0.0))
    kind, mac = record.hardware[0], record.hardware[1:].hex(":")
    hardware = mac if kind == _ETHERNET else f"{kind:02x}-{mac}"
    client = "*" if record.client == record.hardware else record.client.hex(":")
    return f"{round(left)} {hardware} {record.address} {record.hostname or '*'} {client}\n"
