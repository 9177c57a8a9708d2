"""`routerd check --ask-segment`: which DHCP servers answer on a LAN, and what they would give. No address is taken."""

import argparse
import fcntl
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from typing import Any

from routerd.commands.daemon import find_daemon
from routerd.commands.store_at import is_running
from routerd.commands.words import age
from routerd.config.fault import ConfigError, escape
from routerd.config.store import read_config
from routerd.dhcp.message import Message
from routerd.dhcp.rival_wire import inform, questions, read_reply, server_of
from routerd.dhcp.segment import ASKED, Given, given
from routerd.system.addresses import interface_addresses
from routerd.system.capabilities import NET_RAW
from routerd.system.http_client import AskError
from routerd.system.port_holders import udp_holders
from routerd.system.privileges import PrivilegeError, check
from routerd.system.sockets_rivals import RivalSocket

_AGAIN, _TIMES = 1.0, 3
_MOST_SERVERS = 32
_SERVER_PORT = 67
_GET_FLAGS, _GET_HARDWARE = 0x8913, 0x8927
_UP, _BROADCAST = 0x1, 0x2
_ETHERNET = 1
_LOOPBACK = ("lo", 1)


@dataclass
class Server:
    """A server that answered. `mac` is None for one of this machine; `is_routerd`: that is the routerd here."""

    address: IPv4Address
    mac: str | None
    given: Given | None = None
    is_routerd: bool = False
    process: str | None = None


@dataclass
class Heard:
    """What was heard on one interface; `error`: why it could not be asked."""

    interface: str
    servers: list[Server] = field(default_factory=list)
    error: str | None = None


def run(args: argparse.Namespace) -> int:
    """Ask and print. 0 whoever answers, or nobody; 1 where an interface cannot be asked; 2 for a bad configuration."""
    try:
        interfaces = args.interface or [lan.interface for lan in read_config(args.config, secrets=False).lans]
    except ConfigError as error:
        for fault in error.errors:
            print(fault, file=sys.stderr)
        print("--interface INTERFACE asks there without a configuration", file=sys.stderr)
        return 2
    try:
        check((NET_RAW,), purpose="asking for DHCP servers")
        addresses = interface_addresses()
    except (PrivilegeError, OSError) as error:
        print(f"routerd check: {error}", file=sys.stderr)
        return 1
    found = [_ask(name, [each.ip for each in addresses.get(name, ())], args.seconds) for name in interfaces]
    _add_own(args.config, found)
    if args.json:
        print(json.dumps({"seconds": args.seconds, "lans": [_json(each) for each in found]}, indent=2))
    else:
        for each in found:
            if each.error is not None:
                print(f"{each.interface}: {each.error}", file=sys.stderr)
            else:
                print("\n".join(_lines(each, args.seconds)))
    return 1 if any(each.error is not None for each in found) else 0


# ---------------------------------------------------------------- asking


def _ask(interface: str, own: list[IPv4Address], seconds: float) -> Heard:
    heard = Heard(interface)
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        heard.error = "does not exist now, so nobody can be asked there"
        return heard
    try:
        mac, heard.error = _hardware(interface)
        if heard.error is not None:
            return heard
        with ExitStack() as stack:
            ears = []
            for name, number in ((interface, index), _LOOPBACK):
                ears.append(RivalSocket(name, number))
                stack.callback(ears[-1].close)
            _listen(heard, ears, own, mac, seconds)
    except OSError as error:
        heard.error = f"cannot be asked: {error.strerror or error}"
    heard.servers.sort(key=lambda server: server.address)
    return heard


def _listen(heard: Heard, ears: list[RivalSocket], own: list[IPv4Address], mac: bytes, seconds: float) -> None:
    xid = Random().getrandbits(32)
    start = time.monotonic()
    end, due, times = start + seconds, start, 0
    lan = ears[0]
    while (now := time.monotonic()) < end:
        if now >= due:
            times += 1
            due = now + _AGAIN if times < _TIMES else end
            discover, _ = questions(mac, own[0] if own else IPv4Address(0), xid, ASKED)
            lan.send(discover)
            if own:
                # By way of the kernel, so that a server of this machine hears it as well.
                lan.send_looped(inform(mac, own[0], xid, ASKED))
        ready, _, _ = select.select(ears, [], [], max(0.0, min(due, end) - now))
        for ear in ready:
            with suppress(BlockingIOError):
                packet, source = ear.receive()
                message = read_reply(packet)
                if message is not None and message.xid == xid:
                    _note(heard, message, packet, None if ear is not lan else source, own)


