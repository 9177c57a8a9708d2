"""When there is a table at all."""

from dataclasses import replace

import pytest

from routerd.nat.starter_service import needs_table
from routerd.nat_part import NatPart, NatPin, Strategy
from tests.nat.parts import ALIAS, LAN, PLAIN, forward

NONE = replace(PLAIN, lans=(replace(LAN, strategy=Strategy.NONE),))
MAC = bytes((2, 0, 0, 0, 0, 0x22))


@pytest.mark.parametrize("strategy", [Strategy.AUTO, Strategy.SITE_GATEWAY, Strategy.MASQUERADE])
def test_where_routerd_has_to_do_with_flows(strategy: Strategy) -> None:
    """Also where no address is changed: forged sources are dropped, segments fit, and no other program hides peers."""
    assert needs_table(replace(PLAIN, lans=(replace(LAN, strategy=strategy),)))
    pin = NatPin(LAN.networks[0], strategy)
    assert needs_table(replace(NONE, lans=(replace(NONE.lans[0], pins=(pin,)),)))
    assert needs_table(replace(NONE, lans=(replace(NONE.lans[0], mac_pins=((MAC, strategy),)),)))


def test_where_none_is_all_there_is() -> None:
    assert not needs_table(NONE)
    assert not needs_table(NatPart())
    assert needs_table(replace(NONE, forwards=(forward(8080, 80),)))
    assert needs_table(replace(NONE, aliases=(ALIAS,)))
