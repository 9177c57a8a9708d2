"""Keeps options 121 and 249 current in OpenWrt's dnsmasq, by `list dhcp_option` of /etc/config/dhcp.

routerd runs as a user of its own there, who may not change that file. So it writes what is wanted to a file in memory
and has procd run /etc/init.d/routerd, which takes it over as root.
"""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from routerd.beside.dnsmasq_clients import Known
from routerd.beside.dnsmasq_conf_service import NAME
from routerd.beside.dnsmasq_file import lines_of
from routerd.beside.dnsmasq_service import DnsmasqService
from routerd.beside.uci_lines import rest, uci_text, without_new
from routerd.beside.words import Ask, ServerKey, Withdrawn
from routerd.beside_part import BesidePart
from routerd.system.named_process import find_process

_EVENT = ("call", "service", "event", json.dumps({"type": "routerd.options", "data": {}}))
_PIDS = Path("/var/run/dnsmasq")
_HOUR = 3600.0
_TIMEOUT = 5.0


class UciDnsmasqService(DnsmasqService):
    """The dnsmasq of an OpenWrt router. Routes are withdrawn at once, and given again ever later while they flap."""

    def __init__(self, key: ServerKey, ask: Ask, changed: Callable[[], None]) -> None:
        super().__init__(key, ask, changed)
        self._shown.is_uci = True
        self._changes: list[float] = []

    async def _look(self, parts: tuple[BesidePart, ...], *, force: bool) -> None:
        """Its configuration is made by OpenWrt's script, out of what routerd wants too: an answer says more."""
        pid = await asyncio.to_thread(_find)
        if pid != self._shown.pid:
            self._shown.pid = pid
            self._questions.changed(time.monotonic())

    async def _ask_first(self, parts: tuple[BesidePart, ...]) -> bool:
        """The script leaves an administrator's own options 121 and 249 alone by itself."""
        return False

    def _render(self, parts: tuple[BesidePart, ...], now: float) -> str:
        parts = tuple(map(self._as_heard, parts))
        self._shown.lines = lines_of(parts, Known(told_statics=self._heard.statics))
        self._changes = [at for at in self._changes if now - at < _HOUR]
        wanted = text = uci_text(parts, self._heard.statics)
        if self._text is not None and self._changes and now - self._changes[-1] < rest(len(self._changes)):
            text = without_new(wanted, self._text)
        if self._text is not None and text != self._text:
            self._changes.append(now)
        return text

    def _as_heard(self, part: BesidePart) -> BesidePart:
        """With the router that dnsmasq tells clients: they must keep it."""
        first, *more = part.networks
        return replace(part, networks=(replace(first, router=self._heard.routers.get(part.lan, first.router)), *more))

    async def _hang_up(self) -> None:
        error = await asyncio.to_thread(tell_procd)
        self._shown.signal_error = None if error is None else (error, False)

    async def withdraw(self) -> Withdrawn:
        """Have the script remove what is routerd's."""
        nothing = await self._empty()
        if isinstance(nothing, Withdrawn):
            return nothing
        done = (f"routes for dnsmasq from {self._file.path}",)
        error_text = await asyncio.to_thread(tell_procd)
        self._is_clear = error_text is None
        left = None if error_text is None else f"list dhcp_option of /etc/config/dhcp stays: {error_text}"
        return Withdrawn(done, left)


def _find() -> int | None:
    """A dnsmasq that runs; OpenWrt may have several, each with a name of its own."""
    found = (find_process(path, NAME) for path in sorted(_PIDS.glob("*.pid")))
    return next((pid for pid in found if pid is not None), None)


def tell_procd() -> str | None:
    """Have procd run the script's `options`; why it cannot be told, None where it was."""
    program = shutil.which("ubus")
    if program is None:
        return "there is no ubus"
    try:
        done = subprocess.run(
            (program, "-t", "3", *_EVENT), stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = done.stderr.decode(errors="replace").strip()
    return None if done.returncode == 0 else words or f"ubus ended with {done.returncode}"
