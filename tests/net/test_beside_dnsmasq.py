"""A dnsmasq that stays, with routerd beside it: real clients take and lose the routes, and the truth is told."""

import shutil
import signal
import sys

import pytest

from routerd.dhcp.message import decode_message
from routerd.lab.daemon import Daemon
from routerd.lab.dhcp_client import missing
from tests.dhcp.scene import message
from tests.net.beside_scene import DEFAULT, ROUTES, VPN, Beside, read
from tests.net.site import Site, soon
from tests.net.test_rivals_lan import problem

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base"),
]


@pytest.fixture
def beside(site: Site) -> Beside:
    return Beside(site)


def answer(site: Site) -> dict[str, object]:
    """What dnsmasq answers routerd, as /v1/status has it."""
    assert site.daemon is not None
    servers = site.daemon.get("/v1/status")[1]["services"]["beside"]["servers"]
    return dict(next((lan for server in servers for lan in server["lans"]), {"answer": None}))


@pytest.mark.parametrize("client", ["udhcpc", pytest.param("dhclient", marks=pytest.mark.long)])
def test_clients_take_the_route_and_lose_it_at_renewal(site: Site, beside: Beside, client: str) -> None:
    if missing(client):
        pytest.skip(f"{client} is not installed")
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    assert daemon.get("/v1/problems")[1] == {"problems": []}
    b = site.client(client)
    assert set(b.wait_lease().routes) == {DEFAULT, VPN}
    assert b.routes() == {DEFAULT, VPN}

    def has_route() -> bool:
        """dhclient's script adds routes and never removes one, whoever serves: what its lease says counts."""
        lease = b.lease()
        return VPN in (lease.routes if client == "dhclient" and lease is not None else b.routes())

    beside.tunnel("down")
    soon("the route is withdrawn", lambda: beside.routes() == b"")
    b.renew()
    soon("the client has lost the route", lambda: not has_route())
    assert DEFAULT in b.routes()
    beside.tunnel("up")
    soon("the route is back", lambda: beside.routes() == ROUTES)
    b.renew()
    soon("the client has the route again", has_route)


@pytest.mark.long
def test_all_who_ask_are_told_and_nobody_else(site: Site, beside: Beside) -> None:
    beside.lines += [
        "dhcp-option=42,192.168.200.7",
        "dhcp-range=set:relayed,192.168.201.100,192.168.201.110,255.255.255.0",
    ]
    beside.start()
    site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    made = beside.offered(3, 42, 121, 249)
    assert (made.options[121], made.options[249]) == (ROUTES, ROUTES)
    assert made.options[42] == bytes((192, 168, 200, 7))
    assert not {121, 249} & beside.offered(3, 42).options.keys()


@pytest.mark.long
def test_a_dnsmasq_that_does_not_read_the_file_is_reported(site: Site, beside: Beside) -> None:
    option = beside.lines.pop()
    beside.start()
    daemon = site.start(beside.config, ready=False)
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-not-told"))
    assert shown["text"] == f"lan lan0: clients are not told the routes: dnsmasq does not read {beside.options_file}"
    assert f"dhcp-optsfile={beside.options_file}" in shown["mend"]
    assert daemon.get("/readyz")[0] == 503
    assert beside.routes() == b""
    beside.stop()
    beside.lines.append(option)
    beside.start()
    daemon.wait_ready()
    assert beside.routes() == ROUTES
    assert problem(daemon, "beside-not-told") is None


@pytest.mark.long
def test_a_file_out_of_dnsmasqs_reach_is_reported(site: Site, beside: Beside) -> None:
    beside.start()
    beside.directory.chmod(0o700)
    daemon = site.start(beside.config, ready=False)
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-not-told"))
    assert f"because {beside.directory} is closed to others" in shown["text"]
    assert f"chmod o+x {beside.directory}" in shown["mend"]


@pytest.mark.long
def test_no_dnsmasq_is_reported_and_it_reads_the_file_when_it_starts(site: Site, beside: Beside) -> None:
    daemon = site.start(beside.config, ready=False)
    soon("the problem is shown", lambda: problem(daemon, "beside-not-running"))
    beside.start()
    assert beside.routes() == ROUTES
    daemon.wait_ready()


