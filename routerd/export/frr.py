"""What lan.rip says, as configuration for FRR (zebra, ripd, ripngd), for those who have it speak RIP instead. Pure."""

from collections.abc import Iterable, Iterator

from routerd.config.model import Config, Network, Rip, RipKey
from routerd.export.rip import GARBAGE, SECRET, TIMEOUT, Speaking, Unable, algorithm, moment, notes, speaking
from routerd.model import Plan

_LEAST_INTERVAL = 5
_STATIC_METRIC = 122
_UNREACHABLE = 16
_MODES = {"plain": "text", "md5": "md5"}
_MOMENT = "%H:%M:%S %-d %B %Y"
_EVER, _NEVER = "00:00:00 1 January 1993", "infinite"


def frr(config: Config, plan: Plan) -> str:
    """The text, for /etc/frr/frr.conf or vtysh. routerd itself goes on to make the kernel's routes."""
    lans = speaking(config, plan)
    lines = [
        "! RIP as routerd is to speak it, for FRR: switch ripd and ripngd on in /etc/frr/daemons, add this to",
        "! /etc/frr/frr.conf, and take [lan.rip] out of routerd's configuration.",
        "! At a stop FRR withdraws nothing: routers forget these routes when their timeout is over.",
    ]
    usable = []
    for lan in lans:
        lines += [f"! {note}" for note in notes(lan)]
        try:
            lines += _chain(lan)
        except Unable as error:
            lines.append(f"! {lan.interface}: {error}")
        else:
            usable.append(lan)
    for version in (4, 6):
        speakers = [lan for lan in usable if ("v2" if version == 4 else "ng") in lan.settings.versions]
        if speakers:
            lines += _router(speakers, version)
    return "\n".join(lines) + "\n"


def _chain(lan: Speaking) -> list[str]:
    """The keys, and the interface's own part."""
    settings = lan.settings
    if "v2" not in settings.versions:
        return []
    mode = algorithm(settings.keys, _MODES)
    lines = []
    if mode is not None:
        lines.append(f"key chain routerd-{lan.interface}")
        for key in settings.keys:
            lines += [f" key {key.id}", f"  key-string {SECRET}", *_lifetimes(key), " exit"]
        lines.append("exit")
    lines += [f"interface {lan.interface}", " ip rip send version 2", " ip rip receive version 2"]
    if settings.mode == "broadcast":
        lines.append(" ip rip v2-broadcast")
    if mode is not None:
        length = " auth-length old-ripd" if settings.auth_length == 20 else " auth-length rfc"
        lines.append(f" ip rip authentication mode {_MODES[mode]}{length if mode == 'md5' else ''}")
        lines.append(f" ip rip authentication key-chain routerd-{lan.interface}")
    return [*lines, "exit"]


def _lifetimes(key: RipKey) -> Iterator[str]:
    for word, begin, end in (("send", key.send_from, key.send_to), ("accept", key.accept_from, key.accept_to)):
        if begin is not None or end is not None:
            first = _EVER if begin is None else moment(begin, _MOMENT)
            yield f"  {word}-lifetime {first} {_NEVER if end is None else moment(end, _MOMENT)}"


def _router(lans: list[Speaking], version: int) -> list[str]:
    ip, router = ("ip", "rip") if version == 4 else ("ipv6", "ripng")
    name = "routerd" if version == 4 else "routerd6"
    announced = list(dict.fromkeys(net for lan in lans for net in lan.announced(version)))
    lines = _list(ip, name, map(str, announced))
    for lan in lans:
        lines += _list(ip, f"{name}-{lan.interface}-in", (_inside(*row) for row in lan.learned(version)))
        lines += _list(ip, f"{name}-{lan.interface}-out", map(str, lan.announced(version)))
    first = lans[0].settings
    lines += _route_map(name, version, first)
    lines += _different(lans)
    far = {net: lan for lan in lans if version == 6 and lan.gateway6 is not None for net in lan.announced(6)}
    lines += [f"ipv6 route {net} {lan.gateway6} {lan.interface} {_STATIC_METRIC}" for net, lan in far.items()]
    seconds = max(_LEAST_INTERVAL, round(first.update_interval))
    lines += [f"router {router}", *([" version 2"] if version == 4 else [])]
    for lan in lans:
        lines.append(f" network {lan.interface}")
        if version == 4:
            lines += [f" neighbor {address}" for address in lan.neighbors(4)]
        if lan.settings.mode == "unicast":
            lines.append(f" passive-interface {lan.interface}")
        prefix = "" if version == 4 else "ipv6 "
        for way in ("in", "out"):
            lines.append(f" {prefix}distribute-list prefix {name}-{lan.interface}-{way} {way} {lan.interface}")
    lines.append(f" timers basic {seconds} {TIMEOUT * seconds} {GARBAGE * seconds}")
    sources = ["kernel", "connected", *(["static"] if far else [])]
    return [*lines, *(f" redistribute {source} route-map {name}" for source in sources), "exit"]


def _route_map(name: str, version: int, settings: Rip) -> list[str]:
    """Withdraws prefixes that have only routerd's unreachable route now, or none any more, and announces the others.

    Without the first part `set metric` would announce them as if they were reachable.
    """
    match = f" match {'ip' if version == 4 else 'ipv6'} address prefix-list {name}"
    gone = " match ip next-hop type blackhole" if version == 4 else f" match metric {_UNREACHABLE}"
    return [
        *(f"route-map {name} permit 10", match, gone, f" set metric {_UNREACHABLE}", "exit"),
        *(f"route-map {name} permit 20", match, f" set metric {settings.metric}"),
        *([f" set tag {settings.tag}"] if settings.tag else []),
        "exit",
    ]


def _list(ip: str, name: str, permitted: Iterable[str]) -> list[str]:
    """A prefix list that permits these; where there are none it has to say that it permits nothing."""
    rows = [f"permit {what}" for what in permitted] or ["deny any"]
    return [f"{ip} prefix-list {name} seq {5 * at} {row}" for at, row in enumerate(rows, start=1)]


def _inside(network: Network, least: int) -> str:
    """It and all that lies in it, from this prefix length on."""
    more = f" ge {least}" if least > network.prefixlen else ""
    return f"{network}{more} le {network.max_prefixlen}" if network.prefixlen < network.max_prefixlen else str(network)


def _different(lans: list[Speaking]) -> list[str]:
    """ripd has one metric, tag and interval for all interfaces, and no list of routers that are learned from."""
    first, found = lans[0].settings, []
    for lan in lans:
        own = lan.settings
        if (own.metric, own.tag, own.update_interval) != (first.metric, first.tag, first.update_interval):
            found.append(f"! {lan.interface}: metric, tag and update_interval are those of {lans[0].interface} here")
        if own.update_interval < _LEAST_INTERVAL:
            found.append(f"! {lan.interface}: FRR sends every {_LEAST_INTERVAL} s at most")
        if lan.routers(4) or lan.routers(6):
            found.append(f"! {lan.interface}: FRR learns from all routers, not only from those of `import`")
        if lan.neighbors(6):
            found.append(f"! {lan.interface}: FRR has no neighbors of RIPng")
        if own.answer_unauthenticated:
            found.append(f"! {lan.interface}: FRR has no answer_unauthenticated")
    return found
