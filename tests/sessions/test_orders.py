"""What operators order, and what the end of a window does."""

import datetime as dt

import pytest
import sqlalchemy as sa

from craton_maintenance import simcloud
from craton_maintenance.db import tables
from craton_maintenance.domain.session.states import Blocker
from tests.sessions.scene import WAIT

PUT_SERVICE = ("PUT", "/os-services/{service}", "")


def planned(world):
    """Time passes until an owner is asked about servers."""
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))


def states(world, session):
    return list(world.host_states(session).values())


# -- pause and resume ----------------------------------------------------------------


def test_a_pause_begins_nothing_and_lets_moves_finish(scene):
    world = scene({"h1": ["s1", "s2"], "h2": []}, sessions={"parallel_moves": 1})
    world.cloud.server_named("s1").metadata["sim:cold_migration"] = "30"
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.moves_of("s1"))
    world.order(session, "pause", reason="fire drill")
    world.run_for(120)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("PAUSED", "PAUSED_BY_OPERATOR")
    assert "fire drill" in shown["words"]
    assert "PAUSED_BY_OPERATOR" in world.codes(session)
    # what was under way is through, its confirmation included, and nothing else
    assert world.asked_of_nova() == [("migrate", "s1"), ("confirmResize", "s1")]
    assert states(world, session) == ["draining"]
    world.order(session, "resume")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.on("h2") == ["s1", "s2"]


def test_a_host_in_work_is_finished_while_a_session_is_paused(scene):
    world = scene({"h1": [], "h2": []})
    session = world.start(hosts=["h1", "h2"], actions=WAIT)
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    world.order(session, "pause")
    world.order(session, "confirm")
    world.run_for(120)
    assert world.host_states(session) == {"h1": "returned", "h2": "planned"}
    assert world.disabled() == {}
    world.order(session, "resume")
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert world.host_states(session) == {"h1": "returned", "h2": "in_maintenance"}


# -- abort, skip, retry, confirm -----------------------------------------------------


def test_an_abort_drops_what_waits_and_finishes_what_is_begun(scene):
    world = scene({"h1": ["s1", "s2"], "h2": [], "h3": []}, sessions={"parallel_moves": 1})
    world.cloud.server_named("s1").metadata["sim:cold_migration"] = "30"
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1", "h3"])
    world.run(lambda: world.moves_of("s1"))
    world.order(session, "abort")
    world.finish(session, limit=90)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("MAINTENANCE_FAILED", "ABORTED")
    # our own resize is confirmed, as else it would be there for ever
    assert world.asked_of_nova() == [("migrate", "s1"), ("confirmResize", "s1")]
    assert world.cloud.server_named("s1").vm_state == "active"
    assert world.where("s2") == "h1"
    assert world.disabled() == {}
    assert world.detail(session)["window"]["state"] == "closed"
    answer = world.operator.put(f"/v1/maintenance/{session}", {"action": "resume"})
    assert (answer.status_code, answer.json["code"]) == (409, "SESSION_OVER")


