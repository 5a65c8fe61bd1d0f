"""Deployments for tests of the whole application."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.deployment import Deployment


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Any]:
    """Makes deployments, with options as ``api_threads=4``."""
    made: list[Deployment] = []

    def make(**options: Any) -> Deployment:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Deployment(folder, **options))
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()


@pytest.fixture
def deployment(deploy: Any) -> Deployment:
    """The demo cloud, synchronised, without authentication."""
    return deploy()


@pytest.fixture
def operator(deployment: Deployment) -> Any:
    return deployment.operator
