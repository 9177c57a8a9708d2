"""A lease as a DHCP client keeps it on disk. Pure."""

import re
from dataclasses import dataclass

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
    words = fields["staticroutes"].split()
    routes = tuple((_prefix(prefix), gateway) for prefix, gateway in zip(words[::2], words[1::2], strict=True))
    return Lease(fields["ip"], fields["serverid"], int(fields["lease"] or 0), routes)


def _classless(numbers: list[int]) -> tuple[tuple[str, str], ...]:
    routes = []
    while numbers:
        width, significant = numbers[0], (numbers[0] + 7) // 8
        octets = (numbers[1 : 1 + significant] + [0] * 4)[:4]
        gateway, numbers = numbers[1 + significant : 5 + significant], numbers[5 + significant :]
        routes.append((_prefix(f"{'.'.join(map(str, octets))}/{width}"), ".".join(map(str, gateway))))
    return tuple(routes)


def _prefix(prefix: str) -> str:
    return "default" if prefix == "0.0.0.0/0" else prefix
