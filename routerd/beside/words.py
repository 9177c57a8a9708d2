"""What a service for another DHCP server is to the starter, which holds one for each server."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from routerd.beside_part import BesidePart, Told
from routerd.config.model import Dhcp
from routerd.model import Problem
from routerd.reports import Check

Ask = Callable[[BesidePart, Iterable[int], float], Awaitable[tuple[Told, ...]]]
"""Asks the DHCP servers of a LAN by INFORM for these options, and waits so many seconds for answers."""


@dataclass(frozen=True, slots=True)
class ServerKey:
    """A server: `kind` is the mode, `path` its options file or control socket, `also` its pid file ("" for Kea)."""

    kind: str
    path: str
    also: str = ""


def server_of(settings: Dhcp) -> ServerKey:
    """The server that the settings of a LAN are for."""
    if settings.mode == "kea":
        return ServerKey("kea", settings.kea.socket)
    return ServerKey("dnsmasq", settings.dnsmasq.options_file, settings.dnsmasq.pid_file)


class Withdrawn(NamedTuple):
    """What was removed from a server, in words ("routes from /run/…"), and what is still there and why."""

    removed: tuple[str, ...] = ()
    left: str | None = None


class Server(Protocol):
    """Keeps one server current. Made as `Class(key, ask, changed)`; `changed` is called when problems may be others."""

    def apply(self, parts: tuple[BesidePart, ...]) -> None:
        """Hand out this from now on; () removes all that was ever made. Only notes it: `run` does it, and retries."""

    async def run(self) -> None:
        """Keep the server as the parts say until cancelled. Nothing that fails ends it."""

    async def withdraw(self) -> Withdrawn:
        """Remove all that was ever made, once and soon. Never raises.

        For the end of the daemon (when `run` has ended), and for `routerd clean`, where `run` never was: then what is
        there shows what routerd made. Where nothing of routerd's is, nothing is touched.
        """

    @property
    def is_untouched(self) -> bool:
        """Was nothing ever changed in the server by this process?"""

    @property
    def is_clear(self) -> bool:
        """Is nothing of routerd's in the server, as far as is known?"""

    def problems(self) -> tuple[Problem, ...]:
        """What keeps the server from handing out what it should."""

    def checks(self) -> tuple[Check, ...]:
        """Does every LAN's server hand out what it should?"""

    def status(self) -> dict[str, object]:
        """For /v1/status."""
