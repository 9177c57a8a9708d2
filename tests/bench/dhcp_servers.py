"""Kea, dnsmasq and routerd, one at a time, on the same network with the same pool, their leases on the same disk."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from routerd.lab.errors import LabError
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from routerd.system.http_client import UnixConnection
from tests.net.site import soon

SERVER = "10.77.0.1"
SERVER_MAC = "02:00:00:00:77:01"
CLIENTS = "10.77.254.1"
FIRST, LAST = "10.77.1.0", "10.77.250.255"
ADDRESSES = 64_000
LEASE_SECONDS = 36_000
_PORT_67 = ":0043 "
_IDLE = 0.003

_ROUTERD = """
[[vpn]]
name = "vpn"
gateways = ["10.77.0.2"]
prefixes = ["10.0.0.0/24"]
[[vpn.peer]]
name = "a"
address = "10.0.0.1"
probe = "none"

[[lan]]
interface = "lan0"
[lan.dhcp]
pools = ["{first}-{last}"]
router = "10.77.0.2"
dns = ["10.77.0.2"]
lease_time = "{seconds}s"
authoritative = true

[http]
listen = ["unix:{run}/routerd.sock"]
[leases]
store = "sqlite:{leases}/leases.db"
sync = "{sync}"
[log]
level = "warning"
"""


def address(number: int) -> IPv4Address:
    """The address of the lease of a client that holds one from the start."""
    return IPv4Address(FIRST) + number


class Wire:
    """Two machines on one cable: `server`, and `load`, which plays all clients."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.server: Namespace = lab.namespace("server")
        self.load: Namespace = lab.namespace("load")
        self.server.ip(
            f"link add lan0 address {SERVER_MAC} type veth peer name lan0 netns {self.load.name}",
            f"address add {SERVER}/16 dev lan0",
            "link set lan0 up",
        )
        self.load.ip(f"address add {CLIENTS}/16 dev lan0", "link set lan0 up")


class Server:
    """A DHCP server that serves from `start` on, with its leases in `leases`, a directory on a real disk.

    `sync` is what routerd stores before its ACK (leases.sync); the others have no such choice.
    """

    def __init__(self, name: str, wire: Wire, leases: Path, sync: str = "always") -> None:
        self.name = name
        self._wire, self._leases, self._sync = wire, leases, sync
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the program; it serves when this returns. Raises `LabError` where it does not within 30 s."""
        argv, environment = _COMMANDS[self.name](self._wire.lab.directory, self._leases, self._sync)
        self._process = self._wire.server.popen(argv, name=self.name, env=environment)
        soon(f"{self.name} serves", self._serves, limit=30.0)

    def _serves(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = self._wire.server.log(self.name).read_text()[-500:]
            raise LabError(f"{self.name} ended with exit {self._process.returncode}: {said}")
        return _PORT_67 in Path(f"/proc/{self.pid}/net/udp").read_text()

    def stop(self) -> None:
        """End the program."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def counters(self) -> dict[str, int]:
        """What routerd counts."""
        with UnixConnection(str(self._wire.lab.directory / "routerd.sock"), 5.0) as connection:
            connection.request("GET", "/v1/status", headers={"Host": "localhost"})
            found: dict[str, int] = json.load(connection.getresponse())["services"]["dhcp"]["counters"]
        return found

    @property
    def pid(self) -> int:
        """The running program's process."""
        assert self._process is not None
        return self._process.pid

    def settle(self, limit: float = 5.0) -> None:
        """Wait until the program has nothing to do any more; what it does beside serving when it starts is over."""
        end, before = time.monotonic() + limit, self.cpu()
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.cpu()
            if now - before < _IDLE:
                break
            before = now

    def cpu(self) -> float:
        """Seconds that all its threads have computed so far, in the kernel too."""
        return sum(self._threads().values())

    def times(self) -> dict[str, float]:
        """Seconds that its main thread ("loop") and its other threads ("threads") have computed so far."""
        threads = self._threads()
        main = threads.pop(str(self.pid), 0.0)
        return {"loop": main, "threads": sum(threads.values())}

    def _threads(self) -> dict[str, float]:
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return {task.parent.name: int(task.read_text().split()[0]) / 1e9 for task in tasks}


def _routerd(run: Path, leases: Path, sync: str) -> tuple[list[str], dict[str, str]]:
    text = _ROUTERD.format(first=FIRST, last=LAST, seconds=LEASE_SECONDS, run=run, leases=leases, sync=sync)
    config = run / "bench.toml"
    config.write_text(text)
    return [sys.executable, "-m", "routerd", "run", "--config", str(config)], {}


def _dnsmasq(run: Path, leases: Path, sync: str) -> tuple[list[str], dict[str, str]]:
    argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--port=0", "--quiet-dhcp"]
    argv += [f"--dhcp-leasefile={leases}/dnsmasq.leases", f"--pid-file={run}/dnsmasq.pid", "--interface=lan0"]
    argv += [f"--dhcp-range={FIRST},{LAST},255.255.0.0,{LEASE_SECONDS}", "--dhcp-authoritative"]
    argv += ["--no-ping", "--dhcp-lease-max=100000", "--dhcp-option=3,10.77.0.2", "--dhcp-option=6,10.77.0.2"]
    argv += ["--dhcp-option=121,10.0.0.0/24,10.77.0.2,0.0.0.0/0,10.77.0.2", "--log-facility=-"]
    return argv, {}


def _kea(run: Path, leases: Path, sync: str) -> tuple[list[str], dict[str, str]]:
    options = [
        {"name": "routers", "data": "10.77.0.2"},
        {"name": "domain-name-servers", "data": "10.77.0.2"},
    ]
    settings = {
        "interfaces-config": {"interfaces": ["lan0"]},
        "lease-database": {"type": "memfile", "persist": True, "name": f"{leases}/kea.csv"},
        "multi-threading": {"enable-multi-threading": True},
        "valid-lifetime": LEASE_SECONDS,
        "authoritative": True,
        "option-data": options,
        "subnet4": [{"id": 1, "subnet": "10.77.0.0/16", "pools": [{"pool": f"{FIRST} - {LAST}"}]}],
        "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}],
    }
    config = run / "kea.json"
    config.write_text(json.dumps({"Dhcp4": settings}))
    places = {"KEA_PIDFILE_DIR": str(run), "KEA_LOCKFILE_DIR": str(run)}
    return ["kea-dhcp4", "-c", str(config)], places


_COMMANDS: dict[str, Callable[[Path, Path, str], tuple[list[str], dict[str, str]]]] = {
    "Kea": _kea,
    "dnsmasq": _dnsmasq,
    "routerd": _routerd,
}
