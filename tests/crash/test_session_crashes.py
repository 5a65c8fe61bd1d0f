"""A session goes on, and comes to its end, wherever the process that carries it out is killed.

The points are those that an uninterrupted run comes by: before and after each commit, each
request to Nova and Placement, each hand-over to the bus, each begin of a host command.
"""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import databases

FULL = os.environ.get("CRATON_MAINTENANCE_FULL") == "1"

#: Points of each workflow where not all are tried.
SAMPLE = 20

#: Other databases, and points on each.
KINDS, ELSEWHERE = (("mariadb", "postgresql"), 40) if FULL else (("mariadb",), 5)

#: Processes that try points at a time.
_AT_ONCE = 2

#: Points that are in every sample: what is changed outside, and what is said of it.
_ALWAYS = re.compile(r"(POST|PUT) /compute|process")

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+$")


class Killer:
    """One process of :mod:`tests.crash.sweep`, and what it has traced."""

    def __init__(self, workflow: str, url: str | None = None) -> None:
        where = [] if url is None else ["--url", url]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.sweep", workflow, *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.trace = self._read()

    def kill(self, number: int) -> dict[str, Any]:
        """What came of a kill at a point, from 1."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the sweep ended by itself: {self._process.wait()}"
        return json.loads(line)

    def close(self) -> None:
        """End it, in the middle of whatever it does."""
        self._process.terminate()
        self._process.communicate()


@contextlib.contextmanager
def killers(count: int, workflow: str, url: str | None = None) -> Iterator[list[Killer]]:
    """So many of them, which all see the same points."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        made = list(pool.map(lambda _: Killer(workflow, url), range(count)))
        for one in made:
            stack.callback(one.close)
        assert all(one.trace == made[0].trace for one in made)
        yield made


def sample(points: Sequence[str], count: int, seed: str) -> list[int]:
    """Numbers of points, of as many kinds as possible; the same ones each time."""
    chance = random.Random(seed)
    kinds: dict[str, list[int]] = {}
    for number, name in enumerate(points, 1):
        kinds.setdefault(_ID.sub("*", name), []).append(number)
    names = list(kinds)
    chance.shuffle(names)
    names.sort(key=lambda name: not _ALWAYS.search(name))
    found = [chance.choice(kinds[name]) for name in names[:count]]
    return sorted(found)


def seam(point: str) -> str:
    """Which of the seams a point is at."""
    what = point.split()[1]
    return {"commit": "commit", "publish": "publish", "start": "start", "what": "told"}.get(
        what, "http"
    )


@pytest.mark.parametrize("workflow", ["default", "vnf"])
def test_a_session_survives_a_kill_at_every_point(workflow, figures):
    began = time.monotonic()
    with killers(_AT_ONCE, workflow) as made:
        points = made[0].trace["points"]
        assert_all_points_are_found(made[0].trace)
        numbers = range(1, len(points) + 1) if FULL else sample(points, SAMPLE, f"2016 {workflow}")
        outcomes = try_all(made, numbers)
    assert sorted(one["number"] for one in outcomes) == sorted(numbers)
    assert [one for one in outcomes if one["problems"]] == []
    figures.append(
        f"crashes of a session, {workflow}: {len(outcomes)} of {len(points)} points, "
        f"{sum(1 for one in outcomes if one['unclear'])} left to the operator, "
        f"{sum(one['repeated'] for one in outcomes)} messages repeated, "
        f"{sum(one['seconds'] for one in outcomes) / len(outcomes):.2f} s each, "
        f"{time.monotonic() - began:.0f} s"
    )


@pytest.mark.services
@pytest.mark.parametrize("kind", KINDS)
def test_a_session_survives_kills_on_a_database_server(kind, tmp_path, figures):
    """There the transaction of whoever is killed is ended by somebody else."""
    began = time.monotonic()
    with databases.migrated(kind, tmp_path) as database:
        database.dispose()
        with killers(1, "vnf", databases.url_of(database)) as made:
            points = made[0].trace["points"]
            assert made[0].trace["problems"] == []
            commits = [n for n, name in enumerate(points, 1) if seam(name) == "commit"]
            outcomes = try_all(made, commits[:: len(commits) // ELSEWHERE])
    assert [one for one in outcomes if one["problems"]] == []
    figures.append(
        f"crashes of a session on {kind}: {len(outcomes)} points, {time.monotonic() - began:.0f} s"
    )


def try_all(made: Sequence[Killer], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Kill at all of these points, each killer at its share of them."""

    def share(index: int) -> list[dict[str, Any]]:
        return [made[index].kill(number) for number in numbers[index :: len(made)]]

    with ThreadPoolExecutor(len(made)) as pool:
        return [one for some in pool.map(share, range(len(made))) for one in some]


def assert_all_points_are_found(trace: dict[str, Any]) -> None:
    """What was counted elsewhere: by the cloud, the bus, and the database's driver."""
    assert trace["problems"] == []
    for when in ("before", "after"):
        found = Counter(seam(name) for name in trace["points"] if name.startswith(when))
        told = found.pop("told", 0)
        assert found == trace["counted"]
        assert told == (trace["counted"]["start"] if when == "after" else 0)
    # a session with three hosts and four servers is not carried out with less
    assert trace["counted"]["commit"] > 100
    assert trace["counted"]["http"] > 60
    assert trace["counted"]["publish"] > 40
    assert trace["counted"]["start"] == 3
