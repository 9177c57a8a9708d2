"""The service for a dnsmasq without one: what it asks first, and how long it holds something against others."""

import asyncio
import os
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from routerd.beside import dnsmasq_service, dnsmasq_talk_service
from routerd.beside.dnsmasq_conf import Conf, OwnOption
from routerd.beside.dnsmasq_conf_service import Started
from routerd.beside.dnsmasq_file import HEADER, values_in
from routerd.beside.dnsmasq_service import DnsmasqService
from routerd.beside.told import ASKED
from routerd.beside.words import ServerKey
from routerd.beside_part import BesidePart, Told
from routerd.system.named_process import Process, SignalError
from tests.beside.scene import VALUE, network, part

HERE = IPv4Address("192.168.200.2")
THEIRS = bytes.fromhex("100a09c0a8c809")


class Played:
    """A dnsmasq that answers what it is set to; time goes on only by `rounds`."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options: dict[int, bytes] = {1: b"\xff\xff\xff\0", 3: b"\xc0\xa8\xc8\x01"}
        self.asked: list[tuple[int, ...]] = []
        self.now, self.read = 1000.0, ""
        self.started, self.is_watched = Started(), False
        self.refused: SignalError | None = None
        self.path = tmp_path / "options"
        monkeypatch.setattr("routerd.beside.dnsmasq_service.time.monotonic", lambda: self.now)
        for module in (dnsmasq_service, dnsmasq_talk_service):
            monkeypatch.setattr(module, "WATCHED", 0.0)
            monkeypatch.setattr(module, "tell", self.tell)
        self.service = DnsmasqService(ServerKey("dnsmasq", str(self.path), f"{tmp_path}/pid"), self.ask, lambda: None)
        monkeypatch.setattr("routerd.beside.dnsmasq_watch_service.look_up", lambda *_: self.started.process)
        monkeypatch.setattr(dnsmasq_service, "is_watched", lambda *_: self.is_watched)
        self.own: bytes | None = None
        self.told = 0
        # Of what this machine has in /etc nothing is to be read.
        monkeypatch.setattr("routerd.beside.dnsmasq_watch_service.read_started", lambda _: self.started)

    async def ask(self, _: BesidePart, codes: Iterable[int], __: float) -> tuple[Told, ...]:
        self.asked.append(tuple(codes))
        if self.own is not None:
            given = values_in(self.read)
            self.options[121] = given[0] if given else self.own
        return (Told(HERE, True, dict(self.options)),)

    def tell(self, _: Path) -> SignalError | None:
        self.told += 1
        if self.refused is None:
            self.reread()
        return self.refused

    def reread(self) -> None:
        """It reads its options, as it does when it starts."""
        self.read = self.path.read_text() if self.path.exists() else ""

    def restart(self, number: int, *unseen: str, conf: Conf | None = None) -> None:
        self.started = Started(Process(number, False, (number,)), conf, unseen)
        self.reread()

    def round(self, *parts: BesidePart) -> str:
        """One round later; the file's text."""
        self.now += 1.0
        asyncio.run(self.service._round(parts))
        return self.path.read_text() if self.path.exists() else ""

    def codes(self) -> list[str]:
        return [problem.code for problem in self.service.problems()]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(tmp_path, monkeypatch)


def test_what_is_served_before_the_first_write_is_the_administrators(played: Played) -> None:
    played.options[121] = THEIRS
    assert "tag:" not in played.round(part())
    played.round(part())
    assert played.codes() == ["beside-conflict"]
    del played.options[121]
    played.now += 300.0
    played.round(part())
    assert VALUE.hex(":") in played.round(part())
    assert set(played.asked) == {ASKED}


def test_what_an_earlier_run_left_is_not_the_administrators(played: Played) -> None:
    played.options[121] = VALUE
    assert VALUE.hex(":") in played.round(part())
    played.service = DnsmasqService(ServerKey("dnsmasq", str(played.path), ""), played.ask, lambda: None)
    played.round(part(network()))
    played.now += 5.0
    played.round(part(network()))
    assert played.codes() == ["beside-still-told"]
    assert [check.ok for check in played.service.checks()] == [False]


def test_the_router_that_is_heard_counts(played: Played) -> None:
    played.options[3] = b"\xc0\xa8\xc8\xfe"
    assert "00:c0:a8:c8:fe" in played.round(part())
    played.options[3] = b"\xc0\xa8\xc8\x09"
    played.now += 300.0
    played.round(part())
    assert "00:c0:a8:c8:09" in played.round(part())
    del played.options[3]
    played.now += 300.0
    played.round(part())
    assert "/24" in played.round(part()).replace(":c0:a8:c8:02\n", "/24")


