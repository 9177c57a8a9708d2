"""The shipped units have a dnsmasq read new routes, where routerd runs as a user of its own and may signal nobody."""

import shutil
from collections.abc import Iterator

import pytest

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
