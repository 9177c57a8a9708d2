"""The keys of RIP: every rule with the path and the words of its fault, and the files of secrets."""

import os
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from routerd.config.check import check_networks
from routerd.config.fault import ConfigError, ConfigFault, show
from routerd.config.load import parse
from routerd.config.model import LONGEST_SECRET, Rip, RipKey
from routerd.config.store import read_config

VPN = '[[vpn]]\ninterface = "wg0"\nprefixes = ["10.0.0.0/24"]\n'
RIP = VPN + '[[lan]]\ninterface = "eth0"\n[lan.rip]\n'
BOTH = 'versions = ["v2", "ng"]\n'
LEARN = "learn = true\n"


def key(*lines: str, number: int = 1, algorithm: str = "md5", file: str = "/k") -> str:
    own = (f"id = {number}", f'algorithm = "{algorithm}"', f'secret_file = "{file}"')
    return "\n".join(["[[lan.rip.key]]", *own, *lines, ""])


def faults(text: str) -> tuple[ConfigFault, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value.errors


def rip(text: str) -> Rip:
    found = parse(text).lans[0].rip
    assert found is not None
    return found


# ---------------------------------------------------------------- what is read


def test_the_defaults() -> None:
    assert rip(RIP) == Rip()
    assert parse(VPN + '[[lan]]\ninterface = "eth0"\n').lans[0].rip is None


def test_every_key() -> None:
    found = rip(
        RIP
        + BOTH
        + 'announce = "peers"\nmode = "unicast"\nneighbors = ["192.168.200.1", "fe80::1"]\nmetric = 14\ntag = 65535\n'
        + 'update_interval = "5s"\nauth_length = 20\nanswer_unauthenticated = true\nlearn = true\n'
        + 'import = ["172.16.0.0/12", "0.0.0.0/0", "::/0", "192.168.200.1", "fe80::1", "fd00:1::/48"]\n'
        + 'ng_prefixes = ["fd00:10::/64"]\nng_gateway = "fe80::9"\n'
        + key(
            "send_from = 2030-01-01T00:00:00Z",
            'send_to = "2030-01-01T01:00:00+01:00"'.replace("00+01", "01+01"),
            'accept_from = "2030-01-01t00:00:00.5z"',
            "accept_to = 2030-06-01 00:00:00-02:00",
        )
    )
    assert found == Rip(
        versions=("v2", "ng"),
        announce="peers",
        mode="unicast",
        neighbors=(IPv4Address("192.168.200.1"), IPv6Address("fe80::1")),
        metric=14,
        tag=65535,
        update_interval=5.0,
        auth_length=20,
        answer_unauthenticated=True,
        learn=True,
        imports=(
            IPv4Network("172.16.0.0/12"),
            IPv4Network("0.0.0.0/0"),
            IPv6Network("::/0"),
            IPv4Address("192.168.200.1"),
            IPv6Address("fe80::1"),
            IPv6Network("fd00:1::/48"),
        ),
        ng_prefixes=(IPv6Network("fd00:10::/64"),),
        ng_gateway=IPv6Address("fe80::9"),
        keys=(RipKey(1, "md5", "/k", 1893456000.0, 1893456001.0, 1893456000.5, 1906509600.0),),
    )


def test_a_plain_password_can_be_followed_by_a_key_that_signs() -> None:
    old = key("accept_to = 2030-01-01T00:00:00Z", algorithm="plain")
    assert [each.algorithm for each in rip(RIP + old + key(number=2)).keys] == ["plain", "md5"]


# Each: the lines of the section, the path of its only fault below lan[0].rip, and words of the fault's line.
ONE_FAULT = [
    ("versions = []", "versions", "must not be empty"),
    ('versions = ["v1"]', "versions[0]", 'use one of "v2", "ng"'),
    ('announce = "all"', "announce", 'use one of "prefixes", "peers", "none"'),
    ('announce = "none"', "announce", "does nothing without learn = true; set learn and import"),
    ("metric = 0", "metric", "must be from 1 to 15"),
    ("metric = 16", "metric", "must be from 1 to 15"),
    ("metric = 15", "metric", "is of no use: every router adds 1 to what it hears"),
    ("tag = 65536", "tag", "must be from 0 to 65535"),
    ("tag = -1", "tag", "must be from 0 to 65535"),
    ('update_interval = "500ms"', "update_interval", "must be from 1s to 10m"),
    ('update_interval = "11m"', "update_interval", "must be from 1s to 10m"),
    ("auth_length = 18", "auth_length", "must be 16 or 20"),
    ("auth_length = true", "auth_length", "must be 16 or 20"),
    ('auth_length = "16"', "auth_length", "must be 16 or 20"),
    ('mode = "any"', "mode", 'use one of "multicast", "broadcast", "unicast"'),
    ('mode = "unicast"', "mode", "needs neighbors for v2, each with its IPv4 address"),
    (BOTH + 'mode = "unicast"\nneighbors = ["192.168.200.1"]', "mode", "needs neighbors for ng"),
    ('versions = ["ng"]\nmode = "broadcast"', "mode", 'needs "v2" in versions'),
    ('neighbors = ["fe80::1"]', "neighbors[0]", '"fe80::1": is of no use without "ng" in versions'),
    (BOTH + 'neighbors = ["fd00::1"]', "neighbors[0]", "must be link-local (fe80::/10)"),
    (BOTH + 'neighbors = ["fe80::1%eth0"]', "neighbors[0]", "without %interface"),
    ('neighbors = ["224.0.0.9"]', "neighbors[0]", "must be the address of one machine"),
    ('neighbors = ["192.168.200.1", "192.168.200.1"]', "neighbors[1]", "is listed twice"),
    ("learn = true", "learn", "needs `import`: what may be learned, and from whom"),
    ('import = ["172.16.0.0/12"]', "import", '["172.16.0.0/12"]: is of no use without learn = true; set learn'),
    (LEARN + 'import = ["172.16.0.1/12"]', "import[0]", 'has host bits set; write "172.16.0.0/12"'),
    (LEARN + 'import = ["127.0.0.0/8"]', "import[0]", 'name networks of the site, for example "192.168.0.0/16"'),
    (LEARN + 'import = ["router"]', "import[0]", "must be an IPv4 address"),
    (LEARN + 'import = ["fd00::/64"]', "import[0]", 'is of no use without "ng" in versions'),
    (LEARN + 'import = ["10.0.0.0/25"]', "import[0]", "lies behind the VPN (vpn[0].prefixes[0] is 10.0.0.0/24)"),
    ('ng_prefixes = ["fd00::/64"]', "ng_prefixes", 'is of no use without "ng" in versions'),
    (BOTH + "ng_prefixes = []", "ng_prefixes", "must not be empty"),
    (BOTH + 'ng_prefixes = ["10.0.0.0/24"]', "ng_prefixes[0]", "must be an IPv6 network"),
    (BOTH + 'ng_prefixes = ["fe80::/64"]', "ng_prefixes[0]", "must not be link-local"),
    (BOTH + 'ng_gateway = "fe80::9"', "ng_gateway", "needs ng_prefixes"),
    (BOTH + 'ng_prefixes = ["fd00::/64"]\nng_gateway = "fd00::9"', "ng_gateway", "must be link-local"),
    ('versions = ["ng"]\n' + key(), "key", "RIPng has no authentication (RFC 2080)"),
    (key() + key(), "key[1].id", "is the id already of lan[0].rip.key[0]"),
    (key() + key(number=2, algorithm="plain"), "key[1].algorithm", "is believed for ever beside keys"),
    (key(number=256), "key[0].id", "must be from 0 to 255"),
    (key(algorithm="sha"), "key[0].algorithm", 'use one of "plain", "md5", "hmac-sha-1"'),
    (key(file="rip.key"), "key[0].secret_file", "must name a file by its absolute path"),
    ('[[lan.rip.key]]\nid = 1\nalgorithm = "md5"', "key[0].secret_file", "is missing"),
    (key("send_from = 2030-01-01T00:00:00"), "key[0].send_from", "with its offset from UTC"),
    (key('send_from = "2030-01-01"'), "key[0].send_from", "must be a time of RFC 3339"),
    (key('send_from = "2030-02-30T00:00:00Z"'), "key[0].send_from", "must be a time that exists"),
    (key("send_from = 1893456000"), "key[0].send_from", "must be a time of RFC 3339"),
    (
        key("send_from = 2030-01-02T00:00:00Z", "send_to = 2030-01-01T00:00:00Z"),
        "key[0].send_to",
        "must be later than send_from",
    ),
    (
        key("accept_from = 2030-01-01T00:00:00Z", "accept_to = 2030-01-01T00:00:00Z"),
        "key[0].accept_to",
        "must be later than accept_from",
    ),
    ("passive = true", "passive", "is not a known key in [lan.rip]"),
    (key("secret = 1"), "key[0].secret", 'did you mean "secret_file"?'),
]


@pytest.mark.parametrize(("lines", "path", "words"), ONE_FAULT, ids=[f"{path} {words}" for _, path, words in ONE_FAULT])
def test_one_fault(lines: str, path: str, words: str) -> None:
    (fault,) = faults(RIP + lines + "\n")
    assert fault.path == f"lan[0].rip.{path}"
    assert words in str(fault)


def test_all_faults_at_once() -> None:
    text = RIP + 'metric = 0\nmode = "x"\nversions = ["v3"]\n' + key(number=-1) + key(algorithm="x")
    assert [fault.path.removeprefix("lan[0].rip.") for fault in faults(text)] == [
        "versions[0]",
        "mode",
        "metric",
        "key[0].id",
        "key[1].algorithm",
    ]


@pytest.mark.parametrize(
    ("lines", "path", "words"),
    [
        ('neighbors = ["192.168.201.1"]', "neighbors[0]", "must lie in the network of eth0 (192.168.200.0/24)"),
        ('neighbors = ["192.168.200.2"]', "neighbors[0]", "must be another machine"),
        ('neighbors = ["192.168.200.255"]', "neighbors[0]", "must not be the first or last address"),
        (LEARN + 'import = ["172.16.0.0/12", "192.168.201.1"]', "import[1]", "must lie in the network of eth0"),
    ],
)
def test_faults_on_the_machine(lines: str, path: str, words: str) -> None:
    machine = {"eth0": (IPv4Interface("192.168.200.2/24"),), "wg0": (IPv4Interface("10.0.0.2/24"),)}
    (fault,) = check_networks(parse(RIP + lines + "\n"), machine)
    assert fault.path == f"lan[0].rip.{path}"
    assert words in str(fault)


# ---------------------------------------------------------------- secrets


class Files:
    """A configuration with one key, and the file of its secret."""

    def __init__(self, directory: Path) -> None:
        self.secret = directory / "rip.key"
        self.config = directory / "routerd.toml"
        self.write("secret\n")
        self.use("md5")

    def write(self, text: str, mode: int = 0o600) -> None:
        self.secret.write_text(text)
        self.secret.chmod(mode)

    def use(self, algorithm: str) -> None:
        self.config.write_text(RIP + key(algorithm=algorithm, file=str(self.secret)))

    def fault(self) -> str:
        with pytest.raises(ConfigError) as caught:
            read_config(self.config)
        (fault,) = caught.value.errors
        assert fault.path == "lan[0].rip.key[0].secret_file"
        assert fault.value == show(str(self.secret))
        return f"{fault.rule}; {fault.mend}"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize("algorithm", LONGEST_SECRET)
def test_a_secret_is_as_long_as_the_digest_at_most(files: Files, algorithm: str) -> None:
    longest = LONGEST_SECRET[algorithm]
    files.use(algorithm)
    files.write("k" * longest + "\n")
    assert read_config(files.config).lans[0].rip is not None
    files.write("k" * (longest + 1))
    assert files.fault() == (
        f"cannot be used: it is longer than {longest} characters; "
        f"make a shorter one: (umask 077; openssl rand -hex {longest // 2} > {files.secret})"
    )


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o660, 0o666])
def test_a_secret_that_others_can_reach(files: Files, mode: int) -> None:
    files.write("topsecret\n", mode)
    said = files.fault()
    assert f"other users can read or change it; run: chmod 600 {files.secret}, and make a new one" in said
    assert "topsecret" not in said


