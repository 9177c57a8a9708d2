"""routerd with /etc/config/routerd on Host β of the example network."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.talk import tcp_talk
from tests.net.config_scene import _RUN, rename, seen
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

FIRST = "config routerd 'main'\n\toption enabled '1'\n"
DHCP = """
config dhcp
	option authoritative '1'
	list pools '192.168.200.50-192.168.200.199'
	option router '192.168.200.1'

config reservation
	option mac '02:00:00:00:00:22'
	option address '192.168.200.22'
"""
NETWORK = """
config interface 'loopback'
	option device 'lo'
	option proto 'static'

config interface 'lan'
	option proto 'static'
	option ipaddr '192.168.200.2/24'
	option device 'lan0'

config interface 'wg0'
	option proto 'wireguard'
	option private_key 'not-to-be-read'

config wireguard_wg0
	option description 'Anna'\\''s phone / work'
	option public_key '{key}'
	option preshared_key 'not-to-be-read'
	list allowed_ips '10.0.0.1/32'
"""
DUMP = Path(__file__).parents[1] / "config/uci/dump.json"
UBUS = """#!/bin/sh
[ "$1 $2 $3 $4 $5" = "-t 2 call network.interface dump" ] || exit 2
[ -e /mnt/dump.json ] || { echo "Command failed: Not found" >&2; exit 4; }
cat /mnt/dump.json
"""


class Router:
    """Host β with files of UCI, as a router has them, and a `ubus` if `dump` was called."""

    def __init__(self, site: Site, text: str, network: str = NETWORK) -> None:
        self.site, self.beta = site, site.example.beta
        self.tunnel = site.example.tunnel_beta.interface
        self.directory = site.lab.directory
        (self.directory / "config").mkdir()
        (self.directory / "bin").mkdir()
        self.write(text)
        (self.directory / "config/network").write_text(network.format(key=site.example.tunnel_a.keys.public))
        rename(self.beta, self.tunnel, "wg0")

    def write(self, text: str) -> None:
        (self.directory / "config/routerd").write_text(text)

    def ubus(self) -> None:
        """A `ubus` that knows of no interface before `dump`."""
        path = self.directory / "bin/ubus"
        path.write_text(UBUS)
        path.chmod(0o755)

    def dump(self) -> None:
        dump = json.loads(DUMP.read_text(encoding="utf-8"))
        for row in dump["interface"]:
            if row["interface"] == "lan":
                row["l3_device"] = row["device"] = "lan0"
        path = self.directory / "dump.json"
        path.with_suffix(".new").write_text(json.dumps(dump))
        path.with_suffix(".new").rename(path)

    def start(self) -> Daemon:
        program = self.beta.popen(self._command("run"), name="routerd")
        path = self.directory / "config/routerd"
        return Daemon(self.beta, path, self.directory / "run/routerd.sock", program)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.beta.run(self._command(*words), check=False)

    def _command(self, *words: str) -> list[str]:
        path = f"PATH=/mnt/bin:{Path(shutil.which('ip') or '').parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        own = ["env", path, sys.executable, "-m", "routerd", *words, "--config", "uci:/mnt/config/routerd"]
        return ["sh", "-ec", _RUN, "sh", str(self.directory), self.tunnel, *own]

    def log(self) -> str:
        return self.beta.log("routerd").read_text()


def reload(daemon: Daemon) -> list[dict[str, str]]:
    """SIGHUP: the faults of the new configuration, if it was refused."""
    before = daemon.get("/v1/status")[1]["config"]
    daemon.process.send_signal(signal.SIGHUP)
    soon("the reload is done", lambda: daemon.get("/v1/status")[1]["config"] != before)
    errors: list[dict[str, str]] = daemon.get("/v1/status")[1]["config"]["errors"]
    return errors


def test_a_first_start_and_what_is_added_to_it(site: Site) -> None:
    router, example = Router(site, FIRST), site.example
    example.b.ip("address add 192.168.200.22/24 dev lan0", "route add default via 192.168.200.1")
    checked = router.command("check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.endswith(": fine: 1 vpn, 1 named peer, 1 LAN, DHCP served on 0, 0 reservations\n")
    daemon = router.start()
    daemon.wait_ready()
    # No host has the route yet, and each can be reached.
    assert tcp_talk(example.a, example.b, "192.168.200.22").source == "192.168.200.2"
    soon("the peer is up", lambda: (daemon.peer("Anna's phone - work") or {}).get("reachable"))
    # With three lines more routerd serves DHCP, and the host has the route.
    router.write(FIRST + DHCP)
    assert reload(daemon) == []
    example.b.ip("address flush dev lan0")
    client = site.client()
    assert "10.0.0.0/24" in str(soon("there is a lease", client.lease))
    seen(example.a, example.b, "192.168.200.22", "10.0.0.1")
    # What is wrong is said in UCI's words, and what runs goes on.
    router.write(FIRST + DHCP.replace("50-192", "250-192"))
    (fault,) = reload(daemon)
    assert fault["path"] == "routerd.@dhcp[0].pools (line 6)"
    assert fault["value"] == "'192.168.200.250-192.168.200.199'"
    router.write(FIRST.replace("1", "0"))
    (fault,) = reload(daemon)
    assert str(fault["path"]) == "routerd.main.enabled"
    assert daemon.get("/v1/leases")[1]["leases"][0]["address"] == "192.168.200.22"
    router.write(FIRST + DHCP)
    assert reload(daemon) == []
    assert "Anna's phone - work" in router.command("status").stdout
    assert "not-to-be-read" not in router.log()
    assert daemon.stop() == 0


def test_an_interface_that_appears_after_the_start(site: Site) -> None:
    network = NETWORK.replace("\toption device 'lan0'\n", "")
    router = Router(site, FIRST + DHCP, network)
    router.ubus()
    assert "note: interface lan has no device yet" in router.command("check").stdout
    daemon = router.start()
    soon("it answers", lambda: daemon.get("/livez")[0] == 200)
    assert daemon.get("/readyz")[0] == 503
    soon("it is shown", lambda: "lan lan: the interface does not exist" in str(daemon.get("/v1/problems")[1]))
    assert "interface lan: has no device yet" in router.log()
    # A minute later, in short.
    router.dump()
    daemon.wait_ready()
    client = site.client()
    assert "10.0.0.0/24" in str(soon("there is a lease", client.lease))
    soon("it is said", lambda: "interfaces have got their devices" in router.log())
    assert daemon.stop() == 0


def test_it_does_not_run_where_it_is_switched_off(site: Site) -> None:
    router = Router(site, FIRST.replace("1", "0"))
    done = router.command("run")
    assert done.returncode == 0
    assert done.stderr == (
        "routerd: routerd.main.enabled: is not 1, so routerd is switched off; "
        "run: uci set routerd.main.enabled=1; uci commit routerd\n"
    )
    assert "note: routerd.main.enabled: is not 1" in router.command("check").stdout


def test_a_trial_is_taken_back(site: Site) -> None:
    router = Router(site, FIRST + DHCP)
    daemon = router.start()
    daemon.wait_ready()
    before = daemon.get("/v1/routes")[1]
    router.write(FIRST + "config lan\n\toption interface 'lan'\n\toption vpns 'none'\n" + DHCP)
    done = router.command("reload", "--confirm", "1s")
    assert done.returncode == 0, done.stderr
    assert daemon.get("/v1/routes")[1] != before
    soon("that from before is in force", lambda: daemon.get("/v1/routes")[1] == before)
    soon("it is said", lambda: "config uci:/mnt/config/routerd: not confirmed in time" in router.log())
    assert daemon.stop() == 0
