"""For all tests: the end of the run says which services were missing."""

import pytest

from tests.support import reachable


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = reachable.summary()
    if lines:
        terminalreporter.section("services that were not reached")
        for line in lines:
            terminalreporter.line(line)
