"""What RIP costs with a thousand peers, how soon ten thousand routes are learned, and how soon a cut peer is withdrawn,
beside RIP with BFD of BIRD at the same cut.
"""

import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from routerd.lab.daemon import Daemon, start_daemon
from routerd.lab.errors import LabError
from routerd.lab.lab import Lab, Switch
from routerd.lab.namespace import Namespace
from tests.bench.peers import CUTS, Moment, spread
from tests.net.site import Site, soon

RUNS = 5
ANNOUNCED, LEARNED = 1000, 10_000

_TREE = str(Path(__file__).parents[2])
_CONFIG = """
[[vpn]]
name = "vpn"
gateways = ["192.168.200.9"]
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "lan0"
[lan.rip]
learn = true
import = ["172.0.0.0/8"]
[http]
listen = ["unix:{directory}/routerd.sock"]
[leases]
store = "sqlite:{directory}/leases.db"
"""
_NEIGHBOUR = """
router id {address};
log "{directory}/bird-{role}.log" all;
protocol device {{ scan time 1; }}
protocol rip {{ ipv4 {{ import all; export none; }}; interface "lan0" {{ }}; }}
"""
_GATEWAY = """
router id 10.0.0.2;
log "{directory}/bird-beta.log" all;
protocol device {{ scan time 1; }}
protocol bfd {{ interface "{wg}" {{ min rx interval 200 ms; min tx interval 200 ms; multiplier 3; }}; }}
protocol rip {{
    ipv4 {{ import all; export where source = RTS_RIP; }};
    interface "{wg}" {{ bfd yes; }};
    interface "lan1" {{ }};
}}
"""
_PEER = """
router id 10.0.0.1;
log "{directory}/bird-a.log" all;
protocol device {{ scan time 1; }}
protocol static {{ ipv4; route 10.99.0.1/32 blackhole; }}
protocol bfd {{ interface "{wg}" {{ min rx interval 200 ms; min tx interval 200 ms; multiplier 3; }}; }}
protocol rip {{ ipv4 {{ export where source = RTS_STATIC; }}; interface "{wg}" {{ bfd yes; }}; }}
"""


# ---------------------------------------------------------------- one update


def update_cost(algorithm: str) -> list[float]:
    """Processor seconds of one full update of all peers, in several runs."""
    costs = []
    with Lab() as lab:
        lan, beta = Switch(lab, "lan"), lab.namespace("beta")
        lan.attach(beta, "lan0")
        beta.ip("address add 192.168.200.2/24 dev lan0")
        for _ in range(RUNS):
            words = ["updates", "lan0", "192.168.200.2", str(ANNOUNCED), "3", algorithm]
            costs.append(float(_load(beta, *words)))
    return costs


def _load(machine: Namespace, *words: str) -> str:
    argv = ["env", f"PYTHONPATH={_TREE}", sys.executable, "-m", "tests.bench.load_rip", *words]
    return machine.run(argv, timeout=120).stdout


# ---------------------------------------------------------------- learning


def learning() -> list[float]:
    """Seconds from a neighbour's first packet until its whole table is in the kernel, in several runs."""
    found = []
    with Lab() as lab:
        lan = Switch(lab, "lan")
        beta, router = lab.namespace("beta"), lab.namespace("router")
        for last, machine in ((2, beta), (6, router)):
            lan.attach(machine, "lan0")
            machine.ip(f"address add 192.168.200.{last}/24 dev lan0")
        for _ in range(RUNS):
            with _learner(lab, beta) as daemon:
                begun = float(_load(router, "announce", "lan0", str(LEARNED)))
                # How long it took is seen by when the last one came: asking costs as much as a tenth of it.
                times = [soon("all routes are learned", lambda daemon=daemon: _learned(daemon, beta), 20.0)]  # type: ignore[misc]
                found.append(times[0] - begun)
    return found


@contextmanager
def _learner(lab: Lab, beta: Namespace) -> Iterator[Daemon]:
    config = lab.directory / "routerd.toml"
    config.write_text(_CONFIG.format(directory=lab.directory))
    daemon = start_daemon(beta, config, lab.directory / "routerd.sock")
    try:
        daemon.wait_ready()
        yield daemon
    finally:
        daemon.stop()


def _learned(daemon: Daemon, beta: Namespace) -> float:
    now = time.monotonic()
    counts = daemon.get("/v1/status")[1]["services"]["rip"]
    if counts["learned"]["kept"] < LEARNED:
        return 0.0
    there = beta.run(["ip", "route", "show", "proto", "122"]).stdout.count("\n")
    if there != LEARNED:
        raise RuntimeError(f"{there} routes are in the kernel, not {LEARNED}")
    return now


# ---------------------------------------------------------------- a cut


