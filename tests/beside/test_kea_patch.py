"""Options 121 and 249 in Kea's configuration: where they are put, what they leave alone, and that they go again."""

import copy
import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.beside.kea_config import subnets_of
from routerd.beside.kea_patch import has_marked, patch
from routerd.beside_part import BesideNetwork
from routerd.classless import decode_classless_routes

LAN = IPv4Network("192.168.200.0/24")
FAR = IPv4Network("192.168.201.0/24")
VPN = (IPv4Network("10.0.0.0/24"), IPv4Address("192.168.200.2"))
MORE = (IPv4Network("10.7.0.0/16"), IPv4Address("192.168.200.3"))
DEFAULT = IPv4Network("0.0.0.0/0")


def network(net: IPv4Network = LAN, *routes: tuple[IPv4Network, IPv4Address]) -> BesideNetwork:
    return BesideNetwork(net, "", routes or (VPN,), None)


def option(code: int, data: str = "180A0000C0A8C863", more: dict[str, Any] | None = None) -> dict[str, Any]:
    """An option of the administrator's."""
    plain = {"always-send": False, "code": code, "csv-format": False, "data": data, "space": "dhcp4"}
    return {**plain, **(more or {})}


def router(address: str) -> dict[str, Any]:
    return {"always-send": False, "code": 3, "csv-format": True, "data": address, "name": "routers", "space": "dhcp4"}


def statics(*pairs: str) -> dict[str, Any]:
    """Option 33: destinations and their routers."""
    plain = {"always-send": False, "code": 33, "csv-format": True, "name": "static-routes", "space": "dhcp4"}
    return {**plain, "data": ", ".join(pairs)}


def subnet(net: IPv4Network = LAN, *options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "subnet": str(net), "option-data": list(options), "pools": [], "reservations": [], **more}


def config(*subnets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"option-data": [], "option-def": [], "subnet4": list(subnets), "valid-lifetime": 3600, **more}


def added(place: dict[str, Any]) -> dict[int, list[tuple[IPv4Network, IPv4Address]]]:
    """The routes of routerd's own options at a place."""
    ours = [entry for entry in place["option-data"] if "routerd" in entry.get("user-context", {})]
    return {entry["code"]: decode_classless_routes(bytes.fromhex(entry["data"])) for entry in ours}


def test_both_options_are_put_at_the_subnet_and_nowhere_else() -> None:
    before = config(subnet(LAN, router("192.168.200.1")), subnet(FAR))
    told = patch(before, [network()])
    routes = [VPN, (DEFAULT, IPv4Address("192.168.200.1"))]
    assert added(told.config["subnet4"][0]) == {121: routes, 249: routes}
    assert told.config["subnet4"][1] == before["subnet4"][1]
    assert (told.changed, told.held, told.missing, told.conflicts) == (True, (LAN,), (), ())
    assert before == config(subnet(LAN, router("192.168.200.1")), subnet(FAR))


def test_they_go_to_who_asks_and_need_no_definition() -> None:
    told = patch(config(subnet()), [network()]).config
    (first, _) = told["subnet4"][0]["option-data"]
    assert (first["always-send"], first["csv-format"], first["space"]) == (False, False, "dhcp4")
    assert "name" not in first
    assert told["option-def"] == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, None),
        ({"subnet": router("192.168.200.1, 192.168.200.9")}, "192.168.200.1"),
        ({"subnet": option(3, "C0A8C801C0A8C809")}, "192.168.200.1"),
        ({"shared": router("192.168.200.4")}, "192.168.200.4"),
        ({"top": router("192.168.200.5")}, "192.168.200.5"),
        ({"subnet": router("192.168.200.1"), "shared": router("192.168.200.4")}, "192.168.200.1"),
        ({"shared": router("192.168.200.4"), "top": router("192.168.200.5")}, "192.168.200.4"),
        ({"subnet": option(3, "C0A8C801", {"never-send": True})}, None),
        ({"subnet": option(3, "C0A8C801", {"space": "vendor-1"})}, None),
    ],
)
def test_the_default_route_is_the_router_that_kea_tells(where: dict[str, Any], expected: str | None) -> None:
    def at(place: str) -> list[dict[str, Any]]:
        return [where[place]] if place in where else []

    shared = {"name": "x", "option-data": at("shared"), "subnet4": [subnet(LAN, *at("subnet"))]}
    told = patch(config(**{"shared-networks": [shared], "option-data": at("top")}), [network()])
    default = [(DEFAULT, IPv4Address(expected))] if expected else []
    assert added(told.config["shared-networks"][0]["subnet4"][0])[121] == [VPN, *default]
    assert told.held == (LAN,)


