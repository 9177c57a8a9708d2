"""A dnsmasq that stays: its administrator's routers, networks and files count, and the truth is told."""

import shutil
import signal
import sys
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.classless import decode_classless_routes
from routerd.dhcp.message import Message
from routerd.lab.daemon import Daemon
from routerd.lab.dhcp_client import missing
from tests.dhcp.scene import message
from tests.net.asker import ask, offer
from tests.net.beside_scene import ROUTES, VPN, Beside, read
from tests.net.site import Site, soon
from tests.net.test_beside_dnsmasq import answer
from tests.net.test_rivals_lan import problem

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base"),
]

GUEST, PHONE, PLAIN = (bytes.fromhex(f"0200000000{last}") for last in ("aa", "ab", "ac"))
EVERYWHERE = IPv4Network("0.0.0.0/0")


@pytest.fixture
def beside(site: Site) -> Beside:
    return Beside(site)


def heard(site: Site, mac: bytes) -> Message:
    made = offer(site.example.b, 3, 121, mac=mac)
    assert made is not None
    return made


def default_of(made: Message) -> IPv4Address | None:
    """The default route that the client sets: of option 121 where it has one, else option 3's."""
    if 121 in made.options:
        return dict(decode_classless_routes(made.options[121])).get(EVERYWHERE)
    return IPv4Address(made.options[3][:4]) if 3 in made.options else None


def test_every_client_keeps_the_default_route_that_it_had(site: Site, beside: Beside) -> None:
    beside.lines += [
        "dhcp-mac=set:guests,02:00:00:00:00:aa",
        "dhcp-mac=set:phones,02:00:00:00:00:ab",
        "dhcp-option=tag:guests,option:Router,192.168.200.254",
        "dhcp-option=tag:phones,3",
    ]
    beside.start()
    before = {mac: default_of(heard(site, mac)) for mac in (GUEST, PHONE, PLAIN)}
    assert set(map(str, before.values())) == {"192.168.200.254", "None", "192.168.200.1"}
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: 121 in heard(site, PLAIN).options)
    for mac, router in before.items():
        made = heard(site, mac)
        assert 121 in made.options
        assert default_of(made) == router
    soon("dnsmasq is asked", lambda: answer(site)["answer"] == "right")
    assert daemon.get("/v1/problems")[1] == {"problems": []}


@pytest.mark.long
def test_no_router_means_no_default_route(site: Site, beside: Beside) -> None:
    beside.lines[1] = "dhcp-option=3"
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    made = heard(site, PLAIN)
    assert decode_classless_routes(made.options[121]) == [(IPv4Network(VPN[0]), IPv4Address(VPN[1]))]
    assert 3 not in made.options
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-router"))
    assert shown is not None
    assert "tells clients the router none" in shown["text"]


@pytest.mark.long
def test_a_network_without_a_tag_of_its_own_is_reported(site: Site, beside: Beside) -> None:
    beside.lines += ["dhcp-range=192.168.201.100,192.168.201.110,255.255.255.0"]
    beside.start()
    daemon = site.start(beside.config, ready=False)
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-range"))
    assert shown is not None
    assert "dhcp-range 192.168.201.100" in shown["text"]
    assert daemon.get("/readyz")[0] == 503
    assert beside.routes() == b""
    beside.stop()
    beside.lines[-1] = beside.lines[-1].replace("=", "=set:far,", 1)
    beside.start()
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    assert "tag:!far," in read(beside.options_file)
    daemon.wait_ready()


