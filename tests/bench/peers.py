"""What thousands of peers cost, and how soon a cut tunnel is on /v1/events, beside BFD of BIRD on the same tunnel."""

import json
import os
import shutil
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from routerd.lab.daemon import Daemon, start_daemon
from routerd.lab.errors import LabError
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from routerd.lab.state import SOCKETS
from routerd.lab.wireguard import is_served
from tests.bench.start import resident
from tests.net.site import Site, soon

WINDOWS = 3
CUTS = 7

# The device is played: a veth pair and a socket that answers as wireguard-go does. Reading, judging and probing are
# measured; encrypting is not routerd's work.
_DEVICE = """
import asyncio, hashlib, sys
path, count = sys.argv[1], int(sys.argv[2])
text = "listen_port=51822\\n" + "".join(
    f"public_key={hashlib.sha256(str(n).encode()).hexdigest()}\\npreshared_key={'0' * 64}\\nprotocol_version=1\\n"
    f"endpoint=203.0.113.{n % 250}:{n}\\nlast_handshake_time_sec=1700000000\\nlast_handshake_time_nsec=5\\n"
    f"tx_bytes=1\\nrx_bytes=2\\npersistent_keepalive_interval=0\\nallowed_ip=10.8.{n >> 8}.{n & 255}/32\\n"
    for n in range(256, 256 + count)
) + "errno=0\\n\\n"
async def serve(reader, writer):
    await reader.readuntil(b"\\n\\n")
    writer.write(text.encode())
    await writer.drain()
    writer.close()
async def main():
    await (await asyncio.start_unix_server(serve, path)).serve_forever()
asyncio.run(main())
"""
_CONFIG = """
[[vpn]]
name = "vpn"
interface = "{interface}"
prefixes = ["10.8.0.0/16"]
[[lan]]
interface = "lan0"
[probe]
interval = "{interval}"
timeout = "{timeout}"
[http]
listen = ["unix:{directory}/routerd.sock"]
[leases]
store = "sqlite:{directory}/leases.db"
"""
_BFD = """
router id {own};
log "{directory}/bird-{role}.log" all;
protocol device {{ }}
protocol bfd {{
    multihop {{ min rx interval 200 ms; min tx interval 200 ms; idle tx interval 200 ms; multiplier 3; }};
    neighbor {other} local {own} multihop yes;
}}
"""


@contextmanager
def peers(count: int, interval: str, timeout: str) -> Iterator[tuple[Daemon, Namespace]]:
    """A daemon with so many peers, which a far namespace answers for."""
    with Lab() as lab:
        beta, far = lab.namespace("beta"), lab.namespace("far")
        interface = f"wg{lab.id}b"
        beta.ip(
            f"link add {interface} type veth peer name p1 netns {far.name}",
            f"address add 10.7.0.1/30 dev {interface}",
            f"link set {interface} up",
            f"link add lan0 type veth peer name lan1 netns {far.name}",
            "address add 192.168.200.2/24 dev lan0",
            "link set lan0 up",
        )
        far.ip(
            "address add 10.7.0.2/30 dev p1", "link set p1 up", "link set lan1 up", "route add local 10.8.0.0/16 dev lo"
        )
        beta.ip("route add 10.8.0.0/16 via 10.7.0.2")
        path = SOCKETS / f"{interface}.sock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lab.expect_socket(path.name)
        beta.popen([sys.executable, "-c", _DEVICE, str(path), str(count)], name="device")
        soon("the device is served", lambda: is_served(path))
        config = lab.directory / "routerd.toml"
        text = _CONFIG.format(interface=interface, interval=interval, timeout=timeout, directory=lab.directory)
        config.write_text(text)
        daemon = start_daemon(beta, config, lab.directory / "routerd.sock")
        daemon.wait_ready()
        yield daemon, far


def cost(count: int, interval: float, seconds: float) -> tuple[list[float], float, float]:
    """Shares of one core in several windows, echoes answered a second, and resident MB, with all peers up."""
    with peers(count, f"{interval:g}s", "900ms") as (daemon, far):

        def states() -> dict[str, int]:
            status, body = daemon.get("/v1/status", 10.0)
            found: dict[str, int] = body["counts"]["peers"] if status == 200 else {}
            return found

        soon(f"{count} peers are up", lambda: states() == {"up": count}, limit=60.0)
        time.sleep(interval + 2.0)
        shares, begin, answered = [], time.monotonic(), echoes(far)
        for _ in range(WINDOWS):
            used, at = cpu(daemon.process.pid), time.monotonic()
            time.sleep(seconds)
            shares.append((cpu(daemon.process.pid) - used) / (time.monotonic() - at))
        rate = (echoes(far) - answered) / (time.monotonic() - begin)
        memory = resident(daemon.process.pid)
        if states() != {"up": count}:
            raise RuntimeError(f"not all of {count} peers stayed up: {states()}")
        return shares, rate, memory