def test_a_pool_or_reservation_with_a_router_of_its_own_has_its_own_default_route() -> None:
    pool = {"pool": "192.168.200.50-192.168.200.99", "option-data": [router("192.168.200.4")]}
    plain = {"pool": "192.168.200.100-192.168.200.110", "option-data": [router("192.168.200.1")]}
    host = {"hw-address": "02:00:00:00:00:01", "option-data": [router("192.168.200.5")]}
    before = config(subnet(LAN, router("192.168.200.1"), pools=[pool, plain], reservations=[host]))
    told = patch(before, [network()]).config["subnet4"][0]
    assert added(told["pools"][0])[121] == [VPN, (DEFAULT, IPv4Address("192.168.200.4"))]
    assert told["pools"][1] == plain
    assert added(told["reservations"][0])[249] == [VPN, (DEFAULT, IPv4Address("192.168.200.5"))]
    assert patch(patch(before, [network()]).config, ()).config == before


def test_a_host_that_is_the_gateway_is_not_sent_its_own_route() -> None:
    hosts = [{"hw-address": "02:00:00:00:00:01", "ip-address": "192.168.200.2", "option-data": []}]
    before = config(subnet(LAN, router("192.168.200.1"), reservations=hosts))
    default = (DEFAULT, IPv4Address("192.168.200.1"))
    for routes, expected in (((VPN, MORE), [MORE, default]), ((VPN,), [default])):
        told = patch(before, [network(LAN, *routes)]).config["subnet4"][0]
        assert added(told["reservations"][0])[121] == expected


_FAR_HOST = (IPv4Network("10.88.0.1/32"), IPv4Address("192.168.200.9"))
_FAR_NET = (IPv4Network("172.20.0.0/16"), IPv4Address("192.168.200.8"))
_STATICS = statics("10.88.0.1", "192.168.200.9", "172.20.0.0", "192.168.200.8")
_HEX = option(33, "0A580001C0A8C809AC140000C0A8C808")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"subnet": _STATICS}, [_FAR_HOST, _FAR_NET]),
        ({"subnet": _HEX}, [_FAR_HOST, _FAR_NET]),
        ({"shared": _STATICS}, [_FAR_HOST, _FAR_NET]),
        ({"top": _STATICS}, [_FAR_HOST, _FAR_NET]),
        ({"subnet": statics("10.88.0.1", "192.168.200.9"), "top": _STATICS}, [_FAR_HOST]),
        ({"subnet": {**_STATICS, "never-send": True}, "top": _STATICS}, []),
        ({"subnet": {**_STATICS, "space": "vendor-1"}}, []),
        ({"subnet": statics("10.0.0.0", "192.168.200.9")}, [(IPv4Network("10.0.0.0/8"), IPv4Address("192.168.200.9"))]),
        ({"subnet": statics("nonsense", "192.168.200.9")}, []),
    ],
)
def test_static_routes_that_kea_tells_are_in_option_121_as_well(
    where: dict[str, Any], expected: list[tuple[IPv4Network, IPv4Address]]
) -> None:
    """A client that takes option 121 takes no option 33 (RFC 3442)."""

    def at(place: str) -> list[dict[str, Any]]:
        return [where[place]] if place in where else []

    shared = {
        "name": "x",
        "option-data": at("shared"),
        "subnet4": [subnet(LAN, router("192.168.200.1"), *at("subnet"))],
    }
    before = config(**{"shared-networks": [shared], "option-data": at("top")})
    told = patch(before, [network()])
    routes = [VPN, *expected, (DEFAULT, IPv4Address("192.168.200.1"))]
    assert added(told.config["shared-networks"][0]["subnet4"][0]) == {121: routes, 249: routes}
    assert (told.held, told.conflicts) == ((LAN,), ())
    assert patch(told.config, ()).config == before


