"""What hosts were given, with real clients: who takes routes, who has the current ones, and who is a peer itself."""

import json
import subprocess
import sys
from typing import Any

import pytest

from routerd.lab.dhcp_client import DhcpClient
from routerd.lab.wireguard import Peer, add_peers, create_tunnel
from tests.net.site import Site, soon
from tests.net.test_clients import DEFAULT, MORE, VPN, config, has_routes, start_client
from tests.net.test_reload import reload

pytestmark = pytest.mark.net

B = "192.168.200.22"


def host(site: Site, address: str = B) -> dict[str, Any]:
    """What `/v1/hosts` says of a host."""
    assert site.daemon is not None
    (row,) = [row for row in site.daemon.get("/v1/hosts")[1]["hosts"] if row["address"] == address]
    return dict(row)


def routes_current(site: Site) -> bool | None:
    """Has Endpoint B the current routes by its lease? None without one."""
    lease = host(site)["lease"]
    return None if lease is None else bool(lease["routes_current"])


def counted(site: Site) -> dict[str, int]:
    """What `/v1/status` counts of the LAN's leases."""
    assert site.daemon is not None
    (lan,) = site.daemon.get("/v1/status")[1]["services"]["dhcp"]["lans"]
    return dict(lan["routes"])


def metric(site: Site, name: str) -> float:
    """The value of a series of `/metrics`."""
    assert site.daemon is not None
    text = site.daemon.get("/metrics", timeout=10.0)[1]
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def run(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of routerd on Host β."""
    argv = [sys.executable, "-m", "routerd", *words, "--config", str(site.lab.directory / "routerd.toml")]
    return site.example.beta.run(argv, check=False)


def leased(site: Site, name: str, *prefixes: str) -> DhcpClient:
    """routerd with these prefixes, and a client on Endpoint B with its lease."""
    site.start(config(site, *prefixes))
    assert routes_current(site) is None
    client = start_client(site, name)
    client.wait_lease()
    return client


def take_over(site: Site, *prefixes: str, current: bool) -> None:
    """Have the running routerd hand out these prefixes, and wait until it says so of Endpoint B's lease."""
    assert site.daemon is not None
    site.write(config(site, *prefixes))
    reload(site.daemon)
    soon(f"routes_current is {current}", lambda: routes_current(site) is current)


@pytest.mark.parametrize("name", ["dhclient", "udhcpc"])
def test_a_client_that_asks_for_routes(site: Site, name: str) -> None:
    client = leased(site, name, "10.0.0.0/24")
    assert (host(site)["accepts_routes"], routes_current(site)) == (True, True)
    assert (host(site)["mac"], host(site)["hostname"]) == ("02:00:00:00:00:22", "endpoint-b")
    assert counted(site) == {
        "handed_out": 1,
        "leases": 1,
        "current": 1,
        "accepting": 1,
        "not_accepting": 0,
        "unknown": 0,
    }
    take_over(site, "10.0.0.0/24", "10.77.0.0/16", current=False)
    assert "  lan0: 0 of 1 lease has the current routes\n" in run(site, "status").stdout
    assert metric(site, 'routerd_leases_routes_current{lan="lan0"}') == 0.0
    client.renew()
    soon("the lease has the current routes", lambda: routes_current(site))
    has_routes(client, DEFAULT, VPN, MORE)
    assert metric(site, 'routerd_leases_routes_current{lan="lan0"}') == 1.0
    take_over(site, "10.0.0.0/24", current=False)
    take_over(site, "10.77.0.0/16", "10.0.0.0/24", current=True)
    assert site.daemon is not None
    assert site.daemon.stop() == 0
    site.start(config(site, "10.0.0.0/24", "10.77.0.0/16"))
    assert (host(site)["accepts_routes"], routes_current(site)) == (True, True)
    assert counted(site)["current"] == 1
    site.daemon.process.kill()
    site.daemon.process.wait()
    site.start(config(site, "10.0.0.0/24"))
    assert (host(site)["accepts_routes"], routes_current(site)) == (True, False)


def test_a_client_that_does_not_ask_for_routes(site: Site) -> None:
    client = leased(site, "udhcpc-plain", "10.0.0.0/24")
    assert (host(site)["accepts_routes"], routes_current(site)) == (False, False)
    assert (counted(site)["current"], counted(site)["not_accepting"]) == (0, 1)
    said = "  lan0: 0 of 1 lease has the current routes; 1 does not ask for routes (option 121)\n"
    assert said in run(site, "status").stdout
    (lan,) = json.loads(run(site, "status", "--json").stdout)["services"]["dhcp"]["lans"]
    assert lan["routes"] == counted(site)
    text = site.config.replace("[lan.dhcp]\n", '[lan.dhcp]\nroutes = "never"\n', 1)
    site.write(text)
    assert site.daemon is not None
    reload(site.daemon)
    soon("there are no routes to hand out, and it has none", lambda: routes_current(site))
    assert host(site)["accepts_routes"] is False
    client.release()
    soon("the lease is released", lambda: host(site)["lease"] is None)
    assert (host(site)["mac"], host(site)["accepts_routes"]) == ("02:00:00:00:00:22", None)


def test_a_peer_at_the_site_is_not_sent_the_route_through_itself(site: Site) -> None:
    beta, b = site.example.tunnel_beta, site.example.b
    tunnel = create_tunnel(site.lab, b, "h", port=51823)
    add_peers(beta, [Peer(tunnel.keys.public, ["10.0.0.3/32", "10.77.0.0/16"])])
    daemon = site.start()
    soon("its network is handed out", lambda: len(daemon.get("/v1/routes")[1]["routes"]) == 2)
    client = start_client(site, "udhcpc")
    client.wait_lease()
    has_routes(client, DEFAULT, VPN, MORE)
    assert routes_current(site) is True
    b.ip(f"address add 10.0.0.3/32 dev {tunnel.interface}", f"link set {tunnel.interface} up")
    add_peers(tunnel, [Peer(beta.keys.public, ["10.0.0.2/32"], endpoint="192.168.200.2:51822", keepalive=1)])
    soon("it has a route that leads through itself", lambda: routes_current(site) is False)
    client.renew()
    soon("it has the current routes", lambda: routes_current(site))
    has_routes(client, DEFAULT, VPN)


def test_the_gateway_is_not_sent_the_route_through_itself(site: Site) -> None:
    text = config(site, "10.0.0.0/24").replace(
        f'interface = "{site.example.tunnel_beta.interface}"', f'gateways = ["{B}"]', 1
    )
    text = text.replace(f'  public_key = "{site.example.tunnel_a.keys.public}"\n', "", 1)
    site.start(text, ready=False)
    client = start_client(site, "udhcpc")
    client.wait_lease()
    has_routes(client, DEFAULT)
    assert (host(site)["accepts_routes"], routes_current(site)) == (True, True)


def test_the_command_leases(site: Site) -> None:
    token = site.lab.directory / "token"
    token.touch(0o600)
    token.write_text("t" * 40)
    site.start()
    client = start_client(site, "udhcpc")
    client.wait_lease()
    lines = run(site, "leases").stdout.splitlines()
    assert lines[1].split() == ["ADDRESS", "MAC", "HOSTNAME", "LAN", "STATE", "EXPIRES", "ROUTES"]
    assert lines[2].split()[:5] == [B, "02:00:00:00:00:22", "endpoint-b", "lan0", "bound"]
    assert lines[2].endswith(" current")
    assert run(site, "leases", "show", "endpoint-b").stdout.startswith(f"{B}: bound\n")
    done = run(site, "leases", "release", B)
    assert (done.returncode, done.stdout) == (1, "")
    assert "reserved" in done.stderr
    assert run(site, "leases", "release", "192.168.200.99").returncode == 1
    # As the refusal says: without its reservation the lease can be released. Over TCP the token is needed.
    first, rest = site.config.split("    [[lan.dhcp.reservation]]\n")
    text = first + rest.split("\n\n", 1)[1]
    text = text.replace(f', "unix:{site.lab.directory}/routerd.sock"', "", 1)
    assert site.daemon is not None
    assert site.daemon.stop() == 0
    site.start(text.replace("[http]\n", f'[http]\ntoken_file = "{token}"\n', 1), ready=False)
    soon("it is listed over TCP", lambda: json.loads(run(site, "leases", "--json").stdout or "{}").get("leases"))
    done = run(site, "leases", "release", B)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{B} is released\n", "")
    assert json.loads(run(site, "leases", "--json").stdout) == {"leases": []}
    assert run(site, "leases", "show", B).returncode == 1