def cuts() -> tuple[list[float], list[float]]:
    """Seconds from pulling the cable to a LAN router's table without the peer: by routerd, and by BIRD with BFD.

    BIRD on Host β speaks RIP with BIRD on Endpoint A through the tunnel, with BFD, and with a router of a LAN of its
    own; routerd measures the same peer and speaks RIP with another such router. Both detect within 0.6 s at most.
    """
    ours, theirs = [], []
    with Lab() as lab:
        site = Site(lab)
        example, wg = site.example, site.example.tunnel_beta.interface
        near = _router(lab, example.lan, "near", "192.168.200.6")
        other = Switch(lab, "other")
        other.attach(example.beta, "lan1")
        example.beta.ip("address add 192.168.201.2/24 dev lan1")
        far = _router(lab, other, "far", "192.168.201.6")
        _through_the_tunnel(site)
        _bird(lab, example.beta, "beta", _GATEWAY.format(wg=wg, directory=lab.directory))
        _bird(lab, example.a, "a", _PEER.format(wg=example.tunnel_a.interface, directory=lab.directory))
        head, _, rest = site.config.partition("  [lan.dhcp]")
        text = f'{head}[lan.rip]\nannounce = "peers"\n\n[probe]{rest.partition("[probe]")[2]}'
        text = text.replace('interval = "1s"', 'interval = "150ms"').replace("500ms", "150ms")
        daemon = site.start(text)
        for number in range(CUTS):
            soon("routers have the peer", lambda: _has(near, "10.0.0.1/32") and _has(far, "10.99.0.1/32"), 90.0)
            time.sleep(6.0 + 0.04 * number)  # Quiet, and at another point of the intervals each time.
            moments = [Moment(_gone(near, "10.0.0.1/32")), Moment(_gone(far, "10.99.0.1/32"))]
            begin = time.monotonic()
            example.cut_tunnel()
            for moment, found in zip(moments, (ours, theirs), strict=True):
                moment.join(20.0)
                if moment.at is None:
                    raise LabError("the cut was not noticed within 20 s")
                found.append(moment.at - begin)
            example.restore_tunnel()
        daemon.stop()
    return ours, theirs


def _router(lab: Lab, lan: Switch, role: str, address: str) -> Path:
    machine = lab.namespace(role)
    lan.attach(machine, "lan0")
    machine.ip(f"address add {address}/24 dev lan0")
    return _bird(lab, machine, role, _NEIGHBOUR.format(address=address, role=role, directory=lab.directory))


def _bird(lab: Lab, machine: Namespace, role: str, text: str) -> Path:
    config, control = lab.directory / f"bird-{role}.conf", lab.directory / f"bird-{role}.ctl"
    config.write_text(text)
    machine.popen(["bird", "-f", "-c", str(config), "-s", str(control)], name=f"bird-{role}")
    soon(f"BIRD serves on {role}", control.exists)
    return control


def _through_the_tunnel(site: Site) -> None:
    """RIP's multicast between Endpoint A and Host β, for BIRD."""
    example = site.example
    pairs = (
        (example.tunnel_a, example.tunnel_beta, "10.0.0.2/32,192.168.200.0/24"),
        (example.tunnel_beta, example.tunnel_a, "10.0.0.1/32"),
    )
    for own, peer, networks in pairs:
        words = ["wg", "set", own.interface, "peer", peer.keys.public, "allowed-ips", f"{networks},224.0.0.9/32"]
        own.machine.run(words)
    wg = example.tunnel_a.interface
    example.a.ip(f"address add 10.0.0.1/24 dev {wg}", f"address del 10.0.0.1/32 dev {wg}")
    example.a.run(["sh", "-ec", f"ip route replace 192.168.200.0/24 dev {wg}"])


def _gone(control: Path, prefix: str) -> Iterator[bool]:
    end = time.monotonic() + 20.0
    while time.monotonic() < end:
        yield not _has(control, prefix)
        time.sleep(0.002)


def _has(control: Path, prefix: str) -> bool:
    """Whether a router's table has a route to the prefix."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(2.0)
        asked.connect(str(control))
        asked.sendall(f"show route {prefix}\n".encode())
        answer = b""
        # The last line of an answer has a code and a space; the greeting is one as well.
        while answer.count(b"\n") < 2 or not any(line[4:5] == b" " for line in answer.splitlines()[1:]):
            data = asked.recv(4096)
            if not data:
                break
            answer += data
    return prefix.encode() in answer


# ---------------------------------------------------------------- the table


def measure() -> str:
    """The table."""
    plain, signed = update_cost("none"), update_cost("hmac-sha-256")
    learned = learning()
    rows = [
        (f"one full update of {ANNOUNCED:,} peers, ms of a core", *spread(plain, 1000), 15, "40 packets"),
        ("the same, signed with HMAC-SHA-256", *spread(signed, 1000), 15, "46 packets"),
        (f"{LEARNED:,} routes learned, s", *spread(learned), 1.0, "first packet to the kernel's last route"),
    ]
    if shutil.which("bird") is not None:
        ours, theirs = cuts()
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        rows += [
            ("cut to a router's table without the peer, s", *spread(ours), "", "routerd, probes 150 ms × 3"),
            (
                "the same by BIRD's RIP with BFD, s",
                *spread(theirs),
                "",
                "200 ms × 3: 0.6 s at most to detect, as above",
            ),
            ("routerd / BIRD", *spread(ratios), 1.0, "the same cuts"),
        ]
    lines = ["| what | median | spread | at most | |", "|---|---|---|---|---|"]
    lines += [f"| {what} | {value:.2f} | {several} | {limit} | {note} |" for what, value, several, limit, note in rows]
    return "\n".join(lines) + "\n"
