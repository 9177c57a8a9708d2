"""One machine of the lab: a network namespace in which commands run."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from routerd.lab.errors import LabError
from routerd.lab.processes import MARK

Started = Callable[[subprocess.Popen[str], str], None]
"""Called with a process and its name as soon as it was started."""


class Namespace:
    """A network namespace that exists. `mark` goes into the environment of all that runs in it."""

    def __init__(self, name: str, role: str, mark: str, logs: Path, started: Started) -> None:
        self.name = name
        self.role = role
        self._environment = {MARK: mark}
        self._logs = logs
        self._started = started

    def __repr__(self) -> str:
        return f"Namespace({self.name})"

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """The command line that runs `argv` in this namespace."""
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def run(
        self, argv: Sequence[str | Path], *, check: bool = True, input: str | None = None, timeout: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs `argv` to its end. Raises `LabError` where it fails (and `check`) or takes longer than `timeout`."""
        done = execute(self.command(argv), input=input, timeout=timeout, env=self._environment)
        if check and done.returncode:
            raise LabError(_failure(self.role, argv, done))
        return done

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        name: str | None = None,
        stdout: int | IO[str] | None = None,
        stdin: int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Starts `argv` in the background; the lab ends it at the latest. What it says goes to `log(name)`."""
        name = name or f"{Path(argv[0]).name}-{self.role}"
        with self.log(name).open("a") as log:
            process = subprocess.Popen(
                self.command(argv),
                stdin=stdin,
                stdout=log if stdout is None else stdout,
                stderr=log,
                text=True,
                env={**os.environ, **(env or {}), **self._environment},
                cwd="/",
                start_new_session=True,  # Ctrl-C at the terminal is for the owner, who then ends its processes in order
            )
        self._started(process, name)
        return process

    def log(self, name: str) -> Path:
        """The file that takes what the process `name` says."""
        return self._logs / f"{name}.log"

    def ip(self, *lines: str) -> None:
        """Runs lines of `ip` (without the word itself) in one call."""
        text = "".join(f"{line}\n" for line in lines)
        done = execute(["ip", "-n", self.name, "-batch", "-"], input=text)
        if done.returncode:
            raise LabError(_failure(self.role, ["ip", *"; ".join(lines).split()], done))

    def sysctl(self, **values: int) -> None:
        """Sets keys below net.ipv4, with two underscores for a dot: `conf__all__rp_filter=1`."""
        writes = [f"echo {value} > /proc/sys/net/ipv4/{key.replace('__', '/')}" for key, value in values.items()]
        self.run(["sh", "-ec", "\n".join(writes)])

    def nft(self, text: str) -> None:
        """Loads nftables text."""
        self.run(["nft", "-f", "-"], input=text)

    def cut(self, interface: str) -> None:
        """Takes an interface down."""
        self.ip(f"link set {interface} down")

    def restore(self, interface: str) -> None:
        """Brings an interface up again."""
        self.ip(f"link set {interface} up")


def execute(
    argv: Sequence[str], *, input: str | None = None, timeout: float = 30.0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command without a terminal. Raises `LabError` where it is not installed or takes too long."""
    try:
        return subprocess.run(
            argv,
            input=input if input is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(env or {})},
            cwd="/",
            check=False,
        )
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(argv)}: not done after {timeout:g} s") from None


def _failure(role: str, argv: Sequence[str | Path], done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
    return f"{role}: {' '.join(map(str, argv))}: exit {done.returncode}: {said}"
