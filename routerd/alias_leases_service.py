"""Keeps aliases off addresses that clients hold by DHCP: says which are leased, and when that may have changed."""

import asyncio
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from routerd.config.model import AddressRange, Config
from routerd.model import Event, LeasedAlias
from routerd.reports import LeaseReport

Span = tuple[str, AddressRange]
"""A LAN's interface, and addresses that are aliases or become some."""
_LEAST = 1.0


class AliasLeases:
    """`held` gives the leases of such addresses that are bound now; `on_change` is called when it may give others."""

    def __init__(self, held: Callable[[Iterable[Span]], Iterable[LeaseReport]], on_change: Callable[[], None]) -> None:
        self._held, self._on_change = held, on_change
        self._spans: tuple[Span, ...] = ()
        self._timer: asyncio.TimerHandle | None = None

    def look(self, config: Config) -> tuple[LeasedAlias, ...]:
        """The aliases of the configuration that clients have leases of."""
        self._spans = tuple(_spans(config))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._spans:
            return ()
        found = [LeasedAlias(one.lan, one.address, one.mac, round(one.expires)) for one in self._held(self._spans)]
        if found:
            # By then it has ended, or was renewed, which is no event.
            wait = max(_LEAST, min(one.expires for one in found) - time.time())
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_change)
        return tuple(sorted(found))

    def heard(self, event: Event) -> None:
        """Something has happened; only leases of these addresses matter."""
        if self._spans and event.kind == "lease":
            address = IPv4Address(event.subject)
            if any(span.first <= address <= span.last for lan, span in self._spans if lan == event.data.get("lan")):
                self._on_change()


def _spans(config: Config) -> Iterable[Span]:
    for lan in config.lans:
        for alias in lan.aliases:
            yield lan.interface, AddressRange(alias.address, alias.address)
        if lan.alias_pool is not None:
            yield lan.interface, lan.alias_pool
