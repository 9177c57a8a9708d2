"""`--confirm` with a DHCP server that stays: what it was told on trial is taken back as well."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from routerd.lab.daemon import Daemon
from tests.net.beside_scene import ROUTES, Beside, read
from tests.net.confirm_scene import Trial, kill_at_random_moments
from tests.net.kea_scene import KeaScene
from tests.net.own import kill
from tests.net.site import Site, soon

needs_dnsmasq = pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base")
needs_kea = pytest.mark.skipif(shutil.which("kea-dhcp4") is None, reason="needs kea-dhcp4-server")
pytestmark = pytest.mark.net

BOTH = [121, 249]
NOTE = "kept current by routerd"
_DHCP = re.compile(r"  \[lan\.dhcp\]\n.*?(?=\n\[\[lan\.forward|\n\[probe\])", re.DOTALL)
WAYS = pytest.mark.parametrize("helper_too", [False, True], ids=["helper", "as systemd does"])


class ServedTrial(Trial):
    """What is tried leaves DHCP to another server, as the configuration `other` does. `text` is without DHCP, `served`
    leaves it to that server and is otherwise the same.
    """

    def __init__(self, site: Site, other: str) -> None:
        super().__init__(site)
        found = _DHCP.search(other)
        assert found is not None
        section = found[0]
        self.served = _DHCP.sub(lambda _: section, self.text)
        self.tried = _DHCP.sub(lambda _: section, self.tried)
        self.text = _DHCP.sub("", self.text)
        self.told: Callable[[], object] = lambda: None

    @property
    def record(self) -> Path:
        """The file that remembers servers."""
        return self.files / "beside-servers"

    def everything(self) -> list[str]:
        """Also what the other server was told."""
        return [*super().everything(), str(self.told()), read(self.record)]

    def end(self, daemon: Daemon, *, helper_too: bool) -> None:
        """Kill the daemon; its helper takes back, or, without one, the next start does and then refuses to run."""
        if not helper_too:
            kill(daemon)
            return
        os.kill(self.helper(daemon), signal.SIGKILL)
        kill(daemon)
        assert self.start(text=self.config.read_text(), ready=False).process.wait(15) == 2

    def is_over(self) -> None:
        """Wait until whoever takes back is done."""
        soon("the trial is over", lambda: (self.mark() or {"snapshot": 0})["snapshot"] is None, limit=10.0)


@pytest.fixture
def beside(site: Site) -> Beside:
    return Beside(site)


@pytest.fixture
def with_dnsmasq(site: Site, beside: Beside) -> ServedTrial:
    trial = ServedTrial(site, beside.config)
    site.lab.directory.chmod(0o755)
    trial.told = lambda: beside.options_file.read_text() if beside.options_file.exists() else None
    return trial


@pytest.fixture
def kea(site: Site) -> KeaScene:
    return KeaScene(site)


@pytest.fixture
def with_kea(site: Site, kea: KeaScene) -> ServedTrial:
    trial = ServedTrial(site, kea.text())
    trial.told = lambda: json.dumps(kea.config, sort_keys=True)
    return trial


# ---------------------------------------------------------------- dnsmasq


@needs_dnsmasq
@WAYS
def test_dnsmasq_loses_the_routes(with_dnsmasq: ServedTrial, beside: Beside, helper_too: bool) -> None:
    trial = with_dnsmasq
    beside.start()
    before = trial.everything()
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    assert trial.record.exists()
    trial.end(daemon, helper_too=helper_too)
    trial.is_as(before)
    trial.is_over()
    assert not beside.options_file.exists()
    assert beside.routes() == b""


@needs_dnsmasq
def test_dnsmasq_at_the_deadline_and_after_a_stop(with_dnsmasq: ServedTrial, beside: Beside) -> None:
    trial = with_dnsmasq
    beside.options_file.write_text("")
    beside.start()
    before = trial.everything()
    daemon = trial.start("--confirm", "2s", text=trial.tried)
    assert daemon.process.wait(15) == 1
    assert "all is as it was before" in trial.site.log()
    assert trial.everything() == before
    assert beside.routes() == b""
    daemon = trial.start("--confirm", "60s", text=f"{trial.tried}# again\n")
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    assert daemon.stop() == 0
    assert trial.everything() == before
    assert beside.routes() == b""


@needs_dnsmasq
@WAYS
def test_dnsmasq_has_what_an_earlier_routerd_left(with_dnsmasq: ServedTrial, beside: Beside, helper_too: bool) -> None:
    trial = with_dnsmasq
    beside.start()
    daemon = trial.start(text=trial.served)
    soon("dnsmasq tells the routes", lambda: beside.routes() == ROUTES)
    trial.settled()
    kill(daemon)
    before = trial.everything()
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    soon("dnsmasq tells more", lambda: len(beside.routes()) > len(ROUTES))
    trial.end(daemon, helper_too=helper_too)
    trial.is_as(before)
    trial.is_over()
    assert beside.routes() == ROUTES


@needs_dnsmasq
def test_dnsmasq_after_a_reload(with_dnsmasq: ServedTrial, beside: Beside) -> None:
    trial = with_dnsmasq
    # routerd had no use for the right to signal others when it started.
    beside.start(user="root")
    daemon = trial.start()
    before = trial.settled()
    trial.config.write_text(trial.tried)
    assert trial.run("reload", "--confirm", "3s").returncode == 0
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    soon("it is taken back", lambda: trial.problems(daemon) == ["configuration-rolled-back"])
    assert not beside.options_file.exists()
    assert beside.routes() == b""
    trial.is_as(before)
    # And where the daemon is killed.
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    kill(daemon)
    trial.is_as(before)
    trial.is_over()
    assert beside.routes() == b""


@needs_dnsmasq
def test_a_server_that_a_second_reload_names(with_dnsmasq: ServedTrial, beside: Beside) -> None:
    trial = with_dnsmasq
    beside.start(user="root")
    daemon = trial.start()
    before = trial.settled()
    trial.config.write_text(f"{trial.text}# the same\n")
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    trial.config.write_text(trial.tried)
    assert trial.run("reload").returncode == 0
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    kill(daemon)
    trial.is_as(before)
    assert beside.routes() == b""


@needs_dnsmasq
def test_dnsmasq_at_random_moments(with_dnsmasq: ServedTrial, beside: Beside) -> None:
    beside.start()
    kill_at_random_moments(with_dnsmasq, 3, 2.0, seed=8)
    soon("dnsmasq tells nothing", lambda: beside.routes() == b"")


# ---------------------------------------------------------------- Kea


@needs_kea
@WAYS
@pytest.mark.parametrize("comment", ["", "mine"], ids=["written by Kea", "with comments"])
def test_kea_loses_the_options(with_kea: ServedTrial, kea: KeaScene, helper_too: bool, comment: str) -> None:
    trial = with_kea
    kea.write(comment=comment)
    kea.start()
    before, file = trial.everything(), kea.file.read_text()
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    soon("Kea has the options", lambda: kea.own() == BOTH)
    if not comment:
        soon("its file too", lambda: NOTE in kea.file.read_text())
    trial.end(daemon, helper_too=helper_too)
    trial.is_as(before)
    trial.is_over()
    assert NOTE not in kea.file.read_text()
    assert kea.file.read_text() == file if comment else json.loads(kea.file.read_text())["Dhcp4"] == kea.config
    assert not trial.record.exists()


@needs_kea
def test_kea_has_what_an_earlier_routerd_left(with_kea: ServedTrial, kea: KeaScene) -> None:
    trial = with_kea
    pool = {"pool": "192.168.200.110 - 192.168.200.119", "option-data": [{"name": "routers", "data": "192.168.200.7"}]}
    subnet = kea.settings()["subnet4"][0]
    kea.write(subnet4=[{**subnet, "pools": [*subnet["pools"], pool]}])
    kea.start()
    daemon = trial.start(text=trial.served)
    soon("Kea has the options", lambda: kea.own() == BOTH)
    soon("its file too", lambda: NOTE in kea.file.read_text())
    trial.settled()
    kill(daemon)
    before, file = trial.everything(), kea.file.read_text()
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    soon("Kea has more", lambda: trial.everything()[-2] != before[-2])
    soon("its file too", lambda: kea.file.read_text() != file)
    trial.end(daemon, helper_too=False)
    trial.is_as(before)
    trial.is_over()
    soon("its file too", lambda: json.loads(kea.file.read_text()) == json.loads(file))


@needs_kea
def test_edits_in_a_trial_stay(with_kea: ServedTrial, kea: KeaScene) -> None:
    trial = with_kea
    kea.write(comment="mine")
    kea.start()
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    soon("Kea has the options", lambda: kea.own() == BOTH)
    edited = {**kea.config, "valid-lifetime": 1234}
    kea.ask("config-set", {"Dhcp4": edited})
    kill(daemon)
    soon("the options are gone", lambda: kea.own() == [])
    trial.is_over()
    assert kea.config["valid-lifetime"] == 1234


@needs_kea
@pytest.mark.parametrize("then", ["start", "clean"])
def test_a_kea_that_hangs_is_left(with_kea: ServedTrial, kea: KeaScene, then: str) -> None:
    trial = with_kea
    kea.write()
    kea.start()
    before = trial.everything()
    kernel = Trial.everything(trial)
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    soon("Kea has the options", lambda: kea.own() == BOTH)
    kea.pause()
    begun = time.monotonic()
    kill(daemon)
    soon("the kernel is as it was", lambda: Trial.everything(trial) == kernel)
    soon("it is said", lambda: f"kea {kea.socket}: options 121 and 249 of the trial may still" in trial.site.log())
    assert time.monotonic() - begun < 8
    assert trial.record.exists()
    mark = trial.mark()
    assert mark is not None
    assert not mark["is_pending"]
    kea.go_on()
    assert kea.own() == BOTH
    if then == "clean":
        assert f"options 121 and 249 from Kea at {kea.socket}" in trial.clean()["servers"]
        trial.is_as(before)
        assert trial.mark() is None
        return
    assert trial.start(text=trial.tried, ready=False).process.wait(15) == 2
    trial.is_as(before)
    assert kea.own() == []
    mark = trial.mark()
    assert mark is not None
    assert mark["snapshot"] is None


@needs_kea
def test_a_kea_that_hangs_at_the_begin_and_another_configuration(with_kea: ServedTrial, kea: KeaScene) -> None:
    trial = with_kea
    kea.write()
    kea.start()
    before = trial.everything()
    kea.pause()
    daemon = trial.start("--confirm", "60s", text=trial.tried, ready=False)
    soon("it is said", lambda: "it is left without options of routerd's" in trial.site.log())
    kea.go_on()
    soon("Kea has the options", lambda: kea.own() == BOTH)
    kea.pause()
    kill(daemon)
    soon("it is said", lambda: "of the trial may still be handed out" in trial.site.log(), limit=15.0)
    kea.go_on()
    daemon = trial.start()
    soon("the next daemon takes them away", lambda: kea.own() == [])
    soon("it forgets the server", lambda: not trial.record.exists())
    assert daemon.stop() == 0
    trial.is_as(before)
