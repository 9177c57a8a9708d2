"""Reload: every key of the configuration is changed once, what can survive survives, faults keep the old one."""

import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routerd.config.tables import ROOT
from routerd.dhcp.leases import BOUND, Row
from routerd.dhcp.message import Message
from routerd.dhcp.store import LeaseStore
from routerd.lab.daemon import Daemon
from routerd.lab.talk import tcp_talk
from routerd.system.http_client import UnixConnection
from tests.dhcp.scene import message
from tests.net.asker import ask, offer
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

ALL_CODES = (1, 3, 6, 12, 15, 42, 51, 58, 59, 66, 67, 119, 121, 43)


def reload(daemon: Daemon) -> None:
    """SIGHUP, and wait until the configuration was taken over or refused."""
    before = daemon.get("/v1/status")[1]["config"]
    daemon.process.send_signal(signal.SIGHUP)
    soon("the reload is done", lambda: daemon.get("/v1/status")[1]["config"] != before)


def sockets(daemon: Daemon) -> set[str]:
    """The sockets of the daemon that listen or serve DHCP and probes."""
    found = set()
    for number in os.listdir(f"/proc/{daemon.process.pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{daemon.process.pid}/fd/{number}"))
        except OSError:
            continue
    return {name for name in found if name.startswith("socket:")}


def edited(text: str, edits: dict[str, str]) -> str:
    """The text with each replacement made; each must be possible."""
    for old, new in edits.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


class Scene:
    """What a changed key can be seen by."""

    def __init__(self, site: Site, daemon: Daemon) -> None:
        self.site = site
        self.daemon = daemon

    def offer(self) -> Message:
        made = offer(self.site.example.b, *ALL_CODES)
        assert made is not None
        return made

    def rapid(self) -> int:
        reply = ask(self.site.example.b, message(1, (80, b""), mac=bytes.fromhex("0200000000ab"), flags=0x8000))
        return 0 if reply is None else reply.options[53][0]

    def asks_nobody(self) -> bool:
        """A client gets an address that it asks for, and nobody is asked whether it is in use."""
        before = self.get("/v1/status")["services"]["dhcp"]["counters"]["conflict-probe-sent"]
        mac = b"\2\1" + (time.monotonic_ns() & 0xFFFFFFFF).to_bytes(4, "big")
        wish = bytes((192, 168, 200, 190))
        reply = ask(self.site.example.b, message(1, (50, wish), mac=mac, flags=0x8000))
        after = self.get("/v1/status")["services"]["dhcp"]["counters"]["conflict-probe-sent"]
        return reply is not None and reply.yiaddr.to_bytes(4, "big") == wish and before == after

    def option(self, code: int) -> str:
        return self.offer().options.get(code, b"").hex()

    def get(self, path: str) -> Any:
        status, body = self.daemon.get(path)
        assert status == 200, body
        return body

    def b(self) -> tuple[str, bool]:
        """The strategy of Endpoint B, and whether it is pinned."""
        host = self.daemon.host("192.168.200.22")
        assert host is not None
        return host["strategy"], host["pinned"]

    def seen_by_b(self) -> str:
        """Which address of A a new connection shows to Endpoint B."""
        return tcp_talk(self.site.example.a, self.site.example.b, "192.168.200.22").source

    def table(self) -> str:
        return self.site.example.beta.run(["nft", "list", "table", "inet", "routerd"], check=False).stdout

    def beside(self) -> dict[str, Any]:
        """The only other DHCP server, as `/v1/status` has it; "" for all of it until there is just one."""
        servers = self.get("/v1/status")["services"]["beside"]["servers"]
        return defaultdict(str, servers[0] if len(servers) == 1 else {})

    def beside_file(self) -> str:
        path = self.site.lab.directory / "rip.key-options"
        return path.read_text() if path.exists() else ""

    def peer(self) -> dict[str, Any]:
        peer: dict[str, Any] = self.get("/v1/peers")["peers"][0]
        return peer


