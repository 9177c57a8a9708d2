"""Laws of the codec, of signing and of the speaker, for any packets and any order of things."""

from ipaddress import IPv4Network, IPv6Network
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from routerd.config.model import LONGEST_SECRET
from routerd.rip import message, message_ng
from routerd.rip.auth import AuthError, open_packet, sign
from routerd.rip.codec import chunks
from routerd.rip.message import RESPONSE, Message, Rte
from routerd.rip.words import Change, Import
from routerd.wire import WireError
from tests.rip.scene import HOST_BETA, NG, OTHER, ROUTER, UNIX, V2, Scene, key, response, route

HEAD, HEAD_NG = bytes((RESPONSE, 2, 0, 0)), bytes((RESPONSE, 1, 0, 0))
metrics, tags = st.integers(1, 16), st.integers(0, 0xFFFF)
lengths = st.integers(1, 32)


@st.composite
def prefixes(draw: st.DrawFn) -> tuple[int, int]:
    """A network that may be announced."""
    length = draw(lengths)
    first = draw(st.integers(1, 223).filter(lambda octet: octet != 127)) << 24
    address = (first | draw(st.integers(0, 0xFFFFFF))) >> (32 - length) << (32 - length)
    return (address, length) if address >> 24 not in (0, 127) else (0x0A000000, 8)


@st.composite
def prefixes_ng(draw: st.DrawFn) -> tuple[int, int]:
    length = draw(st.integers(8, 128))
    address = (0x20 << 120 | draw(st.integers(0, (1 << 120) - 1))) >> (128 - length) << (128 - length)
    return address, length


entries = st.builds(
    lambda prefix, next_hop, metric, tag: Rte(*prefix, next_hop, metric, tag),
    prefixes(),
    st.one_of(st.just(0), st.integers(0, 0xFFFFFFFF)),
    metrics,
    tags,
)
link_locals = st.integers(0, 3).map(lambda n: n and (0xFE80 << 112 | n))
entries_ng = st.builds(
    lambda prefix, next_hop, metric, tag: Rte(*prefix, next_hop, metric, tag),
    prefixes_ng(),
    link_locals,
    metrics,
    tags,
)
datagrams = st.one_of(
    st.binary(max_size=120),
    st.binary(max_size=104).map(lambda data: HEAD + data),
    st.lists(st.binary(min_size=20, max_size=20), max_size=26).map(lambda parts: HEAD + b"".join(parts)),
    st.lists(st.binary(min_size=18, max_size=18), max_size=25).map(
        lambda parts: HEAD + b"".join(b"\0\2" + part for part in parts)
    ),
)


# ---------------------------------------------------------------- codec


@given(st.lists(entries, max_size=25))
def test_what_is_built_is_read_as_it_was(made: list[Rte]) -> None:
    assert message.decode(response(*made)) == Message(RESPONSE, 2, made)


@given(datagrams)
def test_what_can_be_read_is_built_and_read_again_the_same(data: bytes) -> None:
    try:
        found = message.decode(data)
    except WireError:
        return
    assert len(found.entries) + found.bad <= 25
    again = message.decode(response(*found.entries))
    assert list(again.entries) == list(found.entries)
    assert not again.bad


@given(st.lists(entries_ng, max_size=40), st.integers(2, 12))
def test_ng_survives_being_cut_into_packets(made: list[Rte], most: int) -> None:
    packets = chunks([(each.next_hop, message_ng.encode_rte(each)) for each in made], most)
    assert all(0 < len(packet) <= most * 20 for packet in packets)
    found = [each for packet in packets for each in message_ng.decode(HEAD_NG + packet).entries]
    assert sorted(found) == sorted(made)
    # None is cut sooner than it must be: two that follow each other never fit into one.
    assert all(len(one) + len(other) > (most - 1) * 20 for one, other in pairwise(packets))


