"""The packages of openwrt/, read with make as OpenWrt's SDK reads them, and built as it would build them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[2]
FEED = TOP / "openwrt"
SDK = Path(__file__).parent / "sdk"
LIBRARIES = sorted(path.parent for path in FEED.glob("routerd-*/Makefile"))
PROGRAM = FEED / "routerd"


@dataclass(frozen=True, slots=True)
class Package:
    """What a Makefile says of one package."""

    name: str
    fields: dict[str, str]

    @property
    def depends(self) -> frozenset[str]:
        """The packages that are installed with it."""
        return frozenset(word.lstrip("+") for word in self.fields["DEPENDS"].split())


def packages(directory: Path, work: Path) -> dict[str, Package]:
    """The packages of a Makefile by their names;"""
    found: dict[str, Package] = {}
    fields: dict[str, str] = {}
    for line in make(directory, work, "all").splitlines():
        word, _, rest = line.partition(" ")
        if word == "PACKAGE":
            fields = {}
            found[rest] = Package(rest, fields)
        else:
            fields[word] = rest
    return {name: package for name, package in found.items() if not name.endswith("-src")}


def all_of(work: Path) -> dict[str, Package]:
    """Every package of the feed but LuCI's, by its name."""
    return {name: each for path in (PROGRAM, *LIBRARIES) for name, each in packages(path, work).items()}


def closure(name: str, known: dict[str, Package]) -> set[str]:
    """All packages that are installed with one, as far as they are ours."""
    found, waiting = set[str](), [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += known[each].depends if each in known else ()
    return found


def make(directory: Path, work: Path, *targets: str) -> str:
    """Run make on the Makefile with SDK_WORK = `work`; what it printed."""
    words = ["make", "-s", "-C", str(directory), f"TOPDIR={SDK}", f"SDK_WORK={work}", *targets]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("make"))


def build(directory: Path, name: str, work: Path, source: Path | None = None) -> Path:
    """Build a package out of `source`, and return its root directory."""
    install, package = work / "install", work / "package"
    install.mkdir(parents=True)
    package.mkdir()
    if source is not None:
        shutil.copytree(source, work / "source", symlinks=True)
    make(directory, work, f"build-{name}")
    shutil.copytree(install, package, dirs_exist_ok=True)
    return package
