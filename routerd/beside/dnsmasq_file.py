"""The file of options that dnsmasq reads: its text for the networks of some LANs. Pure.

A line is what follows `dhcp-option=`. Whom a line is for is in dnsmasq_clients.py.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

from routerd.beside.dnsmasq_clients import Clients, Known, Tags, Told, clients_of
from routerd.beside.options import CODES, fitting
from routerd.beside_part import BesideNetwork, BesidePart

MARK = "# Made by routerd"
HEADER = f"{MARK} for dnsmasq and kept current: what is changed here is changed back. It is read as dhcp-optsfile.\n"
LONGEST_OPTION = 120
"""A client that names no larger size gets 308 bytes of options from dnsmasq, which leaves out whole what does not fit.
Names, name servers and the administrator's other options need room as well, and option 249 once more as much. A value
of 120 bytes also fits into the message's field for a boot file (128 bytes), which dnsmasq uses when there is no more.
"""
_LONGEST_LINE = 1000
"""dnsmasq reads 1024 bytes of a line, and takes what follows for another one."""
_SHOWN = 4

Route = tuple[IPv4Network, IPv4Address]


@dataclass(frozen=True, slots=True)
class Line:
    """What the file has for one network: the value of option 121 (empty: none), and the routes that had no place.

    `others` are the values of clients with another router. `told`: who is told, and who is not.
    """

    lan: str
    network: BesideNetwork
    own: bool
    value: bytes
    left_out: tuple[Route, ...] = ()
    others: tuple[bytes, ...] = ()
    told: Told = field(default_factory=Told)
    rows: tuple[tuple[Tags, bytes], ...] = ()

    @property
    def yields(self) -> bool:
        """Is there no line although there are routes, because the administrator's own options are for all clients?"""
        return self.told.yields and bool(self.network.routes)

    @property
    def values(self) -> tuple[bytes, ...]:
        """All that clients of the network are told."""
        return tuple(value for _, value in self.rows)


def lines_of(parts: Iterable[BesidePart], known: Known) -> tuple[Line, ...]:
    """What the file has for each network."""
    return tuple(_line(part, index, known) for part in parts for index in range(len(part.networks)))


def _line(part: BesidePart, index: int, known: Known) -> Line:
    network = part.networks[index]
    told = clients_of(part, index, known)
    left: dict[Route, None] = {}
    rows = []
    for clients in (*told.main, *told.special):
        value, missing = _value(network, clients)
        left.update(dict.fromkeys(missing))
        if value:
            rows.append((clients.tags, value))
    main = next((value for value in (_value(network, one)[0] for one in told.main) if value), b"")
    others = tuple(dict.fromkeys(value for _, value in rows if value != main))
    return Line(part.lan, network, index == 0, main, tuple(left), others, told, tuple(rows))


def _value(network: BesideNetwork, clients: Clients) -> tuple[bytes, tuple[Route, ...]]:
    """The value for these clients, and what has no room; with room for no route it is left out whole."""
    room = min(LONGEST_OPTION, (_LONGEST_LINE - len(_prefix(clients.tags, CODES[0]))) // 3)
    value, left = fitting(replace(network, router=clients.router), room, clients.statics)
    kept = {prefix for prefix, _ in clients.statics}
    wanted = [route for route in network.routes if route[0] not in kept]
    return (b"" if len(left) == len(wanted) else value), left


def file_text(parts: Sequence[BesidePart], known: Known) -> str:
    """The whole file."""
    return lines_text(lines_of(parts, known))


def lines_text(lines: Iterable[Line]) -> str:
    """The whole file, with these lines."""
    text = HEADER
    for line in lines:
        if line.rows:
            text += f"# lan {line.lan}, {line.network.network}: {_words(line)}\n"
        # What is read last is sent first, and a message without room for both has the option that all clients take.
        for code in reversed(CODES):
            text += "".join(f"{_prefix(tags, code)}{value.hex(':')}\n" for tags, value in line.rows)
    return text


def values_in(text: str) -> tuple[bytes, ...]:
    """The values that a file of ours hands out."""
    found: dict[bytes, None] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            with suppress(ValueError):
                found[bytes.fromhex(line.rpartition(",")[2].replace(":", ""))] = None
    return tuple(found)


def is_ours(text: str) -> bool:
    """Did routerd make this file?"""
    return text.startswith(MARK)


def _prefix(tags: Tags, code: int) -> str:
    return "".join(f"tag:{tag}," for tag in tags) + f"{code},"


def _words(line: Line) -> str:
    count = len(line.network.routes) - len(line.left_out)
    shown = ", ".join(f"{prefix} via {gateway}" for prefix, gateway in line.network.routes[: min(count, _SHOWN)])
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    clients = (*line.told.main, *line.told.special)
    routers = dict.fromkeys(str(one.router) for one in clients if one.router is not None)
    return shown + more + (f"; all else via {' or '.join(routers)}" if routers else "")
