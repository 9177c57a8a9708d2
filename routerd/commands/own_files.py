"""The names of the files that routerd keeps."""

from glob import escape

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