@pytest.mark.long
def test_routes_have_room_beside_usual_options(site: Site, beside: Beside) -> None:
    """A client that names no size of its own has 308 bytes; dnsmasq leaves out whole what has no place."""
    beside.lines += [
        "domain=department.site-b.example.net",
        "dhcp-fqdn",
        "dhcp-option=6,192.168.200.1,192.168.200.3,192.168.200.4",
        "dhcp-option=42,192.168.200.1,192.168.200.3",
        "dhcp-option=119,site-b.example.net,department.site-b.example.net",
        "dhcp-option=26,1400",
    ]
    beside.start()
    prefixes = [f"10.{number}.0.0/16" for number in range(1, 90, 2)]
    listed = "prefixes = [" + ", ".join(f'"{prefix}"' for prefix in prefixes) + "]\n"
    site.start(beside.config.replace('name = "vpn"\n', f'name = "vpn"\n{listed}', 1))
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    name = b"reception-desktop-03"
    dhclient = bytes((1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42))
    windows = bytes((1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252))
    for number, asked in enumerate((dhclient, windows)):
        more = ((12, name), (81, b"\0\0\0" + name), (61, b"\1" + PLAIN))
        made = ask(site.example.b, message(1, (55, asked), *more, mac=bytes((2, 0, 0, 0, 1, number)), flags=0x8000))
        assert made is not None
        assert len(made.options.get(121, b"")) == 117
        # Nor does the administrator lose anything.
        assert {3, 6, 15, 119} <= made.options.keys()
    assert made is not None
    assert len(made.options[249]) == 117
    client = "udhcpc" if missing("dhclient") else "dhclient"
    assert len(site.client(client).wait_lease().routes) == 17


@pytest.mark.long
def test_files_of_options_may_move_and_change(site: Site, beside: Beside) -> None:
    theirs = beside.directory / "theirs"
    theirs.write_text("42,192.168.200.1\n")
    moved = beside.directory / "moved"
    beside.lines += [f"dhcp-optsfile={moved}", f"dhcp-optsfile={theirs}"]
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    # routerd's own old file is nobody else's.
    site.write(beside.config.replace(str(beside.options_file), str(moved)))
    daemon.process.send_signal(signal.SIGHUP)
    soon(
        "the new file has the routes",
        lambda: "tag:lan0,121," in read(moved) and "tag:" not in read(beside.options_file),
    )
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    soon("dnsmasq is asked", lambda: answer(site)["answer"] == "right")
    assert daemon.get("/v1/problems")[1] == {"problems": []}
    theirs.write_text("tag:lan0,121,10.9.0.0/16,192.168.200.9\n")
    shown = soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    assert shown is not None
    assert f"121 at {theirs}:1" in shown["text"]
    soon("theirs are told", lambda: beside.routes() == b"\x10\x0a\x09\xc0\xa8\xc8\x09")


@pytest.mark.long
def test_what_is_served_by_a_configuration_that_cannot_be_read_stays(site: Site, beside: Beside) -> None:
    script = beside.directory / "script"
    script.write_text("#!/bin/sh\necho dhcp-option=option:Classless-Static-Route,10.9.0.0/16,192.168.200.9\n")
    script.chmod(0o755)
    beside.lines.insert(0, f"conf-script={script}")
    beside.start()
    theirs = beside.routes()
    assert theirs == b"\x10\x0a\x09\xc0\xa8\xc8\x09"
    daemon = site.start(beside.config, ready=False)
    shown = soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    assert shown is not None
    assert "10.9.0.0/16 via 192.168.200.9" in shown["text"]
    assert beside.routes() == theirs
    assert "tag:" not in read(beside.options_file)
    beside.stop()
    own = beside.lines.pop(0)
    beside.start()
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    # It has read ours as well when it starts, so what is its administrator's shows only without them.
    beside.stop()
    beside.lines.insert(0, own)
    beside.start()
    soon("theirs are told again", lambda: beside.routes() == theirs)
    soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    assert daemon.get("/readyz")[0] == 503


def test_what_comes_back_into_a_directory_of_options_counts_at_once(site: Site, beside: Beside) -> None:
    directory = beside.directory / "options.d"
    directory.mkdir()
    beside.options_file, theirs = directory / "routerd", directory / "theirs"
    beside.lines[2] = f"dhcp-optsdir={directory}"
    theirs.write_text("tag:lan0,121,10.9.0.0/16,192.168.200.9\n")
    beside.start()
    daemon = site.start(beside.config, ready=False)
    soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    soon("dnsmasq is asked", lambda: answer(site)["answer"] == "right")
    theirs.unlink()
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES, 8.0)
    soon("routerd is ready", lambda: daemon.get("/readyz")[0] == 200)


def test_static_routes_of_option_33_are_in_option_121(site: Site, beside: Beside) -> None:
    beside.lines.append("dhcp-option=33,10.88.0.1,192.168.200.9")
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    routes = {(str(prefix), str(router)) for prefix, router in decode_classless_routes(beside.routes())}
    assert routes == {VPN, ("10.88.0.1/32", "192.168.200.9"), ("0.0.0.0/0", "192.168.200.1")}
    assert daemon.get("/v1/problems")[1] == {"problems": []}