def test_a_contest_ends_with_time(played: Played) -> None:
    for _ in range(4):
        played.round(part())
        os.unlink(played.path)
    played.round(part())
    assert "beside-contested" in played.codes()
    played.now += 599.0
    played.round(part())
    assert "beside-contested" not in played.codes()


def test_what_is_not_seen_is_asked_before_the_first_write_and_after_every_start(played: Played) -> None:
    played.own = THEIRS
    played.restart(7, "conf-script=/etc/x")
    assert "tag:" not in played.round(part())
    played.own = b""
    played.restart(8, "conf-script=/etc/x")
    assert VALUE.hex(":") in played.round(part())
    assert played.codes() == ["beside-unseen"]
    # It has read ours too; its administrator's shows only without them.
    played.own = THEIRS
    played.restart(9, "conf-script=/etc/x")
    assert "tag:" not in played.round(part())
    played.round(part())
    assert played.codes() == ["beside-conflict"]
    assert [check.ok for check in played.service.checks()] == [False]


def test_what_is_seen_is_not_taken_out_when_dnsmasq_starts(played: Played) -> None:
    played.own = b""
    played.restart(7, conf=Conf(option_files=[str(played.path)]))
    played.round(part())
    played.restart(8, conf=Conf(option_files=[str(played.path)]))
    told = played.told
    assert VALUE.hex(":") in played.round(part())
    assert played.told == told
    assert played.codes() == []


def test_a_dnsmasq_that_is_started_anew_has_its_configuration_read_again(played: Played) -> None:
    played.restart(7, conf=Conf(option_files=[str(played.path)]))
    assert "tag:lan0,121," in played.round(part())
    own = OwnOption(121, ("guests",), "/etc/dnsmasq.conf:9")
    played.restart(8, conf=Conf([own], option_files=[str(played.path)]))
    assert "tag:lan0,tag:!guests,121," in played.round(part())


def test_a_dnsmasq_that_has_ended_is_started_with_what_it_ran_with(played: Played) -> None:
    own = OwnOption(121, (), "its command line")
    played.restart(7, conf=Conf([own], option_files=[str(played.path)]))
    assert "tag:" not in played.round(part())
    played.started = Started(None, Conf(), ("its process",))
    assert "tag:" not in played.round(part())
    played.restart(8, conf=Conf(option_files=[str(played.path)]))
    assert VALUE.hex(":") in played.round(part())


def test_own_routes_that_are_gone_from_a_file_of_options_are_forgotten_at_once(played: Played, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("tag:lan0,121,10.9.0.0/16,192.168.200.9\n")
    played.own = THEIRS
    played.restart(7, conf=Conf(option_files=[str(played.path), str(theirs)]))
    assert "tag:" not in played.round(part())
    played.round(part())
    theirs.write_text("")
    assert VALUE.hex(":") in played.round(part())


def test_a_withdrawal_that_dnsmasq_was_not_told_of_is_not_forgotten(played: Played) -> None:
    played.restart(7, conf=Conf(option_files=[str(played.path)]))
    played.round(part())
    played.refused = SignalError("may not", may_not=True)
    played.round()
    assert not played.service.is_clear
    played.restart(8, conf=Conf(option_files=[str(played.path)]))
    played.round()
    assert played.service.is_clear


def test_a_withdrawal_that_somebody_watches_is_done_with(played: Played) -> None:
    played.restart(7, conf=Conf(option_files=[str(played.path)]))
    played.round(part())
    played.refused, played.is_watched = SignalError("may not", may_not=True), True
    played.round()
    assert played.service.is_clear


def test_the_end_without_the_right_to_tell_leaves_it_for_clean(played: Played) -> None:
    played.restart(7, conf=Conf(option_files=[str(played.path)]))
    played.options[121] = VALUE
    played.round(part())
    played.service._parts = (part(),)
    played.refused = SignalError("may not", may_not=True)
    left = asyncio.run(played.service.withdraw()).left
    assert left is not None
    assert "until it gets a SIGHUP" in left
    assert not played.service.is_clear
    # `routerd clean` as root: the file is empty already, but dnsmasq was never told.
    played.refused, told = None, played.told
    cleaner = DnsmasqService(ServerKey("dnsmasq", str(played.path), ""), played.ask, lambda: None)
    assert asyncio.run(cleaner.withdraw()).left is None
    assert (played.told, played.path.read_text()) == (told + 1, HEADER)
    assert cleaner.is_clear


def test_clean_tells_nobody_where_nothing_of_routerds_is(played: Played) -> None:
    assert asyncio.run(played.service.withdraw()) == ((), None)
    played.path.write_text("dhcp-option=1\n")
    assert asyncio.run(played.service.withdraw()) == ((), None)
    assert played.told == 0
