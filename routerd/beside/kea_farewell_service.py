"""Takes everything of routerd's out of a Kea, and says what may be left in one that cannot be asked."""

import asyncio

from routerd.beside.kea_door_service import identity
from routerd.beside.kea_file_service import USUAL_FILE, KeaFile, file_has_ours
from routerd.beside.kea_patch import Patched, has_marked, patch
from routerd.beside.kea_talk_service import KeaTalk
from routerd.beside.words import Withdrawn


async def take_out(talk: KeaTalk, file: KeaFile, named: str | None) -> Withdrawn:
    """Of what Kea runs, and of its file where that has something. `named` is the file as it was configured.

    Raises `KeaError`.
    """
    read = await talk.read()
    had, in_file = has_marked(read.config), await file.has_ours(read, named)
    if in_file:
        await file.look(read, named)

    async def make(config: dict[str, object]) -> Patched:
        return await asyncio.to_thread(patch, config, ())

    _, read = await talk.change(read, make)
    if in_file:
        await file.write(read.config)
    removed = (f"options 121 and 249 from Kea at {talk.path}",) if had else ()
    if in_file and file.reason is not None:
        return Withdrawn(removed, f"kea {talk.path}: its file {file.path} still has the options: {file.reason}")
    return Withdrawn(removed)


async def is_gone_without(path: str, file: str | None) -> bool:
    """Does this Kea not run, and will it start with nothing of routerd's, as far as can be seen?"""
    return identity(path) is None and file is not None and await file_has_ours(file) is False


async def left_behind(path: str, file: str | None, reason: str) -> str:
    """What is said where Kea cannot be asked; `file` None: it is not known."""
    if identity(path) is not None:
        return f"kea {path}: options 121 and 249 may still be handed out: {reason}; run routerd clean when it answers"
    in_file = await file_has_ours(file or USUAL_FILE)
    if file is None and not in_file:
        where = "the file that it is started with may have"
    else:
        where = f"its file {file or USUAL_FILE} {'has' if in_file else 'may have'}"
    mend = 'take each entry of option-data with "routerd" in its user-context out of the file'
    text = f"kea {path}: {where} options 121 and 249 of routerd's, and Kea cannot be asked: {reason}"
    return f"{text}; start Kea and run routerd clean, or {mend} before Kea is started"
