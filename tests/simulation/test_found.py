"""What schedules have found, each by itself, as seeds mean something else by and by."""

from pathlib import Path
from typing import Any

from craton_maintenance import simcloud
from craton_maintenance.domain.session.states import State
from tests.sessions.world import World

_SOON = {"reply_maintenance": 2.0, "reply_actions": 2.0, "reply_complete": 2.0}


def _world(folder: Path, default_action: str, **timing: float) -> World:
    fleet = simcloud.Fleet.from_dict(
        {
            "projects": ["app"],
            "hosts": [{"name": "node-1"}, {"name": "node-2"}],
            "flavors": [{"name": "small"}],
            "servers": [{"name": "server", "project": "app", "flavor": "small", "host": "node-1"}],
            "settings": {"timing": timing},
        }
    )
    world = World(folder, fleet, sessions={"default_action": default_action, **_SOON})
    world.listening, world.read = ("app",), {}
    return world


def _server(world: World, session: str) -> Any:
    return world.session(session).servers.get(world.server("server"))


def _is_at(world: World, session: str, kind: str) -> bool:
    """Whether this was asked of Nova for the server, and has not ended."""
    found = _server(world, session)
    return found is not None and found.step is None and found.todo[:1] == (kind,)


def test_a_retry_does_not_forget_a_move_that_is_under_way(tmp_path: Path) -> None:
    world = _world(tmp_path, "MIGRATE", cold_fixed=20.0)
    session = world.start(hosts=["node-1"])
    world.run(lambda: _is_at(world, session, "cold_migrate"))
    order = {"action": "retry", "server_id": world.server("server")}
    assert world.operator.put(f"/v1/maintenance/{session}", order).status_code == 200
    world.run(lambda: world.is_over(session))
    assert [one.status for one in world.cloud.migrations.values()] == ["confirmed"]
    assert world.session(session).state is State.MAINTENANCE_DONE
    world.close()


def test_a_server_that_leaves_as_it_starts_again_keeps_no_session_from_its_end(
    tmp_path: Path,
) -> None:
    world = _world(tmp_path, "NOTHING", power=10.0)
    session = world.start(hosts=["node-1"])
    world.run(lambda: _is_at(world, session, "start_server"))
    world.pass_time(11.0)
    world.move("server", "node-2")
    world.cloud.touch(world.cloud.server_named("server"))
    world.run(lambda: world.is_over(session))
    assert world.session(session).state is State.MAINTENANCE_DONE
    world.close()
