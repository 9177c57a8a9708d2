"""configs/rip.toml as it is, on Host β of the example network, with FRR on gw and BIRD on another router."""

import pytest

from routerd.lab.lab import Lab
from routerd.lab.talk import tcp_talk
from tests.net.config_scene import CONFIGS, ConfigRun, fine, rename, seen
from tests.net.rip_routers import MISSING
from tests.net.rip_scene import INNER, VPN, RipScene
from tests.net.site import soon

pytestmark = [pytest.mark.net, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]

KEY, SECRET = "/etc/routerd/rip.key", "correct-battery"
A, BETA = "10.0.0.1", "192.168.200.2"


def test_rip() -> None:
    with Lab() as lab:
        scene = RipScene(lab)
        _by_hand(scene)
        rename(scene.beta, "lan0", "eth0")
        scene.beta.ip("route add default via 192.168.200.1")
        secret = lab.directory / "rip.key"
        secret.write_text(f"{SECRET}\n")
        secret.chmod(0o600)
        tunnel = scene.example.tunnel_beta.interface
        daemon = ConfigRun(lab, scene.beta, "rip.toml", tunnel=tunnel, secrets={KEY: secret.name}).start()
        routers = (scene.frr, scene.bird)
        soon("the routers have the route", lambda: [one.routes().get(VPN) for one in routers] == [BETA] * 2)
        soon("what is behind them is learned", lambda: scene.learned() == {INNER: "192.168.200.6"})
        for host, address in ((scene.example.b, "192.168.200.22"), (scene.c, "192.168.60.7")):
            assert "10.0.0.0/24" not in host.run(["ip", "route"]).stdout
            assert tcp_talk(host, scene.example.a, A).source == address
            seen(scene.example.a, host, address, A)
        fine(daemon)
        soon("the routers have forgotten it", lambda: not any(VPN in one.routes() for one in routers))


def _by_hand(scene: RipScene) -> None:
    """What the head of the file says of the other routers, word for word but for the interface; and start them."""
    text = (CONFIGS / "rip.toml").read_text(encoding="utf-8").replace("SECRET", SECRET).replace("eth0", "lan0")
    lines = [line.removeprefix("#").removeprefix("     ") for line in text.partition("\n[[vpn]]")[0].splitlines()]
    frr = lines[lines.index("key chain vpn") :]
    scene.frr.texts = {"zebra": "", "ripd": "\n".join(frr[: frr.index("")]) + "\n"}
    bird = lines[lines.index("protocol rip { ipv4 { import all; export where source = RTS_DEVICE; };") :]
    scene.bird.text = _BIRD + "\n".join(bird[: bird.index("")]) + "\n"
    scene.frr.start()
    scene.bird.start()
    # What it asks for then it does not sign, so nobody answers, and it would wait for the next update.
    soon("FRR hears", lambda: "224.0.0.9" in scene.example.gw.run(["ip", "maddress", "show", "dev", "lan0"]).stdout)


_BIRD = """
router id 192.168.200.6;
protocol device { }
protocol direct { ipv4; interface "inner0"; }
protocol kernel { ipv4 { export where source = RTS_RIP; }; }
"""
