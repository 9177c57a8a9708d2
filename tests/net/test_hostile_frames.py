"""Hostile frames against the running daemon: after each group the next DISCOVER gets its OFFER, and nothing broke."""

import sys

import pytest

from tests.dhcp.hostile import CASES
from tests.dhcp.scene import message
from tests.net.asker import offer
from tests.net.frames import GROUPS, dhcp, discover, fragments
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("lan0", 0))
for line in sys.stdin:
    s.send(bytes.fromhex(line))
"""


def send(site: Site, frames: list[bytes]) -> None:
    """Send frames as they are from Endpoint B."""
    lines = "\n".join(frame.hex() for frame in frames)
    site.example.b.run([sys.executable, "-Sc", _SEND], input=lines)


def received(site: Site) -> int:
    assert site.daemon is not None
    counters = site.daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"]
    assert counters["pkt4-processing-failed"] == 0
    return int(counters["pkt4-received"])


def test_every_group_of_frames_and_messages_is_survived(site: Site) -> None:
    daemon = site.start(site.config + '\n[log]\nlevel = "debug"\n')
    number = 0
    for name, frames in GROUPS.items():
        send(site, frames)
        number += 1
        assert offer(site.example.b, 3, 121, mac=b"\2\0\0\0\5" + bytes((number,))), name
    for payloads in CASES.values():
        send(site, [dhcp(payload) for payload in payloads if len(payload) <= 1472])
    number += 1
    assert offer(site.example.b, 3, 121, mac=b"\2\0\0\0\5" + bytes((number,)))
    assert received(site) > 1000
    assert daemon.process.poll() is None
    log = site.log()
    assert "Traceback" not in log
    assert log.isascii()
    assert all(line.isprintable() for line in log.splitlines())


def test_a_whole_message_in_fragments_is_answered(site: Site) -> None:
    site.start()
    before = received(site)
    send(site, fragments(discover(77).ljust(2000, b"\0")))
    soon("it is read", lambda: received(site) > before)
    leases = site.daemon.get("/v1/leases")[1]["leases"] if site.daemon else []
    assert [lease["mac"] for lease in leases if lease["state"] == "offered"] == ["02:00:00:00:00:4d"]


def test_host_names_are_clean_wherever_they_are_shown(site: Site) -> None:
    daemon = site.start(site.config + '\n[log]\nlevel = "debug"\n')
    names = [b"<b>x</b>\n", b'q"u\\o\x1b[2J', b"a\0b", b"../../etc", b"x" * 255, "naïve".encode(), b"..."]
    clean = {"bxb", "quo2J", "a", "x" * 63, "nave", None}
    for n, name in enumerate(names):
        chosen = (50, bytes((192, 168, 200, 100 + n))), (12, name), (60, name), (81, name)
        send(site, [dhcp(message(3, *chosen, mac=b"\2\0\0\0\6" + bytes((n,)), xid=n))])
    soon("all are bound", lambda: len(daemon.get("/v1/leases")[1]["leases"]) == len(names))
    leases = daemon.get("/v1/leases")[1]["leases"]
    assert {lease["hostname"] for lease in leases} == clean
    shown = "".join(str(daemon.get(path)[1]) for path in ("/v1/leases", "/v1/hosts", "/v1/status", "/metrics", "/"))
    assert daemon.stop() == 0
    stored = site.example.beta.run([sys.executable, "-Sc", _STORED, site.lab.directory / "leases.db"]).stdout
    for where in (site.log(), shown, stored):
        assert not any(each in where for each in ("\x1b", "\x00", "<b>x", "../etc", "naïve", 'q"u'))


_STORED = """
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT hostname FROM lease"):
    print(row[0])
"""