def cpu(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def echoes(machine: Namespace) -> int:
    """Echo requests that a machine has got."""
    names, values = (
        line.split() for line in machine.run(["cat", "/proc/net/snmp"]).stdout.splitlines() if line.startswith("Icmp:")
    )
    return int(dict(zip(names, values, strict=True))["InEchos"])


class Moment(threading.Thread):
    """When something is seen, in monotonic seconds."""

    def __init__(self, watch: "Iterator[bool]") -> None:
        super().__init__(daemon=True)
        self.watch, self.at = watch, None
        self.start()

    def run(self) -> None:
        """Note the first time that it is seen."""
        for seen in self.watch:
            if seen:
                self.at = time.monotonic()
                return


def peer_down(path: Path) -> Iterator[bool]:
    """The events of the daemon: True for the one that says that the peer is down."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(15.0)
        asked.connect(str(path))
        asked.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield False
        for line in asked.makefile("rb"):
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                yield (event.get("kind"), event.get("what")) == ("peer", "down") or event.get("state") == "down"


def bfd_down(path: Path) -> Iterator[bool]:
    """BIRD, asked every 2 ms: True once its session is not up."""
    end = time.monotonic() + 15.0
    while time.monotonic() < end:
        yield not bfd_is_up(path)
        time.sleep(0.002)


def bfd_is_up(path: Path) -> bool:
    """Whether BIRD's session is up."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(2.0)
        try:
            asked.connect(str(path))
            asked.sendall(b"show bfd sessions\n")
            answer = b""
            while b"\n0000" not in answer and (data := asked.recv(4096)):
                answer += data
        except OSError:
            return False
    return b" Up " in answer


def start_bird(machine: Namespace, directory: Path, role: str, own: str, other: str) -> Path:
    """BIRD with one BFD session; its control socket."""
    config, control = directory / f"bird-{role}.conf", directory / f"bird-{role}.ctl"
    config.write_text(_BFD.format(own=own, other=other, role=role, directory=directory))
    machine.popen(["bird", "-f", "-c", str(config), "-s", str(control)], name=f"bird-{role}")
    return control


def cuts() -> tuple[list[float], list[float]]:
    """Seconds from pulling the cable to the event, and to BFD's session going down, for each cut."""
    events, sessions = [], []
    with Lab() as lab:
        site = Site(lab)
        example = site.example
        birds = shutil.which("bird") is not None
        if birds:
            control = start_bird(example.beta, lab.directory, "beta", "10.0.0.2", "10.0.0.1")
            start_bird(example.a, lab.directory, "a", "10.0.0.1", "10.0.0.2")
        text = site.config.replace('interval = "1s"', 'interval = "200ms"').replace("500ms", "200ms")
        for _ in range(CUTS):
            daemon = site.start(text)
            soon("the peer is up", lambda daemon=daemon: (daemon.peer("endpoint-a") or {}).get("state") == "up")
            if birds:
                soon("the BFD session is up", lambda: bfd_is_up(control), limit=30.0)
            event = Moment(peer_down(daemon.socket))
            time.sleep(1.0 + 0.04 * len(events))  # at another point of the interval each time
            session = Moment(bfd_down(control)) if birds else None
            begin = time.monotonic()
            example.cut_tunnel()
            for moment, found in ((event, events), (session, sessions)):
                if moment is not None:
                    moment.join(15.0)
                    if moment.at is None:
                        raise LabError("the cut was not noticed within 15 s")
                    found.append(moment.at - begin)
            example.restore_tunnel()
            daemon.stop()
    return events, sessions


def measure() -> str:
    """The table."""
    idle, _, idle_memory = cost(1, 10.0, 5.0)
    thousand, thousand_rate, _ = cost(1000, 1.0, 10.0)
    many, many_rate, memory = cost(10_000, 10.0, 20.0)
    events, sessions = cuts()
    rows = [
        ("1,000 peers every 1 s, % of a core", *spread(thousand, 100), 15, f"{thousand_rate:.0f} echoes a second"),
        ("10,000 peers every 10 s, % of a core", *spread(many, 100), 25, f"{many_rate:.0f} echoes a second"),
        ("10,000 peers, MB above the idle daemon", memory - idle_memory, "1 run", 40, f"idle: {idle_memory:.1f} MB"),
        ("one peer every 10 s, % of a core", *spread(idle, 100), "", "the idle daemon"),
        ("cut to event at 200 ms × 3, s", *spread(events), 1.0, "pulled cable below the tunnel"),
    ]
    if sessions:
        rows.append(("cut to BFD down at 200 ms × 3, s", *spread(sessions), "", "BIRD 2, same tunnel and cuts"))
    lines = ["| what | median | spread | at most | |", "|---|---|---|---|---|"]
    lines += [f"| {what} | {value:.2f} | {several} | {limit} | {note} |" for what, value, several, limit, note in rows]
    notes = "\nThe device of the many is played (a veth pair and a socket that answers as wireguard-go does).\n"
    if not sessions:
        notes += "BIRD is not installed (Debian package bird2), so nothing stands beside routerd here.\n"
    return "\n".join(lines) + "\n" + notes


def spread(values: list[float], factor: float = 1.0) -> tuple[float, str]:
    """The median, and the least and the greatest in words."""
    least, greatest = min(values) * factor, max(values) * factor
    return statistics.median(values) * factor, f"{least:.2f} to {greatest:.2f}, {len(values)} runs"
