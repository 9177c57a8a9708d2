"""The lab for real: what it builds works, and nothing of it stays behind, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerd.lab.errors import LabError
from routerd.lab.example import ENDPOINT_B_ADDRESS, Example, add_endpoint, add_host, example_network
from routerd.lab.lab import Lab
from routerd.lab.processes import belonging
from routerd.lab.removal import down, leftovers, sweep
from routerd.lab.talk import tcp_talk

pytestmark = pytest.mark.net

# Builds a network in the directory given, says its id and waits to be ended.
_OWNER = """
import sys, time
from pathlib import Path
from routerd.lab.example import example_network
from routerd.lab.lab import Lab
from routerd.system.signals import orderly_end
with orderly_end(), Lab(Path(sys.argv[1])) as lab:
    example_network(lab)
    print(lab.id, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a lab below `tmp_path`; its id is the first line it says."""
    argv = [sys.executable, "-c", _OWNER, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield process
        process.kill()
        process.wait()
        sweep(tmp_path)


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _with_addresses(lab: Lab) -> Example:
    example = example_network(lab)
    example.b.ip(
        f"address add {ENDPOINT_B_ADDRESS}/24 dev lan0",
        "route add default via 192.168.200.1",
        "route add 10.0.0.0/24 via 192.168.200.2",
    )
    example.beta.sysctl(ip_forward=1)
    return example


def test_network_is_built_fast_and_carries_packets(lab: Lab) -> None:
    begun = time.monotonic()
    example = _with_addresses(lab)
    assert time.monotonic() - begun < 2
    example.a.run(["ping", "-c", "1", "-W", "2", "10.0.0.2"])
    assert tcp_talk(example.a, example.b, ENDPOINT_B_ADDRESS).source == "10.0.0.1"
    assert tcp_talk(example.b, example.a, "10.0.0.1").source == ENDPOINT_B_ADDRESS


def test_names_are_short_and_carry_the_id(lab: Lab) -> None:
    example = example_network(lab)
    assert {one.name for one in lab.namespaces} == {
        f"routerd-{lab.id}-{r}" for r in ("a", "b", "beta", "gw", "lan", "net")
    }
    assert lab.beta is example.beta
    assert lab["gw"] is example.gw
    names = [line.split(":")[1].split("@")[0].strip() for line in lab.lan.run(["ip", "-o", "link"]).stdout.splitlines()]
    assert {"lo", "br0", "p-beta", "p-gw", "p-b"} == set(names)
    assert len(example.tunnel_a.interface) <= 15


def test_keys_are_in_no_file_and_on_no_command_line(lab: Lab) -> None:
    example = example_network(lab)
    private = example.tunnel_a.keys.private.encode()
    assert not any(private in path.read_bytes() for path in lab.directory.rglob("*") if path.is_file())
    assert private.decode() not in repr(example.tunnel_a)
    for one in belonging(lab.record.mark):
        assert private not in Path(f"/proc/{one.pid}/cmdline").read_bytes()


def test_cut_and_restored_tunnel(lab: Lab) -> None:
    example = example_network(lab)
    ping = ["ping", "-c", "1", "-W", "1", "10.0.0.1"]
    example.a.run(["ping", "-c", "1", "-W", "2", "10.0.0.2"])
    example.cut_tunnel()
    assert example.beta.run(ping, check=False).returncode == 1
    example.restore_tunnel()
    assert example.beta.run(["ping", "-c", "3", "-i", "0.2", "-W", "1", "10.0.0.1"], check=False).returncode == 0


def test_another_endpoint_and_another_host(lab: Lab) -> None:
    example = _with_addresses(lab)
    endpoint, _ = add_endpoint(lab, example, "a3", number=3, suffix="c")
    host = add_host(lab, example.lan, "c", address="192.168.200.23/24")
    endpoint.run(["ping", "-c", "1", "-W", "2", "10.0.0.2"])
    host.run(["ping", "-c", "1", "-W", "2", ENDPOINT_B_ADDRESS])


def test_nothing_appears_in_the_machines_own_namespace(lab: Lab) -> None:
    def machine() -> str:
        commands = ["ip -o link", "ip -4 route show table all", "nft -s list ruleset"]
        commands.append("grep -r . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf")
        return "".join(subprocess.run(["sh", "-c", one], capture_output=True, text=True).stdout for one in commands)

    before = machine()
    example_network(lab)
    assert machine() == before


def test_two_labs_at_once(tmp_path: Path) -> None:
    with Lab(tmp_path) as one, Lab(tmp_path) as other:
        first, second = example_network(one), example_network(other)
        for example in (first, second):
            example.a.run(["ping", "-c", "1", "-W", "2", "10.0.0.2"])
        one.close()
        assert leftovers(one.id, tmp_path) == []
        second.a.run(["ping", "-c", "1", "-W", "2", "10.0.0.2"])
    assert leftovers(other.id, tmp_path) == []


def test_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerd.lab.example.add_peers", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), Lab(tmp_path) as lab:
        example_network(lab)
    assert lab.id
    assert leftovers(lab.id, tmp_path) == []


def test_namespace_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        name = f"routerd-{lab.id}-x"
        subprocess.run(["ip", "netns", "add", name], check=True)
        try:
            with pytest.raises(LabError, match="File exists"):
                lab.namespace("x")
            lab.close()
            assert Path("/run/netns", name).exists()
        finally:
            subprocess.run(["ip", "netns", "del", name], check=True)


def test_process_that_goes_its_own_way_is_ended_too(lab: Lab) -> None:
    lab.namespace("x").run(["setsid", "-f", "sh", "-c", "exec sleep 60 >/dev/null 2>&1 </dev/null"])
    assert len(belonging(lab.record.mark)) == 1
    mark = lab.record.mark
    lab.close()
    assert belonging(mark) == []


def test_failed_command_says_where_and_why(lab: Lab) -> None:
    machine = lab.namespace("x")
    with pytest.raises(LabError, match=r"x: ip link set nosuch up: exit \d+: Cannot find device"):
        machine.ip("link set nosuch up")
    with pytest.raises(LabError, match=r"x: false: exit 1"):
        machine.run(["false"])
    assert machine.run(["false"], check=False).returncode == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_interrupted_owner_leaves_nothing(
    owner: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    name = _said(owner)
    assert leftovers(name, tmp_path)
    owner.send_signal(number)
    assert owner.wait(10) == code
    assert leftovers(name, tmp_path) == []


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15, 0.2, 0.25])
def test_owner_interrupted_while_it_builds_leaves_nothing(
    owner: subprocess.Popen[str], tmp_path: Path, delay: float
) -> None:
    while not list(tmp_path.glob("????/state.json")) and owner.poll() is None:
        time.sleep(0.002)
    name = next(tmp_path.glob("????")).name
    time.sleep(delay)
    owner.send_signal(signal.SIGTERM)
    assert owner.wait(10) == 143
    assert leftovers(name, tmp_path) == []


def test_killed_owner_is_swept_by_the_next_lab(owner: subprocess.Popen[str], tmp_path: Path) -> None:
    name = _said(owner)
    with Lab(tmp_path):
        assert leftovers(name, tmp_path), "a living owner's lab was removed"
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    assert any(one.startswith("process") for one in leftovers(name, tmp_path))
    with Lab(tmp_path):
        assert leftovers(name, tmp_path) == []


def test_kept_lab_lives_on_until_it_goes_down(tmp_path: Path) -> None:
    code = _OWNER.replace("time.sleep(60)", "lab.keep()")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    name = done.stdout.strip()
    try:
        with Lab(tmp_path):
            ping = f"ip netns exec routerd-{name}-a ping -c 1 -W 2 10.0.0.2"
            subprocess.run(ping.split(), check=True, stdout=subprocess.DEVNULL)
    finally:
        down(name, tmp_path)
    assert leftovers(name, tmp_path) == []
