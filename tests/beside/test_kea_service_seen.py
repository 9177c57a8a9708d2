"""The service for a Kea: what Kea makes of the options, what clients are told, and what is seen of a Kea."""

import asyncio
import copy
import io
import time
from pathlib import Path
from typing import Any

import pytest

from routerd.beside import kea_door_service, kea_seen_service, kea_service
from routerd.reports import Check
from tests.beside.kea_service_scene import (
    CONFIG,
    MORE,
    OWN,
    VPN,
    bounded,
    codes,
    in_loop,
    part,
    quick,
    running,
    shown,
    soon_looks,
    until,
)
from tests.beside.played_kea import PlayedKea

__all__ = ["quick"]


@in_loop
async def test_what_kea_cuts_is_taken_back_at_once_and_not_set_again(path: Path) -> None:
    """As with a definition that is not known to cut it."""

    def cut(given: dict[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(given)
        for entry in made["subnet4"][0]["option-data"]:
            entry["data"] = entry["data"][:6]
        return made

    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.made = cut
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert [code for code, _ in shown(service)] == ["kea-refuses"]
        assert "does not keep the options as they were set; what it had before is back" in shown(service)[0][1]
        assert kea.config == CONFIG
        assert kea.count("config-set") == 2
        looks = kea.count("config-get")
        await until("looked at", lambda: soon_looks(service) and kea.count("config-get") > looks)
        assert (kea.config, kea.count("config-set"), len(shown(service))) == (CONFIG, 2, 1)
        kea.made = lambda given: given
        kea.config = {**CONFIG, "valid-lifetime": 61}
        await until("told", lambda: soon_looks(service) and codes(kea) == [121, 249])
        await until("no problem", lambda: shown(service) == [])


@in_loop
async def test_an_edit_of_a_cut_option_keeps_the_rest_of_the_edit(path: Path) -> None:
    def cut(given: dict[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(given)
        for entry in made["subnet4"][0]["option-data"]:
            entry["data"] = entry["data"][:6]
        return {**made, "valid-lifetime": 77}

    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.made = cut
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert kea.config == {**CONFIG, "valid-lifetime": 77}


@in_loop
async def test_a_kea_whose_leases_are_in_memory_only_is_not_changed(path: Path) -> None:
    config = {**CONFIG, "lease-database": {"type": "memfile", "persist": False}}
    async with PlayedKea(path, config) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert shown(service)[0][0] == "kea-refuses"
        assert "keeps its leases in memory only" in shown(service)[0][1]
        assert not service.checks()[0].ok
        assert (kea.count("config-test"), kea.count("config-set")) == (0, 0)
        kea.config = {**CONFIG, "lease-database": {"type": "memfile", "persist": True}}
        await until("told", lambda: codes(kea) == [121, 249])


@in_loop
async def test_a_kea_that_answers_no_client_is_said_and_the_lan_is_not_ready(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.is_deaf = True
        service.apply((part(VPN),))
        await until("said", lambda: [code for code, _ in shown(service)] == ["beside-not-told"])
        assert "Kea does not answer here" in shown(service)[0][1]
        assert not service.checks()[0].ok
        assert service.status()["lans"] == [{"lan": "lan0", "answer": "silent"}]
        kea.is_deaf = False
        await until("well", lambda: shown(service) == [] and service.checks()[0].ok)
        kea.is_deaf = True
        await until("said", lambda: not service.checks()[0].ok)
        service.apply((part(),))
        await until("nothing is to be told", lambda: shown(service) == [] and service.checks()[0].ok)


@pytest.mark.parametrize(
    "more",
    [
        {"subnet4": [{**CONFIG["subnet4"][0], "client-class": "phones"}]},
        {"client-classes": [{"name": "DROP", "test": "member('ALL')"}]},
        {"interfaces-config": {"interfaces": ["lan0"], "dhcp-socket-type": "udp"}},
    ],
)
def test_a_kea_that_need_not_answer_this_machine_may_be_silent(tmp_path: Path, more: dict[str, Any]) -> None:
    async def test(path: Path) -> None:
        async with PlayedKea(path, {**CONFIG, **more}) as kea, running(path) as service:
            kea.is_deaf = True
            service.apply((part(VPN),))
            await until("asked", lambda: service.status()["lans"] == [{"lan": "lan0", "answer": "silent"}])
            assert (shown(service), service.checks()[0].ok) == ([], True)

    asyncio.run(bounded(test(tmp_path / "kea.sock")))


@pytest.mark.parametrize(
    ("config", "code", "text"),
    [
        ({"subnet4": [{"subnet": "192.168.7.0/24"}]}, "kea-no-subnet", "it has no subnet for this LAN"),
        ({**CONFIG, "option-data": [OWN]}, "kea-conflict", "its own options stand against the routes"),
    ],
)
def test_a_lan_whose_clients_are_not_told_is_not_ready(
    tmp_path: Path, config: dict[str, Any], code: str, text: str
) -> None:
    async def test(path: Path) -> None:
        async with PlayedKea(path, config) as kea, running(path) as service:
            service.apply((part(VPN),))
            await until("said", lambda: [each for each, _ in shown(service)] == [code])
            assert service.checks() == (Check("dhcp lan0", False, f"Kea: {text}"),)
            if code == "kea-conflict":  # its administrator may tell the same routes
                kea.config = {**CONFIG, "option-data": [{**OWN, "data": "180A0000C0A8C80200C0A8C801"}]}
                await until("told", lambda: service.checks()[0].ok)

    asyncio.run(bounded(test(tmp_path / "kea.sock")))


@in_loop
async def test_a_gateway_that_flaps_costs_few_changes(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("told", lambda: codes(kea) == [121, 249])
        # Kea has them a moment before the service knows.
        await until("it is seen", lambda: service.checks()[0].ok)
        for _ in range(20):
            service.apply((part(),))
            await until("withdrawn", lambda: codes(kea) == [], 5.0)
            service.apply((part(VPN),))
            await until("what is held is no fault", lambda: service.checks()[0].ok, 5.0)
            await asyncio.sleep(0.02)
        assert kea.count("config-set") == 2
        await until("told", lambda: codes(kea) == [121, 249])
        assert kea.count("config-set") == 3


@in_loop
async def test_a_slow_kea_is_changed_for_a_small_share_of_the_time_but_a_withdrawal_does_not_wait(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("told", lambda: codes(kea) == [121, 249])
        kea_service._PAUSE = 20
        service._talk.took = 1000.0
        service.apply((part(VPN, MORE),))
        await asyncio.sleep(0.1)
        assert kea.count("config-set") == 1
        service._talk.took = 0.0
        await until("told", lambda: kea.count("config-set") == 2)
        service._talk.took, service._talk.ended = 1000.0, time.monotonic() - 1000.0
        service.apply((part(MORE),))
        await until("withdrawn", lambda: kea.count("config-set") == 3, 2.0)


@in_loop
async def test_a_kea_that_has_ended_is_not_ready_long_before_it_is_asked_again(path: Path) -> None:
    async with running(path) as service:
        async with PlayedKea(path, CONFIG) as kea:
            service.apply((part(VPN, interval=1000.0),))
            await until("told", lambda: service.checks()[0].ok)
            # However long its last change took: it is not to be changed now.
            kea_service._PAUSE, service._talk.took = 20, 1000.0
            looks = kea.count("config-get")
            await asyncio.sleep(0.1)
            assert kea.count("config-get") == looks
        await until("not ready", lambda: not service.checks()[0].ok, 2.0)
        assert [code for code, _ in shown(service)] == ["kea-unreachable"]
        kea_service._PAUSE, service._wait = 1, 1000.0
        async with PlayedKea(path, CONFIG) as kea:
            await until("told", lambda: codes(kea) == [121, 249], 2.0)
            await until("ready", lambda: service.checks()[0].ok and shown(service) == [], 2.0)


@in_loop
async def test_a_configuration_that_somebody_has_kea_load_is_noticed_by_its_sockets(path: Path) -> None:
    """Also where its file is not known, or was edited long ago."""
    serving: frozenset[int] | None = frozenset({1})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kea_seen_service, "sockets_of_servers", lambda: serving)
        async with PlayedKea(path, CONFIG) as kea, running(path) as service:
            service.apply((part(VPN, interval=1000.0),))
            await until("told", lambda: service.checks()[0].ok)
            for number in (2, 3):
                kea.config, serving = CONFIG, frozenset({number})
                await until("told again", lambda: codes(kea) == [121, 249], 2.0)
            sets, looks = kea.count("config-set"), kea.count("config-get")
            serving = frozenset({4})  # another server's
            await until("it is looked at", lambda: kea.count("config-get") > looks)
            serving = None  # for a while there are too many sockets
            await asyncio.sleep(0.1)
            serving = frozenset({4})
            await asyncio.sleep(0.1)
            assert (kea.count("config-set"), kea.count("config-get")) == (sets, looks + 1)


@in_loop
async def test_sockets_that_change_do_not_hurry_what_is_refused(path: Path) -> None:
    """Kea opens them anew also when it comes back to what it had before."""
    numbers = iter(range(1_000_000))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kea_seen_service, "sockets_of_servers", lambda: frozenset({next(numbers)}))
        patched.setattr(kea_service, "_FIRST_WAIT", 1000.0)
        patched.setattr(kea_service, "_LONGEST_WAIT", 1000.0)
        async with PlayedKea(path, CONFIG) as kea, running(path) as service:
            kea.answers["config-set"] = {"result": 1, "text": "no"}
            service.apply((part(VPN, interval=1000.0),))
            await until("said", lambda: shown(service))
            service._wait = 1000.0
            service._next = time.monotonic() + 1000.0
            sets = kea.count("config-set")
            await asyncio.sleep(0.2)
            assert kea.count("config-set") == sets


def test_servers_are_known_by_their_sockets_unless_there_are_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref\n"

    def line(address: str, inode: int) -> bytes:
        return f"  9: {address} 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 {inode} 2 0 0\n".encode()

    for data, expected in (
        (head + line("02C8A8C0:0043", 17) + line("00000000:0044", 18) + line("00000000:0043", 19), {17, 19}),
        (head, set()),
        (head + line("02C8A8C0:0043", 17) + 9000 * line("00000000:0044", 18), None),
        (head + b"nonsense\n", None),
    ):
        monkeypatch.setattr("builtins.open", lambda *_, data=data: io.BytesIO(data))
        found = kea_door_service.sockets_of_servers()
        monkeypatch.undo()
        assert found == expected
