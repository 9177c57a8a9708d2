"""Services of this machine that lose their port to a forward."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from routerd.health import ProblemTracker
from routerd.model import Address
from routerd.nat.taken import problem, taken
from tests.nat.parts import HERE, PLAIN, A, forward

PART = replace(PLAIN, forwards=(forward(22, 22), forward(5000, 6000, last=5009, protocol="udp")))


class Service(NamedTuple):
    """Somebody who listens."""

    protocol: str
    address: Address
    port: int

    def name(self) -> str | None:
        """Known for one of them."""
        return "sshd (process 7)" if self.port == 22 else None


@pytest.mark.parametrize(
    ("service", "loses"),
    [
        (Service("tcp", A("0.0.0.0"), 22), True),
        (Service("tcp", A("::"), 22), True),
        (Service("tcp", HERE, 22), True),
        (Service("tcp", A("127.0.0.1"), 22), False),
        (Service("tcp", A("10.0.0.2"), 22), False),
        (Service("udp", HERE, 22), False),
        (Service("tcp", HERE, 23), False),
        (Service("udp", A("0.0.0.0"), 5009), True),
        (Service("udp", A("0.0.0.0"), 5010), False),
    ],
)
def test_what_hosts_cannot_reach_any_more(service: Service, loses: bool) -> None:
    assert [each for _, each in taken(PART, [service])] == [service] * loses


def test_dhcps_own_port_is_another_rules() -> None:
    part = replace(PLAIN, forwards=(forward(60, 60, last=70, protocol="udp"),))
    assert list(taken(part, [Service("udp", A("0.0.0.0"), 67)])) == []


def test_a_forward_is_named_once_with_who_loses_by_it() -> None:
    services = [Service("tcp", HERE, 22), Service("tcp", A("0.0.0.0"), 22), Service("udp", HERE, 5001)]
    tracker = ProblemTracker()
    tracker.update([problem(*row) for row in taken(PART, services)], 0.0)
    mends = [row.mend.partition("Choose")[0] for row in tracker.report(0.0)]
    assert mends == ["", "Which one, root can see: ss -lunp 'sport = 5001'. "]
    end = "where hosts of the site reach the peer now"
    assert [row.text for row in tracker.report(0.0)] == [
        f"forward 22/tcp to 10.0.0.1:22: sshd (process 7) on this machine listens at port 22 too, {end}",
        f"forward 5000-5009/udp to 10.0.0.1:6000: another program on this machine listens at port 5001 too, {end}",
    ]
