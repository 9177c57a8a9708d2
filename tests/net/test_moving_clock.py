"""The wall clock is stepped by ten years while routerd runs, both ways; the machine's own clock is left alone."""

import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from tests.net.moving import STRANGER, Moving, message_type, moving, quick
from tests.net.site import Site

pytestmark = pytest.mark.net

YEARS = 3650 * 86400
LEASE = 3600.0
_SLACK = 5.0


STEPS = pytest.mark.parametrize(
    "step", [pytest.param(YEARS, id="forward"), pytest.param(-YEARS, id="back", marks=pytest.mark.long)]
)

# Of routerd's own process alone: whoever asks for the time of day gets it with what the file says added.
_STEPPED = """
import sys, time
path, real = sys.argv.pop(1), time.time
def stepped():
    with open(path) as file:
        return real() + int(file.read())
time.time = stepped
from routerd.cli import main
sys.exit(main())
"""


class Clock:
    """The wall clock of the routerd that it starts, as far from the machine's as `step` says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds = 0
        self.step(0)

    def step(self, seconds: int) -> None:
        """Step it to so many seconds from the machine's."""
        self.seconds = seconds
        fresh = self._path.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self._path)

    def now(self) -> float:
        """What it shows."""
        return time.time() + self.seconds

    def start(self, site: Site, text: str) -> Daemon:
        """Start routerd with it, and wait until it is ready."""
        argv = [sys.executable, "-c", _STEPPED, str(self._path), "run", "--config", str(site.write(text))]
        process = site.example.beta.popen(argv, name="routerd")
        directory = site.lab.directory
        site.daemon = Daemon(site.example.beta, directory / "routerd.toml", directory / "routerd.sock", process)
        site.daemon.wait_ready()
        return site.daemon


@pytest.fixture
def clock(site: Site) -> Clock:
    """A clock that can be stepped."""
    return Clock(site.lab.directory / "clock")


def seconds(text: str) -> float:
    """A time as HTTP shows it, as Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


def remaining(net: Moving, clock: Clock) -> float:
    """How long the stranger's lease still lasts, by the clock that routerd has."""
    rows = net.daemon.get("/v1/leases")[1]["leases"]
    return next(seconds(row["expires"]) for row in rows if row["state"] == "bound") - clock.now()


def handshake_age(net: Moving, clock: Clock) -> float:
    """How long ago the last handshake was."""
    row = net.daemon.peer("endpoint-a")
    assert row is not None
    return clock.now() - seconds(row["last_handshake"])


def answered(net: Moving, clock: Clock) -> bool:
    """Has Endpoint A answered a probe since the event?"""
    row = net.daemon.peer("endpoint-a")
    return row is not None and clock.now() - seconds(row["probe"]["last_success"]) < time.monotonic() - net.at


def lease(net: Moving) -> str:
    """Give the stranger a lease; its address."""
    made = net.ask(1)
    assert made is not None
    octets = made.yiaddr.to_bytes(4, "big")
    assert message_type(net.ask(3, (50, octets), (54, made.options[54]))) == 5
    return ".".join(map(str, octets))


@STEPS
def test_the_clock_is_stepped(site: Site, clock: Clock, step: int) -> None:
    with moving(site, start=clock.start) as net:
        address = lease(net)
        began, age = time.monotonic(), handshake_age(net, clock)
        clock.step(step)
        net.event()
        net.within("the lease's end is right", lambda: abs(remaining(net, clock) - LEASE) < _SLACK)
        net.within("the stored end follows", lambda: "the clock was stepped" in site.log())
        states = set()
        net.within("the peer answers", lambda: states.add(net.peer()) or answered(net, clock))
        assert states == {"up"}
        assert abs(handshake_age(net, clock) - age - (time.monotonic() - began)) < _SLACK
        answer = net.request(address, STRANGER)
        assert message_type(answer) == 5
        assert answer is not None
        assert int.from_bytes(answer.options[51], "big") == LEASE
        assert net.problems() == []
        # Neither a kill nor the clock's way back while nobody runs changes what is left of a lease.
        net.daemon.process.kill()
        net.daemon.process.wait()
        net.daemon = clock.start(site, quick(site.config))
        assert abs(remaining(net, clock) - LEASE) < 2 * _SLACK
        net.daemon.process.kill()
        net.daemon.process.wait()
        clock.step(0)
        net.daemon = clock.start(site, quick(site.config))
        assert abs(remaining(net, clock) - LEASE) < 3 * _SLACK
        assert message_type(net.request(address, STRANGER)) == 5


@STEPS
def test_a_peer_that_only_its_handshakes_judge_stays_up(site: Site, clock: Clock, step: int) -> None:
    text = site.config.replace('interval = "1s"\n\n', 'probe = "handshake"\n\n', 1)
    with moving(site, text, start=clock.start) as net:
        age = handshake_age(net, clock)
        clock.step(step)
        net.event()
        states = set()

        def polled() -> bool:
            states.add(net.peer())
            return time.monotonic() > net.at + 3.0

        net.within("some polls of the device", polled, limit=5.0)
        assert states == {"up"}
        assert abs(handshake_age(net, clock) - age) < _SLACK + 3.0
