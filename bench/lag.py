"""How far our database is behind Nova's API, where Nova's notifications are heard.

A server of the real Nova is stopped, started, and moved live.  One thread asks Nova's API for
it as fast as that answers, another one looks into our database; the lag is from the first
answer that shows the change to the first row that does.  A negative one: we knew before
Nova's API had answered so.  Synchronisation is every ten minutes, so it is the notifications
that tell.  The cloud of tools/testcloud has to run.
"""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import measure, real, stage
from bench.result import Result
from craton_maintenance.db import nova
from craton_maintenance.engine.engine import Engine
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service
from tests.cloud import bus, stack

#: Rounds of stopping and starting, and moves.
_ROUNDS = 20
_MOVES = 10

#: Seconds: what the documentation promises.
_WANTED = 1.0

#: Columns of ours by Nova's names of them.
_NAMES = {"status": "status", "host": "OS-EXT-SRV-ATTR:host"}


def run() -> Iterator[Result]:
    admin = real.needed()
    pool = real.name()
    with contextlib.ExitStack() as undo:
        compute = stack.Compute(admin)
        hosts = compute.hosts()[:2]
        server = compute.boot(admin, real.name(), hosts[0])
        undo.callback(compute.delete, [server])
        compute.active(server)
        service = stage.service(
            undo.enter_context(stage.database("mariadb")),
            {
                ("inventory", "sync_interval"): 600.0,
                ("nova", "notifications_url"): [stack.TRANSPORT_URL],
                ("nova", "notifications_pool"): pool,
            },
        )
        undo.callback(bus.remove_queue, stack.TRANSPORT_URL, pool)
        engine = Engine(service, [Region(stack.REGION, _session, stack.REGION, "public")])
        engine.start()
        undo.callback(engine.stop)
        watch = _Watch(service, server)
        measure.until(lambda: watch.ours("host") == hosts[0], every=0.1, limit=60)
        measure.until(lambda: bus.consumers(stack.TRANSPORT_URL, pool), every=0.1, limit=60)
        yield from _result("a server is stopped or started", _stops(admin, watch))
        yield from _result("a server is moved live", _moves(compute, watch, hosts))


def _session() -> Any:
    return stack.session("admin", project="admin")


def _stops(admin: Any, watch: "_Watch") -> list[float]:
    found = []
    for _ in range(_ROUNDS):
        for action, status in (("os-stop", "SHUTOFF"), ("os-start", "ACTIVE")):
            found.append(watch.lag(lambda what=action: watch.act(admin, what), "status", status))
    return found


def _moves(compute: stack.Compute, watch: "_Watch", hosts: list[str]) -> list[float]:
    found = []
    for number in range(_MOVES):
        host = hosts[1 - number % 2]
        found.append(watch.lag(lambda to=host: watch.move(to), "host", host))
        # Nova is done with it
        compute.active(watch.server)
        measure.until(lambda: not compute.unfinished(watch.server), every=0.1, limit=60)
    return found


def _result(what: str, lags: list[float]) -> Iterator[Result]:
    values = [one * 1000 for one in lags]
    for name, value, most in (
        ("median", statistics.median(values), None),
        ("the longest", max(values), _WANTED * 1000),
    ):
        yield Result(
            f"our database behind the real Nova's API, {what}: {name} of {len(values)}",
            value,
            "ms",
            at_most=most,
        )


class _Watch:
    """Looks at one server in both places at once."""

    def __init__(self, service: Service, server: str) -> None:
        self.server = server
        self._service = service
        self._nova = stack.Service(_session(), "compute", stack.NOVA_VERSION)

    def act(self, admin: Any, action: str) -> None:
        stack.act(admin, self.server, action)

    def move(self, host: str) -> None:
        arguments = {"host": host, "block_migration": "auto"}
        stack.act(_session(), self.server, "os-migrateLive", arguments)

    def ours(self, column: str) -> Any:
        """What our database has of it."""
        with self._service.database.read() as connection:
            row = nova.server(connection, stack.REGION, self.server)
        return None if row is None else row[nova.SERVER.index(column)]

    def theirs(self, column: str) -> Any:
        """What Nova's API shows of it."""
        return self._nova.get(f"/servers/{self.server}")["server"][_NAMES[column]]

    def lag(self, do: Callable[[], None], column: str, value: str) -> float:
        """Seconds from Nova's showing a value to our having it."""
        seen: dict[str, float] = {}

        def watch_nova() -> None:
            measure.until(lambda: self.theirs(column) == value, every=0.001, limit=60)
            seen["Nova"] = time.monotonic()

        watcher = threading.Thread(target=watch_nova)
        watcher.start()
        do()
        measure.until(lambda: self.ours(column) == value, every=0.002, limit=60)
        ours = time.monotonic()
        watcher.join()
        return ours - seen["Nova"]