def test_a_pool_or_reservation_with_static_routes_has_these() -> None:
    default, far = (DEFAULT, IPv4Address("192.168.200.1")), (DEFAULT, IPv4Address("192.168.200.4"))
    pool = {"pool": "192.168.200.50-192.168.200.99", "option-data": [router("192.168.200.4"), _STATICS]}
    plain = {"pool": "192.168.200.128/26", "option-data": [statics("10.88.0.1", "192.168.200.9")]}
    none = {"pool": "192.168.200.100-192.168.200.110", "option-data": []}

    def host(address: str, *options: dict[str, Any]) -> dict[str, Any]:
        return {
            "hw-address": f"02:00:00:00:00:{address.rpartition('.')[2]}",
            "ip-address": address,
            "option-data": [*options],
        }

    own = statics("10.77.0.1", "192.168.200.7")
    hosts = [
        host("192.168.200.10", own),
        host("192.168.200.60", own),  # in the first pool, whose router it is told
        host("192.168.200.61"),
        host("192.168.200.2"),  # the VPN's gateway
        host("192.168.200.9", _STATICS),  # a gateway of its own static routes
    ]
    routers = router("192.168.200.1")
    before = config(subnet(LAN, routers, pools=[pool, plain, none], reservations=hosts))
    told = patch(before, [network()])
    made = told.config["subnet4"][0]
    only = (IPv4Network("10.77.0.1/32"), IPv4Address("192.168.200.7"))
    assert added(made["pools"][0])[121] == [VPN, _FAR_HOST, _FAR_NET, far]
    assert added(made["pools"][1])[249] == [VPN, _FAR_HOST, default]
    assert made["pools"][2] == none
    assert [added(each).get(121) for each in made["reservations"]] == [
        [VPN, only, default],
        [VPN, only, far],
        None,
        [default],
        [VPN, _FAR_NET, default],
    ]
    assert told.conflicts == ()
    assert patch(told.config, ()).config == before


def test_an_option_121_of_a_pool_wins_over_what_its_reserved_hosts_would_need() -> None:
    pool = {"pool": "192.168.200.50-192.168.200.99", "option-data": [option(121)]}
    hosts = [{"hw-address": "02:00:00:00:00:01", "ip-address": "192.168.200.60", "option-data": [_STATICS]}]
    told = patch(config(subnet(LAN, pools=[pool], reservations=hosts)), [network()]).config["subnet4"][0]
    assert set(added(told["reservations"][0])) == {249}


@pytest.mark.parametrize("place", ["subnet", "class", "global-reservation"])
def test_static_routes_that_option_121_would_replace_bar_it(place: str) -> None:
    """The subnet's are for the VPN's own prefix, the other ones not for all of its clients."""
    given = {"subnet": statics("172.16.0.0", "192.168.200.9")}.get(place, _STATICS)

    def at(name: str) -> list[dict[str, Any]]:
        return [given] if name == place else []

    before = config(
        subnet(LAN, router("192.168.200.1"), *at("subnet")),
        **{
            "client-classes": [{"name": "phones", "test": "member('ALL')", "option-data": at("class")}],
            "reservations": [{"hw-address": "02:00:00:00:00:09", "option-data": at("global-reservation")}],
            "reservations-global": True,
        },
    )
    told = patch(before, [network(LAN, (IPv4Network("172.16.0.0/16"), IPv4Address("192.168.200.2")))])
    ((_, where, what, left_out),) = told.conflicts
    assert left_out == (121, 249)
    assert where.startswith({"subnet": "the subnet", "class": "the class phones"}.get(place, "the global reservation"))
    assert "option 33" in what
    assert told.config == before


def test_a_class_with_static_routes_counts_only_where_nothing_nearer_has_some() -> None:
    phones = {"name": "phones", "test": "member('ALL')", "option-data": [_STATICS]}
    for own, held in (([statics("10.88.0.1", "192.168.200.9")], (LAN,)), ([], ())):
        assert patch(config(subnet(LAN, *own), **{"client-classes": [phones]}), [network()]).held == held


