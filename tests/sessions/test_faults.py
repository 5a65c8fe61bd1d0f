"""A session comes to its end though Nova, Placement or the bus fail in the middle of it.

Each request that an uninterrupted run makes fails in turn, in each of the ways in which a
request can fail, and each hand-over to the bus is refused in turn.
"""

import dataclasses
import multiprocessing
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from craton_maintenance import simcloud
from tests.sessions.aftermath import problems
from tests.sessions.beginning import Beginning
from tests.sessions.outside import Outside
from tests.sessions.process import Stuck

FULL = os.environ.get("CRATON_MAINTENANCE_FULL") == "1"

#: Faults that are tried where not all are.
SAMPLE, OUTAGES = 24, 3

#: Faults that once broke something, each with its way: always tried.
FOUND = (
    ("GET /os-hypervisors/detail #3", "partial"),
    ("GET /os-server-groups #3", "partial"),
    ("GET /servers/{server} #6", "404"),
)

#: Processes that try faults at a time, where all are tried.
_AT_ONCE = 2

#: Seconds within which one fault is got over, those of moves that are given up included.
_LIMIT = 2 * 3600.0

#: How a request fails.
WAYS: dict[str, dict[str, Any]] = {
    "409": {"status": 409},
    "404": {"status": 404},
    "429": {"status": 429},
    "500": {"status": 500},
    "500 after its effect": {"status": 500, "after": True},
    "time-out": {"lost": "timeout"},
    "time-out after its effect": {"lost": "timeout", "after": True},
    "reset after its effect": {"lost": "reset", "after": True},
    "partial": {"partial": 1.0},
    "half": {"partial": 0.5},
    "slow": {"delay": 45.0},
}

#: Answers that lack something and do not say so. What was done on one may have to be put right
#: by an operator; nothing else that happens once has to.
_LISTS = ("partial", "half")

#: Ways in which everything that is alike may fail for long, and seconds after which that has
#: to be named.
_FOR_LONG, _NAMED_WITHIN = ("409", "404", "429", "500", "time-out"), 240.0


@dataclasses.dataclass(frozen=True)
class Call:
    """The nth of the requests that are alike."""

    service: str
    method: str
    template: str
    action: str
    nth: int

    def fault(self, way: str, times: int = 1) -> simcloud.Fault:
        """Make it fail.

        :param times: -1: and all that follow
        """
        path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.template))
        return simcloud.Fault(
            method=self.method,
            path=f"^{path}$",
            action=self.action or None,
            user="maintenance",
            nth=self.nth,
            times=times,
            **WAYS[way],
        )

    def __str__(self) -> str:
        action = f" {self.action}" if self.action else ""
        return f"{self.method} {self.template}{action} #{self.nth}"


class Faults:
    """Runs of a session, each with a fault."""

    def __init__(self, workflow: str, folder: Path) -> None:
        # a read that failed is not repeated where it failed: its step meets it
        self._begin = Beginning(workflow, folder, nova={"read_retries": 0})
        self.calls, self.messages = self._trace()

    def _trace(self) -> tuple[list[Call], int]:
        outside = self._begin.restore()
        assert self.run(outside) == []
        nth: Counter[Any] = Counter()
        found = []
        for call in outside.cloud.calls:
            if call.user != "maintenance" or call.service == "identity":
                continue
            alike = call.service, call.method, call.template, call.action
            nth[alike] += 1
            found.append(Call(*alike, nth[alike]))
        return found, len(outside.messages)

    def all(self) -> Iterator[tuple[Call | int, str]]:
        """Every request in every way, and every hand-over."""
        for call in self.calls:
            for way in WAYS:
                if way not in _LISTS or (call.method == "GET" and not call.template.endswith("}")):
                    yield call, way
        for number in range(1, self.messages + 1):
            yield number, "refused"

    def try_one(self, what: Call | int, way: str) -> list[str]:
        """What is wrong afterwards."""
        outside = self._begin.restore()
        if isinstance(what, int):
            outside.refuses.add(what)
        else:
            outside.cloud.faults.append(what.fault(way))
        found = self.run(outside, operator=way in _LISTS)
        if not isinstance(what, int) and not outside.cloud.faults[0].fired:
            found.append("the fault did not happen")
        return [f"{what}: {way}: {one}" for one in found]

    def outages(self) -> Iterator[tuple[Call, str]]:
        """Every kind of request, in those ways that may last."""
        for call in self.calls:
            if call.nth == 1:
                for way in _FOR_LONG:
                    yield call, way

    def outlast(self, call: Call, way: str) -> list[str]:
        """What is wrong after an outage that the operator has ended."""
        outside = self._begin.restore()
        outside.cloud.faults.append(call.fault(way, times=-1))
        try:
            self._begin.process.run(outside.ask, "engine-1", _NAMED_WITHIN)
            return [f"{call}: {way}, for long: it went on as if nothing were"]
        except Stuck as stuck:
            found = [] if stuck.codes else [str(stuck)]
        outside.cloud.faults.clear()
        outside.retry()
        found += self.run(outside)
        return [f"{call}: {way}, for long: {one}" for one in found]

    def run(self, outside: Outside, operator: bool = False) -> list[str]:
        """What is wrong at the end.

        :param operator: there is one, who has what is named as a blocker tried again
        """
        process = self._begin.process
        try:
            process.run(outside.ask, "engine-1", _LIMIT)
        except Stuck as stuck:
            if not operator or not stuck.codes:
                return [str(stuck)]
            outside.retry()
            process.run(outside.ask, "engine-1", 2 * _LIMIT)
        with self._begin.database() as database:
            return problems(outside, database) + process.errors


