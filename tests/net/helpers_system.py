"""A network namespace for one test, and functions of the test module that run inside it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.waiting import wait_for
from routerd.lab.wireguard import SOCKETS, is_served

_numbers = count()


class Space:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sh(self, script: str) -> str:
        """Run a shell script inside, stopping at its first error; its output."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, "sh", "-ec", script], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, function: Callable[..., Coroutine[Any, Any, None]], *args: str, user: str = "") -> str:
        """Run the async function of a test module inside, in a process of its own; what it printed."""
        module = sys.modules[function.__module__]
        folder = str(Path(str(module.__file__)).parent)
        code = (
            f"import sys, asyncio; sys.path.insert(0, {folder!r}); import {function.__module__} as m;"
            f"asyncio.run(m.{function.__name__}(*sys.argv[1:]))"
        )
        command = ["ip", "netns", "exec", self.name, *user.split(), sys.executable, "-W", "error", "-X", "dev", "-c"]
        done = subprocess.run([*command, code, *args], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Exception ignored" not in done.stderr, done.stderr
        assert "never retrieved" not in done.stderr, done.stderr
        return done.stdout

    def wireguard(self, *peers: str) -> "contextlib.AbstractContextManager[tuple[str, str, str]]":
        """A userspace WireGuard; its interface, private key and preshared key. Each peer: its AllowedIPs."""
        return _wireguard(self, peers)


def need_root() -> None:
    """Skip the test where namespaces cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")


@contextlib.contextmanager
def space(setup: str = "") -> Iterator[Space]:
    """A fresh namespace with `lo` up, in which `setup` has run; it is removed afterwards."""
    need_root()
    made = Space(f"rt{os.getpid():x}-{next(_numbers)}")
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    try:
        made.sh("ip link set lo up\n" + setup)
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", made.name], check=True)


@contextlib.contextmanager
def _wireguard(here: Space, peers: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    # The sockets of all namespaces are in one directory, so the name must be nobody else's.
    name = f"w{os.getpid():x}{next(_numbers)}"
    process = subprocess.Popen(
        ["ip", "netns", "exec", here.name, "wireguard-go", "-f", name],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        private, preshared = here.sh("wg genkey").strip(), here.sh("wg genpsk").strip()
        wait_for(f"{name} is served", lambda: is_served(SOCKETS / f"{name}.sock"), limit=5)
        here.sh(f"ip link set {name} up; echo '{private}' | wg set {name} listen-port 0 private-key /dev/stdin")
        for allowed in peers:
            here.sh(
                f"echo '{preshared}' | wg set {name} peer $(wg genkey | wg pubkey)"
                f" preshared-key /dev/stdin allowed-ips {allowed} endpoint 192.0.2.1:51820"
            )
        yield name, private, preshared
    finally:
        process.terminate()
        process.wait(10)
