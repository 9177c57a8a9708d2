"""routerd as its packages put it on a router: byte code alone, with the packaged libraries alone."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

from tests.openwrt.feed import LIBRARIES, PROGRAM, all_of, build, closure
from tests.openwrt.split import only

LIBRARY = "usr/lib/routerd"
FROM_FEED = ("attrs", "idna", "typing-extensions")


def trees(work: Path, fetch: Callable[[str, Path], None]) -> dict[str, Path]:
    """What is installed with the package routerd, by package. `fetch` puts the source of a project in a directory."""
    found = {}
    for directory in _installed(work):
        project = directory.name.removeprefix("routerd-")
        source = work / f"source-{project}"
        source.mkdir()
        fetch(project, source)
        # Some sources have their modules in src, and what is installed never has.
        (source / "src").symlink_to(".")
        found[directory.name] = build(directory, directory.name, work / project, source)
    found["routerd"] = build(PROGRAM, "routerd", work / "routerd")
    return {name: as_byte_code(tree) for name, tree in found.items()}


def _installed(work: Path) -> list[Path]:
    (work / "feed").mkdir(parents=True)
    names = closure("routerd", all_of(work / "feed"))
    return [directory for directory in LIBRARIES if directory.name in names]


def as_byte_code(tree: Path, *, columns: bool = False) -> Path:
    """Compile it as OpenWrt's Python packages do, and take the sources away."""
    environment = {**os.environ, **({} if columns else {"PYTHONNODEBUGRANGES": "1"})}
    words = [sys.executable, "-m", "compileall", "-q", "-b", "-s", str(tree), str(tree)]
    subprocess.run(words, check=True, env=environment, timeout=120)
    for path in tree.rglob("*.py"):
        path.unlink()
    for path in tree.rglob("__pycache__"):
        shutil.rmtree(path)
    return tree


def installed(work: Path) -> Path:
    """The root of a router, with the libraries that this Python has. Who comes while it is made waits for it."""
    work.mkdir(parents=True, exist_ok=True)
    root = work / "root"
    with open(work / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            for tree in trees(work, _fetch).values():
                shutil.copytree(tree, work / "part", dirs_exist_ok=True)
            for project in FROM_FEED:
                _fetch(project, work / "feed-part" / LIBRARY)
            shutil.copytree(as_byte_code(work / "feed-part"), work / "part", dirs_exist_ok=True)
            (work / "part").rename(root)
    return root


def _fetch(project: str, directory: Path) -> None:
    for file in distribution(project).files or ():
        if file.suffix == ".py":
            target = directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)


def python(root: Path, work: Path, code: str) -> list[str]:
    """Runs `code` with that routerd, its libraries, and the part of Python's that the packages it names have."""
    work.mkdir(exist_ok=True)
    names = closure("routerd", all_of(work))
    code = f"{only(names)}\nsys.path.insert(0, {str(root / LIBRARY)!r})\n{code}"
    return [sys.executable, "-I", "-S", "-c", code]


def command(root: Path, work: Path) -> list[str]:
    """Starts that routerd."""
    return python(root, work, "from routerd.cli import main; sys.exit(main())")
