"""The machine that is booted: a kernel with its modules, this machine's programs, Python, and this checkout."""

import compileall
import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from packaging.requirements import Requirement

from tests.kernel import cpio
from tests.kernel.modules import needed
from tests.kernel.tree import Tree

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache/kernel"

_MODULES = (
    *("wireguard", "veth", "bridge", "8021q", "dummy", "nf_tables", "nf_conntrack", "nf_conntrack_netlink"),
    *("virtio_pci", "virtio_blk"),
    *("nft_chain_nat", "nft_nat", "nft_masq", "nft_redir", "nft_ct", "nft_fib_inet", "nft_reject_inet", "nft_log"),
)
_BUILT_IN_LATER = ("nft_objref",)
"""Modules of older kernels only."""
_PROGRAMS = ("sh", "ip", "nft", "wg", "ping", "busybox")
_DISTRIBUTIONS = ("routerd", "pytest")
_APPLETS = "applets"
"""Where busybox stands in for programs that are not copied; the last directory to be searched."""
_UNUSED = frozenset(
    {
        *("test", "idlelib", "lib2to3", "pydoc_data", "ensurepip", "tkinter", "turtledemo", "distutils", "venv"),
        *("site-packages", "dist-packages", Path(sysconfig.get_makefile_filename()).parent.name),
    }
)
"""Folders of the standard library that nobody here needs."""
_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


class ImageError(Exception):
    """The image cannot be made; the text says what is missing."""


def release() -> str:
    """The release of the kernel in the cache, where scripts/setup has put it."""
    try:
        return (CACHE / "release").read_text().strip()
    except OSError:
        raise ImageError(f"no kernel in {CACHE.relative_to(CHECKOUT)}: scripts/setup kernel") from None


def kernel() -> Path:
    """The kernel's own file."""
    return CACHE / "boot" / f"vmlinuz-{release()}"


def build(out: BinaryIO, init: str) -> int:
    """Writes the archive; `init` is the script that runs first. Returns its length."""
    tree = Tree()
    _add_base(tree, init)
    _add_modules(tree)
    _add_programs(tree)
    _add_python(tree)
    _add_checkout(tree)
    tree.copy_libraries()
    length = cpio.write(tree.entries(), out)
    out.flush()
    return length


def _add_base(tree: Tree, init: str) -> None:
    tree.put(cpio.file("init", init.encode(), mode=0o755))
    for name in ("dev", "proc", "sys", "run", "tmp", "root", "mnt", "var/lib", "etc/wireguard"):
        tree.put(cpio.directory(name))
    tree.put(cpio.link("var/run", "/run"))
    for name, text in _TEXTS.items():
        tree.put(cpio.file(name, text.encode()))


def _add_modules(tree: Tree) -> None:
    source = CACHE / "lib/modules" / release()
    target = f"{tree.follow('/lib')}/modules/{release()}"[1:]
    dependencies = (source / "modules.dep").read_text()
    older = [name for name in _BUILT_IN_LATER if f"/{name}.ko" in dependencies]
    try:
        files = needed(dependencies, (*_MODULES, *older))
    except KeyError as error:
        raise ImageError(f"the kernel {release()} has no module {error}") from None
    for name in [*files, "modules.dep", "modules.alias", "modules.symbols", "modules.builtin", "modules.order"]:
        tree.put(cpio.file(f"{target}/{name}", (source / name).read_bytes()))


def _add_programs(tree: Tree) -> None:
    paths = {name: shutil.which(name) for name in _PROGRAMS}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise ImageError(f"not installed: {', '.join(missing)}: scripts/setup kernel")
    for path in paths.values():
        tree.copy(str(path))
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in sorted(set(applets) - set(_PROGRAMS)):
        tree.put(cpio.link(f"{_APPLETS}/{name}", str(paths["busybox"])))
    # The kernel itself runs this program where it lacks a module.
    tree.put(cpio.link(f"{tree.follow('/sbin')}/modprobe"[1:], str(paths["busybox"])))
    tree.follow("/bin")


def _add_python(tree: Tree) -> None:
    tree.copy(sys.executable)
    tree.copy(Path(sys.prefix, "pyvenv.cfg"))
    tree.copy_all(sysconfig.get_path("stdlib"), _UNUSED)
    tree.copy_all(sysconfig.get_path("platstdlib"), _UNUSED)
    for name in _distributions():
        for path in importlib.metadata.distribution(name).files or ():
            located = Path(str(path.locate()))
            if located.is_file():
                tree.copy(located)


def _distributions() -> Iterator[str]:
    """The installed distributions that routerd and pytest need, with themselves."""
    waiting, seen = list(_DISTRIBUTIONS), set(_DISTRIBUTIONS)
    while waiting:
        name = waiting.pop()
        yield name
        for text in importlib.metadata.distribution(name).requires or ():
            requirement = Requirement(text)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and requirement.name not in seen:
                seen.add(requirement.name)
                waiting.append(requirement.name)


def _add_checkout(tree: Tree) -> None:
    for name in ("routerd", "tests/kernel"):
        # An emulated processor takes long to compile.
        compileall.compile_dir(CHECKOUT / name, quiet=2)
        tree.copy_all(CHECKOUT / name)
    for name in ("packaging", "configs"):
        tree.copy_all(CHECKOUT / name)
    own = ("nat_scene", "site", "config_scene", "vlan_scene")
    for name in ("__init__", "nat/__init__", "nat/parts", "net/__init__", *(f"net/{name}" for name in own)):
        tree.copy(CHECKOUT / f"tests/{name}.py")
    tree.copy(CHECKOUT / "pyproject.toml")
