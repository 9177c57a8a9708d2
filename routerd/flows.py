"""A flow as the kernel tracks it: who spoke to whom, what was made of that, and how far it came. Values only."""

from typing import NamedTuple

from routerd.model import Address

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58

_ANSWERED, _ASSURED = 0x2, 0x4
_SYN_SENT = 1
_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMP6: "icmpv6", 132: "sctp", 33: "dccp", 47: "gre"}


class Flow(NamedTuple):
    """One entry of conntrack. `source` and `destination` are those of the first packet as it came in; the `reply_`
    ones those of an answer as it comes in, so that they differ where an address was changed. Ports are 0 where the
    protocol has none; `status` are the kernel's IPS_ bits, `tcp_state` is None for other protocols. `key` finds the
    entry in the kernel, `timeout` is how many seconds the kernel keeps it without another packet.
    """

    protocol: int
    source: Address
    destination: Address
    source_port: int
    destination_port: int
    reply_source: Address
    reply_destination: Address
    reply_source_port: int
    reply_destination_port: int
    status: int = 0
    tcp_state: int | None = None
    timeout: int = 0
    key: bytes = b""

    @property
    def answered(self) -> bool:
        """Has anything come back? A refusal (RST) counts as well."""
        return bool(self.status & _ANSWERED)

    @property
    def assured(self) -> bool:
        """Did packets go both ways often enough that the kernel does not drop it early?"""
        return bool(self.status & _ASSURED)

    @property
    def opening(self) -> bool:
        """Is it without an answer so far (TCP: SYN_SENT)?"""
        return not self.answered or self.tcp_state == _SYN_SENT

    @property
    def source_changed(self) -> bool:
        """Does the far side see another source address?"""
        return self.reply_destination != self.source

    @property
    def destination_changed(self) -> bool:
        """Does it go to another address or port than it was sent to?"""
        return (self.reply_source, self.reply_source_port) != (self.destination, self.destination_port)

    def __str__(self) -> str:
        """The flow in words, with what the far side sees."""
        name = _NAMES.get(self.protocol, str(self.protocol))
        text = f"{name} {_end(self.source, self.source_port)} to {_end(self.destination, self.destination_port)}"
        if self.destination_changed and self.protocol not in (ICMP, ICMP6):
            text += f", which is {_end(self.reply_source, self.reply_source_port)}"
        if self.source_changed:
            text += f", as {_end(self.reply_destination, self.reply_destination_port)}"
        return text


def _end(address: Address, port: int) -> str:
    if not port:
        return str(address)
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
