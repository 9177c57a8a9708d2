"""Memory of a routerd that is the WireGuard host, so that it measures the hosts of its leases."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from routerd.lab.lab import Lab
from routerd.lab.wireguard import create_tunnel
from tests.bench.dhcp_leases import fill
from tests.bench.dhcp_servers import FIRST, LAST, LEASE_SECONDS, Wire
from tests.bench.start import resident
from tests.net.site import soon

LEASES = 50_000
SETTLE = 15.0
"""Seconds after which all hosts that there is room for are known."""

_CONFIG = """
[[vpn]]
name = "vpn"
interface = "{tunnel}"
prefixes = ["10.0.0.0/24"]

[[lan]]
interface = "lan0"
[lan.dhcp]
pools = ["{first}-{last}"]
router = "10.77.0.2"
lease_time = "{seconds}s"

[http]
listen = ["unix:{directory}/routerd.sock"]
[leases]
store = "sqlite:{directory}/leases.db"
[log]
level = "error"
"""


def megabytes(leases: int) -> float:
    """Resident memory soon after a start with so many leases."""
    with Lab() as lab, TemporaryDirectory() as name:
        directory, wire = Path(name), Wire(lab)
        tunnel = create_tunnel(lab, wire.server, "b", port=51822).interface
        wire.server.ip(f"address add 10.0.0.2/24 dev {tunnel}", f"link set {tunnel} up")
        if leases:
            fill("routerd", directory, leases)
        values = {"tunnel": tunnel, "first": FIRST, "last": LAST, "seconds": LEASE_SECONDS, "directory": directory}
        (directory / "bench.toml").write_text(_CONFIG.format(**values))
        argv = [sys.executable, "-m", "routerd", "run", "--config", str(directory / "bench.toml")]
        process = wire.server.popen(argv, name="routerd")
        soon("routerd serves", (directory / "routerd.sock").exists, limit=30.0)
        time.sleep(SETTLE)
        found = resident(process.pid)
        process.terminate()
        process.wait(20)
        return found
