"""The harness of `make test-kernel` itself: what it packs, what it makes of the console, and when it gives up."""

import io
import os
import random
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from tests.kernel import boot, cpio
from tests.kernel.boot import DeadlineError
from tests.kernel.modules import needed
from tests.kernel.tree import Tree
from tests.kernel.verdict import Verdict
from tests.kernel.write_log import FLUSH, FUA, MAGIC, disk_after, writes

_DEPENDENCIES = """\
kernel/net/a-b.ko:
kernel/net/middle.ko.xz: kernel/net/a-b.ko
kernel/net/top.ko: kernel/net/middle.ko.xz kernel/net/a-b.ko
"""


def test_modules_come_after_what_they_need() -> None:
    order = ["kernel/net/a-b.ko", "kernel/net/middle.ko.xz", "kernel/net/top.ko"]
    assert needed(_DEPENDENCIES, ["top"]) == order
    assert needed(_DEPENDENCIES, ["a_b", "middle", "top"]) == order
    with pytest.raises(KeyError, match="other"):
        needed(_DEPENDENCIES, ["other"])


@pytest.mark.skipif(shutil.which("busybox") is None, reason="needs busybox")
def test_the_archive_is_what_others_unpack(tmp_path: Path) -> None:
    tree = Tree()
    tree.put(cpio.file("usr/bin/odd", b"abcde", mode=0o755, mtime=1700000000))
    tree.put(cpio.link("bin", "usr/bin"))
    out = io.BytesIO()
    length = cpio.write(tree.entries(), out)
    assert length == len(out.getvalue())
    subprocess.run(["busybox", "cpio", "-idm"], input=out.getvalue(), cwd=tmp_path, check=True, capture_output=True)
    odd = tmp_path / "bin/odd"
    assert odd.read_bytes() == b"abcde"
    assert (odd.stat().st_mode & 0o777, int(odd.stat().st_mtime)) == (0o755, 1700000000)
    assert os.readlink(tmp_path / "bin") == "usr/bin"


def test_a_file_comes_with_the_links_that_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("x")
    (tmp_path / "real/name").symlink_to("../real/file")
    (tmp_path / "link").symlink_to("real")
    tree = Tree()
    tree.copy(tmp_path / "link/name")
    found = {entry.path: entry.content for entry in tree.entries()}
    top = str(tmp_path)[1:]
    assert found[f"{top}/link"] == b"real"
    assert found[f"{top}/real/name"] == b"../real/file"
    assert found[f"{top}/real/file"] == b"x"
    assert found[f"{top}/real"] == b""


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["ok one (0.1 s)", "2 failed", "ok two (0.1 s)", "2 passed, 0 failed"], None),
        (["ok one (0.1 s)", "not ok two (0.1 s)", "1 passed, 1 failed"], "1 of 2 tests failed"),
        (["ok one (0.1 s)"], "the machine ended before its tests did"),
        (["0 passed, 0 failed"], "no test ran"),
        (["ok one (0.1 s)", "2 passed, 0 failed"], "1 tests were told, but 2 counted"),
        ([], "the machine ended before its tests did"),
    ],
)
def test_the_verdict(lines: list[str], fault: str | None) -> None:
    verdict = Verdict()
    for line in lines:
        verdict.take(line)
    assert verdict.fault() == fault


# ---------------------------------------------------------------- a disk that loses power

_SECTOR = 512


def written(*requests: tuple[int, bytes, int]) -> bytes:
    """A log of requests: the sector, what is written there, and the flags."""
    log = struct.pack("<QQQI", MAGIC, 1, len(requests), _SECTOR).ljust(_SECTOR, b"\0")
    for sector, data, flags in requests:
        log += struct.pack("<QQQQ", sector, len(data) // _SECTOR, flags, 0).ljust(_SECTOR, b"\0") + data
    return log


def sector(text: str) -> bytes:
    return text.encode().ljust(_SECTOR, b".")


def test_the_log_of_writes_is_read_as_far_as_it_goes() -> None:
    log = written((1, sector("a"), 0), (0, b"", FLUSH), (2, sector("b") + sector("c"), FUA))
    whole = list(writes(log))
    assert [(write.at, len(write.data), write.flags) for write in whole] == [
        (512, 512, 0),
        (0, 0, FLUSH),
        (1024, 1024, FUA),
    ]
    assert whole[-1].end == len(log)
    for end in range(_SECTOR, len(log)):
        assert list(writes(log[:end])) == [write for write in whole if write.end <= end]
    assert list(writes(log + bytes(4096))) == whole
    with pytest.raises(ValueError, match="no log"):
        list(writes(bytes(4096)))


def test_power_that_is_lost_loses_nothing_that_was_flushed() -> None:
    log = written(
        (0, sector("old"), 0),
        (1, sector("kept"), 0),
        (0, b"", FLUSH),
        (0, sector("new"), 0),
        (2, sector("forced"), FUA),
    )
    ends = set()
    for seed in range(50):
        disk = disk_after(bytearray(3 * _SECTOR), list(writes(log)), random.Random(seed))
        assert disk[_SECTOR:] == sector("kept") + sector("forced")
        ends.add(bytes(disk[:_SECTOR]))
    assert ends == {sector("old"), sector("new")}


def booted(monkeypatch: pytest.MonkeyPatch, script: str, limit: float) -> list[str]:
    """What the harness hands on of a machine that is a shell script."""
    monkeypatch.setattr(boot, "_QEMU", ["sh"])
    monkeypatch.setattr(boot, "_command", lambda *_: ["sh", "-c", script])
    with open(os.devnull, "rb") as initrd:
        return list(boot.lines(Path("kernel"), initrd, limit))


def test_the_console_is_handed_on_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    script = r"printf '\033[2J\033[0mfirst\r\nsec'; sleep 0.1; printf 'ond\n\nlast'"
    assert booted(monkeypatch, script, 20) == ["first", "second", "", "last"]


@pytest.mark.parametrize("script", ["exec sleep 60", "while :; do echo x; done"])
def test_a_machine_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    begun = time.monotonic()
    with pytest.raises(DeadlineError, match=r"not done after 0\.3 s"):
        booted(monkeypatch, script, 0.3)
    assert time.monotonic() - begun < 4
