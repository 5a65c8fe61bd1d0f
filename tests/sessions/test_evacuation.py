"""A host that dies while it is drained: nothing is evacuated without somebody's word."""

from collections.abc import Callable

from craton_maintenance import simcloud
from craton_maintenance.domain.session.states import Blocker
from tests.sessions.scene import Scene

HOSTS = {"h1": ["a", "b"], "h2": [], "h3": []}


def die(scene: Scene, host: str) -> None:
    """The machine is off, and Nova has seen it."""
    simcloud.power_off(scene.cloud, host)
    scene.run_for(120)
    scene.sync()
    scene.settle()


def dying(make: Callable[..., Scene]) -> tuple[Scene, str]:
    scene = make(HOSTS, sessions={"reply_actions": 600.0})
    scene.apps["app"] = None
    session = scene.start(hosts=["h1"])
    scene.run_to_state(session, "PLANNED_MAINTENANCE")
    scene.run(lambda: bool(scene.told("app", "PLANNED_MAINTENANCE")))
    die(scene, "h1")
    scene.run_to(session, Blocker.HOST_DOWN)
    return scene, session


def test_a_dead_host_waits_for_somebody(scene: Callable[..., Scene]) -> None:
    world, session = dying(scene)
    world.run_for(3600)
    assert world.codes(session) == {"HOST_DOWN"}
    assert not world.asked_of_nova("evacuate", "os-migrateLive", "migrate")
    assert not world.cloud.hosts["h1"].forced_down


def test_evacuation_needs_a_host_that_is_down_and_a_reason(scene: Callable[..., Scene]) -> None:
    world, session = dying(scene)
    url = f"/v1/maintenance/{session}"
    without = world.operator.put(url, {"action": "evacuate", "host": "h1"})
    assert without.status_code == 400
    assert without.json["errors"][0]["field"] == "reason"
    nowhere = world.operator.put(url, {"action": "evacuate", "reason": "it is off"})
    assert nowhere.json["errors"][0]["field"] == "host"

    simcloud.start_compute(world.cloud, "h1")
    world.run_for(30)
    world.sync()
    world.run(lambda: "HOST_DOWN" not in world.codes(session))
    world.order(session, "evacuate", host="h1", reason="it is off")
    world.run_for(60)
    assert not world.asked_of_nova("evacuate")
    assert not world.cloud.hosts["h1"].forced_down


def test_with_somebodys_word_its_servers_are_started_elsewhere(
    scene: Callable[..., Scene],
) -> None:
    world, session = dying(scene)
    world.order(session, "evacuate", host="h1", reason="power is cut")
    world.run(lambda: not world.on("h1"))
    assert {world.where("a"), world.where("b")} <= {"h2", "h3"}
    assert sorted(world.asked_of_nova("evacuate")) == [("evacuate", "a"), ("evacuate", "b")]
    (said,) = [one for one in world.said("maintenance.session") if "EVACUATION" in str(one)]
    assert "power is cut" in said["words"]

    # the records of the evacuation are open: Nova may have the servers there again
    left = world.run_to(session, Blocker.NOT_EMPTY)
    assert "nova-compute is started" in left["words"]
    assert world.cloud.hosts["h1"].forced_down

    # it is mended and started; only then Nova looks for itself again
    simcloud.start_compute(world.cloud, "h1")
    world.finish(session)
    assert world.session(session).state == "MAINTENANCE_DONE"
    assert not world.cloud.hosts["h1"].forced_down
    assert not world.cloud.hosts["h1"].disabled
    assert world.moves_of("a") == ["evacuation"]
    done = world.said("maintenance.scheduled", world.project("app"))
    assert [one["state"] for one in done].count("INSTANCE_ACTION_DONE") == 2
