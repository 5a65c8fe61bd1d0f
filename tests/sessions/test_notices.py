"""What projects are told and asked: deadlines, reminders, answers, and silence."""

import datetime as dt

import pytest
import sqlalchemy as sa

from craton_maintenance.db import tables
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.engine.bus import NotTaken
from craton_maintenance.engine.relay import Relay
from tests.sessions.scene import WAIT, fleet_of

SCHEDULED = "maintenance.scheduled"


class Bus:
    """A broker that takes what it is given, or nothing."""

    def __init__(self, world):
        self.world = world
        self.is_away = False
        #: events it has taken, and when
        self.taken = []

    def send(self, event, user_id):
        if self.is_away:
            raise NotTaken("no route to host")
        self.taken.append((self.world.now, event))

    def of(self, state):
        return [
            (at, event.payload)
            for at, event in self.taken
            if event.event_type == SCHEDULED and event.payload["state"] == state
        ]


@pytest.fixture
def on_bus(scene):
    """Makes a scene where projects hear of notices on the bus only."""

    def make(hosts, **options):
        sessions = {"handover": "bus"} | options.pop("sessions", {})
        world = scene(hosts, sessions=sessions, **options)
        world.bus = Bus(world)
        relay = Relay(world.service, world.bus, "engine-1")
        world.hand_over = relay.step
        return world

    return make


def moment(text):
    return dt.datetime.fromisoformat(text)


# -- hand-over -----------------------------------------------------------------------


def test_nothing_is_decided_by_default_before_a_notice_is_handed_over(scene):
    world = scene({"h1": ["s1"], "h2": []})
    session = world.start(hosts=["h1"])  # nobody reads
    world.run_for(600)
    assert world.codes(session) == {"NOTICE_UNDELIVERED"}
    assert world.project("app") in world.detail(session)["blockers"][0]["words"]
    assert world.show(session)["state"] == "MAINTENANCE"
    assert world.disabled() == {}
    # it is read late, and has its time from then on
    world.apps = {"app": None}
    world.run_for(1)
    assert world.codes(session) == {"AWAITING_REPLY"}
    world.run_for(10)
    assert world.disabled() == {}
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


def test_an_operator_may_go_on_without_and_that_is_on_record(scene):
    world = scene({"h1": ["s1"], "h2": []})
    session = world.start(hosts=["h1"])
    world.run_for(60)
    refused = world.operator.put(f"/v1/maintenance/{session}", {"action": "override"})
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (400, "reason")
    for _ in range(3):
        world.run_to(session, Blocker.NOTICE_UNDELIVERED)
        world.order(session, "override", reason="their manager is gone")
        world.settle()
    world.finish(session, limit=60)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.moves_of("s1") == ["live-migration"]
    told = [one for one in world.said("maintenance.session") if one.get("reason") == "OVERRIDDEN"]
    assert len(told) == 3
    assert "their manager is gone" in told[0]["words"]
    # who answers now is told so
    answer = world.member("app").put(
        world.url(session, "app"), {"state": "ACK_PLANNED_MAINTENANCE"}
    )
    assert answer.status_code == 409
    assert "went on without it" in answer.text


def test_a_notice_that_a_broken_broker_held_back_is_replaced(on_bus):
    world = on_bus({"h1": ["s1"], "h2": []})
    world.bus.is_away = True
    session = world.start(hosts=["h1"])
    world.run_for(600)
    assert world.codes(session) == {"NOTICE_UNDELIVERED"}
    world.bus.is_away = False
    world.run_for(1)
    (at, told), *more = world.bus.of("MAINTENANCE")
    assert more == []
    assert moment(told["reply_at"]) > at
    # the one before is in the history, and was never sent
    first, second = world.told("app", "MAINTENANCE")
    assert told["notice_id"] == second["notice_id"]
    assert moment(first["reply_at"]) < at
    statuses = {one["id"]: one["status"] for one in world.detail(session)["notices"]}
    assert statuses[first["notice_id"]] == "superseded"
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


def test_whatever_the_broker_does_each_notice_leaves_time_to_answer(on_bus):
    world = on_bus({"h1": ["s1"], "h2": ["s2"], "h3": []})
    session = world.start(hosts=["h1", "h2"])
    # away for 13 seconds of each 17, so some of the times are over and some nearly
    while not world.is_over(session):
        world.bus.is_away = not world.bus.is_away
        world.run_for(13 if world.bus.is_away else 4)
        assert world.now.hour < 2
    told = [(at, e.payload) for at, e in world.bus.taken if e.event_type == SCHEDULED]
    assert len(told) > 8
    for at, payload in told:
        if "reply_at" in payload:
            assert moment(payload["reply_at"]) > at - dt.timedelta(seconds=1), payload
    first = {}
    for at, payload in told:
        first.setdefault(payload["notice_id"], (at, payload))
    for at, payload in first.values():
        if "reply_at" in payload:
            assert (moment(payload["reply_at"]) - at).total_seconds() >= 9
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


