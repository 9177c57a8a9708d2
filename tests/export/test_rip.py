"""The configuration that FRR and BIRD get in the place of lan.rip, and that the real programs take it."""

import shutil
import subprocess
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from routerd.config.load import parse
from routerd.export.bird import bird
from routerd.export.frr import frr
from routerd.model import Facts, Interface, VpnFacts
from routerd.plan import plan

FRR = Path("/usr/lib/frr")

_HEAD = """
[[vpn]]
interface = "wg0"
prefixes = ["10.0.0.0/24", "10.20.0.0/16"]
[[lan]]
interface = "eth0"
[lan.rip]
"""
_KEY = '[[lan.rip.key]]\nid = {id}\nalgorithm = "{algorithm}"\nsecret_file = "/etc/routerd/rip.key"\n'
_TIMES = "send_from = 2030-01-01T00:00:00Z\nsend_to = 2031-01-01T00:00:00Z\naccept_to = 2031-02-01T00:00:00Z\n"
_LAN0 = (IPv4Interface("192.168.200.2/24"),)
FACTS = Facts(
    interfaces={
        "eth0": Interface("eth0", 2, True, bytes(6), 1500, _LAN0),
        "wg0": Interface("wg0", 3, True, b"", 1420, (IPv4Interface("10.0.0.2/24"),), (IPv6Interface("fd00:10::2/64"),)),
    },
    vpns={"vpn": VpnFacts(found=True)},
)
SECTIONS = {
    "least": "",
    "both": 'versions = ["v2", "ng"]\nmetric = 3\ntag = 700\nupdate_interval = "10s"\n',
    "plain": _KEY.format(id=1, algorithm="plain"),
    "md5": "auth_length = 20\n" + _KEY.format(id=1, algorithm="md5") + _TIMES + _KEY.format(id=2, algorithm="md5"),
    "broadcast": 'mode = "broadcast"\nneighbors = ["192.168.200.1"]\n',
    "unicast": 'mode = "unicast"\nneighbors = ["192.168.200.1"]\n',
    "peers": 'announce = "peers"\n',
    "learning": 'versions = ["v2", "ng"]\nlearn = true\nimport = ["172.16.0.0/12", "192.168.200.1", "fe80::1"]\n',
    "all": 'learn = true\nimport = ["0.0.0.0/0"]\nannounce = "none"\n',
    "gateway": 'versions = ["ng"]\nng_prefixes = ["fd00:20::/48"]\nng_gateway = "fe80::9"\n',
}
HMAC = {
    name: _KEY.format(id=7, algorithm=name) for name in ("hmac-sha-1", "hmac-sha-256", "hmac-sha-384", "hmac-sha-512")
}


def texts(section: str) -> tuple[str, str]:
    """What FRR and BIRD get for this lan.rip."""
    config = parse(_HEAD + section)
    made = plan(config, FACTS)
    return frr(config, made), bird(config, made)


@pytest.mark.parametrize("name", SECTIONS)
def test_frr_takes_it(name: str, tmp_path: Path) -> None:
    if not FRR.exists():
        pytest.skip("needs frr")
    text, path = texts(SECTIONS[name])[0], tmp_path / "frr.conf"
    path.write_text(text)
    done = subprocess.run(["vtysh", "-C", "-f", path], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if "ripng" not in text and "ipv6" not in text:
        done = subprocess.run([FRR / "ripd", "-C", "-f", path], capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", [*SECTIONS, *HMAC])
def test_bird_takes_it(name: str, tmp_path: Path) -> None:
    if shutil.which("bird") is None:
        pytest.skip("needs bird2")
    path = tmp_path / "bird.conf"
    path.write_text("router id 192.0.2.1;\n" + texts({**SECTIONS, **HMAC}[name])[1])
    done = subprocess.run(["bird", "-p", "-c", path], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_everything_that_is_set_is_in_it() -> None:
    one, two = texts(SECTIONS["both"])
    for text in one, two:
        for word in ("10.0.0.0/24", "10.20.0.0/16", "fd00:10::/64", "700", "60", "40"):
            assert word in text
    assert " timers basic 10 60 40\n" in one
    assert "rip_metric = 3; rip_tag = 700;" in two
    assert " ip rip v2-broadcast\n" in texts(SECTIONS["broadcast"])[0]
    one, two = texts(SECTIONS["unicast"])
    assert " neighbor 192.168.200.1\n passive-interface eth0\n" in one
    assert "address 192.168.200.1;" in two
    one, two = texts(SECTIONS["learning"])
    assert "prefix-list routerd-eth0-in seq 5 permit 172.16.0.0/12 le 32" in one
    assert "ipv6 prefix-list routerd6-eth0-in seq 5 permit ::/0 ge 1 le 128" in one
    assert "import where net ~ [ 172.16.0.0/12{12,32} ] && (from = 192.168.200.1);" in two
    assert "0.0.0.0/0 le 32" in texts(SECTIONS["all"])[0], "the default route too"
    assert "fd00:20::/48 via fe80::9%eth0" in texts(SECTIONS["gateway"])[1]


def test_nothing_is_learned_or_announced_that_is_not_meant() -> None:
    one, two = texts(SECTIONS["least"])
    assert "seq 5 deny any" in one
    assert "import none;" in two
    assert "export none;" in texts(SECTIONS["all"])[1]


def test_a_lan_is_told_nothing_of_another() -> None:
    vpn = '[[vpn]]\ninterface = "wg1"\nprefixes = ["10.1.0.0/24"]\n'
    other = f'[[lan]]\ninterface = "eth1"\nvpns = ["wg1"]\n[lan.rip]\n{vpn}'
    config = parse(_HEAD.replace("[lan.rip]", 'vpns = ["wg0"]\n[lan.rip]') + other)
    interfaces = {
        **FACTS.interfaces,
        "eth1": Interface("eth1", 4, True, bytes(6), 1500, (IPv4Interface("192.168.201.2/24"),)),
        "wg1": Interface("wg1", 5, True, b"", 1420, (IPv4Interface("10.1.0.2/24"),)),
    }
    text = frr(
        config, plan(config, Facts(interfaces=interfaces, vpns={name: VpnFacts(found=True) for name in ("wg0", "wg1")}))
    )
    for interface, own, foreign in (("eth0", "10.0.0.0/24", "10.1.0.0/24"), ("eth1", "10.1.0.0/24", "10.0.0.0/24")):
        name = f"routerd-{interface}-out"
        assert f" distribute-list prefix {name} out {interface}\n" in text
        rows = [line for line in text.splitlines() if line.startswith(f"ip prefix-list {name} ")]
        assert any(line.endswith(own) for line in rows)
        assert not any(foreign in line for line in rows)


def test_a_secret_is_never_printed_and_what_cannot_be_authenticated_is_not_spoken() -> None:
    one, two = texts(SECTIONS["md5"])
    assert "key-string SECRET" in one
    assert 'password "SECRET" { id 1; algorithm keyed md5; generate from "' in two
    assert "auth-length old-ripd" in one
    for section in HMAC.values():
        one, _ = texts(section)
        assert "authentication by hmac" in one
        assert "router rip" not in one
    two = texts('mode = "unicast"\nneighbors = ["192.168.200.1", "192.168.200.5"]\n')[1]
    assert "protocol rip" not in two


def test_what_only_routerd_can_do_is_said() -> None:
    for text in texts(SECTIONS["peers"]):
        assert "only routerd knows" in text
        assert "10.0.0.0/24" in text
