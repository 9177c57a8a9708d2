"""Power is cut under load: the emulator is killed, and the disk loses what it was not told to flush.

python -m tests.kernel.power. The machine serves DHCP with its leases on an emulated disk with a write cache, and
tells every ACK on its console. It is killed at random moments; the emulator's log of all writes and flushes says what
the disk had to keep, and of all else a random part is dropped. Then the machine is booted with that disk, its kernel
mends the file system, its routerd reads the leases: every one that was acknowledged must be there. Besides, the log is
cut at many more moments, e2fsck mends what is left, and the lease file is read here.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

from routerd.dhcp.leases import BOUND
from routerd.dhcp.store import LeaseStore
from tests.kernel import boot, image
from tests.kernel.__main__ import script
from tests.kernel.write_log import FLUSH, Write, disk_after, writes

CUTS = ("always", "bindings", "always")
"""How leases are stored before each cut of the power."""
MORE_CUTS = 20
"""Other moments at which the log of each is cut."""
_ACKS = (100, 250)
_LIMIT = 240.0
_DISK_SIZE = 24 << 20
_CLIENTS_A_BOOT = 1 << 20

Leases = set[tuple[str, str]]
"""Address and MAC."""


class PowerError(Exception):
    """A lease is missing, or the machine did not do what it should."""


class Ack(NamedTuple):
    """A promise that was seen to leave, and how long the log of writes was by then at most."""

    address: str
    mac: str
    log_size: int


class Machine:
    """The emulated machine and its disk, over several boots. `promised` are all leases that were acknowledged."""

    def __init__(self, directory: Path, initrd: BinaryIO, tell: Callable[[str], None]) -> None:
        self._directory, self._initrd, self._tell = directory, initrd, tell
        self._disk, self._log = directory / "disk", directory / "log"
        self._disk.write_bytes(bytes(_DISK_SIZE))
        subprocess.run(["mkfs.ext4", "-q", self._disk], check=True)
        self.promised: Leases = set()
        self.boots = 0

    def boot(self, sync: str, wanted: int) -> list[Ack]:
        """Boot, compare the leases with what was promised, serve until so many ACKs were told, and cut the power."""
        self._log.write_bytes(b"")
        words = f"power.sync={sync} power.first={self.boots * _CLIENTS_A_BOOT}"
        self.boots += 1
        found: Leases = set()
        acks: list[Ack] = []
        lines = boot.lines(
            image.kernel(), self._initrd, _LIMIT, devices=_devices(self._disk, self._log), words=words, kill=True
        )
        with closing(lines):
            for line in lines:
                kind, *words_of = line.split()
                if kind == "LEASE" and words_of[2] == "bound":
                    found.add((words_of[0], words_of[1]))
                elif kind == "READY":
                    self._compare(f"boot {self.boots}", self.promised, found)
                elif kind == "ACK":
                    acks.append(Ack(words_of[0], words_of[1], self._log.stat().st_size))
                elif kind != "LEASE":
                    self._tell(line)
                if kind in ("READY", "ACK") and len(acks) >= wanted:
                    return acks
        raise PowerError("the machine ended by itself")

    def _compare(self, when: str, promised: Leases, found: Leases) -> None:
        missing = promised - found
        if missing:
            raise PowerError(f"{when}: {len(missing)} of {len(promised)} leases are missing: {sorted(missing)[:5]}")
        addresses = [address for address, _ in found]
        if len(addresses) != len(set(addresses)):
            raise PowerError(f"{when}: an address is held twice")
        self._tell(f"ok {when}: all {len(promised)} leases that were acknowledged are there")

    def cut(self, acks: list[Ack], rng: random.Random) -> None:
        """What the disk is like after the last boot; and, at other moments, would have been like."""
        before, done = self._disk_before, list(writes(self._log.read_bytes()))
        flushes = sum(bool(write.flags & FLUSH) for write in done)
        self._tell(f"# power cut after {len(acks)} ACKs, {len(done)} writes, {flushes} flushes")
        if not flushes:
            raise PowerError("the machine never told its disk to flush")
        first = acks[0].log_size
        for number in range(MORE_CUTS):
            until = rng.randint(first, done[-1].end)
            promised = self.promised | {(ack.address, ack.mac) for ack in acks if ack.log_size <= until}
            found = self._leases_after(before, [write for write in done if write.end <= until], rng)
            if promised - found:
                self._compare(f"boot {self.boots}, cut {number}", promised, found)
        self._tell(f"ok boot {self.boots}, cut at {MORE_CUTS} other moments: no lease that was acknowledged is missing")
        self.promised |= {(ack.address, ack.mac) for ack in acks}
        self._disk.write_bytes(disk_after(bytearray(before), done, rng))

    def remember_disk(self) -> None:
        """The disk as it is before the next boot."""
        self._disk_before = self._disk.read_bytes()

    def _leases_after(self, before: bytes, done: list[Write], rng: random.Random) -> Leases:
        """What the lease file says when the power is lost after these requests and the file system was mended."""
        work = self._directory / "cut"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        disk = work / "disk"
        disk.write_bytes(disk_after(bytearray(before), done, rng))
        mended = subprocess.run(["e2fsck", "-fy", disk], capture_output=True, text=True, check=False)
        if mended.returncode > 1:
            raise PowerError(f"e2fsck could not mend the file system: {mended.stdout}")
        for name in ("leases.db", "leases.db-wal"):
            subprocess.run(["debugfs", "-R", f"dump /{name} {work / name}", disk], check=True, capture_output=True)
        store = LeaseStore(str(work / "leases.db"))
        store.open()
        try:
            rows = [row for found in store.load(0.0).values() for row in found if row.state == BOUND]
        finally:
            store.close()
        return {(".".join(map(str, row.address.to_bytes(4, "big"))), row.hardware[1:].hex(":")) for row in rows}


def _devices(disk: Path, log: Path) -> list[str]:
    # Not an NVMe disk: the emulator takes writes that must not stay in the cache (FUA) for ordinary ones there. To this
    # one the kernel sends a flush instead.
    nodes = (
        f"driver=file,node-name=file,filename={disk}",
        f"driver=file,node-name=log,filename={log}",
        "driver=blklogwrites,node-name=disk,file=file,log=log,log-sector-size=512",
    )
    return [*(word for node in nodes for word in ("-blockdev", node)), "-device", "virtio-blk-pci,drive=disk"]


def run(tell: Callable[[str], None], seed: int) -> None:
    """Cut the power again and again. Raises `PowerError` if a lease was lost."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=image.CACHE) as directory, tempfile.TemporaryFile(dir=image.CACHE) as initrd:
        image.build(initrd, script([sys.executable, "-m", "tests.kernel.guest.power"]))
        machine = Machine(Path(directory), initrd, tell)
        for sync in CUTS:
            machine.remember_disk()
            machine.cut(machine.boot(sync, rng.randint(*_ACKS)), rng)
        machine.boot(CUTS[-1], 0)


def main() -> int:
    """Tells every line with the seconds since the start. Returns 0 only if nothing was lost."""
    begun, seed = time.monotonic(), random.randrange(1 << 32)
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f}  {line}", flush=True)

    fault = None
    try:
        run(tell, seed)
    except (PowerError, image.ImageError, boot.DeadlineError) as error:
        fault = f"{error} (seed {seed})"
    except KeyboardInterrupt:
        fault = "interrupted"
    tell(f"test-kernel: power cuts failed: {fault}" if fault else f"test-kernel: {len(CUTS)} power cuts, all passed")
    return 1 if fault else 0


if __name__ == "__main__":
    raise SystemExit(main())
