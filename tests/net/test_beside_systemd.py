"""The shipped units have a dnsmasq read new routes, where routerd runs as a user of its own and may signal nobody."""

import shutil
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.classless import decode_classless_routes
from routerd.lab.daemon import Daemon
from tests.net.asker import offer
from tests.net.beside_scene import POOL, ROUTES, Beside
from tests.net.managed import CHECKOUT, CONFIG, UNITS, Managed, managed
from tests.net.site import Site, soon
from tests.net.test_rivals_lan import problem

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base"),
]

OPTIONS = "/run/routerd/dnsmasq-options"
CONF = f"""
port=0
no-ping
bind-dynamic
interface=lan0
user=nobody
dhcp-leasefile=/tmp/dnsmasq.leases
{POOL}
dhcp-option=3,192.168.200.1
dhcp-optsfile={OPTIONS}
"""
UNIT = """\
[Unit]
DefaultDependencies=no
[Service]
RuntimeDirectory=dnsmasq
ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/etc/dnsmasq.conf --pid-file=/run/dnsmasq/dnsmasq.pid
"""
GUEST = bytes.fromhex("0200000000ab")
OWN = "10.99.0.0/16,192.168.200.9,0.0.0.0/0,192.168.200.1"
PRERM = """
rm -f /usr/sbin/policy-rc.d
# It only knows packages that are installed.
ln -sf true /usr/bin/py3clean
sed -e "/^@DAEMON@$/{r $1/daemon.sh" -e d} "$1/prerm" > /tmp/prerm
sh /tmp/prerm remove
"""


@pytest.fixture
def host(site: Site) -> Iterator[Managed]:
    """Host β with systemd and a dnsmasq that runs; routerd not started."""
    with managed(site) as made:
        made.write("/etc/dnsmasq.conf", CONF)
        made.write(f"{UNITS}/dnsmasq.service", UNIT)
        for name in ("routerd-dnsmasq.path", "routerd-dnsmasq.service"):
            made.write(f"{UNITS}/{name}", (CHECKOUT / "packaging/systemd" / name).read_text())
        made.systemctl("daemon-reload")
        made.systemctl("start", "dnsmasq")
        text = made.run("cat", CONFIG).stdout
        start, end = text.index("  [lan.dhcp]\n"), text.index("[probe]")
        dhcp = '  [lan.dhcp]\n  mode = "dnsmasq"\n  router = "192.168.200.1"\n\n'
        made.write(CONFIG, text[:start] + dhcp + text[end:])
        yield made


@pytest.mark.long
def test_systemd_tells_dnsmasq_where_routerd_may_not(site: Site, host: Managed) -> None:
    beside, daemon = Beside(site), host.daemon()
    host.start()
    shown = soon("the problem is shown", lambda: problem(daemon, "beside-not-told"))
    assert shown is not None
    assert f"it cannot be told to read {OPTIONS} again" in shown["text"]
    host.systemctl("start", "routerd-dnsmasq.path")
    # What was written before anybody watched; routerd does so too, within a minute.
    host.run("touch", OPTIONS)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    for _ in range(2):
        beside.tunnel("down")
        soon("the route is withdrawn", lambda: beside.routes() == b"")
        beside.tunnel("up")
        soon("the route is back", lambda: beside.routes() == ROUTES)
    soon("the problem is gone", lambda: problem(daemon, "beside-not-told") is None)
    host.systemctl("stop", "routerd")
    soon("the route is withdrawn", lambda: beside.routes() == b"")
    assert not host.logged("until it gets a SIGHUP")
    assert host.systemctl("is-active", "routerd-dnsmasq.path").strip() == "active"


def codes(daemon: Daemon) -> list[str]:
    return [each["code"] for each in daemon.get("/v1/problems")[1]["problems"]]


def start_dnsmasq(host: Managed, conf: str, more: str = "") -> None:
    host.write("/etc/dnsmasq.conf", conf)
    host.write(f"{UNITS}/dnsmasq.service", UNIT.rstrip() + f" {more}\n")
    host.systemctl("daemon-reload")
    host.systemctl("restart", "dnsmasq")


