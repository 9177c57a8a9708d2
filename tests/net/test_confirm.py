"""`--confirm`: what is not confirmed is taken back exactly, whatever becomes of the daemon and of its helper."""

import json
import os
import signal
import time

import pytest

from routerd.lab.lab import Lab
from tests.net.alias_scene import Aliased
from tests.net.confirm_scene import Trial, is_gone, resident, stop_for_a_while
from tests.net.own import UID, kill
from tests.net.site import Site, soon

pytestmark = pytest.mark.net

_HELPERS_MOST = 12 << 20


@pytest.fixture
def trial(site: Site) -> Trial:
    return Trial(site)


def test_what_is_not_confirmed_is_taken_back(trial: Trial) -> None:
    before = trial.everything()
    daemon = trial.start("--confirm", "3s", text=trial.tried)
    helper = trial.helper(daemon)
    assert trial.everything() != before
    status = daemon.get("/v1/status")[1]
    assert status["now"] < status["confirm"]["deadline"]
    assert trial.problems(daemon) == ["not-confirmed"]
    assert "is on trial, and is taken back in" in trial.run("status").stdout
    assert resident(helper) < _HELPERS_MOST
    print(f"the helper: {resident(helper) >> 10} KiB")
    assert daemon.process.wait(15) == 1
    assert "was not confirmed in time; all is as it was before" in trial.site.log()
    assert trial.everything() == before
    assert is_gone(helper)


@pytest.mark.long
def test_what_is_confirmed_stays(trial: Trial) -> None:
    before = trial.everything()
    begun = time.monotonic()
    daemon = trial.start("--confirm", "3s", text=trial.tried)
    helper = trial.helper(daemon)
    done = trial.run("confirm")
    assert (done.returncode, done.stdout) == (0, "confirmed: the configuration stays in force\n")
    assert is_gone(helper)
    assert trial.mark() is None
    late = trial.run("confirm")
    assert late.returncode == 1
    assert "nothing to confirm" in late.stderr
    running = trial.settled()
    soon("the deadline is over", lambda: time.monotonic() > begun + 4)
    assert trial.everything() == running
    assert trial.problems(daemon) == []
    assert "confirm" not in daemon.get("/v1/status")[1]
    assert daemon.stop() == 0
    assert trial.everything() == before


def test_killed(trial: Trial) -> None:
    before = trial.everything()
    kill(trial.start("--confirm", "60s", text=trial.tried))
    trial.is_as(before)
    soon("the mark says so", lambda: not (trial.mark() or {"is_pending": True})["is_pending"])
    # What a supervisor does: it must not be in force again without anybody asking for it.
    daemon = trial.start(text=trial.tried, ready=False)
    assert daemon.process.wait(15) == 2
    assert "is not put into force again by itself" in trial.site.log()
    assert trial.everything() == before
    daemon = trial.start()
    assert trial.mark() is None
    assert daemon.stop() == 0


def test_the_helper_is_killed_as_well(trial: Trial) -> None:
    before = trial.everything()
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    os.kill(trial.helper(daemon), signal.SIGKILL)
    running = trial.settled()
    kill(daemon)
    assert trial.everything() == running
    assert trial.start(text=trial.tried, ready=False).process.wait(15) == 2
    assert trial.everything() == before
    # With --confirm it is asked for.
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    assert trial.run("confirm").returncode == 0
    assert trial.settled() == running
    assert daemon.stop() == 0
    assert trial.everything() == before


@pytest.mark.long
def test_what_an_earlier_routerd_left_is_put_back(trial: Trial) -> None:
    kill(trial.start())
    before = trial.everything()
    daemon = trial.start("--confirm", "2s", text=trial.tried)
    assert trial.everything() != before
    assert daemon.process.wait(15) == 1
    assert trial.everything() == before
    kill(trial.start("--confirm", "60s", text=trial.tried))
    trial.is_as(before)
    daemon = trial.start("--confirm", "60s", text=trial.tried)
    assert daemon.stop() == 0
    assert trial.everything() == before
    trial.clean()
    assert trial.mark() is None


def test_a_reload(trial: Trial) -> None:
    daemon = trial.start()
    before = trial.settled()
    trial.config.write_text(trial.tried)
    done = trial.run("reload", "--confirm", "2s")
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "reloaded on trial")
    helper = trial.helper(daemon)
    assert trial.everything() != before
    assert trial.problems(daemon) == ["not-confirmed"]
    soon("it is taken back", lambda: trial.problems(daemon) == ["configuration-rolled-back"])
    assert trial.settled() == before
    assert trial.config.read_text() == trial.tried
    assert trial.run("confirm").returncode == 1
    assert is_gone(helper)
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    # One without a time belongs to the trial.
    within = trial.run("reload")
    assert within.returncode == 0
    assert within.stdout.startswith("reloaded within the trial, whose deadline stays: run `routerd confirm` within ")
    deadline = json.loads(trial.run("reload", "--json").stdout)["confirm"]["deadline"]
    assert deadline == daemon.get("/v1/status")[1]["confirm"]["deadline"]
    assert trial.problems(daemon) == ["not-confirmed"]
    assert trial.run("confirm").returncode == 0
    assert trial.problems(daemon) == []
    confirmed = trial.settled()
    assert confirmed != before
    # Another trial goes back to what was confirmed, not to what was before that.
    trial.config.write_text(trial.text)
    assert trial.run("reload", "--confirm", "1s").returncode == 0
    soon("it is taken back", lambda: trial.problems(daemon) == ["configuration-rolled-back"])
    assert trial.settled() == confirmed
    assert daemon.stop() == 0


