"""A trial: a configuration that is in force provisionally, and taken back unless it is confirmed in time. Pure.

Routers are configured over the connection that they may cut. So what a trial changes is taken back by itself:

- `routerd run --confirm 60s`: at the deadline the daemon stops, and the kernel is as it was before the start: routes,
  settings, rules and proxy neighbours, those too that an earlier routerd had left. Exit status 1.
- `routerd reload --confirm 60s`: at the deadline the configuration from before is put into force again. The file is
  left as it is; the problem `configuration-rolled-back` says that it is not what runs.

A trial ends with its daemon, however that ends. Who notices it first takes the trial back: a helper process that waits
for the daemon's death (and ends one that hangs 5 s after the deadline), else the next start, by a mark on disk that was
written before the first change. What the next `routerd run` does:

| mark        | content           | start                              | what is done                                  |
|-------------|-------------------|------------------------------------|-----------------------------------------------|
| none        | any               | any                                | it is put into force                          |
| pending     | any               | any                                | the trial is taken back first, then as below  |
| rolled back | another one       | any                                | it is put into force; the mark goes           |
| rolled back | that of the trial | with --confirm, or from a terminal | it is wished for: put into force; the mark    |
|             |                   |                                    | goes (with --confirm: a new trial)            |
| rolled back | that of the trial | another (a supervisor's, a script) | the configuration from before the trial runs; |
|             |                   |                                    | without one the start is refused (exit 2)     |

For systemd a start with --confirm is no wish either: the same unit would be tried again and again.

While a trial is pending a reload without --confirm belongs to it: the deadline stays, and so does what is gone back to.
One with --confirm sets the deadline anew. A stop (SIGTERM) of a started trial takes it back, one of a reloaded trial
takes everything back, as every stop does; with `nat.keep` the configuration from before is put into force first, so
that nothing of the trial stays. After a reboot nothing is left to take back, nor the mark: the file counts.

A DHCP server of this machine that stays (`mode` dnsmasq or kea) has what it was told taken back as well: the file of
options is as it was, or gone, and dnsmasq reads it again; routerd's entries in Kea are as they were, edits of others
stay. A Kea that does not answer then is named in the log, and keeps its entries until the next start or `routerd
clean`: neither DHCP nor routes wait for it.

Leases are never on trial: a reload with another `leases.store` is refused while something is on trial, and with
--confirm. What was given meanwhile would be in that store only, were the daemon killed.

What clients were told meanwhile cannot be taken back: leases stay, as they are promises, and end by themselves.
RIP's neighbours are told that the routes are gone (metric 16), unless the daemon was killed: then they forget them
after 180 s.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from routerd.config.durations import format_duration, parse_seconds
from routerd.config.fault import ConfigFault, show
from routerd.config.model import Config
from routerd.config.schema import Bad

LEAST, MOST = 1.0, 86400.0
GRACE = 5.0
"""Seconds after the deadline that the daemon has to begin taking back, before it is taken for hung."""
ENDING = 30.0
"""Seconds that it has from then on."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is on disk of a trial. `deadline` is a time of CLOCK_BOOTTIME; `digest` names the content that is tried.

    `previous` is the text of the configuration from before, None where nothing ran. `snapshot` is what was in the
    kernel then, as system/snapshot.py writes it, and in DHCP servers that stay (beside/before.py); of a trial that is
    taken back, what is left in those. `is_reload`: it was a reload that began the trial.
    """

    trial: str
    digest: str
    deadline: float
    is_pending: bool = True
    is_reload: bool = False
    previous: str | None = None
    snapshot: Mapping[str, Any] | None = None


class Run(Enum):
    """What a start puts into force."""

    FILE = "file"
    PREVIOUS = "previous"
    NOTHING = "nothing"


class Step(NamedTuple):
    """What a start does: whether it takes a trial back first, and what it runs then."""

    takes_back: bool
    run: Run


def digest(text: str) -> str:
    """A name for this content of a configuration file."""
    return hashlib.sha256(text.encode()).hexdigest()


def at_start(mark: Mark | None, content: str, *, is_wish: bool) -> Step:
    """What a start does that finds `mark`. `content` is the digest of its file; `is_wish`: a person asked for it."""
    if mark is None:
        return Step(False, Run.FILE)
    if mark.digest != content or is_wish:
        return Step(mark.is_pending, Run.FILE)
    return Step(mark.is_pending, Run.NOTHING if mark.previous is None else Run.PREVIOUS)


def store_fault(tried: Config, before: Config) -> ConfigFault | None:
    """Why `tried` cannot be on trial where `before` runs, as far as leases go."""
    if tried.leases.store == before.leases.store:
        return None
    rule = f"cannot be on trial: leases given meanwhile would be missing in {before.leases.store}, were it taken back"
    mend = "leave it as it was for the trial; once that is confirmed, change it with a `routerd reload` of its own"
    return ConfigFault("leases.store", show(tried.leases.store), rule, mend)


def is_due(mark: Mark | None, now: float) -> bool:
    """Whether a trial is pending whose deadline has come."""
    return mark is not None and mark.is_pending and now >= mark.deadline


def left(mark: Mark, now: float) -> int:
    """The whole seconds until the deadline, not less than 0."""
    return max(0, round(mark.deadline - now))


def parse_deadline(text: str) -> float:
    """The seconds of a duration such as "60s", from 1 s to 24 h. Raises `Bad`."""
    seconds = parse_seconds(text)
    if not LEAST <= seconds <= MOST:
        raise Bad(f"must be from {format_duration(LEAST)} to {format_duration(MOST)}", 'for example "60s"')
    return seconds


def encode(mark: Mark) -> dict[str, Any]:
    """The mark as JSON has it."""
    return {name: getattr(mark, name) for name in Mark.__dataclass_fields__}


def decode(document: Any) -> Mark:
    """The mark of what `encode` made. Raises ValueError for anything else."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "trial": str,
        "digest": str,
        "deadline": (int, float),
        "is_pending": bool,
        "is_reload": bool,
        "previous": (str, type(None)),
        "snapshot": (dict, type(None)),
    }
    if not isinstance(document, dict):
        raise ValueError(f"a mark is an object, not {json.dumps(document)[:40]}")
    for name, kind in kinds.items():
        if name not in document or not isinstance(document[name], kind):
            raise ValueError(f"a mark's {name} is missing or of another type")
    return Mark(**{name: document[name] for name in kinds})
