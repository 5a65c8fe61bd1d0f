"""Engines that hang, die, meet faults, or end: what each may still do, and what others do."""

import datetime as dt
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from craton_maintenance.db import leases, session_inputs, session_steps, tables
from craton_maintenance.domain.session import machine
from craton_maintenance.domain.session.states import Blocker, State
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind, StepStatus
from craton_maintenance.engine import engine as engines
from craton_maintenance.engine import lease
from craton_maintenance.engine.steps import Steps
from craton_maintenance.nova import actions
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.workflow import flow
from tests.functional.deployment import REGION
from tests.sessions.scene import SOON, fleet_of
from tests.sessions.world import Inline, World, directly

#: Seconds within which every Nova step must have ended, and more.
_LONG = 200.0


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two hosts with a server each, a third one; the database has the virtual clock too."""
    made = World(tmp_path, fleet_of({"h1": ["s1"], "h2": ["s2"], "h3": []}), sessions=dict(SOON))
    made.listening = ("app",)
    clock = SimpleNamespace(monotonic=lambda: made.now.timestamp())
    monkeypatch.setattr(made.service.database, "now", lambda connection: made.now)
    for module in (lease, flow, actions):
        monkeypatch.setattr(module, "time", clock)
    yield made
    made.close()


def run_until_step(world: World, kind: StepKind) -> Any:
    """Let time pass until a step of this kind waits; its row."""

    def found() -> Any:
        with world.service.database.read() as connection:
            return connection.execute(
                sa.select(tables.steps).where(
                    tables.steps.c.kind == kind.value,
                    tables.steps.c.status == StepStatus.WAITING.value,
                )
            ).first()

    for _ in range(1000):
        world.engine()
        world.watcher.work()
        while world.decider.work() == 0.0:
            pass
        if found() is not None:
            return found()
        world.steps.work()
        world.hand_over()
        world.pass_time(1.0)
    raise AssertionError(f"no {kind}: {world.blockers()}")


def step(world: World, row: Any) -> Any:
    """A step's row as it is now."""
    with world.service.database.read() as connection:
        return connection.execute(
            sa.select(tables.steps).where(
                tables.steps.c.session_id == row.session_id, tables.steps.c.number == row.number
            )
        ).one()


def ends(world: World, row: Any) -> list[Any]:
    """What the session has been told of a step's end, and has not decided on."""
    with world.service.database.read() as connection:
        rows = connection.execute(sa.select(tables.inputs)).all()
    return [one for one in rows if one.data.get("step", {}).get("number") == row.number]


def another(world: World, owner: str) -> Steps:
    """Another engine's hand on steps, with connections of its own."""
    nova = Cloud(world.conf, world.region)
    return Steps(world.service, {REGION: nova}, owner, Inline(), directly)


def hang(steps: Steps, meanwhile: Callable[[], Any]) -> None:
    """Have an engine hang after what it does next has taken effect."""
    perform = steps._doer.perform

    def performed(session_id: str, one: Step, again: bool, *more: Any) -> Outcome:
        outcome = perform(session_id, one, again, *more)
        steps._doer.perform = perform  # type: ignore[method-assign]
        meanwhile()
        return outcome

    steps._doer.perform = performed  # type: ignore[method-assign]


# -- one engine at a time --------------------------------------------------------------


def test_steps_of_a_session_are_done_by_the_engine_that_holds_its_lease(world):
    world.start(hosts=["h1"])
    run_until_step(world, StepKind.DISABLE_HOST)
    second = another(world, "engine-2")
    assert second.do() == 0  # engine-1 has surveyed, and still has the lease
    assert world.steps.do() == 1


