"""Laws of the option codec and of the whole way of a message, for any bytes and any messages."""

from hypothesis import given
from hypothesis import strategies as st

from routerd.dhcp import options as opt
from routerd.dhcp.leases import BOUND
from routerd.dhcp.message import Message, decode_message, encode_reply, read_options
from routerd.wire import WireError
from tests.dhcp.scene import MAC_B, SERVER, ip, message
from tests.fuzz.path import Path

HEAD = message(1)[:240]
codes = st.integers(1, 254).filter(lambda code: code != 52)
values = st.dictionaries(codes, st.binary(max_size=700), max_size=12)
addresses = st.sampled_from(
    [0, ip("192.168.200.50"), ip("192.168.200.51"), ip("192.168.201.50"), int(SERVER), ip("10.1.1.1"), 0xFFFFFFFF]
)
macs = st.sampled_from([bytes((2, 0, 0, 0, 0, n)) for n in range(4)] + [b"\0" * 6, b"\xff" * 6])
known = st.one_of(
    st.tuples(st.sampled_from((12, 55, 57, 60, 61, 80, 81, 82, 108, 119, 121)), st.binary(max_size=255)),
    st.tuples(st.sampled_from((50, 54)), addresses.map(lambda address: address.to_bytes(4, "big"))),
    st.tuples(st.just(51), st.sampled_from([b"\0\0\0\0", b"\xff" * 4, b"\0\0\1\0"])),
    st.tuples(st.just(55), st.lists(st.sampled_from((1, 3, 6, 51, 108, 121, 249)), max_size=9).map(bytes)),
    st.tuples(st.just(82), st.sampled_from([b"\1\1p", b"\5\4\xc0\xa8\xca\1", b"\x0b\4\xc0\xa8\xc9\1", b"\x13\0"])),
)
messages = st.builds(
    lambda kind, options, **fields: message(kind, *options, **fields),
    st.one_of(st.sampled_from((1, 3, 4, 7, 8)), st.integers(0, 255), st.none()),
    st.lists(known, max_size=6),
    mac=macs,
    xid=st.integers(0, 3),
    flags=st.sampled_from((0, 0x8000, 0x7FFF)),
    ciaddr=addresses,
    giaddr=st.one_of(st.just(0), st.sampled_from([ip("192.168.201.1"), ip("192.168.200.9"), ip("10.1.1.1")])),
    htype=st.sampled_from((1, 1, 1, 0, 6, 32, 255)),
    hlen=st.sampled_from((6, 6, 6, 0, 1, 16, 17, 255)),
    hops=st.sampled_from((0, 1, 16, 17)),
)


def joined(wire: bytes) -> dict[int, bytes]:
    """The options in these bytes."""
    found: dict[int, bytes] = {}
    read_options(wire, 0, len(wire), found)
    return found


def instances(wire: bytes) -> list[tuple[int, bytes]]:
    """Every instance by itself."""
    found, offset = [], 0
    while offset < len(wire):
        end = offset + 2 + wire[offset + 1]
        found.append((wire[offset], wire[offset + 2 : end]))
        offset = end
    return found


# ---------------------------------------------------------------- the option codec


