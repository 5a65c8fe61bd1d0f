"""Many schedules, each in a world of its own: nothing that must hold is ever broken.

A failure says its seed, what the schedule was and the end of what happened;
``SEED=… pytest tests/simulation`` plays it again.
"""

import concurrent.futures
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation import run, schedule
from tests.simulation.conftest import seeds

#: Schedules that a process plays before it says how they went.
_CHUNK = 25


def _play(folder: Path, some: list[int]) -> tuple[Counter[str], list[str]]:
    """Play schedules; how their sessions ended, and what went wrong."""
    ends: Counter[str] = Counter()
    wrong = []
    for seed in some:
        place = folder / str(seed)
        place.mkdir(parents=True)
        try:
            world = run.play(place, schedule.of(seed))
            ends.update(one.state.value for one in world.latest.values())
        except run.Failed as error:
            wrong.append(str(error))
        finally:
            run.tidy(place)
    return ends, wrong


def test_every_schedule_comes_to_a_good_end(tmp_path: Path, figures: list[str]) -> None:
    some = seeds()
    began = time.monotonic()
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    chunks = [some[start : start + _CHUNK] for start in range(0, len(some), _CHUNK)]
    if len(chunks) <= 8:
        parts = [_play(tmp_path, chunk) for chunk in chunks]
    else:
        with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
            parts = list(pool.map(_play, [tmp_path] * len(chunks), chunks))
    for more, failed in parts:
        ends.update(more)
        wrong += failed
    took = time.monotonic() - began
    figures.append(
        f"simulation: {len(some)} schedules in {took:.0f} s, {took / len(some):.2f} s each: "
        + ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    )
    if wrong:
        lost = [text.rpartition("\n")[2] for text in wrong]
        pytest.fail("\n\n".join([*wrong[:3], *lost]), pytrace=False)
    # a sample in which all is well, or nothing, says little
    assert len(some) < 50 or len(ends) == 2, ends


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_gives_the_same_schedule_and_history(seed: int, tmp_path: Path) -> None:
    traces = []
    for number in range(2):
        place = tmp_path / str(number)
        place.mkdir()
        world = run.play(place, schedule.of(seed))
        names = {one: str(index) for index, one in enumerate(world.windows)}
        text = "\n".join(world.trace)
        for session, name in names.items():
            text = text.replace(session, name)
        traces.append(text)
    assert traces[0] == traces[1]