def test_options_that_only_its_command_line_has_stay_the_administrators(site: Site, host: Managed) -> None:
    beside, daemon = Beside(site), host.daemon()
    start_dnsmasq(host, CONF, f"--dhcp-option=121,{OWN}")
    theirs = soon("dnsmasq tells its own", beside.routes)
    host.systemctl("start", "routerd-dnsmasq.path")
    host.start()
    shown = soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    assert shown is not None
    assert "121 at its command line" in shown["text"]
    assert daemon.get("/readyz")[0] == 503
    assert beside.routes() == theirs
    # What dnsmasq is started anew with counts, also what is for some clients only.
    guests = "dhcp-host=02:00:00:00:00:ab,set:guests\ndhcp-option=tag:guests,3,192.168.200.254\n"
    start_dnsmasq(host, CONF + guests)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)

    def default_of_guests() -> IPv4Address | None:
        made = offer(site.example.b, 3, 121, mac=GUEST)
        routes = decode_classless_routes(made.options.get(121, b"")) if made is not None else ()
        return dict(routes).get(IPv4Network("0.0.0.0/0"))

    soon("guests keep their router", lambda: default_of_guests() == IPv4Address("192.168.200.254"))
    soon("no conflict is left", lambda: problem(daemon, "beside-conflict") is None)

    def is_right() -> bool:
        (server,) = daemon.get("/v1/status")[1]["services"]["beside"]["servers"]
        return [each["answer"] for each in server["lans"]] == ["right"]

    # There is no D-Bus to ask systemd.
    soon("dnsmasq is asked", is_right)
    soon("nothing but WireGuard is missing", lambda: codes(daemon) == ["wireguard-unreadable"])


def test_a_package_that_is_removed_takes_the_routes_back(site: Site, host: Managed) -> None:
    beside = Beside(site)
    host.systemctl("start", "routerd-dnsmasq.path")
    host.start()
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES, 30.0)
    done = host.run("sh", "-euc", PRERM, "sh", "/opt/checkout/packaging/deb", check=False)
    assert done.returncode == 0, done.stderr
    soon("the route is withdrawn", lambda: beside.routes() == b"")
    assert host.systemctl("is-active", "routerd-dnsmasq.path", check=False).strip() == "inactive"
    assert not host.logged("until it gets a SIGHUP")


@pytest.mark.long
def test_clean_as_root_tells_dnsmasq_what_routerd_might_not(site: Site, host: Managed) -> None:
    beside, daemon = Beside(site), host.daemon()
    host.start()
    soon("the problem is shown", lambda: problem(daemon, "beside-not-told"))
    host.systemctl("kill", "-s", "HUP", "--kill-who=main", "dnsmasq")
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    host.systemctl("stop", "routerd")
    assert host.logged("until it gets a SIGHUP")
    assert beside.routes() == ROUTES
    done = host.run("routerd", "clean", check=False)
    assert done.returncode == 0, done.stderr
    soon("the route is withdrawn", lambda: beside.routes() == b"")


@pytest.mark.long
def test_what_proc_hides_is_asked_whenever_dnsmasq_is_started_anew(site: Site, host: Managed) -> None:
    beside, daemon = Beside(site), host.daemon()
    host.write(f"{UNITS}/routerd.service.d/hidden.conf", "[Service]\nProtectProc=invisible\n")
    start_dnsmasq(host, CONF)
    host.systemctl("start", "routerd-dnsmasq.path")
    host.start()
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    shown = soon("it is said", lambda: problem(daemon, "beside-unseen"))
    assert shown is not None
    assert "as /proc hides it" in shown["text"]
    start_dnsmasq(host, CONF, f"--dhcp-option=121,{OWN}")
    soon("the conflict is shown", lambda: problem(daemon, "beside-conflict"))
    soon("theirs are told", lambda: beside.routes() not in (b"", ROUTES))
    assert daemon.get("/readyz")[0] == 503