@pytest.mark.long
def test_a_client_keeps_static_routes_of_option_33(site: Site, beside: Beside) -> None:
    beside.lines.append("dhcp-option=33,10.88.0.1,192.168.200.9,192.168.77.0,192.168.200.9")
    beside.start()
    b = site.client("dhcpcd")
    kept = {("10.88.0.1/32", "192.168.200.9"), ("192.168.77.0/24", "192.168.200.9"), ("default", "192.168.200.1")}
    soon("the client has the administrator's", lambda: kept <= set(b.routes()))
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    b.renew()
    soon("the client has the VPN's route", lambda: {VPN, *kept} <= set(b.routes()))
    assert daemon.get("/v1/problems")[1] == {"problems": []}


@pytest.mark.long
def test_a_gateway_that_flaps_costs_few_signals(site: Site, beside: Beside) -> None:
    beside.start()
    site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    before = beside.log().count(f": read {beside.options_file}")
    for _ in range(10):
        beside.tunnel("down")
        soon("the route is withdrawn", lambda: VPN[1] not in read(beside.options_file))
        beside.tunnel("up")
    soon("the route is withdrawn", lambda: beside.routes() == b"")
    assert beside.log().count(f": read {beside.options_file}") - before <= 2
    soon("it is back when it has stayed", lambda: beside.routes() == ROUTES)


@pytest.mark.long
def test_another_pid_file_takes_nothing_back(site: Site, beside: Beside) -> None:
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    inode = beside.options_file.stat().st_ino
    second = beside.directory / "second.pid"
    second.write_text(beside.pid_file.read_text())
    site.write(beside.config.replace(str(beside.pid_file), str(second)))
    daemon.process.send_signal(signal.SIGHUP)

    def has_changed() -> bool:
        servers = daemon.get("/v1/status")[1]["services"]["beside"]["servers"]
        found = [server for server in servers if server["pid_file"] == str(second) and server["lans"]]
        return len(servers) == 1 and [server["lans"][0]["answer"] for server in found] == ["right"]

    soon("the other pid file is read", has_changed)
    assert beside.options_file.stat().st_ino == inode
    beside.tunnel("down")
    soon("the route is withdrawn", lambda: beside.routes() == b"")


@pytest.mark.long
def test_a_withdrawal_that_dnsmasq_does_not_learn_of_is_a_fault(site: Site, beside: Beside) -> None:
    """Also for a routerd that found its file written already; and before it has to withdraw, the right is missed."""
    beside.start()
    daemon = site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    daemon.process.kill()
    daemon.process.wait(5)
    beta, path = site.example.beta, site.write(beside.config)
    argv = ["setpriv", "--bounding-set=-kill", sys.executable, "-m", "routerd", "run", "--config", str(path)]
    site.daemon = daemon = Daemon(beta, path, site.lab.directory / "routerd.sock", beta.popen(argv, name="routerd"))
    shown = soon("the missing right is shown", lambda: problem(daemon, "beside-no-right"))
    assert shown is not None
    assert "CAP_KILL is missing" in shown["text"]
    assert daemon.get("/readyz")[0] == 200
    beside.tunnel("down")
    shown = soon("the fault is shown", lambda: problem(daemon, "beside-still-told"))
    assert shown is not None
    assert "it still hands out 10.0.0.0/24 via 192.168.200.2" in shown["text"]
    assert daemon.get("/readyz")[0] == 503
    assert beside.process is not None
    beside.process.send_signal(signal.SIGHUP)
    assert beside.routes() == b""


def test_garbage_in_dnsmasqs_files_ends_nothing(site: Site, beside: Beside) -> None:
    beside.lines += ["dhcp-optsfile=/run/x"]
    beside.start()
    with beside.conf.open("ab") as file:
        file.write(b"conf-dir=/etc/dnsmasq.d\0\0\ndhcp-optsfile=/run/x\0\nconf-file=\0\n" + bytes(range(256)) * 50)
    site.start(beside.config)
    soon("dnsmasq tells the routes", lambda: answer(site)["answer"] == "right")
    assert beside.routes() == ROUTES
