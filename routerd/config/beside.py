"""The rules of lan.dhcp where another DHCP server stays (mode "dnsmasq" or "kea"): that server has its own settings."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from routerd.config.endpoints import LONGEST_SOCKET_PATH, file_path
from routerd.config.fault import Faults
from routerd.config.model import BESIDE_MODES, Config, Dhcp
from routerd.config.schema import Bad, Kind, pattern
from routerd.config.values import text_of
from routerd.config.walk import lans_of

_KEYS = frozenset(("mode", "router", "routes", "dnsmasq", "kea"))
_SUBNET_KEYS = frozenset(("subnet", "router", "routes", "tag"))
_SECTIONS = {"reservations": "reservation", "options": "option"}
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_OPTIONS = "/run/routerd/dnsmasq-options"
_SOCKET = "/run/kea/kea4-ctrl-socket"


def _parse_tag(value: Any) -> str:
    text = text_of(value, "a tag of dnsmasq", "site")
    if not _TAG.fullmatch(text):
        raise Bad(
            "must be a tag of dnsmasq: at most 63 letters, digits, hyphens, dots and underscores", 'such as "site"'
        )
    return text


def _parse_options_file(value: Any) -> str:
    path: str = file_path(_OPTIONS).parse(value)
    name = path.rpartition("/")[2]
    if name.startswith((".", "#")) or name.endswith(("~", "#")):
        raise Bad("must have a name that dnsmasq reads in a directory: no . or # first, no ~ or # last", "rename it")
    return path


def _parse_socket(value: Any) -> str:
    path: str = file_path(_SOCKET).parse(value)
    if len(path.encode()) > LONGEST_SOCKET_PATH:
        raise Bad(f"must not be longer than {LONGEST_SOCKET_PATH} bytes", "use a shorter path")
    return path


TAG = Kind("tag of dnsmasq", _parse_tag, limits=pattern(_TAG.pattern))
OPTIONS_FILE = Kind("absolute path of a file", _parse_options_file)
PID_FILE = file_path("/run/dnsmasq/dnsmasq.pid")
SOCKET = Kind("absolute path of a socket", _parse_socket)
KEA_FILE = file_path("/etc/kea/kea-dhcp4.conf")


def check_beside(mode: str, values: Mapping[str, Any], inner: tuple[dict[str, Any], ...], path: str, f: Faults) -> None:
    """Add a fault for every key of a lan.dhcp section and its subnets that has no effect with its mode.

    The sections of the other modes may stay: they are for the day when the mode is changed.
    """
    if mode not in BESIDE_MODES:
        for where, own in _subnets(inner, path, f):
            if "tag" in own and mode == "serve":
                f.add(f"{where}.tag", own["tag"], 'has no effect with mode = "serve"', "remove it")
        return
    for name in (each for each in values if each not in _KEYS):
        _without_effect(f"{path}.{_SECTIONS.get(name, name)}", mode, f)
    for where, own in _subnets(inner, path, f):
        for name in own:
            if name not in _SUBNET_KEYS or (name == "tag" and mode != "dnsmasq"):
                _without_effect(f"{where}.{_SECTIONS.get(name, name)}", mode, f)
        if mode == "dnsmasq" and "tag" not in own and f.clean(f"{where}.tag"):
            mend = "set it to what the dhcp-range of this network sets: dhcp-range=set:TAG,…"
            f.add(f"{where}.tag", None, 'is missing: with mode = "dnsmasq" its clients are known by it', mend)


def _subnets(inner: tuple[dict[str, Any], ...], path: str, faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, own in enumerate(inner):
        yield faults.item(f"{path}.subnet", index), own


def _without_effect(path: str, mode: str, faults: Faults) -> None:
    rule = f'has no effect with mode = "{mode}": it is a setting of that server'
    faults.add(path, None, rule, 'remove it, or set mode = "serve"')


def check_servers(config: Config, faults: Faults) -> None:
    """Add a fault where two LANs of one dnsmasq disagree about it, or their clients cannot be told apart."""
    pids: dict[str, tuple[str, str]] = {}
    tags: dict[tuple[str, str], str] = {}
    for path, lan in lans_of(config, faults):
        dhcp = lan.dhcp
        if dhcp is None or dhcp.mode != "dnsmasq":
            continue
        where, own = f"{path}.dhcp.dnsmasq", dhcp.dnsmasq
        first, known = pids.setdefault(own.options_file, (where, own.pid_file))
        if known != own.pid_file:
            rule = f"must be as in {first} ({known}), which has the same options_file"
            faults.add(f"{where}.pid_file", own.pid_file, rule, "correct it: one file is read by one dnsmasq")
        for here, tag in _tags(path, lan.interface, dhcp, faults):
            taken = tags.setdefault((own.options_file, tag), here)
            if tag and taken != here:
                faults.add(
                    here, tag, f"is used already by {taken}", "let dnsmasq set a tag of its own for each network"
                )


def _tags(path: str, interface: str, dhcp: Dhcp, faults: Faults) -> Iterator[tuple[str, str]]:
    yield (f"{path}.dhcp.dnsmasq.tag", dhcp.dnsmasq.tag) if dhcp.dnsmasq.tag else (f"{path}.interface", interface)
    for index, subnet in enumerate(dhcp.subnets):
        if subnet.tag is not None:
            yield f"{faults.item(f'{path}.dhcp.subnet', index)}.tag", subnet.tag
