"""What the LuCI pages show and ask, found out with node and with LuCI's modules played."""

import json
import subprocess
from pathlib import Path
from typing import Any

APP = Path("openwrt/luci-app-routerd")
RESOURCES = APP / "htdocs/luci-static/resources"
STATUS = RESOURCES / "view/routerd/status.js"
SETTINGS = RESOURCES / "view/routerd/settings.js"
SCHEME = RESOURCES / "routerd/scheme.js"
_PLAYED = Path(__file__).with_name("luci_played.js")


def play(what: str, path: Path, **asked: Any) -> dict[str, Any]:
    """Load a file of LuCI, and say what it does."""
    text = json.dumps({"do": what, "path": str(path), **asked})
    done = subprocess.run(["node", str(_PLAYED)], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def played_status(answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the status page makes of these answers of the plugin's methods."""
    return play("status", STATUS, shown=str(RESOURCES / "routerd/shown.js"), answers=answers, **more)
