"""One schedule, carried out: the world goes from one moment at which something is due to the next.

Engines work in this thread, one after the other, and may be killed between any two of
their writes, or in the middle of a call to Nova; then others take over when leases and
claims of the dead one have run out.
"""

import dataclasses
import datetime as dt
import functools
import heapq
import itertools
import logging
import math
import random
import shutil
import tempfile
import types
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keystoneauth1.exceptions
import novaclient.exceptions
import sqlalchemy as sa

from craton_maintenance import simcloud
from craton_maintenance.api.app import create_app
from craton_maintenance.db import session_inputs, session_steps, tables
from craton_maintenance.db import windows as window_store
from craton_maintenance.domain.session import machine
from craton_maintenance.domain.session.records import Session
from craton_maintenance.domain.session.states import OVER, HostState
from craton_maintenance.domain.session.steps import Outcome, Result, Step
from craton_maintenance.engine import lease
from craton_maintenance.engine.decider import Decider
from craton_maintenance.engine.steps import Steps
from craton_maintenance.engine.watcher import Watcher
from craton_maintenance.service import Service
from craton_maintenance.service import policy as policy_of
from craton_maintenance.simcloud.model import UNFINISHED
from craton_maintenance.workflow.plugins import registry
from craton_maintenance.workflow.plugins.base import Context, HostAction
from tests.functional.deployment import BEGIN, configure, migrated
from tests.sessions.world import World
from tests.simulation import operator, quiet, troubles
from tests.simulation.judges import US, Asked, Judge
from tests.simulation.projects import Application
from tests.simulation.schedule import Planned, Schedule

#: Rounds of work that one moment may take, moments that a schedule may take, and its end.
_ROUNDS, _MOMENTS, _LONGEST = 300, 4000, 5 * 86_400.0

#: So long nothing may happen before an operator looks why.
_PATIENCE = 200.0

#: A session is looked at seldom though nothing is due: what is due has to be known.
_HEARTBEAT = 3000.0


#: What a synchronisation meets when Nova fails.
_NOVA_FAILS = (keystoneauth1.exceptions.ClientException, novaclient.exceptions.ClientException)


class Crash(BaseException):
    """An engine is killed here."""


class Failed(AssertionError):
    """A schedule went wrong."""


class Engine:
    """What an engine's process does for sessions."""

    def __init__(self, world: "Simulation", owner: str) -> None:
        self.world = world
        self.owner = owner
        self.frozen_until = 0.0
        self.decider = Decider(world.service)
        self.steps: Steps = world.engine_of(owner)
        self.watcher = Watcher(world.service, world.region, world.nova, owner)
        self.quiet = quiet.Hands(world, owner)
        self._watch(self.watcher)
        self._record(self.steps)

    def work(self, polls: bool) -> None:
        """
        :param polls: look for work that nobody has told of
        """
        service = self.world.service
        self.quiet.work()
        if self.world.must_look:
            # due, whatever it thinks itself
            self.watcher._looked_at = None
            self.watcher.work()
        if polls or service.session_news.is_set():
            service.session_news.clear()
            while self.decider.work() == 0.0:
                pass
        if polls or service.step_news.is_set():
            service.step_news.clear()
            self.steps.work()

    def _watch(self, watcher: Watcher) -> None:
        look = watcher._watch.look

        def looked(*args: Any, **more: Any) -> bool:
            changed = look(*args, **more)
            self.world.looked()
            return changed

        watcher._watch.look = looked  # type: ignore[method-assign]

    def _record(self, steps: Steps) -> None:
        """Have the judge know which step makes a call."""
        doer, world = steps._doer, self.world
        perform = doer.perform

        def performed(session_id: str, step: Step, again: bool, *more: Any) -> Outcome:
            before = world.judge.step
            world.judge.step = world.attempt(session_id, step, again)
            try:
                outcome = perform(session_id, step, again, *more)
            finally:
                world.judge.step = before
            if outcome.code == "INTERNAL":
                world.violations.append(f"step {step} failed: {outcome.words}")
            world.note(
                f"{self.owner} {step.number} {step.kind.value} {step.host.name} "
                f"{world.names([step.server_id] if step.server_id else [])} {dict(step.params)} "
                f"-> {outcome.result.value} {outcome.code} {outcome.words[:120]}"
            )
            return outcome

        doer.perform = performed  # type: ignore[method-assign]


