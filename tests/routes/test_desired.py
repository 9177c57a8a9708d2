"""What to change in the kernel: routes, settings, and the way back."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.model import KernelPart, KernelRoute, Sysctl
from routerd.routes.desired import diff, on_link_prefixes, released, restores, sysctl_changes, sysctl_keys

P, Q = IPv4Network("10.0.0.0/24"), IPv4Network("10.0.1.0/24")
A, B = IPv4Address("192.168.200.2"), IPv4Address("192.168.200.3")
LOOSE = Sysctl("wg0", "rp_filter", 2, at_least=True)
FORWARD = Sysctl("eth0", "forwarding", 1, at_least=True)
QUIET = (Sysctl("all", "send_redirects", 0), Sysctl("eth0", "send_redirects", 0))


@pytest.mark.parametrize(
    ("wanted", "present", "foreign", "add", "delete"),
    [
        ([], [], [], [], []),
        ([KernelRoute(P, A, "eth0")], [], [], [KernelRoute(P, A, "eth0")], []),
        ([KernelRoute(P, A, "eth0")], [KernelRoute(P, A, "eth0")], [P], [], []),
        ([KernelRoute(P, A)], [KernelRoute(P, A, "eth0")], [], [], []),
        ([KernelRoute(P, A)], [KernelRoute(P, B, "eth0")], [], [KernelRoute(P, A)], [KernelRoute(P, B, "eth0")]),
        ([], [KernelRoute(P, A, "eth0"), KernelRoute(Q)], [], [], [KernelRoute(P, A, "eth0"), KernelRoute(Q)]),
        ([KernelRoute(P, None, "wg0")], [], [P], [], []),
        ([KernelRoute(P, None, "wg0")], [], [Q], [KernelRoute(P, None, "wg0")], []),
        ([KernelRoute(P, None, "wg0")], [KernelRoute(P, None, "wg0")], [P], [], [KernelRoute(P, None, "wg0")]),
        ([KernelRoute(P, None, "wg0")], [KernelRoute(P)], [], [KernelRoute(P, None, "wg0")], [KernelRoute(P)]),
        ([KernelRoute(P, A, metric=5)], [KernelRoute(P, A, "e")], [], [KernelRoute(P, A, metric=5)], "all"),
        ([KernelRoute(P, A, "e", mtu=9)], [KernelRoute(P, A, "e", mtu=9)], [], [], []),
        ([KernelRoute(P, A, "e", mtu=9)], [KernelRoute(P, A, "e")], [], [KernelRoute(P, A, "e", mtu=9)], "all"),
        ([KernelRoute(P), KernelRoute(P)], [], [P], [KernelRoute(P)], []),
    ],
)
def test_diff(wanted, present, foreign, add, delete):
    assert diff(KernelPart(tuple(wanted)), set(present), set(foreign)) == (add, present if delete == "all" else delete)


prefixes = st.sampled_from([P, Q])
routes = st.one_of(
    st.builds(KernelRoute, prefixes, st.sampled_from([A, B]), st.just("eth0"), st.sampled_from([1, 2])),
    st.builds(KernelRoute, prefixes, st.none(), st.sampled_from([None, "wg0"]), st.sampled_from([1, 2])),
)


@given(st.lists(routes), st.sets(routes), st.sets(prefixes))
def test_one_pass_is_enough_and_a_second_one_changes_nothing(wanted, present, foreign):
    part = KernelPart(tuple(wanted))
    add, delete = diff(part, present, foreign)
    after = (present | set(add)) - set(delete)
    assert diff(part, after, foreign) == ([], [])
    assert not set(add) & set(delete)
    assert diff(KernelPart(), after, foreign)[0] == []
    assert set(diff(KernelPart(), after, foreign)[1]) == after


def test_only_routes_through_an_interface_itself_ask_for_foreign_ones():
    part = KernelPart((KernelRoute(P, None, "wg0"), KernelRoute(Q, A, "eth0"), KernelRoute(Q)))
    assert on_link_prefixes(part) == {P}


@pytest.mark.parametrize(
    ("wishes", "current", "written"),
    [
        ((FORWARD,), {("eth0", "forwarding"): 0}, [FORWARD]),
        ((FORWARD,), {("eth0", "forwarding"): 1}, []),
        ((FORWARD,), {}, []),
        ((LOOSE,), {("all", "rp_filter"): 0, ("wg0", "rp_filter"): 1}, [LOOSE]),
        ((LOOSE,), {("all", "rp_filter"): 1, ("wg0", "rp_filter"): 0}, [LOOSE]),
        ((LOOSE,), {("all", "rp_filter"): 2, ("wg0", "rp_filter"): 1}, []),
        ((LOOSE,), {("all", "rp_filter"): 0, ("wg0", "rp_filter"): 0}, []),
        ((LOOSE,), {("all", "rp_filter"): 0, ("wg0", "rp_filter"): 2}, []),
        (QUIET, {("all", "send_redirects"): 1, ("eth0", "send_redirects"): 1}, list(QUIET)),
        (QUIET, {("all", "send_redirects"): 0, ("eth0", "send_redirects"): 1}, [QUIET[1]]),
    ],
)
def test_sysctl_changes(wishes, current, written):
    assert sysctl_changes(KernelPart(sysctls=wishes), current) == written


def test_the_filter_of_all_is_read_too():
    assert sysctl_keys(KernelPart(sysctls=(LOOSE, FORWARD))) == {
        ("wg0", "rp_filter"),
        ("all", "rp_filter"),
        ("eth0", "forwarding"),
    }


OURS = {("eth0", "forwarding"): 0, ("wg0", "forwarding"): 0}
ON = dict.fromkeys(OURS, 1)
OFF_AGAIN = [Sysctl("eth0", "forwarding", 0), Sysctl("wg0", "forwarding", 0)]


@pytest.mark.parametrize(
    ("originals", "current", "forwarding", "written"),
    [
        (OURS, ON, {"eth0", "wg0"}, OFF_AGAIN),
        (OURS, ON, {"eth0", "wg0", "default", "lo"}, OFF_AGAIN),
        (OURS, ON, {"eth0", "wg0", "all"}, []),
        (OURS, ON, {"eth0", "wg0", "docker0"}, []),
        (OURS, {("eth0", "forwarding"): 1}, {"eth0"}, OFF_AGAIN[:1]),
        (OURS, dict.fromkeys(OURS, 0), set(), []),
        ({("wg0", "rp_filter"): 1}, {("wg0", "rp_filter"): 2}, {"all"}, [Sysctl("wg0", "rp_filter", 1)]),
        (
            {("a", "send_redirects"): 1, ("all", "send_redirects"): 1},
            {("a", "send_redirects"): 0, ("all", "send_redirects"): 0},
            set(),
            [Sysctl("all", "send_redirects", 1), Sysctl("a", "send_redirects", 1)],
        ),
    ],
)
def test_restores(originals, current, forwarding, written):
    assert restores(originals, current, forwarding) == written


def test_released():
    assert released(KernelPart(sysctls=(FORWARD,)), OURS) == {("wg0", "forwarding")}
    assert released(KernelPart(), OURS) == set(OURS)


def test_an_incomplete_part_deletes_nothing() -> None:
    old = KernelRoute(IPv4Network("10.7.0.0/24"))
    new = KernelRoute(IPv4Network("10.8.0.0/24"))
    assert diff(KernelPart((new,)), {old}, ()) == ([new], [old])
    assert diff(KernelPart((new,), complete=False), {old}, ()) == ([new], [])
