"""The files for the system, on a kernel whose modules are not built in: those that are named, and its settings."""

import subprocess
from pathlib import Path

from routerd.lab.lab import Lab
from tests.kernel.guest.device import run

_PACKAGING = Path(__file__).parents[3] / "packaging/systemd"
_MODPROBE = Path("/proc/sys/kernel/modprobe")
# What routerd's rules are made of.
_TABLE = """
table inet routerd {
    counter routed { }
    map strategies {
        type ifname : verdict
        elements = { "lan0" : goto hidden }
    }
    chain guard {
        type filter hook prerouting priority raw - 5
        iifname "lan0" ip daddr 10.0.0.0/24 fib daddr oifname "lan0" notrack
    }
    chain hidden {
        counter name "routed"
        meta nfproto ipv4 masquerade
    }
    chain leave {
        type nat hook postrouting priority srcnat - 5
        ct status dnat oifname vmap @strategies
        ip daddr 192.168.200.22 snat ip to 192.168.200.2
    }
    chain arrive {
        type nat hook prerouting priority dstnat - 5
        iifname "lan0" tcp dport 8080 dnat ip to 10.0.0.1:80
    }
    chain clamp {
        type filter hook forward priority mangle
        tcp flags syn tcp option maxseg size set 1380
    }
}
"""


def named(name: str) -> list[str]:
    """The lines of a file that are no comments."""
    lines = (_PACKAGING / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_with_the_named_modules_no_other_is_needed(lab: Lab) -> None:
    beta = lab.namespace("beta")
    for module in named("modules-load.conf"):
        run("modprobe", module)
    # Left out there, because it is a part of nf_tables in later kernels.
    subprocess.run(["modprobe", "nft_objref"], check=False, capture_output=True)
    before = _MODPROBE.read_text()
    _MODPROBE.write_text("/nothing\n")
    try:
        loaded = modules()
        beta.nft(_TABLE)
        assert beta.run(["nft", "list", "table", "inet", "routerd"]).stdout.count("chain") == 5
        assert modules() == loaded
    finally:
        _MODPROBE.write_text(before)


def modules() -> set[str]:
    """The modules that are loaded."""
    return {line.split()[0] for line in Path("/proc/modules").read_text().splitlines()}


def test_the_settings_are_taken() -> None:
    for line in named("sysctl.conf"):
        key, _, value = line.removeprefix("-").partition(" = ")
        path = Path("/proc/sys", key.replace(".", "/"))
        assert int(path.read_text()) <= int(value)
        path.write_text(f"{value}\n")
        assert path.read_text() == f"{value}\n"
