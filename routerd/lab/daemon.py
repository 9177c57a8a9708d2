"""routerd itself as a process of the lab: started in a machine's namespace, asked over its Unix socket, stopped."""

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from routerd.lab.config import beta_config
from routerd.lab.errors import LabError
from routerd.lab.example import Example
from routerd.lab.namespace import Namespace
from routerd.lab.waiting import wait_for
from routerd.system.http_client import UnixConnection

NAME = "routerd"
READY_LIMIT = 20.0


class Daemon:
    """A running routerd. `get` asks it; `stop` ends it as an administrator would."""

    def __init__(self, machine: Namespace, config: Path, unix_socket: Path, process: subprocess.Popen[str]) -> None:
        self.machine = machine
        self.config = config
        self.socket = unix_socket
        self.process = process
        self.log = machine.log(NAME)

    def get(self, path: str, timeout: float = 2.0) -> tuple[int, Any]:
        """Status and body of GET `path`, the body decoded where it is JSON; status 0 where routerd does not answer."""
        try:
            with UnixConnection(str(self.socket), timeout) as connection:
                connection.request("GET", path, headers={"Host": "localhost"})
                answer = connection.getresponse()
                body = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, f"no answer at {self.socket}: {error}"
        try:
            return answer.status, json.loads(body)
        except ValueError:
            return answer.status, body

    def wait_ready(self, limit: float = READY_LIMIT) -> None:
        """Returns when `/readyz` says 200. Raises `LabError` where routerd ends before or takes longer than `limit`."""
        answer: tuple[int, Any] = (0, "")

        def ready() -> bool:
            nonlocal answer
            if self.process.poll() is not None:
                raise LabError(f"routerd ended with exit {self.process.returncode}")
            answer = self.get("/readyz?verbose")
            return answer[0] == 200

        try:
            wait_for("routerd is ready", ready, limit=limit)
        except LabError as error:
            raise LabError(f"{error}\nlast answer of /readyz: {answer[0]} {answer[1]}".rstrip()) from None

    def peer(self, name: str) -> dict[str, Any] | None:
        """What `/v1/peers` says of one peer, or None."""
        status, body = self.get("/v1/peers")
        if status != 200 or not isinstance(body, dict):
            return None
        peers: list[dict[str, Any]] = body["peers"]
        return next((peer for peer in peers if peer["name"] == name), None)

    def host(self, address: str) -> dict[str, Any] | None:
        """What `/v1/hosts` says of one host, or None."""
        status, body = self.get("/v1/hosts")
        if status != 200 or not isinstance(body, dict):
            return None
        hosts: list[dict[str, Any]] = body["hosts"]
        return next((host for host in hosts if host["address"] == address), None)

    def stop(self, limit: float = 5.0) -> int:
        """Sends SIGTERM and returns the exit code. Raises `LabError` where routerd does not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise LabError(f"routerd still runs {limit:g} s after SIGTERM") from None


def start_daemon(machine: Namespace, config: Path, unix_socket: Path) -> Daemon:
    """Starts `routerd run` with a configuration file; it is not ready yet."""
    argv = [sys.executable, "-m", "routerd", "run", "--config", str(config)]
    return Daemon(machine, config, unix_socket, machine.popen(argv, name=NAME))


def start_example_daemon(example: Example) -> Daemon:
    """Writes Host β's configuration into the lab's directory and starts routerd there."""
    directory = example.lab.directory
    config = directory / "routerd.toml"
    config.write_text(beta_config(directory, example.tunnel_beta.interface, example.tunnel_a.keys.public))
    return start_daemon(example.beta, config, directory / "routerd.sock")
