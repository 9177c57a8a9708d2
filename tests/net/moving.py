"""What the tests of a network that moves share: facts within a bound, problems that come and go, a quiet log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.dhcp.message import CLIENT_PORT, SERVER_PORT, Message, decode_message
from routerd.lab.daemon import Daemon
from routerd.lab.errors import LabError
from routerd.lab.waiting import wait_for
from tests.dhcp.scene import MAC_B, message
from tests.net.site import Site

BOUND = 2.0
_QUICK, _PATIENT = 0.3, 5.0
_ASKING = 0.3
"""What a question may cost on a busy machine: a process in a namespace, or an HTTP request."""

PREFIX = "10.0.0.0/24"
OFFERED = ("offered", "192.168.200.2")
ROUTES_OPTION = 121
STRANGER = bytes.fromhex("0200000000aa")

_ASK = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
s.bind(("lan0", 0x0800))
frame = bytes.fromhex(sys.argv[1])
s.send(frame)
s.settimeout(float(sys.argv[2]))
while True:
    got = s.recv(4096)
    if got[23] == 17 and got[36:38] == b"\\0D" and got[42] == 2 and got[46:50] == frame[46:50]:
        print(got[42:].hex())
        break
"""

Start = Callable[[Site, str], Daemon]
"""Starts routerd with a configuration text and waits until it is ready."""


def quick(text: str) -> str:
    """The configuration with probes twice a second: a peer that was down needs two answers to be up again."""
    return text.replace('interval = "1s"', 'interval = "500ms"')


