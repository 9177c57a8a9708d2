"""Reading /etc/config/routerd, and the network that it speaks of."""

import os
import re
from pathlib import Path
from typing import Final

from routerd.config.fault import ConfigError, ConfigFault, escape
from routerd.config.logical import SECRETS, Network, live_devices
from routerd.config.store import read_text
from routerd.config.uci import UciConfig, read_uci
from routerd.config.uci_names import Names
from routerd.config.uci_network import NETWORK
from routerd.config.uci_scheme import ENABLED, MAIN
from routerd.config.uci_text import Section, parse_uci
from routerd.system.ubus import network_dump

_DIRECTORIES: Final = ("/var/run/uci", "/etc/config")
"""Where UCI looks for files; what is in the first one wins."""

LEASES: Final = {"store": "sqlite:/etc/routerd/state/leases.db", "sync": "bindings"}
"""Where /etc/config says nothing: /var is in memory there, and leases, aliases and RIP's sequence are to last."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


class UciFile:
    """The file that `place` names: NAME, or its whole path; `network` is looked for at the same place.

    `made` is what it said last.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self.name = place.rpartition("/")[2]
        self.path = self._path(self.name)
        self.made = UciConfig(Names(self.name))
        self._sections: list[Section] = []

    def read(self) -> None:
        """Read both files; raises ConfigError where one of them cannot be read."""
        if not _NAME.fullmatch(self.name) or ("/" in self._place and not self._place.startswith("/")):
            fault = ConfigFault(
                escape(f"uci:{self._place}"), None, "is no name of a UCI file", "write uci:NAME or uci:/DIRECTORY/NAME"
            )
            raise ConfigError([fault])
        self.path = self._path(self.name)
        self._sections = parse_uci(read_text(self.path), self.name)
        self.resolve()

    def resolve(self) -> None:
        """Look at the network again, with the file as `read` found it; raises ConfigError."""
        self.made = read_uci(self._sections, self._network(), self.name)
        if "/" not in self._place:
            leases = self.made.data.setdefault("leases", {})
            leases.update({key: value for key, value in LEASES.items() if key not in leases})

    def disabled(self) -> ConfigFault | None:
        """Why routerd shall not run."""
        if self.made.enabled:
            return None
        section = next((each for each in self._sections if each.type == MAIN), None)
        where = f"{self.name}.{(section and section.name) or 'main'}"
        command = "" if section is not None and section.name else f"uci set {where}={MAIN}; "
        mend = f"run: {command}uci set {where}.{ENABLED}=1; uci commit {self.name}"
        return ConfigFault(f"{where}.{ENABLED}", None, "is not 1, so routerd is switched off", mend)

    def _network(self) -> Network:
        path = self._path(NETWORK)
        sections: list[Section] = []
        if os.path.lexists(path):
            sections = parse_uci(read_text(path, errors="replace"), NETWORK, SECRETS)
        dump = network_dump()
        try:
            return Network(sections, {} if dump is None else live_devices(dump))
        except ValueError:
            return Network(sections)

    def _path(self, name: str) -> str:
        if "/" in self._place:
            return str(Path(self._place).parent / name)
        paths = [f"{directory}/{name}" for directory in _DIRECTORIES]
        return next((path for path in paths if os.path.lexists(path)), paths[-1])