def test_a_static_route_that_is_the_vpns_as_well_is_there_once() -> None:
    prefix = (IPv4Network("172.16.0.0/16"), IPv4Address("192.168.200.2"))
    told = patch(config(subnet(LAN, statics("172.16.0.0", "192.168.200.2"))), [network(LAN, prefix)])
    assert added(told.config["subnet4"][0])[121] == [prefix]
    assert told.conflicts == ()


def test_static_routes_always_have_their_room() -> None:
    pairs = [word for n in range(20) for word in (f"10.88.0.{n + 1}", "192.168.200.9")]
    routes = tuple((IPv4Network(f"10.{n}.0.0/24"), IPv4Address("192.168.200.2")) for n in range(60))
    told = patch(config(subnet(LAN, router("192.168.200.1"), statics(*pairs))), [network(LAN, *routes)])
    assert len(added(told.config["subnet4"][0])[121]) == 8 + 20 + 1  # of 8, 9 and 5 bytes
    assert told.too_long == ((LAN, tuple(prefix for prefix, _ in routes[8:])),)
    more = [word for n in range(30) for word in (f"10.88.0.{n + 1}", "192.168.200.9")]
    before = config(subnet(LAN, router("192.168.200.1"), statics(*more)))
    told = patch(before, [network(LAN, *routes)])
    assert (told.config, told.held, told.too_long[0][1]) == (before, (), tuple(prefix for prefix, _ in routes))


def test_a_pool_with_more_static_routes_than_there_is_room_for_is_named() -> None:
    pairs = [word for n in range(30) for word in (f"10.88.0.{n + 1}", "192.168.200.9")]
    pool = {"pool": "192.168.200.50-192.168.200.99", "option-data": [statics(*pairs)]}
    told = patch(config(subnet(LAN, router("192.168.200.1"), pools=[pool])), [network()])
    assert [(each.what, each.codes) for each in told.conflicts] == [
        ("more static routes (option 33) than there is room for", ())
    ]
    assert len(added(told.config["subnet4"][0]["pools"][0])[121]) == 27 + 1


@pytest.mark.parametrize(
    ("place", "left_out", "said"),
    [
        ("subnet", (121,), "the subnet 192.168.200.0/24"),
        ("shared", (121,), "the shared network x"),
        ("class", (121,), "the class phones"),
        ("top", (121,), "the global options"),
        ("pool", (), "the pool 192.168.200.50-192.168.200.99 of 192.168.200.0/24"),
        ("reservation", (), "the reservation 02:00:00:00:00:01 of 192.168.200.0/24"),
        ("global-reservation", (), "the global reservation 02:00:00:00:00:09"),
    ],
)
def test_an_option_of_the_administrators_stays_and_wins(place: str, left_out: tuple[int, ...], said: str) -> None:
    def at(name: str) -> list[dict[str, Any]]:
        return [option(121)] if name == place else []

    pool = {"pool": "192.168.200.50-192.168.200.99", "option-data": at("pool")}
    host = {"hw-address": "02:00:00:00:00:01", "option-data": at("reservation")}
    inner = subnet(LAN, *at("subnet"), pools=[pool], reservations=[host])
    before = config(
        **{
            "option-data": at("top"),
            "client-classes": [{"name": "phones", "test": "member('ALL')", "option-data": at("class")}],
            "reservations": [{"hw-address": "02:00:00:00:00:09", "option-data": at("global-reservation")}],
            "reservations-global": True,
            "shared-networks": [{"name": "x", "option-data": at("shared"), "subnet4": [inner]}],
        }
    )
    told = patch(before, [network()])
    (conflict,) = told.conflicts
    assert (conflict.place, conflict.what, conflict.codes) == (said, "an option 121 of its own", left_out)
    ours = added(told.config["shared-networks"][0]["subnet4"][0])
    assert set(ours) == {121, 249} - set(left_out)
    assert patch(told.config, ()).config == before


_HOST = {"hw-address": "02:00:00:00:00:01"}
_OTHER = [router("192.168.200.9")]
_TEST = {"test": "member('ALL')"}
_IN_CLASS = {"reservations": [{**_HOST, "client-classes": ["phones"]}]}


