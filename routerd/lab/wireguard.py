"""WireGuard interfaces of the lab: the kernel's where it has them, else one wireguard-go process for each."""

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from routerd.lab.errors import LabError
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace, execute
from routerd.lab.state import SOCKETS


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair; the private half is not shown by `repr`."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as `wg` is told of it."""

    public_key: str
    allowed_ips: Sequence[str]
    endpoint: str | None = None
    keepalive: int | None = None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A WireGuard interface that exists. `userspace` is its wireguard-go process, None for the kernel's."""

    machine: Namespace
    interface: str
    keys: KeyPair
    userspace: subprocess.Popen[str] | None


def generate_keys() -> KeyPair:
    """A new key pair."""
    private = _wg("genkey")
    return KeyPair(private, _wg("pubkey", private + "\n"))


def create_tunnel(lab: Lab, machine: Namespace, suffix: str, *, port: int, keys: KeyPair | None = None) -> Tunnel:
    """Makes the interface `wg<id><suffix>`, which listens on `port` and is still down, without peers and addresses.

    `suffix` is unique in the lab: sockets of userspace interfaces share one directory.
    """
    interface = f"wg{lab.id}{suffix}"
    userspace = None
    if not _kernel(machine, interface):
        userspace = _userspace(lab, machine, interface)
    tunnel = Tunnel(machine, interface, keys or generate_keys(), userspace)
    _configure(tunnel, f"[Interface]\nPrivateKey = {tunnel.keys.private}\nListenPort = {port}\n")
    return tunnel


def add_peers(tunnel: Tunnel, peers: Sequence[Peer]) -> None:
    """Adds peers, or changes those that are there."""
    text = ""
    for peer in peers:
        text += f"[Peer]\nPublicKey = {peer.public_key}\nAllowedIPs = {', '.join(peer.allowed_ips)}\n"
        text += f"Endpoint = {peer.endpoint}\n" if peer.endpoint else ""
        text += f"PersistentKeepalive = {peer.keepalive}\n" if peer.keepalive else ""
    _configure(tunnel, text)


def _configure(tunnel: Tunnel, text: str) -> None:
    # By standard input: a private key on a command line could be read by everyone.
    tunnel.machine.run(["wg", "addconf", tunnel.interface, "/dev/stdin"], input=text)


def _kernel(machine: Namespace, interface: str) -> bool:
    done = execute(["ip", "-n", machine.name, "link", "add", interface, "type", "wireguard"])
    return done.returncode == 0


def _userspace(lab: Lab, machine: Namespace, interface: str) -> subprocess.Popen[str]:
    if shutil.which("wireguard-go") is None:
        raise LabError("the kernel has no WireGuard and wireguard-go is not installed: apt-get install wireguard-go")
    name = f"wireguard-{machine.role}"
    lab.expect_socket(f"{interface}.sock")
    process = machine.popen(["wireguard-go", "-f", interface], name=name, env={"LOG_LEVEL": "error"})
    deadline = time.monotonic() + 5
    # The file is there before it is served, and `wg` removes a socket that nobody serves.
    while not is_served(SOCKETS / f"{interface}.sock"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"wireguard-go did not start: {machine.log(name).read_text().strip()}")
        time.sleep(0.005)
    return process


def is_served(path: Path) -> bool:
    """Does anybody answer on this Unix socket?"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _wg(command: str, text: str | None = None) -> str:
    done = execute(["wg", command], input=text)
    if done.returncode:
        raise LabError(f"wg {command}: {done.stderr.strip()}")
    return done.stdout.strip()
