"""kill -9 under load, a few times; `make test-long` does it fifty times."""

import pytest

from tests.long.kills import kill_again_and_again, loaded
from tests.net.site import Site

pytestmark = pytest.mark.net


@pytest.mark.long
def test_killed_under_load(site: Site) -> None:
    with loaded(site, rate=200) as load:
        kill_again_and_again(site, load, "bindings", 3, seed=1)
    assert load.counts["leased"] > 20
    assert load.counts["renewed"] > 20
