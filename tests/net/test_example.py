"""routerd in the example network: real clients, restarts, hostile datagrams, what is shown, what is left behind."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.talk import tcp_talk
from tests.dhcp.scene import message
from tests.net.site import Site, blast, soon

pytestmark = pytest.mark.net


@pytest.mark.parametrize("client", ["dhclient", "udhcpc"])
def test_a_real_client_learns_the_route_and_both_ways_keep_their_addresses(site: Site, client: str) -> None:
    daemon = site.start()
    lease = site.client(client).wait_lease()
    assert lease.address == "192.168.200.22"
    table = site.example.b.run(["ip", "-4", "route"]).stdout
    assert "10.0.0.0/24 via 192.168.200.2 dev lan0" in table
    assert "default via 192.168.200.1 dev lan0" in table
    began = time.monotonic()
    assert tcp_talk(site.example.b, site.example.a, "10.0.0.1").source == "192.168.200.22"

    def a_to_b() -> str:
        return tcp_talk(site.example.a, site.example.b, "192.168.200.22").source

    assert a_to_b() in ("192.168.200.2", "10.0.0.1"), "it works before anything is proven, too"
    soon("B has proven its way back", lambda: a_to_b() == "10.0.0.1")
    assert time.monotonic() - began < 3
    host = daemon.host("192.168.200.22")
    assert host is not None
    assert (host["return_path"], host["strategy"], host["hostname"]) == ("direct", "site-gateway", "endpoint-b")
    status, body = daemon.get("/v1/leases")
    assert status == 200
    (row,) = body["leases"]
    assert (row["address"], row["mac"], row["hostname"], row["lan"], row["state"]) == (
        "192.168.200.22",
        "02:00:00:00:00:22",
        "endpoint-b",
        "lan0",
        "bound",
    )


def test_what_http_says(site: Site) -> None:
    daemon = site.start()
    soon("endpoint-a is up", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    peer = daemon.get("/v1/peers/endpoint-a")[1]
    assert (peer["vpn"], peer["addresses"], peer["reachable"]) == (
        "vpn",
        ["10.0.0.1"],
        True,
    )
    assert peer["endpoint"].startswith("203.0.113.1:")
    assert daemon.get("/v1/peers/endpoint-a/health")[0] == 200
    assert daemon.get("/v1/peers/nobody/health")[0] == 404
    assert daemon.get("/v1/routes")[1] == {
        "routes": [
            {
                "prefix": "10.0.0.0/24",
                "gateway": "192.168.200.2",
                "metric": 1,
                "lan": "lan0",
                "channels": ["dhcp"],
                "state": "offered",
                "reason": "vpn is behind 192.168.200.2",
            }
        ]
    }
    assert daemon.get("/v1/problems")[1] == {"problems": []}
    assert daemon.get("/livez") == (200, "ok\n")
    assert daemon.get("/v1/status")[1]["version"]
    site.example.cut_tunnel()
    soon("endpoint-a is down", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "down")
    assert daemon.get("/v1/peers/endpoint-a/health")[0] == 503
    (problem,) = daemon.get("/v1/problems")[1]["problems"]
    assert (problem["code"], problem["subject"]) == ("peer-down", "peer endpoint-a")
    assert daemon.get("/readyz")[0] == 200


def test_secrets_are_nowhere(site: Site) -> None:
    daemon = site.start(site.config + '\n[log]\nlevel = "debug"\n')
    private = [site.example.tunnel_a.keys.private, site.example.tunnel_beta.keys.private]
    paths = ("/v1/status", "/v1/peers", "/v1/routes", "/v1/leases", "/v1/problems", "/readyz?verbose", "/livez")
    said = site.log() + json.dumps([daemon.get(path)[1] for path in paths])
    for key in private:
        assert key not in said


def test_no_lease_is_lost_by_stop_or_kill(site: Site) -> None:
    daemon = site.start()
    client = site.client()
    client.wait_lease()
    before = daemon.get("/v1/leases")[1]["leases"]
    assert daemon.stop() == 0
    daemon = site.start()
    assert daemon.get("/v1/leases")[1]["leases"] == before
    daemon.process.kill()
    daemon.process.wait()
    daemon = site.start()
    after = daemon.get("/v1/leases")[1]["leases"]
    assert [row["address"] for row in after] == ["192.168.200.22"]
    assert after[0]["state"] == "bound"


def test_stop_takes_back_what_was_made(site: Site) -> None:
    beta = site.example.beta

    def state() -> list[str]:
        commands = (["ip", "-4", "route", "show", "table", "all"], ["ip", "-4", "address"], ["ip", "rule"])
        settings = (
            "for f in /proc/sys/net/ipv4/conf/*/{forwarding,rp_filter,send_redirects}; do echo $f $(cat $f); done"
        )
        return [beta.run(command).stdout for command in commands] + [beta.run(["bash", "-c", settings]).stdout]

    before = state()
    daemon = site.start()
    routes = beta.run(["ip", "-4", "route", "show", "proto", "121"]).stdout
    assert "unreachable 10.0.0.0/24 metric 4294967295" in routes
    assert state() != before
    assert daemon.stop() == 0
    assert state() == before
    assert not list(site.lab.directory.glob("*.sock"))


def test_unused_addresses_do_not_go_round_in_circles(site: Site) -> None:
    site.start()
    b = site.example.b
    site.client().wait_lease()
    site.example.beta.ip(f"link set {site.example.tunnel_beta.interface} down")
    counted = "/sys/class/net/lan0/statistics/rx_packets"
    before = int(site.example.gw.run(["cat", counted]).stdout)
    ping = b.run(["ping", "-c", "1", "-W", "1", "10.0.0.77"], check=False)
    assert ping.returncode == 1
    assert int(site.example.gw.run(["cat", counted]).stdout) - before < 10


def test_a_missing_interface_is_waited_for_and_shown(site: Site) -> None:
    text = site.config.replace('interface = "lan0"', 'interface = "late0"')
    daemon = site.start(text, ready=False)
    status, body = soon("HTTP answers", lambda: (a := daemon.get("/readyz?verbose"))[0] and a)
    assert status == 503
    assert "[-]lan late0 failed: interface missing" in body
    soon("the problem is shown", lambda: daemon.get("/v1/problems")[1]["problems"])
    assert daemon.get("/v1/problems")[1]["problems"][0]["code"] == "interface-missing"
    assert daemon.get("/livez")[0] == 200
    beta = site.example.beta
    beta.ip("address del 192.168.200.2/24 dev lan0", "link set lan0 down", "link set lan0 name late0")
    beta.ip("address add 192.168.200.2/24 dev late0", "link set late0 up")
    daemon.wait_ready()
    assert site.client().wait_lease().server == "192.168.200.2"


HOSTILE = [
    b"",
    b"\0",
    b"\x01\x01\x06\x00" + b"\0" * 232,
    message(1)[:239],
    message(1)[:241],
    message(1, (12, b"x" * 40))[:250],
    message(None),
    message(None, (53, b"")),
    message(2),
    message(5),
    message(9),
    message(1, hlen=17),
    message(1, hlen=255),
    message(1, htype=32, hlen=0),
    message(1, op=2),
    message(1, giaddr=0xC0A8C802),
    message(3, (50, bytes((192, 168, 200, 255)))),
    message(3, (50, b"\xff" * 4), ciaddr=0xFFFFFFFF),
    message(3, ciaddr=0x08080808),
    message(8, ciaddr=0xC0A8C802),
    message(4, (50, bytes((192, 168, 200, 2)))),
    message(7, ciaddr=0xC0A8C801),
    message(1, (52, b"\x03"), (55, bytes(range(255)))),
    message(1, (57, b"\0\0"), (51, b"\xff" * 4), (61, b""), (12, b"\xff\0../;$(x)")),
    message(1, (61, b"x" * 255), (82, b"\x01\xff")),
    b"\xff" * 1400,
]


def test_hostile_datagrams_are_counted_and_the_next_client_is_served(site: Site) -> None:
    daemon = site.start()
    rng = random.Random(7)
    mutants = []
    for _ in range(300):
        data = bytearray(message(rng.choice((1, 3, 4, 7, 8)), (50, rng.randbytes(4)), (61, rng.randbytes(9))))
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        mutants.append(bytes(data[: rng.randrange(200, len(data) + 1)]))
    blast(site.example.b, HOSTILE + mutants)
    lease = site.client().wait_lease()
    assert lease.address == "192.168.200.22"
    counters = daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"]
    assert counters["pkt4-received"] >= len(mutants)
    assert counters["pkt4-parse-failed"] > 10
    assert counters["pkt4-receive-drop"] > counters["pkt4-parse-failed"]
    assert counters.get("pkt4-processing-failed", 0) == 0
    assert daemon.process.poll() is None


def test_our_own_datagrams_are_dropped(site: Site) -> None:
    daemon = site.start()
    blast(site.example.beta, [message(1)] * 3)
    soon("they are counted", lambda: _counter(daemon, "pkt4-not-for-us") == 3)


def _counter(daemon: Daemon, name: str) -> int:
    return int(daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"].get(name, 0))


# ---------------------------------------------------------------- what keeps it from starting


def _ends(site: Site, text: str, prefix: list[str] | None = None) -> tuple[int, str]:
    path = site.write(text)
    command = [*(prefix or []), sys.executable, "-m", "routerd", "run", "--config", str(path)]
    done = site.example.beta.run(command, check=False, timeout=15)
    return done.returncode, done.stderr


def _hold(site: Site, bind: str) -> None:
    code = f"import socket, time; {bind}; print('ok', flush=True); time.sleep(30)"
    process = site.example.beta.popen([sys.executable, "-c", code], name="holder", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ok\n"


def test_port_67_in_use(site: Site) -> None:
    _hold(site, "s = socket.socket(2, 2); s.bind(('0.0.0.0', 67))")
    code, said = _ends(site, site.config)
    assert code == 1
    assert "routerd: UDP port 67 on lan0 is in use by python" in said.splitlines()[-1]
    assert not list(site.lab.directory.glob("*.sock"))
    assert site.example.beta.run(["ip", "-4", "route", "show", "proto", "121"]).stdout == ""


def test_http_port_in_use(site: Site) -> None:
    _hold(site, "s = socket.create_server(('127.0.0.1', 8121))")
    code, said = _ends(site, site.config)
    assert code == 1
    assert "127.0.0.1:8121" in said
    assert "in use" in said
    assert len(said.splitlines()) == 1
    assert not list(site.lab.directory.glob("*.sock"))


@pytest.mark.parametrize(
    ("dropped", "named"), [("net_raw", "CAP_NET_RAW"), ("net_bind_service", "CAP_NET_BIND_SERVICE")]
)
def test_missing_right(site: Site, dropped: str, named: str) -> None:
    drop = ["setpriv", f"--bounding-set=-{dropped}", f"--inh-caps=-{dropped}"]
    code, said = _ends(site, site.config, drop)
    assert code == 1
    assert named in said
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said


def test_broken_configuration(site: Site) -> None:
    code, said = _ends(site, site.config.replace('192.168.200.1"', '192.168.7.1"').replace("pools", "pols"))
    assert code == 2
    assert "lan[0].dhcp.pols" in said
    assert "pools" in said
    assert "Traceback" not in said


def test_stale_socket_of_a_killed_daemon_is_no_obstacle(site: Site) -> None:
    daemon = site.start()
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    assert (site.lab.directory / "routerd.sock").exists()
    site.start()
