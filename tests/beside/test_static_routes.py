"""Option 33: what its destinations stand for, and that clients who are told option 121 keep its routes."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.beside.dnsmasq_clients import Known, clients_of, known_of
from routerd.beside.dnsmasq_conf import Conf, StaticOption, read_conf
from routerd.beside.dnsmasq_file import lines_of
from routerd.beside.dnsmasq_heard import Heard
from routerd.beside.options import fitting
from routerd.beside.static_routes import Route, decode_static_routes, destination
from routerd.beside.told import Finding, Verdict
from routerd.beside.uci_lines import HEADER, uci_text
from routerd.classless import decode_classless_routes
from tests.beside.scene import GATEWAY, ROUTER, network, part

NINE = IPv4Address("192.168.200.9")
HOST: Route = (IPv4Network("10.88.0.1/32"), NINE)
NET: Route = (IPv4Network("192.168.77.0/24"), NINE)
VPN: Route = (IPv4Network("10.0.0.0/24"), GATEWAY)
ALL: Route = (IPv4Network("0.0.0.0/0"), ROUTER)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.88.0.1", "10.88.0.1/32"),
        ("10.0.0.0", "10.0.0.0/8"),
        ("172.16.0.0", "172.16.0.0/16"),
        ("172.16.1.0", "172.16.1.0/32"),
        ("192.168.77.0", "192.168.77.0/24"),
        ("192.168.77.1", "192.168.77.1/32"),
        ("0.0.0.0", None),
        ("127.0.0.1", None),
        ("224.0.0.9", None),
    ],
)
def test_destinations(address: str, network: str | None) -> None:
    assert destination(IPv4Address(address)) == (None if network is None else IPv4Network(network))


def test_what_is_cut_or_illegal_is_left_out() -> None:
    pair = HOST[0].network_address.packed + NINE.packed
    assert decode_static_routes(b"\0" * 8 + pair + pair[:7]) == (HOST,)
    assert decode_static_routes(b"") == ()


def conf(*lines: str) -> Conf:
    found = Conf()
    read_conf("".join(f"dhcp-option={line}\n" for line in lines), "/c", found)
    return found


def rows(known: Known) -> dict[tuple[str, ...], list[Route]]:
    (line,) = lines_of((part(),), known)
    return {tags: decode_classless_routes(value) for tags, value in line.rows}


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("33,10.88.0.1,192.168.200.9", StaticOption((), (HOST,), "/c:1")),
        ("tag:a,option:static-route,10.88.0.1,192.168.200.9", StaticOption(("a",), (HOST,), "/c:1")),
        ("33", StaticOption((), (), "/c:1")),
        ("33,10.88.0.1", StaticOption((), (), "/c:1", False)),
        ("33,10.88.0.1,0.0.0.0", StaticOption((), (), "/c:1", False)),
        ("33,0a:58:00:01:c0:a8:c8:09", StaticOption((), (), "/c:1", False)),
    ],
)
def test_options_33(text: str, option: StaticOption) -> None:
    assert conf(text).statics == [option]


def test_they_are_in_option_121_as_well() -> None:
    found = rows(known_of(conf("33,10.88.0.1,192.168.200.9,192.168.77.0,192.168.200.9"), {}, ()))
    assert found == {("lan0",): [VPN, HOST, NET, ALL]}


def test_of_two_the_one_counts_that_dnsmasq_sends() -> None:
    both = ("33,10.88.0.1,192.168.200.9", "33,192.168.77.0,192.168.200.9")
    assert rows(known_of(conf(*both), {}, ())) == {("lan0",): [VPN, NET, ALL]}
    tagged = (f"tag:lan0,{both[0]}", both[1])
    assert rows(known_of(conf(*tagged), {}, ())) == {("lan0",): [VPN, HOST, ALL]}


@pytest.mark.parametrize("text", ["tag:guests,33,10.88.0.1,192.168.200.9", "tag:guests,33,nonsense"])
def test_those_of_some_clients_keep_ours_from_them(text: str) -> None:
    known = known_of(conf(text), {}, ())
    assert rows(known) == {("lan0", "!guests"): [VPN, ALL]}
    assert [each.place for each in clients_of(part(), 0, known).statics] == ["/c:1"]


def test_what_is_not_understood_and_not_heard_keeps_ours_from_all() -> None:
    known = known_of(conf("33,nonsense"), {}, ())
    assert rows(known) == {}
    assert clients_of(part(), 0, known).yields
    assert rows(known_of(conf("33,nonsense"), {}, (), (), {"lan0": (HOST,)})) == {("lan0",): [VPN, HOST, ALL]}


def test_what_is_heard_counts_where_the_configuration_is_not_seen() -> None:
    heard = Heard()
    found = {"lan0": Finding(Verdict.WITHOUT, b"", ROUTER, ROUTER, True, (HOST,))}
    assert heard.note(found, (), is_first=True)
    assert rows(heard.known((part(),), None, ())) == {("lan0",): [VPN, HOST, ALL]}
    assert rows(heard.known((part(),), Conf(), ())) == {("lan0",): [VPN, HOST, ALL]}
    assert rows(heard.known((part(),), Conf(), (), is_seen=True)) == {("lan0",): [VPN, ALL]}
    # With ours in the answer there may have been no room for them.
    lines = lines_of((part(),), heard.known((part(),), None, ()))
    assert not heard.note({"lan0": Finding(Verdict.RIGHT, b"x", ROUTER, ROUTER, True)}, lines)


def test_theirs_have_their_place_before_ours() -> None:
    made = network(*(f"10.{n}.0.0/16" for n in range(20)))
    value, left = fitting(made, 40, (HOST, NET))
    assert decode_classless_routes(value)[-3:] == [HOST, NET, ALL]
    assert len(value) <= 40
    assert len(left) == 20 - (len(decode_classless_routes(value)) - 3)
    many = tuple((IPv4Network((n, 32)), NINE) for n in range(1 << 24, (1 << 24) + 40))
    assert lines_of((part(),), Known(told_statics={"lan0": many}))[0].rows == ()
    assert uci_text((part(),), {"lan0": many}) == HEADER
    assert "10.88.0.1/32,192.168.200.9" in uci_text((part(),), {"lan0": (HOST,)})
