"""Kea on Host β beside routerd, which keeps it current; and a command to Kea as its administrator gives it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from routerd.lab.daemon import Daemon
from routerd.lab.errors import LabError
from tests.net.site import Site, soon

LAN = "192.168.200.0/24"
_PORT_67 = ":0043 "
_DHCP = re.compile(r"  \[lan\.dhcp\]\n.*?(?=\n\[probe\])", re.DOTALL)


def ask(path: Path, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """Kea's answer to a command."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(10)
        door.connect(str(path))
        door.sendall(json.dumps({"command": command, **({"arguments": arguments} if arguments else {})}).encode())
        data = b""
        while piece := door.recv(65536):
            data += piece
    found: dict[str, Any] = json.loads(data)
    return found


class KeaScene:
    """`file` is Kea's configuration file, `socket` its control socket."""

    def __init__(self, site: Site) -> None:
        self.site, self.beta = site, site.example.beta
        self.directory = site.lab.directory / "kea"
        self.directory.mkdir()
        self.file, self.socket = self.directory / "kea.conf", self.directory / "kea.sock"
        self._process: subprocess.Popen[str] | None = None

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Dhcp4 as an administrator writes it, with one subnet; `changes` have _ for each hyphen."""
        subnet = {
            "id": 1,
            "subnet": LAN,
            "pools": [{"pool": "192.168.200.50 - 192.168.200.99"}],
            "option-data": [{"name": "routers", "data": "192.168.200.1"}],
        }
        plain = {
            "interfaces-config": {"interfaces": ["lan0"]},
            "control-socket": {"socket-type": "unix", "socket-name": str(self.socket)},
            "lease-database": {"type": "memfile", "persist": True, "name": f"{self.directory}/leases.csv"},
            "valid-lifetime": 3600,
            "subnet4": [subnet],
            "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": "stderr"}]}],
        }
        return {**plain, **{key.replace("_", "-"): value for key, value in changes.items()}}

    def write(self, comment: str = "", **changes: Any) -> None:
        """Write Kea's file, with a comment in it or without, as if that was some time ago."""
        head = f"// {comment}\n" if comment else ""
        self.file.write_text(head + json.dumps({"Dhcp4": self.settings(**changes)}, indent=2))
        written = self.file.stat().st_mtime - 10
        os.utime(self.file, (written, written))

    def start(self) -> None:
        """Start Kea with its file, and wait until it serves."""
        # Linux tells when a process began in hundredths of a second.
        written = self.file.stat().st_ctime
        soon("its file is older than Kea", lambda: time.time() > written + 0.05)
        places = {"KEA_PIDFILE_DIR": str(self.directory), "KEA_LOCKFILE_DIR": str(self.directory)}
        self._process = self.beta.popen(["kea-dhcp4", "-c", str(self.file)], name="kea", env=places)
        soon("Kea serves", self._serves)

    def _serves(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise LabError(f"Kea ended: {self.beta.log('kea').read_text()[-2000:]}")
        if not self.socket.exists():
            return False
        return _PORT_67 in Path(f"/proc/{self._process.pid}/net/udp").read_text()

    def stop(self) -> None:
        """End Kea."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        """Let it end without a chance to clean up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def reload(self) -> None:
        """Have Kea load its file again, as `systemctl reload` does, and wait until it has."""
        assert self._process is not None
        before = self._sockets()
        self._process.send_signal(signal.SIGHUP)
        soon("Kea has loaded its file", lambda: self._sockets() not in ([], before))

    def _sockets(self) -> list[str]:
        """Those that it serves by: it opens them anew with each configuration."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/net/udp").read_text().splitlines()
        return [line.split()[9] for line in lines if _PORT_67 in line]

    def pause(self) -> None:
        """Let Kea hang; `go_on` ends that."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """What Kea does on a command of its administrator; it must do it."""
        answer = ask(self.socket, command, arguments)
        assert answer["result"] == 0, answer
        return answer

    @property
    def config(self) -> dict[str, Any]:
        """What Kea runs."""
        found: dict[str, Any] = self.ask("config-get")["arguments"]["Dhcp4"]
        return found

    def own(self, subnet: dict[str, Any] | None = None) -> list[int]:
        """The codes of routerd's options at a subnet, by default the first one."""
        place = subnet if subnet is not None else self.config["subnet4"][0]
        return [entry["code"] for entry in place["option-data"] if "routerd" in entry.get("user-context", {})]

    def text(self, *lines: str) -> str:
        """routerd's configuration with the LAN's DHCP left to this Kea; `lines` are keys of lan.dhcp.kea."""
        keys = "".join(f"    {line}\n" for line in (f'socket = "{self.socket}"', 'interval = "1s"', *lines))
        section = f'  [lan.dhcp]\n  mode = "kea"\n    [lan.dhcp.kea]\n{keys}'
        return _DHCP.sub(lambda _: section, self.site.plain)

    def routerd(self, *lines: str, ready: bool = True) -> Daemon:
        """Start routerd."""
        return self.site.start(self.text(*lines), ready=ready)

    def problems(self) -> dict[str, str]:
        """The text of every problem by its code."""
        assert self.site.daemon is not None
        status, body = self.site.daemon.get("/v1/problems")
        return {row["code"]: row["text"] for row in body["problems"]} if status == 200 else {}