def test_an_unanswered_notice_is_sent_once_more_at_half_of_its_time_but_never_scale_in(scene):
    world = scene({"h1": ["s1", "s2", "s3"], "h2": ["s4", "s5"]})
    heard = []
    world.apps = {"app": lambda notice: heard.append((world.now, notice))}
    world.start(hosts=["h1", "h2"])
    world.run(lambda: len(world.told("app", "SCALE_IN")) == 3)
    for name in ("s1", "s2", "s3", "s4"):
        world.delete("app", name)
    world.run(lambda: world.told("app", "MAINTENANCE_COMPLETE"))
    world.run_for(30)
    times = {}
    for at, notice in heard:
        times.setdefault((notice["state"], notice["notice_id"]), []).append(at)
    assert {state for state, _ in times} >= {
        "MAINTENANCE",
        "SCALE_IN",
        "PLANNED_MAINTENANCE",
        "MAINTENANCE_COMPLETE",
    }
    for (state, _), moments in times.items():
        if state in ("SCALE_IN", "INSTANCE_ACTION_DONE"):
            assert len(moments) == 1
        else:
            first, second = moments
            assert 9.9 < (second - first).total_seconds() < 12


def test_an_answered_notice_is_not_sent_again(scene):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"reply_actions": 60.0})
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    session = world.start(hosts=["h1"])
    world.finish(session)
    ids = [one["notice_id"] for one in world.heard["app"]]
    assert len(ids) == len(set(ids))


# -- their form ----------------------------------------------------------------------


@pytest.mark.parametrize("workflow", ["default", "vnf"])
def test_what_a_notice_looks_like(scene, workflow):
    world = scene({"h1": ["s1", "s2"], "h2": []})
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    session = world.start(hosts=["h1"], workflow=workflow, metadata={"release": "2030.1"})
    world.finish(session)
    url = f"{world.service.public_url}/maintenance/{session}/{world.project('app')}"
    servers = {world.server("s1"), world.server("s2")}
    for state in ("MAINTENANCE", "MAINTENANCE_COMPLETE"):
        (told,) = world.told("app", state)
        assert told["instance_ids"] == told["reply_url"] == url
        assert told["allowed_actions"] == []
        assert told["metadata"] == {"release": "2030.1"}
    planned = world.told("app", "PLANNED_MAINTENANCE")
    if workflow == "default":
        assert [one["instance_ids"] for one in planned] == [url]
    else:
        assert {tuple(one["instance_ids"]) for one in planned} == {(one,) for one in servers}
        assert {one["reply_url"] for one in planned} == {f"{url}/{one}" for one in servers}
    assert all("MIGRATE" in one["allowed_actions"] for one in planned)
    done = world.told("app", "INSTANCE_ACTION_DONE")
    assert {tuple(one["instance_ids"]) for one in done} == {(one,) for one in servers}
    for one in done:
        assert "reply_at" not in one
        assert "actions_at" not in one
        assert (one["allowed_actions"], one["metadata"]) == ([], {})


def test_no_value_is_longer_than_ceilometer_keeps_and_none_is_null(scene):
    names = [f"s{index}" for index in range(30)]
    world = scene(
        fleet_of({"h1": names, "h2": []}, vcpus=40), api={"public_url": f"http://{'x' * 115}/v1"}
    )
    world.apps = {"app": None}
    session = world.start(hosts=["h1"], workflow="vnf", reason="r" * 900, announcement="a" * 255)
    world.run(lambda: len(world.told("app", "PLANNED_MAINTENANCE")) == 30)
    world.order(session, "abort", reason="b" * 900)
    world.finish(session)
    with world.service.database.read() as connection:
        payloads = connection.execute(sa.select(tables.events.c.payload)).scalars().all()
    assert len(payloads) > 30
    for payload in payloads:
        for name, value in payload.items():
            assert value is not None, name
            assert len(str(value)) <= 255, name


# -- answers -------------------------------------------------------------------------


