"""Who is told what: against what dnsmasq itself does with tags, played here after its manual and its source."""

from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routerd.beside.dnsmasq_clients import Known, Tags, clients_of, known_of
from routerd.beside.dnsmasq_conf import Conf, Range, RouterOption
from routerd.beside.dnsmasq_file import file_text, lines_of
from routerd.classless import decode_classless_routes
from tests.beside.scene import ROUTER, network, part

HERE, OTHER = IPv4Address("192.168.200.2"), IPv4Address("192.168.200.254")
DEFAULT = IPv4Network("0.0.0.0/0")
LAN, FOREIGN = IPv4Address("192.168.200.100"), IPv4Address("192.168.201.100")


class Option(NamedTuple):
    tags: Tags
    value: object


def holds(tags: Tags, has: set[str]) -> bool:
    return all((tag[1:] not in has) if tag[0] in "!#" else tag in has for tag in tags)


def chosen(options: list[Option], has: set[str], context: set[str]) -> Option | None:
    """The option that a client gets; `options` are in the order in which dnsmasq reads them."""
    early = [one for one in options if one.tags and holds(one.tags, has) and holds(one.tags, has | context)]
    late = [one for one in options if one.tags and holds(one.tags, has | context)]
    return next(reversed(early or late or [one for one in options if not one.tags]), None)


def ours(known: Known) -> list[Option]:
    made = part()
    made = type(made)(made.lan, made.mode, made.settings, made.networks, address=HERE)
    rows = [line for line in file_text((made,), known).splitlines() if not line.startswith("#") and ",121," in line]
    return [Option(tuple(word[4:] for word in row.split(",")[:-2]), row.rpartition(",")[2]) for row in rows]


def default_in(option: Option) -> IPv4Address | None:
    routes = decode_classless_routes(bytes.fromhex(str(option.value).replace(":", "")))
    assert any(prefix != DEFAULT for prefix, _ in routes)
    return dict(routes).get(DEFAULT)


LITERALS = st.sampled_from(["lan0", "guests", "phones", "site", "!guests", "!site", "#known", "second"])
TAGS = st.lists(LITERALS, max_size=2).map(tuple)
ROUTERS = st.sampled_from([None, IPv4Address(0), ROUTER, OTHER])


@given(
    st.lists(TAGS, max_size=3),
    st.lists(st.tuples(TAGS, ROUTERS), max_size=4),
    st.sets(st.sampled_from(["guests", "phones", "known"])),
    st.sampled_from([None, "site"]),
)
@example([], [(("!guests",), None), (("lan0",), IPv4Address(0))], set(), None)
def test_the_default_route_is_the_router_that_dnsmasq_tells_the_same_client(
    own: list[Tags], routers: list[tuple[Tags, IPv4Address | None]], more: set[str], tag: str | None
) -> None:
    conf = Conf(routers=[RouterOption(tags, router, "x:1") for tags, router in routers])
    conf.ranges = [Range(LAN, tag, "x:2"), Range(FOREIGN, "second", "x:3")]
    told = known_of(conf, {}, (), own)
    has, context = {"lan0", *more}, {tag} if tag else set()
    theirs = [Option(tags, None) for tags in own]
    got = chosen([*theirs, *ours(told)], has, context)
    if any(holds(tags, has | context) for tags in own):
        assert got is None or got in theirs
        return
    assert got is not None
    three = chosen([Option(tags, router) for tags, router in routers], has, context)
    wanted = HERE if three is None or three.value == IPv4Address(0) else three.value
    assert default_in(got) == wanted
    # Clients of the other network never get this one's next hops.
    assert chosen([*theirs, *ours(told)], has, {"second"}) in (None, *theirs)


def router_option(value: str) -> RouterOption:
    conf = Conf()
    from routerd.beside.dnsmasq_conf import read_conf

    read_conf(f"dhcp-option={value}\n", "/c", conf)
    (found,) = conf.routers
    return found


@pytest.mark.parametrize(
    ("text", "tags", "router", "known"),
    [
        ("3,192.168.200.254", (), OTHER, True),
        ("003 , 192.168.200.254,192.168.200.1", (), OTHER, True),
        ("option:Router,192.168.200.254", (), OTHER, True),
        ("tag:guests,option:router,0.0.0.0", ("guests",), IPv4Address(0), True),
        ("3", (), None, True),
        ("tag:guests,3,", ("guests",), None, True),
        ("3,c0:a8:c8:fe", (), OTHER, True),
        ("3,nonsense", (), None, False),
        ("3,zz:1", (), None, False),
        ("3,c0:a8", (), None, False),
    ],
)
def test_options_3(text: str, tags: Tags, router: IPv4Address | None, known: bool) -> None:
    assert router_option(text) == RouterOption(tags, router, "/c:1", known)


def test_what_dnsmasq_is_heard_to_tell_counts_more_than_a_configuration_that_is_not_seen() -> None:
    assert clients_of(part(), 0, known_of(None, {}, ())).main[0].router == ROUTER
    assert clients_of(part(), 0, known_of(None, {"lan0": OTHER}, ())).main[0].router == OTHER
    assert clients_of(part(), 0, known_of(None, {"lan0": None}, ())).main[0].router is None
    told = known_of(Conf(routers=[RouterOption((), ROUTER, "x:1")]), {"lan0": OTHER}, ())
    assert clients_of(part(), 0, told).main[0].router == OTHER


def test_an_option_3_that_is_not_understood_leaves_its_clients_out() -> None:
    told = known_of(Conf(routers=[RouterOption(("guests",), None, "x:1", False)]), {}, ())
    found = clients_of(part(), 0, told)
    assert [each.tags for each in found.main] == [("lan0", "!guests")]
    assert (found.special, [each.place for each in found.odd]) == ((), ["x:1"])


def ranged(*ranges: Range, links: tuple[tuple[str, IPv4Network], ...] = ()) -> Known:
    return known_of(Conf(ranges=[Range(LAN, None, "x:1"), *ranges]), {}, links)


def test_a_foreign_range_without_a_tag_of_its_own_bars_the_lines_of_the_lan() -> None:
    for tag in (None, "lan0"):
        (line,) = lines_of((part(),), ranged(Range(FOREIGN, tag, "x:2")))
        assert (line.rows, [each.place for each in line.told.barred]) == ((), ["x:2"])
    (line,) = lines_of((part(tag="site"),), ranged(Range(FOREIGN, None, "x:2")))
    assert line.rows


def test_a_range_of_another_interface_is_no_trouble() -> None:
    far = ("lan1", IPv4Network("192.168.201.0/24"))
    (line,) = lines_of((part(),), ranged(Range(FOREIGN, None, "x:2"), links=(far,)))
    assert [tags for tags, _ in line.rows] == [("lan0",)]
    both = (far, ("lan0", far[1]))
    (line,) = lines_of((part(),), ranged(Range(FOREIGN, None, "x:2"), links=both))
    assert not line.rows


def test_many_tags_make_a_bounded_file() -> None:
    others = tuple((f"a{n}", f"b{n}", f"c{n}") for n in range(40))
    routers = [RouterOption((f"r{n}", f"s{n}"), OTHER, "x:1") for n in range(200)]
    text = file_text((part(network("10.0.0.0/24")),), known_of(Conf(routers=routers), {}, (), others))
    assert len(text) < 300_000
