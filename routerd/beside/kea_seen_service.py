"""What can be seen of a Kea without a word to it."""

from typing import NamedTuple

from routerd.beside.kea_door_service import identity, sockets_of_servers


class Seen(NamedTuple):
    """Each of these is another one after something has happened.

    `socket`: Kea was started (None: it has ended, or never ran). `file`: its file was edited (None: no file is known).
    `serving`: it has taken a configuration, whoever gave it, or was killed (None: that cannot be seen).
    """

    socket: tuple[int, int] | None = None
    file: tuple[int, int] | None = None
    serving: frozenset[int] | None = None


def look(path: str, file: str | None, before: Seen) -> Seen:
    """At the control socket `path`, at the configuration file where it is known, and at the sockets it serves by.

    What cannot be seen now counts as it was `before`.
    """
    serving = sockets_of_servers()
    seen = identity(file) if file is not None else None
    return Seen(identity(path), seen, before.serving if serving is None else serving)
