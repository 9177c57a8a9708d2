"""busybox udhcpc: with a script that applies option 121, and as Debian ships it, without."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from routerd.lab.clients.client import DhcpClient
from routerd.lab.lease import Lease, parse_udhcpc

_RECORD = """\
    printf '%s\\n' "ip=$ip" "staticroutes=$staticroutes" "router=$router" "lease=$lease" "serverid=$serverid" \\
        > @LEASE@.new
    mv @LEASE@.new @LEASE@
"""

_SCRIPT = f"""#!/bin/sh
# Sets what the lease says and removes what it no longer says; option 121 replaces the router option (RFC 3442).
case $1 in
bound | renew)
    ip -4 address replace "$ip/$mask" dev "$interface"
    routes=$staticroutes
    set -- $routes
    [ $# -gt 0 ] || [ -z "$router" ] || set -- 0.0.0.0/0 "${{router%% *}}"
    wanted=
    while [ $# -gt 1 ]; do
        ip -4 route replace "$1" via "$2" dev "$interface" proto dhcp
        [ "$1" = 0.0.0.0/0 ] && wanted="$wanted default" || wanted="$wanted ${{1%/32}}"
        shift 2
    done
    ip -4 route show dev "$interface" proto dhcp | while read -r prefix rest; do
        case "$wanted " in *" $prefix "*) ;; *) ip -4 route delete "$prefix" dev "$interface" proto dhcp ;; esac
    done
{_RECORD}    ;;
deconfig) ip -4 address flush dev "$interface" ;;
esac
"""

_DEBIAN_SCRIPT = f"""#!/bin/sh
/etc/udhcpc/default.script "$@"
case $1 in
bound | renew)
{_RECORD}    ;;
esac
"""


class Udhcpc(DhcpClient):
    """udhcpc that asks for option 121, with a script that does what OpenWrt's does."""

    name = "udhcpc"
    program = "udhcpc"
    needs: ClassVar[Sequence[tuple[str, str]]] = (("udhcpc|busybox", "udhcpc"),)
    prepare: ClassVar[str | None] = None
    script = _SCRIPT
    options: ClassVar[Sequence[str]] = ("-O", "121")

    @property
    def files(self) -> Path:
        """Where its script and its lease are."""
        return self.directory

    @property
    def seen(self) -> Path:
        """Where the client itself finds them."""
        return self.files

    def command(self) -> list[str]:
        """udhcpc in the foreground; its script writes down the lease when it has applied it."""
        self.files.mkdir(exist_ok=True)
        (self.files / "lease").unlink(missing_ok=True)
        script = self.files / "script"
        script.write_text(self.script.replace("@LEASE@", str(self.seen / "lease")))
        script.chmod(0o755)
        program = ["udhcpc"] if shutil.which("udhcpc") else ["busybox", "udhcpc"]
        said = ["-x", f"hostname:{self.hostname}", "-s", str(self.seen / "script")]
        return [*program, "-f", "-i", self.interface, *self.options, *said]

    def lease(self) -> Lease | None:
        """What the script wrote down."""
        file = self.files / "lease"
        return parse_udhcpc(file.read_text()) if file.exists() else None

    def renew(self) -> None:
        """SIGUSR1."""
        self.process.send_signal(signal.SIGUSR1)

    def release(self) -> None:
        """SIGUSR2; the client stays, without an address, until SIGUSR1."""
        self.process.send_signal(signal.SIGUSR2)


class PlainUdhcpc(Udhcpc):
    """udhcpc without any option, with Debian's own script: it knows nothing of option 121."""

    name = "udhcpc-plain"
    needs = (("udhcpc|busybox", "udhcpc"), ("/etc/udhcpc/default.script", "udhcpc"), ("busybox", "busybox"))
    prepare = 'mount --bind "$dir/leases" /mnt'
    script = _DEBIAN_SCRIPT
    options = ()

    @property
    def files(self) -> Path:
        """Below the directory that is kept."""
        return self.directory / "leases"

    @property
    def seen(self) -> Path:
        """It has its own mount namespace, in which /run is empty."""
        return Path("/mnt")
