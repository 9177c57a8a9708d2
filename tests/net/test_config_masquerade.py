"""configs/masquerade-and-forwards.toml as it is, on Host β of the example network."""

import sys
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from tests.net.nat_scene import Question, ask, serve
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

CONFIG = Path(__file__).parents[2] / "configs" / "masquerade-and-forwards.toml"

# The file names no paths, so the daemon takes the usual ones, where it finds the test's own. WireGuard's socket, if it
# has one, is called as the interface was before.
_RUN = """
mkdir -p "$1/run"
mount --bind "$1" /mnt
[ ! -e "/run/wireguard/$2.sock" ] || { touch /mnt/wg0.sock; mount --bind "/run/wireguard/$2.sock" /mnt/wg0.sock; }
mount -t tmpfs none /run
mount -t tmpfs none /var/lib
mkdir /run/routerd /run/wireguard
mount --bind /mnt/run /run/routerd
[ ! -e /mnt/wg0.sock ] || { touch /run/wireguard/wg0.sock; mount --bind /mnt/wg0.sock /run/wireguard/wg0.sock; }
exec "$3" -m routerd run --config "$4"
"""


def test_both_sides_begin_and_no_host_has_a_route(site: Site) -> None:
    example = site.example
    example.b.ip("address add 192.168.200.22/24 dev lan0")
    serve(site.lab, example.a, [80, 5000, 5005])
    serve(site.lab, example.b, [8000])
    daemon = _start(site)
    assert (
        ask(example.a, ("tcp", "192.168.200.22", 8000), ("udp", "192.168.200.22", 8000)) == ["192.168.200.2 8000"] * 2
    )
    here = "192.168.200.2"
    questions: list[Question] = [("tcp", here, 8080), ("udp", here, 20005), ("udp", here, 20000)]
    soon("Endpoint A sees the host", lambda: ask(example.b, *questions) == _said("192.168.200.22"))
    assert ask(example.beta, *questions) == _said(here)
    assert "flow tcp 10.0.0.1:" in site.log()
    assert daemon.get("/v1/problems")[1] == {"problems": []}
    # With the AllowedIPs of the field's recipe for port forwarding alone it sees Host β.
    key = example.tunnel_beta.keys.public
    example.a.run(["wg", "set", example.tunnel_a.interface, "peer", key, "allowed-ips", "10.0.0.2/32"])
    soon("Endpoint A sees Host β", lambda: ask(example.b, *questions, timeout=4.0) == _said("10.0.0.2"))
    assert daemon.stop() == 0


def _start(site: Site) -> Daemon:
    """Start the daemon with the file, on interfaces that have the names in it."""
    beta, directory, before = site.example.beta, site.lab.directory, site.example.tunnel_beta.interface
    for name, wanted in ((before, "wg0"), ("lan0", "eth0")):
        beta.ip(f"link set {name} down", f"link set {name} name {wanted}", f"link set {wanted} up")
    beta.ip("route add default via 192.168.200.1")
    argv = ["sh", "-ec", _RUN, "sh", str(directory), before, sys.executable, str(CONFIG)]
    program = beta.popen(argv, name="routerd")
    daemon = Daemon(beta, CONFIG, directory / "run" / "routerd.sock", program)
    daemon.wait_ready()
    return daemon


def _said(address: str) -> list[str]:
    return [f"{address} {port}" for port in (80, 5005, 5000)]
