"""The keys of one LAN with their secrets, which are read from files and are nowhere else."""

import asyncio
import logging
from collections.abc import Iterable

from routerd.config.model import LONGEST_SECRET, RipKey
from routerd.model import Problem
from routerd.rip.auth import Key
from routerd.system.secret import SecretError, read_secret

log = logging.getLogger("routerd.rip")


class KeyFiles:
    """`keys` is None where a secret cannot be used: packets without it would be believed by nobody, or by all."""

    def __init__(self, lan: str) -> None:
        self.keys: tuple[Key, ...] | None = ()
        self._lan = lan
        self._wanted: tuple[RipKey, ...] = ()
        self._fault: tuple[str, SecretError] | None = None

    async def read(self, wanted: tuple[RipKey, ...]) -> None:
        """Read them anew. Where that fails, the secrets of the same keys that were read before go on."""
        found, fault = await asyncio.to_thread(_read, wanted)
        if fault is not None and (self._fault is None or str(self._fault[1]) != str(fault[1])):
            log.warning("lan %s: the key file %s cannot be used: %s", self._lan, *fault)
        if fault is None or wanted != self._wanted:
            self.keys = found
        self._wanted, self._fault = wanted, fault

    def problems(self) -> Iterable[Problem]:
        """A problem while a file cannot be used."""
        if self._fault is not None:
            path, error = self._fault
            now = "RIPv2 is not spoken" if self.keys is None else "the keys that were read before go on"
            values = (("path", path), ("reason", error.reason), ("hint", error.hint), ("now", now))
            yield Problem("rip-key", f"lan {self._lan}", values)


def _read(wanted: Iterable[RipKey]) -> tuple[tuple[Key, ...] | None, tuple[str, SecretError] | None]:
    found = []
    for key in wanted:
        try:
            secret = read_secret(key.secret_file, 1, LONGEST_SECRET[key.algorithm])
        except SecretError as error:
            return None, (key.secret_file, error)
        times = (key.send_from, key.send_to, key.accept_from, key.accept_to)
        found.append(Key(key.id, key.algorithm, secret, *times))
    return tuple(found), None
