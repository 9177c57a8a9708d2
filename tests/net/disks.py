"""A small file system of its own for routerd's leases, that can be filled, broken and frozen like a real one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from tests.net.site import Site, soon

_SIZE = 8 << 20


class Disk:
    """An ext4 file system in a file. It is mounted only in the mount namespace of the routerd that it starts."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._image, self._point = site.lab.directory / "disk.img", site.lab.directory / "disk"
        self._image.touch()
        os.truncate(self._image, _SIZE)
        self._point.mkdir()
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", self._image], check=True)
        self._pid = 0

    @property
    def config(self) -> str:
        """The example's configuration with the leases on this disk."""
        directory = self._site.lab.directory
        return self._site.config.replace(f"{directory}/leases.db", f"{self._point}/leases.db")

    @property
    def files(self) -> Path:
        """The directory as the running routerd sees it."""
        return Path(f"/proc/{self._pid}/root{self._point}")

    def start(self, text: str | None = None, *, read_only: bool = False, trouble: bool = False) -> Daemon:
        """Start routerd with the disk mounted, and wait until it is ready; with `read_only` or other `trouble` with
        the disk, until it answers.
        """
        site, directory = self._site, self._site.lab.directory
        config = site.write(self.config if text is None else text)
        mount = f"mount -o loop,errors=remount-ro {self._image} {self._point}"
        if read_only:
            mount += f"; mount -o remount,ro {self._point}"
        run = [sys.executable, "-m", "routerd", "run", "--config", str(config)]
        argv = ["unshare", "--mount", "sh", "-ec", f'{mount}; exec "$@"', "sh", *run]
        process = site.example.beta.popen(argv, name="routerd")
        self._pid = process.pid
        site.daemon = Daemon(site.example.beta, config, directory / "routerd.sock", process)
        if read_only or trouble:
            soon("routerd answers", lambda: site.daemon is not None and site.daemon.get("/livez")[0] == 200)
        else:
            site.daemon.wait_ready()
        return site.daemon

    def fill(self) -> None:
        """Leave no space."""
        with (self.files / "filler").open("wb", buffering=0) as file:
            for piece in (1 << 16, 1 << 10):
                with suppress(OSError):
                    while file.write(bytes(piece)):
                        pass

    def remount(self) -> None:
        """Let a file system that was read-only be written."""
        argv = ["nsenter", "--target", str(self._pid), "--mount", "mount", "-o", "remount,rw", str(self._point)]
        subprocess.run(argv, check=True)

    def make_room(self) -> None:
        """Give the space back."""
        (self.files / "filler").unlink()

    def break_down(self) -> None:
        """Make the kernel find the file system broken, so that it makes it read-only."""
        found = subprocess.run(["losetup", "-j", self._image], check=True, capture_output=True, text=True).stdout
        device = Path(found.partition(":")[0]).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Whatever writes hangs; until the block ends, or the test dies."""
        script = f"fsfreeze -f {self._point} && echo frozen && read _; fsfreeze -u {self._point}"
        argv = ["nsenter", "--target", str(self._pid), "--mount", "sh", "-c", script]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"frozen\n"
            yield


@pytest.fixture
def disk(site: Site) -> Disk:
    """A disk for the leases of the site's routerd."""
    if subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode:
        pytest.skip("there are no loop devices")
    return Disk(site)
