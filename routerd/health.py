"""What is wrong now, since when, and which problem explains which; the problems are declared in problems.py.

A service states the problems that it has now; `ProblemTracker` adds since when, holds back what may pass by itself
(patience), and finds the first cause. Pure: time comes in as an argument.
"""

from collections.abc import Iterable
from itertools import product

from routerd.model import Problem
from routerd.problems import ERROR, INFO, REGISTRY, WARNING
from routerd.reports import ProblemReport

_RANK = {ERROR: 0, WARNING: 1, INFO: 2}


class _Blank(dict[str, str]):
    """Values of a problem; one that is missing shows as `?` and never raises."""

    def __missing__(self, key: str) -> str:
        return "?"


def _fill(template: str, problem: Problem) -> str:
    return template.format_map(_Blank(problem.values, subject=problem.subject))


class ProblemTracker:
    """Remembers since when each problem stands. A problem is the same one while code and subject stay the same."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], float] = {}
        self._now: tuple[Problem, ...] = ()

    def update(self, problems: Iterable[Problem], now: float) -> None:
        """Take over what is wrong now; `now` is Unix seconds. Raises KeyError for a code that is not declared."""
        unique: dict[tuple[str, str], Problem] = {}
        for problem in problems:
            REGISTRY[problem.code]
            unique.setdefault((problem.code, problem.subject), problem)
        self._since = {key: self._since.get(key, now) for key in unique}
        self._now = tuple(unique.values())

    def report(self, now: float) -> tuple[ProblemReport, ...]:
        """What is shown at `now`: first causes first, then by severity and age. Patience hides what is younger.

        A problem that explains another one hides it no longer than it is shown itself.
        """
        shown = {(p.code, p.subject): p for p in self._now if self._age(p, now) >= REGISTRY[p.code].patience}
        rows = []
        for problem in shown.values():
            declared = REGISTRY[problem.code]
            causes = product(declared.depends_on, (problem.subject, *problem.within))
            cause = next((shown[key] for key in causes if key in shown), None)
            rows.append(
                ProblemReport(
                    code=problem.code,
                    subject=problem.subject,
                    severity=declared.severity,
                    text=_fill(declared.text, problem),
                    mend=_fill(declared.mend, problem),
                    since=self._since[problem.code, problem.subject],
                    caused_by=None if cause is None else f"{cause.code} ({cause.subject})",
                )
            )
        rows.sort(key=lambda row: (row.caused_by is not None, _RANK[row.severity], row.since, row.code, row.subject))
        return tuple(rows)

    def next_change(self, now: float) -> float | None:
        """When patience with a hidden problem ends, as Unix seconds; None if nothing is hidden."""
        ends = [
            self._since[p.code, p.subject] + REGISTRY[p.code].patience
            for p in self._now
            if self._age(p, now) < REGISTRY[p.code].patience
        ]
        return min(ends, default=None)

    def _age(self, problem: Problem, now: float) -> float:
        # A clock that was stepped back must not hide a problem for years.
        since = self._since[problem.code, problem.subject]
        if now < since:
            self._since[problem.code, problem.subject] = since = now
        return now - since
