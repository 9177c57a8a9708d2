"""The helper process of a trial starts however routerd is installed."""

import compileall
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import routerd

_PARTS = ("__init__.py", "system/__init__.py", "system/confirm_guard.py", "system/confirm_watch.py")
_TRIAL = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from routerd.system import confirm_guard
confirm_guard._TAKE_BACK = "import sys; print('takes back', *sys.argv[2:], file=sys.stderr)"
guard = confirm_guard.Guard("first", time.clock_gettime(time.CLOCK_BOOTTIME) + 60)
guard.dismiss()
print("dismissed", guard._process.returncode)
guard = confirm_guard.Guard("second", time.clock_gettime(time.CLOCK_BOOTTIME) + 60)
guard._pipe.close()
print("left alone", guard._process.wait(10))
"""


@pytest.mark.parametrize("sources", [True, False], ids=["sources", "byte code"])
@pytest.mark.parametrize("archive", [False, True], ids=["files", "zip"])
def test_it_starts_from(archive: bool, sources: bool, tmp_path: Path) -> None:
    place = tmp_path / "routerd"
    for part in _PARTS:
        (place / part).parent.mkdir(parents=True, exist_ok=True)
        (place / part).write_bytes((Path(routerd.__file__).parent / part).read_bytes())
    if not sources:
        assert compileall.compile_dir(place, legacy=True, quiet=1)
        for path in place.rglob("*.py"):
            path.unlink()
    where = tmp_path
    if archive:
        where = tmp_path / "routerd.zip"
        with zipfile.ZipFile(where, "w") as written:
            for path in place.rglob("*.py*"):
                written.write(path, path.relative_to(tmp_path))
    words = [sys.executable, "-I", "-S", "-c", _TRIAL, str(where)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30, cwd="/")
    assert (done.stdout, done.stderr) == ("dismissed 0\nleft alone 0\n", "takes back second\n")
