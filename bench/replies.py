"""10,000 answers of projects, all at once, while the engine decides on them.

The API and the engine run as processes of their own on MariaDB, with a bus.  A session
on 200 hosts with 10,000 servers, each of a project of its own, asks 10,000 projects whether
they agree; then all of them answer, over 16 kept connections, as fast as answers are taken.
At the end every notice has to be answered, and every answer told to the operators.

Baseline: the same requests, but sent again: they find that they were taken, and store nothing.
"""

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from bench import broker, client, measure, stage
from bench.result import Result
from craton_maintenance.db import tables
from craton_maintenance.db.database import Database

_HOSTS, _REPLIES = 200, 10_000
_CONNECTIONS = 16
#: so that all have been asked before the first is out of time, however busy the machine is
_SETTINGS = "[sessions]\nreply_maintenance = 3600\n"
_BODY = {"state": "ACK_MAINTENANCE"}


def run() -> Iterator[Result]:
    with contextlib.ExitStack() as stack:
        queue = stack.enter_context(broker.queue())
        database = stack.enter_context(stage.database("mariadb"))
        stage.stock(database, _HOSTS, _REPLIES, _REPLIES)
        daemons = stack.enter_context(stage.daemons(database, queue.settings + _SETTINGS))
        yield from _measured(database, daemons)


def _measured(database: Database, daemons: stage.Daemons) -> Iterator[Result]:
    session_id, asked_in = _asked(database, daemons.url)
    yield Result(f"replies: {_REPLIES} notices stored and taken by RabbitMQ", asked_in, "s")
    pids = {"api": daemons.api.pid, "engine": daemons.engine.pid}
    before = {name: measure.cpu(pid) for name, pid in pids.items()}
    taken, seconds = _answer(daemons.url, session_id)
    decided = measure.until(lambda: _is_decided(database), every=0.1, limit=600)
    after = {name: measure.cpu(pid) for name, pid in pids.items()}
    again, seconds_again = _answer(daemons.url, session_id, _REPLIES // 5)
    lost = _REPLIES - min(_answered(database), _told(database), decided)
    yield Result(
        f"replies: {_REPLIES} over {_CONNECTIONS} connections, to the last one taken",
        seconds,
        "s",
        baseline=seconds_again * 5,
        ratio=seconds_again * 5 / seconds,
        at_most=60.0,
        more={
            "replies/s": _REPLIES / seconds,
            "cpu of the API": after["api"] - before["api"],
            "cpu of the engine": after["engine"] - before["engine"],
        },
    )
    p99, p99_again = (measure.percentile(values, 0.99) * 1000 for values in (taken, again))
    yield Result(
        "replies: p99",
        p99,
        "ms",
        baseline=p99_again,
        ratio=p99_again / p99,
        at_most=250.0,
        more={"median": statistics.median(taken) * 1000, "longest": max(taken) * 1000},
    )
    yield Result("replies: lost", lost, "replies", at_most=0)


def _asked(database: Database, url: str) -> tuple[str, float]:
    """A session whose projects were all asked; its id, and how long that took."""
    with client.connected(url) as (operator,):
        begun = time.perf_counter()
        status, made = operator.call("POST", "/v1/maintenance", {"hosts": [], "workflow": "vnf"})
        if status != 200:
            raise AssertionError(f"{status} {made}")
    measure.until(lambda: _delivered(database) == _REPLIES, every=0.1, limit=600)
    return made["session_id"], time.perf_counter() - begun


def _answer(url: str, session_id: str, count: int = _REPLIES) -> tuple[list[float], float]:
    """Have the projects answer; how long each waited, and all together took."""
    taken: list[float] = []
    failed: list[Any] = []
    projects = [f"{number:032x}" for number in range(count)]

    def ask(connection: client.Connection, mine: Sequence[str]) -> None:
        for project_id in mine:
            who = {"X-Project-Id": project_id, "X-Roles": "member", "X-User-Id": "manager"}
            begun = time.perf_counter()
            path = f"/v1/maintenance/{session_id}/{project_id}"
            status, answer = connection.call("PUT", path, _BODY, **who)
            taken.append(time.perf_counter() - begun)
            if status != 200:
                failed.append((status, answer))
                return

    with client.connected(url, _CONNECTIONS) as connections:
        threads = [
            threading.Thread(target=ask, args=(one, projects[number::_CONNECTIONS]))
            for number, one in enumerate(connections)
        ]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begun
    if failed:
        raise AssertionError(f"{len(failed)} were refused: {failed[0]}")
    return taken, seconds


def _count(database: Database, table: sa.Table, *where: Any) -> int:
    with database.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(table).where(*where)
        ).scalar_one()


def _delivered(database: Database) -> int:
    return _count(database, tables.notices, tables.notices.c.delivered_at.is_not(None))


def _answered(database: Database) -> int:
    return _count(database, tables.notices, tables.notices.c.replied_at.is_not(None))


def _told(database: Database) -> int:
    return _count(database, tables.events, tables.events.c.event_type == "maintenance.reply")


def _is_decided(database: Database) -> int:
    """How many notices the engine has closed as answered, once no answer waits for it."""
    if _count(database, tables.inputs, tables.inputs.c.kind == "reply"):
        return 0
    return _count(database, tables.notices, tables.notices.c.status == "answered")