def test_an_abort_finishes_host_work_and_starts_what_was_stopped(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app", "NOTHING")}
    session = world.start(hosts=["h1", "h2"], actions=WAIT)
    world.run(lambda: world.host_states(session)["h2"] == "in_maintenance")
    world.order(session, "confirm")
    world.run(lambda: world.host_states(session)["h1"] == "in_maintenance")
    world.order(session, "abort")
    world.run_for(60)
    assert not world.is_over(session)
    assert world.host_states(session) == {"h1": "in_maintenance", "h2": "returned"}
    world.order(session, "confirm")
    world.finish(session)
    assert world.host_states(session) == {"h1": "returned", "h2": "returned"}
    assert world.cloud.server_named("s1").vm_state == "active"
    assert world.disabled() == {}


@pytest.mark.parametrize("when", ["planned", "draining"])
def test_a_host_is_left_out_by_the_operator(scene, when):
    world = scene({"h1": ["s1"], "h2": ["s2", "s3"], "h3": []})
    world.apps = {"app": None}
    session = world.start(hosts=["h1", "h2"])
    host = "h1" if when == "draining" else "h2"
    planned(world)
    world.order(session, "skip", host=host)
    world.finish(session)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("MAINTENANCE_FAILED", "HOSTS_SKIPPED")
    assert host in shown["words"]
    assert world.host_states(session) == {"h1": "returned", "h2": "returned"} | {host: "skipped"}
    assert world.disabled() == {}
    assert (world.where("s1") == "h1") == (host == "h1")
    # nobody is waited for on account of a host that is left out
    statuses = {
        one["host"]["name"]: one["status"]
        for one in world.detail(session)["notices"]
        if one["host"]
    }
    assert statuses.get("h1") == ("overridden" if host == "h1" else "defaulted")
    told = [
        one for one in world.said("maintenance.session") if one["state"] == "MAINTENANCE_FAILED"
    ]
    assert host in told[0]["words"]


def test_a_notice_that_nobody_got_does_not_hold_up_a_session_whose_host_is_left_out(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": None}
    session = world.start(hosts=["h1", "h2"])
    world.run(lambda: world.part(session, "app")["state"] == "MAINTENANCE")
    world.run(lambda: world.host_states(session)["h2"] == "returned")
    world.apps.clear()  # it is away from now on
    world.run(lambda: world.host_states(session)["h1"] == "draining")
    world.run_for(20)
    world.order(session, "skip", host="h1")
    world.run_for(20)
    waits = [
        one for one in world.detail(session)["blockers"] if one["code"] == "NOTICE_UNDELIVERED"
    ]
    assert [one["words"] for one in waits if "PLANNED" in one["words"]] == []


@pytest.mark.parametrize("word", ["retry", "confirm"])
def test_host_work_that_fails_is_the_operators(scene, tmp_path, word):
    mended = tmp_path / "mended"
    command = {"argv": ["/usr/bin/test", "-e", str(mended)]}
    world = scene({"h1": [], "h2": []}, sessions={"direct_actions": "*", "command_timeout": 5.0})
    session = world.start(hosts=["h1"], actions=[{"plugin": "command", "options": command}])
    blocker = world.run_to(session, Blocker.HOST_WORK_FAILED)
    assert blocker["host"]["name"] == "h1"
    assert "retry" in blocker["words"]
    world.run_for(60)
    assert states(world, session) == ["in_maintenance"]
    assert "h1" in world.disabled()
    if word == "retry":
        mended.touch()
    world.order(session, word, host="h1")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.disabled() == {}


def test_a_session_that_lacks_room_goes_on_when_there_is_some(scene):
    world = scene({"h1": ["s1", "s2", "s3"], "h2": ["s4", "s5"]}, sessions={"max_scale_in": 1})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1", "h2"])
    blocker = world.run_to(session, Blocker.NO_CAPACITY)
    assert "free capacity" in blocker["words"]
    simcloud.add_host(world.cloud, "h3", vcpus=4)
    world.sync()
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


# -- the window ----------------------------------------------------------------------


def test_nothing_happens_before_the_window_opens(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"], maintenance_at=world.now_plus(400))
    world.run_for(390)
    assert world.show(session)["state"] == "MAINTENANCE"
    assert world.cloud.counts[PUT_SERVICE] == 0
    assert world.told("app", "PLANNED_MAINTENANCE") == []
    (told,) = world.told("app", "MAINTENANCE")
    assert dt.datetime.fromisoformat(told["actions_at"]) == dt.datetime.fromisoformat(
        world.show(session)["maintenance_at"]
    )
    world.run_for(60)
    assert world.told("app", "PLANNED_MAINTENANCE")


def test_whoever_gets_a_server_there_before_it_opens_is_told_in_time(scene):
    world = scene({"h1": ["s1"], "h2": []}, fleet={"projects": ["new"]})
    world.apps = {"app": world.agrees("app"), "new": world.agrees("new")}
    session = world.start(hosts=["h1"], maintenance_at=world.now_plus(400))
    world.run_for(300)
    world.boot("n1", "new", "h1")
    world.run_for(5)
    world.sync()
    world.run_for(31)
    (told,) = world.told("new", "MAINTENANCE")
    assert world.show(session)["state"] == "MAINTENANCE"
    assert world.part(session, "new")["instance_ids"] == [world.server("n1")]
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert told["session_id"] == session


def test_at_the_windows_end_a_drain_stops_and_the_host_is_given_back(scene):
    world = scene({"h1": ["s1", "s2"], "h2": []}, sessions={"reply_actions": 300.0})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"], maintenance_end=world.now_plus(120))
    planned(world)
    assert "h1" in world.disabled()
    world.run_to_state(session, "PAUSED")
    world.run_for(5)
    shown = world.show(session)
    assert shown["reason"] == "WINDOW_ENDED"
    assert "extend" in shown["words"]
    assert "WINDOW_ENDED" in world.codes(session)
    assert world.disabled() == {}
    assert world.host_states(session) == {"h1": "planned"}
    assert world.asked_of_nova() == []
    # a word alone does not open it again
    world.order(session, "resume")
    world.run_for(60)
    assert world.show(session)["state"] == "PAUSED"
    assert world.disabled() == {}
    window = f"/v1/maintenance-windows/{shown['window_id']}"
    assert world.operator.patch(window, {"end": world.now_plus(3600)}).status_code == 200
    world.run(lambda: len(world.told("app", "PLANNED_MAINTENANCE")) == 2)
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.on("h2") == ["s1", "s2"]


def test_a_session_whose_window_has_ended_can_be_aborted(scene):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"reply_maintenance": 300.0})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"], maintenance_end=world.now_plus(120))
    world.run_to_state(session, "PAUSED")
    world.order(session, "abort")
    world.finish(session, limit=60)
    assert world.show(session)["reason"] == "ABORTED"


# -- target, retirement --------------------------------------------------------------


def test_servers_go_to_the_target_until_it_is_full_and_that_is_told(scene):
    names = ["s1", "s2", "s3"]
    world = scene({"h1": names, "h2": ["t1", "t2"], "h3": [], "h4": []})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"], target_host="h2")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert len(world.on("h2")) == 4
    assert len(world.on("h3") + world.on("h4")) == 1
    told = [one for one in world.said("maintenance.session") if one.get("reason") == "TARGET_FULL"]
    assert len(told) == 1
    assert "h2" in told[0]["words"]
    for name in names:
        assert world.moves_of(name) == ["live-migration"]


@pytest.mark.parametrize("work", [False, True])
def test_a_retired_host_is_emptied_and_stays_disabled(scene, work):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"], retire=True, actions=WAIT if work else [])
    if work:
        world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
        world.order(session, "confirm")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.host_states(session) == {"h1": "retired"}
    assert world.where("s1") == "h2"
    assert list(world.disabled()) == ["h1"]
    told = [one["state"] for one in world.said("maintenance.host")]
    assert told[-2:] == ["IN_MAINTENANCE", "RETIRED"]
    assert "MAINTENANCE_COMPLETE" not in told


def test_a_server_moves_once_onto_a_host_that_is_done(scene):
    hosts = {"h1": ["a1"], "h2": ["b1", "b2"], "h3": ["c1", "c2"], "h4": []}
    world = scene(hosts)
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=[])
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    for name in ("a1", "b1", "b2", "c1", "c2"):
        assert world.moves_of(name) == ["live-migration"]


