"""A lease as DHCP clients keep it or show it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from routerd.dhcp import options as opt
from routerd.dhcp.message import Message

_FIELD = re.compile(r"^\s+(?:option )?([a-z0-9-]+) (.*);$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lease:
    """What a client was given. `routes` are those of option 121: (prefix or "default", gateway)."""

    address: str
    server: str
    seconds: int
    routes: tuple[tuple[str, str], ...]


def parse_dhclient(text: str) -> Lease | None:
    """The last lease of a dhclient.leases file, or None."""
    block = text.rpartition("lease {")[2]
    if "}" not in block:
        return None
    fields = dict(_FIELD.findall(block))
    numbers = [int(number) for number in fields.get("rfc3442-classless-static-routes", "").split(",") if number]
    return Lease(
        fields["fixed-address"],
        fields.get("dhcp-server-identifier", ""),
        int(fields.get("dhcp-lease-time", "0")),
        _classless(numbers),
    )


def parse_udhcpc(text: str) -> Lease | None:
    """What the lab's udhcpc script wrote, or None."""
    fields = dict(line.split("=", 1) for line in text.splitlines())
    if "ip" not in fields:
        return None
    return Lease(fields["ip"], fields["serverid"], int(fields["lease"] or 0), _pairs(fields["staticroutes"].split()))


def parse_networkd(text: str) -> Lease | None:
    """A lease file of systemd-networkd, or None."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not {"ADDRESS", "SERVER_ADDRESS", "LIFETIME"} <= fields.keys():
        return None
    routes = _pairs(fields.get("CLASSLESS_ROUTES", "").replace(",", " ").split())
    return Lease(fields["ADDRESS"], fields["SERVER_ADDRESS"], int(fields["LIFETIME"]), routes)


def parse_network_manager(text: str) -> Lease | None:
    """What `nmcli -t -f DHCP4 device show` prints, or None where it has no lease."""
    fields = dict(line.partition(":")[2].split(" = ", 1) for line in text.splitlines() if " = " in line)
    if "ip_address" not in fields:
        return None
    routes = _pairs(fields.get("rfc3442_classless_static_routes", "").split())
    return Lease(fields["ip_address"], fields["dhcp_server_identifier"], int(fields["dhcp_lease_time"]), routes)


def from_message(ack: Message) -> Lease:
    """The lease that an ACK gives."""
    return Lease(
        str(IPv4Address(ack.yiaddr)),
        str(IPv4Address(ack.options.get(opt.SERVER_ID, b"\0\0\0\0"))),
        int.from_bytes(ack.options.get(opt.LEASE_TIME, b""), "big"),
        _classless(ack.options.get(opt.CLASSLESS_ROUTES, b"")),
    )


def _pairs(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((_prefix(prefix), gateway) for prefix, gateway in zip(words[::2], words[1::2], strict=True))


def _classless(numbers: Sequence[int]) -> tuple[tuple[str, str], ...]:
    routes = []
    while numbers:
        width, significant = numbers[0], (numbers[0] + 7) // 8
        octets = [*numbers[1 : 1 + significant], 0, 0, 0, 0][:4]
        gateway, numbers = numbers[1 + significant : 5 + significant], numbers[5 + significant :]
        routes.append((_prefix(f"{'.'.join(map(str, octets))}/{width}"), ".".join(map(str, gateway))))
    return tuple(routes)


def _prefix(prefix: str) -> str:
    return "default" if prefix == "0.0.0.0/0" else prefix
