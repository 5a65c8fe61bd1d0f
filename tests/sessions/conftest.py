"""Scenes for tests of sessions."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from craton_maintenance import simcloud
from tests.sessions.scene import Scene, fleet_of


@pytest.fixture
def scene(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Makes scenes: ``scene({"h1": ["s1"]}, sessions={"max_scale_in": 1})``.

    A fault of ours is logged, and not raised: the test has failed all the same.
    """
    made: list[Scene] = []

    def make(hosts: Any, fleet: dict[str, Any] | None = None, **options: Any) -> Scene:
        """
        :param hosts: names of servers by host, or a whole fleet
        :param fleet: as for :func:`fleet_of`
        """
        folder = tmp_path / str(len(made))
        folder.mkdir()
        whole = hosts if isinstance(hosts, simcloud.Fleet) else fleet_of(hosts, **(fleet or {}))
        made.append(Scene(folder, whole, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    faults = [one for one in caplog.get_records("call") if one.levelno >= logging.ERROR]
    assert [one.getMessage() for one in faults] == []
