"""kill -9 under load, 50 times in a row, for either way to store leases."""

import pytest

from tests.long.kills import kill_again_and_again, loaded
from tests.net.conftest import site
from tests.net.site import Site

pytestmark = pytest.mark.net

__all__ = ["site"]

KILLS = 50


@pytest.mark.parametrize("sync", ["always", "bindings"])
def test_killed_again_and_again(site: Site, sync: str) -> None:
    with loaded(site) as load:
        kill_again_and_again(site, load, sync, KILLS, seed=len(sync))
    print(f"{KILLS} kills with sync = {sync}: {load.counts}")
    assert load.counts["leased"] > KILLS * 20
    assert load.counts["renewed"] > KILLS * 20