def sample(faults: Faults, seed: str) -> list[tuple[Call | int, str]]:
    """Some, of as many kinds as possible, what changes something first; always the same."""
    chance = random.Random(seed)
    kinds: dict[Any, list[tuple[Call | int, str]]] = {}
    for what, way in faults.all():
        kind = way if isinstance(what, int) else (what.method, what.template, what.action, way)
        kinds.setdefault(kind, []).append((what, way))
    names = sorted(kinds, key=str)
    chance.shuffle(names)
    names.sort(key=lambda name: name[0] == "GET")
    changing = [name for name in names if name[0] != "GET"]
    chosen = changing[: SAMPLE // 2]
    chosen += [name for name in names if name not in chosen][-(SAMPLE - len(chosen)) :]
    return [chance.choice(kinds[name]) for name in chosen]


def chosen(faults: Faults, workflow: str) -> list[tuple[Call | int, str]]:
    """What is tried: requests are the same in both workflows, so in one of them not all."""
    if not FULL:
        half = 0 if workflow == "default" else 1
        some = sample(faults, f"2016 {workflow}")[half::2]
        found = [one for one in faults.all() if (str(one[0]), one[1]) in FOUND]
        assert len(found) == len(FOUND)
        return some + found
    found = list(faults.all())
    return found if workflow == "default" else found[:: len(WAYS) + 1]


def share(workflow: str, folder: Path, index: int, count: int) -> tuple[int, list[str]]:
    """Try every so-many-th; how many that were, and what is wrong."""
    folder = folder / str(index)
    folder.mkdir()
    faults = Faults(workflow, folder)
    assert len(faults.calls) > 60
    assert faults.messages > 40
    tried = chosen(faults, workflow)[index::count]
    return len(tried), [words for what, way in tried for words in faults.try_one(what, way)]


def share_of_outages(folder: Path, index: int, count: int) -> tuple[int, list[str]]:
    """As :func:`share`."""
    folder = folder / str(index)
    folder.mkdir()
    faults = Faults("default", folder)
    tried = list(faults.outages())
    if not FULL:
        tried = random.Random(2016).sample(tried, OUTAGES)
    tried = tried[index::count]
    return len(tried), [words for call, way in tried for words in faults.outlast(call, way)]


def together(work: Callable[..., tuple[int, list[str]]], *args: Any) -> tuple[int, list[str]]:
    """All shares: where there is much to be done, each in a process of its own."""
    if not FULL:
        return work(*args, 0, 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_AT_ONCE, context) as pool:
        ends = [pool.submit(work, *args, index, _AT_ONCE) for index in range(_AT_ONCE)]
        counts, wrong = zip(*(end.result() for end in ends), strict=True)
    return sum(counts), [words for some in wrong for words in some]


@pytest.mark.parametrize("workflow", ["default", "vnf"])
def test_a_session_gets_over_every_fault(workflow, tmp_path, figures):
    count, wrong = together(share, workflow, tmp_path)
    assert wrong == []
    figures.append(f"faults in a session, {workflow}: {count}")


def test_what_fails_for_long_is_named_and_then_got_over(tmp_path, figures):
    """Nothing is decided on a failure; and once it is over, the session comes to its end."""
    count, wrong = together(share_of_outages, tmp_path)
    assert wrong == []
    figures.append(f"outages in a session: {count}")
