"""configs/masquerade-and-forwards.toml as it is, on Host β of the example network."""

import pytest

from tests.net.config_scene import ConfigRun, rename
from tests.net.nat_scene import Question, ask, serve
from tests.net.site import Site, soon

pytestmark = pytest.mark.net


def test_both_sides_begin_and_no_host_has_a_route(site: Site) -> None:
    example = site.example
    example.b.ip("address add 192.168.200.22/24 dev lan0")
    serve(site.lab, example.a, [80, 5000, 5005])
    serve(site.lab, example.b, [8000])
    rename(example.beta, "lan0", "eth0")
    example.beta.ip("route add default via 192.168.200.1")
    run = ConfigRun(site.lab, example.beta, "masquerade-and-forwards.toml", tunnel=example.tunnel_beta.interface)
    daemon = run.start()
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


def _said(address: str) -> list[str]:
    return [f"{address} {port}" for port in (80, 5005, 5000)]
