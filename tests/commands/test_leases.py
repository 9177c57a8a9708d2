"""`routerd leases` against a daemon that is played: what is printed, what is asked, and the exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from routerd import cli
from routerd.commands.leases_view import lease_table, routes_lines
from routerd.commands.table import Paper
from routerd.commands.words import unix
from tests.commands.played import NOW, Answers, answers, lan, lease, played

LEASES = [
    lease(22, hostname="endpoint-b", client_id="ff:00:01"),
    lease(23, lan="lan1", accepts_routes=False, routes_current=False),
    lease(24, state="expired", hostname=None, expires="2026-11-22T11:00:00Z"),
    lease(25, accepts_routes=True, routes_current=False, hostname="Endpoint-B", expires=None),
    lease(26, accepts_routes=None, routes_current=False, hostname="bad\x1b[2J"),
]
KNOWN = answers(leases=LEASES, lans=[lan("lan0"), lan("lan1"), lan("lan2", 0, 0)])
TABLE = """\
Leases:
  ADDRESS         MAC                HOSTNAME    LAN   STATE    EXPIRES    ROUTES
  192.168.200.22  02:00:00:00:00:16  endpoint-b  lan0  bound    in 30 min  current
  192.168.200.23  02:00:00:00:00:17  host-23     lan1  bound    in 30 min  not asked
  192.168.200.24  02:00:00:00:00:18  -           lan0  expired  1 h ago    -
  192.168.200.25  02:00:00:00:00:19  Endpoint-B  lan0  bound    never      older
  192.168.200.26  02:00:00:00:00:1a  bad�[2J     lan0  bound    in 30 min  unknown
"""
ONE = """\
192.168.200.22: bound
  mac         02:00:00:00:00:16
  client id   ff:00:01
  hostname    endpoint-b
  lan         lan0
  leased      30 min ago
  expires     in 30 min
  asks routes yes
  routes      current
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `routerd leases` with these arguments against these answers: exit code, output, errors."""
    monkeypatch.setattr("routerd.commands.leases.time", SimpleNamespace(time=lambda: unix(NOW)))

    def leases(known: Answers, *words: str) -> tuple[int, str, str]:
        with played(tmp_path, known) as daemon:
            code = cli.main(["leases", "--config", str(daemon.config), *words])
        return code, *capsys.readouterr()

    return leases


def addresses(said: tuple[int, str, str]) -> list[int]:
    """The last octets of the leases that were printed as JSON."""
    assert (said[0], said[2]) == (0, "")
    return [int(row["address"].rpartition(".")[2]) for row in json.loads(said[1])["leases"]]


# ---------------------------------------------------------------- list


@pytest.mark.parametrize("words", [(), ("list",)])
def test_all_leases(run: Run, words: tuple[str, ...]) -> None:
    assert run(KNOWN, *words) == (0, TABLE, "")


def test_it_is_what_status_says(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routerd.commands.status.time", SimpleNamespace(time=lambda: unix(NOW)))
    with played(tmp_path, KNOWN) as daemon:
        assert cli.main(["status", "--leases", "--config", str(daemon.config)]) == 0
        status = capsys.readouterr().out
        assert cli.main(["leases", "--config", str(daemon.config)]) == 0
        assert capsys.readouterr().out == status


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--json",), [22, 23, 24, 25, 26]),
        (("list", "--json"), [22, 23, 24, 25, 26]),
        (("--json", "list", "--lan", "lan1"), [23]),
        (("--lan", "lan1", "--json", "list"), [23]),
        (("--lan", "lan0", "list", "--json", "--lan", "lan1"), [23]),
        (("--state", "expired", "--json"), [24]),
        (("--state", "bound", "--lan", "lan0", "--json"), [22, 25, 26]),
        (("--state", "declined", "--json"), []),
        (("--lan", "lan2", "--json"), []),
    ],
)
def test_some_leases(run: Run, words: tuple[str, ...], expected: list[int]) -> None:
    assert addresses(run(KNOWN, *words)) == expected


def test_no_leases(run: Run) -> None:
    assert run(answers(), "list") == (0, "Leases: none\n", "")
    assert run(KNOWN, "--state", "offered") == (0, "Leases: none\n", "")


def test_a_lan_that_is_not_there(run: Run) -> None:
    said = "routerd leases: no LAN 'lan3' has leases or is served; did you mean 'lan2'?\n"
    assert run(KNOWN, "--lan", "lan3") == (1, "", said)


# ---------------------------------------------------------------- show


@pytest.mark.parametrize("client", ["192.168.200.22", "02:00:00:00:00:16", "02-00-00-00-00-16", "0200.0000.0016"])
def test_one_lease(run: Run, client: str) -> None:
    assert run(KNOWN, "show", client) == (0, ONE, "")


def test_a_hostname_may_stand_for_several(run: Run) -> None:
    assert addresses(run(KNOWN, "show", "ENDPOINT-B", "--json")) == [22, 25]
    assert addresses(run(KNOWN, "show", "endpoint-b", "--state", "bound", "--json")) == [22, 25]
    assert run(KNOWN, "show", "endpoint-b")[1].count("\n\n192.168.200.25: bound\n") == 1


def test_what_a_lease_lacks_is_said(run: Run) -> None:
    assert "  asks routes no: its routes must come from its default gateway\n" in run(KNOWN, "show", "host-23")[1]
    assert run(KNOWN, "show", "192.168.200.24")[1].endswith("\n  expires     1 h ago\n")
    assert "  hostname    bad�[2J\n" in run(KNOWN, "show", "192.168.200.26")[1]


@pytest.mark.parametrize(
    ("client", "meant"),
    [
        ("192.168.200.29", "'192.168.200.26'"),
        ("endpoint-c", "'endpoint-b'"),
        ("x" * 12, ""),
        ("zz0200000000016", "'02:00:00:00:00:16'"),
    ],
)
def test_no_such_lease(run: Run, client: str, meant: str) -> None:
    code, out, err = run(KNOWN, "show", client)
    assert (code, out) == (1, "")
    assert err.startswith(f"routerd leases: no lease has the address, MAC or hostname {client!r}")
    assert err.endswith(f"; did you mean {meant}?\n" if meant else f"{client!r}\n")


# ---------------------------------------------------------------- release


def test_release(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {**KNOWN, "DELETE /v1/leases/192.168.200.25": (200, {"released": "192.168.200.25"})}
    assert run(known, "release", "192.168.200.25") == (0, "192.168.200.25 is released\n", "")
    said = run(known, "release", "192.168.200.25", "--json")
    assert (said[0], json.loads(said[1])) == (0, {"released": "192.168.200.25"})
    with played(tmp_path, known) as daemon:
        cli.main(["leases", "release", "192.168.200.25", "--config", str(daemon.config)])
    assert [asked for asked, _ in daemon.asked] == ["DELETE /v1/leases/192.168.200.25"]


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, "there is no lease of 10.0.0.9", "there is no lease of 10.0.0.9"),
        (
            409,
            "10.0.0.9 is reserved: remove the reservation from the configuration",
            "10.0.0.9 is reserved for its client, which would get it again: remove its lan.dhcp.reservation from the "
            "configuration and reload (SIGHUP), then release it",
        ),
        (503, "the lease file cannot be written", "the lease file cannot be written"),
        (401, "a valid token is needed", "a valid token is needed"),
        (403, "no usable \x1b[2J token", "no usable \\u001b[2J token"),
    ],
)
def test_what_cannot_be_released(run: Run, status: int, error: str, said: str) -> None:
    known = {**KNOWN, "DELETE /v1/leases/10.0.0.9": (status, {"error": error})}
    assert run(known, "release", "10.0.0.9") == (1, "", f"routerd leases: {said}\n")


@pytest.mark.parametrize(
    "words",
    [("release",), ("release", "endpoint-b"), ("release", "300.0.0.1"), ("show",), ("drop", "x"), ("--state", "gone")],
)
def test_arguments_that_make_no_sense(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["leases", *words])
    assert ended.value.code == 2
    assert "usage: routerd leases" in capsys.readouterr().err


def test_without_a_daemon_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with played(tmp_path, KNOWN) as daemon:
        pass
    for words in ((), ("show", "x"), ("release", "10.0.0.1")):
        assert cli.main(["leases", *words, "--config", str(daemon.config)]) == 1
        err = capsys.readouterr().err
        assert err.startswith("routerd leases: routerd does not answer at unix:")
        assert err.count("\n") == 1


# ---------------------------------------------------------------- how far the routes have got


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (lan("a"), ["a: 41 of 43 leases have the current routes; 2 do not ask for routes (option 121)"]),
        (lan("a", 1, 0, 1), ["a: 0 of 1 lease has the current routes; 1 does not ask for routes (option 121)"]),
        (lan("a", 7, 7, 0), ["a: 7 of 7 leases have the current routes"]),
        (lan("a", 7, 3, 0), ["a: 3 of 7 leases have the current routes"]),
        (lan("a", 0, 0, 0), []),
        (lan("a", 7, 7, 2, handed_out=0), []),
        (
            lan("a", 7, 3, 2, handed_out=0),
            ["a: 3 of 7 leases have the current routes (none); the others keep theirs until they renew"],
        ),
        ({"lan": "a", "leases": 3}, []),
    ],
)
def test_how_many_leases_have_the_current_routes(row: dict[str, Any], expected: list[str]) -> None:
    assert routes_lines([row]) == expected


def test_where_the_paper_is_narrow_the_routes_go_first() -> None:
    lines = lease_table(LEASES, unix(NOW) or 0.0, Paper(width=80))
    assert lines[1].endswith("STATE    EXPIRES")
    assert all(len(line) <= 80 for line in lines)
