"""What the real daemon tells its service manager from its start to its end."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.lab.lab import Lab
from tests.net.site import soon

pytestmark = pytest.mark.net

_CONFIG = """\
[[vpn]]
gateways = ["192.168.200.2"]
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["192.168.200.50-192.168.200.99"]
  authoritative = true
[http]
listen = []
[leases]
store = "sqlite:{directory}/leases.db"
"""


class Listener:
    """The service manager's end: what it was told, line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(path))
        self.lines: list[str] = []
        self.senders: set[int] = set()

    def read(self) -> list[str]:
        """All that was told until now."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
            except BlockingIOError:
                return self.lines
            self.lines += data.decode().split("\n")
            self.senders.add(int.from_bytes(ancillary[0][2][:4], sys.byteorder))

    def states(self) -> list[str]:
        """Without how it is and that it lives."""
        return [line for line in self.read() if line.partition("=")[0] in ("READY", "RELOADING", "STOPPING")]


@pytest.fixture
def listener(lab: Lab) -> Iterator[Listener]:
    made = Listener(lab.directory / "notify")
    yield made
    made.socket.close()


def test_start_reload_stop_and_signs_of_life(lab: Lab, listener: Listener) -> None:
    gateway = lab.namespace("gw")
    gateway.ip("link add lan0 type veth peer name other0", "link set lan0 up", "link set other0 up")
    gateway.ip("address add 192.168.200.1/24 dev lan0")
    config = lab.directory / "routerd.toml"
    config.write_text(_CONFIG.format(directory=lab.directory))
    told = {"NOTIFY_SOCKET": str(listener.path), "WATCHDOG_USEC": "150000"}
    daemon = gateway.popen([sys.executable, "-m", "routerd", "run", "--config", config], name="routerd", env=told)
    soon("it is ready", lambda: listener.states() == ["READY=1"])
    soon("and lives", lambda: listener.read().count("WATCHDOG=1") > 2)
    soon("and says how it is", lambda: any(line.startswith("STATUS=Ready") for line in listener.read()))
    _reload(daemon, listener)
    config.write_text("[[lan]]\n")
    _reload(daemon, listener)
    listener.read().clear()
    daemon.terminate()
    assert daemon.wait(10) == 0
    assert listener.states() == ["STOPPING=1"]
    assert listener.read()[-1] == "STATUS=Stopping"
    assert listener.senders == {daemon.pid}


def _reload(daemon: subprocess.Popen[str], listener: Listener) -> None:
    listener.read().clear()
    daemon.send_signal(signal.SIGHUP)
    soon("the reload is over", lambda: listener.states() == ["RELOADING=1", "READY=1"])
    assert [line.partition("=")[0] for line in listener.lines if line.startswith("MONO")] == ["MONOTONIC_USEC"]
