"""Which part of address translation is applied, as long as hosts are not measured and aliases not claimed. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from routerd.model import Problem
from routerd.nat_part import NatLan, NatPart, NatPin, Strategy

_QUIET = (Strategy.SITE_GATEWAY, Strategy.NONE)


def served(part: NatPart) -> NatPart:
    """The part as it is applied: `auto` changes no address, as nobody knows yet which hosts have the way back.

    It is empty where no address would ever be changed: then there is no table.
    """
    lans = tuple(_lan(lan) for lan in part.lans)
    changes = any(lan.strategy not in _QUIET for lan in lans) or any(_hides(lan) for lan in lans)
    if not (changes or part.forwards or any(vpn.mapped for vpn in part.vpns)):
        return NatPart()
    return replace(part, lans=tuple(replace(lan, mac_pins=()) for lan in lans), aliases=(), pools=())


def unserved(part: NatPart) -> Iterator[Problem]:
    """A problem for every LAN with what this version does not serve: aliases, hosts pinned by MAC."""
    for lan in dict.fromkeys([*(alias.lan for alias in part.aliases), *(pool.lan for pool in part.pools)]):
        yield Problem("alias-not-served", f"lan {lan}")
    for each in part.lans:
        if each.mac_pins:
            yield Problem("mac-pin-not-served", f"lan {each.interface}")


def _lan(lan: NatLan) -> NatLan:
    pins = tuple(NatPin(pin.network, _fixed(pin.strategy)) for pin in lan.pins)
    return replace(lan, strategy=_fixed(lan.strategy), pins=pins)


def _fixed(strategy: Strategy) -> Strategy:
    return Strategy.SITE_GATEWAY if strategy is Strategy.AUTO else strategy


def _hides(lan: NatLan) -> bool:
    return any(pin.strategy is Strategy.MASQUERADE for pin in lan.pins)