def test_the_administrators_own_options_stay_and_are_reported(site: Site, beside: Beside) -> None:
    own = ["dhcp-option=121,10.9.0.0/16,192.168.200.9", "dhcp-option-force=249,10:0a:09:c0:a8:c8:09"]
    beside.lines += own
    beside.start()
    daemon = site.start(beside.config, ready=False)
    before = beside.offered().options
    assert before[121] == before[249] == b"\x10\x0a\x09\xc0\xa8\xc8\x09"
    shown = soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    last = len(beside.conf.read_text().splitlines())
    assert f"121 at {beside.conf}:{last - 1}, 249 at {beside.conf}:{last}" in shown["text"]
    assert "to all clients of 192.168.200.0/24" in shown["text"]
    assert beside.offered().options == before
    assert "tag:" not in read(beside.options_file)
    assert daemon.get("/readyz")[0] == 503
    beside.stop()
    beside.lines = [line for line in beside.lines if line not in own]
    beside.start()
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    soon("nothing is wrong", lambda: daemon.get("/v1/problems")[1] == {"problems": []})
    assert daemon.get("/readyz")[0] == 200


@pytest.mark.long
def test_an_option_for_some_clients_stays_theirs(site: Site, beside: Beside) -> None:
    beside.lines += ["dhcp-mac=set:guests,02:00:00:00:00:aa", "dhcp-option=tag:guests,121,10.9.0.0/16,192.168.200.9"]
    beside.start()
    daemon = site.start(beside.config)
    shown = soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    assert "to some clients of 192.168.200.0/24" in shown["text"]
    soon("others are told", lambda: answer(site)["answer"] == "right")
    assert beside.routes() == b"\x10\x0a\x09\xc0\xa8\xc8\x09"
    b = site.client("udhcpc")
    assert VPN in b.wait_lease().routes


def test_a_file_that_is_not_ours_is_left_alone(site: Site, beside: Beside) -> None:
    beside.options_file.write_text("tag:printers,42,192.168.200.3\n")
    beside.start()
    daemon = site.start(beside.config, ready=False)
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-foreign-file"))
    assert "routerd did not make it" in shown["text"]
    assert daemon.stop() == 0
    assert beside.options_file.read_text() == "tag:printers,42,192.168.200.3\n"


@pytest.mark.long
def test_a_restart_of_dnsmasq_and_a_removed_file_are_noticed(site: Site, beside: Beside) -> None:
    beside.start()
    site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    text = beside.options_file.read_text()
    beside.stop()
    beside.options_file.unlink()
    beside.start()
    assert beside.routes() == b""
    soon("the file is back", lambda: read(beside.options_file) == text)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)


def test_a_stop_withdraws_the_routes_and_a_kill_leaves_them(site: Site, beside: Beside) -> None:
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    assert beside.log().count(f": read {beside.options_file}") == 1
    assert beside.log().count("DHCPINFORM(lan0) 192.168.200.2 ") <= 2
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(5)
    assert beside.routes() == ROUTES
    daemon = site.start(beside.config)
    assert beside.routes() == ROUTES
    # Nothing has changed, so dnsmasq was not bothered.
    assert beside.log().count(f": read {beside.options_file}") == 1
    assert daemon.stop() == 0
    assert beside.routes() == b""


def clean(site: Site) -> str:
    argv = [sys.executable, "-m", "routerd", "clean", "--config", str(site.lab.directory / "routerd.toml")]
    return site.example.beta.run(argv).stdout


def test_clean_removes_the_routes_and_the_file(site: Site, beside: Beside) -> None:
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    site.write(beside.config.replace('mode = "dnsmasq"', 'mode = "off"'))
    daemon.process.send_signal(signal.SIGHUP)
    soon("another mode takes back what was told", lambda: beside.routes() == b"")
    site.write(beside.config)
    daemon.process.send_signal(signal.SIGHUP)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    daemon.process.kill()
    daemon.process.wait(5)
    # Also where the configuration does not name dnsmasq any more.
    site.write(site.plain)
    said = clean(site)
    assert f"removed routes from {beside.options_file} of dnsmasq" in said
    assert not beside.options_file.exists()
    assert beside.routes() == b""
    assert clean(site) == "nothing of routerd's is here\n"


@pytest.mark.long
def test_more_routes_than_an_option_holds_are_named(site: Site, beside: Beside) -> None:
    beside.start()
    prefixes = [f"10.{number}.0.0/16" for number in range(1, 32, 2)]
    listed = "prefixes = [" + ", ".join(f'"{prefix}"' for prefix in prefixes) + "]\n"
    text = beside.config.replace('name = "vpn"\n', f'name = "vpn"\n{listed}', 1)
    daemon = site.start(text)
    # 16 routes of 7 bytes and the default route of 5 are 117 of 120 bytes.
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    assert problem(daemon, "beside-too-long") is None
    more = [f"10.{number}.0.0/16" for number in range(61, 90, 2)]
    site.write(text.replace(listed, listed.replace("]", ", " + ", ".join(f'"{one}"' for one in more) + "]")))
    daemon.process.send_signal(signal.SIGHUP)
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-too-long"))
    assert "left out: 10.61.0.0/16" in shown["text"]
    assert len(beside.offered(121).options[121]) == 117
    assert beside.offered(121).options[121].endswith(b"\x00\xc0\xa8\xc8\x01")


