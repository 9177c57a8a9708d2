"""dnsmasq, Kea and ISC dhcpd as they are, on a machine of the example network, with their lease files."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from routerd.lab.namespace import Namespace
from tests.net.site import Site, soon

FIRST, LAST = "192.168.200.100", "192.168.200.110"
LEASE_SECONDS = 1800
_PROGRAMS = {"dnsmasq": "dnsmasq", "kea": "kea-dhcp4", "isc": "dhcpd"}
_ISC = f"""
default-lease-time {LEASE_SECONDS};
max-lease-time {LEASE_SECONDS};
authoritative;
ping-check false;
subnet 192.168.200.0 netmask 255.255.255.0 {{
  range {FIRST} {LAST};
  option routers 192.168.200.1;
}}
"""


class OtherServer:
    """One server on the machine's lan0. `leases` is its lease file, which lasts while it is stopped."""

    def __init__(self, site: Site, machine: Namespace, name: str) -> None:
        if shutil.which(_PROGRAMS[name]) is None:
            pytest.skip(f"needs {_PROGRAMS[name]}")
        self.name, self._machine = name, machine
        self.directory: Path = site.lab.directory / f"{name}-{machine.role}"
        self.directory.mkdir()
        self.leases = self.directory / {"dnsmasq": "dnsmasq.leases", "kea": "kea.csv", "isc": "dhcpd.leases"}[name]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; it serves when this returns."""
        argv, environment = getattr(self, f"_{self.name}")()
        process = self._machine.popen(argv, name=self.name, env=environment)
        self._process = process

        def listens() -> bool:
            assert process.poll() is None, self._machine.log(self.name).read_text()[-2000:]
            said = self._machine.run(["ss", "-Hlunp", "sport = :67"]).stdout
            return f"pid={process.pid}," in said

        soon(f"{self.name} listens", listens)

    def stop(self) -> None:
        """End it as an administrator does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    def _dnsmasq(self) -> tuple[list[str], dict[str, str]]:
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=", "--user=root"]
        argv += ["--log-facility=-", "--interface=lan0", f"--dhcp-leasefile={self.leases}", "--no-ping"]
        argv += [f"--dhcp-range={FIRST},{LAST},255.255.255.0,{LEASE_SECONDS}", "--dhcp-option=3,192.168.200.1"]
        return argv, {}

    def _kea(self) -> tuple[list[str], dict[str, str]]:
        settings = {
            "interfaces-config": {"interfaces": ["lan0"]},
            "lease-database": {"type": "memfile", "persist": True, "name": str(self.leases)},
            "valid-lifetime": LEASE_SECONDS,
            "option-data": [{"name": "routers", "data": "192.168.200.1"}],
            "subnet4": [{"id": 1, "subnet": "192.168.200.0/24", "pools": [{"pool": f"{FIRST} - {LAST}"}]}],
            "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stderr"}]}],
        }
        config = self.directory / "kea.json"
        config.write_text(json.dumps({"Dhcp4": settings}))
        places = {"KEA_PIDFILE_DIR": str(self.directory), "KEA_LOCKFILE_DIR": str(self.directory)}
        return ["kea-dhcp4", "-c", str(config)], places

    def _isc(self) -> tuple[list[str], dict[str, str]]:
        config = self.directory / "dhcpd.conf"
        config.write_text(_ISC)
        self.leases.touch()
        files = ["-cf", str(config), "-lf", str(self.leases), "-pf", str(self.directory / "dhcpd.pid")]
        return ["dhcpd", "-4", "-f", "-d", *files, "lan0"], {}
