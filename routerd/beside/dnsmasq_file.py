"""The file of options that dnsmasq reads: its text for the networks of some LANs. Pure.

A line is what follows `dhcp-option=`. dnsmasq gives every client the tag that is the name of the interface its message
came in by, also a client behind a relay agent, and the tag that its dhcp-range sets. Of two options with one number a
tagged one wins over one without a tag, and what is read last wins over what was read before it: a line of ours would
take the place of the administrator's. So it leaves out whom theirs is for, by `tag:!…`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from routerd.beside.options import CODES, fitting
from routerd.beside_part import BesideNetwork, BesidePart

MARK = "# Made by routerd"
HEADER = f"{MARK} for dnsmasq and kept current: what is changed here is changed back. It is read as dhcp-optsfile.\n"
_LONGEST_OPTION = 255
_LONGEST_LINE = 1000
"""dnsmasq reads 1024 bytes of a line, and takes what follows for another one."""
_SHOWN = 4

Tags = tuple[str, ...]
Route = tuple[IPv4Network, IPv4Address]


@dataclass(frozen=True, slots=True)
class Line:
    """What the file has for one network: the value of option 121 (empty: none), and the routes that had no place.

    `yields`: there is no line although there are routes, because the administrator's own options are for all clients.
    """

    lan: str
    network: BesideNetwork
    own: bool
    value: bytes
    left_out: tuple[Route, ...] = ()
    yields: bool = False


def lines_of(parts: Iterable[BesidePart], others: Sequence[Tags]) -> tuple[Line, ...]:
    """What the file has for each network. `others` are the tags of the administrator's own options 121 and 249."""
    found = []
    for part in parts:
        for index, network in enumerate(part.networks):
            tags = _tags(part, index, others)
            if tags is None or not network.tag:
                found.append(Line(part.lan, network, index == 0, b"", yields=bool(network.routes)))
                continue
            room = min(_LONGEST_OPTION, (_LONGEST_LINE - len(_prefix(tags, CODES[0]))) // 3)
            value, left = fitting(network, room)
            found.append(Line(part.lan, network, index == 0, value, left))
    return tuple(found)


def file_text(parts: Sequence[BesidePart], others: Sequence[Tags]) -> str:
    """The whole file."""
    networks = [(part, index) for part in parts for index in range(len(part.networks))]
    text = HEADER
    for (part, index), line in zip(networks, lines_of(parts, others), strict=True):
        tags = _tags(part, index, others)
        if not line.value or tags is None:
            continue
        text += f"# lan {part.lan}, {line.network.network}: {_words(line)}\n"
        # What is read last is sent first, and a message without room for both has the option that all clients take.
        for code in reversed(CODES):
            text += f"{_prefix(tags, code)}{line.value.hex(':')}\n"
    return text


def is_ours(text: str) -> bool:
    """Did routerd make this file?"""
    return text.startswith(MARK)


def _prefix(tags: Tags, code: int) -> str:
    return "".join(f"tag:{tag}," for tag in tags) + f"{code},"


def _tags(part: BesidePart, index: int, others: Sequence[Tags]) -> Tags | None:
    """The tags that a client of the network must have, or (with !) must not; None: no client is left for us."""
    own = part.networks[index].tag
    tags = [own]
    if index == 0 and part.settings.dnsmasq.tag is None:
        # Clients behind relay agents have the interface's tag as well.
        tags += [f"!{network.tag}" for network in part.networks[1:] if network.tag]
    for other in others:
        rest = [tag for tag in other if tag != own]
        if any(_opposite(tag) in tags for tag in rest):
            continue
        if not rest:
            return None
        tags.append(_opposite(rest[0]))
    return tuple(dict.fromkeys(tags))


def _opposite(tag: str) -> str:
    return tag[1:] if tag.startswith(("!", "#")) else f"!{tag}"


def _words(line: Line) -> str:
    count = len(line.network.routes) - len(line.left_out)
    shown = ", ".join(f"{prefix} via {gateway}" for prefix, gateway in line.network.routes[: min(count, _SHOWN)])
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    router = "" if line.network.router is None else f"; all else via {line.network.router}"
    return shown + more + router
