"""A daemon that tries a configuration, and what it may leave of it: nothing."""

import contextlib
import json
import os
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

from routerd.lab.daemon import Daemon
from tests.net.own import Own, kill
from tests.net.site import Site, at_once, soon

_CHANGING = re.compile(r"packets \d+ bytes \d+| expires \w+")
_LOOKS, _BETWEEN = 4, 0.1
_TAKING_BACK = 1.0
"""The deadline is counted from when the daemon has read its files; then it stops in its own way."""
_TRIED = 'name = "vpn"\nprefixes = ["10.0.0.0/24", "10.7.0.0/24", "10.8.0.0/16"]\nmtu = 1400\n'
_FORWARD = '[[lan.forward]]\nlisten = "8080/tcp"\nto = "endpoint-a:80"\n\n[probe]'


class Trial(Own):
    """routerd on Host β. `text` is a plain configuration, `tried` one that adds routes, rules and a forward."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.text = at_once(self.text)
        self.tried = self.text.replace('name = "vpn"\n', _TRIED).replace("[probe]", _FORWARD)

    def everything(self) -> list[str]:
        """What is to be as it was, with every rule: only what counts or ends by itself is left out."""
        table = self.beta.run(["nft", "list", "ruleset"]).stdout
        files = [str(path) for path in self.originals()]
        return [*self.state(), *_CHANGING.sub("", table).splitlines(), *files]

    def settled(self) -> list[str]:
        """The same, once a daemon that runs changes nothing any more: it measures after it is ready."""
        found: list[list[str]] = []

        def calm() -> bool:
            found.append(self.everything())
            time.sleep(_BETWEEN)
            return len(found) >= _LOOKS and all(each == found[-1] for each in found[-_LOOKS:])

        soon("the daemon has settled", calm)
        return found[-1]

    def is_as(self, before: list[str], limit: float = 10.0) -> None:
        """Wait until all is as it was; fails with what differs."""
        end = time.monotonic() + limit
        while (now := self.everything()) != before:
            if time.monotonic() > end:
                assert now == before, self.site.log()
            time.sleep(0.05)

    def mark(self) -> dict[str, Any] | None:
        """What is on disk of the trial."""
        for path in self.runtime.glob("confirm-*.json"):
            # A daemon that starts removes that of an earlier trial.
            with contextlib.suppress(FileNotFoundError):
                mark: dict[str, Any] = json.loads(path.read_text())["mark"]
                return mark
        return None

    def kill_at_its_mark(self, text: str) -> None:
        """Start a trial of `text`, and kill the daemon once its mark is on disk, before it changes anything."""
        daemon = self.start("--confirm", "60s", text=text, ready=False)
        end = time.monotonic() + 15
        while not (self.mark() or {}).get("is_pending"):
            assert time.monotonic() < end, self.site.log()
        kill(daemon)

    def helper(self, daemon: Daemon) -> int:
        """The process that watches the daemon."""
        lists = Path(f"/proc/{daemon.process.pid}/task").glob("*/children")
        children = [int(pid) for path in lists for pid in path.read_text().split()]
        (found,) = [pid for pid in children if b"confirm_watch" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return found

    def problems(self, daemon: Daemon) -> list[str]:
        """The codes of what the daemon shows as wrong with its configuration."""
        rows = daemon.get("/v1/problems")[1]["problems"]
        return [row["code"] for row in rows if row["subject"] == "config"]


def resident(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_gone(pid: int) -> bool:
    """Does no such process run any more? One whose parent has not asked for it does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def kill_at_random_moments(trial: Trial, kills: int, seconds: float, seed: int) -> list[float]:
    """Kill the daemon at moments from its exec until it takes back: each time all is as it was soon afterwards."""
    rng, moments = random.Random(seed), []
    before = trial.everything()
    for number in range(kills):
        moment = rng.uniform(0.0, seconds + _TAKING_BACK)
        text = f"{trial.tried}# {number}\n"
        begun = time.monotonic()
        daemon = trial.start("--confirm", f"{seconds:g}s", text=text, ready=False)
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        kill(daemon)
        trial.is_as(before, limit=seconds + 5.0)
        moments.append(moment)
        soon("the trial is over", lambda: not (trial.mark() or {}).get("is_pending"), limit=10.0)
    return moments


def stop_for_a_while(daemon: Daemon) -> None:
    """Let it hang."""
    daemon.process.send_signal(signal.SIGSTOP)
