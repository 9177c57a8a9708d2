"""The rights that routerd runs with: three capabilities and no way to more, as root or as a user of its own."""

import grp
import os
import pwd
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from routerd.system import capabilities
from routerd.system.handover import Place, give, is_read_only, is_usable, make, merged

NEEDED = {
    capabilities.NET_ADMIN: ("CAP_NET_ADMIN", "kernel routes, forwarding and reading WireGuard"),
    capabilities.NET_RAW: ("CAP_NET_RAW", "answering DHCP clients that have no address yet, and probing peers"),
    capabilities.NET_BIND_SERVICE: ("CAP_NET_BIND_SERVICE", "the DHCP server's port 67"),
}
"""Capability to its name and what it is for."""

_MEND = "start as root, or grant it (systemd: AmbientCapabilities=, containers: --cap-add)"


class PrivilegeError(Exception):
    """routerd has not the rights that it needs; the text, one line, says which, what for and how to give them."""


@dataclass(frozen=True, slots=True)
class User:
    """A user to run as, by numbers; `name` is for messages."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def find_user(text: str) -> User:
    """The user that `NAME[:GROUP]` stands for, each a name or a number. Raises `PrivilegeError`.

    Without a group it is the user's own, and for a number that has no entry the group of the same number. A user with
    an entry keeps its supplementary groups.
    """
    name, colon, group = text.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if _is_number(name) else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        if not _is_number(name):
            raise PrivilegeError(f"there is no user {name!r}") from None
        entry = None
    uid = int(name) if entry is None else entry.pw_uid
    own = uid if entry is None else entry.pw_gid
    gid = _find_group(group) if colon else own
    if max(uid, gid) >= 0xFFFFFFFF:
        raise PrivilegeError(f"there is no user {text!r}")
    groups = [gid] if entry is None else os.getgrouplist(entry.pw_name, gid)
    return User(name, uid, gid, tuple(groups))


def settle(user: User | None, places: Iterable[Place], also: Iterable[int] = ()) -> None:
    """Make the places, then run on as `user` (None: as the one who started this) with the three capabilities only.

    Those in `also` are kept too where they are there, which routerd can do without. To be called once, while this
    process has a single thread. Raises `PrivilegeError`; nothing was made if a capability is missing.
    """
    may_settle(user)
    wanted = merged(places)
    for place in wanted:
        _prepare(place, user)
    try:
        _reduce(user, {*NEEDED, *(capabilities.permitted() & {*also})})
    except OSError as error:
        raise PrivilegeError(f"the rights cannot be reduced to the three capabilities: {error.strerror}") from None
    for place in wanted:
        if not is_usable(place) and not (place.waits and is_read_only(place)):
            raise PrivilegeError(_unusable(place))


def _check_readable(user: User | None) -> None:
    """Before anything changes hands: modules that are loaded later must be readable for the user."""
    if user is None or user.uid == os.geteuid():
        return
    for module in (os.path.abspath(__file__), os.path.abspath(os.__file__)):
        if not _can_read(user, module):
            home = os.path.dirname(os.path.dirname(module))
            raise PrivilegeError(f"user {user.name} cannot read {home}; install it where every user can read it")


def _can_read(user: User, path: str) -> bool:
    while True:
        found = os.stat(path)
        kind = 2 if found.st_uid == user.uid else 1 if found.st_gid in user.groups else 0
        needed = 0o1 if stat.S_ISDIR(found.st_mode) else 0o4
        if not (found.st_mode >> (3 * kind)) & needed:
            return False
        if path == os.path.dirname(path):
            return True
        path = os.path.dirname(path)


def may_settle(user: User | None) -> None:
    """Raises `PrivilegeError` where `settle` would have to refuse; changes nothing."""
    check(NEEDED)
    if user is not None and os.geteuid() not in (0, user.uid):
        raise PrivilegeError(f"only root can change the user to {user.name}; start as root, or without --user")
    _check_readable(user)


def check(needed: Iterable[int], *, purpose: str | None = None) -> None:
    """Raises `PrivilegeError` if a capability is missing, which it names with what it is for (default: in routerd)."""
    held = capabilities.permitted()
    missing = [NEEDED[number] for number in needed if number not in held]
    if missing:
        rows = [f"{name} (for {purpose or use})" for name, use in missing]
        kind = "a capability is" if len(rows) == 1 else "capabilities are"
        raise PrivilegeError(f"{kind} missing: {', '.join(rows)}; {_MEND}")


def _prepare(place: Place, user: User | None) -> None:
    try:
        make(place)
        if os.geteuid() == 0:
            # Root without CAP_DAC_OVERRIDE writes to what is root's and nothing else, so root gets its own back too.
            give(place, *((os.geteuid(), os.getegid()) if user is None else (user.uid, user.gid)))
    except PermissionError:
        pass  # whether that matters, is_usable() says
    except OSError as error:
        if place.waits and is_read_only(place):
            return
        raise PrivilegeError(f"{place.directory}: cannot be made, for {place.purpose}: {error.strerror}") from None


def _reduce(user: User | None, kept: Collection[int]) -> None:
    capabilities.forbid_new_privileges()
    capabilities.limit_bounding_set(kept)
    if user is not None and os.geteuid() == 0:
        capabilities.keep_at_change_of_user()
        try:
            os.setgroups(user.groups)
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
        except PermissionError:
            raise PrivilegeError(
                f"the capabilities CAP_SETUID and CAP_SETGID are missing, for --user {user.name}; leave it out, "
                "or let what starts routerd change the user"
            ) from None
    capabilities.keep_only(kept)


def _unusable(place: Place) -> str:
    user = _user_name()
    return (
        f"{place.directory}: user {user} cannot write there, which is needed for {place.purpose}; "
        f"name a directory of routerd's own in the configuration, such as {place.directory / 'routerd'}"
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _find_group(text: str) -> int:
    if _is_number(text):
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise PrivilegeError(f"there is no group {text!r}") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