def test_an_answer_that_comes_too_late_is_refused_and_changes_nothing(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.cloud.server_named("s1").metadata["sim:live_migration"] = "300"
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.moves_of("s1"))
    answer = world.member("app").put(
        world.url(session, "app"),
        {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "NOTHING"},
    )
    assert answer.status_code == 409
    assert answer.json["code"] == "REPLY_LATE"
    assert world.server_of(session, "s1")["action"] == "LIVE_MIGRATE"


def test_a_repeated_answer_is_taken_and_another_one_is_not(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    for _ in range(2):
        world.reply(session, "app", "ACK_PLANNED_MAINTENANCE", instance_action="MIGRATE")
    answer = world.member("app").put(
        world.url(session, "app"),
        {"state": "ACK_PLANNED_MAINTENANCE", "instance_action": "NOTHING"},
    )
    assert (answer.status_code, answer.json["code"]) == (409, "ALREADY_ANSWERED")
    world.finish(session)
    assert world.moves_of("s1") == ["migration"]


@pytest.mark.parametrize("policy", ["default", "skip", "pause"])
@pytest.mark.parametrize("how", ["said no", "did not answer"])
def test_no_and_silence_are_handled_by_policy_and_fail_nothing(scene, policy, how):
    option = "on_nack" if how == "said no" else "on_silence"
    other = {"on_nack": "pause", "on_silence": "pause"}
    hosts = {"h1": ["s1"], "h2": ["kind/k1"], "h3": []}
    world = scene(hosts, sessions=other | {option: policy})
    # it agrees to the maintenance and to its end, and not to what happens
    agree = world.agrees("app")

    def app(notice):
        if notice["state"] != "PLANNED_MAINTENANCE":
            agree(notice)
        elif how == "said no" and notice["notice_id"] not in seen:
            seen.add(notice["notice_id"])
            world.reply(session, "app", "NACK_PLANNED_MAINTENANCE")

    seen = set()
    world.apps = {"app": app, "kind": world.agrees("kind")}
    session = world.start(hosts=["h1", "h2"])
    if policy == "pause":
        world.run_to_state(session, "PAUSED")
        shown = world.show(session)
        assert shown["reason"] == "REFUSED_BY_PROJECT"
        assert world.project("app") in shown["words"]
        assert how.split()[0] in shown["words"]
        world.run_for(60)
        assert world.moves_of("s1") == []
        world.order(session, "resume")
    world.finish(session)
    shown = world.show(session)
    if policy == "skip":
        assert (shown["state"], shown["reason"]) == ("MAINTENANCE_FAILED", "HOSTS_SKIPPED")
        assert world.host_states(session) == {"h1": "skipped", "h2": "returned"}
        assert world.where("s1") == "h1"
    else:
        assert shown["state"] == "MAINTENANCE_DONE"
        assert world.moves_of("s1") == ["live-migration"]
    assert world.disabled() == {}


@pytest.mark.parametrize("policy", ["default", "skip", "pause"])
def test_a_no_to_the_maintenance_as_a_whole(scene, policy):
    world = scene({"h1": ["s1"], "h2": ["kind/k1"], "h3": []}, sessions={"on_nack": policy})
    world.apps = {"kind": world.agrees("kind"), "app": None}
    session = world.start(hosts=["h1", "h2"], maintenance_at=world.now_plus(60))
    world.run_for(1)
    world.reply(session, "app", "NACK_MAINTENANCE")
    world.run_for(1)
    if policy == "pause":
        assert world.show(session)["state"] == "PAUSED"
        world.run_for(120)
        assert world.disabled() == {}
        world.order(session, "resume")
    world.finish(session)
    expected = {"h1": "skipped" if policy == "skip" else "returned", "h2": "returned"}
    assert world.host_states(session) == expected


def test_a_no_while_the_session_is_paused_is_not_lost(scene):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"reply_actions": 600.0})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    world.order(session, "pause", reason="lunch")
    world.run_for(5)
    world.reply(session, "app", "NACK_PLANNED_MAINTENANCE")
    world.run_for(5)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("PAUSED", "REFUSED_BY_PROJECT")
    assert world.project("app") in shown["words"]


def test_nobody_hears_of_others_or_of_hosts(scene):
    world = scene({"host-one": ["s1", "other/o1"], "host-two": []})
    world.apps = {"app": None, "other": None}
    session = world.start(hosts=["host-one"], actions=WAIT, reason="bad disk in host-one")
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    for project, foreign in (("app", "o1"), ("other", "s1")):
        bytes_ = str(world.heard[project]) + str(world.part(session, project))
        for secret in ("host-one", "host-two", "bad disk", world.server(foreign)):
            assert secret not in bytes_