class Moving:
    """The example network with routerd running and Endpoint A up; `within` measures from the event."""

    def __init__(self, site: Site, text: str | None = None, start: Start = Site.start) -> None:
        self.site = site
        self.example = site.example
        self.beta = site.example.beta
        self.wg = site.example.tunnel_beta.interface
        self.daemon: Daemon = start(site, quick(site.config) if text is None else text)
        self.at = 0.0
        self._wall = datetime.now(UTC)
        self.settled("before anything happens", limit=15)

    def event(self) -> None:
        """Now: the bound counts from here."""
        self.at = time.monotonic()
        self._wall = datetime.now(UTC)

    def within(self, what: str, probe: Callable[[], Any], *, limit: float = BOUND) -> Any:
        """What `probe` says as soon as it is true, within `limit` of the event."""
        left = max(0.0, self.at + limit + _ASKING - time.monotonic()) if self.at else limit
        try:
            found = wait_for(what, probe, limit=left, step=0.02)
        except LabError as error:
            raise LabError(f"{error}\n{self._now()}") from None
        print(f"{what}: {time.monotonic() - self.at:.2f} s" if self.at else what)
        return found

    def settled(self, what: str, *, limit: float = BOUND, gateway: str = "192.168.200.2", prefix: str = PREFIX) -> None:
        """All is as it should be: route offered, kernel routes there, peer up, no problem, ready, DHCP answers."""
        self.within(
            f"{what}: the route is offered", lambda: self.routes().get(prefix) == ("offered", gateway), limit=limit
        )
        self.within(f"{what}: the kernel's routes are there", lambda: self.kernel_is_right(prefix), limit=limit)
        self.within(f"{what}: DHCP serves the route", lambda: self.served(prefix, gateway), limit=limit)
        self.within(f"{what}: endpoint-a is up", self.answers, limit=limit)
        self.within(f"{what}: no problem is left", lambda: self.problems() == [], limit=limit)
        self.within(f"{what}: it is ready", lambda: self.daemon.get("/readyz")[0] == 200, limit=limit)

    def _now(self) -> str:
        shown = {path: self.daemon.get(path)[1] for path in ("/v1/problems", "/v1/routes", "/v1/peers")}
        return "\n".join([*(f"{path}: {body}" for path, body in shown.items()), self.kernel(), self.site.log()])

    def routes(self) -> dict[str, tuple[str, str]]:
        """State and gateway by prefix, of /v1/routes."""
        body = self.daemon.get("/v1/routes")[1]
        return {row["prefix"]: (row["state"], row["gateway"]) for row in body["routes"]} if "routes" in body else {}

    def problems(self) -> list[tuple[str, str]] | None:
        """Code and subject of every problem that is shown; None where there is no answer."""
        status, body = self.daemon.get("/v1/problems")
        return [(row["code"], row["subject"]) for row in body["problems"]] if status == 200 else None

    def shows(self, code: str, subject: str) -> bool:
        """Is this problem shown?"""
        return (code, subject) in (self.problems() or [])

    def peer(self, name: str = "endpoint-a") -> str | None:
        """The state of a peer."""
        row = self.daemon.peer(name)
        return None if row is None else str(row["state"])

    def answers(self) -> bool:
        """Is Endpoint A up, by a probe (if it is probed) that it has answered since the event?"""
        row = self.daemon.peer("endpoint-a")
        if row is None or row["state"] != "up":
            return False
        return row["probe"]["kind"] == "handshake" or datetime.fromisoformat(row["probe"]["last_success"]) >= self._wall

    def kernel(self) -> str:
        """routerd's own routes as `ip` shows them."""
        return self.beta.run(["ip", "-4", "route", "show", "proto", "121"]).stdout

    def kernel_is_right(self, prefix: str = PREFIX) -> bool:
        """The way through the tunnel and the catch-all behind it, and forwarding on at both sides."""
        table = self.beta.run(["ip", "-4", "route"]).stdout
        files = [f"/proc/sys/net/ipv4/conf/{name}/forwarding" for name in ("lan0", self.wg)]
        on = self.beta.run(["cat", *files], check=False).stdout.split() == ["1", "1"]
        return on and f"{prefix} dev {self.wg}" in table and f"unreachable {prefix} proto 121" in table

    def ask(
        self, kind: int, *options: tuple[int, bytes], mac: bytes = STRANGER, wait: float = _PATIENT
    ) -> Message | None:
        """The reply to a client's message on Endpoint B's cable; None if there is none within `wait` seconds."""
        data = message(kind, (55, bytes((1, 3, ROUTES_OPTION))), *options, mac=mac, flags=0x8000)
        frame = udp_frame(
            data,
            source_mac=mac,
            destination_mac=BROADCAST_MAC,
            source=0,
            destination=BROADCAST_ADDRESS,
            source_port=CLIENT_PORT,
            destination_port=SERVER_PORT,
        )
        done = self.example.b.run([sys.executable, "-ISc", _ASK, frame.hex(), str(wait)], check=False)
        return decode_message(bytes.fromhex(done.stdout.strip())) if done.stdout.strip() else None

    def served(self, prefix: str = PREFIX, gateway: str = "192.168.200.2") -> bool:
        """Is this route handed out?"""
        made = self.ask(1, wait=_QUICK)
        return made is not None and (prefix, gateway) in option_routes(made)

    def request(self, address: str, mac: bytes = MAC_B, wait: float = _PATIENT) -> Message | None:
        """The answer to a client that comes back with this address (INIT-REBOOT)."""
        return self.ask(3, (50, bytes(map(int, address.split(".")))), mac=mac, wait=wait)

    def finish(self) -> None:
        """No service has ended, nothing unexpected is in the log, and it stops as it should."""
        assert self.daemon.process.poll() is None
        assert self.daemon.get("/livez") == (200, "ok\n")
        assert self.daemon.stop() == 0
        said = self.site.log()
        for word in ("Traceback", "Exception", "never retrieved", "CRITICAL"):
            assert word not in said, said
        assert self.beta.run(["ip", "-4", "route", "show", "proto", "121"]).stdout == ""


@contextmanager
def moving(site: Site, text: str | None = None, start: Start = Site.start) -> Iterator[Moving]:
    """The running example; at the end nothing has gone wrong unseen."""
    made = Moving(site, text, start)
    yield made
    made.finish()


def option_routes(made: Message) -> list[tuple[str, str]]:
    """The routes of option 121 of a reply."""
    data, found = made.options.get(ROUTES_OPTION, b""), []
    while data:
        size = (data[0] + 7) // 8
        network = (data[1 : 1 + size] + bytes(4))[:4]
        gateway, rest = data[1 + size : 5 + size], data[5 + size :]
        found.append((f"{'.'.join(map(str, network))}/{data[0]}", ".".join(map(str, gateway))))
        data = rest
    return found


def message_type(made: Message | None) -> int:
    """The type of a reply; 0 where there is none."""
    return 0 if made is None else made.options.get(53, b"\0")[0]
