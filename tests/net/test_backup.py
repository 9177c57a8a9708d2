"""Backups of a daemon that runs, a disk that is full, and commands that work on the files of one that is stopped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from routerd.lab.namespace import Namespace
from tests.net.site import Site

pytestmark = pytest.mark.net

_FULL = """
mount -t tmpfs -o size=64k,mode=755 tmpfs "$1"
cp "$2" "$1/backup.tar.gz"
dd if=/dev/zero of="$1/filler" bs=4096 2>/dev/null || :
before=$(sha256sum <"$1/backup.tar.gz")
shift 2
code=0
"$@" || code=$?
[ "$before" = "$(sha256sum <"$OLDPWD/backup.tar.gz")" ] && echo same
ls -A "$OLDPWD"
exit $code
"""


# With a /dev of its own: a fault here would cost the machine its own.
_DEVICES = """
mount -t tmpfs tmpfs /dev
mknod /dev/null c 1 3
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
"$@"
[ -c /dev/null ] && [ -L /dev/stdout ] && [ -L /dev/stderr ] && ls /dev >&2
"""


def routerd(site: Site, *words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    return site.example.beta.run(argv(site, *words), check=check)


def argv(site: Site, *words: str) -> list[str]:
    return [sys.executable, "-m", "routerd", *words, "--config", str(site.lab.directory / "routerd.toml")]


def in_full_disk(machine: Namespace, point: Path, old: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command where the directory `point` is a full disk with `old` as backup.tar.gz on it."""
    script = _FULL.replace('"$OLDPWD', f'"{point}')
    return machine.run(["unshare", "--mount", "sh", "-ec", script, "sh", str(point), str(old), *command], check=False)


def test_a_backup_of_a_running_daemon_brings_its_leases_back(site: Site) -> None:
    daemon = site.start()
    client = site.client("udhcpc")
    address = client.wait_lease().address
    file = site.lab.directory / "backup.tar.gz"
    said = routerd(site, "backup", str(file), check=True)
    assert said.stderr == f"{file}: leases.db; without the configuration\n"
    refused = routerd(site, "restore", str(file), "--force")
    assert (refused.returncode, "routerd runs here already" in refused.stderr) == (1, True)
    client.release()
    daemon.process.kill()
    daemon.process.wait(5)
    restored = routerd(site, "restore", str(file), "--force", check=True)
    assert "leases.db restored, 1 lease" in restored.stdout
    daemon = site.start()
    (lease,) = daemon.get("/v1/leases")[1]["leases"]
    assert (lease["address"], lease["state"]) == (address, "bound")
    assert daemon.stop() == 0
    assert not json.loads(routerd(site, "backup", str(file), "--json", check=True).stdout)["parts"]["leases.db"] % 4096


def test_commands_at_the_same_time_wait_for_each_other(site: Site) -> None:
    site.start()
    address = site.client("udhcpc").wait_lease().address
    assert site.daemon is not None
    site.daemon.stop()
    words = [("leases", "export", "--format", "dnsmasq"), ("backup", "/dev/null")] * 2
    started = [site.example.beta.popen(argv(site, *each), name="command", stdout=subprocess.PIPE) for each in words]
    said = [each.communicate(timeout=20)[0] for each in started]
    assert [each.returncode for each in started] == [0] * 4, site.example.beta.log("command").read_text()
    assert [address in each for each in said] == [True, False, True, False]


def test_a_daemon_of_another_namespace_is_not_disturbed(site: Site) -> None:
    site.start()
    address = site.client("udhcpc").wait_lease().address
    file = site.lab.directory / "backup.tar.gz"
    routerd(site, "backup", str(file), check=True)
    for words in (("backup", str(file)), ("restore", str(file), "--force"), ("leases", "export", "--format", "kea")):
        done = site.example.gw.run(argv(site, *words), check=False)
        assert (done.returncode, "another routerd uses this lease file" in done.stderr) == (1, True), words
    assert site.daemon is not None
    assert [row["address"] for row in site.daemon.get("/v1/leases")[1]["leases"]] == [address]
    assert site.daemon.get("/v1/problems")[1] == {"problems": []}


