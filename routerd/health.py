"""What is wrong now, since when, and which problem explains which; the problems are declared in problems/.

A service states the problems that it has now; `ProblemTracker` adds since when, holds back what may pass by itself
(patience), and finds the first cause. Pure: time comes in as an argument.
"""

from collections.abc import Iterable
from itertools import product

from routerd.model import Problem
from routerd.problems import ERROR, INFO, REGISTRY, WARNING, Declared
from routerd.reports import ProblemReport

_RANK = {ERROR: 0, WARNING: 1, INFO: 2}


class _Blank(dict[str, str]):
    """Values of a problem; one that is missing shows as `?` and never raises."""

    def __missing__(self, key: str) -> str:
        return "?"


def _fill(template: str, problem: Problem) -> str:
    return template.format_map(_Blank(problem.values, subject=problem.subject))


class ProblemTracker:
    """Remembers since when each problem stands. A problem is the same one while code and subject stay the same.

    As long as neither the problems change nor any patience ends, asking again costs next to nothing.
    """

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], float] = {}
        self._found: tuple[Problem, ...] = ()
        self._now: tuple[Problem, ...] = ()
        self._rows: tuple[ProblemReport, ...] | None = None
        self._made = 0.0
        self._ends: float | None = None

    def update(self, problems: Iterable[Problem], now: float) -> None:
        """Take over what is wrong now; `now` is Unix seconds. Raises KeyError for a code that is not declared."""
        found = tuple(problems)
        if found == self._found:
            return
        unique: dict[tuple[str, str], Problem] = {}
        for problem in found:
            rule(problem)
            unique.setdefault((problem.code, problem.subject), problem)
        self._since = {key: self._since.get(key, now) for key in unique}
        self._found, self._now, self._rows = found, tuple(unique.values()), None

    def report(self, now: float) -> tuple[ProblemReport, ...]:
        """What is shown at `now`: first causes first, then by severity and age. Patience hides what is younger.

        A problem that explains another one hides it no longer than it is shown itself.
        """
        is_old = now < self._made or (self._ends is not None and now >= self._ends)
        if self._rows is None or is_old:
            self._rows, self._made = self._report(now), now
            self._ends = self._next_change(now)
        return self._rows

    def next_change(self, now: float) -> float | None:
        """When patience with a hidden problem ends, as Unix seconds; None if nothing is hidden."""
        self.report(now)
        return self._ends

    def _report(self, now: float) -> tuple[ProblemReport, ...]:
        shown = {(p.code, p.subject): p for p in self._now if self._age(p, now) >= rule(p).patience}
        rows = []
        for problem in shown.values():
            declared = REGISTRY[problem.code]
            causes = product(declared.depends_on, (problem.subject, *problem.within))
            cause = next((shown[key] for key in causes if key in shown), None)
            rows.append(
                ProblemReport(
                    code=problem.code,
                    subject=problem.subject,
                    severity=rule(problem).severity,
                    text=_fill(declared.text, problem),
                    mend=_fill(declared.mend, problem),
                    since=self._since[problem.code, problem.subject],
                    caused_by=None if cause is None else f"{cause.code} ({cause.subject})",
                )
            )
        rows.sort(key=lambda row: (row.caused_by is not None, _RANK[row.severity], row.since, row.code, row.subject))
        return tuple(rows)

    def _next_change(self, now: float) -> float | None:
        ends = [
            self._since[p.code, p.subject] + rule(p).patience for p in self._now if self._age(p, now) < rule(p).patience
        ]
        return min(ends, default=None)

    def _age(self, problem: Problem, now: float) -> float:
        # A clock that was stepped back must not hide a problem for years.
        since = self._since[problem.code, problem.subject]
        if now < since:
            self._since[problem.code, problem.subject] = since = now
        return now - since


def rule(problem: Problem) -> Declared:
    """Whose severity and patience the problem has: its own, or those of the problems that it counts."""
    declared = REGISTRY[problem.code]
    return REGISTRY[dict(problem.values)[declared.counts]] if declared.counts else declared
