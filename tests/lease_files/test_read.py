"""Reading the lease files of dnsmasq, Kea and ISC dhcpd: values, faults with their lines, and files that are cut."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerd.lease_files import dnsmasq, isc, kea
from routerd.lease_files.found import Found
from routerd.lease_files.read import FORMATS, recognized
from routerd.lease_records import BOUND, DECLINED, ENDED, LeaseRecord
from tests.lease_files.samples import DNSMASQ, ENDS, ISC, KEA, KEA_NEW, NOW

FILES = {"dnsmasq": DNSMASQ, "kea": KEA, "kea-new": KEA_NEW, "isc": ISC}
Parse = Callable[[str, float], Found]


def parse_of(name: str) -> Parse:
    return FORMATS[name.partition("-")[0]]


def said(found: Found) -> dict[str, tuple[str, str, str | None, str, float | None]]:
    """What of a record all three formats say."""
    return {
        str(each.address): (each.hardware.hex(), each.client.hex(), each.hostname, each.state, each.expires)
        for each in found.records.values()
    }


def only(found: Found) -> LeaseRecord:
    assert found.faults == []
    (record,) = found.records.values()
    return record


# ---------------------------------------------------------------- the same leases in every format


@pytest.mark.parametrize("name", FILES)
def test_every_format_says_the_same(name: str) -> None:
    found = parse_of(name)(FILES[name], NOW)
    assert (found.faults, found.notes, found.cut) == ([], [], None)
    assert said(found) == {
        "192.168.200.101": ("01020000000021", "ff0000002100010001", "endpoint-b", BOUND, ENDS),
        "192.168.200.102": ("01020000000022", "01020000000022", None, BOUND, ENDS + 1),
        "192.168.200.103": ("01020000000023", "01020000000023", "printer", BOUND, None),
    }


@pytest.mark.parametrize("name", FILES)
def test_a_format_is_recognized_by_its_content(name: str) -> None:
    assert recognized(FILES[name]) == name.partition("-")[0]
    assert recognized("") is None
    assert recognized("[[lan]]\ninterface = 'eth0'\n") is None


@pytest.mark.parametrize("name", FILES)
def test_any_cut_gives_whole_records_and_one_note(name: str) -> None:
    """Every cut, byte by byte: no record differs from one that the whole file has up to there."""
    text, parse = FILES[name], parse_of(name)
    known: dict[str, set[object]] = {}
    ends = [end for end in range(len(text) + 1) if end == len(text) or text[end] == "\n"]
    for end in ends:
        for record in parse(text[: end + 1], NOW).records.values():
            known.setdefault(str(record.address), set()).add(record._replace(line=0))
    for end in range(len(text)):
        found = parse(text[:end], NOW)
        assert found.faults == [] or (name.startswith("kea") and "\n" not in text[:end]), end
        for record in found.records.values():
            assert record._replace(line=0) in known[str(record.address)], (end, record)
    assert sum(parse(text[:end], NOW).cut is not None for end in range(len(text))) > len(text) // 2


@pytest.mark.parametrize("name", FORMATS)
@given(text=st.text(st.characters(max_codepoint=255), max_size=300))
def test_nothing_that_a_file_holds_raises(name: str, text: str) -> None:
    FORMATS[name](text, NOW)


@pytest.mark.parametrize("name", FILES)
@given(st.data())
def test_a_damaged_byte_costs_a_record_at_most(name: str, data: st.DataObject) -> None:
    text = FILES[name]
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.characters(max_codepoint=255)) + text[at + 1 :]
    found = parse_of(name)(damaged, NOW)
    if name.startswith("kea") and at <= text.index("\n"):
        return  # Without the names of the columns nothing can be read.
    kept = set(said(parse_of(name)(text, NOW)).items()) & set(said(found).items())
    assert len(kept) >= 1


# ---------------------------------------------------------------- dnsmasq


@pytest.mark.parametrize(
    ("line", "value", "rule"),
    [
        ("soon 02:00:00:00:00:01 192.168.200.5 * *", "soon", "Unix seconds"),
        ("-1 02:00:00:00:00:01 192.168.200.5 * *", "-1", "Unix seconds"),
        ("99999999999999 02:00:00:00:00:01 192.168.200.5 * *", "99999999999999", "Unix seconds"),
        ("1795341600 02:00:00:00:00 192.168.200 * *", "192.168.200", "IPv4 address"),
        ("1795341600 zz:00:00:00:00:01 192.168.200.5 * *", "zz:00:00:00:00:01", "MAC address"),
        ("1795341600 02:00:00:00:00:01 224.0.0.1 * *", "224.0.0.1", "no host"),
        ("1795341600 02:00:00:00:00:01 192.168.200.5 * 01:2", "01:2", "client identifier"),
        ("1795341600 02:00:00:00:00:01 192.168.200.5 *", "1795341600 02:00:00:00:00:01 192.168.200.5 *", "five fields"),
    ],
)
def test_dnsmasq_faults(line: str, value: str, rule: str) -> None:
    found = dnsmasq.parse(f"{DNSMASQ}{line}\n", NOW)
    ((number, shown, said_rule),) = found.faults
    assert (number, shown, len(found.records)) == (4, value, 3)
    assert rule in said_rule


def test_dnsmasq_without_clock_writes_lengths() -> None:
    found = dnsmasq.parse("3600 02:00:00:00:00:01 192.168.200.5 * *\n", NOW)
    assert only(found).expires == NOW + 3600
    assert "without clock" in found.notes[0]


def test_dnsmasq_other_hardware_and_dhcpv6() -> None:
    text = "1795345200 20-aa:bb 192.168.200.5 * *\nduid 00:01:00:01\n1795345200 7 fd00::5 host 00:01:00:01\n"
    found = dnsmasq.parse(text, NOW)
    assert only(found).hardware == bytes((0x20, 0xAA, 0xBB))
    assert found.notes == ["DHCPv6 leases are not taken over (1): routerd serves DHCPv4"]


# ---------------------------------------------------------------- Kea

_COLUMNS = KEA.partition("\n")[0]


def kea_row(**changes: str) -> str:
    row = dict(
        zip(
            _COLUMNS.split(","),
            ["192.168.200.5", "02:00:00:00:00:01", "", "3600", "1795345200", "1", "0", "0", "h", "0", ""],
            strict=True,
        )
    )
    return ",".join((row | changes).values())


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"address": "fd00::1"}, "fd00::1"),
        ({"hwaddr": "02:00:00:00:00:0g"}, "02:00:00:00:00:0g"),
        ({"hwaddr": ""}, ""),
        ({"client_id": "1"}, "1"),
        ({"expire": "x"}, "x"),
        ({"valid_lifetime": "-5"}, "-5"),
        ({"state": "9"}, "9"),
    ],
)
def test_kea_faults(changes: dict[str, str], value: str) -> None:
    found = kea.parse(f"{_COLUMNS}\n{kea_row()}\n{kea_row(**changes)}\n", NOW)
    ((number, shown, _),) = found.faults
    assert (number, shown, len(found.records)) == (3, value, 1)


def test_kea_states_and_escapes() -> None:
    declined = kea_row(state="1", hwaddr="", client_id="", hostname="")
    record = only(kea.parse(f"{_COLUMNS}\n{declined}\n", NOW))
    assert (record.state, record.hardware, record.client) == (DECLINED, b"", b"")
    assert only(kea.parse(f"{_COLUMNS}\n{kea_row(state='2')}\n", NOW)).state == ENDED
    assert only(kea.parse(f"{_COLUMNS}\n{kea_row(hostname='a&#x2cb')}\n", NOW)).hostname == "a,b"


def test_kea_row_with_no_lifetime_removes_the_lease() -> None:
    found = kea.parse(f"{_COLUMNS}\n{kea_row()}\n{kea_row(valid_lifetime='0')}\n", NOW)
    assert (found.records, found.gone) == ({}, {IPv4Address("192.168.200.5")})
    again = kea.parse(f"{_COLUMNS}\n{kea_row(valid_lifetime='0')}\n{kea_row()}\n", NOW)
    assert (len(again.records), again.gone) == (1, set())


def test_kea_columns_may_be_missing_or_in_another_order() -> None:
    record = only(kea.parse("expire,valid_lifetime,hwaddr,address\n1795345200,3600,02:00:00:00:00:01,10.0.0.1\n", NOW))
    assert (str(record.address), record.expires, record.state) == ("10.0.0.1", 1795345200, BOUND)
    wrong = kea.parse("address,hwaddr\n10.0.0.1,02:00:00:00:00:01\n", NOW)
    assert (wrong.records, wrong.faults[0].line) == ({}, 1)


# ---------------------------------------------------------------- ISC dhcpd


def isc_lease(*statements: str, address: str = "192.168.200.5") -> str:
    return "".join((f"lease {address} {{\n", *(f"  {each};\n" for each in statements), "}\n"))


HARDWARE = "hardware ethernet 02:00:00:00:00:01"
ACTIVE = ("binding state active", "ends 0 2026/11/22 11:00:00", HARDWARE)


@pytest.mark.parametrize(
    ("statements", "state"),
    [
        (ACTIVE, BOUND),
        (("ends 0 2026/11/22 11:00:00", HARDWARE), BOUND),
        (("binding state free", "ends 0 2026/11/22 09:00:00", HARDWARE), ENDED),
        (("binding state expired", "ends 0 2026/11/22 09:00:00", HARDWARE), ENDED),
        (("binding state released", "ends 0 2026/11/22 09:00:00", HARDWARE), ENDED),
        (("binding state backup", HARDWARE), ENDED),
        (("binding state abandoned", "ends 0 2026/11/22 09:00:00"), DECLINED),
        (("abandoned", "ends 0 2026/11/22 09:00:00"), DECLINED),
    ],
)
def test_isc_states(statements: tuple[str, ...], state: str) -> None:
    assert only(isc.parse(isc_lease(*statements), NOW)).state == state


def test_isc_a_free_address_that_was_nobodys_is_no_lease() -> None:
    found = isc.parse(isc_lease(*ACTIVE) + isc_lease("binding state free"), NOW)
    assert (found.records, found.faults) == ({}, [])


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        (r'"\001\002\377"', b"\x01\x02\xff"),
        (r'"\0011"', b"\x011"),
        (r'"a\"b\\c"', b'a"b\\c'),
        (r'"\t\n\x41"', b"\t\nA"),
        ("01:2:ff", b"\x01\x02\xff"),
    ],
)
def test_isc_uids(text: str, octets: bytes) -> None:
    assert only(isc.parse(isc_lease(*ACTIVE, f"uid {text}"), NOW)).client == octets


@pytest.mark.parametrize(
    ("statements", "value"),
    [
        (("binding state active", "ends 0 2026/13/22 11:00:00", HARDWARE), "0 2026/13/22 11:00:00"),
        (("binding state active", "ends tomorrow", HARDWARE), "tomorrow"),
        (("binding state lost", HARDWARE), "lost"),
        (("binding state active", "ends never", "hardware carrier-pigeon 01"), "carrier-pigeon 01"),
        (("binding state active", "ends never"), "192.168.200.5"),
        ((*ACTIVE, "uid bad"), "bad"),
    ],
)
def test_isc_faults(statements: tuple[str, ...], value: str) -> None:
    good = isc_lease(*ACTIVE, address="192.168.200.6")
    found = isc.parse(f"# Lines\n{isc_lease(*statements)}{good}", NOW)
    ((number, shown, _),) = found.faults
    assert (number, shown) == (2, value)
    assert list(map(str, found.records)) == ["192.168.200.6"]


@pytest.mark.parametrize(
    "broken",
    [
        'lease 192.168.200.5 {\n  binding state active;\n  uid "abc\n',
        "lease 192.168.200.5 {\n  binding state active;\n",
        "lease 192.168.200.5 {\n  binding state active\n}\n",
        "}\n",
        "lease 192.168.200.5 {\n  binding state active\n",
        "host h {\n",
        "host h\n",
        "failover peer x state {\n  a {\n",
    ],
)
def test_isc_what_is_broken_goes_no_further_than_the_next_lease(broken: str) -> None:
    found = isc.parse(broken + isc_lease(*ACTIVE, address="192.168.200.6"), NOW)
    assert list(map(str, found.records)) == ["192.168.200.6"]
    assert (len(found.faults), found.cut) == (1, None)


def test_isc_other_declarations_are_no_leases() -> None:
    text = 'failover peer "x" state {\n  my state normal at 0 2026/11/22 09:00:00;\n}\nhost h {\n  dynamic;\n}\n'
    found = isc.parse(text + isc_lease(*ACTIVE), NOW)
    assert (len(found.records), found.faults) == (1, [])
    assert "lan.dhcp.reservation" in found.notes[0]


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_reads_the_same(name: str) -> None:
    records = list(parse_of(name)(FILES[name], NOW).records.values())
    for text, parse in (
        (dnsmasq.written(records, NOW), dnsmasq.parse),
        (dnsmasq.written(records, NOW, remaining=True), dnsmasq.parse),
        (kea.written(records, NOW, lambda address: 7), kea.parse),
    ):
        again = parse(text, NOW)
        assert again.faults == []
        assert said(again) == said(parse_of(name)(FILES[name], NOW))


def test_dnsmasq_writes_what_dnsmasq_writes() -> None:
    found = dnsmasq.parse(DNSMASQ, NOW)
    # It does not matter to dnsmasq whether a client that sent an identifier made of its MAC is written with or without.
    assert dnsmasq.written(found.records.values(), NOW) == DNSMASQ.replace("01:02:00:00:00:00:23", "*")


def test_kea_is_told_the_subnet_and_declined_addresses() -> None:
    declined = LeaseRecord(IPv4Address("192.168.200.9"), b"", b"", None, DECLINED, NOW + 60, NOW)
    ended = LeaseRecord(IPv4Address("192.168.200.8"), b"\x01abcdef", b"x", None, ENDED, NOW - 60, NOW - 90)
    lines = kea.written([declined, ended], NOW, lambda address: 7).splitlines()
    assert lines == [_COLUMNS, f"192.168.200.9,,,60,{int(NOW) + 60},7,0,0,,1,"]


def test_a_clock_that_was_slewed_by_microseconds_ends_no_lease_a_second_sooner() -> None:
    mac = bytes.fromhex("01020000000001")
    record = LeaseRecord(IPv4Address("192.168.200.50"), mac, mac, None, BOUND, 3_999_999_999.999_999, 999.999_999)
    assert dnsmasq.written([record], 1000.0).startswith("4000000000 ")
    assert ",3999999000,4000000000,1," in kea.written([record], 1000.0, lambda address: 1)
