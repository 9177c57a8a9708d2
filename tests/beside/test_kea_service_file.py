"""The service for a Kea: the file of Kea's, other configurations, and the end."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.beside.kea_service_scene import (
    CONFIG,
    VPN,
    bounded,
    codes,
    in_loop,
    make,
    part,
    quick,
    running,
    shown,
    until,
)
from tests.beside.played_kea import PlayedKea

__all__ = ["quick"]


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

    asyncio.run(bounded(test(tmp_path / "kea.sock")))


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
