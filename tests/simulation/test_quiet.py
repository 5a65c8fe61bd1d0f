"""Schedules with another system that has to be quiet about hosts in work."""

from pathlib import Path

import pytest

from tests.simulation import run, schedule


@pytest.mark.parametrize("seed", [3, 7])
def test_it_is_told_of_hosts_in_work_and_that_they_are_back(seed: int, tmp_path: Path) -> None:
    world = run.play(tmp_path, schedule.of(seed))
    told = [line.split("quiet about ")[1] for line in world.trace if "quiet about" in line]
    assert told
    assert world.watchman is not None
    assert world.watchman.quiet == set()


def test_most_schedules_have_none(tmp_path: Path) -> None:
    world = run.play(tmp_path, schedule.of(4))
    assert world.watchman is None
    assert not any("quiet about" in line for line in world.trace)
