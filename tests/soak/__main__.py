"""`make soak`: clients come and go, a peer flaps, a reload a minute; memory, files and tasks must not grow.

python -m tests.soak [SECONDS]; ten minutes by default. Exit 1 where something grew or went wrong.
"""

import json
import signal
import subprocess
import sys
import time
from typing import Any

from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from tests.net.site import Site

CLIENTS = 20
MINUTE = 60.0
FLAP = 7.0
MOST_GROWTH_MB = 2.0
MOST_FILES, MOST_TASKS = 4, 4


def process(daemon: Daemon) -> dict[str, Any]:
    """What the daemon says of its own process."""
    status, body = daemon.get("/v1/status")
    if status != 200:
        raise SystemExit(f"soak: /v1/status answers {status}")
    found: dict[str, Any] = body["services"]["process"]
    return found


def play(site: Site, daemon: Daemon, seconds: float) -> list[dict[str, Any]]:
    """Let it run; the process's figures once a minute, and at the end."""
    begin = time.monotonic()
    figures: list[dict[str, Any]] = []
    cut, next_flap, next_minute = False, begin + FLAP, begin + MINUTE
    while time.monotonic() < begin + seconds:
        time.sleep(0.2)
        now = time.monotonic()
        if daemon.process.poll() is not None:
            raise SystemExit("soak: routerd ended:\n" + site.log()[-3000:])
        if now >= next_flap:
            next_flap = now + FLAP
            cut = not cut
            site.example.cut_tunnel() if cut else site.example.restore_tunnel()
        if now >= next_minute:
            next_minute += MINUTE
            figures.append(process(daemon))
            print(f"{now - begin:5.0f} s  {figures[-1]}", flush=True)
            daemon.process.send_signal(signal.SIGHUP)
    figures.append(process(daemon))
    return figures


def verdict(figures: list[dict[str, Any]], counts: dict[str, int], log: str) -> list[str]:
    """What is wrong, in words; empty where all is well."""
    first, last = figures[0], figures[-1]
    wrong = []
    growth = (last["resident_bytes"] - first["resident_bytes"]) / 1e6
    if growth > MOST_GROWTH_MB:
        wrong.append(f"memory grew by {growth:.2f} MB after the first minute")
    if last["open_files"] > first["open_files"] + MOST_FILES:
        wrong.append(f"open files grew from {first['open_files']} to {last['open_files']}")
    if last["tasks"] > first["tasks"] + MOST_TASKS:
        wrong.append(f"tasks grew from {first['tasks']} to {last['tasks']}")
    if counts.get("ack", 0) < counts["sent"] * 0.5:
        wrong.append(f"clients were not served: {counts}")
    if "Traceback" in log:
        wrong.append("a traceback in the log")
    print(f"clients: {counts}; memory after the first minute {growth:+.2f} MB")
    return wrong


def main(seconds: float) -> int:
    """Run the soak for so many seconds."""
    with Lab() as lab:
        site = Site(lab)
        text = site.plain.replace("  pools =", '  lease_time = "1m"\n  pools =')
        daemon = site.start(text)
        argv = [sys.executable, "-m", "tests.soak.clients", "lan0", str(seconds - 2), str(CLIENTS)]
        machine = site.example.b
        clients = subprocess.Popen(machine.command(argv), stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        figures = play(site, daemon, seconds)
        counts = json.loads(clients.communicate(timeout=30)[0])
        wrong = verdict(figures, counts, site.log())
        code = daemon.stop()
        if code != 0:
            wrong.append(f"routerd ended with exit {code}")
    for line in wrong:
        print(f"soak: {line}")
    print("soak: 1 passed, 0 failed" if not wrong else "soak: 0 passed, 1 failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
