"""Starts real DHCP clients on machines of the lab, apart from the machine that the lab runs on.

Clients write to /etc, /run, /var/lib and the host name, so they get their own mount and UTS namespaces.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from routerd.lab.clients.client import DhcpClient
from routerd.lab.clients.dhclient import Dhclient
from routerd.lab.clients.dhcpcd import Dhcpcd
from routerd.lab.clients.network_manager import NetworkManager
from routerd.lab.clients.networkd import Networkd
from routerd.lab.clients.udhcpc import PlainUdhcpc, Udhcpc
from routerd.lab.errors import LabError
from routerd.lab.lab import Lab
from routerd.lab.namespace import Namespace

__all__ = ["CLIENTS", "DhcpClient", "installed_client", "missing", "private", "start_client"]

CLIENTS: dict[str, type[DhcpClient]] = {
    kind.name: kind for kind in (Dhclient, Udhcpc, PlainUdhcpc, Dhcpcd, Networkd, NetworkManager)
}
"""Every client that the lab knows, by its name."""

_PRIVATE = """
dir=$1; name=$2; prepare=$3; shift 3
mount -t tmpfs -o mode=755 tmpfs "$dir/private"
mkdir "$dir/private/upper" "$dir/private/work"
if ! mount -t overlay overlay -o "lowerdir=/etc,upperdir=$dir/private/upper,workdir=$dir/private/work" /etc; then
    mkdir "$dir/private/etc"
    cp -a /etc/. "$dir/private/etc"
    mount --bind "$dir/private/etc" /etc
fi
rm -f /etc/resolv.conf
: > /etc/resolv.conf
[ ! -d /var/lib/dhcp ] || mount --bind "$dir/leases" /var/lib/dhcp
hostname "$name"
eval "$prepare"
cp -a "$dir/etc/." /etc
mount -t tmpfs -o mode=755 tmpfs /run
exec "$@"
"""


def installed_client() -> str:
    """The client that is used where none is named. Raises `LabError` where none is installed."""
    if shutil.which("dhclient"):
        return "dhclient"
    if shutil.which("udhcpc") or shutil.which("busybox"):
        return "udhcpc"
    raise LabError("no DHCP client is installed: apt-get install isc-dhcp-client")


def missing(client: str) -> list[str]:
    """Debian's packages that have the programs that this client is made of, as far as they are not installed."""
    lacks = {
        package
        for programs, package in CLIENTS[client].needs
        if not any(shutil.which(program) for program in programs.split("|"))
    }
    return sorted(lacks)


def start_client(
    lab: Lab, machine: Namespace, interface: str = "lan0", *, client: str | None = None, hostname: str | None = None
) -> DhcpClient:
    """Starts a DHCP client, one of `CLIENTS`, on a machine of the lab. Raises `LabError` where it is not installed."""
    client = client or installed_client()
    packages = missing(client)
    if packages:
        raise LabError(f"{client} is not installed: apt-get install {' '.join(packages)}")
    directory = lab.directory / f"{client}-{machine.role}"
    directory.mkdir(exist_ok=True)
    started = CLIENTS[client](machine, interface, directory, hostname or machine.role, private)
    started.start()
    return started


def private(directory: Path, hostname: str, argv: Sequence[str], prepare: str = "") -> list[str]:
    """The command line that runs `argv` with its own host name, its own copy of /etc, and an empty /run.

    `directory`/etc is laid over /etc. What is written to /var/lib/dhcp lands in `directory`/leases; what else is
    written is gone at the end. `prepare` is shell text that is run when all but /run is done.
    """
    for name in ("private", "leases", "etc"):
        (directory / name).mkdir(exist_ok=True)
    # `slave`: mounts made in here stay in here, and namespaces removed outside vanish in here too.
    unshare = ["unshare", "-m", "-u", "--propagation", "slave"]
    return [*unshare, "sh", "-ec", _PRIVATE, "sh", str(directory), hostname, prepare, *argv]
