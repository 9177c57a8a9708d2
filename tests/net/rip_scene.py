"""The example network with routers on the LAN: FRR on gw, Endpoint B's default gateway, and BIRD with a network behind.

gw   192.168.200.1   FRR: ripd, ripngd; no route of its own to the VPN
r2   192.168.200.6   BIRD; behind it 192.168.60.0/24 with Endpoint C, 192.168.60.7
b    192.168.200.22  its default gateway is gw, and it knows nothing else
"""

import json
import re
import subprocess
from datetime import datetime
from itertools import count
from typing import Any

from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from tests.net.rip_routers import Bird, Frr
from tests.net.site import Site, soon

VPN, VPN6 = "10.0.0.0/24", "fd00:10::/64"
BETA, INNER, MORE = "192.168.200.2", "192.168.60.0/24", "192.168.61.0/24"
SECONDS = 1
"""The update interval: the timeout is six times as long. FRR has 5 s at least."""

_RIPD = "router rip\n network lan0\n timers basic {0} {1} {2}\n redistribute connected\n"
_BIRD = """
router id 192.168.200.6;
protocol device {{ scan time 1; }}
protocol kernel {{ ipv4 {{ export where source = RTS_RIP; }}; }}
protocol kernel {{ ipv6 {{ export where source = RTS_RIP; }}; }}
protocol static inner {{ ipv4; route 192.168.60.0/24 via "inner0"; route 172.16.5.0/24 via "inner0"; }}
protocol static more {{ disabled; ipv4; route 192.168.61.0/24 via "inner0"; }}
protocol rip rip4 {{
    ipv4 {{ import all; export where source = RTS_STATIC || source = RTS_RIP; }};
    interface "lan0" {{ {timers} {auth} }};
}}
protocol rip ng rip6 {{ ipv6 {{ import all; export where source = RTS_RIP; }}; interface "lan0" {{ {timers} }}; }}
"""


def ripd_text(seconds: int = SECONDS) -> str:
    """FRR's RIP with these timers; those of ripngd are written in the same way."""
    seconds = max(seconds, 5)
    return _RIPD.format(seconds, 6 * seconds, 4 * seconds)


def bird_text(auth: str = "", seconds: int = SECONDS) -> str:
    """BIRD's whole configuration. What it learned goes back as unreachable: poisoned reverse is its default."""
    timers = f"update time {seconds}; timeout time {6 * seconds}; garbage time {4 * seconds};"
    return _BIRD.format(timers=timers, auth=auth)