@pytest.mark.long
def test_stopped_on_trial(trial: Trial) -> None:
    before = trial.everything()
    daemon = trial.start()
    trial.config.write_text(trial.tried)
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    helper = trial.helper(daemon)
    assert daemon.stop() == 0
    assert is_gone(helper)
    assert trial.everything() == before
    daemon = trial.start(text=trial.tried)
    assert trial.problems(daemon) == ["configuration-rolled-back"]
    assert daemon.stop() == 0


@pytest.mark.parametrize("was_kept", [False, pytest.param(True, marks=pytest.mark.long)])
def test_stopped_on_trial_where_everything_stays(trial: Trial, was_kept: bool) -> None:
    kept = "\n[nat]\nkeep = true\n"
    before = trial.text + kept * was_kept
    assert trial.start(text=before).stop() == 0
    left = trial.settled()
    daemon = trial.start(text=before)
    trial.config.write_text(trial.tried + kept)
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    assert "10.7.0.0/24" in trial.beta.run(["ip", "route"]).stdout
    assert daemon.stop() == 0
    assert "routerd stops before it was confirmed" in trial.site.log()
    assert trial.settled() == left
    assert any("inet routerd" in line for line in left) is was_kept


@pytest.mark.long
def test_a_start_at_once_after_the_kill(trial: Trial) -> None:
    before = trial.everything()
    daemon = trial.start()
    running = trial.settled()
    assert daemon.stop() == 0
    kill(trial.start("--confirm", "60s", text=trial.tried))
    # The helper is at work now, or this one is first: all the same to the outcome.
    daemon = trial.start()
    assert trial.settled() == running
    assert trial.mark() is None
    assert trial.problems(daemon) == []
    assert daemon.stop() == 0
    assert trial.everything() == before


@pytest.mark.long
@pytest.mark.parametrize("helper_too", [False, True], ids=["helper", "as systemd does"])
def test_killed_after_a_reload(trial: Trial, helper_too: bool) -> None:
    daemon = trial.start()
    before = trial.settled()
    trial.config.write_text(trial.tried)
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    tried = trial.settled()
    assert tried != before
    if helper_too:
        os.kill(trial.helper(daemon), signal.SIGKILL)
    kill(daemon)
    trial.is_as(tried if helper_too else before)
    # What a supervisor does: the file is the one that was not confirmed.
    daemon = trial.start(text=trial.tried)
    assert trial.settled() == before
    assert trial.problems(daemon) == ["configuration-rolled-back"]
    # Somebody asks for it.
    assert trial.run("reload").returncode == 0
    assert trial.problems(daemon) == []
    assert trial.mark() is None
    assert daemon.stop() == 0


def test_a_reload_with_faults_is_no_trial(trial: Trial) -> None:
    daemon = trial.start()
    before = trial.settled()
    trial.config.write_text("nonsense = 1\n")
    done = trial.run("reload", "--confirm", "2s")
    # Nobody listens where such a file says by default; the daemon that runs is found all the same.
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert daemon.get("/v1/status")[1].get("confirm") is None
    trial.config.write_text(trial.tried.replace("mtu = 1400", "mtu = 1"))
    done = trial.run("reload", "--confirm", "2s")
    assert done.returncode == 2
    assert "mtu" in done.stderr
    assert trial.mark() is None
    assert trial.problems(daemon) == ["config-invalid"]
    assert trial.everything() == before
    assert daemon.stop() == 0


@pytest.mark.long
def test_a_daemon_that_hangs(trial: Trial) -> None:
    before = trial.everything()
    daemon = trial.start("--confirm", "1500ms", text=trial.tried)
    stop_for_a_while(daemon)
    assert daemon.process.wait(20) == -signal.SIGKILL
    trial.is_as(before)


@pytest.mark.long
def test_as_a_user_of_its_own(trial: Trial) -> None:
    before = trial.everything()
    daemon = trial.start("--user", str(UID), "--confirm", "60s", text=trial.tried)
    assert trial.everything() != before
    kill(daemon)
    trial.is_as(before)


