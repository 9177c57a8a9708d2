"""routerd's entries in Kea's configuration: found wherever they are, and put back where they were and nowhere else."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.beside.kea_marked import decode_marked, encode_marked, marked, put_back
from routerd.beside.kea_patch import has_marked, patch
from tests.beside.test_kea_patch import FAR, LAN, MORE, config, network, option, router, subnet

POOL = {"pool": "192.168.200.50-192.168.200.59", "option-data": [router("192.168.200.7")]}
HOST = {"hw-address": "02:00:00:00:00:22", "ip-address": "192.168.200.22", "option-data": [router("192.168.200.8")]}


def plain() -> dict[str, Any]:
    """A subnet with a pool and a reservation that have routers of their own, one in a shared network, and a class."""
    shared = {"name": "far", "option-data": [], "subnet4": [subnet(FAR, router("192.168.201.1"))]}
    near = subnet(LAN, router("192.168.200.1"), pools=[POOL], reservations=[HOST])
    return config(near, **{"shared-networks": [shared], "client-classes": [{"name": "c", "option-data": []}]})


def told(*networks: Any) -> dict[str, Any]:
    return patch(plain(), networks).config


EARLIER = told(network(LAN), network(FAR))


@pytest.mark.parametrize(
    "now",
    [plain(), EARLIER, told(network(LAN, MORE)), told(network(FAR, MORE)), told(network(LAN, MORE), network(FAR))],
    ids=["nothing", "the same", "other routes", "another subnet", "both"],
)
@pytest.mark.parametrize("before", [plain(), EARLIER], ids=["to nothing", "to earlier ones"])
def test_put_back_exactly(now: dict[str, Any], before: dict[str, Any]) -> None:
    given_one = copy.deepcopy(now)
    made = put_back(now, decode_marked(json.loads(json.dumps(encode_marked(marked(before))))))
    assert made.config == before
    assert made.changed == (now != before)
    assert now == given_one


def test_every_place_is_noted() -> None:
    assert set(marked(EARLIER)) == {
        ("subnet4", str(LAN)),
        ("subnet4", str(LAN), "pools", POOL["pool"]),
        ("subnet4", str(LAN), "reservations", HOST["hw-address"]),
        ("shared-networks", "far", "subnet4", str(FAR)),
    }
    assert marked(plain()) == {}


def test_edits_since_then_stay() -> None:
    edited = told(network(LAN, MORE))
    edited["valid-lifetime"] = 1
    near = edited["subnet4"][0]
    near["option-data"].append(option(121))
    near["pools"] = []
    made = put_back(edited, marked(EARLIER)).config
    assert made["valid-lifetime"] == 1
    # Theirs stays alone where it is, and what is gone does not come back.
    assert [entry for entry in made["subnet4"][0]["option-data"] if entry["code"] == 121] == [option(121)]
    assert made["subnet4"][0]["pools"] == []
    assert ("subnet4", str(LAN), "pools", POOL["pool"]) not in marked(made)
    assert not has_marked(put_back(edited, {}).config)


@pytest.mark.parametrize("rows", [None, 1, [1], [[["a"], [{}]]], [[["a"], 1]], [[["a"], [option(121)]]], {"a": 1}])
def test_what_is_no_note_is_refused(rows: object) -> None:
    with pytest.raises(ValueError, match="entries of Kea's options"):
        decode_marked(rows)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["option-data", "subnet4", "pools", "shared-networks", "reservations", "code", "subnet"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["option-data", "subnet4", "shared-networks", "client-classes"]), JSON))
def test_any_configuration_survives(found: dict[str, Any]) -> None:
    assert put_back(found, marked(found)).config == found
    assert put_back(found, marked(EARLIER)).changed in (False, True)
