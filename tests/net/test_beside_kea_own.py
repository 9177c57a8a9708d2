"""mode = "kea" beside what an administrator has in a real Kea: his definitions, classes, reservations, and his file."""

import copy
import json
import shutil
import sys
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from routerd.beside.kea_patch import patch
from routerd.beside.static_routes import decode_static_routes
from routerd.beside_part import BesideNetwork
from routerd.classless import decode_classless_routes
from tests.net.asker import offer
from tests.net.kea_scene import LAN, KeaScene, ask
from tests.net.site import Site, soon
from tests.net.test_beside_kea import BOTH, DEFAULT, has

pytestmark = [pytest.mark.net, pytest.mark.skipif(shutil.which("kea-dhcp4") is None, reason="needs kea-dhcp4-server")]

_MAC = "02:00:00:00:00:aa"
_VPN = (IPv4Network("10.0.0.0/24"), IPv4Address("192.168.200.2"))
_EVERYWHERE = IPv4Network("0.0.0.0/0")


@pytest.fixture
def kea(site: Site) -> KeaScene:
    return KeaScene(site)


def router(last: int) -> dict[str, Any]:
    return {"name": "routers", "data": f"192.168.200.{last}"}


_PHONES = {"name": "phones", "option-data": [router(9)]}
_ALL = {**_PHONES, "test": "member('ALL')"}
_ONLY = {**_ALL, "only-if-required": True}
_MEMBER = {"hw-address": _MAC, "client-classes": ["phones"]}
_HOST = {"hw-address": _MAC, "option-data": [router(9)]}
_OWN = [router(1)]


def statics(last: int) -> dict[str, Any]:
    return {"name": "static-routes", "data": f"10.88.0.{last}, 192.168.200.9, 172.20.0.0, 192.168.200.8"}


_POOL = {"pool": "192.168.200.50-192.168.200.60", "option-data": [router(9)]}
_IN_POOL = {"hw-address": _MAC, "ip-address": "192.168.200.55", "option-data": [statics(7)]}

# What the subnet and the whole have, which router the client is told, and whether routerd's options are there.
_CASES: list[tuple[dict[str, Any], dict[str, Any], int, bool]] = [
    ({"option-data": _OWN}, {"client-classes": [_ALL]}, 1, True),
    ({}, {"client-classes": [_ALL]}, 9, False),
    ({}, {"client-classes": [_PHONES]}, 5, True),
    ({"reservations": [_MEMBER]}, {"client-classes": [_PHONES]}, 9, False),
    ({}, {"client-classes": [_PHONES], "reservations": [_MEMBER]}, 5, True),
    ({"reservations-global": True}, {"client-classes": [_PHONES], "reservations": [_MEMBER]}, 9, False),
    (
        {},
        {"client-classes": [_PHONES], "reservations": [_MEMBER], "early-global-reservations-lookup": True},
        9,
        False,
    ),
    ({}, {"client-classes": [_ONLY]}, 5, True),
    ({"require-client-classes": ["phones"]}, {"client-classes": [_ONLY]}, 9, False),
    ({"reservations": [_MEMBER]}, {"client-classes": [_ONLY]}, 9, False),
    ({}, {"client-classes": [{**_PHONES, "name": "ALL"}]}, 9, False),
    ({"option-data": _OWN}, {"reservations": [_HOST]}, 1, True),
    ({"option-data": _OWN}, {"reservations": [_HOST], "reservations-global": True}, 9, False),
    ({"option-data": _OWN, "reservations-global": True}, {"reservations": [_HOST]}, 9, False),
    ({"option-data": _OWN, "reservations": [_HOST]}, {}, 9, True),
    ({"pools": [_POOL]}, {}, 9, True),
    ({"option-data": [statics(1)]}, {}, 5, True),
    ({}, {"option-data": [router(5), statics(2)]}, 5, True),
    ({"option-data": [statics(1)], "pools": [{**_POOL, "option-data": [statics(3)]}]}, {}, 5, True),
    ({"pools": [_POOL], "reservations": [_IN_POOL]}, {}, 9, True),
    ({"pools": [{**_POOL, "option-data": [router(9), statics(3)]}], "reservations": [_IN_POOL]}, {}, 9, True),
    ({}, {"client-classes": [{**_ALL, "option-data": [statics(4)]}]}, 5, False),
    ({"option-data": [statics(1)]}, {"client-classes": [{**_ALL, "option-data": [statics(4)]}]}, 5, True),
    ({"reservations-global": True}, {"reservations": [{**_HOST, "option-data": [statics(4)]}]}, 5, False),
]


