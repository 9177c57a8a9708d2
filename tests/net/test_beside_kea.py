"""mode = "kea": a real Kea hands out the VPN's routes to real clients, and nothing else of it changes."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from routerd.lab.dhcp_client import DhcpClient, start_client
from routerd.lab.lab import Switch
from tests.net.asker import offer
from tests.net.kea_scene import KeaScene
from tests.net.site import Site, soon

pytestmark = [pytest.mark.net, pytest.mark.skipif(shutil.which("kea-dhcp4") is None, reason="needs kea-dhcp4-server")]

DEFAULT = ("default", "192.168.200.1")
VPN = ("10.0.0.0/24", "192.168.200.2")
BOTH = [121, 249]


@pytest.fixture
def kea(site: Site) -> KeaScene:
    return KeaScene(site)


def has(client: DhcpClient, *routes: tuple[str, str]) -> None:
    soon(f"{client.name} has {routes}", lambda: client.routes() == set(routes))


def without_own(value: Any) -> Any:
    """A configuration of Kea without routerd's entries."""
    if isinstance(value, list):
        return [without_own(each) for each in value if not (isinstance(each, dict) and _marked(each))]
    return {key: without_own(each) for key, each in value.items()} if isinstance(value, dict) else value


def _marked(entry: dict[str, Any]) -> bool:
    return "routerd" in entry.get("user-context", {})


@pytest.mark.parametrize("name", [pytest.param("dhclient", marks=pytest.mark.long), "udhcpc"])
def test_clients_take_the_route_and_a_withdrawal_removes_it(kea: KeaScene, name: str) -> None:
    kea.write(valid_lifetime=3600)
    kea.start()
    before = kea.config
    daemon = kea.routerd()
    soon("Kea has the options", lambda: kea.own() == BOTH)
    assert without_own(kea.config) == before
    (route,) = daemon.get("/v1/routes")[1]["routes"]
    assert (route["channels"], route["state"]) == (["dhcp"], "offered")
    client = kea.site.client(name)
    client.wait_lease()
    has(client, DEFAULT, VPN)
    kea.beta.ip(f"link set {kea.site.example.tunnel_beta.interface} down")
    soon("withdrawn", lambda: kea.own() == [])
    assert kea.config == before
    if name == "dhclient":  # takes routes only when it binds
        client.stop()
        client.machine.ip("address flush dev lan0")
        client.start()
    else:
        client.renew()
    has(client, DEFAULT)
    kea.beta.ip(f"link set {kea.site.example.tunnel_beta.interface} up")
    soon("offered again", lambda: kea.own() == BOTH)


