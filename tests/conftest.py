"""For all tests: the end of the run has figures, and says which services were missing."""

from typing import Any

import pytest

from tests.support import reachable

_FIGURES = pytest.StashKey[list[str]]()

#: Under which name a process of several tells the first one of its figures.
_TOLD = "figures"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []
    config.pluginmanager.register(_Several(config))


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run."""
    return pytestconfig.stash[_FIGURES]


class _Several:
    """Tests run in several processes: what each has to say comes to the first."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        told = getattr(node, "workeroutput", {}).get(_TOLD)
        if told is not None:
            self._config.stash[_FIGURES] += told["figures"]
            reachable.add(told["missed"])


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        figures = session.config.stash[_FIGURES]
        output[_TOLD] = {"figures": figures, "missed": reachable.missed()}


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for title, lines in (
        ("figures", config.stash[_FIGURES]),
        ("services that were not reached", reachable.summary()),
    ):
        if lines:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.line(line)
