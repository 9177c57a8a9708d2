"""What the configurations of a trial say: what of them must not differ, stays, or is in DHCP servers that stay.

Loads what those servers need only where there are some.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from routerd.beside.starter_service import configured_servers, record_path, recorded_servers
from routerd.beside.words import ServerKey
from routerd.config.fault import ConfigError
from routerd.config.model import Config
from routerd.config.store import parse_text
from routerd.confirm import store_fault

KEY = "beside"
"""Where a trial's snapshot has it."""


async def noted(texts: Iterable[str], earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is there of the servers that these configurations, or files beside their leases, name.

    `earlier` is the snapshot of the trial that is pending; what that has stays so. {} where no server is in use.
    """
    configs = [config for config in map(parsed, dict.fromkeys(texts)) if config is not None]
    records = [record_path(config.leases.store) for config in configs]
    servers = _servers(configs, records)
    document = None if earlier is None else earlier.get(KEY)
    if not servers and document is None:
        return {}
    from routerd.beside import before, before_service

    known = None if document is None else before.decode(document)
    return {KEY: before.encode(await before_service.take(servers, records, known))}


def _servers(configs: Iterable[Config], records: Iterable[Path]) -> dict[ServerKey, str | None]:
    found: dict[ServerKey, str | None] = {}
    for record in records:
        found |= dict.fromkeys(recorded_servers(record))
    for config in configs:
        for key in configured_servers(config):
            keas = [lan.dhcp.kea for lan in config.lans if lan.dhcp is not None and lan.dhcp.mode == key.kind == "kea"]
            named = [kea.config_file for kea in keas if kea.socket == key.path and kea.config_file is not None]
            found[key] = next(iter(named), found.get(key))
    return found


async def back_in_force(snapshot: Mapping[str, Any] | None, text: str) -> None:
    """The configuration `text` from before the trial runs again: files that it does not name are as they were too."""
    document = None if snapshot is None else snapshot.get(KEY)
    if document is None:
        return
    from routerd.beside import before, before_service

    config = parsed(text)
    await before_service.files_back(before.decode(document), configured_servers(config) if config else frozenset())


def parsed(text: str) -> Config | None:
    """The configuration that this is; None where it is none."""
    try:
        return parse_text(text, secrets=False)
    except ConfigError:
        return None


def refuse_another_store(text: str, before: str) -> None:
    """Raises `ConfigError` where `text` keeps leases elsewhere than `before`, which runs."""
    tried, running = parsed(text), parsed(before)
    fault = None if tried is None or running is None else store_fault(tried, running)
    if fault is not None:
        raise ConfigError([fault])


def is_any_kept(*texts: str) -> bool:
    """Does one of them say that rules and routes stay when routerd stops?"""
    return any(config is not None and config.nat.keep for config in map(parsed, texts))
