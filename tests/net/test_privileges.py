"""routerd with three capabilities and no more: as a user of its own, as root, and what it says if one is missing."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.state import SOCKETS
from routerd.lab.talk import tcp_talk
from tests.net.own import UID, Own, kill
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_THREE = (1 << 10) | (1 << 12) | (1 << 13)
_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_NAMES = ("net_admin", "net_raw", "net_bind_service")


@pytest.fixture
def own(site: Site) -> Iterator[Own]:
    """Directories of its own for routerd on Host β."""
    return Own(site)


def _status(daemon: Daemon) -> dict[str, str]:
    lines = Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _has_three_only(daemon: Daemon, uid: int) -> None:
    # Also the threads that came later.
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        rows = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        assert {name: int(rows[name], 16) for name in _SETS} == dict.fromkeys(_SETS, _THREE)
        assert rows["NoNewPrivs"].strip() == "1"
        assert rows["Uid"].split() == rows["Gid"].split() == [str(uid)] * 4


def _as_systemd_would(*missing: str) -> list[str]:
    """A start as an ordinary user that has capabilities already."""
    sets = ",".join(["-all", *(f"+{name}" for name in _NAMES if name not in missing)])
    rights = [f"--bounding-set={sets}", f"--inh-caps={sets}", f"--ambient-caps={sets}"]
    return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *rights]


# What a systemd socket unit with SocketMode=0660 and SocketGroup= does.
_SOCKET_UNIT = """
import os, socket, sys
path, group, interface = sys.argv[1:]
os.umask(0o117)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chown(path, 0, int(group))
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ["WG_UAPI_FD"] = "3"
os.execvp("wireguard-go", ["wireguard-go", "-f", interface])
"""


def _open_wireguard_as_the_hint_says(own: Own, daemon: Daemon) -> None:
    before = own.site.example.tunnel_beta.userspace
    if before is None:
        return
    shown = soon(
        "the closed socket is shown",
        lambda: [p for p in daemon.get("/v1/problems")[1]["problems"] if p["code"] == "wireguard-unreadable"],
    )
    path = SOCKETS / f"{own.tunnel}.sock"
    assert "EACCES" in shown[0]["text"]
    assert f"(ListenStream={path}, SocketMode=0660, SocketGroup={UID})" in shown[0]["mend"]
    assert f"`wireguard-go -f {own.tunnel}` with WG_UAPI_FD=3" in shown[0]["mend"]
    config = own.beta.run(["wg", "showconf", own.tunnel]).stdout
    before.terminate()
    before.wait(10)
    soon("its socket is gone", lambda: not path.exists())
    own.beta.popen([sys.executable, "-c", _SOCKET_UNIT, path, str(UID), own.tunnel], name="wireguard-unit")
    # Not by `wg`, which removes a socket that is not listened at yet.
    soon("it is there", lambda: own.beta.run(["ip", "link", "show", own.tunnel], check=False).returncode == 0)
    own.beta.run(["wg", "setconf", own.tunnel, "/dev/stdin"], input=config)
    own.beta.ip(f"address add 10.0.0.2/24 dev {own.tunnel}", f"link set {own.tunnel} up")


def _lasting(own: Own) -> list[str]:
    """The state without the link-local address that the tunnel draws anew whenever it is made."""
    return [line for line in own.state() if "fe80::" not in line]


def _works(own: Own, daemon: Daemon) -> None:
    soon("the route is offered", lambda: [r for r in daemon.get("/v1/routes")[1]["routes"] if r["state"] == "offered"])
    lease = own.site.client().wait_lease()
    assert lease.address == "192.168.200.22"
    assert ("10.0.0.0/24", "192.168.200.2") in lease.routes
    soon("endpoint-a is up", lambda: (daemon.peer("endpoint-a") or {}).get("state") == "up")
    soon("its handshake is known", lambda: (daemon.peer("endpoint-a") or {}).get("last_handshake"))
    forwards = Path("/proc/sys/net/ipv4/conf", own.tunnel, "forwarding")
    soon("the tunnel forwards", lambda: own.beta.run(["cat", forwards], check=False).stdout == "1\n")
    routes = ["ip", "-4", "route", "show", "proto", "121"]
    unreachable = "unreachable 10.0.0.0/24 metric 4294967295"
    soon("the route is there", lambda: unreachable in own.beta.run(routes).stdout)
    a_to_b = partial(tcp_talk, own.site.example.a, own.site.example.b, "192.168.200.22")
    soon("the host has proven its way back", lambda: a_to_b().source == "10.0.0.1")
    soon(
        "free addresses are probed",
        lambda: daemon.get("/v1/status")[1]["services"]["dhcp"]["counters"]["conflict-probe-sent"],
    )
    problems = daemon.get("/v1/problems")[1]["problems"]
    assert [problem["text"] for problem in problems if problem["severity"] == "error"] == []


def test_as_a_user_of_its_own_everything_works(own: Own) -> None:
    before = _lasting(own)
    daemon = own.start("--user", str(UID))
    _has_three_only(daemon, UID)
    _open_wireguard_as_the_hint_says(own, daemon)
    _works(own, daemon)
    _has_three_only(daemon, UID)
    paths = [own.runtime, *own.originals(), own.files, *own.files.iterdir()]
    assert {path.stat().st_uid for path in paths} == {UID}
    assert (own.files / "leases.db") in paths
    assert len(own.originals()) == 1
    assert own.config.stat().st_uid == 0
    assert own.site.lab.directory.stat().st_uid == 0
    assert daemon.stop() == 0
    assert _lasting(own) == before
    assert own.originals() == []


def test_as_root_it_keeps_no_more(own: Own) -> None:
    daemon = own.start()
    _has_three_only(daemon, 0)
    _works(own, daemon)


@pytest.mark.long
def test_as_root_and_as_a_user_by_turns(own: Own) -> None:
    before = own.state()
    kill(own.start())
    assert own.socket.exists()
    daemon = own.start("--user", f"{UID}:{UID + 1}")
    assert _status(daemon)["Gid"].split() == [str(UID + 1)] * 4
    kill(daemon)
    daemon = own.start()
    assert {path.stat().st_uid for path in (own.runtime, own.files, *own.files.iterdir())} == {0}
    assert daemon.stop() == 0
    assert own.state() == before


def test_with_capabilities_that_were_given_it_works_as_it_is(own: Own) -> None:
    own.files.mkdir()
    for path in (own.files, own.runtime):
        own.beta.run(["chown", str(UID), path])
    daemon = own.start(prefix=_as_systemd_would())
    _has_three_only(daemon, UID)
    _open_wireguard_as_the_hint_says(own, daemon)
    _works(own, daemon)
    assert daemon.stop() == 0


def test_a_command_of_root_that_was_killed_keeps_nobody_from_starting(own: Own) -> None:
    own.files.mkdir()
    for path in (own.files, own.runtime):
        own.beta.run(["chown", f"{UID}:{UID}", path])
    own.config.write_text(own.text)
    backup = own.files / "backup"
    os.mkfifo(backup)
    # It waits for the backup while it has the lock.
    umask = ["sh", "-ec", 'umask 077; exec "$@"', "sh"]
    restore = own.beta.popen(own.command("restore", str(backup), prefix=umask), name="restore")
    soon("root's command has the lock", lambda: list(own.runtime.glob("lock-*")) and list(own.files.glob(".restore-*")))
    restore.kill()
    restore.wait()
    (lock,) = own.runtime.glob("lock-*")
    daemon = own.start(prefix=_as_systemd_would())
    assert daemon.stop() == 0
    # The same where its lock was not given away: killed in between, or of an older routerd.
    lock.touch(0o600)
    assert own.start(prefix=_as_systemd_would()).stop() == 0


def test_its_children_can_load_rules(own: Own) -> None:
    code = (
        "import subprocess; from routerd.system.privileges import find_user, settle;"
        f"settle(find_user('{UID}'), []);"
        "subprocess.run(['nft', 'add', 'table', 'inet', 'routerd'], check=True)"
    )
    own.beta.run([sys.executable, "-c", code])
    assert "table inet routerd" in own.beta.run(["nft", "list", "tables"]).stdout


# ---------------------------------------------------------------- what is missing


def _refused(own: Own, *options: str, prefix: list[str]) -> str:
    own.config.write_text(own.text)
    before = own.state()
    done = own.run("run", *options, prefix=prefix)
    assert (done.returncode, done.stdout) == (1, "")
    assert own.state() == before
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.long
@pytest.mark.parametrize(
    ("missing", "named", "purpose"),
    [
        ("net_admin", "CAP_NET_ADMIN", "kernel routes"),
        ("net_raw", "CAP_NET_RAW", "DHCP clients"),
        ("net_bind_service", "CAP_NET_BIND_SERVICE", "port 67"),
    ],
)
def test_a_missing_capability_is_named(own: Own, missing: str, named: str, purpose: str) -> None:
    root = ["setpriv", f"--bounding-set=-{missing}", f"--inh-caps=-{missing}"]
    for line in (
        _refused(own, prefix=root),
        _refused(own, "--user", str(UID), prefix=root),
        _refused(own, prefix=_as_systemd_would(missing)),
    ):
        assert line.startswith("routerd: a capability is missing:")
        assert [word for word in line.split() if word.startswith("CAP_")] == [named]
        assert purpose in line
    assert not own.files.exists()
    assert list(own.runtime.iterdir()) == []


def test_all_missing_capabilities_are_named_at_once(own: Own) -> None:
    line = _refused(own, prefix=_as_systemd_would(*_NAMES))
    assert [word for word in line.split() if word.startswith("CAP_")] == [f"CAP_{name.upper()}" for name in _NAMES]


def test_an_ordinary_user_cannot_become_another_one(own: Own) -> None:
    assert "only root can change the user" in _refused(own, "--user", "0", prefix=_as_systemd_would())


def test_a_directory_of_others_is_not_given_away(own: Own) -> None:
    own.text = own.text.replace(f"{own.files}/leases.db", f"{own.site.lab.directory}/leases.db")
    line = _refused(own, "--user", str(UID), prefix=[])
    assert f"{own.site.lab.directory}: user {UID} cannot write there, which is needed for leases" in line
    assert own.site.lab.directory.stat().st_uid == 0


def test_an_unknown_user_is_a_bad_argument(own: Own) -> None:
    own.config.write_text(own.text)
    done = own.run("run", "--user", "no-such-user")
    assert done.returncode == 2
    assert "there is no user 'no-such-user'" in done.stderr