def test_an_engine_that_hung_for_too_long_writes_nothing(world):
    world.start(hosts=["h1"])
    row = run_until_step(world, StepKind.DISABLE_HOST)
    second = another(world, "engine-2")

    def meanwhile() -> None:
        claimed = step(world, row)
        assert claimed.status == StepStatus.CLAIMED.value
        # its lease is over, and its step is not
        world.pass_time(30.0)
        assert second.do() == 0
        world.pass_time(_LONG)
        assert second.do() == 1
        assert step(world, row).status == StepStatus.ENDED.value

    hang(world.steps, meanwhile)
    world.steps.do()
    ended = step(world, row)
    assert (ended.attempts, ended.result) == (2, Result.DONE.value)
    assert len(ends(world, row)) == 1
    # who came later looked before it acted
    assert world.cloud.counts["PUT", "/os-services/{service}", ""] == 1


def test_an_engine_that_hung_before_it_acted_does_not_act_any_more(world, monkeypatch):
    """Fencing stops writes, not effects: so what comes too late must not be sent."""
    world.start(hosts=["h1"])
    run_until_step(world, StepKind.LIVE_MIGRATE)
    second = another(world, "engine-2")
    server = world.nova.reads.server
    hung = []

    def hangs(server_id: str) -> Any:
        found = server(server_id)
        if not hung:
            hung.append(server_id)
            world.pass_time(_LONG)
            second.do()
            world.pass_time(60.0)  # the move has ended by now, and might begin once more
        return found

    monkeypatch.setattr(world.nova.reads, "server", hangs)
    world.steps.do()
    assert hung
    assert world.cloud.counts["POST", "/servers/{server}/action", "os-migrateLive"] == 1


def test_a_successor_gets_what_nobody_has_begun_once_the_lease_is_over(world):
    world.start(hosts=["h1"])
    row = run_until_step(world, StepKind.DISABLE_HOST)
    successor = another(world, "engine-1 again")
    assert successor.do() == 0
    world.pass_time(30.0)
    assert successor.do() == 1
    assert step(world, row).fence > 1


def test_after_an_orderly_end_nobody_waits(world):
    world.start(hosts=["h1"])
    run_until_step(world, StepKind.DISABLE_HOST)
    world.steps.close()
    leases.give_up(world.service.database, "engine-1")
    assert another(world, "engine-2").do() == 1


def test_two_engines_at_once_bring_sessions_to_their_end(world, monkeypatch):
    """Whichever comes first does a step; none is begun twice."""
    second, turn = another(world, "engine-2"), [0]
    first = world.steps.work

    def both() -> float:
        turn[0] += 1
        one, other = (first, second.work) if turn[0] % 3 else (second.work, first)
        one()
        return other()

    monkeypatch.setattr(world.steps, "work", both)
    made = [world.start(hosts=["h1"]), world.start(hosts=["h2"])]
    world.run(lambda: all(world.is_over(one) for one in made))
    assert [world.session(one).state for one in made] == [State.MAINTENANCE_DONE] * 2
    with world.service.database.read() as connection:
        rows = connection.execute(sa.select(tables.steps)).all()
    assert {row.attempts for row in rows} == {1}


# -- faults ----------------------------------------------------------------------------


def test_the_end_of_a_step_is_stored_once_the_database_is_back(world, monkeypatch, caplog):
    world.start(hosts=["h1"])
    row = run_until_step(world, StepKind.DISABLE_HOST)
    end, fails = session_steps.end, [3]

    def fails_at_first(*args: Any, **more: Any) -> bool:
        if fails[0]:
            fails[0] -= 1
            raise exc.OperationalError("UPDATE", {}, Exception("gone away"))
        return end(*args, **more)

    monkeypatch.setattr(session_steps, "end", fails_at_first)
    monkeypatch.setattr(flow, "_FIRST_PAUSE", 0.001)
    assert world.steps.do() == 1
    assert step(world, row).status == StepStatus.ENDED.value
    assert step(world, row).attempts == 1


