"""What is installed: the wheel and the Debian package, of this checkout and of one with a higher version."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.net.managed import CHECKOUT

NEXT = "99.1.0"
_PARTS = ("routerd", "configs", "packaging", "pyproject.toml", "README.md", "LICENSE", "Makefile")
_EPOCH = "1600000000"


@dataclass(frozen=True, slots=True)
class Built:
    """One version of routerd."""

    wheel: Path
    package: Path


def built(directory: Path, checkout: Path = CHECKOUT) -> Built:
    """Both of a checkout. What is there was built by another worker of the same run."""
    directory.mkdir(exist_ok=True)
    with _locked(directory):
        if not list(directory.glob("*.deb")):
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
            _run([*pip, "--wheel-dir", str(directory), str(checkout)])
            package(checkout, next(directory.glob("*.whl")), directory)
    return Built(next(directory.glob("*.whl")), next(directory.glob("*.deb")))


def package(checkout: Path, wheel: Path, directory: Path) -> None:
    """Build the package of a wheel."""
    _run([str(checkout / "packaging/deb/build"), str(wheel), str(directory)])


def higher(directory: Path) -> Built:
    """The same program under a higher version, with a line more in the configuration that it brings."""
    checkout = directory / "checkout"
    directory.mkdir(exist_ok=True)
    with _locked(directory):
        if not checkout.exists():
            checkout.mkdir()
            for name in _PARTS:
                source, target = CHECKOUT / name, checkout / name
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
            (checkout / ".cache").symlink_to(CHECKOUT / ".cache")
            _replace(checkout / "routerd/__init__.py", r'(__version__ = )".*"', rf'\1"{NEXT}"')
            _replace(checkout / "pyproject.toml", r'(\nversion = )".*"', rf'\1"{NEXT}"')
            with (checkout / "packaging/deb/routerd.toml").open("a") as file:
                file.write("# A line of the next version.\n")
    return built(directory, checkout)


def _replace(path: Path, old: str, new: str) -> None:
    text, count = re.subn(old, new, path.read_text())
    assert count == 1
    path.write_text(text)


def _run(argv: list[str]) -> None:
    env = {**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": _EPOCH}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