@pytest.mark.long
def test_what_keeps_routes_out_is_what_kea_tells_the_clients_of_the_subnet(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    plain = kea.config
    for own, top, expected, told in _CASES:
        given = copy.deepcopy(plain)
        given["subnet4"][0]["option-data"] = []
        given["subnet4"][0].update(own)
        given.update({"option-data": [router(5)], **top})
        kea.ask("config-set", {"Dhcp4": given})
        made = patch(kea.config, [BesideNetwork(IPv4Network(LAN), "", (_VPN,), None)])
        kea.ask("config-set", {"Dhcp4": made.config})
        assert kea.config == made.config
        found = offer(kea.site.example.b, 3, 33, 121)
        assert found is not None
        assert found.options[3] == IPv4Address(f"192.168.200.{expected}").packed, (own, top)
        routes = decode_classless_routes(found.options.get(121, b""))
        default = (_EVERYWHERE, IPv4Address(f"192.168.200.{expected}"))
        # What a client loses of option 33 when it takes option 121 has to be in that.
        kept = decode_static_routes(found.options.get(33, b""))
        assert routes == ([_VPN, *kept, default] if told else []), (own, top)


def test_a_definition_that_would_cut_the_routes_costs_no_client_its_default_route(kea: KeaScene) -> None:
    record = "uint8, uint8, uint8, uint8, ipv4-address"
    cut = {"name": "mine", "code": 121, "type": "record", "record-types": record}
    kept = {"name": "theirs", "code": 249, "type": "uint8", "array": True}
    kea.write(option_def=[cut, kept])
    kea.start()
    before = kea.config
    kea.routerd(ready=False)
    soon("told", lambda: kea.own() == [249])
    soon("said", lambda: "the option-def mine (a definition" in kea.problems().get("kea-conflict", ""))
    assert kea.site.log().count("options 121 and 249 of") == 1
    client = kea.site.client("udhcpc")
    client.wait_lease()
    has(client, DEFAULT)
    edited = {**kea.config, "option-def": [{**before["option-def"][0], "type": "binary", "record-types": ""}, kept]}
    kea.ask("config-set", {"Dhcp4": edited})
    soon("told both", lambda: kea.own() == BOTH)
    soon("ready", lambda: _ready(kea) == 200)
    client.renew()
    has(client, DEFAULT, ("10.0.0.0/24", "192.168.200.2"))


def test_the_administrators_static_routes_stay_and_a_configuration_that_is_loaded_is_seen_at_once(
    kea: KeaScene,
) -> None:
    plain = kea.settings()["subnet4"][0]
    kea.write(comment="mine", subnet4=[{**plain, "option-data": [*plain["option-data"], statics(1)]}])
    kea.start()
    daemon = kea.site.start(kea.text("write = false").replace('interval = "1s"', 'interval = "1h"'))
    soon("told", lambda: kea.own() == BOTH)
    client = kea.site.client("dhcpcd")
    client.wait_lease()
    far = (("10.88.0.1/32", "192.168.200.9"), ("172.20.0.0/16", "192.168.200.8"))
    has(client, DEFAULT, ("10.0.0.0/24", "192.168.200.2"), *far)
    assert kea.problems() == {}
    kea.reload()
    soon("the file, which was not edited, is loaded and the options are put back", lambda: kea.own() == BOTH, 5.0)
    soon("ready", lambda: _ready(kea) == 200)
    kea.kill()
    soon("not ready", lambda: _ready(kea) == 503, 5.0)
    assert daemon.process.poll() is None


def _ready(kea: KeaScene) -> int:
    assert kea.site.daemon is not None
    return int(kea.site.daemon.get("/readyz")[0])


@pytest.mark.long
def test_a_kea_that_serves_nobody_is_not_ready(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    kea.ask("dhcp-disable")
    kea.routerd(ready=False)
    soon("Kea has the options", lambda: kea.own() == BOTH)
    soon("it is said", lambda: "Kea does not answer here" in kea.problems().get("beside-not-told", ""))
    soon("not ready", lambda: _ready(kea) == 503)
    kea.ask("dhcp-enable")
    # It is asked again a few seconds after the first answer was wrong, and after a change.
    soon("ready", lambda: _ready(kea) == 200 and not kea.problems(), 90.0)


@pytest.mark.long
def test_clean_and_the_end_without_kea_name_its_file_and_remember_it(kea: KeaScene) -> None:
    kea.write()
    kea.start()
    daemon = kea.routerd(f'config_file = "{kea.file}"')
    soon("the file has the options", lambda: '"routerd"' in kea.file.read_text() and not kea.problems())
    kea.stop()
    assert daemon.stop() == 0
    assert f"its file {kea.file} has options 121 and 249" in kea.site.log()

    def clean() -> tuple[int, str]:
        words = [sys.executable, "-m", "routerd", "clean", "--config", str(daemon.config)]
        done = kea.beta.run(words, check=False)
        return done.returncode, done.stdout + done.stderr

    for _ in range(2):
        status, said = clean()
        assert (status, f"its file {kea.file} has options 121 and 249" in said) == (1, True), said
    kea.start()
    assert kea.own() == BOTH
    status, said = clean()
    assert (status, kea.own(), '"routerd"' in kea.file.read_text()) == (0, [], False), said
    kea.stop()
    assert clean()[0] == 0


@pytest.mark.long
def test_letters_of_the_administrators_file_stay(kea: KeaScene) -> None:
    kea.write()
    found = json.loads(kea.file.read_text())
    found["Dhcp4"]["user-context"] = {"note": "Büro"}
    kea.file.write_text(json.dumps(found, ensure_ascii=False))
    kea.start()
    before = kea.file.read_bytes()
    kea.routerd()
    soon("it is said", lambda: "letters beyond ASCII" in kea.problems().get("kea-not-written", ""))
    assert kea.own() == BOTH
    assert kea.file.read_bytes() == before


@pytest.mark.long
def test_leases_in_memory_only_stay(kea: KeaScene) -> None:
    kea.write(lease_database={"type": "memfile", "persist": False})
    kea.start()
    client = kea.site.client("udhcpc")
    address = client.wait_lease().address
    kea.routerd(ready=False)
    soon("it is said", lambda: "leases in memory only" in kea.problems().get("kea-refuses", ""))
    assert ask(kea.socket, "config-get")["arguments"]["Dhcp4"]["subnet4"][0]["option-data"][1:] == []
    found = offer(kea.site.example.gw, 3, mac=bytes.fromhex("0200000000ab"))
    assert found is None or str(IPv4Address(found.yiaddr)) != address
