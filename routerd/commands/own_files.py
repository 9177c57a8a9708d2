"""The files that routerd keeps: their names, and the directories that they are in."""

from collections.abc import Iterator
from glob import escape
from pathlib import Path

from routerd.config.model import Config
from routerd.system.files import RUNTIME, namespace_inode
from routerd.system.handover import Place

RUNTIME_FILES = frozenset({"lock-*", "listen-*", "sysctl-*.json", "confirm-*.json", "leases-*.doubt"})
"""Patterns of those in the runtime directory, of the daemons of all network namespaces."""


def state_files(store: str) -> frozenset[str]:
    """Patterns of those in the directory of the leases; `store` is the name of the lease file."""
    names = {escape(store + suffix) for suffix in ("", "-wal", "-shm", "-journal", "-clean")}
    others = {escape(f"{store}.damaged-") + "*", escape(f".{store}-clean.") + "*"}
    others |= {escape(f"{store}-aliases") + "*", escape(f".{store}-aliases.") + "*", ".restore-*"}
    others |= {escape(f"{store}.before-restore-") + "*", "rip-sequence.before-restore-*"}
    others |= {"rip-sequence", ".rip-sequence.*", "beside-servers", ".beside-servers.*"}
    return frozenset(names | others)


def places(config: Config) -> Iterator[Place]:
    """The directories that the daemon writes to."""
    yield Place(RUNTIME, "the kernel's original settings", own_files())
    store = Path(config.leases.store.removeprefix("sqlite:"))
    yield Place(store.parent, "leases", state_files(store.name), mode=0o750, waits=True)
    for listen in config.http.listen:
        if listen.startswith("unix:"):
            path = Path(listen.removeprefix("unix:"))
            yield Place(path.parent, f"the socket {path.name} of http.listen", frozenset({escape(path.name)}))


def own_files() -> frozenset[str]:
    """Patterns of the runtime directory's files that belong to the daemon of this network namespace."""
    inode = namespace_inode()
    return frozenset(
        {
            f"sysctl-{inode}.json",
            f".sysctl-{inode}.json.*",
            f"lock-{inode}",
            f"listen-{inode}",
            f".listen-{inode}.new",
            f"confirm-{inode}.json",
            f".confirm-{inode}.json.*",
        }
    )
