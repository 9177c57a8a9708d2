"""Authentication of RIPv2 with FRR and BIRD: every kind that each of them knows, in both directions."""

from datetime import datetime
from time import time

import pytest

from routerd.lab.daemon import Daemon
from routerd.lab.lab import Lab
from tests.net.rip_routers import MISSING
from tests.net.rip_scene import BETA, INNER, VPN, RipScene, bird_text
from tests.net.site import soon

pytestmark = [pytest.mark.net, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]

LEARN = ("learn = true", 'import = ["192.168.0.0/16"]')
ALGORITHMS = {
    "plain": "plaintext",
    "md5": "keyed md5",
    "hmac-sha-1": "hmac sha1",
    "hmac-sha-256": "hmac sha256",
    "hmac-sha-384": "hmac sha384",
    "hmac-sha-512": "hmac sha512",
}
"""As BIRD names them. FRR has the first two."""
FRR_MODES = {"plain": "text", "md5": "md5"}


@pytest.mark.long
def test_every_authentication_is_believed_in_both_directions() -> None:
    with Lab() as lab:
        scene = RipScene(lab)
        (lab.directory / "rip.key").write_text("correct-battery\n")
        (lab.directory / "rip.key").chmod(0o600)
        scene.frr.start("zebra", "ripd")
        scene.bird.start()
        daemon = scene.start(*LEARN)
        for number, algorithm in enumerate(ALGORITHMS, start=1):
            _use(scene, daemon, number, algorithm)
            _wrong_keys_are_seen(scene, daemon, algorithm)


@pytest.mark.long
def test_a_key_that_cannot_be_used_at_the_start_silences_rip_and_nothing_else() -> None:
    with Lab() as lab:
        scene = RipScene(lab)
        scene.bird.text = bird_text(bird_key(7, "md5"))
        scene.bird.start()
        rip = f'[lan.rip]\nupdate_interval = "1s"\n{key_text(scene, 7, "md5")}'
        daemon = scene.site.start(scene.site.config.replace("[probe]", f"{rip}[probe]"), ready=False)
        scene.site.client("udhcpc").wait_lease()

        def problems() -> dict[str, str]:
            return {one["code"]: one["text"] for one in daemon.get("/v1/problems")[1]["problems"]}

        soon("it is said", lambda: "RIPv2 is not spoken" in problems().get("rip-key", ""))
        assert "rip lan0 v2" in daemon.get("/readyz")[1]
        daemon.process.send_signal(1)
        soon("a reload refuses it", lambda: "secret_file" in problems().get("config-invalid", ""))
        assert scene.bird.routes() == {}
        (lab.directory / "rip.key").write_text("correct-battery\n")
        (lab.directory / "rip.key").chmod(0o600)
        daemon.process.send_signal(1)
        soon("BIRD believes it", lambda: scene.bird.routes().get(VPN) == BETA)
        soon("the problems are over", lambda: problems() == {})


def key_text(scene: RipScene, number: int, algorithm: str, *lines: str) -> str:
    """A key of routerd's configuration; its secret is in a file of the lab."""
    path = scene.lab.directory / "rip.key"
    own = ["[[lan.rip.key]]", f"id = {number}", f'algorithm = "{algorithm}"', f'secret_file = "{path}"', *lines]
    return "\n".join(own) + "\n"


def bird_key(number: int, algorithm: str, secret: str = "correct-battery", more: str = "") -> str:
    """The same for BIRD."""
    if algorithm == "plain":
        return f'authentication plaintext; password "{secret}";'
    options = f"id {number}; algorithm {ALGORITHMS[algorithm]}; {more}"
    return f'authentication cryptographic; password "{secret}" {{ {options} }};'


def frr_key(number: int, mode: str) -> list[str]:
    """The same for FRR, as commands."""
    chain = [f"key chain site{number}", f"key {number}", "key-string correct-battery", "exit", "exit"]
    use = [f"ip rip authentication mode {mode}", f"ip rip authentication key-chain site{number}"]
    return ["configure terminal", *chain, "interface lan0", *use]


def _use(scene: RipScene, daemon: Daemon, number: int, algorithm: str) -> None:
    """Give all three the same key, have both routers forget all, and see them and routerd learn again."""
    scene.reload(daemon, scene.config(*LEARN, keys=key_text(scene, number, algorithm)))
    scene.bird.configure(bird_text(bird_key(number, algorithm)))
    scene.bird.ask("restart", "rip4")
    if algorithm in FRR_MODES:
        scene.frr.ask(*frr_key(number, FRR_MODES[algorithm]))
        scene.frr.ask("clear ip rip")
        soon(f"FRR believes {algorithm}", lambda: scene.frr.routes().get(VPN) == BETA)
    soon(f"BIRD believes {algorithm}", lambda: scene.bird.routes().get(VPN) == BETA)
    began = time()
    # A change is what FRR tells at once.
    scene.example.gw.ip(f"address add 198.51.100.{number}/32 dev lo")
    heard = {"192.168.200.6", *(("192.168.200.1",) if algorithm in FRR_MODES else ())}
    soon(f"routerd believes {algorithm}", lambda: heard <= _updated(scene, daemon, began))
    assert scene.learned() == {INNER: "192.168.200.6"}
    assert scene.speaker(daemon)["key"] == number


def _updated(scene: RipScene, daemon: Daemon, since: float) -> set[str]:
    rows = [row for row in scene.speaker(daemon)["neighbours"] if row["last_update"]]
    return {row["address"] for row in rows if datetime.fromisoformat(row["last_update"]).timestamp() >= since}


def _wrong_keys_are_seen(scene: RipScene, daemon: Daemon, algorithm: str) -> None:
    """Nothing that is signed otherwise is believed, and it is said whose packets those are."""
    if algorithm != "hmac-sha-512":
        return
    scene.bird.configure(bird_text(bird_key(6, algorithm, secret="wrong-battery")))

    def said() -> bool:
        problems = {one["code"]: one["text"] for one in daemon.get("/v1/problems")[1]["problems"]}
        return "192.168.200.6" in problems.get("rip-authentication", "")

    soon("the problem is shown", said)
