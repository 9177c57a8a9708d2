"""What address translation costs: applying rules, moving and measuring hosts, and a stream through a port forward."""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from tests.bench.dhcp_report import Line
from tests.bench.leases_measured import LEASES, megabytes
from tests.bench.peers import cpu
from tests.net.site import Site, soon

FORWARDS, PORTS, HOSTS, MOVED = 1000, 60_000, 1000, 100
RUNS = 7
WINDOWS, WINDOW = 3, 30.0
ROUNDS, SECONDS = 9, 3
SETTLE = 2.0
"""Seconds after the start, which takes processor time from the tunnel."""

_RESERVATION = '    [[lan.dhcp.reservation]]\n    mac = "02:00:00:00:{:02x}:{:02x}"\n    address = "192.168.{}.{}"\n'
_FORWARD = '  [[lan.forward]]\n  listen = "8080/tcp"\n  to = "endpoint-a:5201"\n\n[probe]'
_RECIPE = """
table ip field {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        iifname "lan0" tcp dport 8080 dnat to 10.0.0.1:5201
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat
        oifname "{}" masquerade
    }}
}}
"""


def alone() -> dict[str, list[float]]:
    """What the nat service takes by itself."""
    with Lab() as lab:
        counts = map(str, (FORWARDS, PORTS, HOSTS, MOVED, RUNS))
        done = lab.namespace("beta").run([sys.executable, "-m", "tests.bench.load_nat", *counts], timeout=120)
        found: dict[str, list[float]] = json.loads(done.stdout)
        return found


def measuring() -> tuple[list[float], float, str]:
    """Shares of a core while all hosts are measured, that of the same daemon without hosts, and how many are proven."""
    with Lab() as lab:
        site = Site(lab)
        beta, b = site.example.beta, site.example.b
        # One machine is all the hosts: it has every address, and the route.
        beta.ip(
            "address flush dev lan0", "address add 192.168.200.2/22 dev lan0", "route add default via 192.168.200.1"
        )
        b.ip(
            "address add 192.168.200.22/22 dev lan0",
            "route add 10.0.0.0/24 via 192.168.200.2",
            *(f"route add local 192.168.{201 + n // 250}.{n % 250 + 1}/32 dev lo" for n in range(500)),
        )
        b.ip(*(f"route add local 192.168.{201 + n // 250}.{n % 250 + 1}/32 dev lo" for n in range(500, 750)))
        b.ip(*(f"route add local 192.168.200.{n + 3}/32 dev lo" for n in range(250) if n != 19))
        hosts = [(201 + n // 250, n % 250 + 1) for n in range(750)] + [(200, n + 3) for n in range(250)]
        rows = "".join(_RESERVATION.format(third, last, third, last) for third, last in hosts[:HOSTS])
        text = site.config.replace('  pools = ["192.168.200.50-192.168.200.199"]\n', "")
        head, _, rest = text.partition("    [[lan.dhcp.reservation]]")
        daemon = site.start()
        time.sleep(3.0)
        (idle,) = shares(daemon, 1, 10.0)
        daemon.stop()
        daemon = site.start(head + rows + "\n" + rest.partition("\n\n")[2])

        def proven() -> int:
            return int(daemon.get("/v1/status", 5.0)[1]["services"]["hosts"]["direct"])

        soon("all hosts are proven", lambda: proven() >= HOSTS, limit=240.0)
        found = shares(daemon, WINDOWS, WINDOW)
        return found, idle, f"{proven()} hosts proven"


def shares(daemon: Daemon, windows: int, seconds: float) -> list[float]:
    """The daemon's share of a core in each of several windows."""
    found = []
    for _ in range(windows):
        used, begun = cpu(daemon.process.pid), time.monotonic()
        time.sleep(seconds)
        found.append((cpu(daemon.process.pid) - used) / (time.monotonic() - begun))
    return found


def streams() -> tuple[list[float], list[float]]:
    """Mbit/s of a stream from Endpoint B through the forward, by routerd and by the recipe, round by round."""
    ours, theirs = [], []
    with Lab() as lab:
        site = Site(lab)
        example = site.example
        example.b.ip("address add 192.168.200.22/24 dev lan0")
        example.a.popen(["iperf3", "-s", "--forceflush"], name="iperf3-server")
        soon("iperf3 serves", lambda: "listening" in example.a.log("iperf3-server").read_text())
        # The source address is the recipe's, or the two would send other packets.
        text = site.config.replace("[probe]", _FORWARD.replace("\n\n", '\n  source_nat = "always"\n\n'))
        for turn in range(2 * ROUNDS):
            # Which is first changes, so that a machine that slows down favours none.
            by_routerd = turn % 4 in (0, 3)
            with routerd(site, text) if by_routerd else recipe(site):
                (ours if by_routerd else theirs).append(stream(example.b))
    return ours, theirs


@contextmanager
def routerd(site: Site, text: str) -> Iterator[None]:
    """While the daemon forwards."""
    daemon = site.start(text)
    soon("its rules are there", lambda: daemon.get("/v1/status")[1]["services"]["nat"]["table"])
    time.sleep(SETTLE)
    yield
    daemon.stop()


@contextmanager
def recipe(site: Site) -> Iterator[None]:
    """While the rules forward that an administrator would write."""
    beta = site.example.beta
    beta.sysctl(ip_forward=1)
    beta.nft(_RECIPE.format(site.example.tunnel_beta.interface))
    time.sleep(SETTLE)
    yield
    beta.nft("flush ruleset")


def stream(machine: Namespace) -> float:
    """Mbit/s of one stream to the forward."""
    argv = ["iperf3", "-c", "192.168.200.2", "-p", "8080", "-t", str(SECONDS), "-O", "1", "-J"]
    said = json.loads(machine.run(argv, timeout=60).stdout)
    return float(said["end"]["sum_received"]["bits_per_second"]) / 1e6


def measure() -> str:
    """The table."""
    found = alone()
    busy, idle, proven = measuring()
    without, held = megabytes(0), megabytes(LEASES)
    ours, theirs = streams()
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    middle = statistics.median
    lines = [
        Line(f"{FORWARDS:,} forwards applied, ms", middle(found["forwards"]) * 1e3, _ms(found["forwards"]), most=300),
        Line(f"{PORTS:,} shifted ports applied, ms", middle(found["shifted"]) * 1e3, _ms(found["shifted"])),
        Line(
            f"{MOVED} of {HOSTS:,} routed hosts moved, ms of a core",
            middle(found["moved"]) * 1e3,
            _ms(found["moved"]),
            most=50,
        ),
        Line(
            f"{HOSTS:,} hosts measured every 30 s, % of a core",
            middle(busy) * 100,
            f"{', '.join(f'{share:.2%}' for share in busy)}; {proven}; without hosts {idle:.2%}",
            most=3,
        ),
        Line(
            f"{LEASES:,} leases more in memory, hosts measured, MB",
            held - without,
            f"{without:.0f} MB without",
            most=35,
        ),
        Line(
            "a forwarded stream / the recipe's",
            middle(ratios),
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)}; {middle(ours):,.0f} by {middle(theirs):,.0f} Mbit/s",
            least=0.97,
        ),
    ]
    head = ["| what | figure | target | met | |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(str, lines)]) + "\n"


def _ms(values: list[float]) -> str:
    return f"{min(values) * 1e3:.0f} to {max(values) * 1e3:.0f}, {len(values)} runs"
