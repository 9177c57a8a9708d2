"""What a daemon leaves, takes over from the one before it, and takes back: after kill -9, start, stop and clean."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from routerd.lab.lab import Switch
from tests.net.own import UID, Own, kill
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_SETPRIV = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]


@pytest.fixture
def own(site: Site) -> Iterator[Own]:
    """Directories of its own for routerd on Host β."""
    return Own(site)


def _prefixes(own: Own, *prefixes: str) -> str:
    return own.text.replace('name = "vpn"\n', f'name = "vpn"\nprefixes = {json.dumps(prefixes)}\n')


def _made(own: Own, *prefixes: str, lans: tuple[str, ...] = ("lan0",)) -> set[str]:
    """The lines that a running daemon adds to the state. The tunnel's own network has a route of the kernel's."""
    lines = {f"unreachable {prefix} proto 121 metric 4294967295" for prefix in prefixes}
    lines |= {f"{p} dev {own.tunnel} proto 121 scope link metric 121" for p in prefixes if p != "10.0.0.0/24"}
    return lines | {f"conf/{interface}/forwarding:1" for interface in (*lans, own.tunnel)} | {"table inet routerd"}


def _difference(before: list[str], after: list[str]) -> tuple[set[str], set[str]]:
    return set(before) - set(after), set(after) - set(before)


def _off(lines: set[str]) -> set[str]:
    return {line.removesuffix("1") + "0" for line in lines if line.startswith("conf/")}


@contextmanager
def _watched(own: Own) -> Iterator[list[str]]:
    """Every change of routes and of forwarding in the block, one line each; filled when the block ends."""
    log = own.site.lab.directory / "changes"
    with log.open("w") as file:
        process = own.beta.popen(["ip", "-4", "monitor", "route", "netconf"], name="monitor", stdout=file)
    changes: list[str] = []
    _mark(own, "198.51.100.1")
    yield changes
    _mark(own, "198.51.100.2")
    process.terminate()
    process.wait()
    lines = [re.sub(r"\s+", " ", line).strip() for line in log.read_text().splitlines()]
    marks = [number for number, line in enumerate(lines) if "198.51.100." in line]
    changes += [line for line in lines[marks[0] : marks[-1]] if "198.51.100." not in line]


def _mark(own: Own, address: str) -> None:
    """A route that comes and goes until the monitor has told of it."""

    def told() -> bool:
        own.beta.ip(f"route add {address}/32 dev lo proto 77", f"route del {address}/32 dev lo proto 77")
        return address in (own.site.lab.directory / "changes").read_text()

    soon("the monitor listens", told)


# ---------------------------------------------------------------- the same configuration


def test_everything_is_as_it_should_be_at_each_step(own: Own) -> None:
    text = _prefixes(own, "10.0.0.0/24", "10.7.0.0/24")
    made = _made(own, "10.0.0.0/24", "10.7.0.0/24")
    before = own.state()
    daemon = own.start(text=text)
    running = own.state()
    assert _difference(before, running) == (_off(made), made)
    kill(daemon)
    assert own.state() == running
    daemon = own.start()
    own.start(text=text, ready=False).process.wait(10)  # a second one does no harm
    assert own.state() == [line for line in running if "10.7.0.0/24" not in line]
    assert daemon.stop() == 0
    assert own.state() == before
    kill(own.start(text=text))
    assert own.state() == running
    said = own.clean()
    assert own.state() == before
    assert said["problems"] == said["kept"] == []
    assert said["nft"] == ["table inet routerd"]
    assert said["routes"] == [
        f"10.7.0.0/24 dev {own.tunnel} metric 121",
        "unreachable 10.0.0.0/24 metric 4294967295",
        "unreachable 10.7.0.0/24 metric 4294967295",
    ]
    assert said["settings"] == ["net.ipv4.conf.lan0.forwarding = 0", f"net.ipv4.conf.{own.tunnel}.forwarding = 0"]
    assert len(said["files"]) == 2
    assert str(own.socket) in said["files"]
    assert own.originals() == []
    assert (own.files / "leases.db").exists()


def test_nat_keep_leaves_all_that_carries_traffic_(own: Own) -> None:
    text = _prefixes(own, "10.0.0.0/24", "10.7.0.0/24")
    before = own.state()
    daemon = own.start(text=f"{text}\n[nat]\nkeep = true\n")
    running = own.state()
    assert daemon.stop() == 0
    assert own.state() == running
    own.clean()
    assert own.state() == before


def test_the_next_start_touches_nothing_that_stays(own: Own) -> None:
    text = _prefixes(own, "10.0.0.0/24", "10.7.0.0/24")
    before = own.state()
    kill(own.start(text=text))
    running = own.state()
    (originals,) = own.originals()
    remembered, table = (originals.read_bytes(), originals.stat().st_ino, originals.stat().st_mtime_ns), own.table()
    with _watched(own) as changes:
        daemon = own.start(text=text)
        soon("endpoint-a is up", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    assert changes == []
    assert own.state() == running
    assert own.table() == table
    assert (originals.read_bytes(), originals.stat().st_ino, originals.stat().st_mtime_ns) == remembered
    assert daemon.stop() == 0
    assert own.state() == before


def test_killed_at_any_moment_of_its_start(own: Own) -> None:
    text = _prefixes(own, "10.0.0.0/24", "10.7.0.0/24")
    before = own.state()
    moments = (
        lambda: own.originals(),
        lambda: own.socket.exists(),
        lambda: own.beta.run(["ip", "route", "show", "proto", "121"]).stdout,
    )
    for moment in moments:
        daemon = own.start(text=text, ready=False)
        soon("it has begun", moment)
        kill(daemon)
        own.clean()
        assert own.state() == before
        assert not own.socket.exists()


# ---------------------------------------------------------------- another configuration


@pytest.mark.long
def test_a_prefix_less(own: Own) -> None:
    before = own.state()
    kill(own.start(text=_prefixes(own, "10.0.0.0/24", "10.7.0.0/24", "10.8.0.0/16")))
    with _watched(own) as changes:
        daemon = own.start(text=_prefixes(own, "10.0.0.0/24", "10.8.0.0/16"))
    assert sorted(changes) == [
        f"Deleted 10.7.0.0/24 dev {own.tunnel} proto 121 scope link metric 121",
        "Deleted unreachable 10.7.0.0/24 proto 121 metric 4294967295",
    ]
    made = _made(own, "10.0.0.0/24", "10.8.0.0/16")
    assert _difference(before, own.state()) == (_off(made), made)
    assert daemon.stop() == 0
    assert own.state() == before


@pytest.mark.long
def test_a_lan_less(own: Own) -> None:
    second = Switch(own.site.lab, "lan2")
    second.attach(own.beta, "lan1")
    own.beta.ip("address add 192.168.201.2/24 dev lan1")
    before = own.state()
    kill(own.start(text=own.text + '\n[[lan]]\ninterface = "lan1"\n'))
    made = _made(own, "10.0.0.0/24", lans=("lan0", "lan1"))
    assert _difference(before, own.state()) == (_off(made), made)
    with _watched(own) as changes:
        daemon = own.start()
    assert [change.split()[-3:] for change in changes] == [["lan1", "forwarding", "off"]]
    (originals,) = own.originals()
    assert sorted(json.loads(originals.read_text())["values"]) == ["lan0/forwarding", f"{own.tunnel}/forwarding"]
    assert daemon.stop() == 0
    assert own.state() == before


# ---------------------------------------------------------------- clean


def test_clean_needs_no_configuration_and_leaves_others_alone(own: Own) -> None:
    own.beta.nft("table ip others {\n}\n")
    own.beta.ip(f"route add 10.99.0.0/24 dev {own.tunnel} proto 99")
    before = own.state()
    own.socket = own.runtime / "routerd.sock"
    text = own.text.replace(str(own.files / "routerd.sock"), "/run/routerd/routerd.sock")
    kill(own.start(text=text))
    own.beta.nft("table inet routerd {\n chain c {\n type filter hook forward priority 0\n }\n}\n")
    said = own.clean(config=own.runtime / "no-such-file")
    assert own.state() == before
    assert said["nft"] == ["table inet routerd"]
    assert "/run/routerd/routerd.sock" in said["files"]
    assert list(own.runtime.iterdir()) == []
    done = own.run("clean")
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing of routerd's is here\n", "")


@pytest.mark.long
def test_clean_after_a_user_of_its_own(own: Own) -> None:
    before = own.state()
    kill(own.start("--user", str(UID)))
    done = own.run("clean")
    assert (done.returncode, done.stderr) == (0, "")
    assert "removed route unreachable 10.0.0.0/24 metric 4294967295\n" in done.stdout
    assert "restored net.ipv4.conf.lan0.forwarding = 0\n" in done.stdout
    assert own.state() == before
    assert own.originals() == []


def test_clean_leaves_forwarding_on_for_others(own: Own) -> None:
    kill(own.start())
    own.beta.sysctl(ip_forward=1)
    said = own.clean()
    assert said["settings"] == []
    assert [row.partition(":")[0] for row in said["kept"]] == [
        "net.ipv4.conf.lan0.forwarding = 1",
        f"net.ipv4.conf.{own.tunnel}.forwarding = 1",
    ]
    assert own.originals() == []


@pytest.mark.parametrize("listen", ["tcp", "unix"])
def test_clean_refuses_while_a_daemon_runs(own: Own, listen: str) -> None:
    entries = {"tcp": "127.0.0.1:8121", "unix": f"unix:{own.socket}"}
    daemon = own.start()
    entry = entries[listen]
    own.config.write_text(re.sub("listen = .*", f'listen = ["{entry}"]', own.text))
    running = own.state()
    done = own.run("clean")
    assert (done.returncode, done.stdout) == (1, "")
    process = daemon.process.pid
    assert done.stderr == (
        f"routerd clean: routerd runs here already (process {process}); stop it first: systemctl stop routerd\n"
    )
    assert own.state() == running
    assert daemon.get("/readyz")[0] == 200


def test_clean_refuses_while_a_daemon_hangs(own: Own) -> None:
    daemon = own.start()
    daemon.process.send_signal(signal.SIGSTOP)
    done = own.run("clean")
    daemon.process.send_signal(signal.SIGCONT)
    assert done.returncode == 1
    assert "routerd runs here already" in done.stderr
    assert daemon.stop() == 0


def test_clean_names_the_capability_that_it_needs(own: Own) -> None:
    kill(own.start())
    running = own.state()
    done = own.run("clean", prefix=_SETPRIV)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("routerd clean: a capability is missing: CAP_NET_ADMIN (for removing routes")
    assert own.state() == running