@pytest.mark.parametrize(
    ("own", "given", "top", "barred"),
    [
        ({}, _TEST, {}, True),
        ({"option-data": [router("192.168.200.1")]}, _TEST, {}, False),  # the subnet's own wins over the class's
        ({}, {**_TEST, "option-data": [router("192.168.200.5")]}, {}, False),  # it is the same as for all
        ({}, {}, {}, False),  # nothing assigns it
        (_IN_CLASS, {}, {}, True),
        ({}, {}, _IN_CLASS, False),  # global reservations do not hold here
        ({"reservations-global": True}, {}, _IN_CLASS, True),
        ({}, {}, {**_IN_CLASS, "early-global-reservations-lookup": True}, True),
        ({}, {}, {"hooks-libraries": [{"library": "/usr/lib/x.so"}]}, True),
        ({}, {"name": "VENDOR_CLASS_phones"}, {}, True),
        ({}, {**_TEST, "only-if-required": True}, {}, False),
        ({"require-client-classes": ["phones"]}, {**_TEST, "only-if-required": True}, {}, True),
        ({"pools": [{"require-client-classes": ["phones"]}]}, {**_TEST, "only-if-required": True}, {}, True),
        ({"evaluate-additional-classes": ["phones"]}, {"only-in-additional-list": True}, {}, True),
        (_IN_CLASS, {**_TEST, "only-if-required": True}, {}, True),
    ],
)
def test_a_class_with_a_router_counts_where_its_clients_are_told_it(
    own: dict[str, Any], given: dict[str, Any], top: dict[str, Any], barred: bool
) -> None:
    phones = {"name": "phones", "option-data": _OTHER, **given}
    before = config(subnet(**own), **{"option-data": [router("192.168.200.5")], "client-classes": [phones], **top})
    told = patch(before, [network()])
    assert [each.codes for each in told.conflicts] == ([(121, 249)] if barred else [])
    assert told.held == (() if barred else (LAN,))
    if barred:
        assert told.conflicts[0].place == f"the class {phones['name']}"
        assert told.config == before


@pytest.mark.parametrize(
    ("own", "top", "options", "left_out"),
    [
        ({}, {}, _OTHER, []),
        ({}, {"reservations-global": True}, _OTHER, [(121, 249)]),
        ({"reservations-global": True}, {"reservations-global": False}, _OTHER, [(121, 249)]),
        ({"reservations-global": False}, {"reservations-global": True}, _OTHER, []),
        ({"reservations-global": True}, {}, [router("192.168.200.1")], []),
        ({"reservations-global": True}, {}, [*_OTHER, option(121)], [(), (249,)]),
        ({"reservations-global": True}, {}, [*_OTHER, option(121), option(249)], [()]),
    ],
)
def test_a_global_reservation_with_a_router_counts_where_global_ones_hold(
    own: dict[str, Any], top: dict[str, Any], options: list[dict[str, Any]], left_out: list[tuple[int, ...]]
) -> None:
    hosts = [{**_HOST, "option-data": options}]
    inner = subnet(LAN, router("192.168.200.1"), **own)
    for around in ({"subnet4": [inner]}, {"shared-networks": [{"name": "x", "subnet4": [inner]}], "subnet4": []}):
        told = patch(config(**{**around, "reservations": hosts, **top}), [network()])
        assert [each.codes for each in told.conflicts] == left_out


def test_a_shared_network_says_whether_global_reservations_hold() -> None:
    shared = {"name": "x", "reservations-global": True, "subnet4": [subnet(LAN, router("192.168.200.1"))]}
    hosts = [{**_HOST, "option-data": _OTHER}]
    told = patch(config(**{"shared-networks": [shared], "reservations": hosts}), [network()])
    assert [each.place for each in told.conflicts] == ["the global reservation 02:00:00:00:00:01"]