Look = Callable[[Scene], bool]
ALWAYS: Look = lambda s: s.get("/v1/status")["config"]["errors"] == []  # noqa: E731
KEY_C = "C" * 42 + "A="


def _dhcp(line: str) -> dict[str, str]:
    return {"  pools = ": f"  {line}\n  pools = "}


# Endpoint B keeps the address that it holds until it asks again, so the asker gets another one reserved.
_MINE = {
    'mac = "02:00:00:00:00:22"': 'mac = "02:00:00:00:00:aa"',
    'address = "192.168.200.22"': 'address = "192.168.200.24"',
}


_NO_TLS = {"[http]": '[http]\ntls_cert = "/dev/null"\ntls_key = "/dev/null"'}


def _own(line: str) -> dict[str, str]:
    return _MINE | {'    hostname = "endpoint-b"': f'    hostname = "endpoint-b"\n    {line}'}


def _option(*lines: str) -> dict[str, str]:
    old = '    hostname = "endpoint-b"'
    return {old: "\n    ".join([old, "[[lan.dhcp.option]]", *lines])}


def _lan(section: str, *lines: str) -> dict[str, str]:
    return {"[probe]": "\n".join([f"[[lan.{section}]]", *lines, "[probe]"])}


def _beside(*lines: str, look: Look = lambda s: "tag:lan0,121," in s.beside_file()) -> Any:
    return _other_server("dnsmasq", 'options_file = "{secret}-options"', *lines), look


def _kea(*lines: str, look: Look) -> Any:
    return _other_server("kea", 'socket = "{secret}-kea"', *lines), look


def _other_server(mode: str, *lines: str) -> dict[str, str]:
    """Another server serves, so that all that is for routerd's own goes."""
    own = [f'  mode = "{mode}"', f"  [lan.dhcp.{mode}]", *lines]
    edits = {"  authoritative = true\n": "", '  pools = ["192.168.200.50-192.168.200.199"]\n': ""}
    section = '    [[lan.dhcp.reservation]]\n    mac = "02:00:00:00:00:22"\n    address = "192.168.200.22"\n'
    return edits | {f'{section}    hostname = "endpoint-b"\n': "\n".join(own) + "\n"}


def _shows(problem: str) -> Look:
    return lambda s: problem in json.dumps(s.get("/v1/problems"))


def _speaks(announced: int, *versions: str, key: int | None = None) -> Look:
    """RIP is spoken in these versions, each announces so many routes, and its packets are signed with this key."""
    wanted = [("lan0", version, True, announced, key) for version in versions or ("v2",)]

    def look(scene: Scene) -> bool:
        names = ("lan", "version", "speaking", "announced", "key")
        rows = scene.get("/v1/status")["services"]["rip"]["speakers"]
        return sorted(tuple(row[name] for name in names) for row in rows) == sorted(wanted)

    return look


def _rip(*lines: str, look: Look = _speaks(1)) -> tuple[dict[str, str], Look]:  # noqa: B008
    return {"[probe]": "\n".join(["[lan.rip]", *lines, "[probe]"])}, look


def _rip_key(*lines: str, number: int = 1, algorithm: str = "md5") -> tuple[dict[str, str], Look]:
    own = (f"id = {number}", f'algorithm = "{algorithm}"', 'secret_file = "{secret}"')
    return _rip("[[lan.rip.key]]", *own, *lines, look=_speaks(1, key=number))


_NG = 'versions = ["ng"]'
_LEARN = ("learn = true", 'import = ["172.16.0.0/12"]')
_HOST = 'strategy = "masquerade"'
_AWAY = "192.168.207.9"


