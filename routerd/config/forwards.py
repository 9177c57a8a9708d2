"""Port forwards as they are written: ports with their protocol, and where they lead."""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from routerd.config.fault import Faults
from routerd.config.model import Address, Forward, Ports, Target
from routerd.config.schema import INVALID, Bad, Kind, pattern
from routerd.config.values import parse_address, parse_name, text_of

LAST_PORT = 65535
_LISTEN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?/([a-zA-Z]+)")
_EXAMPLE = "8080/tcp"
_TARGET = "endpoint-a:80"
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)+")


def parse_ports(value: Any) -> Ports:
    """Ports and their protocol, `PORT/tcp` or `FIRST-LAST/udp`; raises Bad."""
    text = text_of(value, "a port with its protocol", _EXAMPLE)
    match = _LISTEN.fullmatch(text)
    if match is None:
        mend = f'for example "{_EXAMPLE}" or "8000-8999/tcp"'
        if text.isascii() and text.isdigit():
            mend = f'write "{text[:5]}/tcp" or "{text[:5]}/udp"'
        raise Bad("must be PORT/PROTOCOL or FIRST-LAST/PROTOCOL", mend)
    first, last, protocol = int(match[1]), int(match[2] or match[1]), match[3]
    if protocol not in ("tcp", "udp"):
        raise Bad(
            'must have "tcp" or "udp" for its protocol', "a forward for both is written as two, or as a lan.alias"
        )
    if not (1 <= first <= LAST_PORT and 1 <= last <= LAST_PORT):
        raise Bad("must have ports from 1 to 65535", f'for example "{_EXAMPLE}"')
    if first > last:
        raise Bad("must begin with its lowest port", f'write "{last}-{first}/{protocol}"')
    return Ports(protocol, first, last)


def parse_target(value: Any) -> Target:
    """A peer's name or an address, with a port: `NAME:PORT`, `IPV4:PORT` or `[IPV6]:PORT`; raises Bad."""
    text = text_of(value, "a peer or address with a port", _TARGET)
    if _is_ipv6(text):
        raise Bad("must have brackets around an IPv6 address, and a port", 'for example "[fd00::1]:80"')
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise Bad("must be PEER:PORT, ADDRESS:PORT or [IPV6]:PORT", f'for example "{_TARGET}"')
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= LAST_PORT):
        rule = "must have one port from 1 to 65535"
        raise Bad(rule, f'for example "{_TARGET}"; of a range write the port that its first one goes to')
    return Target(_host(host, port), int(port))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except (AddressValueError, ValueError):
        return False
    return True


def _host(text: str, port: str) -> str | Address:
    if _is_ipv6(text):
        raise Bad("must have brackets around an IPv6 address", f'for example "[fd00::1]:{port}"')
    if text.startswith("[") and text.endswith("]"):
        if not _is_ipv6(text[1:-1]):
            raise Bad("must have brackets around an IPv6 address only", f'for example "endpoint-a:{port}"')
        return parse_address(text[1:-1])
    return parse_address(text) if _NUMBERS.fullmatch(text) else parse_name(text)


def make_forward(values: dict[str, Any], path: str, faults: Faults) -> Any:
    """The Forward of a parsed section, or INVALID where its range does not fit above the port that it goes to."""
    forward = Forward(**values)
    last = forward.to.port + forward.listen.last - forward.listen.first
    if last > LAST_PORT:
        rule = f"must leave room for the range {forward.listen}: its last port would go to {last}"
        faults.add(f"{path}.to", str(forward.to), rule, "choose a lower port, or shorten the range")
        return INVALID
    return forward


LISTEN_PORTS = Kind("PORT/tcp, PORT/udp or FIRST-LAST/tcp", parse_ports, limits=pattern(_LISTEN.pattern))
TARGET = Kind("PEER:PORT, ADDRESS:PORT or [IPV6]:PORT", parse_target)
