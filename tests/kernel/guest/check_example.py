"""The example network from end to end, all of it carried by the kernel's WireGuard."""

import io
from pathlib import Path

from routerd.lab.demo import demo
from tests.kernel.guest.conftest import Recorder


def test_every_step_of_the_demonstration_holds(tmp_path: Path, patience: None, record_property: Recorder) -> None:
    out = io.StringIO()
    code = demo(out, tmp_path)
    text = out.getvalue()
    assert code == 0, text
    for found in (
        "WireGuard by the kernel",
        "udhcpc on Endpoint B got 192.168.200.22 from 192.168.200.2",
        "Endpoint B sees source 10.0.0.1",
        "Endpoint A sees source 192.168.200.22",
        "endpoint-a is reachable (up",
        "endpoint-a is unreachable (down)",
        "All 13 steps held",
    ):
        assert found in text, text
    for line in text.splitlines():
        if line.endswith(" s") or line.startswith("All"):
            record_property("step", line.strip())
