"""What lan.rip says, as configuration for BIRD 2, for those who have it speak RIP instead. Pure."""

from collections.abc import Iterable

from routerd.config.model import Config, RipKey
from routerd.export.rip import GARBAGE, SECRET, TIMEOUT, Speaking, Unable, algorithm, moment, notes, speaking
from routerd.model import Plan

_NAMES = {
    "plain": "",
    "md5": "keyed md5",
    "hmac-sha-1": "hmac sha1",
    "hmac-sha-256": "hmac sha256",
    "hmac-sha-384": "hmac sha384",
    "hmac-sha-512": "hmac sha512",
}
_MOMENT = "%Y-%m-%d %H:%M:%S"


def bird(config: Config, plan: Plan) -> str:
    """The text of a whole configuration. routerd itself goes on to make the kernel's routes."""
    lans = speaking(config, plan)
    vpns = list(dict.fromkeys(name for lan in lans for name in lan.vpn_interfaces))
    lines = [
        "# RIP as routerd is to speak it, for BIRD 2: add this to /etc/bird/bird.conf, without the protocols that are",
        "# there already, and take [lan.rip] out of routerd's configuration.",
        "# At a stop BIRD withdraws nothing: routers forget these routes when their timeout is over.",
        *(f"# {note}" for lan in lans for note in notes(lan)),
        "protocol device {}",
        *_direct(vpns),
        *(line for version in (4, 6) for line in _kernel(version)),
    ]
    for lan in lans:
        for version, word in ((4, "v2"), (6, "ng")):
            if word in lan.settings.versions:
                try:
                    lines += _rip(lan, version)
                except Unable as error:
                    lines.append(f"# {lan.interface}: {error}")
    return "\n".join(lines) + "\n"


def _direct(vpns: Iterable[str]) -> list[str]:
    names = ", ".join(f'"{name}"' for name in vpns)
    return ["protocol direct {", "    ipv4; ipv6;", f"    interface {names};", "}"] if names else []


def _kernel(version: int) -> list[str]:
    """Routes that routerd made are found there, and those that RIP learned are put there.

    Behind each of its routes routerd puts an unreachable one: to announce that as well would be a black hole.
    """
    return [
        "protocol kernel {",
        "    learn;",
        f"    ipv{version} {{ import where dest = RTD_UNICAST; export where source = RTS_RIP; }};",
        "}",
    ]


def _rip(lan: Speaking, version: int) -> list[str]:
    settings = lan.settings
    interval = max(1, round(settings.update_interval))
    options = [f"update time {interval};", f"timeout time {TIMEOUT * interval};", f"garbage time {GARBAGE * interval};"]
    if version == 4:
        options = ["version only;", *options, *_authentication(settings.keys)]
    options += _destination(lan, version)
    name = "".join(char if char.isalnum() else "_" for char in lan.interface)
    far = [net for net in lan.announced(6) if lan.gateway6 is not None] if version == 6 else []
    lines = []
    if far:
        routes = [f"    route {net} via {lan.gateway6}%{lan.interface};" for net in far]
        lines += [f"protocol static routerd_static_{name} {{", "    ipv6;", *routes, "}"]
    return [
        *lines,
        f"protocol rip {'ng ' if version == 6 else ''}routerd_{name}_{'v2' if version == 4 else 'ng'} {{",
        f"    ipv{version} {{",
        f"        import {_import(lan, version)};",
        f"        export {_export(lan, version)};",
        "    };",
        f'    interface "{lan.interface}" {{',
        *(f"        {option}" for option in options),
        "    };",
        "}",
    ]


def _destination(lan: Speaking, version: int) -> list[str]:
    found, settings = lan.neighbors(version), lan.settings
    if settings.mode == "unicast":
        if len(found) > 1:
            raise Unable("it cannot send to more than one neighbour by unicast, so it is not to speak there")
        return [f"address {address};" for address in found]
    mode = "broadcast" if settings.mode == "broadcast" and version == 4 else "multicast"
    more = [f"# BIRD does not send to {address} by itself." for address in found]
    return [f"mode {mode};", *more]


def _authentication(keys: tuple[RipKey, ...]) -> list[str]:
    used = algorithm(keys, _NAMES)
    if used is None:
        return []
    if used == "plain":
        return ["authentication plaintext;", *(_password(key, []) for key in keys)]
    rows = [_password(key, [f"id {key.id}", f"algorithm {_NAMES[key.algorithm]}"]) for key in keys]
    return ["authentication cryptographic;", *rows]


def _password(key: RipKey, options: list[str]) -> str:
    spans = (("generate", key.send_from, key.send_to), ("accept", key.accept_from, key.accept_to))
    times = [(f"{word} {end}", at) for word, begin, over in spans for end, at in (("from", begin), ("to", over))]
    options = [*options, *(f'{words} "{moment(at, _MOMENT)}"' for words, at in times if at is not None)]
    return f'password "{SECRET}" {{ {"; ".join(options)}; }};' if options else f'password "{SECRET}";'


def _import(lan: Speaking, version: int) -> str:
    listed = lan.learned(version)
    if not listed:
        return "none"
    tests = [f"net ~ [ {', '.join(f'{net}{{{least},{net.max_prefixlen}}}' for net, least in listed)} ]"]
    if routers := lan.routers(version):
        tests.append("(" + " || ".join(f"from = {address}" for address in routers) + ")")
    return f"where {' && '.join(tests)}"


def _export(lan: Speaking, version: int) -> str:
    networks = lan.announced(version)
    if not networks:
        return "none"
    settings = lan.settings
    values = f"rip_metric = {settings.metric}; rip_tag = {settings.tag};"
    return f"filter {{ if net ~ [ {', '.join(map(str, networks))} ] then {{ {values} accept; }} reject; }}"
