"""The files in configs/ and the tables of keys say the same."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routerd.config import model
from routerd.config.fault import Faults
from routerd.config.load import parse
from routerd.config.schema import INVALID, Section, read_value
from routerd.config.store import read_config
from routerd.config.tables import (
    ALIAS,
    FORWARD,
    HOST,
    HTTP,
    LAN,
    LEASES,
    LOG,
    NAT,
    PEER,
    PROBE,
    RETURN_PATH,
    RIP,
    RIP_KEY,
    ROOT,
    VPN,
)
from routerd.config.tables_dhcp import DHCP

CONFIGS = Path(__file__).parents[2] / "configs"
REFERENCE = (CONFIGS / "reference.toml").read_text(encoding="utf-8")
# A key or header that is commented out follows its "#" at once; prose has a space there.
COMMENTED = re.compile(r"^#(?=\[|[a-z_]+ = )", re.MULTILINE)


def all_sections(section: Section = ROOT) -> Iterator[Section]:
    yield section
    for part in section.sections:
        yield from all_sections(part)


def keys_in(text: str) -> set[tuple[str, str]]:
    """Every (section, key) that a file mentions, commented out or not."""
    found = set()
    header = ""
    for line in COMMENTED.sub("", text).splitlines():
        if match := re.match(r"\[\[?([a-z_.]+)\]\]?$", line):
            header = match[1]
        elif match := re.match(r"([a-z_]+) = ", line):
            found.add((header, match[1]))
    return found


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_file_is_valid(path: Path) -> None:
    # Files of secrets are not there.
    assert read_config(path, secrets=False).vpns


def test_every_file_for_a_kind_of_site_is_run_and_says_for_whom_it_is() -> None:
    tests = "".join(path.read_text() for path in (Path(__file__).parents[1] / "net").glob("test_config_*.py"))
    for path in CONFIGS.glob("*.toml"):
        if path.name != "reference.toml":
            assert f'"{path.name}"' in tests
            assert path.read_text(encoding="utf-8").startswith("# routerd on the "), path.name


def is_repeated(section: Section) -> bool:
    """Is it described elsewhere in the reference, which only mentions it?"""
    return section.path.startswith("lan.dhcp.subnet") or section.path == "lan.dhcp.reservation.option"


def test_the_reference_has_every_key_and_no_other() -> None:
    known = {(section.path, key.name) for section in all_sections() for key in section.keys}
    repeated = {(section.path, key.name) for section in all_sections() if is_repeated(section) for key in section.keys}
    found = keys_in(REFERENCE)
    assert found <= known
    assert known - repeated | {("lan.dhcp.subnet", "subnet")} <= found


def test_the_reference_is_valid_with_its_optional_keys() -> None:
    text = COMMENTED.sub("", REFERENCE.replace("#gateways = ", "# gateways = ").replace('["v2"]', '["v2", "ng"]'))
    config = parse(text)
    dhcp = config.lans[0].dhcp
    assert dhcp is not None
    assert dhcp.boot_file == "pxelinux.0"
    assert len(dhcp.reservations) == 3
    assert [str(subnet.subnet) for subnet in dhcp.subnets] == ["192.168.201.0/24"]
    assert str(config.vpns[0].map_to) == "10.9.9.0/24"
    assert str(config.lans[0].alias_pool) == "192.168.200.210-192.168.200.230"
    assert len(config.lans[0].hosts) == 3
    rip = config.lans[0].rip
    assert rip is not None
    assert [key.id for key in rip.keys] == [1]


def test_every_key_is_commented_in_the_reference() -> None:
    lines = REFERENCE.splitlines()
    for index, line in enumerate(lines):
        if re.match(r"[a-z_]+ = ", line):
            above = index - 1
            while re.match(r"#?[a-z_]+ = ", lines[above]):
                above -= 1
            assert lines[above].startswith("# "), line


def test_the_reference_shows_the_defaults() -> None:
    data = tomllib.loads(REFERENCE)

    def compare(section: Section, table: Any) -> None:
        for key in section.keys:
            if key.default is not None and key.name != "pools":
                assert table[key.name] == key.default, (section.path, key.name)
        for part in section.sections:
            if is_repeated(part):
                continue
            inner = table.get(part.name)
            if inner is None and part is RIP_KEY:
                continue  # Its files would have to be there.
            compare(part, inner[0] if part.many else inner)

    compare(ROOT, data)


@pytest.mark.parametrize(
    ("section", "default"),
    [
        (VPN, model.Vpn("")),
        (PEER, model.PeerConfig("")),
        (LAN, model.Lan("")),
        (HOST, model.HostPin("auto")),
        (FORWARD, model.Forward(model.Ports("tcp", 1, 1), model.Target("a", 1))),
        (ALIAS, model.Alias(model.IPv4Address(0), "a")),
        (DHCP, model.Dhcp()),
        (DHCP.sections[0], model.Reservation(model.IPv4Address(0))),
        (DHCP.sections[1], model.Option(43, b"")),
        (RIP, model.Rip()),
        (RIP_KEY, model.RipKey(1, "md5", "/x")),
        (PROBE, model.Probe()),
        (RETURN_PATH, model.ReturnPathProbe()),
        (NAT, model.Nat()),
        (HTTP, model.Http()),
        (LEASES, model.Leases()),
        (LOG, model.Log()),
    ],
    ids=lambda value: value.path if isinstance(value, Section) else "",
)
def test_the_tables_have_the_defaults_of_the_model(section: Section, default: Any) -> None:
    for key in section.keys:
        if key.required or key.name in {"type", "value"}:
            continue
        held = getattr(default, {"import": "imports"}.get(key.name, key.name))
        if key.default is None:
            assert held in {None, (), ""}, key.name
        else:
            assert read_value(key.kind, key.default, key.name, Faults()) == held, key.name


def test_every_key_is_described() -> None:
    for section in all_sections():
        assert section.text
        for key in section.keys:
            assert key.text
            assert key.kind.name
            assert not (key.default is not None and key.absent)


def test_parsing_never_gives_the_mark_of_an_unusable_value() -> None:
    assert "object at" not in repr(parse(REFERENCE))
    assert INVALID is not None
