"""routerd is killed under load, again and again: no acknowledged lease is missing, no address is held twice."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

from routerd.lab.daemon import Daemon
from routerd.lab.errors import LabError
from tests.net.site import Site

RATE = 500
LEASE = 20.0
GIADDR = "10.77.0.1"
POOL = "10.77.1.0-10.77.8.255"
_ASKING = 3.0
"""What asking routerd may take: leases that end meanwhile are not looked at."""
_SUBNET = f"""
    [[lan.dhcp.subnet]]
    subnet = "10.77.0.0/16"
    pools = ["{POOL}"]
    router = "{GIADDR}"
    lease_time = "{LEASE:g}s"
"""


class Load:
    """The clients behind the relay agent, in their own process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.counts: dict[str, int] = {}

    def go(self, *, calm: bool = False) -> None:
        """They begin, or go on; `calm`: they only renew."""
        self._tell("calm" if calm else "go")

    def hold(self) -> dict[str, list[Any]]:
        """They stop. What they were promised by now: (MAC, seconds) by address."""
        return self._ask("hold")

    def renew(self) -> dict[str, list[Any]]:
        """All that hold a lease renew it; what they were promised then. Fails if one is not acknowledged."""
        return self._ask("renew")

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _ask(self, word: str) -> dict[str, list[Any]]:
        assert self._process.stdout is not None
        self._tell(word)
        said = json.loads(self._process.stdout.readline())
        assert not said["wrong"], "\n".join(said["wrong"])
        assert not said.get("unanswered"), f"{said['unanswered']} renewals are not answered"
        self.counts = said["counts"]
        promised: dict[str, list[Any]] = said["promised"]
        return promised


@contextmanager
def loaded(site: Site, rate: float = RATE) -> Iterator[Load]:
    """Clients behind a relay agent that is on Endpoint B."""
    machine = site.example.b
    machine.ip("address add 192.168.200.22/24 dev lan0", f"address add {GIADDR}/32 dev lo", "link set lo up")
    site.example.beta.ip("route add 10.77.0.0/16 via 192.168.200.22 dev lan0")
    argv = [sys.executable, "-m", "tests.long.relay_clients", "192.168.200.2", GIADDR, str(rate), str(LEASE)]
    process = subprocess.Popen(machine.command(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Load(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(5)


def configuration(site: Site, sync: str) -> str:
    """The example's, with a network behind the relay agent, and leases stored like this."""
    text = site.plain.replace("[leases]", f'[leases]\nsync = "{sync}"', 1)
    at = text.index("\n[probe]")
    return text[:at] + _SUBNET + text[at:]


def kill_again_and_again(site: Site, load: Load, sync: str, kills: int, seed: int) -> None:
    """Kill routerd at random moments under load, start it again, and compare what it knows with what was promised."""
    rng = random.Random(seed)
    daemon = _start(site, sync)
    load.go()
    for number in range(kills):
        time.sleep(rng.uniform(0.1, 1.0))
        daemon.process.kill()
        daemon.process.wait()
        daemon = _start(site, sync)
        _compare(load.hold(), daemon)
        # New leases take renewals along to the disk, so every other time there are none.
        load.go(calm=number % 2 == 0)
    load.hold()
    _compare(load.renew(), daemon)
    assert "Traceback" not in site.log()


def _start(site: Site, sync: str) -> Daemon:
    try:
        return site.start(configuration(site, sync))
    except LabError as error:
        raise LabError(f"{error}\n{site.log()[-2000:]}") from None


def _compare(promised: dict[str, list[Any]], daemon: Daemon) -> None:
    """Fails if routerd does not show what was promised."""
    rows = {row["address"]: row for row in daemon.get("/v1/leases", timeout=10.0)[1]["leases"]}
    wrong = []
    for address, (mac, seconds) in promised.items():
        row = rows.get(address)
        if seconds < _ASKING:
            continue
        if row is None or (row["state"], row["mac"]) != ("bound", mac):
            wrong.append(f"{address} of {mac}, for {seconds:.1f} s more: {row and (row['state'], row['mac'])}")
    assert set(rows) <= {str(IPv4Address("10.77.0.0") + n) for n in range(1 << 16)}
    assert not wrong, "\n".join(wrong)
