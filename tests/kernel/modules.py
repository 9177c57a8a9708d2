"""Which kernel modules are needed, from the text of modules.dep."""

from collections.abc import Iterable
from pathlib import PurePosixPath


def needed(dependencies: str, names: Iterable[str]) -> list[str]:
    """The files of the named modules and of all that these need. Raises `KeyError` for a module that is not there.

    Every module comes after those that it needs.
    """
    files, needs = _parse(dependencies)
    found: dict[str, None] = {}
    for name in names:
        for one in [*reversed(needs[files[_plain(name)]]), files[_plain(name)]]:
            found.setdefault(one)
    return list(found)


def _parse(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    files, needs = {}, {}
    for line in text.splitlines():
        path, _, rest = line.partition(":")
        files[_plain(PurePosixPath(path).name.partition(".")[0])] = path
        needs[path] = rest.split()
    return files, needs


def _plain(name: str) -> str:
    # The kernel takes both for the same.
    return name.replace("-", "_")
