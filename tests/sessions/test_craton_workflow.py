"""The flow ``maintenance-host`` for Craton's workers: it ends at each wait, and goes on again."""

from pathlib import Path

import pytest
import stevedore
from taskflow.patterns import linear_flow

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.workflow import maintain
from tests.functional.deployment import REGION
from tests.sessions.world import World


@pytest.fixture
def world(tmp_path: Path):
    world = World(tmp_path)
    yield world
    world.close()


def test_the_entry_point_gives_a_flow_of_two_tasks():
    manager = stevedore.ExtensionManager("craton.workflow")
    assert {"maintenance-notify", "maintenance-host"} <= set(manager.names())
    flow = manager["maintenance-host"].plugin().workflow()
    assert isinstance(flow, linear_flow.Flow)
    assert flow.requires == {"config_files", "region", "host"}
    assert flow.provides == {"session_id", "session_state"}


def test_a_host_has_one_session_however_often_it_is_begun(world: World):
    key = HostKey(REGION, "host-b2")
    session_id = maintain.begin(world.service, key)
    assert maintain.begin(world.service, key) == session_id
    assert set(world.session(session_id).hosts) == {key}


def test_it_is_run_again_until_the_host_is_done_without_an_engine(world: World):
    session_id = maintain.begin(world.service, HostKey(REGION, "host-a2"))
    states = []
    for _ in range(400):
        state = maintain.advance(world.service, {REGION: world.nova}, session_id)
        if not states or states[-1] != state:
            states.append(state)
        if state == "MAINTENANCE_DONE":
            break
        for project in ("web", "telco"):
            world.member(project).get("/v1/events?limit=1000")
        world.pass_time(10)
        world.engine()
        world.watcher.work()
    assert states == [
        "MAINTENANCE",
        "PLANNED_MAINTENANCE",
        "MAINTENANCE_COMPLETE",
        "MAINTENANCE_DONE",
    ]
    assert not list(world.cloud.by_host["host-a2"])
    assert not world.cloud.hosts["host-a2"].disabled
