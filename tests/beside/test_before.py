"""What a trial notes of DHCP servers, and what is made of it: also where files and Keas are not as they should be."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from routerd.beside import before_service
from routerd.beside.before import Before, ServerBefore, decode, encode
from routerd.beside.dnsmasq_file import HEADER
from routerd.beside.kea_patch import has_marked, patch
from routerd.beside.record import encode_servers
from routerd.beside.words import ServerKey
from tests.beside.played_kea import PlayedKea
from tests.beside.test_kea_patch import LAN, MORE, config, network, option, subnet

OURS = f"{HEADER}tag:lan0,121,00\n"
OTHER = f"{HEADER}tag:lan0,121,01\n"


def dnsmasq(directory: Path) -> ServerKey:
    return ServerKey("dnsmasq", str(directory / "options"), str(directory / "pid"))


def run(part: Awaitable[Before | None]) -> Before | None:
    async def main() -> Before | None:
        return await asyncio.wait_for(part, 20)

    return asyncio.run(main())


@pytest.mark.parametrize("text", [None, "", HEADER, OURS])
@pytest.mark.parametrize("now", [None, "", HEADER, OURS, OTHER])
def test_the_file_is_as_it_was(tmp_path: Path, text: str | None, now: str | None) -> None:
    file, record, key = tmp_path / "options", tmp_path / "beside-servers", dnsmasq(tmp_path)
    if text is not None:
        file.write_text(text)
    taken = asyncio.run(before_service.take({key: None}, [record]))
    file.unlink(missing_ok=True)
    if now is not None:
        file.write_text(now)
    record.write_bytes(encode_servers([key]))
    assert run(before_service.restore(decode(json.loads(json.dumps(encode(taken)))))) is None
    assert (file.read_text() if file.exists() else None) == text
    assert not record.exists()


@pytest.mark.parametrize("moment", ["before", "since"])
def test_another_programs_file_is_left_alone(tmp_path: Path, moment: str) -> None:
    file, key = tmp_path / "options", dnsmasq(tmp_path)
    if moment == "before":
        file.write_text("121,00\n")
    taken = asyncio.run(before_service.take({key: None}, []))
    file.write_text("121,00\n")
    assert run(before_service.restore(taken)) is None
    assert file.read_text() == "121,00\n"


def test_a_file_that_cannot_be_changed_is_left_and_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, key = tmp_path / "beside-servers", dnsmasq(tmp_path)
    taken = asyncio.run(before_service.take({key: None}, [record]))
    record.write_bytes(encode_servers([key]))
    (tmp_path / "options").write_text(OURS)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr("os.unlink", refuse)
        left = run(before_service.restore(taken))
    assert left is not None
    assert left.servers == taken.servers
    assert record.read_bytes() == encode_servers([key])
    assert "options 121 and 249 of the trial are still in it: Permission denied; the next start" in caplog.text
    assert run(before_service.restore(left)) is None
    assert not record.exists()
    assert not (tmp_path / "options").exists()


def test_what_was_noted_earlier_stays_noted(tmp_path: Path) -> None:
    first, record = dnsmasq(tmp_path), tmp_path / "beside-servers"
    taken = asyncio.run(before_service.take({first: None}, [record]))
    (tmp_path / "options").write_text(OURS)
    record.write_bytes(encode_servers([first]))
    second = ServerKey("dnsmasq", str(tmp_path / "more"), "")
    more = asyncio.run(before_service.take({first: None, second: None}, [record], taken))
    assert more == Before({str(record): frozenset()}, (ServerBefore(first), ServerBefore(second)))


# ---------------------------------------------------------------- Kea


def play(tmp_path: Path, test: Callable[[PlayedKea, ServerKey], Awaitable[None]]) -> None:
    async def main() -> None:
        async with PlayedKea(tmp_path / "kea.sock", config(subnet(LAN, option(3)))) as kea:
            await asyncio.wait_for(test(kea, ServerKey("kea", str(kea.path))), 20)

    asyncio.run(main())


def test_kea_is_as_it_was(tmp_path: Path) -> None:
    async def test(kea: PlayedKea, key: ServerKey) -> None:
        for earlier in (kea.config, patch(kea.config, [network()]).config):
            kea.config = earlier
            taken = await before_service.take({key: None}, [])
            kea.config = patch(earlier, [network(LAN, MORE)]).config
            assert await before_service.restore(decode(json.loads(json.dumps(encode(taken))))) is None
            assert kea.config == earlier
            sets = kea.count("config-set")
            assert await before_service.restore(taken) is None
            assert kea.count("config-set") == sets

    play(tmp_path, test)


@pytest.mark.parametrize("how", ["silent", "refuses", "nonsense", "gone"])
def test_a_kea_that_does_not_do_it_is_left(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test(kea: PlayedKea, key: ServerKey) -> None:
        taken = await before_service.take({key: None}, [])
        kea.config = patch(kea.config, [network()]).config
        if how == "gone":
            await kea.stop()
        elif how == "silent":
            kea.answers["config-get"] = None
        else:
            kea.answers["config-set"] = {"result": 1, "text": "no"} if how == "refuses" else b"<html>"
        begun = time.monotonic()
        left = await before_service.restore(taken)
        assert time.monotonic() - begun < before_service._PUT_BACK + 1
        assert left == taken
        assert f"kea {kea.path}: options 121 and 249 of the trial may still be handed out: " in caplog.text

    play(tmp_path, test)


def test_a_kea_that_could_not_be_asked_before_is_left_with_nothing(tmp_path: Path) -> None:
    async def test(kea: PlayedKea, key: ServerKey) -> None:
        kea.answers["config-get"] = None
        taken = await before_service.take({key: None}, [])
        assert taken.servers[0].entries is None
        del kea.answers["config-get"]
        kea.config = patch(kea.config, [network()]).config
        assert await before_service.restore(taken) is None
        assert not has_marked(kea.config)

    play(tmp_path, test)


def test_a_kea_that_never_was_there_is_not_waited_for(tmp_path: Path) -> None:
    key = ServerKey("kea", str(tmp_path / "none.sock"))
    taken = asyncio.run(before_service.take({key: None}, []))
    assert run(before_service.restore(taken)) is None
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(key.path)
        assert run(before_service.restore(taken)) is not None


@pytest.mark.parametrize("document", [None, [], {}, {"records": {}, "servers": [[1]]}, {"records": 1, "servers": []}])
def test_what_is_no_snapshot_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        decode(document)


def test_who_takes_back_loads_it_only_where_it_was_in_use() -> None:
    look = (
        "import sys; import routerd.system.rollback; print([n for n in sys.modules if n.startswith('routerd.beside.')])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
