"""routerd under a real systemd, by the unit that is shipped: it starts, reloads, stops, crashes and hangs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.managed import CONFIG, Managed, managed
from tests.net.own import Own
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_THREE = f"{(1 << 10) | (1 << 12) | (1 << 13):016x}"


@pytest.fixture
def host(site: Site) -> Iterator[Managed]:
    """Host β with systemd, routerd not started."""
    with managed(site) as made:
        yield made


def test_it_starts_reloads_and_stops(host: Managed) -> None:
    own = Own(host.site)
    before = own.state()
    _refuses_faults(host)
    host.start()
    assert (host.show("ActiveState"), host.show("Type")) == ("active", "notify")
    _is_confined(host)
    soon("it is ready, as its status line says", lambda: host.show("StatusText").startswith("Ready; "))
    lease = host.site.client().wait_lease()
    assert ("10.0.0.0/24", "192.168.200.2") in lease.routes
    assert _files(host) == {
        "/run/routerd": "755 routerd",
        "/var/lib/routerd": "750 routerd",
        "leases.db": "600 routerd",
    }
    _reloads(host)
    host.systemctl("stop", "routerd")
    assert (host.show("ActiveState"), host.show("Result"), host.show("ExecMainStatus")) == ("inactive", "success", "0")
    assert own.state() == before
    assert host.run("ls", "-A", "/run/routerd").stdout == ""


def _refuses_faults(host: Managed) -> None:
    """A configuration with faults is not tried again and again."""
    text = host.run("cat", CONFIG).stdout
    host.write(CONFIG, "[[lan]]\n")
    assert host.run("systemctl", "start", "routerd", check=False).returncode == 1
    shown = [host.show(name) for name in ("ActiveState", "Result", "ExecMainStatus", "NRestarts")]
    assert shown == ["failed", "exit-code", "2", "0"]
    assert host.logged("lan[0].interface")
    host.write(CONFIG, text)


def _is_confined(host: Managed) -> None:
    uid = host.run("id", "-u", "routerd").stdout.strip()
    for task in Path(f"/proc/{host.pid()}/task").iterdir():
        rows = {key: value.strip() for key, _, value in _rows((task / "status").read_text())}
        assert {rows[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {_THREE}
        assert rows["Uid"].split() == [uid] * 4
        assert (rows["NoNewPrivs"], rows["Seccomp"]) == ("1", "2")
    # As root, who may write to all of it: only the mounts are in the way.
    tried = [
        "/proc/sys/net/ipv4/conf/lan0/forwarding",
        "/var/lib/routerd/x",
        "/proc/sys/kernel/sysrq",
        "/etc/x",
        "/usr/x",
    ]
    done = [host.inside("sh", "-c", 'echo 1 > "$1"', "sh", path).returncode == 0 for path in tried]
    assert done == [True, True, False, False, False]
    assert host.inside("rm", "/var/lib/routerd/x").returncode == 0
    names = ("lan0", host.site.example.tunnel_beta.interface)
    forwarding = [f"/proc/sys/net/ipv4/conf/{name}/forwarding" for name in names]
    soon("both interfaces forward", lambda: host.run("cat", *forwarding).stdout == "1\n1\n")
    # What it cannot do is said: the socket of a userspace WireGuard is visible, and root's.
    soon("the closed socket is logged", lambda: host.logged("EACCES") or "kernel" in host.logged("WireGuard"))


def _rows(text: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in text.splitlines()]


def _files(host: Managed) -> dict[str, str]:
    stat = ["stat", "-c", "%n %a %U", "/run/routerd", "/var/lib/routerd", "/var/lib/routerd/leases.db"]
    rows = [line.split(" ", 1) for line in host.run(*stat).stdout.splitlines()]
    return {name.removeprefix("/var/lib/routerd/"): rest for name, rest in rows}


def _reloads(host: Managed) -> None:
    main, text = host.show("MainPID"), host.run("cat", CONFIG).stdout
    host.write(CONFIG, text + '[log]\nlevel = "debug"\n')
    host.systemctl("reload", "routerd")
    soon("it is taken over", lambda: host.logged("taken over"))
    host.write(CONFIG, text + '[lgo]\nlevel = "debug"\n')
    host.systemctl("reload", "routerd")
    soon("it is refused", lambda: host.logged("not taken over"))
    soon("the status line tells of problems", lambda: " problem" in host.show("StatusText"))
    assert (host.show("ActiveState"), host.show("MainPID")) == ("active", main)
    # The journal knows what each line weighs.
    rows = host.run("journalctl", "-u", "routerd", "-o", "json", "--no-pager").stdout.splitlines()
    weights = {row["MESSAGE"].rpartition(": ")[2]: row["PRIORITY"] for row in map(json.loads, rows)}
    assert weights["taken over"] == "6"
    assert weights["not taken over; routerd goes on with the one it has"] == "3"
