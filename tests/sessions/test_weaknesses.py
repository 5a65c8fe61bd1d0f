"""What has gone wrong in planned maintenance before, and must not here: one test for each.

The numbers are those of a list of faults that were seen in, or read from, an earlier service
for the same task. Each test plays the scenario and asks for the better end.
"""

import ast
import datetime as dt
import importlib.metadata
import inspect
import pkgutil
import re
import sys

import pytest
import sqlalchemy as sa

import craton_maintenance
from craton_maintenance import simcloud
from craton_maintenance.db import tables
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.engine.bus import Bus
from tests.sessions.scene import WAIT, fleet_of

LIST = "/v1/maintenance"


def done(world, session_id):
    """It ended well, and nothing of it is left in the cloud."""
    shown = world.show(session_id)
    assert (shown["state"], shown["percent_done"]) == ("MAINTENANCE_DONE", 100), shown
    assert set(world.host_states(session_id).values()) <= {"returned", "retired"}


# -- hosts under work ----------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before it begins", "at the moment of disabling"])
def test_f01_a_server_booted_on_the_empty_host_is_found_told_and_moved(scene, moment):
    world = scene({"h1": [], "h2": [], "h3": ["other"]}, fleet={"projects": ["late"]})
    world.apps = {"late": None}

    def boot(*_):
        world.boot("s1", "late", "h1")
        world.pass_time(0.3)  # the scheduler has chosen, and it is not up yet

    session = world.start(hosts=["h1"], maintenance_at=world.now_plus(60), actions=WAIT)
    world.run_for(30)
    if moment == "before it begins":
        boot()
    else:
        world.cloud.faults.append(
            simcloud.Fault(method="PUT", path="os-services", user="maintenance", effect=boot)
        )
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    # its owner was told before the host was worked on, and it is not there any more
    assert world.told("late", "PLANNED_MAINTENANCE")
    assert (world.where("s1"), world.on("h1")) != ("h1", ["s1"])
    assert world.on("h1") == []
    assert world.moves_of("s1") == ["live-migration"]
    order = [
        one["event_type"] + " " + one["payload"]["state"]
        for one in world.operator.events(all_projects="true")
        if one["event_type"] in ("maintenance.scheduled", "maintenance.host")
    ]
    told = order.index("maintenance.scheduled PLANNED_MAINTENANCE")
    assert told < order.index("maintenance.host IN_MAINTENANCE")
    world.order(session, "confirm")
    world.finish(session)
    done(world, session)


@pytest.mark.parametrize(
    ("first", "host", "other"), [("c11", "c1", "c11"), ("c1", "c1", "c10"), ("c1", "c11", "c1")]
)
def test_f02_names_of_hosts_that_begin_alike_are_not_mixed_up(scene, first, host, other):
    hosts = {"c1": [], "c10": [], "c11": [], "x": []}
    hosts[host], hosts[other] = ["mine"], ["theirs/foreign"]
    hosts = {first: hosts.pop(first)} | hosts
    world = scene(hosts)
    world.apps = {"app": None, "theirs": None}
    session = world.start(hosts=[host], actions=WAIT)
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert world.on(host) == []
    assert world.moves_of("mine") == ["live-migration"]
    assert (world.where("foreign"), world.moves_of("foreign")) == (other, [])
    assert "theirs" not in world.heard
    assert list(world.disabled()) == [host]
    world.order(session, "confirm")
    world.finish(session)
    done(world, session)
    assert world.disabled() == {}


def _nack(world, session):
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    world.reply(session, "app", "NACK_PLANNED_MAINTENANCE")
    world.run_to_state(session, "PAUSED")


def _silence(world, session):
    world.run(lambda: world.asked_of_nova("os-migrateLive"))


def _bad_action(world, session):
    world.run_to(session, Blocker.HOST_WORK_FAILED)
    host = next(n for n, s in world.host_states(session).items() if s == "in_maintenance")
    # it was worked on, and nobody knows how well it is: the operator says
    world.order(session, "confirm", host=host)


def _failed_move(world, session):
    world.run_to(session, Blocker.MOVE_FAILED)


