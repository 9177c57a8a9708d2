"""Routers of the site that others wrote: FRR (zebra, ripd, ripngd) and BIRD 2, each in a machine of the lab."""

import json
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from tests.net.site import soon

FRR = Path("/usr/lib/frr")
MISSING = [name for name, there in (("frr", FRR.exists()), ("bird2", shutil.which("bird"))) if not there]


class _Router:
    """What all of them have in common: kernel routes of their own protocol."""

    protocols: Mapping[int, str]
    """Of its kernel routes, by IP version."""

    def __init__(self, lab: Lab, machine: Namespace, name: str) -> None:
        self.machine = machine
        self.directory = lab.directory / name
        self.directory.mkdir()
        lab.directory.chmod(0o711)
        machine.run(["sh", "-ec", "for n in 4 6; do echo 1 > /proc/sys/net/ipv$n/conf/all/forwarding; done"])
        self._running: dict[str, subprocess.Popen[str]] = {}

    @property
    def is_running(self) -> bool:
        """Does any of its daemons run?"""
        return bool(self._running)

    def routes(self, version: int = 4) -> dict[str, str]:
        """What it has learned and put into its kernel: prefix to next hop."""
        shown = self.machine.run(["ip", "-j", f"-{version}", "route", "show", "proto", self.protocols[version]]).stdout
        rows: list[dict[str, Any]] = json.loads(shown or "[]")
        found = {}
        for row in rows:
            gateway = row.get("gateway") or next((hop["gateway"] for hop in row.get("nexthops", ())), None)
            if gateway is not None:
                found[row["dst"]] = gateway
        return found

    def stop(self, *names: str, kill: bool = False) -> None:
        """End these daemons of it, or all."""
        for name in names or tuple(self._running):
            process = self._running.pop(name, None)
            if process is not None:
                process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
                process.wait(10)


class Frr(_Router):
    """FRR. `texts` are the configurations of its daemons, "ripd" and "ripngd"."""

    protocols = MappingProxyType({4: "rip", 6: "ripng"})

    def __init__(self, lab: Lab, machine: Namespace, texts: Mapping[str, str], name: str = "frr") -> None:
        super().__init__(lab, machine, name)
        own = pwd.getpwnam("frr")
        os.chown(self.directory, own.pw_uid, own.pw_gid)
        self.texts = {"zebra": "", **texts}

    def start(self, *names: str) -> None:
        """Start these daemons, or all."""
        for name in names or tuple(self.texts):
            config = self.directory / f"{name}.conf"
            config.write_text(f"hostname {name}\nlog file {self.directory}/{name}.log\n{self.texts[name]}")
            socket = self.directory / "zserv.api"
            argv = [FRR / name, "-z", socket, "-i", self.directory / f"{name}.pid", "-f", config, "-P", "0"]
            argv += ["--vty_socket", self.directory]
            self._running[name] = self.machine.popen(argv, name=f"{name}-{self.directory.name}")
            soon(f"{name} listens", (self.directory / f"{name}.vty").exists)
            if name == "zebra":
                soon("zebra serves", socket.exists)

    def stop(self, *names: str, kill: bool = False) -> None:
        """End these daemons of it, or all; their sockets go as well."""
        ended = names or tuple(self._running)
        super().stop(*ended, kill=kill)
        for name in ended:
            (self.directory / f"{name}.vty").unlink(missing_ok=True)
        if "zebra" in ended:
            (self.directory / "zserv.api").unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        """Have it take over a file of configuration."""
        self.machine.run(["vtysh", "--vty_socket", self.directory, "-f", path])

    def ask(self, *lines: str) -> str:
        """What its shell says to these commands."""
        words = [word for line in lines for word in ("-c", line)]
        return self.machine.run(["vtysh", "--vty_socket", self.directory, *words]).stdout


class Bird(_Router):
    """BIRD with RIP for both versions; `text` is the whole configuration but for the log."""

    protocols = MappingProxyType({4: "bird", 6: "bird"})

    def __init__(self, lab: Lab, machine: Namespace, text: str, name: str = "bird") -> None:
        super().__init__(lab, machine, name)
        self.text = text

    @property
    def control(self) -> Path:
        """Its control socket."""
        return self.directory / "bird.ctl"

    def start(self) -> None:
        """Start it."""
        self.control.unlink(missing_ok=True)
        self._running["bird"] = self.machine.popen(
            ["bird", "-f", "-c", self._write(), "-s", self.control], name=f"bird-{self.directory.name}"
        )
        soon("bird serves", self.control.exists)

    def forget(self) -> None:
        """Have it begin anew, without all that it has learned."""
        for protocol in ("rip4", "rip6"):
            self.ask("restart", protocol)
        soon("BIRD has forgotten", lambda: not self.routes() and not self.routes(6))

    def configure(self, text: str) -> None:
        """Have it take over another configuration."""
        self.text = text
        self._write()
        self.ask("configure")

    def ask(self, *words: str) -> str:
        """What its shell says to a command."""
        return self.machine.run(["birdc", "-s", self.control, *words]).stdout

    def _write(self) -> Path:
        config = self.directory / "bird.conf"
        log = self.directory / "bird.log"
        config.write_text(f'log "{log}" all;\n{self.text}')
        config.chmod(0o600)
        return config
