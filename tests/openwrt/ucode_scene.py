"""The rpcd plugin under the real `ucode`, in a mount namespace where /var/run is the test's own."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PLUGIN = Path("openwrt/routerd/files/usr/share/rpcd/ucode/routerd.uc")

_CALLS = """
'use strict';
const methods = loadfile(ARGV[0], { raw_mode: true })().routerd;
for (let call in json(ARGV[1]))
	printf('%J\\n', methods[call[0]].call({ args: call[1] }));
"""

_INSIDE = """
set -eu
mkdir -p "$1/../machine"
mount --rbind /run "$1/../machine"
keep=$(cd "$1/../machine" && pwd)
exec 3<"$keep"
mount -t tmpfs tmpfs /run
mkdir -p /run/routerd-init/config /run/routerd-lab
mount --rbind /proc/self/fd/3/routerd-lab /run/routerd-lab
exec 3<&-
cp "$1"/* /run/routerd-init/config/
[ ! -e "$1/../faults" ] || cp "$1/../faults" /run/routerd-init/faults
shift
exec "$@"
"""


def ucode() -> str:
    """The program: where ROUTERD_UCODE says, else on the PATH."""
    found = os.environ.get("ROUTERD_UCODE") or shutil.which("ucode")
    assert found, "no ucode here: name it by ROUTERD_UCODE"
    return found


class Router:
    """What the plugin finds on a router: the UCI that the daemon runs with, and what is wrong with a newer one."""

    def __init__(self, directory: Path) -> None:
        self._config = directory / "router" / "config"
        self._faults = directory / "router" / "faults"
        self._config.mkdir(parents=True)
        self._script = directory / "calls.uc"
        self._script.write_text(_CALLS)

    def write(self, uci: str, faults: str | None = None) -> None:
        """The UCI text of the daemon, and the lines of the faults."""
        (self._config / "routerd").write_text(uci)
        if faults is None:
            self._faults.unlink(missing_ok=True)
        else:
            self._faults.write_text(faults)

    def serves(self, socket: Path) -> None:
        """The daemon serves at this Unix socket."""
        self.write(f"config http\n\tlist listen '127.0.0.1:8121'\n\tlist listen 'unix:{socket}'\n")

    def calls(self, *calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers of the plugin's methods, called with these arguments one after the other."""
        run = [ucode(), str(self._script), str(PLUGIN.resolve()), json.dumps(calls)]
        argv = ["unshare", "--mount", "sh", "-c", _INSIDE, "sh", str(self._config), *run]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The answer of one method."""
        return self.calls((method, arguments))[0]