@pytest.mark.parametrize("way", [_nack, _silence, _bad_action, _failed_move])
def test_f03_a_session_that_fails_gives_every_host_back_as_it_was_found(scene, way):
    world = scene(
        {"h1": ["s1"], "h2": ["s2"], "h4": [], "theirs": []},
        sessions={"direct_actions": "*", "command_timeout": 5.0},
    )
    if way is _failed_move:
        world.cloud.server_named("s1").metadata["sim:live_migration"] = "error"
    world.set_service("theirs", status="disabled", disabled_reason="broken fan")
    world.sync()
    world.apps = {"app": None}
    found = world.disabled()
    fails = [{"plugin": "command", "options": {"argv": ["/bin/false"]}}]
    more = {"actions": fails} if way is _bad_action else {}
    session = world.start(hosts=["h1", "h2", "theirs"], **more)
    way(world, session)
    world.order(session, "abort")
    world.finish(session)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("MAINTENANCE_FAILED", "ABORTED")
    assert world.disabled() == found == {"theirs": "broken fan"}
    # and the next session finds nothing in its way
    world.cloud.server_named("s1").metadata.clear()
    again = world.start(hosts=["h1", "theirs"])
    world.finish(again)
    done(world, again)
    assert world.disabled() == found


# -- answers -------------------------------------------------------------------------


def test_f04_live_migration_is_done_where_it_is_offered(scene):
    world = scene({"h1": ["s1", "s2"], "h2": []})
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    session = world.start(hosts=["h1"])
    world.finish(session)
    done(world, session)
    (asked,) = world.told("app", "PLANNED_MAINTENANCE")
    assert "LIVE_MIGRATE" in asked["allowed_actions"]
    for server in ("s1", "s2"):
        assert world.where(server) == "h2"
        assert world.moves_of(server) == ["live-migration"]
        assert world.cloud.server_named(server).vm_state == "active"


def test_f05_whoever_is_not_named_in_an_answer_gets_the_default(scene):
    world = scene({"h1": ["s1", "s2", "s3"], "h2": []})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    two = {world.server("s1"): "MIGRATE", world.server("s2"): "MIGRATE"}
    world.reply(session, "app", "ACK_PLANNED_MAINTENANCE", instance_actions=two)
    world.finish(session)
    done(world, session)
    assert world.on("h2") == ["s1", "s2", "s3"]
    assert [world.moves_of(one)[0] for one in ("s1", "s2", "s3")] == [
        "migration",
        "migration",
        "live-migration",
    ]
    chosen = {one["name"]: one["chosen_by"] for one in world.detail(session)["servers"]}
    assert chosen == {"s1": "reply", "s2": "reply", "s3": "operator"}


