"""`--confirm` with a DHCP server that stays: what it was told on trial is taken back as well."""

import json
import os
import shutil
import signal
import time

import pytest

from tests.net.beside_scene import ROUTES, Beside
from tests.net.confirm_beside_scene import NOTE, ServedTrial, with_dnsmasq, with_kea
from tests.net.confirm_scene import Trial, kill_at_random_moments
from tests.net.kea_scene import KeaScene
from tests.net.own import UID, kill
from tests.net.site import Site, soon

needs_dnsmasq = pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs dnsmasq-base")
needs_kea = pytest.mark.skipif(shutil.which("kea-dhcp4") is None, reason="needs kea-dhcp4-server")
pytestmark = pytest.mark.net

BOTH = [121, 249]
WAYS = pytest.mark.parametrize("helper_too", [False, True], ids=["helper", "as systemd does"])


@pytest.fixture
def beside(site: Site) -> Beside:
    return Beside(site)


@pytest.fixture
def kea(site: Site) -> KeaScene:
    return KeaScene(site)


@pytest.fixture
def dnsmasq_trial(site: Site, beside: Beside) -> ServedTrial:
    return with_dnsmasq(site, beside)


@pytest.fixture
def kea_trial(site: Site, kea: KeaScene) -> ServedTrial:
    return with_kea(site, kea)


# ---------------------------------------------------------------- dnsmasq


@needs_dnsmasq
@WAYS
def test_dnsmasq_loses_the_routes(dnsmasq_trial: ServedTrial, beside: Beside, helper_too: bool) -> None:
    trial = dnsmasq_trial
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


@pytest.mark.long
@needs_dnsmasq
def test_dnsmasq_at_the_deadline_and_after_a_stop(dnsmasq_trial: ServedTrial, beside: Beside) -> None:
    trial = dnsmasq_trial
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


@pytest.mark.long
@needs_dnsmasq
@WAYS
def test_dnsmasq_has_what_an_earlier_routerd_left(dnsmasq_trial: ServedTrial, beside: Beside, helper_too: bool) -> None:
    trial = dnsmasq_trial
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


@pytest.mark.long
@needs_dnsmasq
def test_dnsmasq_after_a_reload(dnsmasq_trial: ServedTrial, beside: Beside) -> None:
    trial = dnsmasq_trial
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


@pytest.mark.long
@needs_dnsmasq
def test_a_server_that_a_second_reload_names(dnsmasq_trial: ServedTrial, beside: Beside) -> None:
    trial = dnsmasq_trial
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


@pytest.mark.long
@needs_dnsmasq
def test_as_a_user_of_its_own(dnsmasq_trial: ServedTrial, beside: Beside) -> None:
    trial = dnsmasq_trial
    beside.start()
    os.chown(beside.directory, UID, UID)
    before = trial.everything()
    daemon = trial.start("--user", str(UID), "--confirm", "60s", text=trial.tried)
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    kill(daemon)
    trial.is_as(before)
    trial.is_over()
    assert beside.routes() == b""


@pytest.mark.long
@needs_dnsmasq
def test_without_the_right_to_signal_dnsmasq(dnsmasq_trial: ServedTrial, beside: Beside) -> None:
    trial = dnsmasq_trial
    beside.start()
    daemon = trial.start()
    before = trial.settled()
    trial.config.write_text(trial.tried)
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    soon("the file is written", beside.options_file.exists)
    # As its administrator does, or routerd-dnsmasq.path.
    assert beside.process is not None
    beside.process.send_signal(signal.SIGHUP)
    soon("dnsmasq tells the routes", lambda: len(beside.routes()) > len(ROUTES))
    kill(daemon)
    trial.is_as(before)
    trial.is_over()
    said = f"{beside.options_file} is as it was before the trial; dnsmasq has to read it again (SIGHUP), by routerd-"
    assert said in trial.site.log()
    beside.process.send_signal(signal.SIGHUP)
    soon("dnsmasq tells nothing", lambda: beside.routes() == b"")


@pytest.mark.long
@needs_dnsmasq
def test_dnsmasq_at_random_moments(dnsmasq_trial: ServedTrial, beside: Beside) -> None:
    beside.start()
    kill_at_random_moments(dnsmasq_trial, 3, 2.0, seed=8)
    soon("dnsmasq tells nothing", lambda: beside.routes() == b"")


# ---------------------------------------------------------------- Kea


@needs_kea
@WAYS
@pytest.mark.parametrize(
    "comment",
    [pytest.param("", id="written by Kea"), pytest.param("mine", id="with comments", marks=pytest.mark.long)],
)
def test_kea_loses_the_options(kea_trial: ServedTrial, kea: KeaScene, helper_too: bool, comment: str) -> None:
    trial = kea_trial
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


@pytest.mark.long
@needs_kea
def test_kea_has_what_an_earlier_routerd_left(kea_trial: ServedTrial, kea: KeaScene) -> None:
    trial = kea_trial
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


@pytest.mark.long
@needs_kea
def test_edits_in_a_trial_stay(kea_trial: ServedTrial, kea: KeaScene) -> None:
    trial = kea_trial
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


@pytest.mark.long
@needs_kea
@pytest.mark.parametrize("then", ["start", "clean"])
def test_a_kea_that_hangs_is_left(kea_trial: ServedTrial, kea: KeaScene, then: str) -> None:
    trial = kea_trial
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


@pytest.mark.long
@needs_kea
def test_a_kea_that_hangs_at_the_begin_and_another_configuration(kea_trial: ServedTrial, kea: KeaScene) -> None:
    trial = kea_trial
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