# For every key: what is written, and how one sees that it holds.
CASES: dict[str, tuple[dict[str, str], Look]] = {
    "vpn.name": ({'name = "vpn"': 'name = "other"'}, lambda s: s.peer()["vpn"] == "other"),
    "vpn.interface": (
        {'interface = "{wg}"': 'interface = "nowg0"'},
        lambda s: "interface-missing" in json.dumps(s.get("/v1/problems")),
    ),
    "vpn.gateways": (
        {'interface = "{wg}"': 'gateways = ["192.168.200.9"]\nprefixes = ["10.0.0.0/24"]'},
        lambda s: s.get("/v1/routes")["routes"][0]["gateway"] == "192.168.200.9",
    ),
    "vpn.prefixes": (
        {'interface = "{wg}"': 'interface = "{wg}"\nprefixes = ["10.0.0.0/16"]'},
        lambda s: s.option(121).startswith("100a00c0a8c802"),
    ),
    "vpn.withdraw": ({'interface = "{wg}"': 'interface = "{wg}"\nwithdraw = "never"'}, ALWAYS),
    "vpn.mtu": (
        {'interface = "{wg}"': 'interface = "{wg}"\nmtu = 1400'},
        lambda s: "maxseg size set 1360" in s.table() and "maxseg size set 1380" not in s.table(),
    ),
    "vpn.map_to": (
        {'interface = "{wg}"': 'interface = "{wg}"\nmap_to = "10.9.9.0/24"'},
        lambda s: s.option(121).startswith("180a0909c0a8c802"),
    ),
    "vpn.peer.name": ({'name = "endpoint-a"': 'name = "a"'}, lambda s: s.peer()["name"] == "a"),
    "vpn.peer.public_key": (
        {'public_key = "{key}"': f'public_key = "{KEY_C}"', 'address = "10.0.0.1"': 'address = "10.0.0.3"'},
        lambda s: s.peer()["public_key"] == KEY_C,
    ),
    "vpn.peer.address": (
        {'address = "10.0.0.1"': 'address = "10.0.0.7"'},
        lambda s: "10.0.0.7" in s.peer()["addresses"],
    ),
    "vpn.peer.probe": (
        {'address = "10.0.0.1"': 'address = "10.0.0.1"\n  probe = "handshake"'},
        lambda s: s.peer()["probe"]["kind"] == "handshake",
    ),
    "vpn.peer.interval": ({'  interval = "1s"': '  interval = "2s"'}, ALWAYS),
    "lan.interface": (
        {'interface = "lan0"': 'interface = "nolan0"'},
        lambda s: "lan nolan0" in json.dumps(s.get("/v1/problems")),
    ),
    "lan.address": (
        {'interface = "lan0"': 'interface = "lan0"\naddress = "192.168.200.3"'},
        lambda s: "address-not-local" in json.dumps(s.get("/v1/problems")),
    ),
    "lan.strategy": (
        {'interface = "lan0"': 'interface = "lan0"\nstrategy = "none"'},
        lambda s: s.b() == ("none", False) and s.table() == "",
    ),
    "lan.alias_pool": (
        {'interface = "lan0"': f'interface = "lan0"\nalias_pool = "{_AWAY}-{_AWAY}"'},
        _shows("alias-pool-not-on-link"),
    ),
    "lan.host.address": (
        _lan("host", 'address = "192.168.200.22"', _HOST),
        lambda s: s.b() == ("masquerade", True) and s.seen_by_b() == "192.168.200.2",
    ),
    "lan.host.mac": (
        _lan("host", 'mac = "02:00:00:00:00:22"', _HOST),
        lambda s: s.b() == ("masquerade", True) and s.seen_by_b() == "192.168.200.2",
    ),
    "lan.host.prefix": (
        _lan("host", 'prefix = "192.168.200.0/25"', _HOST),
        lambda s: s.b() == ("masquerade", True) and s.seen_by_b() == "192.168.200.2",
    ),
    "lan.host.strategy": (
        _lan("host", 'address = "192.168.200.22"', 'strategy = "none"'),
        lambda s: s.b() == ("none", True) and s.seen_by_b() == "10.0.0.1",
    ),
    "lan.forward.listen": (
        {'"127.0.0.1:8121"': '"192.168.200.2:8121"'} | _lan("forward", 'listen = "8121/tcp"', 'to = "endpoint-a:80"'),
        _shows("forward 8121/tcp to endpoint-a:80: nothing is forwarded, because routerd serves HTTP there"),
    ),
    "lan.forward.to": (
        _lan("forward", 'listen = "8080/tcp"', 'to = "10.7.7.7:80"'),
        _shows("forward 8080/tcp to 10.7.7.7:80: nothing is forwarded, because 10.7.7.7 is behind no vpn"),
    ),
    "lan.forward.source_nat": (
        _lan("forward", 'listen = "8080/tcp"', 'to = "endpoint-a:80"', 'source_nat = "never"'),
        ALWAYS,
    ),
    "lan.alias.address": (
        _lan("alias", f'address = "{_AWAY}"', 'peer = "endpoint-a"'),
        _shows(f"alias {_AWAY}: it is not taken, because it is not in the LAN's network 192.168.200.0/24"),
    ),
    "lan.alias.peer": (
        _lan("alias", 'address = "192.168.200.201"', 'peer = "endpoint-a"'),
        lambda s: [row["peer"] for row in s.get("/v1/status")["services"]["aliases"]["aliases"]] == ["endpoint-a"],
    ),
    "lan.vpns": ({'interface = "lan0"': 'interface = "lan0"\nvpns = []'}, lambda s: s.option(121) == ""),
    "lan.dhcp.mode": (_dhcp('mode = "off"'), lambda s: offer(s.site.example.b, 3, tries=1) is None),
    "lan.dhcp.pools": (
        {'pools = ["192.168.200.50-': 'pools = ["192.168.200.150-'},
        lambda s: s.offer().yiaddr & 0xFF == 150,
    ),
    "lan.dhcp.router": (
        {'router = "192.168.200.1"': 'router = "192.168.200.4"'},
        lambda s: s.option(3) == "c0a8c804" and s.option(121).endswith("00c0a8c804"),
    ),
    "lan.dhcp.routes": (_dhcp('routes = "never"'), lambda s: s.option(121) == ""),
    "lan.dhcp.dns": (_dhcp('dns = ["192.168.200.5"]'), lambda s: s.option(6) == "c0a8c805"),
    "lan.dhcp.search": (_dhcp('search = ["a.example"]'), lambda s: s.option(119) == "016107" + b"example".hex() + "00"),
    "lan.dhcp.ntp": (_dhcp('ntp = ["192.168.200.6"]'), lambda s: s.option(42) == "c0a8c806"),
    "lan.dhcp.domain": (_dhcp('domain = "site-b.example"'), lambda s: s.option(15) == b"site-b.example".hex()),
    "lan.dhcp.lease_time": (_dhcp('lease_time = "10m"'), lambda s: s.option(51) == "00000258"),
    "lan.dhcp.renew_time": (_dhcp('renew_time = "10m"'), lambda s: s.option(58) == "00000258"),
    "lan.dhcp.rebind_time": (_dhcp('rebind_time = "50m"'), lambda s: s.option(59) == "00000bb8"),
    "lan.dhcp.authoritative": ({"authoritative = true": "authoritative = false"}, ALWAYS),
    "lan.dhcp.next_server": (_dhcp('next_server = "192.168.200.8"'), lambda s: s.offer().siaddr & 0xFF == 8),
    "lan.dhcp.server_name": (_dhcp('server_name = "boot"'), lambda s: s.option(66) == b"boot".hex()),
    "lan.dhcp.boot_file": (_dhcp('boot_file = "pxe.0"'), lambda s: s.option(67) == b"pxe.0".hex()),
    "lan.dhcp.reservation.mac": (_MINE, lambda s: s.offer().yiaddr & 0xFF == 24),
    "lan.dhcp.reservation.client_id": ({'mac = "02:00:00:00:00:22"': 'client_id = "ff:01:02"'}, ALWAYS),
    "lan.dhcp.reservation.address": (
        _MINE | {'address = "192.168.200.22"': 'address = "192.168.200.23"'},
        lambda s: s.offer().yiaddr & 0xFF == 23,
    ),
    "lan.dhcp.reservation.hostname": (
        _MINE | {'hostname = "endpoint-b"': 'hostname = "b2"'},
        lambda s: s.option(12) == b"b2".hex(),
    ),
    "lan.dhcp.reservation.circuit_id": ({'mac = "02:00:00:00:00:22"': 'circuit_id = "01:02"'}, ALWAYS),
    "lan.dhcp.reservation.dns": (_own('dns = ["192.168.200.7"]'), lambda s: s.option(6) == "c0a8c807"),
    "lan.dhcp.reservation.router": (_own('router = "192.168.200.6"'), lambda s: s.option(3) == "c0a8c806"),
    "lan.dhcp.reservation.next_server": (_own('next_server = "192.168.200.5"'), lambda s: s.offer().siaddr & 0xFF == 5),
    "lan.dhcp.reservation.server_name": (_own('server_name = "own"'), lambda s: s.option(66) == b"own".hex()),
    "lan.dhcp.reservation.boot_file": (_own('boot_file = "own.0"'), lambda s: s.option(67) == b"own.0".hex()),
    "lan.dhcp.conflict_probe": (_dhcp("conflict_probe = false"), lambda s: s.asks_nobody()),
    "lan.dhcp.rapid_commit": (_dhcp("rapid_commit = true"), lambda s: s.rapid() == 5),
    "lan.dhcp.dnsmasq.options_file": _beside(),
    "lan.dhcp.dnsmasq.pid_file": _beside(
        'pid_file = "{secret}-pid"', look=lambda s: s.beside()["pid_file"].endswith("-pid")
    ),
    "lan.dhcp.dnsmasq.tag": _beside('tag = "site"', look=lambda s: "tag:site,121," in s.beside_file()),
    "lan.dhcp.kea.socket": _kea(look=lambda s: s.beside()["path"].endswith("-kea")),
    "lan.dhcp.kea.write": _kea("write = false", look=lambda s: s.beside()["write"] is False),
    "lan.dhcp.kea.config_file": _kea(
        'config_file = "{secret}-conf"', look=lambda s: str(s.beside()["config_file"]).endswith("-conf")
    ),
    "lan.dhcp.kea.interval": _kea('interval = "7s"', look=lambda s: s.beside()["interval"] == 7),
    "lan.dhcp.subnet.subnet": (
        {
            "[probe]": '[[lan.dhcp.subnet]]\nsubnet = "192.168.201.0/24"\n'
            'pools = ["192.168.201.5-192.168.201.6"]\nrouter = "192.168.201.1"\n[probe]'
        },
        lambda s: "192.168.201.5" in json.dumps(s.get("/v1/status")["services"]["dhcp"]["lans"]),
    ),
    "lan.dhcp.option.code": (
        _option("code = 43", 'type = "hex"', 'value = "0a0b"'),
        lambda s: s.option(43) == "0a0b",
    ),
    "lan.dhcp.option.type": (
        _option("code = 43", 'type = "string"', 'value = "ab"'),
        lambda s: s.option(43) == "6162",
    ),
    "lan.dhcp.option.value": (
        _option("code = 43", 'type = "uint16"', "value = 258"),
        lambda s: s.option(43) == "0102",
    ),
    "lan.dhcp.option.always": (
        _option("code = 224", 'type = "hex"', 'value = "01"', "always = true"),
        lambda s: s.option(224) == "01",
    ),
    "lan.rip.versions": _rip('versions = ["ng"]', look=_speaks(0, "ng")),
    "lan.rip.announce": _rip('announce = "peers"', look=_speaks(2)),
    "lan.rip.mode": _rip('mode = "broadcast"'),
    "lan.rip.neighbors": _rip('neighbors = ["192.168.200.1"]'),
    "lan.rip.metric": _rip("metric = 3"),
    "lan.rip.tag": _rip("tag = 7"),
    "lan.rip.update_interval": _rip('update_interval = "5s"'),
    "lan.rip.auth_length": _rip("auth_length = 20"),
    "lan.rip.answer_unauthenticated": _rip("answer_unauthenticated = true"),
    "lan.rip.learn": _rip(*_LEARN),
    "lan.rip.import": _rip(*_LEARN),
    "lan.rip.ng_prefixes": _rip(_NG, 'ng_prefixes = ["fd00:10::/64"]', look=_speaks(1, "ng")),
    "lan.rip.ng_gateway": _rip(_NG, 'ng_prefixes = ["fd00:10::/64"]', 'ng_gateway = "fe80::2"', look=_speaks(1, "ng")),
    "lan.rip.key.id": _rip_key(number=7),
    "lan.rip.key.algorithm": _rip_key(algorithm="hmac-sha-512"),
    "lan.rip.key.secret_file": _rip_key(),
    "lan.rip.key.send_from": _rip_key("send_from = 2020-01-01T00:00:00Z"),
    "lan.rip.key.send_to": _rip_key("send_to = 2090-01-01T00:00:00Z"),
    "lan.rip.key.accept_from": _rip_key("accept_from = 2020-01-01T00:00:00Z"),
    "lan.rip.key.accept_to": _rip_key("accept_to = 2090-01-01T00:00:00Z"),
    "probe.interval": ({'[probe]\ninterval = "1s"': '[probe]\ninterval = "3s"'}, ALWAYS),
    "probe.timeout": ({'timeout = "500ms"': 'timeout = "400ms"'}, ALWAYS),
    "probe.down_after": ({"[probe]": "[probe]\ndown_after = 5"}, ALWAYS),
    "probe.up_after": ({"[probe]": "[probe]\nup_after = 4"}, ALWAYS),
    "return_path.interval": (
        {"[probe]": '[return_path]\ninterval = "10s"\n[probe]'},
        lambda s: s.get("/v1/status")["services"]["hosts"]["interval"] == 10,
    ),
    "return_path.timeout": (
        {"[probe]": '[return_path]\ntimeout = "500ms"\n[probe]'},
        lambda s: s.get("/v1/status")["services"]["hosts"]["timeout"] == 0.5,
    ),
    "nat.keep": (
        {"[probe]": "[nat]\nkeep = true\n[probe]"},
        lambda s: s.get("/v1/status")["services"]["nat"]["keep"] is True,
    ),
    "nat.log_flows": (
        _lan("host", 'address = "192.168.200.22"', _HOST, "[nat]", "log_flows = true"),
        lambda s: s.seen_by_b() == "192.168.200.2" and "nat: flow tcp 10.0.0.1:" in s.site.log(),
    ),
    "http.listen": (
        {'"127.0.0.1:8121"': '"127.0.0.1:8122"'},
        lambda s: _tcp_answers(s, 8122) and not _tcp_answers(s, 8121),
    ),
    "http.token_file": ({"[http]": '[http]\ntoken_file = "/dev/null"'}, ALWAYS),
    "http.tls_cert": (_NO_TLS, lambda s: not _tcp_answers(s, 8121)),
    "http.tls_key": (_NO_TLS, lambda s: not _tcp_answers(s, 8121)),
    "leases.store": ({"leases.db": "moved.db"}, lambda s: (s.site.lab.directory / "moved.db").exists()),
    "leases.sync": (
        {"[leases]": '[leases]\nsync = "bindings"'},
        lambda s: s.get("/v1/status")["services"]["dhcp"]["store"]["sync"] == "bindings",
    ),
    "log.level": ({"[leases]": '[log]\nlevel = "debug"\n[leases]'}, ALWAYS),
    "log.format": ({"[leases]": '[log]\nformat = "json"\n[leases]'}, lambda s: '{"' in s.site.log()),
}


