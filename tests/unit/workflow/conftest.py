"""Six hosts whose hypervisors have other names than their services."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.region import Stage
from tests.unit.simcloud.conftest import small_fleet


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Stage]:
    """Makes stages, with settings of the cloud."""

    def make(**settings: Any) -> Stage:
        return Stage(tmp_path, small_fleet(), **settings)

    return make


@pytest.fixture
def stage(make: Callable[..., Stage]) -> Stage:
    return make()
