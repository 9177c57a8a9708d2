"""From exec to the first OFFER, memory after a minute, and how long the demonstration takes."""

import io
import statistics
import subprocess
import sys
import time
from pathlib import Path

from routerd.lab.demo import demo
from routerd.lab.lab import Lab
from tests.dhcp.scene import message
from tests.net.site import Site

RUNS = 7
MINUTE = 60.0

ASK = """
import select, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, 25, b"lan0\\0")
s.bind(("0.0.0.0", 68))
discover = bytes.fromhex(sys.argv[1])
print("asking", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    s.sendto(discover, ("255.255.255.255", 67))
    if select.select([s], [], [], 0.002)[0] and s.recv(4096)[242] == 2:
        print(time.monotonic(), flush=True)
        break
"""


def first_offer() -> float:
    """Seconds from exec of routerd to the first OFFER on the wire, with a client that asks every 2 ms."""
    with Lab() as lab:
        site = Site(lab)
        site.write(site.plain)
        site.example.b.ip("route add default dev lan0 scope link")
        argv = [sys.executable, "-c", ASK, message(1, flags=0x8000).hex()]
        asker = site.example.b.popen(argv, name="asker", stdout=subprocess.PIPE)
        assert asker.stdout is not None
        assert asker.stdout.readline() == "asking\n"
        start = time.monotonic()
        site.start(site.plain, ready=False)
        return float(asker.stdout.readline()) - start


def resident(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no VmRSS of process {pid}")


def memory() -> float:
    """MB after one minute with one lease and one peer, the status asked for once."""
    with Lab() as lab:
        site = Site(lab)
        daemon = site.start(site.plain)
        site.client().wait_lease()
        time.sleep(MINUTE)
        daemon.get("/v1/status")
        return resident(daemon.process.pid)


def demonstration() -> float:
    """Seconds that the demonstration takes."""
    begin = time.monotonic()
    if demo(io.StringIO()) != 0:
        raise RuntimeError("the demonstration failed")
    return time.monotonic() - begin


def measure() -> str:
    """The table."""
    offers = [first_offer() for _ in range(RUNS)]
    demos = [demonstration() for _ in range(3)]
    rows = [
        (
            "exec to first OFFER, s",
            statistics.median(offers),
            1.0,
            f"{min(offers):.2f} to {max(offers):.2f}, {RUNS} runs",
        ),
        ("resident after 1 min, MB", memory(), 55.0, "1 run, 1 lease, 1 peer"),
        ("demonstration, s", statistics.median(demos), 60.0, f"{min(demos):.1f} to {max(demos):.1f}, 3 runs"),
    ]
    lines = ["| what | median | at most | |", "|---|---|---|---|"]
    lines += [f"| {what} | {value:.2f} | {limit:g} | {note} |" for what, value, limit, note in rows]
    return "\n".join(lines)
