"""The service for a Kea, with a Kea that is played: what it does about late, broken and refusing ones."""

import asyncio
import copy
import io
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from routerd.beside import hold, kea_asked, kea_door_service, kea_seen_service, kea_service, kea_talk_service
from routerd.beside.kea_service import KeaService
from routerd.beside.words import ServerKey
from routerd.beside_part import BesideNetwork, BesidePart, Told
from routerd.config.model import Dhcp, Kea
from routerd.health import ProblemTracker
from routerd.reports import Check
from tests.beside.played_kea import PlayedKea

LAN = IPv4Network("192.168.200.0/24")
VPN = (IPv4Network("10.0.0.0/24"), IPv4Address("192.168.200.2"))
MORE = (IPv4Network("10.9.0.0/16"), IPv4Address("192.168.200.2"))
CONFIG: dict[str, Any] = {
    "valid-lifetime": 60,
    "subnet4": [{"id": 1, "subnet": str(LAN), "option-data": [], "pools": [], "reservations": []}],
}

_OWN = {"code": 121, "csv-format": False, "data": "00C0A8C801", "space": "dhcp4"}


def part(*routes: tuple[IPv4Network, IPv4Address], file: Path | None = None, interval: float = 0.05) -> BesidePart:
    """`file` None: it is not to be written."""
    network = BesideNetwork(LAN, "", routes, None)
    kea = Kea(write=file is not None, config_file=str(file), interval=interval)
    return BesidePart("lan0", "kea", Dhcp(mode="kea", kea=kea), (network,))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of the service, a hundred times shorter."""
    for name, seconds in (("_TICK", 0.01), ("_SOON", 0.02), ("_FIRST_WAIT", 0.02), ("_FAREWELL", 0.2), ("_PAUSE", 1)):
        monkeypatch.setattr(kea_service, name, seconds)
    for name, seconds in (("_FIRST", 0.3), ("_LONGEST", 0.6)):
        monkeypatch.setattr(hold, name, seconds)
    for name, seconds in (("_AGAIN", 0.03), ("_EVERY_WRONG", 0.06), ("_EVERY_RIGHT", 0.06)):
        monkeypatch.setattr(kea_asked, name, seconds)
    monkeypatch.setattr(kea_talk_service, "_QUICK", 0.3)
    monkeypatch.setattr(kea_talk_service, "_LONG", 0.3)


def make(path: Path, named: Path | None = None) -> KeaService:
    async def ask(part: BesidePart, *_: object) -> tuple[Told, ...]:
        kea = PlayedKea.at.get(str(path))
        return () if kea is None else kea.answer_to(part)

    return KeaService(ServerKey("kea", str(path)), ask, lambda: None, None if named is None else str(named))


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[KeaService]:
    service = make(path)
    task = asyncio.create_task(service.run())
    try:
        yield service
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: str, probe: Callable[[], object], limit: float = 30.0) -> None:
    end = time.monotonic() + limit
    while not probe():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.005)


def codes(kea: PlayedKea) -> list[int]:
    return [entry["code"] for entry in kea.config["subnet4"][0]["option-data"]]


def soon_looks(service: KeaService) -> bool:
    """Have the service look at Kea again; at the end of a look that is under way it decides anew when."""
    service._next = 0.0
    return True


def shown(service: KeaService) -> list[tuple[str, str]]:
    """The problems as they are shown; their texts must have all their values."""
    tracker = ProblemTracker()
    tracker.update(service.problems(), 0.0)
    rows = tracker.report(1000.0)
    assert not [row for row in rows if "?" in row.text]
    return [(row.code, row.text) for row in rows]


def in_loop(test: Callable[[Path], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        asyncio.run(_bounded(test(tmp_path / "kea.sock")))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def _bounded(test: Awaitable[None]) -> None:
    async with asyncio.timeout(30):
        await test


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

    asyncio.run(_bounded(test(tmp_path / "kea.sock")))


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
    async with PlayedKea(path, {**CONFIG, "option-data": [_OWN]}) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert [code for code, _ in shown(service)] == ["kea-conflict"]
        assert "the global options (an option 121 of its own)" in shown(service)[0][1]
        await until("the other one is told", lambda: codes(kea) == [249])
        assert kea.config["option-data"] == [_OWN]


@in_loop
async def test_a_file_that_says_what_kea_runs_is_kept_current(path: Path) -> None:
    file = path.parent / "kea.conf"
    file.write_text(json.dumps({"Dhcp4": CONFIG}))
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.file = file
        service.apply((part(VPN, file=file),))
        await until("settled", lambda: service.checks()[0].ok)
        assert json.loads(file.read_text()) == {"Dhcp4": kea.config}
        assert (codes(kea), shown(service), kea.count("config-write")) == ([121, 249], [], 1)
        service.apply((part(file=file),))
        await until("withdrawn", lambda: service.checks()[0].ok)
        assert json.loads(file.read_text()) == {"Dhcp4": CONFIG}
        assert kea.count("config-write") == 2


_DIFFERENT = json.dumps({"Dhcp4": {**CONFIG, "valid-lifetime": 61}})


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        ("// mine\n" + json.dumps({"Dhcp4": CONFIG}), b"-", "it has comments"),
        (_DIFFERENT, b"-", "it may have edits that Kea has not loaded yet"),
        (None, b"-", "it cannot be read: No such file"),
        (json.dumps({"Dhcp4": CONFIG}), {"result": 1, "text": "Unable to open file"}, "Unable to open file"),
        (json.dumps({"Dhcp4": CONFIG}), {"result": 0, "text": "written"}, "but it does not say what Kea runs"),
    ],
)
def test_a_file_is_left_as_it_is_with_the_reason(tmp_path: Path, text: str | None, said: Any, reason: str) -> None:
    async def test(path: Path) -> None:
        file = path.parent / "kea.conf"
        if text is not None:
            file.write_text(text)
        async with PlayedKea(path, CONFIG) as kea, running(path) as service:
            kea.file, kea.answers["config-write"] = file, said
            service.apply((part(VPN, file=file),))
            await until("settled", lambda: service.checks()[0].ok)
            ((code, shown_text),) = shown(service)
            assert code == "kea-not-written"
            assert reason in shown_text
            assert codes(kea) == [121, 249]
        assert (file.read_text() if file.exists() else None) == text

    asyncio.run(_bounded(test(tmp_path / "kea.sock")))


@in_loop
async def test_a_file_that_is_edited_while_kea_is_told_is_not_overwritten(path: Path) -> None:
    file = path.parent / "kea.conf"
    file.write_text(json.dumps({"Dhcp4": CONFIG}))
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.file = file

        def edit(name: str) -> None:
            if name == "config-set":
                file.write_text(_DIFFERENT)

        kea.before = edit
        service.apply((part(VPN, file=file),))
        await until("settled", lambda: service.checks()[0].ok)
        assert file.read_text() == _DIFFERENT
        assert kea.count("config-write") == 0
        file.write_text(json.dumps({"Dhcp4": CONFIG}))
        await until("written", lambda: kea.count("config-write") == 1)
        await until("no problem", lambda: shown(service) == [])
        assert json.loads(file.read_text()) == {"Dhcp4": kea.config}


@in_loop
async def test_a_configuration_of_a_database_is_not_touched(path: Path) -> None:
    config = {**CONFIG, "config-control": {"config-databases": [{"type": "mysql"}]}}
    async with PlayedKea(path, config) as kea, running(path) as service:
        service.apply((part(VPN),))
        await until("said", lambda: shown(service))
        assert "comes from a database" in shown(service)[0][1]
        assert kea.count("config-set") == 0


@in_loop
async def test_the_end_removes_what_was_made_and_says_what_it_could_not(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea:
        async with running(path) as service:
            service.apply((part(VPN),))
            await until("told", lambda: codes(kea) == [121, 249])
        kea.answers["config-set"] = None
        left = (await service.withdraw()).left
        assert left is not None
        assert "may still be handed out" in left
        del kea.answers["config-set"]
        # As `routerd clean` does, which knows nothing but the socket.
        done = await make(path).withdraw()
        assert (done.removed, done.left) == ((f"options 121 and 249 from Kea at {path}",), None)
        assert kea.config == CONFIG
        done = await make(path).withdraw()
        assert (done.removed, done.left, kea.count("config-set")) == ((), None, 3)


@in_loop
async def test_a_kea_that_does_not_run_may_have_the_options_in_its_file(path: Path) -> None:
    file = path.parent / "kea.conf"
    file.write_text(json.dumps({"Dhcp4": CONFIG}))
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.file = file
        service.apply((part(VPN, file=file),))
        await until("written", lambda: kea.count("config-write") == 1 and service.checks()[0].ok)
    for ended in (service, make(path, file)):
        left = (await ended.withdraw()).left
        assert left is not None
        assert f"its file {file} has options 121 and 249" in left
        assert "start Kea and run routerd clean" in left
        assert not ended.is_clear
    left = (await make(path).withdraw()).left
    assert left is not None
    assert "the file that it is started with may have" in left
    file.write_text("// mine\n" + json.dumps({"Dhcp4": CONFIG}))
    cleaned = make(path, file)
    assert await cleaned.withdraw() == ((), None)
    assert cleaned.is_clear


@in_loop
async def test_after_a_farewell_nothing_is_there(path: Path) -> None:
    async with PlayedKea(path, CONFIG) as kea:
        async with running(path) as service:
            service.apply((part(VPN),))
            await until("told", lambda: codes(kea) == [121, 249])
        assert (await service.withdraw()).left is None
        assert service.is_clear


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
async def test_an_edit_that_is_not_loaded_stays_also_with_an_old_time_of_change(path: Path) -> None:
    """As `cp -p` and `rsync -t` leave it."""
    file = path.parent / "kea.conf"
    file.write_text(_DIFFERENT)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    async with PlayedKea(path, CONFIG) as kea, running(path) as service:
        kea.file = file
        service.apply((part(VPN, file=file),))
        await until("settled", lambda: service.checks()[0].ok)
        assert (file.read_text(), kea.count("config-write")) == (_DIFFERENT, 0)
        assert "edits that Kea has not loaded yet" in shown(service)[0][1]


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

    asyncio.run(_bounded(test(tmp_path / "kea.sock")))


@pytest.mark.parametrize(
    ("config", "code", "text"),
    [
        ({"subnet4": [{"subnet": "192.168.7.0/24"}]}, "kea-no-subnet", "it has no subnet for this LAN"),
        ({**CONFIG, "option-data": [_OWN]}, "kea-conflict", "its own options stand against the routes"),
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
                kea.config = {**CONFIG, "option-data": [{**_OWN, "data": "180A0000C0A8C80200C0A8C801"}]}
                await until("told", lambda: service.checks()[0].ok)

    asyncio.run(_bounded(test(tmp_path / "kea.sock")))


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