@pytest.mark.long
def test_a_router_that_differs_is_reported(site: Site, beside: Beside) -> None:
    beside.lines.remove("dhcp-option=3,192.168.200.1")
    beside.start()
    daemon = site.start(beside.config)
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-router"))
    assert "tells clients the router 192.168.200.2, and so does option 121" in shown["text"]
    # A working default route stays what it was.
    assert beside.routes() == bytes.fromhex("180a0000c0a8c802" + "00c0a8c802")


def test_without_the_right_to_signal_it_says_so_until_somebody_else_does(site: Site, beside: Beside) -> None:
    """Somebody else is systemd's routerd-dnsmasq.path, where routerd runs as a user of its own."""
    beside.start()
    beta, path = site.example.beta, site.write(beside.config)
    argv = ["setpriv", "--bounding-set=-kill", sys.executable, "-m", "routerd", "run", "--config", str(path)]
    site.daemon = daemon = Daemon(beta, path, site.lab.directory / "routerd.sock", beta.popen(argv, name="routerd"))
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-not-told"))
    assert "CAP_KILL is missing" in shown["text"]
    assert "systemctl enable --now routerd-dnsmasq.path" in shown["mend"]
    assert beside.process is not None
    beside.process.send_signal(signal.SIGHUP)
    assert beside.routes() == ROUTES


_RELAY = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.168.201.1", 67))
s.settimeout(1)
for _ in range(5):
    s.sendto(bytes.fromhex(sys.argv[1]), ("192.168.200.2", 67))
    try:
        print(s.recv(4096).hex())
        break
    except TimeoutError:
        pass
"""


@pytest.mark.long
def test_clients_behind_a_relay_agent_go_through_their_own_router(site: Site, beside: Beside) -> None:
    gw, beta = site.example.gw, site.example.beta
    gw.ip("address add 192.168.201.1/24 dev lo")
    beta.ip("route add 192.168.201.0/24 via 192.168.200.1")
    beside.lines += [
        "dhcp-range=set:far,192.168.201.100,192.168.201.110,255.255.255.0,2m",
        "dhcp-option=tag:far,3,192.168.201.1",
    ]
    beside.start()
    subnet = """    [[lan.dhcp.subnet]]
    subnet = "192.168.201.0/24"
    router = "192.168.201.1"
    tag = "far"
"""
    site.start(beside.config.replace("    [lan.dhcp.dnsmasq]", f"{subnet}    [lan.dhcp.dnsmasq]"))
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    ask = message(1, (55, bytes((3, 121, 249))), giaddr=0xC0A8C901, mac=bytes.fromhex("0200000000bb")).hex()

    def far() -> bytes:
        told = gw.run([sys.executable, "-c", _RELAY, ask], timeout=10).stdout.strip()
        return decode_message(bytes.fromhex(told)).options.get(121, b"") if told else b"?"

    through = bytes.fromhex("180a0000c0a8c901" + "00c0a8c901")
    assert far() == through
    beside.tunnel("down")
    soon("the route is withdrawn", lambda: far() == b"")


@pytest.mark.long
def test_a_directory_of_options_forgets_what_is_withdrawn(site: Site, beside: Beside) -> None:
    """dnsmasq reads a changed file of a dhcp-optsdir by itself, but keeps what is not in it any more until SIGHUP."""
    directory = beside.directory / "options.d"
    directory.mkdir(mode=0o755)
    beside.lines[-1] = f"dhcp-optsdir={directory}"
    beside.options_file = directory / "routerd"
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    beside.tunnel("down")
    soon("the route is withdrawn", lambda: beside.routes() == b"")
    beside.tunnel("up")
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right" and beside.routes() == ROUTES)
    soon("nothing is wrong", lambda: daemon.get("/v1/problems")[1] == {"problems": []})
    plan = [sys.executable, "-m", "routerd", "plan", "--config", str(site.lab.directory / "routerd.toml")]
    assert f"dnsmasq ({beside.options_file})" in site.example.beta.run(plan).stdout.replace("\n", "")
    status = [sys.executable, "-m", "routerd", "status", "--config", str(site.lab.directory / "routerd.toml")]
    assert "as it should be" in site.example.beta.run(status).stdout
