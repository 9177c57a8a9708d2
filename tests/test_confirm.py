"""Trials: what a start does with the mark of one, how long one may be, and what is on disk of it."""

import json
import sys
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.commands import run_trial
from routerd.config.schema import Bad
from routerd.confirm import Mark, Run, Step, at_start, decode, digest, encode, is_due, left, parse_deadline
from routerd.model import KernelRoute
from routerd.system import snapshot
from routerd.system.learned_routes import LearnedRoute
from routerd.system.neighbours import Proxy
from routerd.system.snapshot import Snapshot, aged

MINE, OTHER = digest("a = 1"), digest("a = 2")
PENDING = Mark("t", MINE, 100.0, snapshot={})
OVER = replace(PENDING, is_pending=False, snapshot=None)
OLD = "before = 1"


@pytest.mark.parametrize(
    ("mark", "content", "is_wish", "step"),
    [
        (None, MINE, False, Step(False, Run.FILE)),
        (None, MINE, True, Step(False, Run.FILE)),
        (PENDING, OTHER, False, Step(True, Run.FILE)),
        (PENDING, OTHER, True, Step(True, Run.FILE)),
        (PENDING, MINE, True, Step(True, Run.FILE)),
        (PENDING, MINE, False, Step(True, Run.NOTHING)),
        (replace(PENDING, previous=OLD), MINE, False, Step(True, Run.PREVIOUS)),
        (replace(PENDING, previous=OLD), MINE, True, Step(True, Run.FILE)),
        (OVER, OTHER, False, Step(False, Run.FILE)),
        (OVER, MINE, True, Step(False, Run.FILE)),
        (OVER, MINE, False, Step(False, Run.NOTHING)),
        (replace(OVER, previous=OLD), MINE, False, Step(False, Run.PREVIOUS)),
        (replace(OVER, previous=OLD), OTHER, False, Step(False, Run.FILE)),
    ],
)
def test_a_start(mark: Mark | None, content: str, is_wish: bool, step: Step) -> None:
    assert at_start(mark, content, is_wish=is_wish) == step


@pytest.mark.parametrize(
    ("seconds", "terminal", "systemd", "is_wish"),
    [
        (None, False, False, False),
        (None, True, False, True),
        (60.0, False, False, True),
        (60.0, True, False, True),
        (None, False, True, False),
        # A unit with --confirm would be tried again and again.
        (60.0, False, True, False),
    ],
)
def test_who_asks_for_a_start(
    monkeypatch: pytest.MonkeyPatch, seconds: float | None, terminal: bool, systemd: bool, is_wish: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", "@x")
    assert run_trial._is_wish(seconds) is is_wish


def test_the_deadline() -> None:
    assert [is_due(PENDING, now) for now in (99.9, 100.0, 200.0)] == [False, True, True]
    assert not is_due(OVER, 200.0)
    assert not is_due(None, 200.0)
    assert [left(PENDING, now) for now in (40.2, 99.9, 200.0)] == [60, 0, 0]


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("60s", 60), ("1m30s", 90), ("24h", 86400), ("1500ms", 1.5)])
def test_a_time_for_a_trial(text: str, seconds: float) -> None:
    assert parse_deadline(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "60", "-1s", "999ms", "25h", "1d", "60 s", "s", "1s1m", "1e3s", "∞"])
def test_no_time_for_a_trial(text: str) -> None:
    with pytest.raises(Bad):
        parse_deadline(text)


@pytest.mark.parametrize("text", ["0s", "60", "25h"])
def test_the_command_line_says_what_is_wrong(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    from routerd.cli import main

    for command in ("run", "reload"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--confirm", text])
        assert ended.value.code == 2
        assert f"--confirm: '{text}' must be " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0s", "0ms", "999ms", "25h", "999999999999h"])
def test_a_time_out_of_range_is_told_the_range(text: str) -> None:
    with pytest.raises(Bad) as error:
        parse_deadline(text)
    assert error.value.rule == "must be from 1s to 24h"


SNAPSHOT = Snapshot(
    5.0,
    frozenset(
        {
            KernelRoute(IPv4Network("10.0.0.0/24"), metric=4294967295),
            KernelRoute(IPv4Network("10.7.0.0/24"), IPv4Address("192.168.200.2"), "eth0", mtu=1400),
        }
    ),
    frozenset({LearnedRoute(IPv4Network("10.9.0.0/24"), IPv4Address("192.168.200.3"), 2, 12101)}),
    frozenset({Proxy(2, IPv4Address("192.168.200.201"))}),
    "table inet routerd {\n}\n",
    {("eth0", "forwarding"): 1},
    {("eth0", "forwarding"): 0},
)


def test_what_is_on_disk_is_read_again() -> None:
    mark = replace(PENDING, previous=OLD, snapshot=snapshot.encode(SNAPSHOT))
    found = decode(json.loads(json.dumps(encode(mark))))
    assert found == mark
    assert found.snapshot is not None
    assert snapshot.decode(found.snapshot) == SNAPSHOT


@pytest.mark.parametrize("name", list(encode(PENDING)))
def test_a_damaged_mark_is_none(name: str) -> None:
    good = encode(PENDING)
    for bad in ({**good, name: object}, {key: value for key, value in good.items() if key != name}, [good], None):
        with pytest.raises(ValueError, match="mark"):
            decode(bad)


@pytest.mark.parametrize("bad", [{}, {**snapshot.encode(SNAPSHOT), "routes": [["x"]]}, {"taken": None}])
def test_a_damaged_snapshot_is_none(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        snapshot.decode(bad)


# As nft 1.0.6 lists them.
_TABLE = """table inet routerd {
	map hosts4 {
		type ifname . ipv4_addr : verdict
		flags timeout
		elements = { "lan0" . 192.168.200.22 timeout 1m30s expires 1m28s500ms : goto routed,
				"lan0" . 192.168.200.23 timeout 1m30s expires 4s : goto routed }
	}
	set plain {
		type ipv4_addr
		elements = { 10.0.0.1, 10.0.0.2 }
	}
	set timed {
		type ipv4_addr
		flags timeout
		elements = { 10.0.0.3 timeout 1m expires 900ms comment "a, b" }
	}
}
"""


def test_what_ends_by_itself_has_gone_on_ending() -> None:
    found = aged(_TABLE, 5.0)
    assert '{ "lan0" . 192.168.200.22 timeout 1m30s expires 83500ms : goto routed }' in " ".join(found.split())
    assert "192.168.200.23" not in found
    assert "elements = { 10.0.0.1, 10.0.0.2 }" in found
    assert "10.0.0.3" not in found
    assert found.count("elements") == 2
    assert aged(_TABLE, 0.0).count("expires") == 3
