"""`routerd status` against a daemon that is played: what is printed, and the exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from routerd import cli
from routerd.commands.words import unix
from tests.commands.played import NOW, Answers, answers, lan, lease, peer, played, problem

WHOLE = """\
routerd 0.1.0, up 5 h, ready, 1 of 3 peers reachable (1 idle), 2 problems

Peers:
  NAME        STATE  SINCE  ADDRESSES     RTT  HANDSHAKE  RECEIVED   SENT  ENDPOINT
  endpoint-a  up     3 min  10.0.0.1   1.2 ms  1 min ago   1.2 MiB  812 B  203.0.113.1:51821
  gone        down     2 d  10.0.0.1        -  1 min ago   1.2 MiB  812 B  203.0.113.1:51821
  手机        idle   3 min  -               -          -         -      -  -

Routes:
  PREFIX       VIA            LAN   CHANNELS  STATE    REASON
  10.0.0.0/24  192.168.200.2  lan0  dhcp      offered  vpn is behind 192.168.200.2

Leases:
  ADDRESS         MAC                HOSTNAME   LAN   STATE     EXPIRES    ROUTES
  192.168.200.22  02:00:00:00:00:22  -          lan0  bound     in 30 min  current
  192.168.200.23  02:00:00:00:00:23  bad�[31m�  lan0  released  5 s ago    -
  192.168.200.24  02:00:00:00:00:24  host-24    lan0  bound     never      not asked
  lan0: 1 of 2 leases have the current routes; 1 does not ask for routes (option 121)

Hosts: 3 of 6 hosts with a way back to the VPN (1 through a router), 1 that answers the LAN only, 2 that have shown none

Problems:
  error: vpn vpn: the interface is missing (for 2 d)
    Look at it.
  warning: peer gone: does not answer (because of interface-missing (vpn vpn)) (for 2 d)
    Look at it.
"""


def whole() -> dict[str, tuple[int, Any]]:
    down = peer("gone", "down", False, since="2026-11-20T11:00:00.000Z")
    nothing = {"endpoint": None, "last_handshake": None, "rx_bytes": None, "tx_bytes": None, "addresses": []}
    idle = peer("手机", "idle", None, **nothing)
    leases = [
        lease(22, mac="02:00:00:00:00:22", hostname=None),
        lease(
            23, mac="02:00:00:00:00:23", hostname="bad\x1b[31m\u202e", state="released", expires="2026-11-22T11:59:55Z"
        ),
        lease(24, mac="02:00:00:00:00:24", expires=None, accepts_routes=False, routes_current=False),
    ]
    problems = [
        problem("error", "vpn vpn", "vpn vpn: the interface is missing"),
        problem("warning", "peer gone", "peer gone: does not answer", "interface-missing (vpn vpn)"),
    ]
    hosts = {"known": 6, "direct": 2, "via-router": 1, "lan-only": 1, "unknown": 2}
    return answers([peer("endpoint-a"), down, idle], leases, problems, lans=[lan("lan0", 2, 1, 1)], hosts=hosts)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `routerd status` with these arguments against these answers: exit code, output, errors."""
    monkeypatch.setattr("routerd.commands.status.time", SimpleNamespace(time=lambda: unix(NOW)))

    def status(known: Answers, *words: str) -> tuple[int, str, str]:
        with played(tmp_path, known) as daemon:
            code = cli.main(["status", "--config", str(daemon.config), *words])
        return code, *capsys.readouterr()

    return status


def test_the_whole_status(run: Run) -> None:
    assert run(whole()) == (0, WHOLE, "")


def test_nothing_is_there(run: Run) -> None:
    known = {**answers(), "GET /v1/routes": (200, {"routes": []})}
    assert run(known)[1] == (
        "routerd 0.1.0, up 5 h, ready, no peers\n\nPeers: none\n\nRoutes: none\n\nLeases: none\n\nProblems: none\n"
    )


def test_not_ready_says_the_first_failing_check(run: Run) -> None:
    text = "[-]dhcp lan0 failed: port 67 is taken\n[-]forwarding failed: off at lan0\nreadyz check failed\n"
    first = run({**answers(), "GET /readyz": (503, text)})[1].splitlines()[0]
    assert first == "routerd 0.1.0, up 5 h, not ready: dhcp lan0: port 67 is taken (and 1 more), no peers"


def test_json_is_the_whole_document(run: Run) -> None:
    code, out, _ = run({**whole(), "GET /readyz": (503, "[-]dhcp lan0 failed: taken\n")}, "--json")
    said = json.loads(out)
    assert code == 0
    assert (said["version"], said["now"], said["ready"]) == ("0.1.0", NOW, False)
    assert said["failed"] == [{"name": "dhcp lan0", "text": "taken"}]
    assert [row["name"] for row in said["peers"]] == ["endpoint-a", "gone", "手机"]
    assert said["peers"][0]["since"] == "2026-11-22T11:57:00.000Z"
    assert [len(said[name]) for name in ("routes", "leases", "problems")] == [1, 3, 2]


def test_many_leases_are_cut_and_shown_whole_on_demand(run: Run) -> None:
    known = answers(leases=[lease(number) for number in range(1, 51)])
    lines = run(known)[1].splitlines()
    table = lines[lines.index("Leases:") + 2 : lines.index("Problems: none") - 1]
    assert len(table) == 21
    assert table[-1] == "  … and 30 more (routerd leases)"
    assert len(run(known, "--leases")[1].splitlines()) == 52
    assert len(json.loads(run(known, "--leases", "--json")[1])["leases"]) == 50


def test_of_many_peers_those_that_are_not_reachable_come_first(run: Run) -> None:
    up = [peer(f"up-{number}") for number in range(1098)]
    rest = [peer("idle", "idle", None), peer("down", "down", False)]
    known = answers(peers=[*up, *rest])
    lines = run(known)[1].splitlines()
    assert lines[0] == "routerd 0.1.0, up 5 h, ready, 1098 of 1100 peers reachable (1 idle)"
    table = lines[lines.index("Peers:") + 2 : lines.index("Routes:") - 1]
    assert [row.split()[0] for row in table[:4]] == ["down", "idle", "up-0", "up-1"]
    assert len(table) == 21
    assert table[-1] == "  … and 1080 more (routerd status --peers)"
    assert len(run(known, "--peers")[1].splitlines()) == 1102
    assert len(json.loads(run(known, "--peers", "--json")[1])["peers"]) == 1100
    # As many as are shown keep their order.
    few = run(answers(peers=[*up[:18], *rest]))[1].splitlines()
    table = few[few.index("Peers:") + 2 : few.index("Routes:") - 1]
    assert [row.split()[0] for row in table][-3:] == ["up-17", "idle", "down"]


def test_a_peer_that_is_reachable(run: Run) -> None:
    assert run(whole(), "--peer", "endpoint-a") == (
        0,
        """\
endpoint-a: up for 3 min
  vpn             vpn
  public key      Ab/+d9mV4lKqvA7wU1nq0c5b0hY2m7k3D1Jtq7v9S1E=
  addresses       10.0.0.1
  endpoint        203.0.113.1:51821
  last handshake  1 min ago
  received        1.2 MiB
  sent            812 B
  probe           icmp
  round trip      1.2 ms
  last answer     2 s ago
""",
        "",
    )


def test_a_peer_that_is_not_reachable(run: Run) -> None:
    code, out, err = run(whole(), "--peer", "gone")
    assert (code, err) == (1, "")
    assert out.startswith("gone: down for 2 d\n")
    assert "warning: peer gone: does not answer (because of" in out
    assert "the interface is missing" not in out


def test_a_peer_of_which_nobody_knows(run: Run) -> None:
    known = {**answers(), "GET /v1/peers/phone": (200, peer("phone", "idle", None))}
    assert run(known, "--peer", "phone")[0] == 1
    code, out, _ = run(known, "--peer", "phone", "--json")
    assert (code, json.loads(out)["reachable"]) == (1, None)


@pytest.mark.parametrize(
    ("name", "meant"), [("endpont-a", "; did you mean 'endpoint-a'?"), ("ENDPOINT-A", "; did you mean 'endpoint-a'?"),
                        ("x/y z", "")]
)  # fmt: skip
def test_an_unknown_peer(run: Run, name: str, meant: str) -> None:
    said = f"routerd status: no peer has the name or public key {name!r}{meant}\n"
    assert run(answers([peer("endpoint-a")]), "--peer", name) == (1, "", said)


def test_a_probe_on_demand(run: Run) -> None:
    known = answers([peer("endpoint-a")])
    for status in (404, 405):
        code, out, err = run(
            {**known, "POST /v1/peers/endpoint-a/probe": (status, {"error": "no"})}, "--probe", "endpoint-a"
        )
        assert (code, err) == (0, "note: this daemon cannot probe on demand; what it measured last is shown\n")
        assert out.startswith("endpoint-a: up for")
    after = peer("endpoint-a", "down", False)
    code, out, err = run({**known, "POST /v1/peers/endpoint-a/probe": (200, after)}, "--probe", "endpoint-a")
    assert (code, err) == (1, "")
    assert out.startswith("endpoint-a: down for")
    assert run(known, "--probe", "nobody")[0] == 1


def test_a_flapping_peer_and_why_its_probe_failed(run: Run) -> None:
    flapping = peer("endpoint-a", flapping=True, evidence=[{"kind": "traffic", "at": "2026-11-22T11:59:00.500Z"}])
    flapping["probe"] |= {"failures": 2, "failure": "no answer"}
    assert "  up, flapping  " in run(answers([flapping]))[1]
    out = run(answers([flapping]), "--peer", "endpoint-a")[1]
    assert "  failures        2\n  failed because  no answer\n  last traffic    1 min ago\n" in out


def test_without_a_daemon_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "routerd.toml"
    path.write_text(
        f'[[vpn]]\ninterface = "wg0"\n[[lan]]\ninterface = "lan0"\n[http]\nlisten = ["unix:{tmp_path}/none.sock"]\n'
    )
    assert cli.main(["status", "--config", str(path)]) == 1
    expected = f"routerd does not answer at unix:{tmp_path}/none.sock: No such file or directory; is it running?"
    assert capsys.readouterr() == ("", f"routerd status: {expected}\n")


def test_a_configuration_with_faults_is_no_hindrance(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with played(tmp_path, answers()) as daemon:
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace('interface = "wg0"', 'interface = "wg0"\nmtuu = 3\n'))
        assert cli.main(["status", "--config", str(daemon.config)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("routerd 0.1.0, ")
    assert err == (f"note: {daemon.config} has 1 fault (routerd check lists them); asking at unix:{daemon.socket}\n")


def test_without_a_configuration_the_default_socket_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with played(tmp_path, answers()) as daemon:
        default = SimpleNamespace(listen=(f"unix:{daemon.socket}",), token_file=None, tls_cert=None)
        monkeypatch.setattr("routerd.commands.daemon.Http", lambda: default)
        monkeypatch.setattr("routerd.commands.daemon.DEFAULT_CONFIG", str(tmp_path / "none.toml"))
        assert cli.main(["status", "--config", str(tmp_path / "none.toml")]) == 0
        assert capsys.readouterr().err == ""
        assert cli.main(["status", "--config", str(tmp_path / "other.toml")]) == 0
    rule = "cannot be read: No such file or directory"
    assert capsys.readouterr().err == f"note: {tmp_path}/other.toml {rule}; asking at unix:{daemon.socket}\n"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"GET /v1/status": (500, {"error": "internal error"})}, "/v1/status answered 500: internal error"),
        ({"GET /v1/status": (200, "hello")}, "/v1/status answered without JSON: is that routerd at unix:{socket}?"),
        ({"GET /v1/peers": (200, {})}, "/v1/peers answered without peers: is that routerd at unix:{socket}?"),
        ({"GET /v1/peers": (500, "\x1b[2J")}, "/v1/peers answered 500: \\u001b[2J"),
    ],
)
def test_strange_answers(run: Run, tmp_path: Path, known: Answers, said: str) -> None:
    expected = f"routerd status: {said.format(socket=tmp_path / 'routerd.sock')}\n"
    assert run({**answers(), **known}) == (1, "", expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--watch", "--json"), "--watch goes neither with --json nor with --probe"),
        (("--watch", "--probe", "x"), "--watch goes neither with --json nor with --probe"),
        (("--watch",), "--watch needs a terminal; without it the status is printed once"),
    ],
)
def test_where_nothing_can_be_watched(run: Run, words: tuple[str, ...], said: str) -> None:
    assert run(answers(), *words) == (2, "", f"routerd status: {said}\n")


@pytest.mark.parametrize("words", [("--watch=0",), ("--watch=soon",), ("--peer", "a", "--leases"), ("--watch=nan",)])
def test_arguments_that_make_no_sense(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["status", *words])
    assert ended.value.code == 2
