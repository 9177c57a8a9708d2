"""Taking over from real DHCP servers and handing back: no client gets another address on either way."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.dhcp_client import DhcpClient, start_client
from routerd.lab.example import add_host
from routerd.lab.namespace import Namespace
from routerd.lease_files.read import FORMATS
from routerd.lease_records import LeaseRecord
from tests.dhcp.scene import message
from tests.net.asker import ask
from tests.net.other_servers import FIRST, LAST, LEASE_SECONDS, OtherServer
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

SERVER = "192.168.200.2"
VPN = ("10.0.0.0/24", SERVER)
CLIENTS = ("dhclient", "udhcpc", "dhcpcd")


def routerd(site: Site, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of routerd on Host β."""
    argv = [sys.executable, "-m", "routerd", *words, "--config", str(site.lab.directory / "routerd.toml")]
    return site.example.beta.run(argv, check=check)


def imported(site: Site, path: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(routerd(site, "leases", "import", str(path), "--json", *words).stdout)
    return found


@dataclass
class Held:
    """A client and the address that it must keep."""

    client: DhcpClient
    address: str

    def renewed(self, server: str = SERVER) -> None:
        """The client asks anew, and has the same address, and the route only where routerd answered."""
        self.client.renew()

        def fresh() -> bool:
            lease = self.client.lease()
            return lease is not None and (VPN in lease.routes) == (server == SERVER)

        soon(f"{self.client.name} is answered", fresh, 20)
        lease = self.client.wait_lease()
        assert (lease.address, lease.server) == (self.address, SERVER)


def lease_clients(site: Site, names: Sequence[str] = CLIENTS) -> list[Held]:
    machines = [add_host(site.lab, site.example.lan, f"h{number}") for number, _ in enumerate(names)]
    clients = [start_client(site.lab, one, client=name) for one, name in zip(machines, names, strict=True)]
    return [Held(client, client.wait_lease(30).address) for client in clients]


def reboots(held: Held, machine: Namespace) -> bool:
    """Is a client with the same MAC and identifier, that has just started, told that its address is right?"""
    mac = machine.run(["cat", "/sys/class/net/lan0/address"]).stdout.strip()
    wanted = IPv4Address(held.address).packed
    answer = ask(machine, message(3, (50, wanted), mac=bytes.fromhex(mac.replace(":", "")), flags=0x8000))
    return answer is not None and answer.options[53] == b"\x05" and answer.yiaddr == int(IPv4Address(held.address))


def every_cut_is_survived(name: str, path: Path) -> None:
    """Wherever the server's own file is cut, nothing raises, and no record is made up."""
    text = path.read_bytes().decode("latin-1")
    known = {
        str(record) for end in [i for i, c in enumerate(text, 1) if c == "\n"] for record in records(name, text[:end])
    }
    assert len(known) >= len(CLIENTS)
    for end in range(len(text)):
        assert {str(record) for record in records(name, text[:end])} <= known


def records(name: str, text: str) -> list[LeaseRecord]:
    return list(FORMATS[name](text, 0.0).records.values())


@pytest.mark.parametrize("name", ["dnsmasq", "kea", "isc"])
def test_no_client_is_renumbered_on_the_way_to_routerd_and_back(site: Site, name: str) -> None:
    beta = site.example.beta
    server = OtherServer(site, beta, name)
    server.start()
    held = lease_clients(site)
    assert len({each.address for each in held}) == len(CLIENTS)
    server.stop()
    every_cut_is_survived(name, server.leases)
    config = site.config.replace("192.168.200.50-192.168.200.199", f"{FIRST}-{LAST}")
    site.write(config)
    said = imported(site, server.leases)
    assert (said["counts"], said["faults"], said["notes"]) == ({"bound": len(held), "unreadable": 0}, [], [])
    daemon = site.start(config)
    leases = {row["address"]: row for row in daemon.get("/v1/leases")[1]["leases"]}
    assert set(leases) == {each.address for each in held}
    assert {row["state"] for row in leases.values()} == {"bound"}
    # A newcomer gets none of them.
    answer = ask(site.example.gw, message(1, mac=bytes.fromhex("0200000000ee"), flags=0x8000))
    assert answer is not None
    assert answer.yiaddr in {int(IPv4Address(FIRST)) + n for n in range(11)} - {int(IPv4Address(one)) for one in leases}
    for each in held:
        each.renewed()
    plain = next(each for each in held if each.client.name == "dhclient")
    plain.client.stop()
    assert reboots(plain, plain.client.machine)
    plain.client.start()
    dhcpcd = next(each for each in held if each.client.name == "dhcpcd")
    dhcpcd.client.stop()
    dhcpcd.client.start()
    assert (plain.client.wait_lease().address, dhcpcd.client.wait_lease().address) == (plain.address, dhcpcd.address)
    if name == "isc":
        return
    # And back.
    assert daemon.stop() == 0
    for each in server.directory.glob(f"{server.leases.name}*"):
        each.unlink()
    routerd(site, "leases", "export", "--format", name, str(server.leases))
    server.start()
    for each in held:
        each.renewed(server=name)


def test_the_running_daemon_takes_over_in_pieces_while_it_serves(site: Site) -> None:
    daemon = site.start(site.config.replace("192.168.200.199", "192.168.200.250"))
    ends = 4_000_000_000
    mine = site.client("udhcpc")
    lines = [f"{ends} 02:00:00:00:01:{n:02x} 192.168.200.{n} host{n} *\n" for n in range(51, 251)]
    lines += [f"{ends} 02:00:00:00:02:{n:02x} 192.168.201.{n} * *\n" for n in range(1, 251)]
    lines += [f"{ends} 02:00:00:00:03:01 192.168.200.22 * *\n", "not a lease\n", f"{ends} 02:00:00:00:00:01 192.168"]
    path = site.lab.directory / "dnsmasq.leases"
    path.write_text("".join(lines))
    mine.wait_lease()
    dry = imported(site, path, "--dry-run")
    assert len(daemon.get("/v1/leases")[1]["leases"]) == 1
    said = imported(site, path)
    assert said["counts"] == dry["counts"] == {"bound": 200, "skipped": 251, "unreadable": 1}
    assert said["faults"][0]["line"] == 452
    assert "192.168.200.0/24" in next(one["reason"] for one in said["leases"] if one["outcome"] == "skipped")
    assert [one["reason"] for one in said["leases"] if one["address"] == "192.168.200.22"] == [
        "it is reserved for another client"
    ]
    assert said["notes"] == [f"{path}:453: the file ends within an entry: it was cut, and that entry is skipped"]
    assert len(daemon.get("/v1/leases")[1]["leases"]) == 201
    again = imported(site, path)
    assert again["counts"] == {"known": 200, "skipped": 251, "unreadable": 1}
    text = routerd(site, "leases", "import", str(path))
    assert f"{path}:452: 'not a lease': five fields are expected" in text.stderr
    assert "   200 known here already" in text.stdout
    # Whoever renews is acknowledged, and a kill does not lose it: it was stored.
    daemon.process.kill()
    daemon.process.wait(5)
    site.start(site.config.replace("192.168.200.199", "192.168.200.250"))
    answer = ask(
        site.example.gw, message(3, (50, IPv4Address("192.168.200.77").packed), mac=bytes.fromhex("02000000014d"))
    )
    assert answer is not None
    assert (answer.options[53], answer.yiaddr) == (b"\x05", int(IPv4Address("192.168.200.77")))


# ---------------------------------------------------------------- who serves


def servers(site: Site, *words: str) -> list[dict[str, Any]]:
    done = routerd(site, "check", "--ask-segment", "--json", *words)
    (lan,) = json.loads(done.stdout)["lans"]
    found: list[dict[str, Any]] = lan["servers"]
    return found


@pytest.mark.parametrize("name", ["dnsmasq", "kea"])
def test_who_serves_on_the_segment(site: Site, name: str) -> None:
    site.write()
    server = OtherServer(site, site.example.gw, name)
    server.start()
    (found,) = servers(site, "--seconds", "2")
    mac = site.example.gw.run(["cat", "/sys/class/net/lan0/address"]).stdout.strip()
    assert (found["server"], found["mac"], found["this_machine"]) == ("192.168.200.1", mac, False)
    offer = found["offer"]
    assert (offer["prefix_length"], offer["routers"], offer["lease_time"]) == (24, ["192.168.200.1"], LEASE_SECONDS)
    assert offer["address"].startswith("192.168.200.1")
    # Nothing was taken.
    assert "192.168.200" not in (server.leases.read_text() if server.leases.exists() else "")
    text = routerd(site, "check", "--ask-segment", "--seconds", "1", "--interface", "lan0").stdout
    assert f"lan0: 192.168.200.1 ({mac}) answers" in text
    assert re.search(r"offers 192\.168\.200\.1\d\d/24 for 30 min\n    routers: 192\.168\.200\.1$", text, re.MULTILINE)


@pytest.mark.long
def test_silence_own_server_and_what_cannot_be_asked(site: Site) -> None:
    site.write()
    done = routerd(site, "check", "--ask-segment", "--seconds", "0.5")
    assert done.stdout == "lan0: nobody answers within 0.5 s\n"
    gone = routerd(site, "check", "--ask-segment", "--interface", "nosuch0", check=False)
    assert (gone.returncode, gone.stderr) == (1, "nosuch0: does not exist now, so nobody can be asked there\n")
    for interface in ("lo", site.example.tunnel_beta.interface):
        none = routerd(site, "check", "--ask-segment", "--interface", interface, check=False)
        assert (none.returncode, none.stdout) == (1, "")
        assert none.stderr.startswith(f"{interface}: is no Ethernet with broadcasts, so no DHCP is spoken there")
    argv = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", sys.executable, "-m", "routerd"]
    poor = site.example.beta.run([*argv, "check", "--ask-segment", "--interface", "lan0"], check=False)
    assert poor.returncode == 1
    assert "CAP_NET_RAW (for asking for DHCP servers)" in poor.stderr
    site.start()
    (own,) = servers(site, "--seconds", "0.5")
    assert (own["server"], own["routerd"], own["this_machine"]) == (SERVER, True, True)


def test_a_server_of_this_machine_is_found_too(site: Site) -> None:
    site.write()
    OtherServer(site, site.example.beta, "dnsmasq").start()
    (found,) = servers(site, "--seconds", "1")
    assert (found["server"], found["this_machine"], found["routerd"]) == (SERVER, True, False)
    assert found["process"].startswith("dnsmasq (process ")