class _Stage:
    """What all worlds of a process share: to make it anew would take longer than to play."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="maintenance-simulation-"))
        self._file = folder / "maintenance.sqlite"
        shutil.copy(migrated(), self._file)
        conf = configure(
            folder,
            f"sqlite:///{self._file}",
            api={"validate_answers": False},
            events={"bus": False},
            nova={"read_retries": 0},
            sessions={
                "direct_actions": ["*"],
                "handover": "read",
                "command_timeout": 300.0,
                "state_dir": str(folder / "steps"),
            },
        )
        self.world: Simulation | None = None
        self.service = Service(conf, clock=self._now)
        self.app = create_app(self.service)
        database = self.service.database
        self.write = database.write
        # the clock of leases is the world's, too
        database.now = lambda connection: self._now()  # type: ignore[method-assign]

        @sa.event.listens_for(database.engine, "connect")
        def connected(connection: Any, record: object) -> None:
            # whatever happens to this machine, nobody needs the file afterwards
            connection.execute("PRAGMA synchronous=OFF")

    def _now(self) -> dt.datetime:
        return BEGIN if self.world is None else self.world.now

    def clear(self, policy: Mapping[str, Any]) -> None:
        """As if nothing had ever been."""
        service = self.service
        self.world = None
        service.database.write = self.write  # type: ignore[method-assign]
        service.database.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)
        shutil.copy(migrated(), self._file)
        service.conf.clear_override("enabled", "adapters")
        for name, value in policy.items():
            service.conf.set_override(name, value, "sessions")
        service.sessions = dataclasses.replace(service.sessions, policy=policy_of(service.conf))
        service.session_news.clear()
        service.step_news.clear()


@functools.cache
def _stage() -> _Stage:
    return _Stage()


class Simulation(World):
    """A world that follows a schedule."""

    def __init__(self, folder: Path, schedule: Schedule) -> None:
        stage = _stage()
        stage.clear(schedule.policy)
        stage.world = self
        super().__init__(folder, schedule.fleet, service=stage.service)
        self._app = stage.app
        self.cloud.random.seed(schedule.seed)
        self.schedule = schedule
        self.rng = random.Random(f"run {schedule.seed}")
        self.trace: list[str] = []
        self.violations: list[str] = []
        self.latest: dict[str, Session] = {}
        self.windows: dict[str, str] = {}
        self.writes = 0
        self.crash_in: int | None = None
        self.must_look = False
        #: windows have to be brought up to date; and when the next one is due
        self._is_moved, self._windows_at = True, 0.0
        self._look_at: float | None = None
        #: when engines find something by looking; how many writes have been told of
        self._found_at, self._told = 0.0, -1
        self._acting: list[Engine] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._chains: dict[tuple[str, str, str], int] = {}
        self._head = 0
        self._engines = 0
        #: where servers were in the beginning
        self._began = {server.id: server.host for server in self.cloud.servers.values()}
        self._still: tuple[Any, float] = (None, 0.0)
        self._unsaid: set[str] = set()
        self.judge = Judge(self.cloud, lambda: self.now, schedule.policy)
        self.cloud.judges.append(self._calls)
        self._really_write = stage.write
        self.service.database.write = self._counted  # type: ignore[method-assign]
        self.watchman = quiet.watchman_of(self)
        self.engines = [self._new_engine() for _ in range(schedule.engines)]
        self.applications = [
            Application(self, name, style, random.Random(f"{name} {schedule.seed}"))
            for name, style in schedule.styles.items()
        ]
        self._operator = operator.Operator(self)

    # -- small things ------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        return (self.now - BEGIN).total_seconds()

    def note(self, words: str) -> None:
        self.trace.append(f"{self.elapsed:9.3f} {words}")

    def names(self, servers: Iterable[str]) -> str:
        found = [self.cloud.servers.get(one) or self.cloud.deleted.get(one) for one in servers]
        return ",".join(one.name if one else "?" for one in found)

    def later(self, delay: float, act: Callable[[], None]) -> None:
        """Have something happen in so many seconds."""
        moment = round(self.elapsed + delay, 3)
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    def session_ids(self) -> list[str]:
        return list(self.windows)

    def attempt(self, session_id: str, step: Step, again: bool) -> tuple[str, str, str, int]:
        """What counts as one attempt: a step, with those that repeat it."""
        subject = step.server_id or step.host.name
        key = (session_id, subject, step.kind.value)
        if not step.params.get("again") or key not in self._chains:
            self._chains[key] = step.number
        return (*key, self._chains[key])

    @property
    def is_engine_at_work(self) -> bool:
        return bool(self._acting)

    def _new_engine(self) -> Engine:
        self._engines += 1
        return Engine(self, f"engine-{self._engines}")

    def _calls(self, cloud: simcloud.Cloud, call: Any) -> None:
        if call.method != "GET" and call.service == "compute":
            self.changed()
            self.note(f"    {call.user} {call.method} {call.path} {call.body}")

    def changed(self) -> None:
        """Something has happened in the cloud: the next look at it will show it."""
        if self._look_at is None:
            grid = self.schedule.watch
            self._look_at = (math.floor(self.elapsed / grid) + 1) * grid

    def windows_changed(self) -> None:
        self._windows_at = 0.0

    def looked(self) -> None:
        self.must_look = False
        self._is_moved = True

    def _counted(self, work: Any) -> Any:
        """A write, before or after which the engine that makes it may be killed."""
        self.writes += 1
        if self.crash_in is not None and self._acting:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crash_in = None
                if self.rng.random() < 0.5:
                    raise Crash
                self._really_write(work)
                raise Crash
        return self._really_write(work)

    # -- time --------------------------------------------------------------------------

    def pass_to(self, elapsed: float) -> None:
        """Time passes, and nobody but the cloud does anything."""
        elapsed = math.ceil(elapsed * 1000) / 1000
        due = self.cloud.next_due()
        self.now = max(self.now, BEGIN + dt.timedelta(seconds=elapsed))
        if due is not None and due <= self.now.timestamp():
            self.changed()
        self.cloud.clock.advance_to(self.now.timestamp())  # type: ignore[attr-defined]

    def pass_time(self, seconds: float) -> None:
        self.pass_to(self.elapsed + seconds)

    @staticmethod
    def _ahead(moment: dt.datetime) -> float:
        return (moment - BEGIN).total_seconds()

    def _next(self) -> float:
        """The next moment at which something is due."""
        found = [one for one, _, _ in self._agenda[:1]]
        if self._look_at is not None:
            found.append(self._look_at)
        if (due_there := self.cloud.next_due()) is not None:
            grid = self.schedule.watch
            found.append(math.ceil((due_there - BEGIN.timestamp()) / grid) * grid)
        with self.service.database.read() as connection:
            windows = window_store.next_due(connection)
            self._windows_at = math.inf if windows is None else self._ahead(windows)
            due = session_inputs.next_due(connection)
            self._found_at = math.inf if due is None else self._ahead(due)
            found += [self._windows_at, self._found_at]
            for step in session_steps.unended_steps(connection, 1000):
                self._found_at = 0.0
                moment = step.must_end_by if step.status == "claimed" else step.not_before
                found.append(self.elapsed + 5.0)
                if moment is not None:
                    found.append(self._ahead(moment))
        found += [engine.frozen_until for engine in self.engines]
        found += quiet.moments(self)
        ahead = [one for one in found if self.elapsed < one < math.inf]
        return min(ahead, default=self.elapsed + _PATIENCE)

    # -- work --------------------------------------------------------------------------

    def settle(self) -> None:
        """Everybody does what is to be done at this moment."""
        polls = False
        for _ in range(_ROUNDS):
            before = self.writes
            self._happen()
            self.must_look = self._look_at is not None and self._look_at <= self.elapsed
            if self.must_look:
                self._look_at = None
            if self._is_moved or self._windows_at <= self.elapsed:
                self._is_moved, self._windows_at = False, math.inf
                self.engine()
            if self._found_at <= self.elapsed:
                polls, self._found_at = True, math.inf
            engines = len(self.engines)
            for engine in list(self.engines):
                # whoever is the first takes what is there
                self._let_work(engine, polls)
            # what a dead engine would have told is found by looking
            polls = len(self.engines) != engines
            if self.must_look:
                # whoever watches is dead, and his lease has not run out
                self._look_at = self.elapsed + 2.0
            self._tell()
            if self.writes == before and not self._is_due():
                return
        raise Failed("it does not come to rest")

    def _is_due(self) -> bool:
        return bool(self._agenda) and self._agenda[0][0] <= self.elapsed

    def _happen(self) -> None:
        while self._is_due():
            heapq.heappop(self._agenda)[2]()

    def _let_work(self, engine: Engine, polls: bool) -> None:
        if engine in self._acting or engine.frozen_until > self.elapsed:
            return
        self._acting.append(engine)
        try:
            engine.work(polls)
        except Crash:
            self.note(f"{engine.owner} is killed")
            self.engines.remove(engine)
            self.later(self.rng.choice([0.5, 5.0, 30.0]), self._restart)
        finally:
            self._acting.remove(engine)

    def is_anybody_there(self) -> bool:
        return any(engine.frozen_until <= self.elapsed for engine in self.engines)

    def _restart(self) -> None:
        self.engines.append(self._new_engine())
        self._found_at = 0.0

    def meanwhile(self, seconds: float) -> None:
        """While one engine waits for an answer, the world goes on, and other engines work."""
        if len(self._acting) != 1:
            return
        # time passes in whole milliseconds: a sum that is a hair above would never come
        end = round(self.elapsed + seconds, 3)
        look, self.must_look = self.must_look, False
        while self.elapsed < end:
            self.pass_to(min(end, self._next(), self.elapsed + 5.0))
            self.settle()
        self.must_look = look

    def _tell(self) -> None:
        """Who has something to read gets to know."""
        if self.writes == self._told:
            return
        self._told = self.writes
        table = tables.event_seqs
        with self.service.database.read() as connection:
            seqs = dict(connection.execute(sa.select(table.c.project_id, table.c.seq)).all())
        self._head = sum(seqs.values())
        for one in self.applications:
            if seqs.get(one.id, 0) > one.read_to:
                one.news()

    # -- the whole ---------------------------------------------------------------------

    def play(self) -> None:
        """Carry out the schedule to its end, and judge it."""
        with _patched(self):
            self._prepare()
            for _ in range(_MOMENTS):
                self.settle()
                self._look()
                if self._is_over():
                    break
                if self.service.session_news.is_set() and self.is_anybody_there():
                    continue
                self.pass_to(self._next())
            else:
                raise Failed("too many moments")
            self._check_end()

    def _prepare(self) -> None:
        schedule = self.schedule
        for planned in schedule.sessions:
            self.later(planned.at, lambda which=planned: self._ask_for(which))  # type: ignore[misc]
        for trouble in schedule.troubles:
            self.later(trouble.at, lambda which=trouble: troubles.happen(self, which))  # type: ignore[misc]
        self.later(schedule.sync, self._synchronise)
        self._wish()

    def _wish(self) -> None:
        """Constraints, as projects and operators have set them."""
        groups = {group.name: group for group in self.cloud.groups.values()}
        for name, wish in self.schedule.groups.items():
            group = groups[name]
            body = {"group_id": group.id, "project_id": group.project_id, **wish}
            answer = self.operator.put(f"/v1/instance_group/{group.id}", body)
            assert answer.status_code == 200, answer.text
            self.judge.budgets[group.id] = (wish["max_impacted_members"], wish["recovery_time"])
            if wish.get("migration_type") == "NOTHING":
                self.judge.left.update(group.members)
        for name, wish in self.schedule.servers.items():
            server = self.cloud.server_named(name)
            if "group_id" in wish:
                wish = {**wish, "group_id": f"{wish['group_id']}{server.project_id[:12]}"}
                self.judge.group_of[server.id] = wish["group_id"]
            body = {"instance_id": server.id, "project_id": server.project_id, **wish}
            answer = self.operator.put(f"/v1/instance/{server.id}", body)
            assert answer.status_code == 200, answer.text
            self.judge.lead_time[server.id] = wish.get("lead_time", 0.0)
            if wish.get("migration_type") == "NOTHING":
                self.judge.left.add(server.id)
        for server in self.cloud.servers.values():
            hints = [server.metadata.get("maintenance:action"), *server.tags]
            if any(hint and hint.endswith("NOTHING") for hint in hints):
                self.judge.left.add(server.id)

    def _ask_for(self, planned: Planned) -> None:
        opens = self.now + dt.timedelta(seconds=planned.opens)
        closes = None
        body = {"hosts": list(planned.hosts), "maintenance_at": opens.isoformat(), **planned.body}
        if planned.closes is not None:
            closes = self.now + dt.timedelta(seconds=planned.closes)
            body["maintenance_end"] = closes.isoformat()
        answer = self.operator.post("/v1/maintenance", body)
        if answer.status_code == 409:
            self.note(f"refused: {answer.text}")
            return
        assert answer.status_code == 200, answer.text
        session = answer.json["session_id"]
        self.windows[session] = answer.json["window_id"]
        self._windows_at = 0.0
        self.judge.sessions[session] = Asked(
            session,
            frozenset(planned.hosts),
            opens,
            closes,
            bool(planned.body.get("retire")),
            {
                server.id: (server.host, server.project_id)
                for server in self.cloud.servers.values()
                # of one that has just come nobody may know yet
                if server.host in planned.hosts and self._began.get(server.id) == server.host
            },
        )
        self.note(f"session {session} on {planned.hosts} {planned.body}")

    def synchronise(self) -> None:
        """As a synchronisation that is due; Nova may fail."""
        self._is_moved = True
        try:
            self.sync()
        except _NOVA_FAILS as error:
            self.note(f"no synchronisation: {error}")

    def _synchronise(self) -> None:
        self.synchronise()
        if not self._is_over():
            self.later(self.schedule.sync, self._synchronise)

    def _is_over(self) -> bool:
        return (
            len(self.windows) == len([one for one in self.latest.values() if one.state in OVER])
            and self.elapsed >= max(one.at for one in self.schedule.sessions)
            and not quiet.left(self)
        )

    def _look(self) -> None:
        """What has to hold after every event; and somebody looks after what stands still."""
        if self.cloud.violations or self.violations:
            raise Failed(
                "; ".join([*self.violations, *(text for _, text in self.cloud.violations)])
            )
        if self.elapsed > _LONGEST:
            raise Failed("it does not end")
        self._check_disabled()
        mark = (
            self._head,
            self._agenda[0][:2] if self._agenda else None,
            [one.state for one in self.latest.values()],
            [[h.state for h in one.hosts.values()] for one in self.latest.values()],
            [[s.state for s in one.servers.values()] for one in self.latest.values()],
        )
        if mark[0::2] != self._still[0]:
            self._still = (mark[0::2], self.elapsed)
        elif self.elapsed - self._still[1] >= _PATIENCE:
            self._still = (mark[0::2], self.elapsed)
            for session in list(self.latest.values()):
                if session.state not in OVER:
                    self._operator.look_after(session)

    def _check_disabled(self) -> None:
        """I4: a host that is disabled by us is open, retired, or failed."""
        for host, reason in self.judge.left_disabled().items():
            if host in self.judge.fenced:
                continue  # it was given up for dead, by an operator's word
            session = next((one for key, one in self.latest.items() if key in reason), None)
            if session is None:
                raise Failed(f"I4: {host} is disabled for nobody: {reason}")
            found = next(one for key, one in session.hosts.items() if key.name == host)
            if found.state.value in ("planned", "skipped", "returned"):
                raise Failed(f"I4: {host} is {found.state}, and disabled: {reason}")

    def _check_end(self) -> None:
        for session_id in self.windows:
            session = self.session(session_id)
            assert session.state in OVER
            for key, host in session.hosts.items():
                if host.state is not HostState.RETIRED or key.name not in self.judge.disabled:
                    continue
                if not self.judge.is_at_rest(key.name, session_id):
                    there = [(s.name, s.vm_state) for s in self.cloud.servers_on(key.name)]
                    raise Failed(f"I3: {key.name} is retired with servers on it: {there}")
            self._check_history(session)
        unfinished = [
            (self.names([one.server_id]), one.type, one.status)
            for one in self.cloud.migrations.values()
            if one.user_id == self.judge.us
            and one.status in UNFINISHED
            and one.server_id in self.cloud.servers
            # an evacuation is done once the host is there again
            and one.status != "done"
            and not self._is_given_up(one.server_id)
        ]
        if unfinished:
            raise Failed(f"moves of ours are left unfinished: {unfinished}")
        held = self._count(tables.session_holds)
        if held:
            raise Failed(f"{held} hosts are still held")
        for server, host in self.judge.stopped.items():
            states = [
                found.state.value
                for one in self.latest.values()
                for key, found in one.hosts.items()
                if key.name == host
            ]
            if host is not None and self.judge.was_moved_by_others(server, host):
                continue
            if server not in self.judge.ran:
                continue
            if not set(states) & {"retired", "failed"} and not self._is_given_up(server):
                raise Failed(f"{self.names([server])} was stopped by us, and not started again")

    def _is_given_up(self, server: str) -> bool:
        """It was tried to start it, in vain, and that was said."""
        return any(
            (found := one.servers.get(server)) is not None and found.problem is not None
            for one in self.latest.values()
        )

    def _count(self, table: sa.Table) -> int:
        with self.service.database.read() as connection:
            count = sa.select(sa.func.count()).select_from(table)
            return int(connection.execute(count).scalar_one())

    def _check_history(self, session: Session) -> None:
        """I6: the events say what there is."""
        table = tables.events
        with self.service.database.read() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.position)).all()
        seqs: dict[str, int] = {}
        hosts: dict[str, list[str]] = {}
        said: list[str] = []
        for row in rows:
            seqs[row.project_id] = seqs.get(row.project_id, 0) + 1
            if row.seq != seqs[row.project_id]:
                raise Failed(f"I6: {row.project_id} has {row.seq} for {seqs[row.project_id]}")
            if row.payload.get("session_id") != session.id:
                continue
            if row.event_type == "maintenance.host":
                hosts.setdefault(row.payload["host"], []).append(row.payload["state"])
            elif row.event_type == "maintenance.session":
                said.append(row.payload["state"])
        if said[-1:] != [session.state.value]:
            raise Failed(f"I6: the history ends with {said[-1:]}, and it is {session.state}")
        ends = {"MAINTENANCE_COMPLETE", "MAINTENANCE_FAILED", "RETIRED"}
        for key, host in session.hosts.items():
            states = hosts.get(key.name, [])
            last = machine.telling.OF_HOST[host.state]
            if states[-1:] != [last] and host.state.value != "planned":
                raise Failed(f"I6: {key.name} is {host.state}, and its history {states}")
            begun = states.count("IN_MAINTENANCE")
            ended = sum(one in ends for one in states)
            if begun != ended:
                raise Failed(f"I6: {key.name}: {states}")

    # -- operators ---------------------------------------------------------------------

    def give_order(self, session_id: str, body: dict[str, Any]) -> None:
        """An operator's order; it may be refused."""
        answer = self.operator.put(f"/v1/maintenance/{session_id}", body)
        self.note(f"order {body} -> {answer.status_code}")
        assert answer.status_code in (200, 400, 409), answer.text
        if answer.status_code != 200:
            return
        if body["action"] == "retry":
            # what is blocked is not waited for any longer
            self.judge.hurries(session_id)
        if body["action"] == "override":
            self.judge.overrides(session_id)
        if body.get("server_action") == "NOTHING":
            self.judge.left.add(body["server_id"])

    def work_by_hand(self, session_id: str, host: str) -> None:
        """An operator works on a host, as a session in work has asked for."""
        found = next(one for key, one in self.latest[session_id].hosts.items() if key.name == host)
        if found.state.value == "in_maintenance":
            self.violations += self.judge.host_work(host, goes_on=True)

    def killing_fault(self, after: bool, method: str) -> simcloud.Fault:
        """The next such call of ours kills the engine that makes it."""
        return _Killing(self, method=method, user=US, after=after)

    # -- owners ------------------------------------------------------------------------

    def owner_acts(self, server_id: str) -> None:
        """An owner does to its server what it said that it would do itself."""
        server = self.cloud.servers.get(server_id)
        if server is None or server.task_state is not None:
            return
        self.owner_call(server_id, "DELETE", "")

    def owner_call(self, server_id: str, method: str, path: str, body: Any = None) -> int:
        """A call of a server's owner; its status."""
        server = self.cloud.servers[server_id]
        user = self.cloud.projects[server.project_id].name
        return self.call(user, method, f"/servers/{server_id}{path}", body)

    def call(self, user: str, method: str, path: str, body: Any = None) -> int:
        """A call of somebody's to Nova; its status."""
        if user not in self._users:
            self._users[user] = simcloud.session(self.cloud, user)
        answer = self._users[user].request(
            f"{simcloud.transport.BASE}/compute/v2.1{path}",
            method,
            json=body,
            headers={"OpenStack-API-Version": "compute 2.87"},
            raise_exc=False,
        )
        return int(answer.status_code)

    @property
    def _users(self) -> dict[str, Any]:
        return self.__dict__.setdefault("users", {})


