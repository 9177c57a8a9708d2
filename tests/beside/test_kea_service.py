"""The service for a Kea, with a Kea that is played: what it does about late, broken and refusing ones."""

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest

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
    until,
)
from tests.beside.played_kea import PlayedKea

__all__ = ["quick"]


@in_loop
async def test_routes_come_and_go_and_nothing_is_sent_twice(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("told", lambda: codes(kea) == [121, 249])
        await until("known", lambda: service.checks()[0].ok)
        assert (kea.count("config-test"), kea.count("config-set"), kea.count("config-write")) == (1, 1, 0)
        looks = kea.count("config-get")
        await until("it is looked at", lambda: kea.count("config-get") > looks + 2)
        assert kea.count("config-set") == 1
        assert shown(service) == []
        assert not service.is_clear
        service.apply((part(),))
        await until("withdrawn", lambda: kea.config == CONFIG)
        service.apply((part(VPN),))
        await until("told", lambda: codes(kea) == [121, 249])
        service.apply(())
        await until("clear", lambda: service.is_clear)
        assert kea.config == CONFIG


@in_loop
async def test_a_kea_with_hashes_is_not_asked_for_its_whole_configuration_again(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.hashes = True
        service.apply((part(VPN),))
        await until("looked at", lambda: kea.count("config-hash-get") > 3)
        whole = kea.count("config-get")
        await until("looked at", lambda: kea.count("config-hash-get") > 6)
        assert kea.count("config-get") == whole
        kea.config = copy.deepcopy(CONFIG)
        await until("put back", lambda: codes(kea) == [121, 249])


@in_loop
async def test_a_kea_that_is_started_anew_is_told_again(path: Path) -> None:
    async with running(path) as service:
        async with PlayedKea(path, CONFIG) as kea:
            service.apply((part(VPN),))
            await until("told", lambda: codes(kea) == [121, 249])
        await until("missed", lambda: [code for code, _ in shown(service)] == ["kea-unreachable"])
        async with PlayedKea(path, CONFIG) as kea:
            await until("told again", lambda: codes(kea) == [121, 249])
            await until("no problem", lambda: shown(service) == [])


@in_loop
async def test_an_edit_between_reading_and_setting_is_kept(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:

        def edit(name: str) -> None:
            if name == "config-test" and kea.count("config-test") == 1:
                kea.config["valid-lifetime"] = 77

        kea.before = edit
        service.apply((part(VPN),))
        await until("told", lambda: codes(kea) == [121, 249])
        assert kea.config["valid-lifetime"] == 77
        assert (kea.count("config-test"), kea.count("config-set")) == (2, 1)


@in_loop
async def test_a_configuration_that_never_holds_still_is_not_overwritten(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:

        def edit(name: str) -> None:
            if name == "config-get":
                kea.config["valid-lifetime"] += 1

        kea.before = edit
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert "is being changed all the time" in shown(service)[0][1]
        assert kea.count("config-set") == 0


@in_loop
async def test_a_kea_that_drops_the_options_is_not_told_for_ever(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.answers["config-set"] = {"result": 0, "text": "fine"}
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert "it does not keep the options" in shown(service)[0][1]
        assert kea.count("config-set") <= 8


_BAD: list[tuple[str, object, str, str]] = [
    ("config-get", None, "kea-late", "no answer within"),
    ("config-get", b"", "kea-unreachable", "closed without an answer"),
    ("config-get", b"garbage", "kea-refuses", "not JSON"),
    ("config-get", b'{"result": 0, "argu', "kea-refuses", "not JSON"),
    ("config-get", b"[" * 200_000, "kea-refuses", "nested"),
    ("config-get", {"result": 0, "arguments": {"Dhcp6": {}}}, "kea-refuses", "no Dhcp4"),
    ("config-test", {"result": 1, "text": "bad option at line 3"}, "kea-refuses", "bad option at line 3"),
    ("config-test", None, "kea-late", "no answer within"),
    ("config-set", {"result": 1, "text": "cannot open lease file"}, "kea-refuses", "cannot open lease file"),
    ("config-set", b"", "kea-unreachable", "closed without an answer"),
    ("config-set", None, "kea-late", "no answer within"),
]


@pytest.mark.parametrize(("name", "said", "code", "text"), _BAD)
def test_what_kea_does_not_do_is_said_and_tried_again(
    tmp_path: Path, name: str, said: Any, code: str, text: str
) -> None:
    async def test(path: Path) -> None:
        async with PlayedKea(path, CONFIG) as kea, running(path) as service:
            kea.answers[name] = said
            service.apply((part(VPN),))
            await until("said", lambda: shown(service))
            assert shown(service)[0][0] == code
            assert text in shown(service)[0][1]
            assert not service.checks()[0].ok
            tried = len(kea.asked)
            await until("tried again", lambda: len(kea.asked) > tried)
            del kea.answers[name]
            await until("told", lambda: codes(kea) == [121, 249])
            await until("no problem", lambda: shown(service) == [] and service.checks()[0].ok)

    asyncio.run(bounded(test(tmp_path / "kea.sock")))


@in_loop
async def test_an_answer_of_100_mb_is_not_read_to_its_end(path: Path) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            await reader.read(100)
            sent = 0
            for _ in range(1600):
                writer.write(b" " * 65536)
                await writer.drain()
                sent += 65536
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(flood, str(path))
    async with running(path) as service:
        service.apply((part(VPN),))
        # A machine that is busy enough lets it come too late first.
        await until("said", lambda: any("more than 16 MiB" in one[1] for one in shown(service)))
        assert 0 < sent < 20 * 1024 * 1024
    server.close()


@in_loop
async def test_waits_grow_while_kea_refuses(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.answers["config-test"] = {"result": 1, "text": "no"}
        service.apply((part(VPN),))
        await asyncio.sleep(0.5)
        assert 2 <= kea.count("config-test") <= 6  # after 0, 20, 60, 140, 300 ms


@in_loop
async def test_a_withdrawal_does_not_wait_for_the_next_try(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("told", lambda: codes(kea) == [121, 249])
        kea.answers["config-set"] = {"result": 1, "text": "no"}
        service._wait = 60.0
        service.apply((part(VPN, MORE),))
        await until("refused", lambda: shown(service))
        del kea.answers["config-set"]
        service.apply((part(),))
        await until("withdrawn", lambda: kea.config == CONFIG)


@in_loop
async def test_what_is_wanted_while_kea_is_told_is_done_next(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:

        def change(name: str) -> None:
            if name == "config-set" and kea.count("config-set") == 1:
                service.apply((part(),))

        kea.before = change
        service.apply((part(VPN),))
        await until("withdrawn", lambda: kea.count("config-set") == 2 and kea.config == CONFIG)


@in_loop
async def test_a_subnet_that_is_not_there_is_named(path: Path) -> None:
    config = {"subnet4": [{"subnet": "192.168.7.0/24"}]}
    async with PlayedKea(path, config) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        code, text = shown(service)[0]
        assert code == "kea-no-subnet"
        assert "192.168.200.0/24" in text
        assert "it serves 192.168.7.0/24" in text
        assert kea.config == config


@in_loop
async def test_the_administrators_own_option_is_reported_with_its_place(path: Path) -> None:
    async with PlayedKea(path, {**CONFIG, "option-data": [OWN]}) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert [code for code, _ in shown(service)] == ["kea-conflict"]
        assert "the global options (an option 121 of its own)" in shown(service)[0][1]
        await until("the other one is told", lambda: codes(kea) == [249])
        assert kea.config["option-data"] == [OWN]
