"""The pure parts of the lab: configuration text, leases as clients write them, the story's lines."""

import io
import tomllib
from pathlib import PurePath

import pytest

from routerd.lab.config import beta_config
from routerd.lab.errors import LabError
from routerd.lab.lease import Lease, parse_dhclient, parse_udhcpc
from routerd.lab.story import Story, Told
from routerd.lab.waiting import wait_for

_ROUTES = (("10.0.0.0/24", "192.168.200.2"), ("default", "192.168.200.1"))

_DHCLIENT = """lease {
  interface "lan0";
  fixed-address 192.168.200.99;
}
lease {
  interface "lan0";
  fixed-address 192.168.200.22;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 3600;
  option dhcp-server-identifier 192.168.200.2;
  option rfc3442-classless-static-routes 24,10,0,0,192,168,200,2,0,192,168,200,1;
  renew 0 2026/11/22 12:20:22;
}
"""


def test_configuration_is_toml_with_both_addresses_and_files() -> None:
    config = tomllib.loads(beta_config(PurePath("/x"), "wg12abb", "KEY="))
    assert config["vpn"][0]["interface"] == "wg12abb"
    assert config["vpn"][0]["peer"][0]["public_key"] == "KEY="
    assert config["http"]["listen"] == ["127.0.0.1:8121", "unix:/x/routerd.sock"]
    assert config["leases"]["store"] == "sqlite:/x/leases.db"
    assert config["lan"][0]["dhcp"]["reservation"][0]["address"] == "192.168.200.22"


def test_last_lease_of_dhclient() -> None:
    assert parse_dhclient(_DHCLIENT) == Lease("192.168.200.22", "192.168.200.2", 3600, _ROUTES)


@pytest.mark.parametrize("text", ["", "lease {\n  fixed-address 192.168.200.22;\n"])
def test_no_whole_lease_of_dhclient(text: str) -> None:
    assert parse_dhclient(text) is None


def test_lease_of_udhcpc() -> None:
    routes = "10.0.0.0/24 192.168.200.2 0.0.0.0/0 192.168.200.1"
    text = f"ip=192.168.200.22\nstaticroutes={routes}\nrouter=\nlease=3600\nserverid=192.168.200.2\n"
    assert parse_udhcpc(text) == Lease("192.168.200.22", "192.168.200.2", 3600, _ROUTES)
    assert parse_udhcpc("") is None


def test_story_is_aligned_and_without_colour() -> None:
    out = io.StringIO()
    story = Story(out)
    story.step("first", lambda: Told("it held", ("more",)))
    story.step("second", lambda: Told("this too"))
    first, more, second = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert first.index("it held") == second.index("this too") == more.index("more")
    assert first.index(" ok ") == second.index(" ok ")


def test_story_says_which_step_failed() -> None:
    def broken() -> Told:
        raise LabError("no")

    out = io.StringIO()
    with pytest.raises(LabError):
        Story(out).step("first", broken)
    assert "first" in out.getvalue()
    assert "FAILED" in out.getvalue()


def test_waiting_ends_at_once_or_names_what_did_not_come() -> None:
    assert wait_for("seven", lambda: 7, limit=0) == 7
    with pytest.raises(LabError, match=r"pigs fly: not so after 0\.01 s"):
        wait_for("pigs fly", lambda: None, limit=0.01, step=0.001)
