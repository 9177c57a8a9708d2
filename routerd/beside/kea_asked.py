"""Are clients told what Kea has for them? It is asked on each LAN, as a client would ask. Pure.

Kea says yes to every command and yet serves nobody where it listens on no interface, or was told dhcp-disable.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from routerd.beside.kea_config import Map, is_ours, maps_of, network_of, options_of
from routerd.beside.options import CLASSLESS_ROUTES
from routerd.beside_part import BesidePart, Told
from routerd.classless import decode_classless_routes
from routerd.wire import WireError

ASKED = (1, 3, CLASSLESS_ROUTES)
PATIENCE = 1.5
_AGAIN, _EVERY_WRONG, _EVERY_RIGHT = 3.0, 60.0, 300.0
_NEVER = float("inf")

SILENT = "Kea does not answer here"
SILENT_HINT = (
    "See that Kea listens on this LAN (`interfaces` of interfaces-config), that nobody has told it dhcp-disable, and "
    "that no firewall is between; its log says what it does with a client's message."
)
OTHER = "Kea answers here without the options that it has for this LAN"
OTHER_HINT = (
    "See which subnet and options Kea chooses for this machine: its log says it, and lease and hook settings may."
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is right for a LAN: any of these values of option 121. `heard`: its silence means that it serves nobody."""

    values: frozenset[bytes]
    heard: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard on a LAN. `told`: its clients are told the routes; `reason` and `hint` where that is Kea's fault.

    `word` is for /v1/status.
    """

    told: bool
    word: str
    reason: str = ""
    hint: str = ""


def expected(config: Map, network: IPv4Network) -> Expected:
    """By Kea's configuration, for a machine of this network."""
    values, heard = set[bytes](), not _is_udp(config)
    for subnet, shared in _subnets(config):
        if network_of(subnet) == network:
            heard = heard and not any(_is_guarded(place) for place in (subnet, shared))
            for place in (subnet, *maps_of(subnet, "pools"), *maps_of(subnet, "reservations")):
                ours = (each for each in options_of(place) if is_ours(each) and each["code"] == CLASSLESS_ROUTES)
                values |= {_bytes(each) for each in ours}
    drops = any(each.get("name") == "DROP" for each in maps_of(config, "client-classes"))
    return Expected(frozenset(values), heard and not drops)


def judge(part: BesidePart, right: Expected, answers: Iterable[Told]) -> Heard:
    """What the answers say. It is right as well where the administrator's own option 121 has the same routes."""
    local = next((answer for answer in answers if answer.local), None)
    if local is None:
        return Heard(False, "silent", SILENT, SILENT_HINT) if right.heard else Heard(True, "silent")
    value = local.options.get(CLASSLESS_ROUTES, b"")
    if (value and value in right.values) or set(part.networks[0].routes) <= _routes(value):
        return Heard(True, "right")
    if not right.values:
        return Heard(False, "other" if value else "without")
    return Heard(False, "other" if value else "without", OTHER, OTHER_HINT)


def _routes(value: bytes) -> set[object]:
    try:
        return set(decode_classless_routes(value))
    except WireError:
        return set()


def _bytes(entry: Map) -> bytes:
    try:
        return bytes.fromhex(str(entry.get("data", "")).removeprefix("0x"))
    except ValueError:
        return b""


def _subnets(config: Map) -> Iterator[tuple[Map, Map]]:
    for shared in ({}, *maps_of(config, "shared-networks")):
        for subnet in maps_of(shared or config, "subnet4"):
            yield subnet, shared


def _is_guarded(place: Map) -> bool:
    """Is it for clients of some classes only? Whether this machine is one of them cannot be told."""
    return bool(place.get("client-class") or place.get("client-classes"))


def _is_udp(config: Map) -> bool:
    """Does Kea only hear what is sent to its address, as relay agents do?"""
    interfaces = config.get("interfaces-config")
    return isinstance(interfaces, Mapping) and interfaces.get("dhcp-socket-type") == "udp"


class Turns:
    """When to ask: after a change, once more soon if the answer is wrong, and then every few minutes."""

    def __init__(self) -> None:
        self.due = _NEVER
        self._tries = 0

    def changed(self, now: float) -> None:
        """Kea has something new, or is a new one."""
        self.due, self._tries = now, 0

    def rest(self) -> None:
        """Nothing is to be asked."""
        self.due = _NEVER

    def answered(self, now: float, *, right: bool) -> None:
        """It was asked everywhere."""
        self._tries += 1
        self.due = now + (_EVERY_RIGHT if right else _AGAIN if self._tries == 1 else _EVERY_WRONG)
