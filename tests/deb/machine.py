"""Host β of the example network as a Debian 12 of its own: the one of `scripts/setup deb`, with packages beside it.

Nothing of this machine but its kernel is in it, and nothing of it stays.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from routerd.lab.config import beta_config
from routerd.lab.daemon import Daemon
from tests.net.managed import CHECKOUT, CONFIG, UNITS, Managed, base_files, booted, is_up, put, systemd
from tests.net.site import Site, soon

ROOT = CHECKOUT / ".cache/debian/root"
NOT_OURS = ("proc", "sys", "dev", "run", "tmp", "lab", "srv", "var/log", "var/lib/dpkg", "var/cache/apt", "var/lib/apt")
"""What changes with every package, or is not the disk's."""

_UNITS = f"/etc/systemd/system:{UNITS}:/usr/local/lib/systemd/system:/usr/lib/systemd/system"
_APT = (
    "env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends"
    " -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)


class Debian:
    """A Debian in which packages are installed."""

    def __init__(self, host: Managed) -> None:
        self.host, self.site, self.beta = host, host.site, host.beta
        self._started = 0

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with all that it says in its output."""
        done = self.beta.run(self._enter("sh", "-c", 'exec 2>&1; exec "$@"', "sh", *argv), check=False, timeout=120)
        assert not check or done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def apt(self, *words: str, check: bool = True) -> str:
        """What apt-get says; it asks nobody. There is no network: packages of Debian are in its cache."""
        return self.run(*_APT.split(), *words, check=check).stdout

    def installed(self, name: str) -> bool:
        """Whether a package is installed."""
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name, check=False).stdout.startswith("ii")

    def there(self, *paths: str) -> list[str]:
        """Those of the paths that exist."""
        return [path for path in paths if self.run("test", "-e", path, check=False).returncode == 0]

    def files(self) -> dict[str, str]:
        """Every file of the disk with its kind, mode, owner and sum; what any package changes is left out."""
        skipped = " -o ".join(f"-path /{path}" for path in NOT_OURS)
        script = f"""
            find / -xdev \\( {skipped} \\) -prune -o -printf '%p\\t%y %m %u:%g %l\\n'
            find / -xdev \\( {skipped} \\) -prune -o -type f -exec sha256sum {{}} +
        """
        found: dict[str, str] = {}
        for line in self.run("sh", "-ec", script).stdout.splitlines():
            if "\t" in line:
                name, _, kind = line.partition("\t")
                found[name] = kind
            else:
                found[line[66:]] += line[:64]
        return found

    def configure(self, text: str = "") -> str:
        """Write the example's configuration, which it returns, and `text` behind it."""
        tunnel = self.site.example.tunnel_beta.interface
        made = beta_config(Path("/run/routerd"), tunnel, self.site.example.tunnel_a.keys.public) + text
        made = made.replace("sqlite:/run/routerd/", "sqlite:/var/lib/routerd/")
        made = made.replace("  [lan.dhcp]\n", "  [lan.dhcp]\n  authoritative = true\n")
        self.host.write(CONFIG, made)
        return made

    def start(self, *argv: str, program: str = "routerd") -> Daemon:
        """Start the daemon by hand, as the package's user; it is ready when this returns."""
        self._started += 1
        run = (program, "run", "--user", "routerd", *argv)
        process = self.beta.popen(self._enter(*run), name=f"routerd-{self._started}")
        daemon = Daemon(self.beta, Path(CONFIG), self.socket, process)
        daemon.wait_ready()
        return daemon

    @property
    def socket(self) -> Path:
        """The daemon's socket, by its path on this machine."""
        return Path(f"/proc/{self.host.init}/root/run/routerd/routerd.sock")

    def stop(self, daemon: Daemon) -> int:
        """End a daemon that was started by hand; its exit code."""
        self.run("sh", "-c", "kill -TERM $(cat /run/routerd/lock-*)")
        return daemon.process.wait(10)

    def said(self) -> str:
        """What the daemon that was started last has said."""
        return self.beta.log(f"routerd-{self._started}").read_text()

    def _enter(self, *argv: str) -> list[str]:
        enter = ["nsenter", "-t", str(self.host.init), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "--"]
        return [*enter, "env", "-i", "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv]


@contextmanager
def debian(site: Site, *packages: Path) -> Iterator[Debian]:
    """A Debian without systemd, with the packages in /srv and a policy that no service is started by a package."""
    _lay(site, packages, {"usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n"})
    (site.lab.directory / "files/usr/sbin/policy-rc.d").chmod(0o755)
    with booted(site, ROOT, "exec env -i container=lab sleep 1000") as host:
        machine = Debian(host)
        soon("the Debian has booted", lambda: _is_booted(machine))
        yield machine


@contextmanager
def debian_with_systemd(site: Site, *packages: Path) -> Iterator[Debian]:
    """A Debian that systemd runs. The first of the packages was installed before, when it did not run yet."""
    _lay(site, packages, base_files())
    install = f"PATH=/usr/sbin:/usr/bin {_APT} install systemd /srv/{packages[0].name}"
    with booted(site, ROOT, systemd(install, _UNITS)) as host:
        soon("systemd has started", lambda: is_up(host), 120)
        yield Debian(host)


def _lay(site: Site, packages: tuple[Path, ...], files: dict[str, str]) -> None:
    if not ROOT.is_dir():
        pytest.skip("needs a Debian: scripts/setup deb")
    put(site, files)
    target = site.lab.directory / "files/srv"
    target.mkdir()
    for package in packages:
        shutil.copy(package, target)


def _is_booted(machine: Debian) -> bool:
    assert machine.host._process.poll() is None, machine.beta.log("systemd").read_text()
    with suppress(OSError, IndexError):
        return Path(f"/proc/{machine.host.init}/cmdline").read_text() == "sleep\x001000\x00"
    return False
