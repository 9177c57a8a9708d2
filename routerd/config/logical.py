"""Logical interfaces of OpenWrt (`lan`, `wg0`): their devices, by /etc/config/network and by what netifd says."""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from routerd.config.schema import Bad
from routerd.config.uci_text import Section
from routerd.config.values import parse_name, parse_public_key

SECRETS: Final = frozenset(("private_key", "preshared_key"))
"""Options of /etc/config/network that nothing here may read."""

_LONGEST_DEVICE: Final = 15
_LONGEST_NAME: Final = 63
_WIREGUARD: Final = "wireguard"
_TUNNELS: Final = ("pppoe", "pptp", "l2tp", "6in4", "6to4", "6rd")
_ALIAS_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Peer:
    """A WireGuard peer of /etc/config/network; `name` is its description, and `section` is where it is written."""

    name: str
    public_key: str
    section: Section


@dataclass(frozen=True)
class Network:
    """The network of one router. `live` has the devices that netifd says, by logical name."""

    sections: Sequence[Section] = ()
    live: Mapping[str, str] = field(default_factory=dict)

    def device(self, name: str) -> str | None:
        """The device of a logical interface, the name itself where there is no such interface; None: not known yet."""
        if name in self.live:
            return self.live[name]
        section = self._written.get(name)
        return name if section is None else self._configured(section, _ALIAS_DEPTH)

    def knows(self, name: str) -> bool:
        """Whether there is a logical interface of this name."""
        return name in self.live or name in self._written

    def section(self, name: str) -> Section | None:
        """Where a logical interface is written."""
        return self._written.get(name)

    def names(self) -> list[str]:
        """The logical interfaces, in their order."""
        return [name for name in self._written if name != "loopback"]

    def wireguard(self) -> list[Section]:
        """The interfaces that are WireGuard's and not switched off."""
        return [each for each in self._written.values() if _is_wireguard(each) and not _is_off(each)]

    def peers(self, interface: str) -> list[Peer]:
        """The peers of a WireGuard interface that are not switched off and have a description; one for each key."""
        found: dict[str, Peer] = {}
        for section in self.sections:
            if section.type != f"wireguard_{interface}" or _is_off(section):
                continue
            key, name = section.value("public_key") or "", peer_name(section.value("description") or "")
            if name and _is_key(key):
                found.setdefault(key, Peer(name, key, section))
        return list(found.values())

    @cached_property
    def _written(self) -> dict[str, Section]:
        return {each.name: each for each in self.sections if each.type == "interface" and each.name}

    def _configured(self, section: Section, depth: int) -> str | None:
        proto = section.value("proto") or ""
        if proto == _WIREGUARD:
            return section.name
        if proto in _TUNNELS:
            return f"{proto}-{section.name}"
        if section.value("type") == "bridge":
            return f"br-{section.name}"
        # `ifname` is how versions before 21.02 named it.
        device = section.value("device") or section.value("ifname")
        if device is None or len(device.split()) != 1:
            return None
        if not device.startswith("@"):
            return device
        other = self._written.get(device[1:])
        if device[1:] in self.live:
            return self.live[device[1:]]
        return self._configured(other, depth - 1) if other is not None and depth else None


def _is_wireguard(section: Section) -> bool:
    return section.value("proto") == _WIREGUARD


def _is_off(section: Section) -> bool:
    return (section.value("disabled") or "0").lower() in ("1", "on", "true", "yes", "enabled")


def peer_name(description: str) -> str:
    """A description as a peer's name; empty where nothing of it can be one."""
    shown = "".join(sign if sign.isprintable() else " " for sign in description).replace("/", "-")
    name = " ".join(shown.split())[:_LONGEST_NAME].strip()
    return "" if name in ("", ".", "..") else str(parse_name(name))


def _is_key(text: str) -> bool:
    try:
        parse_public_key(text)
    except Bad:
        return False
    return True


def unique_name(name: str, used: Container[str]) -> str:
    """The name, with a number where it is in `used`."""
    number, made = 1, name
    while made in used:
        number += 1
        end = f"-{number}"
        made = name[: _LONGEST_NAME - len(end)].rstrip() + end
    return made


def live_devices(dump: str) -> dict[str, str]:
    """The devices of the interfaces that are up, out of what `ubus call network.interface dump` prints.

    What is not as expected is left out; raises ValueError where it is no such text at all.
    """
    try:
        data: Any = json.loads(dump)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    rows = data.get("interface") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise ValueError("has no list of interfaces")
    found = {}
    for row in rows:
        if not isinstance(row, dict) or row.get("up") is not True:
            continue
        name, device = row.get("interface"), row.get("l3_device") or row.get("device")
        if isinstance(name, str) and isinstance(device, str) and 0 < len(device) <= _LONGEST_DEVICE:
            found[name] = device
    return found