def _tcp_answers(scene: Scene, port: int) -> bool:
    code = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/livez', timeout=2).read())"
    return scene.site.example.beta.run(["python3", "-c", code], check=False).returncode == 0


def _keys() -> set[str]:
    found = set()
    todo = [ROOT]
    while todo:
        section = todo.pop()
        todo += section.sections
        found |= {f"{section.path}.{key.name}" for key in section.keys}
    # The same keys again, by the same code.
    repeated = ("lan.dhcp.subnet.", "lan.dhcp.reservation.option.")
    return {name for name in found if not name.startswith(repeated)} | {"lan.dhcp.subnet.subnet"}


def test_every_key_has_a_case() -> None:
    assert set(CASES) == _keys()


# Each part has a daemon of its own, so that they can run side by side.
_PARTS = 4


@pytest.mark.parametrize("part", range(_PARTS))
def test_every_key_can_change_and_change_back(site: Site, part: int) -> None:
    wg, key = site.example.tunnel_beta.interface, site.example.tunnel_a.keys.public
    daemon = site.start()
    site.client("udhcpc").wait_lease()
    scene = Scene(site, daemon)
    secret = site.lab.directory / "rip.key"
    secret.write_text("secret\n")
    secret.chmod(0o600)
    for name, (edits, look) in list(CASES.items())[part::_PARTS]:
        filled = {
            old.format(wg=wg, key=key): new.replace("{wg}", wg).replace("{secret}", str(secret))
            for old, new in edits.items()
        }
        site.write(edited(site.config, filled))
        reload(daemon)
        assert scene.get("/v1/status")["config"]["errors"] == [], name
        soon(f"{name} holds", lambda look=look: look(scene))
        site.write()
        reload(daemon)
        leases = scene.get("/v1/leases")["leases"]
        assert "192.168.200.22" in [row["address"] for row in leases if row["state"] == "bound"], name
    soon("all is as before", lambda: daemon.get("/readyz")[0] == 200 and scene.peer()["state"] == "up")
    assert "Traceback" not in site.log()


