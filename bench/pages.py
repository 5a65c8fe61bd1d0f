"""Pages of 30 rows out of 10,000, beside the least that any such page can cost.

Baseline: a bare WSGI application that does one SQLAlchemy query for the same rows
and dumps them as JSON, nothing else, mounted in the same process on the same WSGI
server and the same pool of connections.  Both are asked in turns, by eight
connections for the rate and by one for the time of a request.
"""

import contextlib
import datetime as dt
import json
import statistics
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from bench import client, measure, stage
from bench.result import Result
from craton_maintenance import conf as configuration
from craton_maintenance.api.app import create_app
from craton_maintenance.api.server import Server
from craton_maintenance.cli import processes
from craton_maintenance.db import bulk, craton, tables
from craton_maintenance.db.database import Database
from craton_maintenance.service import Service, utcnow
from tests.support import databases

_ROWS = 10_000
_CONNECTIONS = 8
_REQUESTS = 160
_ROUNDS = 15

#: path of ours to the query that gives the same rows
PAGES: dict[str, Callable[[], sa.Select[Any]]] = {
    "/v1/maintenance-windows?limit=30": lambda: (
        sa.select(tables.windows)
        .order_by(tables.windows.c.created_at, tables.windows.c.id)
        .limit(30)
    ),
    "/v1/hosts?limit=30": lambda: (
        sa.select(craton.devices)
        .join(craton.hosts, craton.hosts.c.id == craton.devices.c.id)
        .order_by(craton.devices.c.created_at, craton.devices.c.id)
        .limit(30)
    ),
}

_CRATON = "Craton itself: 22 requests/s, median 37 to 56 ms (GET /v1/hosts, measured elsewhere)"


def run() -> Iterator[Result]:
    for kind in ("mariadb", "sqlite"):
        with stage.database(kind) as database:
            stage.stock(database, hosts=_ROWS, servers=0, projects=1)
            _windows(database, _ROWS)
            with _server(database) as url:
                for number, path in enumerate(PAGES):
                    yield from _page(kind, url, path, f"/bare/{number}")


def _page(kind: str, url: str, path: str, bare: str) -> Iterator[Result]:
    name = path.partition("?")[0].removeprefix("/v1/")
    quoted = _CRATON if name == "hosts" else None
    with client.connected(url, _CONNECTIONS) as connections:
        if connections[0].call("GET", path)[0] == 404:
            return
        rates = measure.interleaved(
            {
                "ours": lambda: client.rate(connections, path, _REQUESTS),
                "bare": lambda: client.rate(connections, bare, _REQUESTS),
            },
            _ROUNDS,
        )
        times = measure.interleaved(
            {
                "ours": lambda: client.latency(connections[0], path),
                "bare": lambda: client.latency(connections[0], bare),
            },
            300,
        )
    yield Result(
        f"page of 30 of 10,000 {name}, {kind}: rate",
        statistics.median(rates["ours"]),
        "requests/s",
        baseline=statistics.median(rates["bare"]),
        ratio=measure.median_ratio(rates["ours"], rates["bare"]),
        ratio_at_least=0.5 if kind == "mariadb" else None,
        quoted=quoted,
    )
    yield Result.of_times(
        f"page of 30 of 10,000 {name}, {kind}",
        times["ours"],
        times["bare"],
        quoted=quoted,
    )


def _windows(database: Database, count: int) -> None:
    """Windows of all sorts, set one after the other."""
    now = utcnow()
    rows = [
        {
            "id": str(uuid.uuid4()),
            "revision": 1 + number % 3,
            "start_at": now + dt.timedelta(hours=number % 500),
            "end_at": now + dt.timedelta(hours=number % 500 + 4) if number % 5 else None,
            "told_state": "scheduled",
            "due_at": None,
            "scope": {"hosts": [{"name": f"compute-{number:05}", "region": stage.REGION}]},
            "reason": f"firmware of rack {number % 40}",
            "announcement": "Your servers will be moved to other hosts.",
            "impact": "DEGRADED",
            "retire": False,
            "allow_overlap": True,
            "approved": True,
            "hosts_count": 1,
            "projects_count": 3,
            "servers_count": 10,
            "created_by": "operator",
            "created_at": now + dt.timedelta(milliseconds=number),
        }
        for number in range(count)
    ]
    database.write(lambda transaction: bulk.insert(transaction, tables.windows, rows))
    stage.tidy(database)


@contextlib.contextmanager
def _server(database: Database) -> Iterator[str]:
    """Ours and the bare ones, in a process of their own."""
    with stage.process(
        sys.executable, "-m", "bench.pages", databases.url_of(database), says="http://"
    ) as started:
        yield started.ready  # type: ignore[attr-defined]


# -- in the server's process -------------------------------------------------------


def _bare(database: Database, select: sa.Select[Any]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with database.read() as connection:
            rows = [dict(row._mapping) for row in connection.execute(select)]
        body = json.dumps(rows, default=str).encode()
        start_response(
            "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        )
        return [body]

    return answer


def _serve(url: str) -> None:
    port = measure.free_port()
    conf = configuration.load(
        ["/dev/null"], {("api", "port"): port, ("database", "connection"): url}
    )
    processes.setup(conf)
    service = Service(conf)
    app = create_app(service)
    ours = app.wsgi_app
    bare = {f"/bare/{i}": _bare(service.database, make()) for i, make in enumerate(PAGES.values())}

    def either(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        return bare.get(environ["PATH_INFO"], ours)(environ, start_response)

    app.wsgi_app = either  # type: ignore[method-assign]
    processes.run_until_signal(
        [Server(app, conf)], lambda: print(f"http://127.0.0.1:{port}", flush=True)
    )


if __name__ == "__main__":
    _serve(sys.argv[1])
