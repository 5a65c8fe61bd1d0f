"""What is pending for a project, for an application that was away and lost its place."""

import datetime as dt
from collections.abc import Callable

from tests.sessions.scene import Scene


def test_a_project_that_was_away_finds_what_it_is_asked(scene: Callable[..., Scene]) -> None:
    world = scene({"h1": ["a", "b"], "h2": [], "h3": []}, sessions={"handover": "read"})
    session = world.start(hosts=["h1"], metadata={"version": "2"})
    world.run_for(10)

    found = world.member("app").get("/v1/events/pending").json["notices"]
    (asked,) = found
    assert asked["state"] == "MAINTENANCE"
    assert asked["session_id"] == session
    assert asked["instance_ids"] == sorted([world.server("a"), world.server("b")])
    assert asked["metadata"] == {"version": "2"}
    path = asked["reply_url"].partition("/v1")[2]
    answer = world.member("app").put(f"/v1{path}", {"state": "ACK_MAINTENANCE"})
    assert answer.status_code == 200

    # it was read, so it has been handed over; it is answered, so nothing is left
    world.settle()
    left = world.member("app").get("/v1/events/pending").json["notices"]
    assert "MAINTENANCE" not in {one["state"] for one in left}


def test_a_server_that_was_answered_for_is_not_asked_about_again(
    scene: Callable[..., Scene],
) -> None:
    world = scene({"h1": ["a", "b"], "h2": [], "h3": []})
    session = world.start(hosts=["h1"])
    world.apps["app"] = None
    world.run_to_state(session, "PLANNED_MAINTENANCE")
    world.run(lambda: bool(world.told("app", "PLANNED_MAINTENANCE")))
    one = f"{world.url(session, 'app')}/{world.server('a')}"
    said = {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "LIVE_MIGRATE"}
    assert world.member("app").put(one, said).status_code == 200
    (asked,) = world.member("app").get("/v1/events/pending").json["notices"]
    assert asked["instance_ids"] == [world.server("b")]
    assert "MIGRATE" in asked["allowed_actions"]
    assert world.operator.get("/v1/events/pending").json["notices"] == []


def test_that_all_is_done_is_told_and_not_waited_for_where_nobody_hears(
    scene: Callable[..., Scene],
) -> None:
    world = scene({"h1": ["a"], "h2": []}, sessions={"reply_complete": 600.0})
    session = world.start(hosts=["h1"])
    world.apps["app"] = world.agrees("app")
    world.run(lambda: world.host_states(session)["h1"] == "verifying")
    del world.apps["app"]
    done = world.now
    world.finish(session)
    assert world.session(session).state == "MAINTENANCE_DONE"
    assert 590 <= (world.now - done).total_seconds() <= 700
    # who comes back finds it in the history all the same
    states = [one["payload"].get("state") for one in world.member("app").events()]
    assert "MAINTENANCE_COMPLETE" in states


def test_an_end_is_expected_once_a_host_is_done(scene: Callable[..., Scene]) -> None:
    world = scene({"h1": [], "h2": [], "h3": []})
    session = world.start(hosts=["h1", "h2"])
    world.run_for(1)
    assert world.detail(session)["estimate"] is None
    world.run(lambda: "returned" in world.host_states(session).values())
    expected = world.detail(session)["estimate"]
    assert expected["hosts"] == 1
    world.finish(session)
    late = (world.now - dt.datetime.fromisoformat(expected["ends_at"])).total_seconds()
    assert abs(late) < 15
    assert world.detail(session)["estimate"] is None
