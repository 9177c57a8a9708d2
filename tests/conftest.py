"""What all tests share: when network tests can run, and a lab that is always removed."""

import compileall
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import routerd
from routerd.lab.lab import Lab

# A busy machine is no failure: how long an example takes is for the bench, not for a property.
settings.register_profile("routerd", deadline=None)
settings.register_profile("long", deadline=None, max_examples=3_000, stateful_step_count=100)
settings.load_profile("routerd")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever was started in the background by a shell ignores it, and so would every program that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "wg": "wireguard-tools", "ping": "iputils-ping"}


def pytest_configure(config: pytest.Config) -> None:
    """Compiles routerd once; where Python may not write byte code, each of the hundreds of daemons would do it anew."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(str(Path(routerd.__file__).parent), quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Network tests first: they take long, and at the end workers share out what is left in small pieces."""
    items.sort(key=lambda item: item.get_closest_marker("net") is None)


def _why_no_network() -> str | None:
    if os.geteuid() != 0:
        return "needs root to make network namespaces"
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if shutil.which("wireguard-go") is None and not os.path.exists("/sys/module/wireguard"):
        missing.append("wireguard-go")
    return f"needs {', '.join(missing)}" if missing else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test marked `net` where it cannot run."""
    if item.get_closest_marker("net") is not None and (reason := _why_no_network()) is not None:
        pytest.skip(reason)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """With ROUTERD_REQUIRE_NET set, a test that is skipped has failed: everything can run there."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("ROUTERD_REQUIRE_NET") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"ROUTERD_REQUIRE_NET is set, and this test was skipped: {report.longrepr[2]}"


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab, removed whatever the test does."""
    with Lab() as made:
        yield made