@given(st.binary(max_size=200).map(lambda data: HEAD_NG + data[: len(data) // 20 * 20]))
def test_anything_of_ng_is_read_or_refused(data: bytes) -> None:
    try:
        found = message_ng.decode(data)
    except WireError:
        return
    for each in found.entries:
        assert IPv6Network((each.address, each.length)).prefixlen == each.length
        assert 1 <= each.metric <= 16


@given(datagrams)
def test_every_entry_that_is_read_is_a_network_of_machines(data: bytes) -> None:
    try:
        found = message.decode(data)
    except WireError:
        return
    for each in found.entries:
        net = IPv4Network((each.address, each.length))
        assert not net.is_multicast
        assert not net.is_loopback
        assert 1 <= each.metric <= 16


# ---------------------------------------------------------------- signing

keys = st.builds(
    lambda algorithm, number, size: key(algorithm, number, b"k" * min(size, LONGEST_SECRET[algorithm])),
    st.sampled_from(list(LONGEST_SECRET)),
    st.integers(0, 255),
    st.integers(1, 64),
)


@given(st.lists(entries, max_size=20), keys, st.integers(0, 0xFFFFFFFF), st.sampled_from((16, 20)))
def test_what_is_signed_is_believed_and_nothing_else(
    made: list[Rte], mine: object, number: int, auth_length: int
) -> None:
    data = sign(HEAD, b"".join(map(message.encode_rte, made)), mine, number, auth_length)  # type: ignore[arg-type]
    opened = open_packet(data, [mine], UNIX)  # type: ignore[list-item]
    assert list(message.decode(data, opened.start, opened.end).entries) == made
    assert opened.sequence in (number, None)
    if mine.algorithm != "plain":  # type: ignore[attr-defined]
        for at in {0, 4, 12, len(data) // 2, len(data) - 1}:
            other = bytearray(data)
            other[at] ^= 0x80
            try:
                open_packet(bytes(other), [mine], UNIX)  # type: ignore[list-item]
            except AuthError:
                continue
            raise AssertionError(f"byte {at} does not count")


@given(datagrams, keys)
def test_no_accident_is_believed(data: bytes, mine: object) -> None:
    if len(data) >= 4:
        try:
            open_packet(data, [mine], UNIX)  # type: ignore[list-item]
        except AuthError:
            return
        raise AssertionError("it was believed")


# ---------------------------------------------------------------- speaker

few = st.sampled_from([f"10.{n}.0.0/16" for n in range(5)])
routes = st.builds(lambda prefix, metric: route(prefix, HOST_BETA, metric=metric), few, st.integers(1, 3))
changes = st.one_of(
    routes.map(lambda each: Change(each.prefix, each)), few.map(lambda prefix: Change(IPv4Network(prefix), None))
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.lists(changes, max_size=3), st.sampled_from((0.0, 0.5, 2.0, 40.0))), max_size=12))
def test_any_updates_equal_one_apply(steps: list[tuple[list[Change], float]]) -> None:
    """What a neighbour knows in the end is what is announced, whatever came in between."""
    scene = Scene(V2)
    scene.speaker.apply([], scene.now)
    wanted: dict[str, int] = {}
    heard: dict[str, int] = {}
    for items, wait in steps:
        scene.speaker.update(items, scene.now)
        for each in items:
            if each.route is not None:
                wanted[str(each.prefix)] = each.route.metric
            else:
                wanted.pop(str(each.prefix), None)
        heard |= scene.told(scene.due(wait))
    heard |= scene.told(scene.due(36))
    assert {prefix: metric for prefix, metric in heard.items() if metric < 16} == wanted
    fresh = Scene(V2)
    fresh.speaker.apply([route(prefix, HOST_BETA, metric=metric) for prefix, metric in wanted.items()], fresh.now)
    assert fresh.told(fresh.due()) == wanted


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("hear", "route", "apply", "time", "ask")),
            datagrams,
            st.floats(0, 200),
            st.lists(routes, max_size=4),
        ),
        max_size=15,
    ),
    st.sampled_from([(), (key(),)]),
    st.sampled_from([V2, NG]),
)
def test_whatever_happens_it_goes_on(steps: list, keyed: tuple, spoken: object) -> None:  # type: ignore[type-arg]
    scene = Scene(spoken, keys=keyed, learn=Import(), neighbours=())  # type: ignore[arg-type]
    sources = [ROUTER, OTHER]
    for what, data, seconds, some in steps:
        if what == "hear":
            scene.hear(data, port=520 if seconds < 100 else 40000)
        elif what == "route" and spoken is V2:
            scene.hear(
                response(*[Rte(int(each.prefix[0]) ^ 0x20000000, 16, 0, each.metric) for each in some]), sources[0]
            )
        elif what == "apply" and spoken is V2:
            scene.speaker.apply(some, scene.now)
        elif what == "ask":
            scene.hear(message.WHOLE_TABLE, port=520)
        else:
            for packet in scene.due(seconds):
                scene.decode(packet.data)
    before = scene.count("full-updates")
    if spoken is V2:
        scene.speaker.apply([route("10.0.0.0/24")], scene.now)
        assert scene.told(scene.due(41))["10.0.0.0/24"] == 1
        assert scene.count("full-updates") > before