def test_f06_an_owner_who_acts_slowly_has_until_the_time_that_was_said(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app", "OWN_ACTION")}
    wish = {"lead_time": 600, "instance_name": "s1"}
    path = f"/v1/instance/{world.server('s1')}"
    taken = world.member("app").put(path, wish | {"project_id": world.project("app")})
    assert taken.status_code == 200, taken.text
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    (asked,) = world.told("app", "PLANNED_MAINTENANCE")
    until = dt.datetime.fromisoformat(asked["actions_at"])
    assert until - world.now > dt.timedelta(minutes=10)
    # far longer than any patience of ours, and still in time
    world.run_for((until - world.now).total_seconds() - 10)
    assert world.where("s1") == "h1"
    assert world.codes(session) == set()
    assert world.moves_of("s1") == []
    world.delete("app", "s1")
    world.finish(session)
    done(world, session)


def test_f06_an_owner_who_is_too_slow_blocks_a_host_and_fails_nothing(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app", "OWN_ACTION")}
    session = world.start(hosts=["h1"])
    blocker = world.run_to(session, Blocker.OWN_ACTION_LATE)
    (asked,) = world.told("app", "PLANNED_MAINTENANCE")
    assert world.now >= dt.datetime.fromisoformat(asked["actions_at"])
    assert blocker["server_id"] == world.server("s1")
    assert world.show(session)["state"] == "PLANNED_MAINTENANCE"
    world.order(session, "retry", server_id=world.server("s1"), server_action="LIVE_MIGRATE")
    world.finish(session)
    done(world, session)
    assert world.where("s1") == "h2"


# -- clouds that are not as one thinks -----------------------------------------------


def test_f07_an_empty_cloud_can_be_maintained(scene):
    world = scene({"h1": [], "h2": [], "h3": []})
    session = world.start(hosts=[])
    world.finish(session, limit=60)
    done(world, session)
    states = [one["state"] for one in world.said("maintenance.session")]
    assert "START_MAINTENANCE" in states
    assert world.said("maintenance.scheduled") == []
    nothing = scene({})
    answer = nothing.operator.post(LIST, {"hosts": []})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "hosts")


def test_f08_a_server_without_a_network_is_a_server(scene):
    world = scene({"h1": ["s1"], "h2": []})
    shown = world.nova.reads.server(world.server("s1"))
    assert shown["addresses"] == {}
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.finish(session)
    done(world, session)
    assert world.where("s1") == "h2"


def test_f09_what_alarms_there_are_is_nobodys_business(scene, monkeypatch):
    world = scene({"h1": ["s1"], "h2": []})
    asked = set()
    resolve = type(world.nova.reads._session).get_endpoint

    def remember(self, *args, **more):
        asked.add(more.get("service_type"))
        return resolve(self, *args, **more)

    monkeypatch.setattr(type(world.nova.reads._session), "get_endpoint", remember)
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.finish(session)
    done(world, session)
    assert {"compute"} <= asked <= {"compute", "placement"}
    assert {call.service for call in world.cloud.calls} == {"identity", "compute", "placement"}
    needed = importlib.metadata.requires("craton-maintenance") or ()
    assert not [one for one in needed if "aodh" in one or "ceilometer" in one]


def test_f10_hypervisors_may_have_other_names_than_their_hosts(scene):
    fleet = fleet_of({})
    for name in ("h1", "h2", "h3"):
        fleet.add_host(name, vcpus=4, hypervisor_hostname=f"{name}.dc1.example.org")
    fleet.add_server("s1", "app", "h1").add_server("s2", "app", "h1")
    world = scene(fleet)
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1"], target_host="h3")
    world.finish(session)
    done(world, session)
    assert world.on("h3") == ["s1", "s2"]


def test_f11_an_overcommitted_cloud_is_asked_to_need_less_so_often_and_no_more(scene):
    twelve = [f"s{index}" for index in range(12)]
    world = scene({"h1": twelve, "h2": [f"t{index}" for index in range(8)]}, fleet={"vcpus": 8})
    world.apps = {"app": world.agrees("app")}  # it says yes, and does nothing
    session = world.start(hosts=["h1", "h2"])
    world.run_to(session, Blocker.NO_CAPACITY)
    world.run_for(60)
    assert len(world.told("app", "SCALE_IN")) == 3
    assert len([one for one in world.heard["app"] if one["state"] == "SCALE_IN"]) == 3
    assert world.codes(session) == {"NO_CAPACITY"}
    assert world.disabled() == {}
    for name in [*twelve[:8], "t0", "t1", "t2", "t3"]:
        world.delete("app", name)
    world.finish(session)
    done(world, session)


# -- the service itself --------------------------------------------------------------


def test_f12_a_session_goes_on_whenever_the_engine_is_started_anew(scene):
    world = scene({"h1": ["s1"], "h2": ["s2"], "h3": []})
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1", "h2"], maintenance_at=world.now_plus(30))
    restarts = 0

    def again():
        nonlocal restarts
        restarts += 1
        world.restart()
        assert world.show(session)["session_id"] == session
        return world.is_over(session)

    world.run(again)
    assert restarts > 10
    done(world, session)
    assert world.disabled() == {}
    # nothing was done twice
    assert world.asked_of_nova("migrate") == [("migrate", "s1"), ("migrate", "s2")]


def test_f13_the_database_says_how_it_ended(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1"])
    world.finish(session)
    with world.service.database.read() as connection:

        def rows(table, *columns):
            found = sa.select(*(table.c[name] for name in columns))
            return [tuple(row) for row in connection.execute(found)]

        assert rows(tables.sessions, "id", "state", "percent_done", "due_at") == [
            (session, "MAINTENANCE_DONE", 100, None)
        ]
        assert rows(tables.session_hosts, "host", "state") == [("h1", "returned")]
        assert rows(tables.session_servers, "server_id", "state", "out_of_group") == [
            (world.server("s1"), "gone", None)
        ]
        assert {status for (status,) in rows(tables.steps, "status")} == {"ended"}
        assert rows(tables.inputs, "id") == rows(tables.session_holds, "host") == []
        assert {status for (status,) in rows(tables.notices, "status")} == {
            "answered",
            "information",
        }
        assert rows(tables.nova_servers, "host") == [("h2",)]
    detail = world.detail(session)
    assert detail["window"]["state"] == "closed"
    assert detail["blockers"] == []


def test_f14_sessions_on_the_same_hosts_are_refused_or_take_turns(scene):
    world = scene({"h1": ["s1"], "h2": [], "h3": []})
    world.apps = {"app": None}
    first = world.start(hosts=["h1"])
    second = world.operator.post(LIST, {"hosts": ["h1", "h2"]})
    assert second.status_code == 409
    assert world.show(first)["window_id"] in second.text
    others = [world.start(hosts=["h1"], allow_overlap=True) for _ in range(2)]
    holders = set()

    def all_over():
        with world.service.database.read() as connection:
            held = connection.execute(sa.select(tables.session_holds.c.session_id)).scalars().all()
        assert len(held) <= 1
        holders.update(held)
        return all(world.is_over(one) for one in (first, *others))

    world.run(lambda: any("HOST_HELD" in world.codes(one) for one in (first, *others)))
    world.run(all_over)
    for one in (first, *others):
        done(world, one)
    assert holders == {first, *others}
    begun, sessions = None, []
    for one in world.said("maintenance.host"):
        if one["state"] == "DRAINING":
            assert begun is None
            begun = one["session_id"]
            sessions.append(begun)
        elif one["state"] == "MAINTENANCE_COMPLETE":
            assert begun == one["session_id"]
            begun = None
    assert sorted(sessions) == sorted([first, *others])
    assert world.disabled() == {}


def test_f15_sessions_that_are_over_count_for_nothing(scene):
    world = scene({f"h{index}": [] for index in range(5)})
    for _ in range(2):
        # five at a time, and again
        five = [world.start(hosts=[f"h{index}"]) for index in range(5)]
        world.finish(*five)
        for one in five:
            done(world, one)
    assert len(world.operator.get(LIST).json["sessions"]) == 10


@pytest.mark.parametrize("when", ["later", "now"])
def test_f16_a_session_that_is_deleted_stops(scene, when):
    world = scene({"h1": ["s1"], "h2": ["s2"], "h3": []})
    world.apps = {"app": None}
    begin = {"maintenance_at": world.now_plus(3600)} if when == "later" else {}
    session = world.start(hosts=["h1", "h2"], **begin)
    if when == "now":
        world.cloud.server_named("s1").metadata["sim:live_migration"] = "60"
        world.run(lambda: world.asked_of_nova("os-migrateLive"))
    else:
        world.run_for(60)
    moves = world.asked_of_nova()
    answer = world.operator.delete(f"{LIST}/{session}")
    assert answer.status_code == 200
    world.finish(session, limit=120)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("MAINTENANCE_FAILED", "ABORTED")
    assert world.detail(session)["window"]["state"] in ("closed", "cancelled")
    calls = world.cloud.counts["PUT", "/os-services/{service}", ""]
    world.run_for(3600)
    assert world.asked_of_nova() == moves
    assert world.cloud.counts["PUT", "/os-services/{service}", ""] == calls
    assert world.disabled() == {}
    # a second time is no error, and it can still be looked at
    assert world.operator.delete(f"{LIST}/{session}").status_code == 200
    assert session in world.operator.get(LIST).json["sessions"]


# -- who listens ---------------------------------------------------------------------


def test_f17_a_project_that_does_not_listen_holds_up_nobody(scene):
    world = scene({"h1": ["s1", "silent/s2"], "h2": []})
    world.apps = {"app": world.agrees("app"), "silent": None}
    session = world.start(hosts=["h1"])
    world.finish(session)
    done(world, session)
    assert world.on("h2") == ["s1", "s2"]
    statuses = {
        (one["project_id"], one["state"]): one["status"]
        for one in world.detail(session)["notices"]
        if one["status"] != "information"
    }
    assert set(statuses.values()) == {"answered", "defaulted"}
    for (project, _), status in statuses.items():
        assert (status == "answered") == (project == world.project("app"))


def test_f18_every_project_is_addressed_by_its_own_id_whoever_may_list_alarms(scene):
    teams = ["one", "two", "three"]
    world = scene({"h1": [f"{team}/{team}-1" for team in teams], "h2": []}, fleet={"vcpus": 8})
    world.apps = dict.fromkeys(teams)
    session = world.start(hosts=["h1"])
    world.finish(session)
    done(world, session)
    service = next(p.id for p in world.cloud.projects.values() if p.name == "service")
    with world.service.database.read() as connection:
        stored = sa.select(tables.events).where(
            tables.events.c.event_type == "maintenance.scheduled"
        )
        events = connection.execute(stored).all()
    assert {event.project_id for event in events} == {world.project(team) for team in teams}
    for event in events:
        context = Bus.context(event, "user")
        assert context["project_id"] == context["tenant_id"] == event.payload["project_id"]
        assert context["project_id"] != service
    for team in teams:
        states = list(dict.fromkeys(one["state"] for one in world.heard[team]))
        assert states == [
            "MAINTENANCE",
            "PLANNED_MAINTENANCE",
            "INSTANCE_ACTION_DONE",
            "MAINTENANCE_COMPLETE",
        ]


@pytest.mark.parametrize("newest", [53, 60, 87, 88, 96, 100, 104])
def test_f19_versions_of_nova_are_two_numbers(scene, newest):
    world = scene({"h1": ["s1"], "h2": []}, fleet={"max_microversion": newest})
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    session = world.start(hosts=["h1"])
    world.finish(session)
    done(world, session)
    assert world.nova.reads.version == (2, min(newest, 87))
    assert world.where("s1") == "h2"


# -- who may what, and what is said of mistakes --------------------------------------


def test_f20_nobody_orders_about_or_answers_for_others(scene):
    world = scene({"h1": ["s1", "other/s2"], "h2": []})
    world.apps = {"app": None, "other": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    member = world.member("app")
    ack = {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "MIGRATE"}
    for status, answer in (
        (403, member.post(LIST, {"hosts": []})),
        (403, member.put(f"{LIST}/{session}", {"action": "abort"})),
        (403, member.delete(f"{LIST}/{session}")),
        (403, member.get(f"{LIST}/{session}/detail")),
        (404, member.put(world.url(session, "other"), ack)),
        (404, member.get(world.url(session, "other"))),
        (404, member.put(f"{LIST}/{session}/nobody", ack)),
    ):
        assert answer.status_code == status, answer.text
    for plugin in ("os", "craton_maintenance.workflow.plugins.command", "command"):
        answer = world.operator.post(
            LIST, {"hosts": ["h2"], "actions": [{"plugin": plugin, "options": {}}]}
        )
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (
            400,
            "actions/0/plugin",
        )
    assert world.operator.get(LIST).json["sessions"] == [session]
    # nothing of it has had an effect
    statuses = {one["status"] for one in world.detail(session)["notices"]} - {"defaulted"}
    assert statuses == {"open"}


#: Bodies that are wrong, and the field that the answer names.
WRONG = (
    ({}, "hosts"),
    ([], "body"),
    ({"hosts": ["nowhere"]}, "hosts/0"),
    ({"hosts": "h1"}, "hosts"),
    ({"hosts": ["h1"], "maintenance_at": "tomorrow"}, "maintenance_at"),
    ({"hosts": ["h1"], "maintenance_end": "1999-01-01 00:00:00"}, "maintenance_end"),
    ({"hosts": ["h1"], "workflow": "os"}, "workflow"),
    ({"hosts": ["h1"], "metadata": "new"}, "metadata"),
    ({"hosts": ["h1"], "actions": [{"plugin": "gone"}]}, "actions/0/plugin"),
    ({"hosts": ["h1"], "target_host": "nowhere"}, "target_host"),
    ({"hosts": ["h1"], "unknown": 1}, "unknown"),
)


def test_f21_mistakes_are_named_and_failures_are_told(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": None}
    for body, field in WRONG:
        answer = world.operator.post(LIST, body)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json["code"]
        assert [one["field"] for one in answer.json["errors"]] == [field], (body, answer.text)
        assert answer.json["message"] != "Unknown Error"
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    member, url = world.member("app"), world.url(session, "app")
    for body, status, words in (
        ({"state": "GARBAGE"}, 400, "state"),
        ({}, 400, "state"),
        ({"state": "ACK_SCALE_IN"}, 409, "ACK_PLANNED_MAINTENANCE"),
        ({"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "FLY"}, 400, "instance_action"),
    ):
        answer = member.put(url, body)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
    for method in ("get", "delete"):
        assert getattr(world.operator, method)(f"{LIST}/unknown").status_code == 404
    assert world.operator.put(f"{LIST}/unknown", {}).status_code == 404
    assert member.get(f"{LIST}/unknown/{world.project('app')}").status_code == 404
    # why it failed is there to read, and was told
    world.order(session, "abort", reason="wrong rack")
    world.finish(session)
    assert "wrong rack" in world.show(session)["words"]
    last = world.said("maintenance.session")[-1]
    assert (last["state"], last["reason"]) == ("MAINTENANCE_FAILED", "ABORTED")
    assert "wrong rack" in last["words"]


def test_f22_each_server_is_treated_as_its_state_allows(scene):
    fleet = fleet_of({"h1": [], "h2": [], "h3": []}, vcpus=16, shelved_offload_time=-1)
    for status in ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR"):
        fleet.add_server(status.lower(), "app", "h1", status=status)
    fleet.add_server("locked", "app", "h1", locked=True)
    fleet.add_server("shelved", "app", "h1")
    fleet.add_group("pair", "app")
    fleet.add_server("a", "app", "h1", group="pair").add_server("b", "app", "h2", group="pair")
    world = scene(fleet)
    world.act("app", "shelved", "shelve")
    world.pass_time(5)
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.on("h1") == ["error", "suspended"])
    asked = {server: action for action, server in world.asked_of_nova()}
    assert asked == {
        "active": "os-migrateLive",
        "shutoff": "confirmResize",
        "paused": "os-migrateLive",
        "locked": "os-migrateLive",
        "shelved": "shelveOffload",
        "a": "os-migrateLive",
    }
    cloud = world.cloud
    assert cloud.server_named("shutoff").vm_state == "stopped"
    assert cloud.server_named("paused").vm_state == "paused"
    assert world.where("a") == "h3"  # not to its fellow
    assert world.server_of(session, "locked")["locked"]
    # what can't be moved is somebody's decision, and fails nothing
    for name in ("suspended", "error"):
        problem = world.server_of(session, name)["problem"]
        assert problem["code"] == "SERVER_STATE"
        assert name.upper() in problem["words"]
        world.order(session, "retry", server_id=world.server(name), server_action="NOTHING")
    world.finish(session)
    done(world, session)
    assert world.on("h1") == ["error", "suspended"]
    assert cloud.server_named("suspended").vm_state == "suspended"


# -- how it is made ------------------------------------------------------------------


def test_f23_it_runs_on_a_python_of_today_and_all_of_it_is_installed():
    metadata = importlib.metadata.metadata("craton-maintenance")
    assert metadata["Requires-Python"] == ">=3.11"
    assert sys.version_info >= (3, 11)
    for module in pkgutil.walk_packages(craton_maintenance.__path__, "craton_maintenance."):
        if "__main__" not in module.name and "migrations" not in module.name:
            importlib.import_module(module.name)
    found = importlib.metadata.distribution("craton-maintenance").entry_points
    ours = [one for one in found if one.group.startswith("craton")]
    assert {one.name for one in ours} >= {"none", "wait", "command", "http"}
    for entry in ours:
        entry.load()


def test_f24_there_is_a_test_for_each_of_them_and_it_tests_something():
    tests = {
        name: one
        for name, one in vars(sys.modules[__name__]).items()
        if name.startswith("test_") and inspect.isfunction(one)
    }
    numbers = {int(name[6:8]) for name in tests}
    assert numbers == set(range(1, 28))
    for name, test in tests.items():
        assert re.match(r"test_f\d\d_[a-z_0-9]{20,}$", name), name
        marks = {mark.name for mark in getattr(test, "pytestmark", ())}
        assert marks <= {"parametrize"}, name
        tree = ast.parse(inspect.getsource(test))
        asserts = [one for one in ast.walk(tree) if isinstance(one, ast.Assert)]
        assert asserts, name
        assert not [one for one in asserts if isinstance(one.test, ast.Constant)], name


def test_f25_times_are_in_utc_and_a_window_ends(scene):
    world = scene({"h1": ["s1"], "h2": ["s2"], "h3": []})
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    naive = (world.now + dt.timedelta(seconds=60)).strftime("%Y-%m-%d %H:%M:%S")
    abroad = (world.now + dt.timedelta(seconds=200)).astimezone(
        dt.timezone(dt.timedelta(hours=5, minutes=30))
    )
    session = world.start(
        hosts=["h1", "h2"], maintenance_at=naive, maintenance_end=abroad.isoformat(), actions=WAIT
    )
    shown = world.show(session)
    assert shown["maintenance_at"] == "2030-01-01T00:01:00Z"
    assert shown["maintenance_end"] == "2030-01-01T00:03:20Z"
    world.run_for(55)
    assert world.asked_of_nova() == []
    assert world.disabled() == {}
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    # the end comes while a host is worked on: it is finished, and no other one is begun
    world.run_to_state(session, "PAUSED")
    assert world.show(session)["reason"] == "WINDOW_ENDED"
    world.order(session, "confirm")
    world.run_for(600)
    assert sorted(world.host_states(session).values()) == ["planned", "returned"]
    assert world.disabled() == {}
    for payload in world.heard["app"]:
        for name in ("actions_at", "reply_at"):
            if name in payload:
                assert payload[name].endswith("Z")
    # postponed: it goes on
    window = f"/v1/maintenance-windows/{shown['window_id']}"
    assert world.operator.patch(window, {"end": world.now_plus(3600)}).status_code == 200
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    world.order(session, "confirm")
    world.finish(session)
    done(world, session)


def test_f26_hosts_are_not_disabled_all_at_once(scene):
    hosts = {f"h{index}": [f"s{index}"] for index in range(1, 5)} | {"h0": []}
    world = scene(hosts)
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    most = 0

    def watch(cloud, call):
        nonlocal most
        most = max(most, sum(host.disabled for host in cloud.hosts.values()))

    world.cloud.judges.append(watch)
    session = world.start(hosts=[])
    world.finish(session)
    done(world, session)
    assert most == 1
    # each was disabled once, and enabled once
    assert world.cloud.counts["PUT", "/os-services/{service}", ""] == 2 * len(hosts)


def test_f27_servers_beyond_the_first_page_are_seen(scene):
    # Nova lists the newest first: those of the host in question come after all others
    fleet = fleet_of({f"h{index:02}": [] for index in range(12)}, vcpus=200)
    for index in range(1100):
        fleet.add_server(f"n{index:04}", "app", f"h{index % 10 + 1:02}")
    fleet.add_host("old", vcpus=200)
    for index in range(3):
        fleet.add_server(f"old-{index}", "team", "old")
    fleet.projects.append("team")
    world = scene(fleet, sessions={"parallel_moves": 3})
    assert len(world.cloud.servers) > world.cloud.settings.max_limit == 1000
    world.apps = {"team": None}
    session = world.start(hosts=["old", "h00"], actions=WAIT)
    assert world.told("team", "MAINTENANCE") == []
    world.run(lambda: world.host_states(session)["h00"] == "in_maintenance")
    world.order(session, "confirm", host="h00")
    world.run(lambda: world.host_states(session)["old"] == "in_maintenance")
    assert len(world.told("team", "PLANNED_MAINTENANCE")) == 1
    assert world.on("old") == []
    moved = {server for _, server in world.asked_of_nova("os-migrateLive")}
    assert moved == {"old-0", "old-1", "old-2"}
    with world.service.database.read() as connection:
        known = connection.execute(sa.select(sa.func.count()).select_from(tables.nova_servers))
        assert known.scalar_one() == len(world.cloud.servers)
    world.order(session, "confirm", host="old")
    world.finish(session)
    done(world, session)
