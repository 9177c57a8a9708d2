"""The wheel, installed with pipx and with uv."""

import os
import subprocess
from pathlib import Path

import pytest

from routerd import __version__
from tests.deb.packages import Built
from tests.net.managed import CHECKOUT

UV = CHECKOUT / ".cache/uv/bin/uv"
_PYTHON = "/usr/bin/python3"


@pytest.mark.parametrize(
    "install",
    [["pipx", "install", "--python", _PYTHON], [str(UV), "tool", "install", "--no-config", "--python", _PYTHON]],
    ids=["pipx", "uv"],
)
def test_the_wheel_is_installed_and_works(install: list[str], this: Built, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    homes = ("HOME", "PIPX_HOME", "PIPX_BIN_DIR", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR")
    env |= {name: str(tmp_path / name.lower()) for name in homes}
    subprocess.run([*install, str(this.wheel)], check=True, env=env, timeout=240)
    program = next(path for path in tmp_path.glob("*/routerd") if path.parent.name.endswith("bin_dir"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), *words], capture_output=True, text=True, check=False, env=env, cwd=tmp_path, timeout=60
        )

    assert run("--version").stdout == f"routerd {__version__}\n"
    # This machine may have an eth0 in another network.
    config = tmp_path / "routerd.toml"
    config.write_text((CHECKOUT / "configs/minimal.toml").read_text().replace('"eth0"', '"lan-of-none"'))
    checked = run("check", "--config", str(config))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "fine" in checked.stdout
    assert '"$schema"' in run("check", "--schema").stdout
    # The examples, of which manual pages are made, come with it.
    assert list(tmp_path.glob("**/share/doc/routerd/examples/reference.toml"))
