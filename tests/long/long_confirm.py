"""kill -9 at 30 random moments of a trial, from exec to some time after the deadline."""

import time

import pytest

from tests.net.confirm_scene import Trial, kill_at_random_moments
from tests.net.conftest import site
from tests.net.site import Site

pytestmark = pytest.mark.net

__all__ = ["site"]

KILLS, SECONDS, SEED = 30, 3.0, 20


def test_killed_at_random_moments(site: Site) -> None:
    begun = time.monotonic()
    moments = kill_at_random_moments(Trial(site), KILLS, SECONDS, SEED)
    shown = ", ".join(f"{moment:.2f}" for moment in sorted(moments))
    print(f"{KILLS} kills, seed {SEED}, after {shown} s; in {time.monotonic() - begun:.0f} s")