def test_a_reload_that_changes_nothing_disturbs_nothing(site: Site) -> None:
    daemon = site.start()
    site.client("udhcpc").wait_lease()
    soon("the peer is up", lambda: daemon.get("/v1/peers/endpoint-a/health")[0] == 200)
    monitor = site.example.beta.popen(["ip", "-4", "monitor", "route"], name="monitor")
    before = sockets(daemon), daemon.get("/v1/leases"), daemon.get("/v1/peers/endpoint-a")[1]["since"]
    for _ in range(3):
        reload(daemon)
    after = sockets(daemon), daemon.get("/v1/leases"), daemon.get("/v1/peers/endpoint-a")[1]["since"]
    assert before[1:] == after[1:]
    # The connection that asks is a socket as well.
    assert len(before[0] - after[0]) <= 1
    assert site.example.beta.log("monitor").read_text() == ""
    monitor.terminate()


def test_faults_keep_the_old_configuration_and_are_shown(site: Site) -> None:
    daemon = site.start()
    site.write(site.config.replace("pools", "pols").replace('"1s"', '"soon"'))
    reload(daemon)
    errors = daemon.get("/v1/status")[1]["config"]["errors"]
    assert len(errors) == 3
    assert "lan[0].dhcp.pols" in [error["path"] for error in errors]
    (problem,) = daemon.get("/v1/problems")[1]["problems"]
    assert problem["code"] == "config-invalid"
    assert daemon.get("/readyz")[0] == 200
    assert offer(site.example.b, 121) is not None
    site.write()
    reload(daemon)
    assert daemon.get("/v1/problems")[1] == {"problems": []}


