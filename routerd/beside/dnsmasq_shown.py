"""What keeps a dnsmasq from handing out what it should, as problems. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from routerd.beside.dnsmasq_conf import Conf
from routerd.beside.dnsmasq_file import Line
from routerd.beside.static_routes import STATIC_ROUTES
from routerd.beside.told import ROUTER, Finding, Verdict, value_text
from routerd.model import Problem

FAILURES = frozenset(
    (
        *("beside-file", "beside-foreign-file", "beside-range"),
        *("beside-not-told", "beside-still-told", "beside-not-running"),
    )
)
"""The problems with which a LAN's clients are not told what they should be."""
_SHOWN = 4
_RIGHTS = (
    "Let systemd signal it: systemctl enable --now routerd-dnsmasq.path. Or give routerd CAP_KILL; started as root "
    'with mode = "dnsmasq" in its configuration it has it. Until then, after a change: systemctl kill -s HUP '
    "--kill-who=main dnsmasq"
)


@dataclass(slots=True)
class Shown:
    """What is known of one dnsmasq; `is_uci`: OpenWrt's script makes its configuration.

    `signal_error`: why it could not be told to read again; is a right missing? `no_right`: why it cannot be told of the
    next change, although all is right now. `routers`: the router of each LAN by routerd's configuration. `unseen`: what
    is not seen of that with which it runs.
    """

    path: str
    lines: tuple[Line, ...] = ()
    conf: Conf | None = None
    pid: int | None = None
    file_error: tuple[str, str, bool] | None = None
    signal_error: tuple[str, bool] | None = None
    no_right: str | None = None
    contested: bool = False
    closed: str | None = None
    findings: dict[str, Finding] = field(default_factory=dict)
    routers: dict[str, IPv4Address | None] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    is_uci: bool = False
    unseen: tuple[str, ...] = ()

    def lans(self) -> tuple[str, ...]:
        """The LANs that it serves."""
        return tuple(dict.fromkeys(line.lan for line in self.lines))

    def problems(self) -> tuple[Problem, ...]:
        """All of them, LAN by LAN."""
        return tuple(problem for lan in self.lans() for problem in self._of(lan))

    def failures(self) -> dict[str, str]:
        """The LANs where clients are not told what they should be, each with its problem."""
        found = {each.subject.removeprefix("lan "): each.code for each in self.problems() if each.code in FAILURES}
        return {lan: "beside-conflict" for lan in self.lans() if self._is_kept_back(lan)} | found

    def _is_kept_back(self, lan: str) -> bool:
        """Is one network's every client told the administrator's own routes, and not ours?"""
        lines = [line for line in self.lines if line.lan == lan and line.network.routes]
        finding = self.findings.get(lan)
        other = finding is not None and finding.verdict is Verdict.OTHER
        return any(line.yields or (line.own and other) for line in lines if not line.told.barred)

    def _of(self, lan: str) -> Iterator[Problem]:
        subject = f"lan {lan}"
        if self.file_error is not None:
            reason, hint, foreign = self.file_error
            code = "beside-foreign-file" if foreign else "beside-file"
            yield Problem(code, subject, (("path", self.path), ("reason", reason), ("hint", hint)))
            return
        if self.contested:
            yield Problem("beside-contested", subject, (("path", self.path),))
        lines = [line for line in self.lines if line.lan == lan]
        if self.no_right is not None:
            yield Problem("beside-no-right", subject, (("reason", self.no_right), ("hint", _RIGHTS)))
        finding = self.findings.get(lan)
        if self.unseen and any(line.rows for line in lines) and self._runs(finding):
            yield Problem("beside-unseen", subject, (("what", ", ".join(self.unseen[:_SHOWN])),))
        yield from _too_long(lines, subject)
        yield from _barred(lines, subject)
        others = [(line, found) for line in lines if (found := self._others(line))]
        if others:
            places = dict.fromkeys(f"{code} at {place}" for _, found in others for code, place in found)
            yield _conflict([line for line, _ in others], ", ".join(list(places)[:_SHOWN]), subject)
        if finding is not None:
            yield from self._of_answer(next(line for line in lines if line.own), finding, subject)

    def _runs(self, finding: Finding | None) -> bool:
        return self.pid is not None or (finding is not None and finding.verdict is not Verdict.SILENT)

    def _others(self, line: Line) -> list[tuple[int, str]]:
        """The administrator's own options that some clients of the network are told instead of ours."""
        if self.conf is None or not line.network.routes:
            return []
        elsewhere = {other.network.tag for other in self.lines if other is not line and (line.own or not other.own)}
        elsewhere = (elsewhere | self.elsewhere) - {line.network.tag}
        found = [(one.code, one.place) for one in self.conf.options if not elsewhere & {*one.tags}]
        found += [(ROUTER, one.place) for one in line.told.odd if not elsewhere & {*one.tags}]
        return found + [(STATIC_ROUTES, one.place) for one in line.told.statics if not elsewhere & {*one.tags}]

    def _of_answer(self, line: Line, finding: Finding, subject: str) -> Iterator[Problem]:
        verdict = finding.verdict
        if verdict is Verdict.OLD:
            reason, hint = self._why(line, finding)
            code = "beside-not-told" if line.rows else "beside-still-told"
            yield Problem(code, subject, (("reason", reason), ("hint", hint)))
            return
        if not line.network.routes or line.told.barred:
            return
        if verdict is Verdict.SILENT:
            code = "beside-not-running" if self.pid is None else "beside-silent"
            yield Problem(code, subject, (("process", str(self.pid)),))
        elif verdict is Verdict.OTHER or (not line.rows and finding.value):
            if not self._others(line):
                yield _conflict([line], f"121, {value_text(finding.value)}", subject, whole=True)
        elif verdict is not Verdict.RIGHT:
            reason, hint = self._why(line, finding)
            yield Problem("beside-not-told", subject, (("reason", reason), ("hint", hint)))
        elif finding.serves and finding.router != self.routers.get(line.lan, finding.router):
            yield Problem("beside-router", subject, _routers(finding.router, self.routers[line.lan]))

    def _why(self, line: Line, finding: Finding) -> tuple[str, str]:
        if self.conf is not None and not self.unseen and not self.conf.reads(self.path):
            hint = f"Add to its configuration: dhcp-optsfile={self.path}; then restart it, a reload is not enough."
            return f"dnsmasq does not read {self.path}", hint
        if self.closed == self.path:
            return f"dnsmasq's user may not read {self.path}", f"Run: chmod 644 {self.path}"
        if self.closed is not None:
            hint = f"Run: chmod o+x {self.closed}; or name an options_file in a directory that all users may enter."
            return f"dnsmasq's user cannot reach {self.path}, because {self.closed} is closed to others", hint
        what = "its answer has no option 121"
        if finding.verdict is Verdict.OLD:
            what = f"it still hands out {value_text(finding.value)}"
        if self.is_uci:
            # As root the script does what routerd may not, so it also knows why it was not done.
            why = "" if self.signal_error is None else f", and procd cannot be told: {self.signal_error[0]}"
            return what + why, "Run: service routerd options; it says what is wrong. See also: logread -e routerd"
        if self.signal_error is not None:
            reason, may_not = self.signal_error
            hint = _RIGHTS if may_not else "Correct `pid_file` of lan.dhcp.dnsmasq, or restart dnsmasq."
            return f"{what}, and it cannot be told to read {self.path} again: {reason}", hint
        hint = (
            f"Is dhcp-optsfile={self.path} in its configuration, and have clients of this LAN the tag "
            f"{line.network.tag}? Its log says what it reads."
        )
        return what, hint


