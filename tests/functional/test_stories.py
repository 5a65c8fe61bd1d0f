"""Stories of users, in ``gabbits/``: each a deployment of its own, with a clock of its own.

A story may say what happens meanwhile by requests that the application never sees:
``POST /meanwhile/pass-time?seconds=60``, ``/meanwhile/move?server=web-1&host=host-b1``,
``/meanwhile/synchronise`` and ``/meanwhile/decide`` (for sessions); after each the engine works.
"""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from gabbi import driver, fixture

from tests.functional.deployment import Deployment
from tests.functional.inventory import labels_and_cells

HERE = Path(__file__).parent


class World:
    """The deployment that the running story works with."""

    current: Deployment

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if not environ["PATH_INFO"].startswith("/meanwhile/"):
            return self.current.app(environ, start_response)
        query = {name: found[0] for name, found in parse_qs(environ["QUERY_STRING"]).items()}
        match environ["PATH_INFO"].rpartition("/")[2]:
            case "pass-time":
                self.current.pass_time(float(query["seconds"]))
            case "move":
                self.current.move(query["server"], query.get("host"))
                self.current.sync()
            case "synchronise":
                self.current.sync()
            case "ironic":
                self.current.refuse(query["host"])
            case "decide":
                self.current.decide()
        self.current.engine()
        start_response("204 No Content", [])
        return []


WORLD = World()


class Cloud(fixture.GabbiFixture):
    """The demo cloud, with labels and cells in Craton, and ids for the stories to use."""

    def start_fixture(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._patch = pytest.MonkeyPatch()
        WORLD.current = deployment = Deployment(Path(self._folder.name))
        labels_and_cells(deployment)
        for project in ("web", "telco", "admin"):
            self._patch.setenv(project.upper(), deployment.project(project))
        for server in ("web-1", "web-2", "web-3", "web-db", "telco-control-1"):
            self._patch.setenv(server.upper().replace("-", "_"), deployment.server(server))
        for project, host in (("web", "host-a1"), ("telco", "host-a1"), ("web", "host-b3")):
            name = f"HOSTID_{project}_{host}".upper().replace("-", "_")
            self._patch.setenv(name, deployment.host_id(project, host))

    def stop_fixture(self) -> None:
        WORLD.current.close()
        self._patch.undo()
        self._folder.cleanup()


STORIES = sorted((HERE / "gabbits").glob("*.yaml"))


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(story: Path, tmp_path: Path) -> None:
    """Each story by itself. Not through gabbi's plugin: it takes any test with a colon for its."""
    shutil.copy(story, tmp_path)
    suite = driver.build_tests(
        str(tmp_path),
        unittest.TestLoader(),
        intercept=lambda: WORLD,
        test_loader_name="story",
        fixture_module=sys.modules[__name__],
    )
    result = unittest.TestResult()
    suite.run(result)
    told = [f"{test}\n{trace}" for test, trace in result.failures + result.errors]
    assert not told, "\n".join(told)
    assert result.testsRun > 1
    assert not result.skipped
