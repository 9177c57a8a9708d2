"""When Kea may write its configuration file without loss of what its administrator has in it."""

import json
from ipaddress import IPv4Address, IPv4Network

import pytest

from routerd.beside.kea_file import FileSeen, Since, has_room, is_as_started, may_have_ours, parsed, says_the_same
from routerd.beside.kea_patch import patch
from routerd.beside_part import BesideNetwork

_CONFIG = {"valid-lifetime": 60, "subnet4": [{"subnet": "192.168.200.0/24", "option-data": []}]}
_VPN = (IPv4Network("10.0.0.0/24"), IPv4Address("192.168.200.2"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "no Dhcp4"),
        ('{"Dhcp4": {}, "Control-agent": {}}', "also holds Control-agent"),
        ('// mine\n{"Dhcp4": {}}', "comments, includes"),
        ('{"Dhcp4": {} # mine\n}', "comments, includes"),
        ('{"Dhcp4": {/* mine */}}', "comments, includes"),
        ('{"Dhcp4": {<?include "/etc/kea/subnets.json"?>}}', "comments, includes"),
        ("[" * 100_000, "comments, includes"),
        ('{"Dhcp4": {"user-context": {"note": "Büro"}}}', "beyond ASCII"),
    ],
)
def test_a_file_that_would_lose_something_is_left_alone(text: str, said: str) -> None:
    config, reason = parsed(text.encode())
    assert config is None
    assert said in reason


def test_a_hash_sign_in_a_string_is_no_comment() -> None:
    text = json.dumps({"Dhcp4": {"a": "# // /* <?include"}})
    assert parsed(text.encode()) == ({"a": "# // /* <?include"}, "")


def test_letters_beyond_ascii_that_are_written_as_escapes_are_kept() -> None:
    assert parsed(b'{"Dhcp4": {"a": "B\\u00fcro"}}') == ({"a": "Büro"}, "")


@pytest.mark.parametrize("head", ["", "// mine\n", "// Büro\n"])
def test_what_routerd_had_written_is_found_also_beside_comments(head: str) -> None:
    told = patch(_CONFIG, [BesideNetwork(IPv4Network("192.168.200.0/24"), "", (_VPN,), None)]).config
    for config, expected in ((told, True), (_CONFIG, False)):
        assert may_have_ours((head + json.dumps({"Dhcp4": config})).encode()) is expected


def test_routerds_own_entries_do_not_count() -> None:
    told = patch(_CONFIG, [BesideNetwork(IPv4Network("192.168.200.0/24"), "", (_VPN,), None)]).config
    assert told != _CONFIG
    assert says_the_same(told, _CONFIG)
    assert not says_the_same(told, {**_CONFIG, "valid-lifetime": 61})


@pytest.mark.parametrize(
    ("since", "modified", "expected"),
    [
        (Since(100, 100), 890.0, True),
        (Since(100, 99), 890.0, True),
        (Since(100, 50), 890.0, False),  # it has been given another configuration since
        (Since(100, 100), 950.0, False),  # the file was changed since
        (Since(100, 100), 899.5, False),  # about when it started: Kea counts whole seconds
        (None, 0.0, False),
    ],
)
def test_a_file_older_than_kea_is_what_it_runs(since: Since | None, modified: float, expected: bool) -> None:
    seen = FileSeen(b"", (1, 2, 3, 4), modified, 0)
    assert is_as_started(seen, since, 1000.0) is expected


def test_when_its_process_began_is_more_exact() -> None:
    for modified, expected in ((899.5, True), (899.7, False)):
        assert is_as_started(FileSeen(b"", (1, 2, 3, 4), modified, 0), Since(100, 100), 1000.0, 899.6) is expected


def test_a_disk_that_is_nearly_full_is_not_written_to() -> None:
    assert has_room(FileSeen(b"", (1, 2, 3, 4), 0.0, 10**7), _CONFIG)
    assert not has_room(FileSeen(b"", (1, 2, 3, 4), 0.0, 10**6), _CONFIG)
