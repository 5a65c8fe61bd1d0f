"""A window over 10,000 hosts with 100,000 servers of 1,000 projects, from now on.

``serve`` runs as a process of its own, as it is; an operator's POST sets the window
on the region, and on a label that all the hosts have.  Measured from sending the
request: to the answer; to the last event stored (all are there when the answer is:
they are stored in the same transaction); to the last one taken by RabbitMQ.

Baseline of the answer: the same server's answer to a window on one host.
"""

import contextlib
import json
import statistics
import time
from collections.abc import Iterator

import sqlalchemy as sa

from bench import broker, client, measure, stage
from bench.result import Result
from craton_maintenance.db import bulk, craton, events, tables
from craton_maintenance.db.database import Database
from craton_maintenance.service import utcnow

HOSTS, SERVERS, PROJECTS = 10_000, 100_000, 1_000
#: scheduled and opened, for each project and for operators
EVENTS = 2 * (PROJECTS + 1)

_LABEL = "rack:all"
SCOPES = {"region": {"regions": [stage.REGION]}, "label": {"labels": [_LABEL]}}

_ROUNDS = 5


def run() -> Iterator[Result]:
    for kind in ("mariadb", "postgresql", "sqlite"):
        with contextlib.ExitStack() as stack:
            queue = stack.enter_context(broker.queue())
            database = stack.enter_context(stage.database(kind))
            stage.stock(database, HOSTS, SERVERS, PROJECTS)
            label(database)
            url, _ = stack.enter_context(stage.serve(database, queue.settings))
            for scope in SCOPES if kind == "mariadb" else ["region"]:
                yield from _figures(kind, scope, url, database, queue)


def label(database: Database) -> None:
    """Put the label on every host."""
    stamp = utcnow().replace(tzinfo=None, microsecond=0)

    def work(transaction) -> None:
        ids = transaction.execute(sa.select(craton.hosts.c.id)).scalars().all()
        rows = [{"device_id": id_, "label": _LABEL, "created_at": stamp} for id_ in ids]
        bulk.insert(transaction, craton.labels, rows)

    database.write(work)
    stage.tidy(database)


def _figures(
    kind: str, scope: str, url: str, database: Database, queue: broker.Queue
) -> Iterator[Result]:
    runs = [once(url, database, queue, SCOPES[scope]) for _ in range(_ROUNDS)]
    one_host = statistics.median(_one_host(url) for _ in range(_ROUNDS))
    answered, stored, taken = (statistics.median(column) for column in zip(*runs, strict=True))
    wanted = kind == "mariadb"
    about = f"window on a {scope} of {HOSTS} hosts, {SERVERS} servers, {PROJECTS} projects, {kind}"
    rounds = [[round(value, 3) for value in column] for column in zip(*runs, strict=True)]
    yield Result(
        f"{about}: to the answer",
        answered,
        "s",
        baseline=one_host,
        ratio=one_host / answered,
        at_most=1.0 if wanted else None,
        more={"runs": rounds[0], "baseline_is": "a window on one host"},
    )
    yield Result(f"{about}: to the last of {EVENTS} events stored", stored, "s")
    yield Result(
        f"{about}: to the last of {EVENTS} events taken by RabbitMQ",
        taken,
        "s",
        at_most=10.0 if wanted else None,
        more={"runs": rounds[2]},
    )


def once(
    url: str, database: Database, queue: broker.Queue, scope: dict[str, list[str]]
) -> tuple[float, float, float]:
    """Set it, wait until everybody knows, finish it; the three times in seconds."""
    queue.empty()
    with database.read() as connection:
        before = events.head(connection)
    with client.connected(url) as (connection,):
        begun = time.perf_counter()
        status, made = connection.call(
            "POST", "/v1/maintenance-windows", {"scope": scope, "announcement": "Firmware."}
        )
        answered = time.perf_counter() - begun
        if status != 201 or made["servers_count"] != SERVERS:
            raise AssertionError(f"{status} {json.dumps(made)[:500]}")
        measure.until(lambda: _head(database) - before >= EVENTS)
        stored = time.perf_counter() - begun
        measure.until(lambda: queue.count() >= EVENTS, every=0.02)
        taken = time.perf_counter() - begun
        connection.call("POST", f"/v1/maintenance-windows/{made['id']}/finish")
    # the relay comes to rest before the next round
    measure.until(lambda: queue.count() >= EVENTS + PROJECTS + 1, every=0.05)
    return answered, stored, taken


def _one_host(url: str) -> float:
    with client.connected(url) as (connection,):
        begun = time.perf_counter()
        status, made = connection.call(
            "POST", "/v1/maintenance-windows", {"scope": {"hosts": ["compute-00001"]}}
        )
        answered = time.perf_counter() - begun
        if status != 201:
            raise AssertionError(f"{status} {json.dumps(made)[:500]}")
        connection.call("POST", f"/v1/maintenance-windows/{made['id']}/finish")
    return answered


def _head(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(sa.select(tables.event_head.c.position)).scalar_one()
