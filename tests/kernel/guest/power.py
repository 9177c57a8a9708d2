"""routerd under load with its leases on a disk, in the machine whose power is cut; it tells every lease on the console.

python -m tests.kernel.guest.power. It never ends by itself. Lines: "LEASE address MAC state" for each that routerd
found on the disk, "READY", then "ACK address MAC" for each promise. The kernel's words power.sync and power.first say
how leases are stored, and with which number new clients begin.
"""

import json
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from routerd.dhcp.frame import BROADCAST_ADDRESS, BROADCAST_MAC, udp_frame
from routerd.system.http_client import UnixConnection

_DISK = "/dev/vda"
_CACHE = Path("/sys/block/vda/queue/write_cache")
_DIRECTORY = Path("/mnt")
_SOCKET = "/tmp/routerd.sock"
_PATIENCE = 120.0
_OUTSTANDING = 16
_CONFIG = """
[[vpn]]
gateways = ["10.77.0.9"]
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "lan0"
  [lan.dhcp]
  pools = ["10.77.1.0-10.77.60.255"]
  router = "10.77.0.9"
  authoritative = true
[http]
listen = ["unix:{socket}"]
[leases]
store = "sqlite:{directory}/leases.db"
sync = "{sync}"
"""


def main() -> None:
    """Serve and ask until the end."""
    _run("modprobe", "virtio_pci")
    _run("modprobe", "virtio_blk")
    words = dict(word.partition("=")[::2] for word in Path("/proc/cmdline").read_text().split())
    sync, first = words["power.sync"], words["power.first"]
    print(f"# leases are stored with sync = {sync}; the disk's cache: {_CACHE.read_text().strip()}", flush=True)
    _run("mount", "-t", "ext4", _DISK, str(_DIRECTORY))
    _run("ip", "netns", "add", "clients")
    _run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1", "netns", "clients")
    _run("ip", "address", "add", "10.77.0.1/16", "dev", "lan0")
    _run("ip", "link", "set", "lan0", "up")
    _run("ip", "netns", "exec", "clients", "ip", "link", "set", "lan1", "up")
    config = Path("/tmp/routerd.toml")
    config.write_text(_CONFIG.format(socket=_SOCKET, directory=_DIRECTORY, sync=sync))
    with Path("/tmp/routerd.log").open("w") as log:
        subprocess.Popen([sys.executable, "-m", "routerd", "run", "--config", str(config)], stderr=log)
    if not _ready():
        print(Path("/tmp/routerd.log").read_text(), flush=True)
        return
    for lease in _get("/v1/leases")["leases"]:
        print(f"LEASE {lease['address']} {lease['mac']} {lease['state']}", flush=True)
    print("READY", flush=True)
    clients = [sys.executable, "-m", "tests.kernel.guest.power", "clients", first]
    _run("ip", "netns", "exec", "clients", *clients)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


def _ready() -> bool:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if "leases" in _get("/v1/leases"):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def _get(path: str) -> dict[str, list[dict[str, str]]]:
    with UnixConnection(_SOCKET, 60.0) as connection:
        connection.request("GET", path, headers={"Host": "localhost"})
        found: dict[str, list[dict[str, str]]] = json.loads(connection.getresponse().read())
        return found


# ---------------------------------------------------------------- clients


class Clients:
    """New clients without end; every third message is from one that has its lease and asks for it again."""

    def __init__(self, first: int) -> None:
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.wire.bind(("lan1", 0x0800))
        self.wire.settimeout(2.0)
        self.next = first
        self.leases: list[tuple[bytes, bytes]] = []
        self.rng = random.Random(first)

    def ask(self) -> None:
        """One more message of a client."""
        if self.leases and self.rng.random() < 0.33:
            mac, address = self.rng.choice(self.leases)
            self._send(3, mac, b"\x32\x04" + address)
        else:
            self._send(1, b"\2\x77" + self.next.to_bytes(4, "big"))
            self.next += 1

    def play(self) -> None:
        """Ask, and tell every ACK."""
        waiting = 0
        while True:
            while waiting < _OUTSTANDING:
                self.ask()
                waiting += 1
            try:
                frame = self.wire.recv(2048)
            except TimeoutError:
                waiting = 0
                continue
            if frame[23] != 17 or frame[36:38] != b"\0D":
                continue
            reply = frame[42:]
            mac, address, kind = reply[28:34], reply[16:20], reply[242]
            if kind == 2:
                at = reply.index(b"\x36\x04", 240)
                self._send(3, mac, b"\x32\x04" + address + reply[at : at + 6])
            elif kind == 5:
                print(f"ACK {'.'.join(map(str, address))} {mac.hex(':')}", flush=True)
                self.leases.append((mac, address))
                waiting -= 1

    def _send(self, kind: int, mac: bytes, options: bytes = b"") -> None:
        head = b"\1\1\6\0" + mac[2:] + bytes(20) + mac + bytes(10 + 192)
        data = head + b"\x63\x82\x53\x63" + bytes((53, 1, kind)) + options + b"\xff"
        frame = udp_frame(
            data,
            source_mac=mac,
            destination_mac=BROADCAST_MAC,
            source=0,
            destination=BROADCAST_ADDRESS,
            source_port=68,
            destination_port=67,
        )
        self.wire.send(frame)


if __name__ == "__main__":
    if sys.argv[1:2] == ["clients"]:
        Clients(int(sys.argv[2])).play()
    else:
        main()
