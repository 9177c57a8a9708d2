"""What routerd takes on a router, measured on a build without compiled parts: `make openwrt-size`.

The packages are made by the Makefiles of openwrt/, out of the wheels of packaging/requirements.lock that are for any
machine, and hold byte code alone, as OpenWrt installs it. Memory is that of the daemon in a network namespace.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from tests.openwrt import packaged
from tests.openwrt.feed import TOP
from tests.openwrt.packaged import FROM_FEED, LIBRARY

CACHE = TOP / ".cache" / "openwrt"
LOCK = TOP / "packaging" / "requirements.lock"
LIMIT = 2_000_000
_CONFIG = """
[[vpn]]
interface = "wg0"
prefixes = ["10.0.0.0/24"]
[[lan]]
interface = "br-lan"
[lan.dhcp]
pools = ["192.168.1.100-192.168.1.150"]
authoritative = true
[leases]
store = "sqlite:{directory}/leases.db"
sync = "bindings"
[http]
listen = ["unix:{directory}/routerd.sock"]
"""
_SCENE = """
set -e
ip link set lo up
ip link add br-lan type bridge
ip addr add 192.168.1.1/24 dev br-lan
ip link set br-lan up
exec "$@"
"""


def wheels() -> dict[str, Path]:
    """The wheels by the names of their projects; they are fetched once."""
    names = [line.split("==") for line in LOCK.read_text().splitlines() if "==" in line]
    wanted = {name: version.split()[0] for name, version in names}
    CACHE.mkdir(parents=True, exist_ok=True)
    found = {name: _wheel(name, version) for name, version in wanted.items()}
    if None in found.values():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", "download", "--no-deps"]
        arguments = ["--require-hashes", "--only-binary", ":all:", "--platform", "any", "--dest", str(CACHE)]
        subprocess.run([*pip, *arguments, "--requirement", str(LOCK)], check=True, timeout=600)
        found = {name: _wheel(name, version) for name, version in wanted.items()}
    return {name: path for name, path in found.items() if path is not None}


def _wheel(name: str, version: str) -> Path | None:
    return next(iter(CACHE.glob(f"{name.replace('-', '_')}-{version}-*.whl")), None)


def trees(work: Path) -> dict[str, Path]:
    """Every package as a router has it, by its name."""
    known = wheels()
    found = packaged.trees(work, lambda project, directory: _unpack(known[project], directory))
    for project in FROM_FEED:
        site = work / f"feed-{project}"
        _unpack(known[project], site / LIBRARY)
        # The feed leaves the columns of its own packages in.
        found[f"python3-{project} (feed)"] = packaged.as_byte_code(site, columns=True)
    return found


def _unpack(wheel: Path, directory: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        archive.extractall(directory, names)


def size(tree: Path) -> tuple[int, int, int]:
    """Bytes of the files, of a package (gzip), and on flash (squashfs with xz is near to that)."""
    plain = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return plain, _packed(tree, "gz"), _packed(tree, "xz")


def _packed(tree: Path, kind: str) -> int:
    buffer = io.BytesIO()
    mode: str = f"w:{kind}"
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        archive.add(tree, arcname=".")
    return buffer.tell()


def memory(found: dict[str, Path], work: Path) -> dict[str, int]:
    """The daemon's memory in kB, five seconds after its start, with DHCP served and HTTP on a socket."""
    path = [str(tree / LIBRARY) for tree in found.values()]
    config = work / "routerd.toml"
    config.write_text(_CONFIG.format(directory=work))
    start = f"import sys; sys.path[:0] = {path!r}; from routerd.cli import main; sys.exit(main())"
    daemon = [sys.executable, "-I", "-S", "-c", start, "run", "--config", str(config)]
    with open(work / "log", "w") as log:
        words = ["unshare", "--net", "--", "sh", "-c", _SCENE, "sh", *daemon]
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not (work / "routerd.sock").exists():
            assert process.poll() is None, (work / "log").read_text()
            assert time.monotonic() < deadline, (work / "log").read_text()
            time.sleep(0.1)
        time.sleep(5)
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) for line in lines}
    finally:
        process.terminate()
        process.wait(timeout=30)


def main() -> int:
    """Print the table; 1 where the packages are larger than they may be."""
    with tempfile.TemporaryDirectory() as name:
        found = trees(Path(name))
        compiled = [path for tree in found.values() for path in tree.rglob("*.so")]
        assert not compiled, compiled
        sizes = {package: size(tree) for package, tree in found.items()}
        print(f"{'package':32} {'files':>9} {'package':>9} {'flash':>9}   (bytes; Python {sys.version.split()[0]})")
        for package, row in sizes.items():
            print(f"{package:32} {row[0]:9,} {row[1]:9,} {row[2]:9,}")
        total = [sum(row[part] for row in sizes.values()) for part in range(3)]
        print(f"{'in all, beyond Python':32} {total[0]:9,} {total[1]:9,} {total[2]:9,}   at most {LIMIT:,} compressed")
        if os.geteuid() == 0:
            kilobytes = memory(found, Path(name))
            # What else is resident are pages of files: the kernel drops them, and shares them with other Pythons.
            own, pages = kilobytes["Anonymous"], kilobytes["Rss"]
            print(f"memory of the daemon: {pages:,} kB resident, of which {own:,} kB are its own (anonymous)")
        else:
            print("memory of the daemon: not measured, which needs root")
    return 1 if max(total[1:]) > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
