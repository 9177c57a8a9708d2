"""Routes are taken back at once, and given again only when they have stayed for a while. Pure.

A change costs dnsmasq a SIGHUP, with which it reads all its files again, and Kea a pause: a flapping gateway must not
cost more than a few of them.
"""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from routerd.beside_part import BesideNetwork, BesidePart

_FIRST, _LONGEST = 5.0, 60.0
_CALM = 600.0
_NEVER = float("inf")

Route = tuple[IPv4Network, IPv4Address]
_Key = tuple[str, IPv4Network, Route]


class HoldDown:
    """What of the routes is handed out now. Times are in seconds of one clock."""

    def __init__(self) -> None:
        self.due = _NEVER
        self._given: dict[tuple[str, IPv4Network], tuple[Route, ...]] = {}
        self._taken: dict[_Key, list[float]] = {}
        self._wanted: dict[_Key, float] = {}

    def admit(self, parts: Iterable[BesidePart], now: float) -> tuple[BesidePart, ...]:
        """The parts with what may be handed out; `due` is when more may be."""
        self.due = _NEVER
        self._taken = {
            key: kept for key, times in self._taken.items() if (kept := [t for t in times if now - t < _CALM])
        }
        whole = tuple(parts)
        wanted = {(part.lan, net.network, route) for part in whole for net in part.networks for route in net.routes}
        self._wanted = {key: self._wanted.get(key, now) for key in wanted}
        made = tuple(
            replace(part, networks=tuple(self._network(part.lan, net, now) for net in part.networks)) for part in whole
        )
        given = {(part.lan, net.network): net.routes for part in made for net in part.networks}
        for place, routes in self._given.items():
            now_given = given.get(place, ())
            for route in (one for one in routes if not any(_covers(other, one) for other in now_given)):
                self._taken.setdefault((*place, route), []).append(now)
        self._given = given
        return made

    def _network(self, lan: str, network: BesideNetwork, now: float) -> BesideNetwork:
        before = self._given.get((lan, network.network), ())
        kept: dict[Route, None] = {}
        for route in network.routes:
            if route in before or any(_covers(other, route) for other in before):
                kept[route] = None
                continue
            key = (lan, network.network, route)
            since = max(self._wanted[key], *self._taken.get(key, (0.0,)))
            due = since + self._rest(key)
            if now >= due:
                kept[route] = None
            else:
                self.due = min(self.due, due)
                kept.update(dict.fromkeys(other for other in before if _covers(route, other)))
        return replace(network, routes=tuple(kept))

    def _rest(self, key: _Key) -> float:
        times = len(self._taken.get(key, ()))
        return 0.0 if times == 0 else min(_LONGEST, _FIRST * 2.0 ** min(times - 1, 9))


def _covers(wide: Route, narrow: Route) -> bool:
    return wide[1] == narrow[1] and narrow[0].subnet_of(wide[0])
