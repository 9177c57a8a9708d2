"""The packets of a measurement, and what comes out of one. Values only."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from routerd.hosts.return_path import Sign
from routerd.hosts.schedule import HostKey


class What(Enum):
    """The kinds of packets."""

    ARP = "arp"
    SYN = "syn"
    FAR = "far off"
    RST = "rst"
    ECHO = "echo"


class Send(NamedTuple):
    """A packet to send. `vpn`: from the VPN-side address with this index; None: from the LAN's address."""

    host: HostKey
    what: What
    vpn: int | None = None
    port: int = 0
    number: int = 0
    theirs: int = 0


class Saw(NamedTuple):
    """A packet of the host that came to the VPN-side address: tcp, echo or packet, and its link-layer source."""

    host: HostKey
    kind: str
    source: bytes
    vpn: int = 0


class End(NamedTuple):
    """The end of a measurement. `answered`: something came to the VPN-side address. `verdict`: LOST or UNANSWERED.

    `port` is the TCP port that was tried, `open` whether it answered. `absent`: not even its link-layer address did.
    `doubt`: it was asked because of a flow. `withheld`: tcp or echo, which only the LAN's address was answered by.
    """

    host: HostKey
    vpn: int
    answered: bool
    port: int = 0
    open: bool = False
    absent: bool = False
    verdict: Sign | None = None
    doubt: bool = False
    withheld: str | None = None


@dataclass(slots=True)
class Result:
    """What came out of one step."""

    sends: list[Send] = field(default_factory=list)
    saw: list[Saw] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
