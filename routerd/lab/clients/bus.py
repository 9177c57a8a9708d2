"""A D-Bus system bus of a client's own, which starts no services and lasts as long as the client."""

from collections.abc import Sequence
from pathlib import Path

PROGRAMS = (("dbus-daemon", "dbus-daemon"), ("setpriv", "util-linux"))
"""What it takes, each with Debian's package."""

_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

_START = """
mkdir /run/dbus /run/systemd
setpriv --pdeathsig TERM dbus-daemon --config-file=/etc/lab-bus.conf --nofork --nopidfile &
until [ -S /run/dbus/system_bus_socket ]; do
    kill -0 $!
    sleep 0.01
done
exec "$@"
"""


def with_bus(etc: Path, argv: Sequence[str]) -> list[str]:
    """The command line that starts a bus and then becomes `argv`; the bus's configuration goes into `etc`."""
    (etc / "lab-bus.conf").write_text(_CONFIG)
    return ["sh", "-ec", _START, "sh", *argv]
