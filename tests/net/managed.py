"""systemd as the first process of Host β: with /usr of this machine, a root file system that is thrown away, and /run,
/proc, control groups and process numbers of its own. It runs routerd by the unit that is shipped.

Of all units there are only those that are needed here: nothing of this machine is started, mounted or set.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from routerd.lab.config import beta_config
from routerd.lab.daemon import Daemon
from routerd.lab.state import SOCKETS
from tests.net.site import Site, soon

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEMD = "/lib/systemd/systemd"
UNITS = "/etc/systemd/lab"
CONFIG = "/etc/routerd/routerd.toml"
_TARGETS = ("sysinit", "basic", "network", "network-pre", "multi-user", "shutdown")
_EMPTY = "[Unit]\nDescription=Nothing\nDefaultDependencies=no\n"
_JOURNAL = f"""\
{_EMPTY}Requires=systemd-journald.socket
[Service]
Type=notify
ExecStart=/lib/systemd/systemd-journald
Sockets=systemd-journald.socket
StandardOutput=null
"""
_JOURNAL_SOCKET = f"""\
{_EMPTY}[Socket]
ListenDatagram=/run/systemd/journal/socket
ListenStream=/run/systemd/journal/stdout
PassCredentials=yes
Timestamping=us
Service=systemd-journald.service
"""

# Only what is a network namespace's own can be set below /proc/sys.
_BOOT = """
lab=$1 group=$2 lower=$3
root=$lab/root
until grep -q "/$group$" /proc/self/cgroup; do sleep 0.01; done
mkdir "$lab/disk" "$root"
mount -t tmpfs -o mode=755 tmpfs "$lab/disk"
mkdir "$lab/disk/upper" "$lab/disk/work"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$lab/disk/upper,workdir=$lab/disk/work" "$root"
cp -a "$lab/files/." "$root"
mkdir -p "$root/lab"
mount --bind "$lab" "$root/lab"
if [ "$lower" = / ]; then
    mkdir -p "$root/opt/checkout"
    mount --bind @CHECKOUT@ "$root/opt/checkout"
fi
cd "$root"
for name in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $name; done
mkdir -p dev/pts dev/shm run/wireguard
for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount --bind @SOCKETS@ run/wireguard
mount -t sysfs -o ro sysfs sys
exec unshare --fork --pid --cgroup --ipc --uts --kill-child sh -ec '
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
pivot_root . mnt
umount -l mnt
@INIT@
'
"""
_INIT = """\
{before}
exec env -i container=lab PATH=/usr/sbin:/usr/bin SYSTEMD_UNIT_PATH={units} \\
    setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-sys_boot,-mac_admin,-syslog \\
    {systemd} --system --unit=lab.target --log-target=journal --log-level=info --show-status=0
