"""Another DHCP server on this machine that serves the same LAN: routerd takes over when it stops."""

import shutil

import pytest

from routerd.lab.lab import Lab
from tests.net.site import Site
from tests.net.test_rivals_lan import beside_dnsmasq, end, problem

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base"),
]


def test_it_takes_over_when_dnsmasq_on_this_machine_stops() -> None:
    with Lab() as lab:
        site = Site(lab)
        daemon, rival = beside_dnsmasq(site)
        end(rival)
        daemon.wait_ready(20)
        assert problem(daemon, "dhcp-rival") is None
        assert site.client("udhcpc").wait_lease().server == "192.168.200.2"