def test_an_unreadable_file_keeps_the_old_configuration(site: Site) -> None:
    daemon = site.start()
    daemon.config.unlink()
    reload(daemon)
    (error,) = daemon.get("/v1/status")[1]["config"]["errors"]
    assert "cannot be read" in error["rule"]


def test_a_store_that_cannot_be_had_keeps_the_old_one(site: Site) -> None:
    daemon = site.start()
    site.client("udhcpc").wait_lease()
    (site.lab.directory / "file").write_text("")
    site.write(site.config.replace("leases.db", "file/leases.db"))
    reload(daemon)
    (error,) = daemon.get("/v1/status")[1]["config"]["errors"]
    assert error["path"] == "leases.store"
    assert daemon.stop() == 0
    site.start()
    assert site.daemon is not None
    assert site.daemon.get("/v1/leases")[1]["leases"][0]["address"] == "192.168.200.22"


def test_post_reload_answers_when_it_is_done(site: Site) -> None:
    daemon = site.start()
    site.write(site.config.replace('router = "192.168.200.1"', 'router = "192.168.200.4"'))
    assert _post(daemon.socket)[0] == 200
    made = offer(site.example.b, 3)
    assert made is not None
    assert made.options[3].hex() == "c0a8c804"
    site.write("nonsense")
    status, body = _post(daemon.socket)
    assert status == 422
    assert body["errors"]