@pytest.mark.parametrize(
    ("kind", "more", "kept"),
    [
        ("binary", {}, True),
        ("string", {}, True),
        ("uint8", {"array": True}, True),
        ("uint8", {}, False),
        ("uint16", {"array": True}, False),
        ("empty", {}, False),
        ("ipv4-address", {"array": True}, False),
        ("record", {"record-types": "uint8, uint8, uint8, uint8, ipv4-address"}, False),
        ("record", {"record-types": "uint8, ipv4-address", "array": True}, False),
        ("binary", {"encapsulate": "mine"}, False),
        ("uint8", {"space": "vendor-1"}, True),
    ],
)
@pytest.mark.parametrize("code", [121, 249])
def test_a_definition_that_would_cut_the_routes_leaves_its_option_out(
    code: int, kind: str, more: dict[str, Any], kept: bool
) -> None:
    plain = {"array": False, "code": code, "encapsulate": "", "name": "mine", "record-types": "", "space": "dhcp4"}
    before = config(subnet(), **{"option-def": [{**plain, "type": kind, **more}]})
    told = patch(before, [network()])
    assert set(added(told.config["subnet4"][0])) == ({121, 249} if kept else {121, 249} - {code})
    assert [(each.place, each.codes) for each in told.conflicts] == ([] if kept else [("the option-def mine", (code,))])
    assert patch(told.config, ()).config == before


def test_networks_that_kea_does_not_serve_are_named() -> None:
    told = patch(config(subnet(FAR)), [network(), network(FAR)])
    assert (told.missing, told.held) == ((LAN,), (FAR,))


def test_withdrawn_routes_take_the_options_away() -> None:
    before = config(subnet(LAN, router("192.168.200.1")))
    told = patch(before, [network()]).config
    gone = patch(told, [BesideNetwork(LAN, "", (), None)])
    assert (gone.config, gone.changed, gone.missing) == (before, True, ())
    assert not has_marked(before)
    assert has_marked(told)


def test_what_a_later_kea_adds_to_its_options_changes_nothing() -> None:
    told = patch(config(subnet()), [network()]).config
    entries = told["subnet4"][0]["option-data"]
    for entry in entries:
        entry.update({"never-send": False, "client-classes": [], "name": "classless-static-route"})
        entry["data"] = entry["data"].lower()
    told["subnet4"][0]["option-data"] = entries[::-1]
    again = patch(told, [network()])
    assert (again.changed, again.config) == (False, told)


@pytest.mark.parametrize("change", [{"data": "00"}, {"always-send": True}, {"csv-format": True}])
def test_a_change_of_routerds_own_entry_is_undone(change: dict[str, Any]) -> None:
    told = patch(config(subnet()), [network()]).config
    edited = copy.deepcopy(told)
    edited["subnet4"][0]["option-data"][0].update(change)
    assert patch(edited, [network()]).config == told


def test_copies_of_routerds_entries_elsewhere_go() -> None:
    told = patch(config(subnet()), [network()]).config
    copied = {**told, "option-data": list(told["subnet4"][0]["option-data"])}
    again = patch(copied, [network()])
    assert (again.config, again.conflicts) == (told, ())


def test_what_has_no_room_in_255_bytes_is_left_out_and_named_and_the_default_route_stays() -> None:
    routes = tuple((IPv4Network(f"10.{n}.0.0/24"), IPv4Address("192.168.200.2")) for n in range(60))
    told = patch(config(subnet(LAN, router("192.168.200.1"))), [network(LAN, *routes)])
    default = (DEFAULT, IPv4Address("192.168.200.1"))
    assert added(told.config["subnet4"][0])[121] == [*routes[:31], default]
    assert told.too_long == ((LAN, tuple(prefix for prefix, _ in routes[31:])),)


# ---------------------------------------------------------------- whatever an administrator has