class RipScene:
    """All of it built; nothing is started."""

    def __init__(self, lab: Lab, seconds: int = SECONDS) -> None:
        self.lab, self.seconds = lab, seconds
        self.site = Site(lab)
        self.example = self.site.example
        self.beta = self.example.beta
        self.r2, self.c = self._inner()
        self.frr = Frr(lab, self.example.gw, _daemons(seconds))
        self.bird = Bird(lab, self.r2, bird_text(seconds=seconds))
        wg = self.example.tunnel_beta.interface
        self.beta.ip(f"address add fd00:10::2/64 dev {wg}")
        self.example.b.ip("address add 192.168.200.22/24 dev lan0", "route add default via 192.168.200.1")
        tunnel = self.example.tunnel_a
        site = self.example.tunnel_beta.keys.public
        networks = f"10.0.0.2/32,192.168.200.0/24,{INNER}"
        tunnel.machine.run(["wg", "set", tunnel.interface, "peer", site, "allowed-ips", networks])
        tunnel.machine.ip(f"route add {INNER} dev {tunnel.interface}")

    def _inner(self) -> tuple[Namespace, Namespace]:
        r2, c = self.lab.namespace("r2"), self.lab.namespace("c")
        self.example.lan.attach(r2, "lan0")
        r2.ip(f"link add inner0 type veth peer name lan0 netns {c.name}", "link set inner0 up")
        r2.ip("address add 192.168.200.6/24 dev lan0", "address add 192.168.60.1/24 dev inner0")
        c.ip("link set lan0 up", "address add 192.168.60.7/24 dev lan0", "route add default via 192.168.60.1")
        return r2, c

    # ------------------------------------------------------------ routerd

    def config(self, *lines: str, keys: str = "", versions: str = '"v2", "ng"') -> str:
        """Host β's configuration, with RIP and no DHCP server: `lines` of lan.rip, and its keys."""
        head, _, rest = self.site.config.partition("  [lan.dhcp]")
        rip = ["[lan.rip]", f"versions = [{versions}]", f'update_interval = "{self.seconds}s"', *lines]
        return f"{head}{chr(10).join(rip)}\n{keys}\n[probe]{rest.partition('[probe]')[2]}"

    def config_without_rip(self, text: str) -> str:
        """The same, but for all sections of RIP."""
        parts = re.split(r"(?m)^(?= *\[)", text)
        return "".join(part for part in parts if not part.lstrip().startswith(("[lan.rip", "[[lan.rip")))

    def start(self, *lines: str, keys: str = "") -> Daemon:
        """Start routerd, and wait until it is ready."""
        return self.site.start(self.config(*lines, keys=keys))

    def reload(self, daemon: Daemon, text: str) -> None:
        """Have routerd take over another configuration."""
        before = daemon.get("/v1/status")[1]["config"]["loaded"]
        self.site.write(text)
        daemon.process.send_signal(1)

        def taken() -> bool:
            config = daemon.get("/v1/status")[1]["config"]
            return bool(config["loaded"] != before and not config["errors"])

        soon("the configuration is taken over", taken)

    def speaker(self, daemon: Daemon, version: str = "v2") -> dict[str, Any]:
        """What `/v1/status` says of RIP."""
        speakers = daemon.get("/v1/status")[1]["services"]["rip"]["speakers"]
        return next((one for one in speakers if one["version"] == version), {})

    # ------------------------------------------------------------ routes

    def learned(self, version: int = 4) -> dict[str, str]:
        """What Host β has learned and put into its kernel: prefix to next hop."""
        shown = self.beta.run(["ip", "-j", f"-{version}", "route", "show", "proto", "122"]).stdout
        return {row["dst"]: row["gateway"] for row in json.loads(shown or "[]")}

    def all_have(self, prefix: str = VPN, prefix6: str | None = VPN6) -> bool:
        """Do FRR and BIRD have the routes to the VPN, through Host β?"""
        ipv4 = all(router.routes().get(prefix) == BETA for router in (self.frr, self.bird))
        return ipv4 and (prefix6 is None or all(prefix6 in router.routes(6) for router in (self.frr, self.bird)))

    def none_has(self, prefix: str = VPN, prefix6: str | None = VPN6) -> bool:
        """Has neither of them?"""
        routers = (self.frr, self.bird)
        return not any(prefix in one.routes() or (prefix6 is not None and prefix6 in one.routes(6)) for one in routers)


_numbers = count()


class Watch:
    """What happens to the kernel routes of a machine while this is open."""

    def __init__(self, machine: Namespace) -> None:
        name = f"watch-{machine.role}-{next(_numbers)}"
        self._path = machine.log(name).with_suffix(".out")
        with self._path.open("w") as out:
            self._process: subprocess.Popen[str] = machine.popen(
                ["ip", "-o", "-ts", "monitor", "route"], name=name, stdout=out
            )
        mark = "198.51.100.99"
        # The monitor takes a moment until it hears; its own mark says that it does.
        soon("the monitor hears", lambda: _marked(machine, mark) and mark in self._path.read_text())

    def deleted(self, prefix: str) -> list[str]:
        """The lines that say that a route to the prefix was deleted."""
        return [line for line in self._path.read_text().splitlines() if "Deleted" in line and f" {prefix} " in line]

    def times_deleted(self, prefix: str) -> list[float]:
        """When that was, in Unix seconds."""
        return [datetime.fromisoformat(line[1:].partition("]")[0]).timestamp() for line in self.deleted(prefix)]


def _marked(machine: Namespace, mark: str) -> bool:
    machine.ip(f"route replace blackhole {mark}", f"route del blackhole {mark}")
    return True


def _daemons(seconds: int) -> dict[str, str]:
    text = ripd_text(seconds)
    return {"ripd": text, "ripngd": text.replace("router rip", "router ripng")}