def _post(path: Path) -> tuple[int, Any]:
    with UnixConnection(str(path), 10.0) as connection:
        connection.request("POST", "/v1/reload")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_reload_asked_for_during_the_start_does_not_end_it(site: Site) -> None:
    daemon = site.start(ready=False)
    time.sleep(0.1)  # Before that the interpreter itself starts, which knows nothing of signals.
    for _ in range(40):
        time.sleep(0.02)
        daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_ready()
    daemon.process.send_signal(signal.SIGTERM)
    while daemon.process.poll() is None:
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    assert daemon.process.returncode == 0


def test_a_second_daemon_of_the_namespace_is_refused(site: Site) -> None:
    daemon = site.start()
    path = site.lab.directory / "second.toml"
    path.write_text(
        site.config.replace("8121", "8122").replace("routerd.sock", "two.sock").replace("leases.db", "two.db")
    )
    command = [sys.executable, "-m", "routerd", "run", "--config", str(path)]
    done = site.example.beta.run(command, check=False)
    assert done.returncode == 1
    assert f"routerd runs here already (process {daemon.process.pid})" in done.stderr
    clean = site.example.beta.run([sys.executable, "-m", "routerd", "clean", "--config", str(path)], check=False)
    assert clean.returncode == 1
    assert f"routerd runs here already (process {daemon.process.pid})" in clean.stderr


