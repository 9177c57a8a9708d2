"""kill -9 at 30 random moments of a trial, from exec to some time after the deadline; at fewer beside other servers."""

import shutil
import time

import pytest

from tests.net.beside_scene import Beside
from tests.net.confirm_beside_scene import with_dnsmasq, with_kea
from tests.net.confirm_scene import Trial, kill_at_random_moments
from tests.net.conftest import site
from tests.net.kea_scene import KeaScene
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

__all__ = ["site"]

KILLS, SECONDS, SEED = 30, 3.0, 20
FEWER = 12


def killed(trial: Trial, kills: int) -> None:
    begun = time.monotonic()
    moments = kill_at_random_moments(trial, kills, SECONDS, SEED)
    shown = ", ".join(f"{moment:.2f}" for moment in sorted(moments))
    print(f"{kills} kills, seed {SEED}, after {shown} s; in {time.monotonic() - begun:.0f} s")


def test_killed_at_random_moments(site: Site) -> None:
    killed(Trial(site), KILLS)


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base")
def test_killed_beside_dnsmasq(site: Site) -> None:
    beside = Beside(site)
    beside.start()
    killed(with_dnsmasq(site, beside), FEWER)
    soon("dnsmasq tells nothing", lambda: beside.routes() == b"")


@pytest.mark.skipif(shutil.which("kea-dhcp4") is None, reason="needs kea-dhcp4-server")
def test_killed_beside_kea(site: Site) -> None:
    kea = KeaScene(site)
    kea.write()
    kea.start()
    killed(with_kea(site, kea), FEWER)
    assert kea.own() == []
