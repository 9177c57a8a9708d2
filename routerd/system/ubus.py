"""What OpenWrt's netifd says of its interfaces."""

import os
import shutil
import subprocess

_TIMEOUT = 3.0


def network_dump() -> str | None:
    """What `ubus call network.interface dump` prints; None where there is no ubus, or no answer within 3 seconds."""
    program = shutil.which("ubus")
    if program is None:
        return None
    command = [program, "-t", "2", "call", "network.interface", "dump"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def is_openwrt() -> bool:
    """Is this a router on which procd runs services, and UCI holds dnsmasq's configuration?"""
    return os.path.exists("/sbin/procd") and os.path.exists("/etc/config/dhcp")