def test_a_secret_of_another_user_or_group(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file away")
    os.chown(files.secret, 12345, 12345)
    files.secret.chmod(0o640)
    read_config(files.config)  # Root asks, and the daemon may run as that user.
    files.secret.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    assert f"it belongs to another user; run: chown root {files.secret}" in files.fault()
    os.chown(files.secret, 0, 12345)
    files.secret.chmod(0o640)
    assert "a group that routerd is not in can read it" in files.fault()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        ("two words\n", "not one line of visible"),
        ("a\nb\n", "not one line"),
    ],
)
def test_a_secret_that_is_none(files: Files, text: str, words: str) -> None:
    files.write(text)
    assert words in files.fault()


def test_a_secret_that_is_missing_or_no_file(files: Files) -> None:
    files.secret.unlink()
    assert "No such file or directory; create it, readable for routerd" in files.fault()
    assert read_config(files.config, secrets=False).lans[0].rip is not None, "the start does without"
    files.secret.mkdir()
    assert "it is no regular file" in files.fault()


def test_secrets_are_judged_together_with_everything_else(files: Files) -> None:
    files.secret.unlink()
    files.config.write_text(files.config.read_text().replace("[lan.rip]\n", "[lan.rip]\nmetric = 0\n"))
    with pytest.raises(ConfigError) as caught:
        read_config(files.config)
    assert [fault.path for fault in caught.value.errors] == ["lan[0].rip.metric", "lan[0].rip.key[0].secret_file"]