def test_an_end_that_can_not_be_stored_is_looked_up_when_its_time_is_over(world, monkeypatch):
    world.start(hosts=["h1"])
    row = run_until_step(world, StepKind.DISABLE_HOST)
    end = session_steps.end

    def fails(*args: Any, **more: Any) -> bool:
        world.pass_time(_LONG)
        raise exc.OperationalError("UPDATE", {}, Exception("gone away"))

    monkeypatch.setattr(session_steps, "end", fails)
    monkeypatch.setattr(flow, "_FIRST_PAUSE", 0.001)
    world.steps.do()
    monkeypatch.setattr(session_steps, "end", end)
    assert step(world, row).status == StepStatus.CLAIMED.value
    assert world.steps.do() == 1
    assert (step(world, row).status, step(world, row).attempts) == ("ended", 2)
    assert world.cloud.counts["PUT", "/os-services/{service}", ""] == 1


def test_a_decision_that_fails_keeps_no_other_session_waiting(world, monkeypatch, caplog):
    ill, well = world.start(hosts=["h1"]), world.start(hosts=["h2"])
    decide, tries = machine.decide, []

    def fails(session: Any, inputs: Any, known: Any) -> Any:
        if session.id == ill:
            tries.append(known.now)
            raise KeyError("a fault of ours")
        return decide(session, inputs, known)

    monkeypatch.setattr(machine, "decide", fails)
    with caplog.at_level(logging.ERROR):
        world.run(lambda: world.is_over(well))
    assert world.session(well).state is State.MAINTENANCE_DONE
    # it is named, and the log has it, with one traceback
    (blocker,) = [
        one
        for one in world.operator.get(f"/v1/maintenance/{ill}/detail").json["blockers"]
        if one["code"] == Blocker.DECISION_FAILED
    ]
    assert "KeyError" in blocker["words"]
    said = [record for record in caplog.records if ill in record.getMessage()]
    assert len(said) == len(tries)
    assert [record.exc_info is None for record in said] == [False] + [True] * (len(said) - 1)
    # it is tried again, more and more seldom
    pauses = [(b - a).total_seconds() for a, b in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 1.0
    # and goes on when it can
    monkeypatch.setattr(machine, "decide", decide)
    world.run(lambda: world.is_over(ill))
    assert world.session(ill).state is State.MAINTENANCE_DONE


def test_a_decision_that_fails_is_not_tried_all_the_time(world, monkeypatch):
    world.start(hosts=["h1"])

    def fails(*args: Any) -> Any:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(machine, "decide", fails)
    assert world.decider.work() == 0.0
    assert world.decider.work() > 0.0


def test_a_database_that_is_away_is_no_fault_of_a_session(world, monkeypatch):
    session = world.start(hosts=["h1"])

    def fails(*args: Any, **more: Any) -> Any:
        raise exc.OperationalError("SELECT", {}, Exception("gone away"))

    monkeypatch.setattr(session_inputs, "take_inputs", fails)
    with pytest.raises(exc.OperationalError):
        world.decider.work()
    assert world.session(session).problem is None


# -- an orderly end --------------------------------------------------------------------


def test_an_engine_that_is_stopped_waits_for_its_steps(world):
    """Here with threads, as in earnest."""
    world.start(hosts=["h1"])
    row = run_until_step(world, StepKind.DISABLE_HOST)
    world.pass_time(30.0)
    running, may_end = threading.Event(), threading.Event()

    def waits(one: Any) -> None:
        running.set()
        may_end.wait(30.0)
        directly(one)

    engine = engines.Engine(world.service, [world.region])
    engine._steps._run = waits
    engine.start()
    assert running.wait(30.0)
    stopped = threading.Thread(target=engine.stop)
    stopped.start()
    stopped.join(0.2)
    assert stopped.is_alive()
    may_end.set()
    stopped.join(30.0)
    assert not stopped.is_alive()
    assert step(world, row).status == StepStatus.ENDED.value
    # and leaves nothing behind that its successor would have to wait for
    with world.service.database.read() as connection:
        later = world.now + dt.timedelta(seconds=1)
        held = sa.select(tables.leases.c.name).where(tables.leases.c.expires_at > later)
        left = connection.execute(held.where(tables.leases.c.owner == engine.owner)).all()
    assert left == []