def _too_long(lines: Sequence[Line], subject: str) -> Iterator[Problem]:
    left = [f"{prefix} of {line.network.network}" for line in lines for prefix, _ in line.left_out]
    if left:
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        yield Problem("beside-too-long", subject, (("routes", ", ".join(left[:_SHOWN]) + more),))


def _barred(lines: Sequence[Line], subject: str) -> Iterator[Problem]:
    found = dict.fromkeys(one for line in lines if line.network.routes for one in line.told.barred)
    if found:
        ranges = ", ".join(f"{one.start} ({one.place})" for one in list(found)[:_SHOWN])
        yield Problem("beside-range", subject, (("ranges", ranges),))


def _conflict(lines: Sequence[Line], places: str, subject: str, *, whole: bool = False) -> Problem:
    whom = [f"{'all' if whole or line.yields else 'some'} clients of {line.network.network}" for line in lines]
    routes = ",".join(f"{prefix},{gateway}" for prefix, gateway in lines[0].network.routes[:_SHOWN])
    values = (("server", "dnsmasq"), ("whom", ", ".join(whom[:_SHOWN])), ("place", places), ("routes", routes))
    return Problem("beside-conflict", subject, values)


def _routers(theirs: IPv4Address | None, ours: IPv4Address | None) -> tuple[tuple[str, str], ...]:
    return (("server", "dnsmasq"), ("theirs", str(theirs or "none")), ("ours", str(ours or "none")))


def status(shown: Shown) -> Mapping[str, object]:
    """For /v1/status."""
    lans = []
    for lan in shown.lans():
        finding = shown.findings.get(lan)
        verdict = None if finding is None else finding.verdict.value
        told = None if finding is None or not finding.value else value_text(finding.value)
        lans.append({"lan": lan, "answer": verdict, "told": told})
    return {"pid": shown.pid, "lans": lans}
