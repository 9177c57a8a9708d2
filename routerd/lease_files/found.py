"""What was found in a lease file: records, and whatever could not be read, each with its line. Pure."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import NamedTuple

from routerd.lease_records import LeaseRecord

MOST_FAULTS = 1000
_SHOWN = 60


class Fault(NamedTuple):
    """What could not be read: the line (from 1), the value as it is there, and the rule that it breaks."""

    line: int
    value: str
    rule: str


@dataclass
class Found:
    """What a lease file says. Of several records of one address the last one counts.

    `faults` are the first ones; `more_faults` how many others there are. `notes` are what else is worth knowing.
    `cut`: the line in which the file ends too early, None where it does not. `foreign`: why nothing in it can be of
    this format, None where something is, or where it is a file without leases.
    """

    records: dict[IPv4Address, LeaseRecord] = field(default_factory=dict)
    gone: set[IPv4Address] = field(default_factory=set)
    """Addresses that have no lease any more, whatever an older file says."""
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    notes: list[str] = field(default_factory=list)
    cut: int | None = None
    foreign: str | None = None

    def add(self, record: LeaseRecord) -> None:
        """A record; it replaces an earlier one of its address."""
        self.remove(record.address)
        self.gone.discard(record.address)
        self.records[record.address] = record

    def remove(self, address: IPv4Address) -> None:
        """The address has no lease any more."""
        self.records.pop(address, None)
        self.gone.add(address)

    def fault(self, line: int, value: str, rule: str) -> None:
        """Something that could not be read and is skipped."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(line, shown(value), rule))
        else:
            self.more_faults += 1


class NotReadableError(Exception):
    """A value breaks a rule."""

    def __init__(self, value: str, rule: str) -> None:
        super().__init__(f"{shown(value)!r}: {rule}")
        self.value, self.rule = value, rule


def shown(value: str) -> str:
    """A value, short and safe to print."""
    short = value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in short)


def address_of(text: str) -> IPv4Address:
    """The IPv4 address of a host. Raises `NotReadableError`."""
    try:
        address = IPv4Address(text)
    except ValueError:
        raise NotReadableError(text, "an IPv4 address is expected") from None
    if address.is_multicast or address.is_loopback or not int(address) or int(address) == 0xFFFFFFFF:
        raise NotReadableError(text, "no host can have this address")
    return address


def whole_lines(text: str, found: Found) -> list[str]:
    """The lines of a file of which every line ends; one that does not is where the file was cut, and is left out."""
    lines = text.split("\n")
    last = lines.pop()
    if last.strip("\x00\r "):
        found.cut = len(lines) + 1
    return [line.rstrip("\r") for line in lines]
