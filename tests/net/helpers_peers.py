"""Two network namespaces with a veth pair between them, and functions of the test module that run in the first."""

import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_numbers = count()

NEAR = "10.0.0.2"
FAR = "10.0.0.1"


def sh(space: str, *commands: str) -> None:
    """Run `ip` commands inside a namespace."""
    for command in commands:
        subprocess.run(["ip", "-n", space, *command.split()], check=True, timeout=30)


def connect(near: str, far: str) -> None:
    """Make the veth pair p0 - p1 with its addresses; the peer is at `FAR`."""
    sh(near, f"link add p0 type veth peer name p1 netns {far}", f"addr add {NEAR}/24 dev p0")
    sh(near, "addr add fd00::2/64 dev p0 nodad", "link set p0 up")
    sh(far, f"addr add {FAR}/24 dev p1", "addr add fd00::1/64 dev p1 nodad", "link set p1 up")


@contextmanager
def pair() -> Iterator[tuple[str, str]]:
    """The names of both namespaces, which are removed whatever the test does."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make network namespaces")
    stem = f"rp{os.getpid():x}-{next(_numbers)}"
    near, far = f"{stem}a", f"{stem}b"
    try:
        for space in (near, far):
            subprocess.run(["ip", "netns", "add", space], check=True, timeout=30)
            sh(space, "link set lo up")
        connect(near, far)
        yield near, far
    finally:
        for space in (near, far):
            subprocess.run(["ip", "netns", "del", space], check=False, timeout=30)


def run_inside(space: str, function: Callable[..., Coroutine[Any, Any, None]], *args: str, user: str = "") -> None:
    """Run an async function of a test module inside a namespace, in a process of its own, with warnings as errors."""
    module = sys.modules[function.__module__]
    folder = str(Path(str(module.__file__)).parent)
    code = (
        f"import sys, asyncio; sys.path.insert(0, {folder!r}); import {function.__module__} as m;"
        f"asyncio.run(m.{function.__name__}(*sys.argv[1:]))"
    )
    command = ["ip", "netns", "exec", space, *user.split(), sys.executable, "-W", "error", "-X", "dev", "-c", code]
    done = subprocess.run([*command, *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
