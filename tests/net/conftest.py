"""Fixtures of the namespace tests."""

from collections.abc import Iterator

import pytest

from routerd.lab.lab import Lab
from tests.net.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """The example network, routerd not started, removed whatever the test does."""
    with Lab() as lab:
        yield Site(lab)