class _Killing(simcloud.Fault):
    """A call during which the engine that makes it is killed."""

    def __init__(self, world: Simulation, **which: Any) -> None:
        super().__init__(**which)
        self._world = world

    def strike(self) -> None:
        if self._world.is_engine_at_work:
            raise Crash


class SimulatedWork(HostAction):
    """Host work that tells the world when it begins, and ends as its options say."""

    world: Simulation | None = None

    def __init__(self) -> None:
        self._ended: dict[tuple[str, str, int], int] = {}

    def run(self, context: Context) -> Outcome:
        world = self.world
        assert world is not None
        options = context.options
        world.violations += world.judge.host_work(context.host)
        world.violations += world.judge.action_begins(context.step_id, options["repeat"])
        world.note(f"work {context.step_id} on {context.host} begins")
        if world.crash_in is not None and world.rng.random() < 0.5:
            world.crash_in = None
            raise Crash
        world.meanwhile(options["takes"])
        key = (context.session_id, context.host, id(options) * 0)
        self._ended[key] = self._ended.get(key, 0) + 1
        if options["ends"] == "done" or self._ended[key] > options["times"]:
            return Outcome(Result.DONE)
        if options["ends"] == "raises":
            raise RuntimeError("as it was told")
        ends = Result(options["ends"])
        if ends is Result.LATER:
            world.judge.action_was_not_possible(context.step_id)
        return Outcome(ends, code="FAILED", words="as it was told")


