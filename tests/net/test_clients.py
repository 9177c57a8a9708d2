"""Real DHCP clients with routerd: what they take, what they do with a changed set of routes, what they give back."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.dhcp_client import DhcpClient, missing
from routerd.lab.talk import tcp_talk
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

DEFAULT = ("default", "192.168.200.1")
VPN = ("10.0.0.0/24", "192.168.200.2")
MORE = ("10.77.0.0/16", "192.168.200.2")
UNPACKED = Path(__file__).parents[2] / ".cache/network-manager/usr"

TAKE_121 = ["dhclient", "udhcpc", "dhcpcd", "systemd-networkd", "NetworkManager"]
FOLLOW = [client for client in TAKE_121 if client != "dhclient"]


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    # NetworkManager is unpacked, not installed: an installed one would manage the machine from its next boot on.
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{UNPACKED}/sbin:{UNPACKED}/bin")


def start_client(site: Site, name: str) -> DhcpClient:
    """Start a client on Endpoint B; skip the test where it is not installed."""
    packages = missing(name)
    if packages:
        pytest.skip(f"{name} is not installed: {', '.join(packages)}")
    return site.client(name)


def config(site: Site, *prefixes: str, **times: str) -> str:
    """The example's configuration with these VPN prefixes and these times of the leases."""
    text = site.config.replace('name = "vpn"\n', f'name = "vpn"\nprefixes = {list(prefixes)}\n'.replace("'", '"'), 1)
    lines = "".join(f'  {key} = "{value}"\n' for key, value in times.items())
    return text.replace("[lan.dhcp]\n", f"[lan.dhcp]\n{lines}", 1)


def restart(site: Site, text: str) -> None:
    """Have routerd run with another configuration."""
    assert site.daemon is not None
    assert site.daemon.stop() == 0
    site.start(text)


def lease_row(site: Site) -> dict[str, Any]:
    """What routerd says of the only lease."""
    assert site.daemon is not None
    (row,) = site.daemon.get("/v1/leases")[1]["leases"]
    return dict(row)


def acknowledged(site: Site) -> int:
    """How often routerd has acknowledged a lease since it was started."""
    assert site.daemon is not None
    return int(site.daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"].get("pkt4-ack-sent", 0))


def has_routes(client: DhcpClient, *routes: tuple[str, str]) -> None:
    """Wait until the kernel has exactly these routes by way of a gateway."""
    wanted = set(routes)
    soon(f"{client.name} has {sorted(wanted)}", lambda: client.routes() == wanted)


@pytest.mark.parametrize("name", TAKE_121)
def test_a_client_takes_address_and_routes_and_gives_the_lease_back(site: Site, name: str) -> None:
    site.start()
    client = start_client(site, name)
    lease = client.wait_lease()
    assert (lease.address, lease.server, lease.seconds) == ("192.168.200.22", "192.168.200.2", 3600)
    assert set(lease.routes) == client.routes() == {DEFAULT, VPN}
    assert client.addresses() == {"192.168.200.22"}
    assert tcp_talk(site.example.b, site.example.a, "10.0.0.1").source == "192.168.200.22"
    a_to_b = partial(tcp_talk, site.example.a, site.example.b, "192.168.200.22")
    soon("the host has proven its way back", lambda: a_to_b().source == "10.0.0.1", limit=3.0)
    assert (lease_row(site)["state"], lease_row(site)["hostname"]) == ("bound", "endpoint-b")
    client.release()
    soon("address and routes are gone", lambda: not client.addresses() | client.routes())
    if name == "NetworkManager":  # It keeps the lease for the next time.
        assert lease_row(site)["state"] == "bound"
    else:
        soon("the lease is released", lambda: lease_row(site)["state"] == "released")


@pytest.mark.parametrize("name", FOLLOW)
def test_a_changed_set_of_routes_arrives_when_the_client_asks_again(site: Site, name: str) -> None:
    site.start(config(site, "10.0.0.0/24"))
    client = start_client(site, name)
    client.wait_lease()
    has_routes(client, DEFAULT, VPN)
    restart(site, config(site, "10.0.0.0/24", "10.77.0.0/16"))
    client.renew()
    has_routes(client, DEFAULT, VPN, MORE)
    restart(site, config(site, "10.77.0.0/16"))
    client.renew()
    has_routes(client, DEFAULT, MORE)
    assert client.addresses() == {"192.168.200.22"}
    client.stop()


@pytest.mark.parametrize(
    "name", ["systemd-networkd", *(pytest.param(name, marks=pytest.mark.long) for name in ("dhcpcd", "NetworkManager"))]
)
def test_a_changed_set_of_routes_arrives_at_renew_time(site: Site, name: str) -> None:
    times = {"renew_time": "3s", "rebind_time": "50m"}
    site.start(config(site, "10.0.0.0/24", **times))
    client = start_client(site, name)
    client.wait_lease()
    restart(site, config(site, "10.77.0.0/16", **times))
    has_routes(client, DEFAULT, MORE)
    client.stop()


@pytest.mark.long
def test_dhclient_renews_without_looking_at_the_routes(site: Site) -> None:
    times = {"renew_time": "2s", "rebind_time": "50m"}
    site.start(config(site, "10.0.0.0/24", **times))
    client = start_client(site, "dhclient")
    client.wait_lease()
    restart(site, config(site, "10.77.0.0/16", **times))
    soon("it has renewed twice, so the first renewal is done with", lambda: acknowledged(site) > 1)
    assert client.routes() == {DEFAULT, VPN}
    client.renew()  # A start with a lease is a REBOOT, which adds routes and removes none.
    client.wait_lease()
    assert client.routes() == {DEFAULT, VPN, MORE}
    client.release()
    assert client.routes() == set()


def test_udhcpc_that_does_not_ask_has_the_default_route_only(site: Site) -> None:
    site.start(config(site, "10.0.0.0/24"))
    client = start_client(site, "udhcpc-plain")
    lease = client.wait_lease()
    assert (lease.address, lease.routes) == ("192.168.200.22", ())
    assert client.routes() == {DEFAULT}
    restart(site, config(site, "10.77.0.0/16"))
    kept = client.directory / "leases/lease"
    before = kept.stat().st_ino
    client.renew()
    soon("it has renewed, and its script is done", lambda: kept.stat().st_ino != before)
    assert client.routes() == {DEFAULT}
    client.release()
    soon("the lease is released", lambda: lease_row(site)["state"] == "released")
    soon("address and route are gone", lambda: not client.addresses() | client.routes())