def _note(heard: Heard, message: Message, packet: bytes, mac: bytes | None, own: Iterable[IPv4Address]) -> None:
    address = IPv4Address(server_of(message, packet))
    name = None if mac is None or address in own else mac.hex(":")
    server = next((each for each in heard.servers if (each.address, each.mac) == (address, name)), None)
    if server is None:
        if len(heard.servers) >= _MOST_SERVERS:
            return
        server = Server(address, name)
        if name is None:
            server.process = next((each for holder in udp_holders(_SERVER_PORT) if (each := holder.name())), None)
        heard.servers.append(server)
    said = given(message)
    if server.given is None or (server.given.address is None and said.address is not None):
        server.given = said


def _hardware(interface: str) -> tuple[bytes, str | None]:
    """The interface's MAC, and why no DHCP client can ask there; None if one can. Raises OSError."""
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        (flags,) = struct.unpack_from("H", fcntl.ioctl(asker, _GET_FLAGS, request), 16)
        kind, mac = struct.unpack_from("H6s", fcntl.ioctl(asker, _GET_HARDWARE, request), 16)
    error = None
    if kind != _ETHERNET or not flags & _BROADCAST:
        error = "is no Ethernet with broadcasts, so no DHCP is spoken there; name the interface of a LAN"
    elif not flags & _UP:
        error = f"is down, so nobody can be asked there; ip link set {interface} up"
    return mac, error


def _add_own(config: str, found: list[Heard]) -> None:
    """routerd does not answer questions of its own machine: whether it serves, it says itself."""
    if not is_running():
        return
    with suppress(AskError):
        lans = find_daemon(config).get("/v1/status")["services"].get("dhcp", {}).get("lans", [])
        for heard in found:
            for lan in lans:
                if lan["lan"] == heard.interface and lan["serving"] and lan["address"]:
                    heard.servers.append(Server(IPv4Address(lan["address"]), None, is_routerd=True))


# ---------------------------------------------------------------- what is shown


def _json(heard: Heard) -> dict[str, Any]:
    return {
        "interface": heard.interface,
        "error": heard.error,
        "servers": [
            {
                "server": str(server.address),
                "mac": server.mac,
                "this_machine": server.mac is None,
                "routerd": server.is_routerd,
                "process": server.process,
                "offer": None if server.given is None else _offer(server.given),
            }
            for server in heard.servers
        ],
    }


def _offer(said: Given) -> dict[str, Any]:
    fields = {"address": said.address, "prefix_length": said.mask, "lease_time": said.lease_time}
    return {**fields, "domain": said.domain, **said.addresses, **said.routes}


def _lines(heard: Heard, seconds: float) -> list[str]:
    name = heard.interface
    if not heard.servers:
        return [f"{name}: nobody answers within {seconds:g} s"]
    found = []
    for server in heard.servers:
        if server.is_routerd:
            found.append(f"{name}: routerd itself serves here, as {server.address}")
            continue
        who = server.mac or f"{server.process or 'another process'} on this machine"
        found.append(f"{name}: {server.address} ({who}) answers")
        if server.given is not None:
            found += [f"    {line}" for line in _given(server.given)]
    return found


def _given(said: Given) -> list[str]:
    if said.address is None:
        lines = ["offers no address: it answers a client that has one (INFORM)"]
    else:
        mask = "" if said.mask is None else f"/{said.mask}"
        time_left = "for ever" if said.endless else "" if said.lease_time is None else f"for {age(said.lease_time)}"
        lines = [f"offers {said.address}{mask} {time_left}".rstrip()]
    lines += [f"{key}: {', '.join(values)}" for key, values in said.addresses.items() if values]
    if said.domain:
        lines.append(f"domain: {escape(said.domain)}")
    for key, code in (("routes", 121), ("routes_249", 249)):
        routes = said.routes[key]
        if isinstance(routes, str):
            lines.append(f"routes (option {code}): {routes}")
        elif routes is not None:
            lines.append(f"routes (option {code}): {', '.join(f'{prefix} via {via}' for prefix, via in routes)}")
    return lines