@given(codes, st.lists(st.binary(max_size=600), max_size=12))
def test_an_option_is_split_and_joined_again(code: int, parts: list[bytes]) -> None:
    wire = opt.encode_option(code, parts)
    whole = b"".join(parts)
    assert joined(wire) == {code: whole}
    assert len(wire) <= len(whole) + 2 * (1 + len(parts) + len(whole) // 255)


@given(codes, st.lists(st.binary(min_size=1, max_size=255), min_size=1, max_size=30))
def test_no_part_that_fits_an_option_is_cut(code: int, parts: list[bytes]) -> None:
    left = list(parts)
    for _, value in instances(opt.encode_option(code, parts)):
        whole = b""
        while left and len(whole) < len(value):
            whole += left.pop(0)
        assert value == whole
    assert left == []


@given(values, st.randoms(use_true_random=False))
def test_options_come_back_however_they_are_cut_and_wherever_they_are(found: dict[int, bytes], random: object) -> None:
    pieces: list[tuple[int, bytes]] = []
    for code, value in found.items():
        while len(value) > 255 or (value and random.random() < 0.5):  # type: ignore[attr-defined]
            cut = random.randint(0, min(255, len(value)))  # type: ignore[attr-defined]
            pieces.append((code, value[:cut]))
            value = value[cut:]
        pieces.append((code, value))
    wire = [bytes((code, len(value))) + value for code, value in pieces]
    fields = {"options": b"", "file": b"", "sname": b""}
    for piece in wire:
        # RFC 3396 section 7: options, then file, then sname; what has begun in a later field does not go back.
        if not fields["file"] and not fields["sname"] and random.random() < 0.9:  # type: ignore[attr-defined]
            fields["options"] += piece
        elif not fields["sname"] and len(fields["file"]) + len(piece) < 128:
            fields["file"] += piece
        elif len(fields["sname"]) + len(piece) < 64:
            fields["sname"] += piece
        else:
            break
    else:
        used = (1 if fields["file"] else 0) + (2 if fields["sname"] else 0)
        overload = bytes((52, 1, used)) if used else b""
        head = HEAD[:44] + (fields["sname"] + b"\xff").ljust(64, b"\0") + (fields["file"] + b"\xff").ljust(128, b"\0")
        data = head + HEAD[236:] + overload + fields["options"] + b"\xff"
        assert decode_message(data).options == found


@given(st.binary(max_size=1500), st.booleans())
def test_bytes_are_a_message_or_one_kind_of_error(data: bytes, begins_well: bool) -> None:
    data = HEAD + data if begins_well else data
    try:
        decoded: Message | str = decode_message(data)
    except WireError as error:
        decoded = str(error)
    if isinstance(decoded, str):
        assert 0 < len(decoded) < 200
        return
    assert sum(map(len, decoded.options.values())) <= len(data)
    assert len(decoded.chaddr) == decoded.hlen <= 16


@given(messages, st.integers(0, 0xFFFFFFFF), st.binary(max_size=60), st.binary(max_size=63), st.binary(max_size=127))
def test_a_reply_is_read_as_it_was_written(data: bytes, address: int, value: bytes, sname: bytes, file: bytes) -> None:
    try:
        asked = decode_message(data)
    except WireError:
        return
    options = opt.encode_option(53, [b"\2"]) + opt.encode_option(224, [value])
    reply = encode_reply(asked, yiaddr=address, options=options, siaddr=address, sname=sname, file=file)
    read = decode_message(reply)
    assert len(reply) >= 300
    assert (read.op, read.hops, read.secs, read.ciaddr) == (2, 0, 0, 0)
    assert (read.yiaddr, read.siaddr) == (address, address)
    assert (read.htype, read.hlen, read.xid, read.flags, read.giaddr, read.chaddr) == (
        *(asked.htype, asked.hlen, asked.xid, asked.flags, asked.giaddr, asked.chaddr),
    )
    assert (read.sname, read.file) == (sname.ljust(64, b"\0"), file.ljust(128, b"\0"))
    assert read.options == {53: b"\2", 224: value}


@given(st.binary(max_size=300))
def test_a_cleaned_host_name_is_one_label_and_stays_as_it_is(raw: bytes) -> None:
    name = opt.clean_hostname(raw)
    if name is not None:
        assert 1 <= len(name) <= 63
        assert name.isascii()
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
        assert name.strip("-") == name
        assert opt.clean_hostname(name.encode("ascii")) == name


# ---------------------------------------------------------------- the whole way


def check(path: Path) -> None:
    """What holds after any message."""
    for table in path.tables.values():
        rows = table.rows()
        assert len({row.address for row in rows}) == len(rows)
        held = [row.client for row in rows if row.state == BOUND and row.expires > path.now]
        assert len(set(held)) == len(held)
    lan = {row.address for row in path.tables["lan0"].rows()}
    assert not {ip("192.168.200.0"), ip("192.168.200.1"), int(SERVER), ip("192.168.200.255")} & lan


@given(st.lists(st.binary(max_size=700), max_size=20), st.booleans())
def test_any_bytes_are_survived(script: list[bytes], begins_well: bool) -> None:
    path = Path()
    for number, data in enumerate(script):
        path.receive(HEAD + b"\x35\1\1" + data if begins_well else data)
        path.now += 0.1
        assert path.serves(number)
    check(path)


@given(st.lists(st.tuples(messages, st.booleans(), st.sampled_from((0.0, 0.1, 5.0, 3600.0))), max_size=30))
def test_any_messages_in_any_order_are_survived(script: list[tuple[bytes, bool, float]]) -> None:
    path = Path()
    for number, (data, to_us, wait) in enumerate(script):
        path.receive(data, SERVER.packed if to_us else b"\xff" * 4)
        path.now += wait
        assert path.serves(number)
        check(path)
    for table in path.tables.values():
        table.expire(path.now)
    assert path.serves()


@given(messages, st.integers(240, 800), st.binary(min_size=1, max_size=8))
def test_a_message_that_was_damaged_on_the_way_is_survived(data: bytes, offset: int, damage: bytes) -> None:
    path = Path()
    data = data[:offset] + damage + data[offset + len(damage) :]
    path.receive(data)
    path.receive(data[: offset + 1])
    assert path.serves()
    mine = path.receive(message(3, (50, bytes((192, 168, 200, 60))), mac=MAC_B[:5] + b"\x77"))
    assert mine is not None
    assert mine.options[53] in (b"\5", b"\6")