def test_a_store_that_holds_leases_already_keeps_them(site: Site) -> None:
    daemon = site.start()
    first = offer(site.example.b, 3)
    assert first is not None
    site.client("udhcpc").wait_lease()
    site.write(site.config.replace("leases.db", "other.db"))
    reload(daemon)
    assert daemon.stop() == 0
    (site.lab.directory / "leases.db").rename(site.lab.directory / "old.db")
    (site.lab.directory / "other.db").rename(site.lab.directory / "moved.db")
    daemon = site.start()
    assert [row for row in daemon.get("/v1/leases")[1]["leases"] if row["state"] == "bound"] == []
    site.write(site.config.replace("leases.db", "moved.db"))
    reload(daemon)
    (row,) = daemon.get("/v1/leases")[1]["leases"]
    assert (row["address"], row["state"]) == ("192.168.200.22", "bound")


def test_a_damaged_store_is_refused_and_the_old_one_kept(site: Site) -> None:
    daemon = site.start()
    site.client("udhcpc").wait_lease()
    site.write(site.config.replace("leases.db", "bad.db"))
    _damaged(site.lab.directory / "bad.db")
    reload(daemon)
    (error,) = daemon.get("/v1/status")[1]["config"]["errors"]
    assert error["path"] == "leases.store"
    assert daemon.get("/v1/status")[1]["services"]["dhcp"]["store"]["path"].endswith("/leases.db")
    assert daemon.process.poll() is None
    (row,) = daemon.get("/v1/leases")[1]["leases"]
    assert row["state"] == "bound"


def _damaged(path: Path) -> None:
    store = LeaseStore(str(path))
    store.open()
    rows = [("lan0", Row(n, b"client%d" % n, b"\1mac", None, BOUND, 1.0, 2.0)) for n in range(1, 2000)]
    store.commit(rows, 0.0)
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 16384)
