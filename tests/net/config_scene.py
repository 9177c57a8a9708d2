"""Files of configs/ as they are, in namespaces: the interfaces get the names that are in the file."""

import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from routerd.lab.daemon import Daemon
from routerd.lab.errors import LabError
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace
from routerd.lab.talk import tcp_talk
from tests.net.site import soon

CONFIGS = Path(__file__).parents[2] / "configs"

# The files name no paths, so the daemon takes the usual ones, where it finds the test's own. WireGuard's socket, if it
# has one, is called as the interface was before.
_RUN = """
mkdir -p "$1/run"
mount --bind "$1" /mnt
[ ! -e "/run/wireguard/$2.sock" ] || { touch /mnt/wg0.sock; mount --bind "/run/wireguard/$2.sock" /mnt/wg0.sock; }
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir /run/routerd /run/wireguard
mount --bind /mnt/run /run/routerd
[ ! -e /mnt/wg0.sock ] || { touch /run/wireguard/wg0.sock; mount --bind /mnt/wg0.sock /run/wireguard/wg0.sock; }
shift 2
exec "$@"
"""


class ConfigRun:
    """One file, and routerd with it on one machine of the lab.

    `secrets` are paths in it that are not there, each with the name of a file of the lab's directory that is.
    """

    def __init__(
        self, lab: Lab, machine: Namespace, name: str, *, tunnel: str = "", secrets: Mapping[str, str] | None = None
    ) -> None:
        self.machine, self.directory, self.tunnel = machine, lab.directory, tunnel
        self.path = CONFIGS / name
        if secrets:
            text = self.path.read_text(encoding="utf-8")
            for before, file in secrets.items():
                assert f'"{before}"' in text
                text = text.replace(f'"{before}"', f'"/mnt/{file}"')
            (lab.directory / name).write_text(text, encoding="utf-8")
            self.path = Path("/mnt", name)
        if tunnel:
            rename(machine, tunnel, "wg0")

    def start(self) -> Daemon:
        """Start the daemon, and wait until it is ready."""
        program = self.machine.popen(self._command("run"), name="routerd")
        daemon = Daemon(self.machine, self.path, self.directory / "run" / "routerd.sock", program)
        try:
            daemon.wait_ready()
        except LabError as error:
            raise LabError(f"{error}\n{self.log()}") from None
        return daemon

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of routerd to its end."""
        return self.machine.run(self._command(*words), check=False)

    def log(self) -> str:
        """What the daemon has said."""
        return self.machine.log("routerd").read_text()

    def _command(self, *words: str) -> list[str]:
        own = [sys.executable, "-m", "routerd", *words, "--config", str(self.path)]
        return ["sh", "-ec", _RUN, "sh", str(self.directory), self.tunnel or "none", *own]


def rename(machine: Namespace, before: str, wanted: str) -> None:
    """Give an interface another name. Routes that lead over it go, addresses stay."""
    machine.ip(f"link set {before} down", f"link set {before} name {wanted}", f"link set {wanted} up")


def seen(near: Namespace, far: Namespace, address: str, source: str) -> None:
    """Wait until `far` sees connections from `near` to this address of it come from `source`; each must succeed."""
    talk = partial(tcp_talk, near, far, address)
    soon(f"{far.role} sees {near.role} as {source}", lambda: talk().source == source, limit=10.0)


def fine(daemon: Daemon, *problems: str) -> None:
    """No problems are shown but these, by their codes, and the daemon ends as it should."""
    shown = daemon.get("/v1/problems")[1]["problems"]
    assert [one["code"] for one in shown] == list(problems), shown
    assert daemon.stop() == 0