def test_killed_as_soon_as_there_is_a_mark(trial: Trial) -> None:
    before = trial.everything()
    for number in range(3):
        trial.kill_at_its_mark(f"{trial.tried}# {number}\n")
        trial.is_as(before)
        soon("the trial is over", lambda: not (trial.mark() or {}).get("is_pending"))


@pytest.mark.long
def test_proxy_neighbours(lab: Lab) -> None:
    scene = Aliased(lab)
    before = scene.state()
    daemon = scene.start("--confirm", "60s")
    soon("aliases are answered for", lambda: "proxy" in scene.beta.run(["ip", "neighbour", "show", "proxy"]).stdout)
    kill(daemon)
    soon("all is as it was", lambda: scene.state() == before)


@pytest.mark.long
def test_a_trial_that_moves_the_socket(trial: Trial) -> None:
    daemon = trial.start()
    before = trial.settled()
    moved = trial.files / "moved.sock"
    trial.config.write_text(
        trial.tried.replace("127.0.0.1:8121", "127.0.0.1:8122").replace(str(trial.socket), f"{moved}")
    )
    # The file says where it will listen; the daemon listens where it did.
    done = trial.run("reload", "--confirm", "3s")
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "reloaded on trial")
    note = f"note: nobody listens at unix:{moved}; the daemon that runs (process {daemon.process.pid}) listens at "
    assert done.stderr.startswith(f"{note}unix:{trial.socket}, asking there")
    assert moved.exists()
    assert not trial.socket.exists()
    soon("it is taken back", trial.socket.exists)
    soon("it is said", lambda: trial.problems(daemon) == ["configuration-rolled-back"])
    assert trial.settled() == before
    late = trial.run("confirm")
    assert late.returncode == 1
    assert late.stderr.startswith(note)
    assert "nothing to confirm" in late.stderr
    assert trial.run("reload", "--confirm", "60s").returncode == 0
    assert trial.run("confirm").stdout == "confirmed: the configuration stays in force\n"
    assert daemon.process.poll() is None
    daemon.stop()
    gone = trial.run("confirm")
    assert gone.returncode == 1
    assert f"routerd does not answer at unix:{moved}: No such file or directory; is it running?" in gone.stderr


@pytest.mark.long
def test_a_trial_that_moves_the_socket_as_a_user_who_does_not_see_sockets(trial: Trial) -> None:
    user = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
    daemon = trial.start("--user", str(UID))
    moved = trial.files / "moved.sock"
    trial.config.write_text(trial.tried.replace(str(trial.socket), f"{moved}"))
    done = trial.run("reload", "--confirm", "2s", prefix=user)
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "reloaded on trial"), done.stderr
    soon("it is taken back", trial.socket.exists)
    note = f"note: nobody listens at unix:{moved}; the daemon that runs (process {daemon.process.pid}) listens at "
    for words in (("status",), ("leases",), ("reload", "--confirm", "60s")):
        done = trial.run(*words, prefix=user)
        assert (done.returncode, done.stderr.startswith(f"{note}unix:{trial.socket}, ")) == (0, True), done.stderr
    assert trial.run("confirm", prefix=user).returncode == 0
    assert trial.run("status", prefix=user).stderr == ""
    assert daemon.stop() == 0
    assert list(trial.runtime.glob("*listen-*")) == []


@pytest.mark.long
def test_a_socket_beside_what_stays(trial: Trial) -> None:
    only = trial.text.replace(f', "unix:{trial.socket}"', "")
    assert only != trial.text
    daemon = trial.start(text=only, ready=False)
    soon("it answers", lambda: trial.run("status").returncode == 0)
    trial.config.write_text(trial.text)
    done = trial.run("status")
    assert done.returncode == 0
    assert f"(process {daemon.process.pid}) listens at 127.0.0.1:8121, asking there" in done.stderr
    # What is in front is nowhere on this machine, and not to be reached.
    trial.config.write_text(trial.text.replace(f'"127.0.0.1:8121", "unix:{trial.socket}"', '"192.0.2.1:8121"'))
    done = trial.run("status")
    assert done.returncode == 0
    assert "nobody listens at 192.0.2.1:8121; the daemon that runs" in done.stderr
    assert daemon.stop() == 0


@pytest.mark.long
def test_another_lease_store_is_refused_on_trial(trial: Trial) -> None:
    daemon = trial.start()
    store = next(line for line in trial.text.splitlines() if line.startswith("store = "))
    other = store.replace(".db", "-2.db")
    trial.config.write_text(trial.tried.replace(store, other))
    done = trial.run("reload", "--confirm", "60s")
    assert done.returncode == 2
    assert "leases.store" in done.stderr
    assert "cannot be on trial" in done.stderr
    assert trial.mark() is None
    # For good it can be changed, as ever.
    assert trial.run("reload").stdout == "reloaded\n"
    assert daemon.stop() == 0