@pytest.mark.long
def test_each_option_goes_to_who_asks_for_it_and_to_nobody_else(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    kea.routerd()
    soon("Kea has the options", lambda: kea.own() == BOTH)
    value = bytes.fromhex("180a0000c0a8c802" + "00c0a8c801")
    for asked, expected in (((3,), {}), ((121,), {121: value}), ((249,), {249: value})):
        made = offer(kea.site.example.b, *asked)
        assert made is not None
        assert {code: made.options[code] for code in BOTH if code in made.options} == expected
    client = kea.site.client("udhcpc-plain")
    client.wait_lease()
    has(client, DEFAULT)


def test_edits_of_the_administrator_stay_and_what_they_lose_is_put_back(kea: KeaScene) -> None:
    kea.write(comment="mine")
    kea.start()
    kea.routerd()
    soon("Kea has the options", lambda: kea.own() == BOTH)

    edited = kea.config
    edited["valid-lifetime"] = 1234
    edited["subnet4"][0]["option-data"] = [e for e in edited["subnet4"][0]["option-data"] if not _marked(e)]
    kea.ask("config-set", {"Dhcp4": edited})
    soon("put back after config-set", lambda: kea.own() == BOTH)
    assert kea.config["valid-lifetime"] == 1234

    kea.write(comment="mine", valid_lifetime=4321)
    kea.ask("config-reload")
    soon("put back after config-reload", lambda: kea.own() == BOTH)
    assert kea.config["valid-lifetime"] == 4321

    kea.stop()
    soon("its absence is said", lambda: "kea-unreachable" in kea.problems())
    kea.start()
    soon("put back after a restart", lambda: kea.own() == BOTH)
    assert kea.file.read_text().startswith("// mine\n")
    soon("that its file is left alone is said", lambda: set(kea.problems()) == {"kea-not-written"})
    assert "it has comments" in kea.problems()["kea-not-written"]


@pytest.mark.long
def test_a_file_without_comments_is_written_and_the_next_start_has_the_routes(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    daemon = kea.routerd()

    def in_file() -> list[int] | None:
        try:
            return kea.own(json.loads(kea.file.read_text())["Dhcp4"]["subnet4"][0])
        except ValueError:
            return None  # Kea empties the file before it writes it

    soon("the file has the options", lambda: in_file() == BOTH)
    assert kea.problems() == {}
    kea.stop()
    kea.start()
    assert kea.own() == BOTH
    # The administrator edits the file and has not loaded it yet.
    edited = json.loads(kea.file.read_text())
    edited["Dhcp4"]["valid-lifetime"] = 99
    kea.file.write_text(json.dumps(edited))
    kea.beta.ip(f"link set {kea.site.example.tunnel_beta.interface} down")
    soon("withdrawn", lambda: kea.own() == [])
    soon("it is said", lambda: "edits that Kea has not loaded" in kea.problems().get("kea-not-written", ""))
    assert json.loads(kea.file.read_text()) == edited
    kea.ask("config-reload")
    soon("what the file brought back is withdrawn", lambda: kea.own() == [])
    assert kea.config["valid-lifetime"] == 99
    soon("the file too", lambda: in_file() == [])
    assert json.loads(kea.file.read_text())["Dhcp4"]["valid-lifetime"] == 99
    kea.beta.ip(f"link set {kea.site.example.tunnel_beta.interface} up")
    soon("the file has the options", lambda: in_file() == BOTH)
    assert daemon.stop() == 0
    assert (kea.own(), in_file()) == ([], [])


@pytest.mark.long
def test_write_false_leaves_the_file_alone(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    before = kea.file.read_text()
    kea.routerd("write = false")
    soon("Kea has the options", lambda: kea.own() == BOTH)
    soon("all is done", lambda: kea.site.daemon is not None and kea.problems() == {})
    assert kea.file.read_text() == before


def test_shared_networks_and_conflicts(kea: KeaScene) -> None:
    inner = {"id": 7, "subnet": "192.168.200.0/24", "pools": [{"pool": "192.168.200.50 - 192.168.200.99"}]}
    own = {"code": 249, "csv-format": False, "data": "00C0A8C801", "space": "dhcp4"}
    inner["option-data"] = [{"name": "routers", "data": "192.168.200.1"}, own]
    kea.write(subnet4=[], shared_networks=[{"name": "site", "subnet4": [inner]}])
    kea.start()
    before = kea.config
    kea.routerd()
    soon("told", lambda: kea.own(kea.config["shared-networks"][0]["subnet4"][0]) == [121])
    assert without_own(kea.config) == before
    soon("said", lambda: "the subnet 192.168.200.0/24 (an option 249" in kea.problems().get("kea-conflict", ""))
    client = kea.site.client("udhcpc")
    client.wait_lease()
    has(client, DEFAULT, VPN)
    edited = kea.config
    edited["shared-networks"][0]["subnet4"][0]["option-data"] = [{"name": "routers", "data": "192.168.200.1"}]
    kea.ask("config-set", {"Dhcp4": edited})
    soon("told", lambda: kea.own(kea.config["shared-networks"][0]["subnet4"][0]) == BOTH)
    soon("no conflict", lambda: "kea-conflict" not in kea.problems())


@pytest.mark.long
def test_a_list_that_is_too_long_for_small_clients_is_cut_and_said(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    prefixes = [f"10.{n}.0.0/24" for n in range(0, 120, 2)]
    text = kea.text().replace('name = "vpn"\n', f'name = "vpn"\nprefixes = {json.dumps(prefixes)}\n', 1)
    kea.site.start(text)
    soon("Kea has the options", lambda: kea.own() == BOTH)
    client = kea.site.client("udhcpc")
    client.wait_lease()
    has(client, DEFAULT, *((prefix, "192.168.200.2") for prefix in prefixes[:31]))
    assert prefixes[31] in kea.problems()["kea-too-long"]


@pytest.mark.long
def test_another_mode_and_clean_remove_them(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    before = kea.config
    daemon = kea.routerd()
    soon("Kea has the options", lambda: kea.own() == BOTH)
    daemon.process.kill()
    daemon.process.wait()
    assert kea.own() == BOTH
    done = kea.beta.run([sys.executable, "-m", "routerd", "clean", "--config", str(daemon.config)], check=False)
    assert (kea.own(), kea.config == before, done.returncode) == ([], True, 0), done
    daemon = kea.routerd()
    soon("Kea has the options", lambda: kea.own() == BOTH)
    kea.site.write(kea.text().replace('mode = "kea"', 'mode = "off"'))
    daemon.process.send_signal(1)
    soon("removed", lambda: kea.own() == [])
    assert kea.config == before


@pytest.mark.long
def test_a_kea_that_hangs_stops_nothing_else(site: Site) -> None:
    path = site.lab.directory / "hung.sock"
    lan = Switch(site.lab, "lan2")
    lan.attach(site.example.beta, "lan2")
    site.example.beta.ip("address add 192.168.77.1/24 dev lan2")
    host = site.lab.namespace("c")
    lan.attach(host, "lan0")
    scene = KeaScene(site)
    scene.socket = path
    more = '\n[[lan]]\ninterface = "lan2"\n  [lan.dhcp]\n  authoritative = true\n'
    more += '  pools = ["192.168.77.50-192.168.77.99"]\n'

    async def serve() -> None:
        connected = asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.set()
            while await reader.read(65536):
                pass
            writer.close()

        server = await asyncio.start_unix_server(hang, str(path))
        await asyncio.to_thread(site.start, scene.text().replace("\n[probe]", f"{more}\n[probe]"), ready=False)
        async with asyncio.timeout(20):
            await connected.wait()
        await asyncio.to_thread(_is_served, site, host, scene)
        server.close()

    asyncio.run(serve())


def _is_served(site: Site, host: Any, scene: KeaScene) -> None:
    client = start_client(site.lab, host, client="udhcpc")
    assert client.wait_lease().server == "192.168.77.1"
    soon("it is said", lambda: "no answer within" in scene.problems().get("kea-late", ""))
    assert site.daemon is not None
    peer = site.daemon.peer("endpoint-a")
    assert peer is not None
    status, body = site.daemon.get("/readyz?verbose")
    assert status == 503
    assert "dhcp lan0" in str(body)
    assert site.daemon.stop(10.0) == 0


@pytest.mark.long
def test_a_socket_that_routerd_may_not_use_is_said_with_the_mend(site: Site) -> None:
    scene = KeaScene(site)
    scene.write()
    scene.start()
    scene.socket.chmod(0o600)
    os.chown(scene.socket, 64999, 64999)
    scene.routerd(ready=False)
    soon("it is said", lambda: "permission denied" in scene.problems().get("kea-unreachable", ""))
    Path(scene.socket).chmod(0o777)
    soon("Kea has the options", lambda: scene.own() == BOTH)
