"""What the lines of the guest's console mean: which tests passed, and whether it came to its end."""

import re

_TEST = re.compile(r"^(ok|not ok) \S")
_TOTAL = re.compile(r"^(\d+) passed, (\d+) failed$")


class Verdict:
    """Gathers the lines of one run."""

    def __init__(self) -> None:
        self._told = {"ok": 0, "not ok": 0}
        self._total: tuple[int, int] | None = None

    def take(self, line: str) -> None:
        """One line, in the order in which they come."""
        if (test := _TEST.match(line)) is not None:
            self._told[test[1]] += 1
        elif (total := _TOTAL.match(line)) is not None:
            self._total = int(total[1]), int(total[2])

    def fault(self) -> str | None:
        """Why this run is a failure; None if it is none."""
        if self._total is None:
            return "the machine ended before its tests did"
        passed, failed = self._total
        if failed:
            return f"{failed} of {passed + failed} tests failed"
        if not passed:
            return "no test ran"
        if self._told != {"ok": passed, "not ok": failed}:
            return f"{self._told['ok']} tests were told, but {passed} counted"
        return None