_ADDRESSES = st.sampled_from(["192.168.200.1", "192.168.200.4", "192.168.200.1, 192.168.200.4", "nonsense", ""])
_OPTION = st.one_of(
    st.builds(option, st.sampled_from([6, 15, 42, 121, 249])),
    st.builds(router, _ADDRESSES),
    st.builds(statics, st.sampled_from(["10.88.0.1", "10.0.0.0", ""]), st.sampled_from(["192.168.200.9", "x"])),
    st.just(option(121, "00", {"space": "vendor-encapsulated-options-space"})),
    st.just(option(121, "00", {"user-context": {"comment": "mine"}})),
)
_OPTIONS = st.lists(_OPTION, max_size=3)
_PLACE = st.fixed_dictionaries({"option-data": _OPTIONS, "pool": st.just("192.168.200.50-192.168.200.60")})
_HOSTS = st.fixed_dictionaries(
    {"option-data": _OPTIONS, "ip-address": st.sampled_from(["192.168.200.2", "192.168.200.22"])}
)
_SUBNET = st.fixed_dictionaries(
    {
        "subnet": st.sampled_from([str(LAN), str(FAR), "192.168.202.0/24"]),
        "option-data": _OPTIONS,
        "pools": st.lists(_PLACE, max_size=2),
        "reservations": st.lists(_HOSTS, max_size=2),
    }
)
_CLASS = st.fixed_dictionaries({"name": st.just("c"), "option-data": _OPTIONS, "test": st.just("member('ALL')")})
_SHARED = st.fixed_dictionaries(
    {"name": st.just("x"), "option-data": _OPTIONS, "subnet4": st.lists(_SUBNET, max_size=2)}
)
_CONFIG = st.fixed_dictionaries(
    {
        "option-data": _OPTIONS,
        "subnet4": st.lists(_SUBNET, max_size=3),
        "shared-networks": st.lists(_SHARED, max_size=2),
        "client-classes": st.lists(_CLASS, max_size=1),
        "reservations": st.lists(_HOSTS, max_size=1),
        "other": st.just({"deep": [1, {"x": None}]}),
    }
)
_NETWORKS = st.lists(
    st.builds(
        BesideNetwork,
        st.sampled_from([LAN, FAR]),
        st.just(""),
        st.sampled_from([(), (VPN,), (VPN, MORE)]),
        st.none(),
    ),
    max_size=2,
    unique_by=lambda each: each.network,
)


def _foreign(value: Any) -> Any:
    """The configuration without any entry that has routerd's mark."""
    if isinstance(value, list):
        return [_foreign(each) for each in value if "routerd" not in _context(each)]
    return {key: _foreign(each) for key, each in value.items()} if isinstance(value, dict) else value


def _context(value: Any) -> dict[str, Any]:
    return dict(value.get("user-context", {})) if isinstance(value, dict) else {}


@given(_CONFIG, _NETWORKS, _NETWORKS)
def test_whatever_was_told_before_the_administrators_part_never_changes(
    before: dict[str, Any], first: list[BesideNetwork], second: list[BesideNetwork]
) -> None:
    text = json.dumps(before)
    once = patch(before, first).config
    twice = patch(once, second).config
    assert json.dumps(before) == text
    assert _foreign(once) == _foreign(twice) == before
    assert twice == patch(before, second).config
    assert patch(twice, ()).config == before
    again = patch(twice, second)
    assert (again.changed, again.config) == (False, twice)


@given(_CONFIG, _NETWORKS)
def test_routerds_options_never_win_over_the_administrators(
    before: dict[str, Any], networks: list[BesideNetwork]
) -> None:
    told = patch(before, networks).config
    shared = [(each, subnet4) for each in told["shared-networks"] for subnet4 in each["subnet4"]]
    for around, place in [*((None, each) for each in told["subnet4"]), *shared]:
        above = [told, *told["client-classes"], *([around] if around else ())]
        for code in added(place):
            for other in (*above, place):
                foreign = _foreign(other["option-data"])
                assert not [each for each in foreign if each["code"] == code and each["space"] == "dhcp4"]


_KEYS = (
    *("subnet4", "subnet", "option-data", "pools", "reservations", "shared-networks", "client-classes", "code", "data"),
    *("user-context", "routerd", "space", "csv-format", "name", "ip-address", "never-send"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "192.168.200.0/24", "02:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["subnet4", "shared-networks", "option-data", "reservations"]), _JSON))
def test_nothing_that_kea_may_say_is_a_crash(before: dict[str, Any]) -> None:
    told = patch(before, [network(), network(FAR)])
    assert patch(told.config, [network(), network(FAR)]).changed is False
    assert all(isinstance(each, str) for each in subnets_of(before))
