"""The file for dnsmasq: who is told what, who is left out, and what has room."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.beside.dnsmasq_clients import Known
from routerd.beside.dnsmasq_file import HEADER, file_text, is_ours, lines_of
from routerd.beside.options import entries
from routerd.classless import decode_classless_routes
from tests.beside.scene import ROUTER, VALUE, network, part

HEX = VALUE.hex(":")
FAR = network("10.0.0.0/24", tag="far", own="192.168.201.0/24")
Tags = tuple[str, ...]


def options(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_the_file() -> None:
    assert file_text((part(),), Known()) == (
        f"{HEADER}# lan lan0, 192.168.200.0/24: 10.0.0.0/24 via 192.168.200.2; all else via 192.168.200.1\n"
        f"tag:lan0,249,{HEX}\ntag:lan0,121,{HEX}\n"
    )


def test_it_is_known_again() -> None:
    assert is_ours(file_text((), Known()))
    assert not is_ours("tag:lan0,121,00\n")


def test_nothing_offered_leaves_no_line() -> None:
    assert file_text((part(network()),), Known()) == HEADER


def test_clients_behind_a_relay_agent_have_lines_of_their_own() -> None:
    text = file_text((part(network("10.0.0.0/24"), FAR),), Known())
    assert [line.rpartition(",")[0] for line in options(text)] == [
        *("tag:lan0,tag:!far,249", "tag:lan0,tag:!far,121"),
        *("tag:far,249", "tag:far,121"),
    ]


def test_a_tag_of_the_range_is_theirs_alone() -> None:
    text = file_text((part(network("10.0.0.0/24", tag="site"), FAR, tag="site"),), Known())
    assert options(text)[0].startswith("tag:site,249")


@pytest.mark.parametrize(
    ("others", "tags"),
    [
        ([()], None),
        ([("lan0",)], None),
        ([("lan0",), ("guests",)], None),
        ([("guests",)], "tag:lan0,tag:!guests"),
        ([("lan0", "guests")], "tag:lan0,tag:!guests"),
        ([("!known",)], "tag:lan0,tag:known"),
        ([("#known",)], "tag:lan0,tag:known"),
        ([("guests",), ("phones",), ("guests", "phones")], "tag:lan0,tag:!guests,tag:!phones"),
        ([("lan1",)], "tag:lan0,tag:!lan1"),
        ([("guests", "phones")], ["tag:lan0,tag:!guests", "tag:lan0,tag:!phones"]),
    ],
)
def test_whom_the_administrators_own_options_are_for_is_left_out(
    others: list[Tags], tags: str | list[str] | None
) -> None:
    (line,) = lines_of((part(),), Known(tuple(others)))
    assert line.yields is (tags is None)
    wanted = [] if tags is None else [tags] if isinstance(tags, str) else tags
    text = options(file_text((part(),), Known(tuple(others))))
    assert [each.removesuffix(f",121,{HEX}") for each in text if ",121," in each] == wanted


LITERALS = st.sampled_from(["lan0", "guests", "phones", "!guests", "!known"])


@given(
    st.lists(st.lists(LITERALS, max_size=3).map(tuple), max_size=4),
    st.sets(st.sampled_from(["guests", "phones", "known"])),
)
def test_theirs_always_wins_and_without_theirs_ours_is_told(others: list[Tags], client: set[str]) -> None:
    has = {"lan0", *client}

    def holds(tags: Tags) -> bool:
        return all((tag[1:] not in has) if tag.startswith("!") else tag in has for tag in tags)

    lines = options(file_text((part(),), Known(tuple(others))))
    ours = [tuple(word[4:] for word in line.split(",") if word.startswith("tag:")) for line in lines]
    if any(holds(tags) for tags in others):
        assert not any(holds(tags) for tags in ours)
    else:
        assert any(holds(tags) for tags in ours)


@given(st.integers(1, 200), st.integers(8, 32), st.integers(0, 40))
def test_a_value_and_its_line_are_never_longer_than_dnsmasq_reads(count: int, length: int, relayed: int) -> None:
    first = int.from_bytes(bytes((10, 0, 0, 0)), "big")
    prefixes = dict.fromkeys(str(IPv4Network((first + (n << (32 - length)), length))) for n in range(min(count, 100)))
    networks = [
        network(*prefixes),
        *(network(tag=f"relayed-network-{n}", own=f"172.16.{n}.0/24") for n in range(relayed)),
    ]
    line, *_ = lines_of((part(*networks),), Known())
    assert len(line.value) <= 120
    routes = decode_classless_routes(line.value)
    if not routes:
        assert len(line.left_out) == len(line.network.routes)
        return
    assert routes[-1] == (IPv4Network("0.0.0.0/0"), ROUTER)
    assert [*(prefix for prefix, _ in routes[:-1]), *(prefix for prefix, _ in line.left_out)] == [
        prefix for prefix, _ in line.network.routes
    ]
    text = file_text((part(*networks),), Known())
    assert all(len(each) < 1024 for each in text.splitlines())


def test_a_network_without_router_has_no_default_route() -> None:
    one = network("10.0.0.0/24")
    assert b"".join(entries(type(one)(one.network, one.tag, one.routes, None))) == VALUE[:8]
