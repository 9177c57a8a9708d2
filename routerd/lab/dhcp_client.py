"""Real DHCP clients on a machine of the lab: dhclient with Debian's own script, else udhcpc.

dhclient's script writes to /etc, /run and the host name, so it gets its own mount and UTS namespaces.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from routerd.lab.errors import LabError
from routerd.lab.lab import Lab
from routerd.lab.lease import Lease, parse_dhclient, parse_udhcpc
from routerd.lab.namespace import Namespace
from routerd.lab.waiting import wait_for

_PRIVATE = """
dir=$1; name=$2; shift 2
mount -t tmpfs -o mode=755 tmpfs "$dir/private"
mkdir "$dir/private/upper" "$dir/private/work"
if ! mount -t overlay overlay -o "lowerdir=/etc,upperdir=$dir/private/upper,workdir=$dir/private/work" /etc; then
    mkdir "$dir/private/etc"
    cp -a /etc/. "$dir/private/etc"
    mount --bind "$dir/private/etc" /etc
fi
rm -f /etc/resolv.conf
: > /etc/resolv.conf
mount --bind "$dir/leases" /var/lib/dhcp
hostname "$name"
mount -t tmpfs -o mode=755 tmpfs /run
exec "$@"
"""

_UDHCPC_SCRIPT = """#!/bin/sh
# Sets what the lease says; option 121 replaces the router option, as RFC 3442 wants it.
case $1 in
bound | renew)
    ip -4 address replace "$ip/$mask" dev "$interface"
    set -- $staticroutes
    [ $# -gt 0 ] || [ -z "$router" ] || set -- 0.0.0.0/0 "${router%% *}"
    while [ $# -gt 1 ]; do
        ip -4 route replace "$1" via "$2" dev "$interface"
        shift 2
    done
    printf '%s\\n' "ip=$ip" "staticroutes=$staticroutes" "router=$router" "lease=$lease" "serverid=$serverid" \\
        > @LEASE@.new
    mv @LEASE@.new @LEASE@
    ;;
deconfig) ip -4 address flush dev "$interface" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class DhcpClient:
    """A client that runs. `lease` reads what it has now, `wait_lease` waits until it has one and has applied it."""

    name: str
    machine: Namespace
    interface: str
    process: subprocess.Popen[str]
    file: Path
    log: Path
    said: int = 0
    """How long the log was when this client was started."""

    def lease(self) -> Lease | None:
        """The newest lease, or None while there is none."""
        if not self.file.exists():
            return None
        text = self.file.read_text(errors="replace")
        return parse_dhclient(text) if self.name == "dhclient" else parse_udhcpc(text)

    def wait_lease(self, limit: float = 15.0) -> Lease:
        """The lease, as soon as its address is set and its routes were added."""

        def bound() -> Lease | None:
            if self.process.poll() is not None:
                raise LabError(f"{self.name} ended with exit {self.process.returncode}")
            lease = self.lease()
            # dhclient writes "bound to" when its script, and so the hook that adds the routes, is done.
            done = self.name != "dhclient" or b"bound to" in self.log.read_bytes()[self.said :]
            return lease if lease is not None and done else None

        return wait_for(f"{self.name} on {self.machine.role} has a lease", bound, limit=limit)

    def stop(self) -> None:
        """Ends the client; address and routes stay."""
        self.process.terminate()
        self.process.wait(5)


def installed_client() -> str:
    """The client that is used where none is named. Raises `LabError` where none is installed."""
    if shutil.which("dhclient"):
        return "dhclient"
    if shutil.which("udhcpc") or shutil.which("busybox"):
        return "udhcpc"
    raise LabError("no DHCP client is installed: apt-get install isc-dhcp-client")


def start_client(
    lab: Lab, machine: Namespace, interface: str = "lan0", *, client: str | None = None, hostname: str | None = None
) -> DhcpClient:
    """Starts a DHCP client ("dhclient" or "udhcpc") on a machine of the lab."""
    client = client or installed_client()
    directory = lab.directory / f"{client}-{machine.role}"
    directory.mkdir(exist_ok=True)
    start = _dhclient if client == "dhclient" else _udhcpc
    argv, file = start(directory, interface, hostname or machine.role)
    name = f"{client}-{machine.role}"
    log = machine.log(name)
    said = log.stat().st_size if log.exists() else 0
    return DhcpClient(client, machine, interface, machine.popen(argv, name=name), file, log, said)


def private(directory: Path, hostname: str, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` with its own host name, its own copy of /etc, and an empty /run.

    What is written to /var/lib/dhcp lands in `directory`/leases; everything else that is written is gone at the end.
    """
    for name in ("private", "leases"):
        (directory / name).mkdir(exist_ok=True)
    # `slave`: mounts made in here stay in here, and namespaces removed outside vanish in here too.
    unshare = ["unshare", "-m", "-u", "--propagation", "slave"]
    return [*unshare, "sh", "-ec", _PRIVATE, "sh", str(directory), hostname, *argv]


def _dhclient(directory: Path, interface: str, hostname: str) -> tuple[list[str], Path]:
    argv = private(directory, hostname, ["dhclient", "-d", "-v", interface])
    return argv, directory / "leases/dhclient.leases"


def _udhcpc(directory: Path, interface: str, hostname: str) -> tuple[list[str], Path]:
    lease, script = directory / "lease", directory / "script"
    lease.unlink(missing_ok=True)
    script.write_text(_UDHCPC_SCRIPT.replace("@LEASE@", str(lease)))
    os.chmod(script, 0o755)
    program = ["udhcpc"] if shutil.which("udhcpc") else ["busybox", "udhcpc"]
    return [*program, "-f", "-i", interface, "-O", "121", "-x", f"hostname:{hostname}", "-s", str(script)], lease
