"""What the user that the daemon is to run as could not do: looked at as that user, by a process of its own."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from routerd.commands.own_files import places
from routerd.config.fault import ConfigFault, show
from routerd.config.model import Config
from routerd.config.store import secret_faults
from routerd.system.handover import Place, is_read_only
from routerd.system.privileges import PrivilegeError, find_user, settle

_SUFFIXES = ("", "-wal", "-shm", "-aliases")
_SEQUENCE = "rip-sequence"


def faults_of(user: str, config: Config) -> list[ConfigFault]:
    """The faults of this configuration for a daemon that runs as `user` (NAME[:GROUP]), in TOML's words.

    Directories that the daemon writes to are made and given to the user as it does at start.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as pipe:
                json.dump([asdict(fault) for fault in _found(user, config)], pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        return [_fault(config, f"user {user} could not be tried", "look at the system's log")]
    return [ConfigFault(**each) for each in json.loads(text)]


def _found(user: str, config: Config) -> Iterator[ConfigFault]:
    try:
        settle(find_user(user), places(config))
    except PrivilegeError as error:
        rule, _, mend = str(error).partition("; ")
        yield _fault(config, rule, mend or "let the user write there, or name another place")
        return
    yield from _closed(user, config)
    yield from secret_faults(config)


def _closed(user: str, config: Config) -> Iterator[ConfigFault]:
    store = Path(config.leases.store.removeprefix("sqlite:"))
    if is_read_only(Place(store.parent, "leases")):
        return  # The daemon starts all the same, and says what that means.
    for name in (*(store.name + end for end in _SUFFIXES), _SEQUENCE):
        path = store.with_name(name)
        if os.path.lexists(path) and not os.access(path, os.R_OK | os.W_OK):
            yield _fault(config, f"{path}: user {user} cannot write it", f"run: chown {user} {path}")


def _fault(config: Config, rule: str, mend: str) -> ConfigFault:
    if " of http.listen" in rule:
        return ConfigFault("http.listen", show(config.http.listen), rule, mend)
    return ConfigFault("leases.store", show(config.leases.store), rule, mend)
