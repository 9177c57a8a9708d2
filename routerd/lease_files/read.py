"""A lease file of whatever server: which one's it is, and what is in it. Pure."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from routerd.lease_files import dnsmasq, isc, kea
from routerd.lease_files.found import Found
from routerd.lease_records import BOUND, LeaseRecord

LARGEST = 256 << 20
"""Bytes of a file."""
FORMATS: dict[str, Callable[[str, float], Found]] = {
    dnsmasq.NAME: dnsmasq.parse,
    kea.NAME: kea.parse,
    isc.NAME: isc.parse,
}
_MEANT = {kea.NAME: kea.is_meant, dnsmasq.NAME: dnsmasq.is_meant, isc.NAME: isc.is_meant}


NAMES = {dnsmasq.NAME: "dnsmasq", kea.NAME: "Kea", isc.NAME: "ISC dhcpd"}
"""How the servers are called."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def text_of(data: bytes) -> str:
    """A file's content as the parsers read it: a character an octet, without a UTF-8 byte order mark."""
    return data.removeprefix(_BYTE_ORDER_MARK).decode("latin-1")


def recognized(text: str) -> str | None:
    """The server whose file this is, by its content; None where it is none that is known."""
    return next((name for name, is_meant in _MEANT.items() if is_meant(text)), None)


def parsed(name: str, text: str, now: float) -> Found:
    """What a file of this format says, as it was read at `now`."""
    found = FORMATS[name](text, now)
    found.foreign = _foreign(name, text, found)
    zeros = len(text) - len(text.rstrip("\x00"))
    if zeros:
        found.notes.append(f"the file ends with {zeros} zero bytes, as after a power cut: what was there is lost")
    return found


def _foreign(name: str, text: str, found: Found) -> str | None:
    if found.records or found.gone or not text.strip("\x00 \t\r\n"):
        return None
    meant = recognized(text)
    if meant == name and not found.faults and found.cut is None:
        return None
    if meant not in (None, name):
        return f"is no lease file of {NAMES[name]} but, by its content, of {NAMES[meant]}; say --format {meant}"
    return f"nothing in it can be read as a lease of {NAMES[name]}"


def merged(files: Iterable[Found]) -> list[LeaseRecord]:
    """The records of several files, the oldest first: of an address, what the newest file says counts."""
    records: dict[IPv4Address, LeaseRecord] = {}
    for found in files:
        records = {address: record for address, record in records.items() if address not in found.gone}
        records |= found.records
    return list(records.values())


def in_order(records: Iterable[LeaseRecord]) -> list[LeaseRecord]:
    """The records in the order in which they are to be taken over: leases that last before those that have ended."""
    return sorted(records, key=lambda record: record.state != BOUND)
