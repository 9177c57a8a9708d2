"""`routerd leases import` and `export`: the files that are read, and what is said of what cannot be used."""

import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from routerd.cli import main
from routerd.commands import leases_export, leases_import, store_at
from routerd.lease_files.read import FORMATS, merged, recognized
from tests.commands.played import Played, answers, lease, played
from tests.lease_files.samples import DNSMASQ, ISC, KEA


def run(*words: str, config: Path) -> int:
    return main([*words, "--config", str(config)])


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A played daemon that runs, as far as commands can see."""
    for module in (store_at, leases_import, leases_export):
        monkeypatch.setattr(module, "is_running", lambda: True)
    with played(
        tmp_path, answers(leases=[lease(50), lease(51, client_id="ff:01"), lease(52, state="released")])
    ) as one:
        yield one


def said_of(*outcomes: str) -> dict[str, Any]:
    hosts = (101, 102, 103)
    return {
        "leases": [
            {
                "address": f"192.168.200.{host}",
                "outcome": outcome,
                "state": "bound",
                "reason": "why" * (outcome != "taken"),
                "line": 1,
            }
            for host, outcome in zip(hosts, outcomes, strict=True)
        ]
    }


def test_everything_that_is_not_taken_over_is_said(daemon: Played, tmp_path: Path, capsys: Any) -> None:
    daemon.answers["POST /v1/leases/import"] = (200, said_of("taken", "conflict", "skipped"))
    path = tmp_path / "leases"
    path.write_text(DNSMASQ + "nonsense\n179534")
    assert run("leases", "import", str(path), config=daemon.config) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        f"{path}:4: 'nonsense': five fields are expected: end, MAC, address, name, client identifier; skipped",
        f"{path}:2: 192.168.200.102: why; ours stays",
        f"{path}:3: 192.168.200.103: why; skipped",
        f"note: {path}:5: the file ends within an entry: it was cut, and that entry is skipped",
    ]
    assert out.splitlines() == [
        f"{path}: 4 entries",
        "       1 taken over",
        "       1 in conflict with leases here, which stay",
        "       1 skipped, as they cannot be leases here",
        "       1 that cannot be read",
    ]


@pytest.mark.parametrize("text", [DNSMASQ, KEA, ISC])
def test_the_format_is_known_by_the_content(daemon: Played, tmp_path: Path, capsys: Any, text: str) -> None:
    daemon.answers["POST /v1/leases/import"] = (200, said_of("taken", "taken", "taken"))
    path = tmp_path / "leases"
    path.write_text(text)
    assert run("leases", "import", str(path), "--json", config=daemon.config) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"bound": 3, "unreadable": 0}


def test_what_is_no_lease_file(daemon: Played, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "leases"
    path.write_text("[[lan]]\n")
    assert run("leases", "import", str(path), config=daemon.config) == 1
    assert "is no lease file of dnsmasq, Kea or ISC dhcpd" in capsys.readouterr().err
    assert run("leases", "import", str(tmp_path / "none"), config=daemon.config) == 1
    assert "none: cannot be read: No such file or directory" in capsys.readouterr().err
    assert run("leases", "import", str(path), "--lan", "lan7", "--format", "kea", config=daemon.config) == 1
    assert "no LAN 'lan7' is configured; LANs: lan0" in capsys.readouterr().err
    assert [asked for asked, _ in daemon.asked] == []
    path.write_text("")
    assert run("leases", "import", str(path), config=daemon.config) == 0
    assert "the file is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("isc", KEA.encode(), "is no lease file of ISC dhcpd but, by its content, of Kea; say --format kea"),
        ("kea", DNSMASQ.encode(), "is no lease file of Kea but, by its content, of dnsmasq; say --format dnsmasq"),
        *((name, bytes(range(256)) * 8, "nothing in it can be read as a lease of ") for name in FORMATS),
        *((name, b"\x7fELF\x02\x01\x00\x00{};\n\x00", "nothing in it can be read as a lease of ") for name in FORMATS),
        ("dnsmasq", b"17953", "nothing in it can be read as a lease of dnsmasq"),
        (None, b"address,duid,valid_lifetime,expire,hwaddr\n", "nothing in it can be read as a lease of Kea"),
    ],
)
@pytest.mark.parametrize("json_too", [False, True])
def test_where_nothing_is_understood_that_is_an_error(
    daemon: Played, tmp_path: Path, capsys: Any, name: str | None, data: bytes, said: str, json_too: bool
) -> None:
    path = tmp_path / "leases"
    path.write_bytes(data)
    words = [*(() if name is None else ("--format", name)), *(("--json",) if json_too else ())]
    assert run("leases", "import", str(path), *words, config=daemon.config) == 1
    out, err = capsys.readouterr()
    assert err.splitlines()[-1].startswith(f"routerd leases import: {path}: {said}")
    assert err.splitlines()[-1].endswith("; nothing was taken over")
    assert not json_too or json.loads(out)["leases"] == []
    assert daemon.asked == []


@pytest.mark.parametrize("text", [KEA.partition("\n")[0] + "\n", ISC.partition("lease ")[0], "\n"])
def test_a_file_without_leases_is_none(daemon: Played, tmp_path: Path, text: str) -> None:
    path = tmp_path / "leases"
    path.write_text(text)
    assert run("leases", "import", str(path), config=daemon.config) == 0


@pytest.mark.parametrize("text", [DNSMASQ, KEA, ISC])
@pytest.mark.parametrize("named", [False, True])
def test_a_byte_order_mark_is_no_content(daemon: Played, tmp_path: Path, capsys: Any, text: str, named: bool) -> None:
    daemon.answers["POST /v1/leases/import"] = (200, said_of("taken", "taken", "taken"))
    path = tmp_path / "leases"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    words = ("--format", recognized(text) or "") if named else ()
    assert run("leases", "import", str(path), "--json", *words, config=daemon.config) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"bound": 3, "unreadable": 0}


def test_a_daemon_that_refuses(daemon: Played, tmp_path: Path, capsys: Any) -> None:
    daemon.answers["POST /v1/leases/import"] = (503, {"error": "the lease file cannot be written"})
    path = tmp_path / "leases"
    path.write_text(DNSMASQ)
    assert run("leases", "import", str(path), config=daemon.config) == 1
    assert "answered 503: the lease file cannot be written" in capsys.readouterr().err


def test_what_keas_clean_up_left_counts_less(tmp_path: Path) -> None:
    head = KEA.partition("\n")[0]

    def row(host: int, mac: int, lifetime: int = 3600) -> str:
        return f"192.168.200.{host},02:00:00:00:00:{mac:02x},,{lifetime},1795345200,1,0,0,,0,\n"

    path = tmp_path / "kea.csv"
    (tmp_path / "kea.csv.2").write_text(f"{head}\n{row(1, 1)}{row(2, 1)}{row(3, 1)}{row(4, 1)}")
    (tmp_path / "kea.csv.1").write_text(f"{head}\n{row(2, 2)}{row(4, 2, 0)}")
    path.write_text(f"{head}\n{row(3, 3)}{row(1, 1, 0)}")

    def found() -> dict[str, int]:
        files = leases_import._read(str(path), None, 0.0)
        return {str(one.address): one.hardware[-1] for one in merged(each for _, each in files)}

    assert found() == {"192.168.200.2": 2, "192.168.200.3": 3}
    (tmp_path / "kea.csv.completed").write_text(f"{head}\n{row(7, 7)}")
    assert found() == {"192.168.200.7": 7, "192.168.200.3": 3}


# ---------------------------------------------------------------- export


def test_bound_leases_are_exported(
    daemon: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("time.time", lambda: 1795350000.0)
    assert run("leases", "export", "--format", "dnsmasq", config=daemon.config) == 0
    assert capsys.readouterr().out == (
        "1795350601 02:00:00:00:00:32 192.168.200.50 host-50 *\n"
        "1795350601 02:00:00:00:00:33 192.168.200.51 host-51 ff:01\n"
    )
    assert run("leases", "export", "--format", "dnsmasq", "--remaining", config=daemon.config) == 0
    assert capsys.readouterr().out.startswith("601 02:00:00:00:00:32 ")
    path = tmp_path / "kea.csv"
    subnets = ("--subnet-id", "7", "--subnet-id", "192.168.200.51/32=9")
    assert run("leases", "export", "--format", "kea", *subnets, str(path), config=daemon.config) == 0
    assert [line.split(",")[5] for line in path.read_text().splitlines()[1:]] == ["7", "9"]


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "kea", "--remaining"),
        ("--format", "dnsmasq", "--subnet-id", "1"),
    ],
)
def test_options_that_do_not_fit(daemon: Played, words: tuple[str, ...]) -> None:
    assert run("leases", "export", *words, config=daemon.config) == 2


@pytest.mark.parametrize("text", ["0", "x", "=1", "10.0.0.1/24=1", "10.0.0.0/24=", "-1"])
def test_subnet_ids_that_are_none(daemon: Played, text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run("leases", "export", "--format", "kea", f"--subnet-id={text}", config=daemon.config)
    assert ended.value.code == 2


def test_subnet_of_an_address() -> None:
    number = leases_export._numbers([leases_export._subnet("10.0.0.0/8=2"), leases_export._subnet("10.1.0.0/16=3")])
    assert [number(IPv4Address(text)) for text in ("10.2.0.1", "10.1.0.1", "192.168.0.1")] == [2, 3, 1]
