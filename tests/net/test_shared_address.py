"""`lan.address` that two machines share: only the holder serves, and names it as server and as next hop."""

import shutil
import subprocess
from pathlib import Path

import pytest

from routerd.lab.config import beta_config
from routerd.lab.daemon import Daemon, start_daemon
from routerd.lab.example import add_host
from routerd.lab.lease import Lease
from routerd.lab.namespace import Namespace
from routerd.lab.wireguard import create_tunnel
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

SHARED = "192.168.200.3"
MOVES_WITHIN = 2.0

_KEEPALIVED = """
global_defs {{
    router_id {name}
    vrrp_version 3
}}
vrrp_instance site {{
    interface lan0
    virtual_router_id 7
    state BACKUP
    nopreempt
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        {address}
    }}
}}
"""


class Pair:
    """Host β and a second one like it, with routerd on both and the same `lan.address`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.one = site.example.beta
        self.two = add_host(site.lab, site.example.lan, "beta2", address="192.168.200.4/24")
        tunnel = create_tunnel(site.lab, self.two, "c", port=51822)
        self.two.ip(
            "route add default via 192.168.200.1",
            f"address add 10.0.0.2/24 dev {tunnel.interface}",
            f"link set {tunnel.interface} up",
        )
        self.first = self._start(self.one, "one", site.example.tunnel_beta.interface)
        self.second = self._start(self.two, "two", tunnel.interface)

    def _start(self, machine: Namespace, name: str, interface: str) -> Daemon:
        directory = self.site.lab.directory / name
        directory.mkdir(mode=0o755)
        text = beta_config(directory, interface, self.site.example.tunnel_a.keys.public)
        path = directory / "routerd.toml"
        path.write_text(text.replace('interface = "lan0"\n', f'interface = "lan0"\naddress = "{SHARED}"\n'))
        return start_daemon(machine, path, directory / "routerd.sock")

    def wait_serving(self, holder: Daemon, other: Daemon, limit: float) -> None:
        """Wait until one of the two serves and the other does not."""
        soon(f"{holder.machine.role} serves", lambda: serving(holder) and not serving(other), limit)

    def lease(self) -> Lease:
        """What a client gets now, asking afresh."""
        client = self.site.client("udhcpc")
        try:
            return client.wait_lease()
        finally:
            client.stop()


def serving(daemon: Daemon) -> bool:
    """Does this routerd say that it serves, and are its sockets there?"""
    body = daemon.get("/v1/status")[1]
    lans = body["services"]["dhcp"]["lans"] if isinstance(body, dict) else []
    opened = bool(daemon.machine.run(["ss", "-Hlun", "sport = :67"]).stdout)
    assert opened or not any(lan["serving"] for lan in lans)
    return any(lan["serving"] for lan in lans)


def check_lease(lease: Lease) -> None:
    assert lease.address == "192.168.200.22"
    assert lease.server == SHARED
    assert ("10.0.0.0/24", SHARED) in lease.routes


def check_silent(daemon: Daemon) -> None:
    assert daemon.machine.run(["ss", "-Hlun", "sport = :67"]).stdout == ""
    problems = soon("it says why", lambda: daemon.get("/v1/problems")[1]["problems"])
    assert "address-not-local" in [one["code"] for one in problems]
    assert daemon.get("/readyz")[0] == 200


def test_who_holds_the_address_serves_and_the_other_is_silent(site: Site) -> None:
    site.example.beta.ip(f"address add {SHARED}/24 dev lan0")
    pair = Pair(site)
    pair.wait_serving(pair.first, pair.second, 10.0)
    check_lease(pair.lease())
    check_silent(pair.second)
    assert pair.second.get("/v1/leases")[1] == {"leases": []}
    pair.one.ip(f"address del {SHARED}/24 dev lan0")
    pair.two.ip(f"address add {SHARED}/24 dev lan0")
    pair.wait_serving(pair.second, pair.first, MOVES_WITHIN)
    check_lease(pair.lease())
    check_silent(pair.first)
    assert [row["address"] for row in pair.second.get("/v1/leases")[1]["leases"]] == ["192.168.200.22"]
    # Back to the first: it has leases of its own and need not ask.
    pair.two.ip(f"address del {SHARED}/24 dev lan0")
    pair.one.ip(f"address add {SHARED}/24 dev lan0")
    pair.wait_serving(pair.first, pair.second, MOVES_WITHIN)
    check_lease(pair.lease())
    for daemon in (pair.first, pair.second):
        codes = {one["code"] for one in daemon.get("/v1/problems")[1]["problems"]}
        assert not codes & {"dhcp-rival", "dhcp-rival-beside"}
        assert daemon.stop() == 0


def keepalived(machine: Namespace, directory: Path, priority: int) -> "subprocess.Popen[str]":
    """Start keepalived with files of its own."""
    config = directory / f"keepalived-{machine.role}.conf"
    config.write_text(_KEEPALIVED.format(name=machine.role, priority=priority, address=SHARED))
    pids = directory / f"keepalived-{machine.role}.pid"
    files = ["--use-file", str(config), "--pid", str(pids), "--vrrp_pid", f"{pids}-vrrp"]
    return machine.popen(["keepalived", "--dont-fork", "--vrrp", "--log-console", *files])


@pytest.mark.long
@pytest.mark.skipif(shutil.which("keepalived") is None, reason="needs keepalived")
def test_keepalived_moves_the_service(site: Site) -> None:
    pair = Pair(site)
    master = keepalived(pair.one, site.lab.directory, 200)
    pair.wait_serving(pair.first, pair.second, 20.0)
    keepalived(pair.two, site.lab.directory, 100)
    check_lease(pair.lease())
    check_silent(pair.second)
    master.terminate()
    pair.wait_serving(pair.second, pair.first, MOVES_WITHIN)
    check_lease(pair.lease())
    check_silent(pair.first)
