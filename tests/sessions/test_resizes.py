"""What owners do to their servers in the middle of a drain, and records that contradict."""

import pytest

from craton_maintenance.domain.session.states import Blocker
from tests.sessions.scene import fleet_of


def _resize(world, server):
    bigger = next(one.id for one in world.cloud.flavors.values() if one.name == "bigger")
    world.act("app", server, "resize", {"flavorRef": bigger})


@pytest.fixture
def world(scene):
    fleet = fleet_of({"h1": ["s1"], "h2": [], "h3": []})
    fleet.add_flavor("small").add_flavor("bigger", vcpus=2)
    made = scene(fleet, sessions={"unconfirmed_resize": "confirm"})
    made.apps = {"app": made.agrees("app", "LIVE_MIGRATE")}
    return made


def test_a_resize_confirmed_by_policy_leaves_a_server_that_is_moved(world):
    _resize(world, "s1")
    world.pass_time(120)
    world.settle()
    there = world.where("s1")
    assert there != "h1"
    session = world.start(hosts=[there])
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.where("s1") != there
    assert world.asked_of_nova("confirmResize", "os-migrateLive") == [
        ("confirmResize", "s1"),
        ("os-migrateLive", "s1"),
    ]


def test_a_server_that_its_owner_moved_by_a_resize_is_confirmed_by_policy(world):
    """The session knows the server; what it left on its host is the host's affair."""
    answer = world.agrees("app", "OWN_ACTION")

    def resizes(notice):
        answer(notice)
        if notice["state"] == "PLANNED_MAINTENANCE":
            _resize(world, "s1")

    world.apps = {"app": resizes}
    session = world.start(hosts=["h1"])
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.where("s1") != "h1"
    assert world.asked_of_nova("confirmResize") == [("confirmResize", "s1")]


def test_a_migration_that_counts_as_completed_and_has_moved_nothing(world):
    """As Nova has it when nova-compute dies with a migration asked for, and comes back."""
    session = world.start(hosts=["h1"])
    world.run(lambda: world.asked_of_nova("os-migrateLive"))
    (migration,) = world.cloud.migrations_of[world.server("s1")]
    while migration.status != "completed":
        world.pass_time(0.5)
    world.cloud.server_named("s1").host = "h1"
    world.run_to(session, Blocker.MOVE_FAILED, 60.0)
