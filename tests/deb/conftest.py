"""Fixtures of the tests that install routerd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.lab.lab import Lab
from tests.deb.packages import Built, built, higher
from tests.net.site import Site


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A directory of this run, for all its workers."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def this(shared: Path) -> Built:
    """Wheel and package of this checkout."""
    return built(shared / "this")


@pytest.fixture(scope="session")
def next_one(shared: Path) -> Built:
    """Wheel and package of the version after it."""
    return higher(shared / "next")


@pytest.fixture
def site() -> Iterator[Site]:
    """The example network, routerd not started, removed whatever the test does."""
    with Lab() as lab:
        yield Site(lab)
