"""A LAN that moves under a running routerd: two seconds later everything is as it has to be."""

import pytest

from tests.net.moving import PREFIX, Moving, message_type, moving
from tests.net.site import Site

pytestmark = pytest.mark.net

LAN_DOWN = ("interface-down", "lan lan0")
LAN_MISSING = ("interface-missing", "lan lan0")
DEFAULT = "route replace default via 192.168.200.1"


def goes(net: Moving, problem: tuple[str, str]) -> None:
    """The LAN is gone: nothing is routed there, and the problem is shown once its patience (2 s at most) is over."""
    net.within("the route is gone", lambda: net.routes() == {})
    net.within("it is not ready", lambda: net.daemon.get("/readyz")[0] == 503)
    net.within("the problem is shown", lambda: net.shows(*problem), limit=4.0)
    assert net.daemon.get("/livez")[0] == 200


def test_the_lan_interface_goes_down_and_up(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.ip("link set lan0 down")
        goes(net, LAN_DOWN)
        net.event()
        net.beta.ip("link set lan0 up", DEFAULT)
        net.settled("up again")


def test_a_short_flap_of_the_lan(site: Site) -> None:
    with moving(site) as net:
        for _ in range(5):
            net.beta.ip("link set lan0 down", "link set lan0 up")
        net.event()
        net.beta.ip(DEFAULT)
        net.settled("after the flaps")


def test_the_lan_interface_is_made_anew(site: Site) -> None:
    with moving(site) as net:
        before = net.beta.run(["cat", "/sys/class/net/lan0/ifindex", "/sys/class/net/lan0/address"]).stdout.split()
        net.event()
        net.beta.ip("link del lan0")
        goes(net, LAN_MISSING)
        net.event()
        site.example.lan.attach(net.beta, "lan0", mac="02:00:00:00:00:99")
        net.beta.ip("address add 192.168.200.2/24 dev lan0", DEFAULT)
        net.settled("made anew")
        after = net.beta.run(["cat", "/sys/class/net/lan0/ifindex", "/sys/class/net/lan0/address"]).stdout.split()
        assert after[0] != before[0]
        assert after[1] == "02:00:00:00:00:99" != before[1]


@pytest.mark.long
def test_the_lan_interface_is_made_anew_at_once(site: Site) -> None:
    with moving(site) as net:
        net.beta.ip("link del lan0")
        site.example.lan.attach(net.beta, "lan0")
        net.event()
        net.beta.ip("address add 192.168.200.2/24 dev lan0", DEFAULT)
        net.settled("made anew at once")


def test_the_lan_interface_is_renamed_and_back(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.ip("link set lan0 down", "link set lan0 name other0", "link set other0 up")
        goes(net, LAN_MISSING)
        net.event()
        net.beta.ip("link set other0 down", "link set other0 name lan0", "link set lan0 up", DEFAULT)
        net.settled("its old name")


def test_the_address_changes(site: Site) -> None:
    with moving(site) as net:
        lease = site.client().wait_lease()
        assert lease.server == "192.168.200.2"
        net.event()
        net.beta.ip("address add 192.168.200.3/24 dev lan0", "address del 192.168.200.2/24 dev lan0")
        net.beta.ip("address replace 192.168.200.3/24 dev lan0", DEFAULT)
        # Packets of the tunnel come to the old address, which the site's own gateway forwards to.
        site.example.gw.nft("add rule ip lab prerouting iifname wan udp dport 51822 dnat to 192.168.200.3")
        net.within("the new next hop is shown", lambda: net.routes().get(PREFIX) == ("offered", "192.168.200.3"))
        net.within("the new next hop is served", lambda: net.served(gateway="192.168.200.3"))
        net.within("the kernel's routes are there", net.kernel_is_right)
        answer = net.within("the client keeps its lease", lambda: net.request("192.168.200.22", wait=0.5))
        assert message_type(answer) == 5
        assert answer.options[54] == bytes((192, 168, 200, 3))
        assert net.problems() in ([], [("peer-down", "peer endpoint-a")])


@pytest.mark.long
def test_the_address_is_gone_for_a_while(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.ip("address flush dev lan0")
        net.within("the route is gone", lambda: net.routes() == {})
        net.within("the problem is shown", lambda: net.shows("interface-no-address", "lan lan0"), limit=4.0)
        net.event()
        net.beta.ip("address add 192.168.200.2/24 dev lan0", DEFAULT)
        net.settled("the address is back")


def test_the_lan_is_renumbered(site: Site) -> None:
    with moving(site) as net:
        site.client().wait_lease()
        net.event()
        net.beta.ip("address add 192.168.77.2/24 dev lan0", "address del 192.168.200.2/24 dev lan0")
        net.within("the route has the new next hop", lambda: "192.168.77.2" in net.routes().get(PREFIX, ()))
        refused = net.within("the old lease is refused", lambda: net.request("192.168.200.22", wait=0.5))
        assert message_type(refused) == 6
        net.within("the pool is shown", lambda: net.shows("pool-not-on-link", "lan lan0"))
        assert net.shows("router-not-on-link", "lan lan0")
        net.event()
        net.beta.ip("address add 192.168.200.2/24 dev lan0", "address del 192.168.77.2/24 dev lan0", DEFAULT)
        net.settled("the old network is back")
        assert message_type(net.request("192.168.200.22")) == 5


@pytest.mark.long
def test_a_secondary_address_changes_nothing_until_the_first_one_goes(site: Site) -> None:
    with moving(site) as net:
        net.event()
        net.beta.ip("address add 192.168.77.2/24 dev lan0", "address add 192.168.200.9/24 dev lan0")
        net.settled("with more addresses")
        made = net.ask(1)
        assert made is not None
        assert made.options[54] == bytes((192, 168, 200, 2))
        net.event()
        net.beta.ip("address del 192.168.77.2/24 dev lan0", "address del 192.168.200.9/24 dev lan0")
        net.settled("without them")