@pytest.mark.parametrize("running", [True, False])
def test_a_full_disk_leaves_the_old_backup_and_nothing_else(site: Site, running: bool) -> None:
    daemon = site.start()
    site.client("udhcpc").wait_lease()
    file, point = site.lab.directory / "backup.tar.gz", site.lab.directory / "disk"
    point.mkdir()
    routerd(site, "backup", str(file), check=True)
    if not running:
        daemon.stop()
    # Already the directory's entry, or the data: whichever the disk does not take.
    done = in_full_disk(site.example.beta, point, file, argv(site, "backup", str(point / "backup.tar.gz")))
    assert done.returncode == 1
    assert done.stderr.endswith("no space is left on its disk; the one that was there is as it was\n")
    assert done.stdout.split() == ["same", "backup.tar.gz", "filler"]
    if running:
        assert daemon.get("/readyz")[0] == 200


@pytest.mark.parametrize("words", [("backup",), ("leases", "export", "--format", "kea")], ids=["backup", "export"])
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/stderr", "/dev/null"])
def test_devices_that_are_streams_are_written_to_and_stay(site: Site, words: tuple[str, ...], name: str) -> None:
    site.start().stop()
    command = ["unshare", "--mount", "sh", "-ec", _DEVICES, "sh", *argv(site, *words, name)]
    done = subprocess.run(site.example.beta.command(command), capture_output=True, check=False, timeout=20)
    assert (done.returncode, done.stderr.endswith(b"null\nstderr\nstdout\n")) == (0, True), done.stderr
    content = (b"\x1f\x8b\x08", b"address,")
    assert done.stdout.startswith(content) is (name == "/dev/stdout")
    assert done.stderr.startswith(content) is (name == "/dev/stderr")


def test_a_full_disk_at_the_restore_changes_nothing(site: Site) -> None:
    site.start().stop()
    file, state = site.lab.directory / "backup.tar.gz", site.lab.directory / "state"
    routerd(site, "backup", str(file), check=True)
    state.mkdir()
    site.write(site.config.replace(f"{site.lab.directory}/leases.db", f"{state}/leases.db"))
    done = in_full_disk(site.example.beta, state, file, argv(site, "restore", str(file)))
    assert done.returncode == 1
    assert done.stderr.endswith("no space is left on its disk; nothing changed\n")
    assert done.stdout.split() == ["same", "backup.tar.gz", "filler"]


def test_a_full_disk_at_the_import_takes_over_all_or_nothing(site: Site) -> None:
    state, file = site.lab.directory / "state", site.lab.directory / "dnsmasq.leases"
    state.mkdir()
    lines = [f"4000000000 02:00:00:00:01:{n:02x} 192.168.200.{n} host{n} *\n" for n in range(50, 200)]
    file.write_text("".join(lines))
    site.write(site.config.replace(f"{site.lab.directory}/leases.db", f"{state}/leases.db"))
    done = in_full_disk(site.example.beta, state, file, argv(site, "leases", "import", str(file)))
    assert done.returncode == 1
    assert "space" in done.stderr
    # With space again.
    site.write()
    assert routerd(site, "leases", "import", str(file)).returncode == 0
    assert routerd(site, "leases", "export", "--format", "dnsmasq", check=True).stdout == file.read_text()


def test_an_import_by_hand_leaves_the_file_to_its_owner(site: Site) -> None:
    state, file = site.lab.directory / "state", site.lab.directory / "dnsmasq.leases"
    state.mkdir()
    subprocess.run(["chown", "64121:64121", state], check=True)
    file.write_text("4000000000 02:00:00:00:01:60 192.168.200.60 * *\n")
    site.write(site.config.replace(f"{site.lab.directory}/leases.db", f"{state}/leases.db"))
    dry = routerd(site, "leases", "import", str(file), "--dry-run", check=True)
    assert "1 would be taken over" in dry.stdout
    assert list(state.iterdir()) == []
    assert routerd(site, "leases", "import", str(file), check=True).returncode == 0
    assert {path.name: path.stat().st_uid for path in state.iterdir()} == {"leases.db": 64121, "leases.db-clean": 64121}
