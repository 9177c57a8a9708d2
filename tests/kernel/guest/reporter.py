"""Tells tests as lines: "ok name" and "not ok name" with the evidence, and the figures that tests recorded."""

import pytest


class Reporter:
    """A pytest plugin in place of its terminal reporter. What is skipped has failed: here everything can run."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Once for each phase of a test."""
        if report.when == "call" or not report.passed:
            self._tell(report.passed, report.head_line or report.nodeid, report, report.duration)
        if report.when == "call":
            for name, value in report.user_properties:
                print(f"#   {name}: {value}", flush=True)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported."""
        if not report.passed:
            self._tell(False, report.nodeid, report, 0.0)

    def pytest_internalerror(self, excrepr: object) -> None:
        """A fault of the harness itself."""
        self.failed += 1
        print(f"not ok pytest\n{excrepr}", flush=True)

    def _tell(
        self, passed: bool, name: str, report: "pytest.TestReport | pytest.CollectReport", seconds: float
    ) -> None:
        if passed:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if passed else 'not ok'} {name} ({seconds:.1f} s)", flush=True)
        if not passed:
            print(report.longreprtext, *(f"{title}\n{text}" for title, text in report.sections), sep="\n", flush=True)
