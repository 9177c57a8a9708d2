"""What a command does whose output cannot be written."""

import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).parents[2] / "configs" / "minimal.toml"


def test_a_full_disk_is_said_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        argv = [sys.executable, "-m", "routerd", "plan", "--config", str(CONFIG)]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == "routerd plan: the output cannot be written: No space left on device\n"
