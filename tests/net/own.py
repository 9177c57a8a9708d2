"""routerd on Host β with directories of its own: started as any user, killed, cleaned up after, and looked at."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from routerd.lab.config import beta_config
from routerd.lab.daemon import Daemon
from routerd.lab.errors import LabError
from tests.net.site import Site

UID = 64121
"""A user that no machine has an entry for."""

_STATE = """
nft list ruleset
ip -4 route show table all
ip -6 route show table all
ip rule
ip -o address | sed 's/^[0-9]*: //; s/ valid_lft.*//'
ip neighbour show nud permanent
ip neighbour show proxy
cd /proc/sys/net/ipv4
grep -rH . conf ip_forward
"""

_TABLE = re.compile(r"^table inet routerd \{$.*?^\}$", re.MULTILINE | re.DOTALL)


class Own:
    """What a daemon needs of Host β. Its /run/routerd is a directory of the lab, for it alone."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.beta = site.example.beta
        self.tunnel = site.example.tunnel_beta.interface
        self.files, self.runtime = site.lab.directory / "own", site.lab.directory / "run"
        self.config = site.lab.directory / "routerd.toml"
        self.text = beta_config(self.files, self.tunnel, site.example.tunnel_a.keys.public)
        self.socket = self.files / "routerd.sock"
        site.lab.directory.chmod(0o711)
        self.runtime.mkdir()
        # Where the lab's directory is mounted; every daemon makes it anyway.
        Path("/run/routerd").mkdir(exist_ok=True)

    def command(self, *words: str, prefix: Sequence[str] = (), config: Path | None = None) -> list[str]:
        """The command line of `routerd`, behind `prefix`."""
        mount = ["sh", "-ec", 'mount --bind "$1" /run/routerd; shift; exec "$@"', "sh", str(self.runtime)]
        return [*mount, *prefix, sys.executable, "-m", "routerd", *words, "--config", str(config or self.config)]

    def run(
        self, *words: str, prefix: Sequence[str] = (), config: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of routerd to its end."""
        return self.beta.run(self.command(*words, prefix=prefix, config=config), check=False, timeout=20)

    def start(self, *options: str, text: str | None = None, prefix: Sequence[str] = (), ready: bool = True) -> Daemon:
        """Start the daemon."""
        self.config.write_text(text or self.text)
        argv = self.command("run", *options, prefix=prefix)
        daemon = Daemon(self.beta, self.config, self.socket, self.beta.popen(argv, name="routerd"))
        if ready:
            try:
                daemon.wait_ready()
            except LabError as error:
                raise LabError(f"{error}\n{self.site.log()}") from None
        return daemon

    def clean(self, *, config: Path | None = None) -> dict[str, Any]:
        """What `routerd clean` says it did; it must have done all."""
        done = self.run("clean", "--json", config=config)
        assert (done.returncode, done.stderr) == (0, "")
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def state(self) -> list[str]:
        """Everything of the namespace that a daemon could change, line by line; its table of rules is one line."""
        text = _TABLE.sub("table inet routerd", self.beta.run(["sh", "-ec", _STATE]).stdout)
        return sorted(re.sub(r"\s+", " ", line).strip() for line in text.splitlines())

    def table(self) -> str:
        """The first line of the table of rules, with the kernel's number of it: one that is made anew has another."""
        return self.beta.run(["nft", "-a", "list", "table", "inet", "routerd"]).stdout.partition("\n")[0]

    def originals(self) -> list[Path]:
        """The files that remember settings."""
        return sorted(self.runtime.glob("sysctl-*.json"))


def kill(daemon: Daemon) -> None:
    """End it so that it can do nothing about it."""
    daemon.process.kill()
    daemon.process.wait()
