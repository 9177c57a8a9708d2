"""The `nft` program: loads text in one transaction, and lists what is there. Never blocks the event loop."""

import asyncio
import contextlib
import json
import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from routerd.system.leftovers import TABLE

_LEGACY = (Path("/proc/net/ip_tables_names"), Path("/proc/net/ip6_tables_names"))
_TIMEOUT = 20.0
_LONGEST = 300
_OWN_CHILDREN = 64
_NO_TABLE = "No such file or directory"
_MENDS = (
    ("Operation not permitted", "Give routerd the capability CAP_NET_ADMIN (systemd: AmbientCapabilities=)."),
    ("JSON support not compiled-in", "Install nft with JSON (OpenWrt: nftables-json)."),
    (
        "Could not process rule: No such file or directory",
        "The kernel lacks a part of nftables; load it: modprobe -a nft_nat nft_masq nft_chain_nat nft_ct nft_fib_inet "
        "(OpenWrt: kmod-nft-nat, kmod-nft-fib).",
    ),
    (
        "Operation not supported",
        "The kernel lacks a part of nftables that the named rule needs; use Linux 5.10 or newer.",
    ),
    ("Protocol not supported", "The kernel has no nftables: modprobe nf_tables (OpenWrt: kmod-nft-core)."),
    ("syntax error", "This nft is too old for the rules; use nftables 1.0.2 or newer."),
)


class NftError(Exception):
    """nft could not do it; nothing was changed. `reason` is what it said, `hint` is how to mend it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.reason = reason
        self.hint = hint or "Look at what nft itself says: nft list ruleset"
        super().__init__(reason)


class Nft:
    """Runs the program. Calls may overlap; every method raises `NftError`, at the latest after 20 seconds."""

    def __init__(self, program: str = "nft") -> None:
        self._program = program
        self._children: deque[int] = deque(maxlen=_OWN_CHILDREN)

    def is_own(self, pid: int) -> bool:
        """Was this process a child of this one that changed rules lately?"""
        return pid in self._children

    async def load(self, text: str, *, check: bool = True) -> None:
        """Apply the text as one transaction: all of it, or nothing. With `check` the kernel is asked first."""
        if check:
            await self._run(["-c", "-f", "-"], text)
        await self._run(["-f", "-"], text)

    async def list_table(self) -> str | None:
        """routerd's table as text, None if there is none."""
        try:
            return await self._run(["list", "table", *TABLE.split()])
        except NftError as error:
            if _NO_TABLE in error.reason:
                return None
            raise

    async def ruleset(self) -> Sequence[Mapping[str, Any]]:
        """All objects of all tables, as `nft -j` shows them, without what is in sets."""
        try:
            said = await self._run(["-j", "-t", "list", "ruleset"])
            found = (await asyncio.to_thread(json.loads, said))["nftables"]
            return [row for row in found if isinstance(row, dict)]
        except (ValueError, KeyError, TypeError):
            raise NftError("nft -j list ruleset: its answer is not what was expected") from None

    async def list_chain(self, family: str, table: str, chain: str) -> str:
        """A chain as text, with the handles of its rules. The names are those that nft itself has told."""
        return await self._run(["-a", "list", "chain", family, table, chain])

    async def _run(self, words: list[str], text: str = "") -> str:
        process = await self._start(words, bool(text))
        if text:
            self._children.append(process.pid)
        try:
            async with asyncio.timeout(_TIMEOUT):
                said, complained = await process.communicate(text.encode() if text else None)
        except TimeoutError:
            raise NftError(f"nft {' '.join(words)}: not done after {_TIMEOUT:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise _error(complained.decode(errors="replace") or f"nft ended with {process.returncode}")
        return said.decode(errors="replace")

    async def _start(self, words: list[str], with_text: bool) -> asyncio.subprocess.Process:
        program = shutil.which(self._program)
        if program is None:
            hint = "Install it: apt install nftables (OpenWrt: apk add nftables-json)."
            raise NftError(f"the program {self._program} is not installed", hint)
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                program, *words, stdin=pipe if with_text else asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            raise NftError(f"the program {program} cannot be started: {error.strerror}") from None


def legacy_tables() -> tuple[str, ...]:
    """The tables of iptables-legacy that are loaded here: nft does not show those."""
    found: set[str] = set()
    for path in _LEGACY:
        with contextlib.suppress(OSError):
            found |= set(path.read_text().split())
    return tuple(sorted(found))


def _error(complaint: str) -> NftError:
    """What nft said, without the place in a text that nobody sees, but with the rule that it is about."""
    lines = [line.rstrip() for line in complaint.splitlines() if line.strip()]
    first = lines[0].partition("Error: ")[2] or lines[0] if lines else "no reason given"
    rule = lines[1].strip() if len(lines) > 1 and not set(lines[1]) <= set(" ^~") else ""
    reason = f"{first} ({rule})" if rule else first
    hint = next((mend for words, mend in _MENDS if words in complaint), "")
    return NftError(reason[:_LONGEST], hint)
