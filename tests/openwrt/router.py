"""A router with OpenWrt's places and BusyBox's shell: this machine's root with openwrt/ and played programs over it.

It is a mount and a network namespace of its own. ROUTERD_OPENWRT names a directory whose files come over the played
ones, such as the real usr/sbin/uci of a build. What is packaged there runs instead of the checkout.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.openwrt.feed import PROGRAM, TOP

PLAYED = Path(__file__).parent / "played"
_SETUP = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/over" "$1/work" "$1/root"
cp -R "$2/." "$3/files/." "$1/over/"
[ -z "$6" ] || cp -RH "$6/." "$1/over/"
cp -R "$1/over/lib/." "$1/over/usr/lib/" && rm -r "$1/over/lib" # Debian's /lib is a link
ln -s busybox "$1/over/usr/bin/ash"; ln -s busybox "$1/over/usr/bin/sh"
if [ -d "$6/usr/lib/routerd/routerd" ]; then
    ln -s "$5" "$1/over/usr/bin/python3"
else
    cat >"$1/over/usr/bin/routerd" <<END
#!/bin/sh
PYTHONPATH=$4 exec "$5" -m routerd "\\$@"
END
fi
chmod 755 "$1/over/usr/bin/routerd"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/over,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mount -t tmpfs tmpfs "$1/root/tmp"
mkdir "$1/root/tmp/devices" "$1/root/tmp/.uci"
rm -rf "$1/root/etc/rc.d" && mkdir "$1/root/etc/rc.d"
for file in passwd group; do cp "$1/root/etc/$file" "$1/root/etc/$file.new"; done
grep -q ^routerd: "$1/root/etc/passwd" || echo routerd:x:812:812::/var/run/routerd:/bin/false >>"$1/root/etc/passwd"
grep -q ^routerd: "$1/root/etc/group" || echo routerd:x:812: >>"$1/root/etc/group"
ip link set lo up
for each in br-lan=192.168.1.1/24 wg0=10.0.0.2/24; do
	ip link add "${each%=*}" type bridge
	ip address add "${each#*=}" dev "${each%=*}"
	ip link set "${each%=*}" up
done
echo ready
exec cat
"""


class Router:
    """One router; `close` ends it. `log` is what procd was told since the last call of `init`."""

    def __init__(self, directory: Path, packages: Path | None = None) -> None:
        """`packages`: as ROUTERD_OPENWRT."""
        self._root = directory / "router"
        self._root.mkdir()
        real = str(packages or os.environ.get("ROUTERD_OPENWRT", ""))
        python = os.path.realpath(sys.executable) if packages else sys.executable
        arguments = [self._root, PLAYED, PROGRAM, TOP, python, real]
        words = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-ec", _SETUP, "sh"]
        self._holder = subprocess.Popen(
            [*words, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        self.log: list[str] = []
        self.said = ""

    def close(self) -> None:
        """Nothing is left: mounts vanish with the namespace."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(timeout=10)
        self._holder.stdout.close()

    def run(self, script: str, *, fails: bool = False) -> str:
        """Run a script in the router's shell; its output. It must succeed, or fail if that is what is expected."""
        enter = ["nsenter", f"--target={self._holder.pid}", "--mount", "--net", "chroot", str(self._root / "root")]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*enter, "busybox", "ash", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
            cwd="/",
        )
        self.said = done.stderr
        assert (done.returncode != 0) is fails, f"{script}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def init(self, action: str) -> str:
        """Run /etc/init.d/routerd ACTION."""
        start = f": >/tmp/procd.log; ash /etc/rc.common /etc/init.d/routerd {action}"
        script = f"{start}; echo; echo ==; cat /tmp/procd.log"
        out, _, log = self.run(script).rpartition("\n==\n")
        self.log = log.splitlines()
        return out

    def read(self, path: str) -> str:
        """A file of the router."""
        return self.run(f"cat {path}")

    def write(self, path: str, text: str) -> None:
        """Replace a file of the router."""
        self.run(f"cat >{path} <<'END-OF-FILE'\n{text}END-OF-FILE\n")

    def uci(self, words: str) -> str:
        """What uci prints; nothing where there is no such entry."""
        return self.run(f"uci -q {words} || :").strip()

    def reboot(self) -> None:
        """Memory is lost, flash stays."""
        self.run("rm -rf /var/run/* /tmp/procd.log /tmp/syslog /tmp/dnsmasq.log")
