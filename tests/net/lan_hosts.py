"""Hosts of a LAN that differ in their way back to the VPN 10.0.0.0/24, which is behind 192.168.200.2."""

import sys

from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from tests.net.site import soon

_LISTEN = """
import socket, sys
made = [socket.create_server(("", int(port))) for port in sys.argv[1:]]
print("ready", flush=True)
kept = []
while True:
    kept.append(made[0].accept())
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
HIDING = """
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
MASQUERADE = """
table ip field {
    chain post {
        type nat hook postrouting priority srcnat
        oifname "lan0" masquerade
    }
}
"""
"""The field's usual recipe, for the VPN's host."""

ROUTED, WITHOUT, BEHIND, BEHIND_STRICT, OWN_SUBNET, NO_ECHO, BEHIND_HIDING = range(41, 48)
"""The kinds of hosts, by the end of their addresses: with the route; without it; behind a gateway that has it; behind
one whose firewall drops half-seen TCP and passes pings; with a firewall that answers its own subnet only; that answers
no echo; behind a gateway with a NAT of its own.
"""

EXPECTED = {
    ROUTED: ("direct", "site-gateway"),
    WITHOUT: ("unknown", "masquerade"),
    BEHIND: ("via-router", "site-gateway"),
    BEHIND_STRICT: ("unknown", "masquerade"),
    OWN_SUBNET: ("unknown", "masquerade"),
    NO_ECHO: ("direct", "site-gateway"),
    BEHIND_HIDING: ("unknown", "masquerade"),
}
"""What is found out of each kind, and its strategy."""


class LanHosts:
    """The machines of a LAN 192.168.200.0/24, each with the interface lan0."""

    def __init__(self, lab: Lab, lan: Switch) -> None:
        self.lab, self.lan = lab, lan

    def put(self, machine: Namespace, last: int) -> None:
        """Plug a machine in, with the address 192.168.200.`last`."""
        self.lan.attach(machine, "lan0", mac=f"02:00:00:00:00:{last:02x}")
        machine.ip(f"address add 192.168.200.{last}/24 dev lan0")

    def host(self, role: str, last: int, *, route: bool = False, via: int | None = None, rules: str = "") -> Namespace:
        """A machine of the LAN with the VPN's route, or with a default gateway, or with neither."""
        machine = self.lab.namespace(role)
        self.put(machine, last)
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

    def many(self) -> dict[int, Namespace]:
        """One host of each kind, and their gateways."""
        self.gateway("inner", 3)
        self.gateway("strict", 4, _STRICT)
        self.gateway("hiding", 5, HIDING)
        return {
            ROUTED: self.host("routed", ROUTED, route=True),
            WITHOUT: self.host("without", WITHOUT),
            BEHIND: self.host("behind", BEHIND, via=3),
            BEHIND_STRICT: self.host("behind-strict", BEHIND_STRICT, via=4),
            OWN_SUBNET: self.host("own-subnet", OWN_SUBNET, route=True, rules=_OWN_SUBNET),
            NO_ECHO: self.host("no-echo", NO_ECHO, route=True, rules=_NO_ECHO),
            BEHIND_HIDING: self.host("behind-hiding", BEHIND_HIDING, via=5),
        }
