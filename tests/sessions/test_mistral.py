"""Sessions whose work Mistral does: it is waited for by rows, and begun once whoever dies."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from craton_maintenance import simcloud
from craton_maintenance.db import leases, tables
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.domain.session.steps import StepKind, StepStatus
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.workflow import maintain
from tests.sessions.scene import Scene
from tests.support.mistral import Killed, Mistral

WORK = {"workflow": "firmware", "input": {"host": "{host}"}, "timeout": 600}

FLOWS = [
    {
        "name": "firmware",
        "description": "Mistral does it",
        "for": "host",
        "host": [{"plugin": "mistral", "options": WORK}],
    },
    {
        "name": "quiesce",
        "description": "Mistral tells the application, then it is moved",
        "for": "server",
        "steps": [
            {"mistral": {"workflow": "quiesce", "input": {"server": "{server}"}}},
            "live_migrate",
        ],
    },
]


@pytest.fixture
def mistral() -> Mistral:
    return Mistral("firmware", "quiesce")


@pytest.fixture
def world(scene: Any, mistral: Mistral, tmp_path: Path) -> Scene:
    """Two hosts, one with a server, the other with room for it; and a Mistral."""
    flows = tmp_path / "flows.yaml"
    flows.write_text(yaml.safe_dump({"flows": FLOWS}))
    made: Scene = scene({"h1": ["s1"], "h2": []}, sessions={"flows_file": str(flows)})

    def session() -> Any:
        return mistral.join(simcloud.session(made.cloud, "maintenance"))

    made.region = dataclasses.replace(made.region, session=session)
    made.nova = Cloud(made.conf, made.region)
    made.steps = made.engine_of("engine-1")
    made.apps["app"] = made.agrees("app", "LIVE_MIGRATE")
    return made


def begin(world: Scene, *hosts: str) -> str:
    return world.start(hosts=list(hosts or ("h1",)), actions=[{"flow": "firmware"}])


def work(world: Scene) -> list[Any]:
    """The steps that Mistral does, in order."""
    with world.service.database.read() as connection:
        query = sa.select(tables.steps).where(tables.steps.c.kind == StepKind.RUN_PLUGIN.value)
        return list(connection.execute(query.order_by(tables.steps.c.number)).all())


def test_work_is_waited_for_by_a_row_and_no_thread(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    # days pass, as far as engines can tell: each look returns at once
    began = world.now
    world.run_for(300)
    (row,) = work(world)
    assert (row.status, row.result) == (StepStatus.UNDER_WAY.value, None)
    assert row.must_end_by is None
    assert row.outcome["facts"]["state"] == "RUNNING"
    assert world.codes(session) == set()
    assert row.attempts < (world.now - began).total_seconds() + 5
    assert world.host_states(session) == {"h1": "in_maintenance"}
    shown = [one for one in world.detail(session)["steps"] if one["kind"] == "run_plugin"]
    assert shown[0]["outcome"]["facts"]["execution"] == mistral.only["id"]
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert world.host_states(session) == {"h1": "returned"}
    assert world.session(session).state == "MAINTENANCE_DONE"
    assert mistral.asked[0][2]["input"] == {"host": "h1"}
    assert len(mistral.started) == 1


def test_a_failure_is_named_and_a_retry_is_another_execution(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    mistral.only.update(state="ERROR", state_info="no such\nBIOS")
    blocker = world.run_to(session, Blocker.HOST_WORK_FAILED)
    assert "has failed: no such BIOS" in blocker["words"]
    world.order(session, "retry")
    world.run(lambda: len(mistral.started) == 2)
    mistral.executions[mistral.started[1]]["state"] = "SUCCESS"
    world.finish(session)
    assert world.session(session).state == "MAINTENANCE_DONE"


def test_one_that_is_paused_is_named_and_goes_on_when_it_is_resumed(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    mistral.only["state"] = "PAUSED"
    blocker = world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert "resume it in Mistral" in blocker["words"]
    # neither starts a second one
    world.order(session, "retry")
    world.order(session, "confirm")
    world.run_for(60)
    assert world.codes(session) == {"WAITING_FOR_OPERATOR"}
    mistral.only["state"] = "RUNNING"
    world.run(lambda: not world.codes(session))
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert len(mistral.started) == 1


def test_one_that_is_cancelled_can_be_skipped(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    mistral.only["state"] = "CANCELLED"
    world.run_to(session, Blocker.HOST_WORK_FAILED)
    world.order(session, "skip", host="h1")
    world.finish(session)
    assert world.host_states(session) == {"h1": "failed"}


def test_the_time_limit_is_the_end(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    mistral.age(601)
    blocker = world.run_to(session, Blocker.HOST_WORK_FAILED)
    assert "its time limit of 600 s is over" in blocker["words"]
    assert mistral.only["state"] == "CANCELLED"


def test_a_mistral_that_is_away_is_named_and_waited_for(world, mistral):
    mistral.away = True
    session = begin(world)
    world.run_to(session, Blocker.SERVICE_UNAVAILABLE)
    world.run_for(600)
    # the longer it is away, the less often it is tried
    assert len(work(world)) <= 25
    assert world.codes(session) == {"SERVICE_UNAVAILABLE"}
    mistral.away = False
    world.run(lambda: mistral.started)
    world.run(lambda: not world.codes(session))
    mistral.away = True
    world.run_to(session, Blocker.SERVICE_UNAVAILABLE)
    mistral.away = False
    world.run(lambda: not world.codes(session))
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert len(mistral.started) == 1


@pytest.mark.parametrize("moment", ["POST", "GET"])
def test_an_engine_that_dies_with_its_request_is_followed_by_one_that_finds_it(
    world, mistral, moment
):
    """Between the start and its result, and at a look."""
    mistral.faults = [(moment, "killed")]
    session = begin(world)
    with pytest.raises(Killed):
        world.run(lambda: False)
    (row,) = work(world)
    assert row.status == StepStatus.CLAIMED.value
    world.restart()
    # nobody waits until what the dead one had begun must be over
    assert world.steps.do() == 1
    assert work(world)[0].status == StepStatus.UNDER_WAY.value
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert len(mistral.started) == 1
    assert world.session(session).state == "MAINTENANCE_DONE"


def test_an_engine_that_dies_before_its_request_is_followed_by_one_that_sends_it(world, mistral):
    mistral.faults = [("POST", "lost")]
    session = begin(world)
    world.run(lambda: work(world))
    world.restart()
    world.run(lambda: mistral.started)
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert len(mistral.started) == 1


def test_while_it_goes_on_another_engine_may_take_it(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    leases.give_up(world.service.database, "engine-1")
    other = world.engine_of("engine-2")
    world.pass_time(10)
    assert other.do() == 1
    world.steps = other
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert len(mistral.started) == 1


def test_an_abort_lets_it_come_to_its_end(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    world.order(session, "abort")
    world.run_for(60)
    assert mistral.only["state"] == "RUNNING"
    mistral.only["state"] = "SUCCESS"
    world.finish(session)
    assert world.host_states(session) == {"h1": "returned"}
    assert world.session(session).reason == "ABORTED"


def test_a_workflow_in_a_servers_flow(world, mistral):
    world.apps["app"] = world.agrees("app", "flow:quiesce")
    session = begin(world)
    world.run(lambda: mistral.started)
    assert mistral.asked[0][2]["input"] == {"server": world.server("s1")}
    mistral.only["state"] = "PAUSED"
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert world.where("s1") == "h1"
    mistral.only["state"] = "RUNNING"
    world.run(lambda: not world.codes(session))
    mistral.only["state"] = "SUCCESS"
    world.run(lambda: len(mistral.started) == 2)
    assert world.where("s1") == "h2"
    for one in mistral.executions.values():
        one["state"] = "SUCCESS"
    world.finish(session)
    assert len(mistral.started) == 2


def test_craton_s_workers_do_not_wait_for_it(world, mistral):
    session = begin(world)
    world.run(lambda: mistral.started)
    leases.give_up(world.service.database, "engine-1")
    clouds = {world.region.name: world.nova}
    state = maintain.advance(world.service, clouds, session)
    assert state == "PLANNED_MAINTENANCE"


def test_news_of_mistral_bring_the_next_look_at_once(world, mistral):
    world.conf.set_override("news_key", "a secret", group="sessions")
    session = begin(world)
    world.run(lambda: mistral.started)
    ((webhook,),) = [mistral.asked[0][2]["params"]["notify"]]
    assert webhook["type"] == "webhook"
    path = f"/v1{webhook['url'].partition('/v1')[2]}"
    mistral.age(60)
    world.run(lambda: work(world)[0].not_before > world.now + dt.timedelta(seconds=5))
    mistral.only["state"] = "SUCCESS"
    asked = len(mistral.asked)
    nobody = world.client()
    # one of a task, and one that anybody could have written
    assert nobody.post(path, {"event": "TASK_SUCCEEDED"}).json == {"taken": False}
    assert nobody.post(f"{path[:-1]}_", {"event": "WORKFLOW_SUCCEEDED"}).status_code == 404
    assert nobody.post(path, {"id": 7}).status_code == 400
    world.settle()
    assert len(mistral.asked) == asked
    assert nobody.post(path, {"event": "WORKFLOW_SUCCEEDED"}).json == {"taken": True}
    world.settle()
    assert work(world)[0].status == StepStatus.ENDED.value
    assert nobody.post(path, {"event": "WORKFLOW_SUCCEEDED"}).json == {"taken": False}
    world.finish(session)


def test_without_a_key_nobody_is_asked_for_news(world, mistral):
    begin(world)
    world.run(lambda: mistral.started)
    assert "params" not in mistral.asked[0][2]
    path = f"/v1/step-news/{mistral.only['id']}/{'0' * 64}"
    assert world.client().post(path, {"event": "WORKFLOW_FAILED"}).status_code == 404