"""


class Managed:
    """routerd by its unit on Host β."""

    def __init__(self, site: Site, process: subprocess.Popen[str]) -> None:
        self.site, self.beta = site, site.example.beta
        self._process, self.number = process, process.pid

    @property
    def init(self) -> int:
        """The first process, by its number on this machine."""
        below = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(below[0])

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, beside the services."""
        enter = ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "--"]
        return self.beta.run([*enter, *argv], check=check)

    def systemctl(self, *words: str, check: bool = True) -> str:
        """What `systemctl` says."""
        return self.run("systemctl", "--no-pager", *words, check=check).stdout

    def start(self) -> None:
        """Start the unit; it has said that it is ready when this returns."""
        done = self.run("systemctl", "start", "routerd", check=False)
        assert done.returncode == 0, self.log()

    def show(self, name: str) -> str:
        """One property of the unit."""
        return self.systemctl("show", "--value", "-p", name, "routerd").strip()

    def write(self, path: str, text: str) -> None:
        """Write a file where the services see it."""
        self.run("sh", "-ec", 'mkdir -p "${1%/*}"; printf %s "$2" > "$1"', "sh", path, text)

    def inside(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command of root's that sees files as the daemon does."""
        main = self.show("MainPID")
        return self.run("nsenter", "-t", main, "-m", "--", *argv, check=False)

    def pid(self) -> int:
        """The daemon, by its number on this machine."""
        wanted = self.show("MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                rows = dict(line.split(":", 1) for line in status.read_text().splitlines())
                numbers = rows.get("NSpid", "").split()
                if numbers[-1:] == [wanted] and len(numbers) == 2 and _same_namespace(status.parent, self.init):
                    return int(numbers[0])
        raise AssertionError(f"no process {wanted}")

    def daemon(self) -> Daemon:
        """The daemon, to be asked."""
        socket = Path(f"/proc/{self.init}/root/run/routerd/routerd.sock")
        return Daemon(self.beta, Path(CONFIG), socket, self._process)

    def log(self) -> str:
        """What systemd and the daemon have said."""
        return self.run("journalctl", "-o", "short-monotonic", "--no-pager").stdout

    def logged(self, text: str) -> str:
        """The lines of the journal that hold the text."""
        return "".join(line for line in self.log().splitlines() if text in line)

    def end(self) -> None:
        """End systemd, and with it all that it runs."""
        with suppress(OSError, IndexError):
            os.kill(self.init, signal.SIGKILL)
        self._process.kill()
        self._process.wait()


def _same_namespace(process: Path, other: int) -> bool:
    return (process / "ns/pid").readlink() == Path(f"/proc/{other}/ns/pid").readlink()


@contextmanager
def managed(site: Site) -> Iterator[Managed]:
    """Host β with systemd, which runs nothing yet; skips the test where that is not possible."""
    if not Path(SYSTEMD).exists():
        pytest.skip("needs systemd")
    _files(site)
    with booted(site, Path("/"), systemd("systemd-sysusers")) as host:
        soon("systemd has started", lambda: is_up(host))
        yield host


def systemd(before: str, units: str = UNITS) -> str:
    """The commands that make systemd the first process when `before` is done. It knows the units in `units`."""
    return _INIT.format(before=before, units=units, systemd=SYSTEMD)


@contextmanager
def booted(site: Site, lower: Path, init: str) -> Iterator[Managed]:
    """Host β with the files of `lower`, over them those in the lab's "files"; `init` are the first process's commands.

    It has only begun to start. Skips the test where that is not possible.
    """
    group = _control_group(site.lab.id)
    if group is None:
        pytest.skip("needs control groups, version 2")
    try:
        script = _BOOT.replace("@INIT@", init)
        for name, value in {"CHECKOUT": CHECKOUT, "SOCKETS": SOCKETS}.items():
            script = script.replace(f"@{name}@", shlex.quote(str(value)))
        argv = ["unshare", "--mount", "sh", "-ec", script, "sh", str(site.lab.directory), group.name, str(lower)]
        host = Managed(site, site.example.beta.popen(argv, name="systemd"))
        (group / "cgroup.procs").write_text(str(host.number))
        try:
            yield host
        finally:
            host.end()
    finally:
        _remove(group)


def is_up(host: Managed) -> bool:
    """Whether systemd has started all that it shall."""
    assert host._process.poll() is None, host.beta.log("systemd").read_text()
    with suppress(OSError, IndexError):
        return "running" in host.systemctl("is-system-running", check=False)
    return False


def _control_group(name: str) -> Path | None:
    """A control group of the lab's own, where this process can make one."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    top = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    own = next((line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"), None)
    if top is None or own is None:
        return None
    here = top / own.lstrip("/")
    for left in here.glob("routerd-lab-*"):  # of tests that were killed
        _remove(left)
    group = here / f"routerd-lab-{name}"
    try:
        group.mkdir()
    except OSError:
        return None
    return group


def _remove(group: Path) -> None:
    """Remove an empty control group and those in it; the kernel lets go of the last process a moment after its end."""

    def gone() -> bool:
        for path in sorted(group.rglob("*/"), reverse=True):
            with suppress(OSError):
                path.rmdir()
        with suppress(OSError):
            group.rmdir()
        return not group.exists()

    if "populated 1" not in (group / "cgroup.events").read_text():
        gone()
    else:
        with suppress(Exception):
            soon("the control group is gone", gone, 5)


def base_files() -> dict[str, str]:
    """The units that a systemd has which starts nothing but the journal, and what names the machine."""
    return {
        "etc/hostname": "beta\n",
        "etc/machine-id": "22222222222222222222222222222222\n",
        **{f"{UNITS[1:]}/{name}.target": _EMPTY for name in _TARGETS},
        f"{UNITS[1:]}/lab.target": f"{_EMPTY}Requires=systemd-journald.service\nAfter=systemd-journald.service\n",
        f"{UNITS[1:]}/systemd-journald.service": _JOURNAL,
        f"{UNITS[1:]}/systemd-journald.socket": _JOURNAL_SOCKET,
    }


def put(site: Site, made: dict[str, str]) -> Path:
    """Write files for Host β, by their paths without the first slash; the directory that stands for its root."""
    files = site.lab.directory / "files"
    for name, content in made.items():
        target = files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return files


def _files(site: Site) -> None:
    """The files of Host β that are not this machine's."""
    python = getattr(sys, "_base_executable", sys.executable)
    packages = Path("/opt/checkout", Path(sysconfig.get_path("purelib")).relative_to(CHECKOUT))
    path = f"/opt/checkout:{packages}"
    start = f'#!/bin/sh\nexport PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1\nexec {python} -m routerd "$@"\n'
    text = beta_config(Path("/run/routerd"), site.example.tunnel_beta.interface, site.example.tunnel_a.keys.public)
    text = text.replace("sqlite:/run/routerd/", "sqlite:/var/lib/routerd/")
    files = put(site, {"usr/bin/routerd": start, CONFIG[1:]: text, **base_files()})
    (files / "usr/bin/routerd").chmod(0o755)
    for source, directory in (("routerd.service", UNITS[1:]), ("sysusers.conf", "usr/lib/sysusers.d")):
        (files / directory).mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / "packaging/systemd" / source, files / directory / source)