@dataclasses.dataclass
class _patched:
    """What belongs to the process is this world's while it is played."""

    world: Simulation

    def __enter__(self) -> None:
        world = self.world
        self._decide, self._heartbeat = machine.decide, machine._HEARTBEAT
        self._time, self._uuid4 = lease.time, uuid.uuid4
        # what goes wrong on purpose is logged a thousand times
        logging.disable(logging.ERROR)
        chance = random.Random(f"ids {world.schedule.seed}")
        uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)
        plugins: Any = registry.installed()
        plugins["simulated"] = work = SimulatedWork()
        work.world = world

        def decided(session: Session, inputs: Any, known: Any) -> Any:
            after, commands = self._decide(session, inputs, known)
            world.latest[session.id] = after
            world.violations += quiet.objections(world, session, after)
            if after.state in OVER:
                world.judge.session_over(session.id)
            for key, host in after.hosts.items():
                enters = host.state is HostState.IN_MAINTENANCE
                if enters and session.hosts[key].state is not HostState.IN_MAINTENANCE:
                    world.violations += world.judge.host_enters_work(session.id, key.name)
            return after, commands

        machine.decide = decided
        machine._HEARTBEAT = _HEARTBEAT
        lease.time = types.SimpleNamespace(monotonic=lambda: world.elapsed)  # type: ignore[assignment]

    def __exit__(self, *error: object) -> None:
        machine.decide, machine._HEARTBEAT = self._decide, self._heartbeat
        lease.time, uuid.uuid4 = self._time, self._uuid4
        logging.disable(logging.NOTSET)
        plugins: Any = registry.installed()
        plugins.pop("simulated", None)


def play(folder: Path, schedule: Schedule) -> Simulation:
    """Play a schedule.

    :raises Failed: with the schedule and the end of what happened
    """
    world = Simulation(folder, schedule)
    try:
        world.play()
    except Exception as error:
        trace = world.trace
        if len(trace) > 200:
            trace = [*trace[:110], "...", *trace[-90:]]
        end = "\n".join(trace)
        raise Failed(
            f"{schedule}\n{end}\n{world.blockers()}\nseed {schedule.seed}: {error!r}"
        ) from error
    finally:
        world.close()
    return world


def tidy(folder: Path) -> None:
    """Remove what a world has left: thousands of them would fill a disk."""
    shutil.rmtree(folder, ignore_errors=True)
