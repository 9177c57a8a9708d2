"""The table of the section `dhcp`: every figure beside its target, and where the time goes."""

from statistics import median
from typing import NamedTuple

from tests.bench.disk import Disk

PROFILED = (
    "By py-spy on 2026-11-22, at 6,000 exchanges/s: of the loop's time 25 to 35 % sends, a quarter decides and "
    "encodes, 10 to 20 % lets stored replies go, 10 % hands rows to the thread and waits for the interpreter, 10 % "
    "receives, 7 % decodes and checks limits, 3 % makes events; half of the thread's time is the disk's."
)


class Figures:
    """What was found, each figure several times: exchanges a second, milliseconds, MB, seconds, microseconds."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        """Note a figure."""
        self._found.setdefault(name, []).append(value)

    def all(self, name: str) -> list[float]:
        """Every value of a figure, in the order in which they were found."""
        return self._found[name]

    def middle(self, name: str) -> float:
        """The median of a figure."""
        return median(self._found[name])

    def ratios(self, name: str, other: str) -> list[float]:
        """One figure by another, round by round."""
        return [a / b if b else 0.0 for a, b in zip(self._found[name], self._found[other], strict=True)]


class Line(NamedTuple):
    """A line of the table; `least` and `most` are targets."""

    what: str
    value: float
    note: str
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        target, met = "", ""
        if self.least is not None:
            target, met = f"≥ {self.least:g}", "yes" if self.value >= self.least else "no"
        if self.most is not None:
            target, met = f"≤ {self.most:.3g}", "yes" if self.value <= self.most else "no"
        figure = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.2f}"
        return f"| {self.what} | {figure} | {target} | {met} | {self.note} |"


def text(found: Figures, disk: Disk) -> str:
    """The section: the disk, the table, where the time goes."""
    head = f"Leases of all three on {disk.name}: fdatasync after an appended 4 KiB takes {disk.median_ms:.2f} ms "
    head += f"(median), {disk.p99_ms:.2f} ms (p99). routerd syncs before the ACK, dnsmasq too, Kea does not.\n"
    head += (
        "Whole exchanges by perfdhcp as a relay agent; the rest by clients of our own, as fast as routerd answers.\n"
    )
    table = "| what | figure | target | met | |\n|---|---|---|---|---|\n"
    lines = [*_beside(found), *_alone(found, disk)]
    return head + "\n" + table + "\n".join(map(str, lines)) + "\n\n" + _time(found)


def _beside(found: Figures) -> list[Line]:
    runs = {name: f"exchanges/s; rounds {_listed(found.all(name))}" for name in ("Kea", "dnsmasq", "routerd")}
    kea, dnsmasq = found.ratios("routerd", "Kea"), found.ratios("routerd", "dnsmasq")
    doubles = f"; {sum(found.all('double')):.0f} addresses given twice" if sum(found.all("double")) else ""
    unread = sum(found.all("unread routerd"))
    lost = f"; {unread:,.0f} of its answers, in all runs, perfdhcp did not fetch from its own socket" if unread else ""
    return [
        Line("Kea, ≤ 2.5 % drops", found.middle("Kea"), runs["Kea"]),
        Line("dnsmasq, ≤ 2.5 % drops", found.middle("dnsmasq"), runs["dnsmasq"]),
        Line("routerd, ≤ 2.5 % drops", found.middle("routerd"), runs["routerd"] + doubles + lost),
        Line("routerd / Kea (goal 1.5)", median(kea), _listed(kea), least=1.2),
        Line("routerd / dnsmasq", median(dnsmasq), _listed(dnsmasq), least=15),
        Line("limits by client, µs a message", found.middle("limits"), _limited(found)),
    ]


def _limited(found: Figures) -> str:
    """What the limits did to clients of a relay agent that asked as often as clients do."""
    limited, received = sum(found.all("limited")), sum(found.all("received"))
    return f"{limited:,.0f} of {received:,.0f} messages of perfdhcp's clients, in all runs, came too fast for them"


def _alone(found: Figures, disk: Disk) -> list[Line]:
    def ratio(what: str, name: str, other: str, least: float) -> Line:
        ratios = found.ratios(name, other)
        note = f"{_listed(ratios)}; {found.middle(name):,.0f} by {found.middle(other):,.0f} exchanges/s"
        return Line(what, median(ratios), note, least=least)

    sync = 10 + disk.p99_ms
    more = [a - b for a, b in zip(found.all("memory held"), found.all("memory"), strict=True)]
    return [
        ratio("on the link / relayed", "link", "empty", 0.8),
        ratio("50,000 leases held / none", "held", "empty", 0.9),
        ratio("pool 95 % full / empty", "full", "few", 0.8),
        ratio("renewals, unicast, synced / whole exchanges on the link", "renewals always", "link", 2),
        ratio('the same with sync = "bindings"', "renewals bindings", "link", 2),
        *(
            Line(f"p99 delay at 500/s{where}, ms", found.middle(name), _listed(found.all(name)), most=sync)
            for name, where in _DELAYS.items()
        ),
        Line("50,000 leases more in memory, MB", median(more), f"{found.middle('memory'):.0f} MB without", most=35),
        Line("exec to the first OFFER, 50,000 leases, s", found.middle("ready"), _listed(found.all("ready")), most=1.5),
    ]


_DELAYS = {
    "delay": "",
    "delay link": ", on the link",
    "delay held": ", 50,000 held",
    "delay full": ", pool 95 % full",
}


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in values)


def _time(found: Figures) -> str:
    loop, threads = found.middle("loop"), found.middle("threads")
    share = max(found.all("share"))
    measured = f"At full load an exchange costs routerd {loop + threads:.0f} µs of a core: {loop:.0f} its loop, "
    measured += f"{threads:.0f} the thread that stores leases. The clients took {share:.0%} of the other core.\n"
    return measured + PROFILED
