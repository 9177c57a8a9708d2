"""Which hosts have a way back to the VPN, measured by the hosts service among real ones on one LAN."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from tests.net.site import soon

pytestmark = pytest.mark.net

_LISTEN = """
import socket, sys
made = [socket.create_server(("", int(port))) for port in sys.argv[1:]]
print("ready", flush=True)
kept = []
while True:
    kept.append(made[0].accept())
"""
_TRACK = """
table ip track {
    chain post {
        type nat hook postrouting priority srcnat
        iifname "wg0" oifname "lan0" ct state new counter comment "makes the kernel track flows"
    }
}
"""
_MASQUERADE = """
table ip field {
    chain post {
        type nat hook postrouting priority srcnat
        oifname "lan0" masquerade
    }
}
"""
_STRICT = """
table ip strict {
    chain forward {
        type filter hook forward priority 0
        meta l4proto tcp ct state invalid drop
    }
    chain track {
        type filter hook prerouting priority 0
        ct state invalid counter
    }
}
"""
_HIDING = """
table ip hiding {
    chain post {
        type nat hook postrouting priority srcnat
        oifname "lan0" masquerade
    }
}
"""
_OWN_SUBNET = """
table ip own {
    chain input {
        type filter hook input priority 0
        iifname "lan0" ip saddr != 192.168.200.0/24 drop
    }
}
"""
_NO_ECHO = """
table ip quiet {
    chain input {
        type filter hook input priority 0
        icmp type echo-request drop
    }
}
"""


class Hosts:
    """a: the peer. beta: Host β. Everything else is put on the LAN by `host`."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.lan = Switch(lab, "lan")
        self.beta, self.a = lab.namespace("beta"), lab.namespace("a")
        self.file = lab.directory / "hosts.json"
        self.program: subprocess.Popen[str] | None = None
        self._put(self.beta, 2)
        self.beta.ip(f"link add wg0 type veth peer name wg0 netns {self.a.name}", "link set wg0 up")
        self.beta.ip("address add 10.0.0.2/24 dev wg0")
        self.a.ip("link set wg0 up", "address add 10.0.0.1/24 dev wg0", "route add 192.168.200.0/24 via 10.0.0.2")
        self.beta.sysctl(ip_forward=1, conf__all__send_redirects=0, conf__lan0__send_redirects=0)
        self.beta.nft(_TRACK)

    def _put(self, machine: Namespace, last: int) -> None:
        self.lan.attach(machine, "lan0", mac=f"02:00:00:00:00:{last:02x}")
        machine.ip(f"address add 192.168.200.{last}/24 dev lan0")

    def host(self, role: str, last: int, *, route: bool = False, via: int | None = None, rules: str = "") -> Namespace:
        """A machine of the LAN with the VPN's route, or with a default gateway, or with neither."""
        machine = self.lab.namespace(role)
        self._put(machine, last)
        if route:
            machine.ip("route add 10.0.0.0/24 via 192.168.200.2")
        if via is not None:
            machine.ip(f"route add default via 192.168.200.{via}")
        if rules:
            machine.nft(rules)
        return machine

    def gateway(self, role: str, last: int, rules: str = "") -> Namespace:
        """A router of the LAN that has the VPN's route, and tells nobody of shorter ways."""
        machine = self.host(role, last, route=True, rules=rules)
        machine.sysctl(ip_forward=1, conf__all__send_redirects=0, conf__lan0__send_redirects=0)
        return machine

    def listen(self, machine: Namespace, *ports: int) -> None:
        """Serve on these ports."""
        out = self.lab.directory / f"listen-{machine.role}.out"
        with out.open("w") as file:
            machine.popen([sys.executable, "-c", _LISTEN, *map(str, ports)], name=out.stem, stdout=file)
        soon(f"{out.stem} is ready", lambda: "ready" in out.read_text())

    def start(self, interval: float = 1.0, strategy: str = "auto", *known: Namespace) -> None:
        """Start the service on Host β, whose kernel knows these machines."""
        for machine in known:
            machine.run(["ping", "-c1", "-W1", "192.168.200.2"])
        program = Path(__file__).with_name("hosts_played.py")
        self.program = self.beta.popen(
            [sys.executable, program, self.file, str(interval), strategy], name="hosts", stdin=subprocess.PIPE
        )
        soon("the service is up", self.file.exists)

    def say(self) -> dict[str, Any]:
        """What the service says."""
        assert self.program is not None
        assert self.program.poll() is None, (self.lab.directory / "hosts.log").read_text()
        said: dict[str, Any] = json.loads(self.file.read_text())
        return said

    def leased(self, last: int) -> None:
        """Tell the service that this host was sent an ACK."""
        assert self.program is not None
        assert self.program.stdin is not None
        self.program.stdin.write(f"lease 192.168.200.{last}\n")
        self.program.stdin.flush()

    def path(self, last: int) -> str:
        """The measured state of a host."""
        return str(self.say()["hosts"].get(f"192.168.200.{last}", {}).get("path"))

    def row(self, last: int) -> tuple[str, str | None, str | None, str]:
        """State, kind of evidence, the end of the next hop's link-layer address, and strategy."""
        host = self.say()["hosts"][f"192.168.200.{last}"]
        return host["path"], host["kind"], host["hop"] and host["hop"][-2:], host["strategy"]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Lab() as lab:
        yield Hosts(lab)


def many(hosts: Hosts) -> list[Namespace]:
    """One host of each kind, on one LAN."""
    hosts.gateway("gw", 1)
    hosts.gateway("strict", 3, _STRICT)
    hosts.gateway("hiding", 4, _HIDING)
    made = [
        hosts.host("b", 22, route=True),
        hosts.host("c", 23),
        hosts.host("d", 24, via=1),
        hosts.host("e", 25, via=3),
        hosts.host("f", 26, route=True, rules=_OWN_SUBNET),
        hosts.host("g", 27, route=True, rules=_NO_ECHO),
        hosts.host("h", 28, via=4),
    ]
    for machine in (made[2], made[3], made[6]):
        hosts.listen(machine, 22, 80)
    return made


EXPECTED = {
    22: ("direct", "site-gateway"),
    23: ("unknown", "masquerade"),
    24: ("via-router", "site-gateway"),
    25: ("unknown", "masquerade"),
    26: ("unknown", "masquerade"),
    27: ("direct", "site-gateway"),
    28: ("unknown", "masquerade"),
}


@pytest.mark.parametrize("foreign", [False, True], ids=["plain", "beside-a-foreign-masquerade"])
def test_each_kind_of_host(hosts: Hosts, foreign: bool) -> None:
    if foreign:
        hosts.beta.nft(_MASQUERADE)
    hosts.start(1.0, "auto", *many(hosts))
    soon("the routed ones are proven", lambda: {hosts.path(24), hosts.path(22)} == {"via-router", "direct"})
    began, sent = time.monotonic(), hosts.say()["status"]["packets_sent"]["lan0"]
    soon("three more intervals are over", lambda: time.monotonic() > began + 3.5)
    assert hosts.say()["status"]["packets_sent"]["lan0"] > sent + 10
    found = {last: hosts.row(last) for last in EXPECTED}
    assert {last: (row[0], row[3]) for last, row in found.items()} == EXPECTED
    assert found[22][1:3] == ("tcp", "16")
    assert found[24][1:3] == ("tcp", "01")
    assert found[25][1:3] == ("echo", "03")
    assert found[27][1:3] == ("tcp", "1b")
    assert (found[23][1], found[26][1]) == (None, None)
