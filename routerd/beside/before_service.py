"""Notes what routerd has in the DHCP servers that stay, and puts it back as it was, for a trial that is taken back."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from routerd.beside.before import Before, ServerBefore
from routerd.beside.dnsmasq_conf_service import NAME
from routerd.beside.dnsmasq_file import HEADER
from routerd.beside.kea_door_service import identity
from routerd.beside.kea_file_service import KeaFile
from routerd.beside.kea_marked import marked, put_back
from routerd.beside.kea_patch import Patched
from routerd.beside.kea_talk_service import KeaTalk
from routerd.beside.kea_wire import KeaError
from routerd.beside.options_file_service import FileError, OptionsFile
from routerd.beside.record import encode_servers
from routerd.beside.starter_service import recorded_servers
from routerd.beside.words import ServerKey
from routerd.system.files import write_synced
from routerd.system.named_process import SignalError, find_process, hang_up
from routerd.system.ubus import is_openwrt

log = logging.getLogger("routerd.beside")

_NOTED, _PUT_BACK = 2.0, 3.0
"""Seconds that a Kea has: a trial must not begin late for one that hangs, and others are to be put back as well."""
_LOOKS, _PAUSE = 60, 0.05
_EMPTY = (None, "", HEADER)


class _LeftError(Exception):
    """Something of the trial is still there; the text says where and why."""


async def take(
    servers: Mapping[ServerKey, str | None], records: Iterable[Path], earlier: Before | None = None
) -> Before:
    """What is there now in these servers, by the configuration file that is named for a Kea.

    What `earlier` has is taken from there: it was noted before the trial put anything there.
    """
    known = {} if earlier is None else {each.key: each for each in earlier.servers}
    new = [_take(key, named) for key, named in servers.items() if key not in known]
    found = await asyncio.gather(*new)
    noted = {str(path): recorded_servers(path) for path in records}
    return Before({**noted, **({} if earlier is None else earlier.records)}, (*known.values(), *found))


async def _take(key: ServerKey, named: str | None) -> ServerBefore:
    if key.kind == "kea":
        return await _take_kea(key, named)
    try:
        return ServerBefore(key, await asyncio.to_thread(OptionsFile(Path(key.path)).read))
    except FileError:
        return ServerBefore(key)


async def _take_kea(key: ServerKey, named: str | None) -> ServerBefore:
    was_there = identity(key.path) is not None
    talk = KeaTalk(key.path, _NOTED)
    try:
        async with asyncio.timeout(_NOTED):
            read = await talk.read()
            in_file = await KeaFile(talk).has_ours(read, named)
            return ServerBefore(key, None, marked(read.config), in_file, named, was_there)
    except (KeaError, TimeoutError) as error:
        reason = str(error) or f"no answer within {_NOTED:g} s"
        log.warning("kea %s: %s; if the trial is taken back, it is left without options of routerd's", key.path, reason)
        return ServerBefore(key, config_file=named, was_there=was_there)


async def restore(before: Before) -> Before | None:
    """Put it back, in bounded time; what is left is logged, and remembered for the next start and `routerd clean`.

    Returns what is left, None for nothing. Never raises.
    """
    left = [each for each in await asyncio.gather(*map(_restore, before.servers)) if each is not None]
    await asyncio.to_thread(_restore_records, before.records, frozenset(each.key for each in left))
    return Before(before.records, tuple(left)) if left else None


async def _restore(before: ServerBefore) -> ServerBefore | None:
    try:
        if before.key.kind == "kea":
            await _restore_kea(before)
        else:
            await asyncio.to_thread(_restore_file, before)
    except (_LeftError, OSError) as error:
        log.error("confirm: %s; the next start sees to it, or `routerd clean`", error)
        return before
    return None


async def _restore_kea(before: ServerBefore) -> None:
    path = before.key.path
    if not before.was_there and identity(path) is None:
        return
    try:
        async with asyncio.timeout(_PUT_BACK):
            reason = await _talk_back(KeaTalk(path, _PUT_BACK), before)
    except (KeaError, TimeoutError) as error:
        why = str(error) or f"no answer within {_PUT_BACK:g} s"
        raise _LeftError(f"kea {path}: options 121 and 249 of the trial may still be handed out: {why}") from None
    if reason is not None:
        raise _LeftError(f"kea {path}: its configuration file may have options 121 and 249 of the trial: {reason}")


async def _talk_back(talk: KeaTalk, before: ServerBefore) -> str | None:
    """Put Kea's entries back; why its file could not follow, None where it did or need not."""
    file = KeaFile(talk)
    read = await talk.read()
    in_file = before.in_file or await file.has_ours(read, before.config_file)
    if in_file:
        await file.look(read, before.config_file)

    async def make(config: dict[str, object]) -> Patched:
        return await asyncio.to_thread(put_back, config, before.entries or {})

    _, read = await talk.change(read, make)
    if not in_file:
        return None
    await file.write(read.config)
    return file.reason


def _restore_file(before: ServerBefore) -> None:
    file = OptionsFile(Path(before.key.path))
    try:
        changed = file.read() != before.text
        if before.text is not None:
            file.keep(before.text)
        elif changed:
            file.empty(remove=True)
    except FileError as error:
        if error.foreign:
            return
        raise _LeftError(f"{file.path}: options 121 and 249 of the trial are still in it: {error}") from None
    # Also where it is the same again: who changed it may have ended before it said so.
    _tell(before.key, changed=changed)


def _tell(key: ServerKey, *, changed: bool) -> None:
    """Have dnsmasq read its options again; where that is another's part (routerd-dnsmasq.path), it is only said."""
    if is_openwrt():
        from routerd.beside.uci_service import tell_procd

        if (error := tell_procd()) is not None:
            raise _LeftError(f"list dhcp_option of /etc/config/dhcp stays: {error}")
        return
    try:
        hang_up(Path(key.also), NAME)
    except SignalError as error:
        if changed and (error.may_not or find_process(Path(key.also), NAME) is not None):
            log.warning(
                "confirm: %s is as it was before the trial; dnsmasq has to read it again (SIGHUP), by "
                "routerd-dnsmasq.path or by hand: %s",
                key.path,
                error,
            )


def _restore_records(records: Mapping[str, frozenset[ServerKey]], left: frozenset[ServerKey]) -> None:
    for name, keys in records.items():
        path = Path(name)
        now = recorded_servers(path)
        wanted = keys | (left & now)
        try:
            if wanted and wanted != now:
                write_synced(path, encode_servers(wanted))
            elif not wanted:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as error:
            log.error("confirm: %s cannot be written: %s", path, error.strerror)


async def files_back(before: Before, running: frozenset[ServerKey]) -> None:
    """The configuration from before runs again, with these servers: the file of any other dnsmasq is as it was too.

    The services of those empty their files themselves, and are given time for it.
    """
    gone = [each for each in before.servers if each.key.kind != "kea" and each.key not in running]
    await asyncio.gather(*(_file_back(each) for each in gone if each.text in _EMPTY))


async def _file_back(before: ServerBefore) -> None:
    file = OptionsFile(Path(before.key.path))
    with contextlib.suppress(FileError):
        for _ in range(_LOOKS):
            if await asyncio.to_thread(file.read) in _EMPTY:
                break
            await asyncio.sleep(_PAUSE)
        else:
            return
        if before.text is None:
            await asyncio.to_thread(file.empty, remove=True)
        else:
            await asyncio.to_thread(file.keep, before.text)
