"""A trial of a configuration that leaves DHCP to a server that stays, and what that server was told."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

from routerd.lab.daemon import Daemon
from tests.net.beside_scene import Beside, read
from tests.net.confirm_scene import Trial
from tests.net.kea_scene import KeaScene
from tests.net.own import kill
from tests.net.site import Site, soon

NOTE = "kept current by routerd"
"""What routerd's entries in Kea say."""
_DHCP = re.compile(r"  \[lan\.dhcp\]\n.*?(?=\n\[\[lan\.forward|\n\[probe\])", re.DOTALL)


class ServedTrial(Trial):
    """What is tried leaves DHCP to another server, as the configuration `other` does. `text` is without DHCP, `served`
    leaves it to that server and is otherwise the same.
    """

    def __init__(self, site: Site, other: str) -> None:
        super().__init__(site)
        found = _DHCP.search(other)
        assert found is not None
        section = found[0]
        self.served = _DHCP.sub(lambda _: section, self.text)
        self.tried = _DHCP.sub(lambda _: section, self.tried)
        self.text = _DHCP.sub("", self.text)
        self.told: Callable[[], object] = lambda: None

    @property
    def record(self) -> Path:
        """The file that remembers servers."""
        return self.files / "beside-servers"

    def everything(self) -> list[str]:
        """Also what the other server was told."""
        return [*super().everything(), str(self.told()), read(self.record)]

    def end(self, daemon: Daemon, *, helper_too: bool) -> None:
        """Kill the daemon; its helper takes back, or, without one, the next start does and then refuses to run."""
        if not helper_too:
            kill(daemon)
            return
        os.kill(self.helper(daemon), signal.SIGKILL)
        kill(daemon)
        assert self.start(text=self.config.read_text(), ready=False).process.wait(15) == 2

    def is_over(self) -> None:
        """Wait until whoever takes back is done."""
        soon("the trial is over", lambda: (self.mark() or {"snapshot": 0})["snapshot"] is None, limit=10.0)


def with_dnsmasq(site: Site, beside: Beside) -> ServedTrial:
    """A trial beside this dnsmasq."""
    trial = ServedTrial(site, beside.config)
    site.lab.directory.chmod(0o755)
    trial.told = lambda: beside.options_file.read_text() if beside.options_file.exists() else None
    return trial


def with_kea(site: Site, kea: KeaScene) -> ServedTrial:
    """A trial beside this Kea."""
    trial = ServedTrial(site, kea.text())
    trial.told = lambda: (NOTE in kea.file.read_text(), json.dumps(kea.config, sort_keys=True))
    return trial
