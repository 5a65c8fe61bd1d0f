"""A whole deployment that carries out sessions, on a virtual clock, in this process.

Everything happens when a test says so, in one thread: decisions, steps, looks at Nova.
Steps go through the same code as in an engine, but for its threads.
"""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from taskflow.patterns.linear_flow import Flow

from craton_maintenance import simcloud
from craton_maintenance.db import sessions as store
from craton_maintenance.db import tables
from craton_maintenance.domain.session.records import Session
from craton_maintenance.domain.session.states import OVER
from craton_maintenance.engine import adapters
from craton_maintenance.engine.adapters import Quiet
from craton_maintenance.engine.decider import Decider
from craton_maintenance.engine.steps import Steps
from craton_maintenance.engine.watcher import Watcher
from craton_maintenance.nova.compute import Cloud
from tests.functional.deployment import REGION, Deployment

#: Rounds of decisions and steps that one moment may take.
_ROUNDS = 500


class Inline(Executor):
    """Does at once, in this thread, what it is given."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(call(*args, **more))
        return done


def directly(flow: Flow) -> None:
    """Run a flow's tasks one after the other: what TaskFlow adds takes most of a test's time."""
    for node, _ in flow.iter_nodes():
        node.execute()


class World(Deployment):
    """A deployment with an engine for sessions."""

    def __init__(self, folder: Path, fleet: simcloud.Fleet | None = None, **options: Any) -> None:
        options.setdefault("events", {}).setdefault("bus", False)
        options.setdefault("sessions", {}).setdefault("state_dir", str(folder / "steps"))
        super().__init__(folder, fleet, **options)
        self.decider = Decider(self.service)
        self.nova = Cloud(self.conf, self.region)
        self.steps = self.engine_of("engine-1")
        self.watcher = Watcher(self.service, self.region, self.nova, "engine-1")
        #: those who keep other systems quiet; none without ``[adapters] enabled``
        self.quiet = self.quiet_of("engine-1")

    def engine_of(self, owner: str) -> Steps:
        """Another engine's hand on steps."""
        return Steps(self.service, {REGION: self.nova}, owner, Inline(), directly)

    def quiet_of(self, owner: str) -> list[Quiet]:
        """An engine's hands on other systems."""
        return adapters.made(self.service, [self.region], owner)

    def quieten(self) -> None:
        """Let other systems be told all that they are to be told now."""
        for one in self.quiet:
            while one.work() == 0.0:
                pass

    # -- the world goes on ---------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that is to happen at this moment."""
        for _ in range(_ROUNDS):
            before = self.mark()
            self.engine()
            self.watcher.work()
            self.quieten()
            while self.decider.work() == 0.0:
                pass
            self.steps.work()
            self.hand_over()
            if self.mark() == before:
                return
        raise AssertionError("it does not come to rest")

    def mark(self) -> tuple[Any, ...]:
        """Something that is different once anything was done."""
        with self.service.database.read() as connection:
            return (
                connection.execute(sa.select(tables.event_head.c.position)).scalar_one(),
                connection.execute(sa.select(sa.func.count()).select_from(tables.inputs)).scalar(),
                tuple(
                    connection.execute(
                        sa.select(tables.steps.c.status, sa.func.count()).group_by(
                            tables.steps.c.status
                        )
                    ).all()
                ),
                tuple(connection.execute(sa.select(tables.sessions.c.data)).scalars()),
            )

    def hand_over(self) -> None:
        """Every project reads what it was told."""
        for project in self.listening:
            self.member(project).get("/v1/events", query_string={"limit": 1000})

    #: projects that read their history, by name
    listening: tuple[str, ...] = ()

    def run(self, until: Callable[[], bool], limit: float = 36_000.0, step: float = 1.0) -> None:
        """Let time pass until something is so."""
        end = self.now + dt.timedelta(seconds=limit)
        self.settle()
        while not until():
            assert self.now < end, f"waited {limit} s in vain: {self.blockers()}"
            self.pass_time(step)
            self.settle()

    # -- sessions ------------------------------------------------------------------

    def start(self, **body: Any) -> str:
        """Start a session by Fenix's request; its id."""
        answer = self.operator.post("/v1/maintenance", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json["session_id"])

    def session(self, session_id: str) -> Session:
        with self.service.database.read() as connection:
            row = store.get(connection, session_id)
            assert row is not None
            return store.load(connection, row)

    def is_over(self, session_id: str) -> bool:
        return self.session(session_id).state in OVER

    def blockers(self) -> list[Any]:
        with self.service.database.read() as connection:
            rows = connection.execute(sa.select(tables.sessions)).all()
            return [
                (
                    one.state,
                    one.reason,
                    one.problem,
                    [
                        (host.key.name, host.state.value, host.step, host.problem)
                        for host in one.hosts.values()
                    ],
                    [
                        (s.name, s.state.value, s.status, s.step, s.todo, s.problem)
                        for s in one.servers.values()
                    ],
                    [(n.state, n.delivered_at, n.reply_at) for n in one.notices.values()],
                )
                for one in (store.load(connection, row) for row in rows)
            ]

    def said(self, event_type: str, project_id: str | None = None) -> list[dict[str, Any]]:
        """Payloads of events of a type, in order."""
        query = sa.select(tables.events.c.payload).where(tables.events.c.event_type == event_type)
        if project_id is not None:
            query = query.where(tables.events.c.project_id == project_id)
        with self.service.database.read() as connection:
            return list(connection.execute(query.order_by(tables.events.c.position)).scalars())