def test_a_window_that_is_not_approved_is_announced_to_nobody(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"], maintenance_at=world.now_plus(60))
    window = world.show(session)["window_id"]
    # as one that somebody has set who may not
    world._write(sa.update(tables.windows).values(approved=False))
    world.run_for(300)
    assert world.codes(session) == {"NOT_APPROVED"}
    assert world.said("maintenance.scheduled") == []
    assert world.disabled() == {}
    answer = world.operator.patch(f"/v1/maintenance-windows/{window}", {"approved": True})
    assert answer.status_code == 200, answer.text
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


def test_who_scaled_in_for_a_session_that_is_aborted_is_told_that_it_is_over(scene):
    world = scene(
        {"h1": ["a", "b"], "h2": ["c", "d"]},
        fleet={"vcpus": 2},
        sessions={"max_scale_in": 1, "reply_scale_in": 30.0},
    )
    world.apps["app"] = None
    session = world.start(hosts=["h1"])
    world.run_to_state(session, "SCALE_IN")
    world.order(session, "abort")
    world.finish(session)
    assert world.session(session).state == "MAINTENANCE_FAILED"
    (told,) = world.told("app", "MAINTENANCE_COMPLETE")
    assert "reply_at" not in told


def test_nobody_scales_out_after_an_abort_who_was_not_asked_to_scale_in(scene):
    world = scene({"h1": ["a"], "h2": []})
    world.apps["app"] = None
    session = world.start(hosts=["h1"])
    world.run_to_state(session, "PLANNED_MAINTENANCE")
    world.order(session, "abort")
    world.finish(session)
    assert world.told("app", "MAINTENANCE_COMPLETE") == []
