"""The plan while a tunnel is away: what was behind it is withdrawn and caught, not forgotten."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from routerd.model import Interface, KernelRoute, RouteState, VpnFacts
from routerd.plan import plan
from routerd.plan_kernel import UNREACHABLE_METRIC
from tests.test_plan import KEY_A, NET, PLACE_1, config, facts, interface

MORE = ip_network("10.7.0.0/24")
GONE = VpnFacts(False, ((KEY_A, (ip_network("10.0.0.1/32"), MORE)),), (NET, MORE))


@pytest.mark.parametrize("tunnel", [None, interface("wg0", index=3, up=False)], ids=["missing", "down, no address"])
def test_a_tunnel_that_is_away(tunnel: Interface | None) -> None:
    lan = {"eth0": facts().interfaces["eth0"]}
    made = plan(config(PLACE_1), facts(interfaces=lan if tunnel is None else lan | {"wg0": tunnel}, vpns={"wg0": GONE}))
    assert {(route.prefix, route.state) for route in made.routes} == {
        (NET, RouteState.WITHDRAWN),
        (MORE, RouteState.WITHDRAWN),
    }
    assert set(made.kernel.routes) == {KernelRoute(net, metric=UNREACHABLE_METRIC) for net in (NET, MORE)}
    assert made.dhcp[0].routes == ()
    assert [problem.code for problem in made.problems] == ["interface-missing" if tunnel is None else "interface-down"]


def test_what_was_behind_it_counts_no_more_when_it_is_up() -> None:
    found = replace(GONE, found=True, peers=((KEY_A, (ip_network("10.0.0.1/32"),)),))
    assert [route.prefix for route in plan(config(PLACE_1), facts(vpns={"wg0": found})).routes] == [NET]
