"""A host's way through a session: disable, drain, prove empty, work, verify, enable."""

import datetime as dt

import pytest
import sqlalchemy as sa

from craton_maintenance import simcloud
from craton_maintenance.db import tables
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.simcloud.model import Migration, Resources
from tests.sessions.scene import WAIT, fleet_of

#: Services that are seen as down soon.
QUICK = {"timing": {"service_down_time": 12.0}}

PUT_SERVICE = ("PUT", "/os-services/{service}", "")


def in_work(world, session, host="h1"):
    """Let time pass until a host is worked on."""
    world.run(lambda: world.host_states(session)[host] == "in_maintenance")


def confirmed(world, session):
    world.order(session, "confirm")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


# -- disable -------------------------------------------------------------------------


@pytest.mark.parametrize("longest", [False, True])
def test_the_reason_leads_to_the_session_and_is_never_too_long(scene, longest):
    base = "http://maintenance.example/v1"
    if longest:
        base = f"http://{'x' * 120}/v1"
    world = scene({"h1": [], "h2": []}, api={"public_url": base})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    reason = world.disabled()["h1"]
    assert reason.startswith(f"maintenance {session}")
    assert len(reason) <= 255
    assert f"{base}/maintenance/{session}" in reason
    # found with this reason it is ours, so it is enabled again
    confirmed(world, session)
    assert world.disabled() == {}


def test_a_host_that_somebody_else_disabled_stays_as_it_is(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.set_service("h1", status="disabled", disabled_reason="broken fan")
    calls = world.cloud.counts[PUT_SERVICE]
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.where("s1") == "h2"
    assert world.disabled() == {"h1": "broken fan"}
    assert world.cloud.counts[PUT_SERVICE] == calls
    assert world.detail(session)["hosts"][0]["foreign"]


def test_one_enabled_while_it_is_drained_is_disabled_once_more_then_somebody_is_asked(scene):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"reply_actions": 600})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    reason = world.disabled()["h1"]
    for _ in range(2):
        world.run_for(2)
        world.set_service("h1", status="enabled")
        world.sync()
        world.run_for(5)
        if world.show(session)["state"] != "PAUSED":
            # our own, as before
            assert world.disabled() == {"h1": reason}
            assert world.said("maintenance.session")[-1]["reason"] == "HOST_ENABLED"
    assert world.show(session)["state"] == "PAUSED"
    assert world.show(session)["reason"] == "HOST_ENABLED"
    assert "h1" in world.show(session)["words"]
    assert "HOST_ENABLED" in world.codes(session)
    assert world.disabled() == {}
    # the operator has found out who it was
    world.order(session, "resume")
    world.run_for(5)
    assert world.disabled() == {"h1": reason}
    assert world.show(session)["state"] == "PLANNED_MAINTENANCE"
    assert "HOST_ENABLED" not in world.codes(session)
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


def test_one_enabled_while_it_is_worked_on_is_disabled_at_once_and_told(scene):
    world = scene({"h1": [], "h2": []})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    world.run_for(2)
    reason = world.disabled()["h1"]
    world.set_service("h1", status="enabled")
    world.sync()
    world.run_for(1)
    assert world.disabled() == {"h1": reason}
    told = world.said("maintenance.session")[-1]
    assert (told["reason"], "h1" in told["words"]) == ("HOST_ENABLED", True)
    confirmed(world, session)
    assert world.disabled() == {}


# -- empty ---------------------------------------------------------------------------


def _migration(world, status, kind="resize"):
    """A record of Nova's that has h1 as its source."""
    server = world.cloud.server_named("other")
    now = world.cloud.now()
    number = world.cloud.number("migration")
    one = Migration(
        number,
        world.cloud.new_id("migration"),
        server.id,
        kind,
        "h1",
        server.user_id,
        server.project_id,
        server.flavor,
        server.flavor,
        now,
        now,
        dest="h2",
        status=status,
    )
    world.cloud.migrations[number] = one
    world.cloud.migrations_of.setdefault(server.id, []).append(one)

    def settle():
        one.status, one.updated_at = "completed", world.cloud.now()

    return settle


def _allocation(world):
    world.cloud.allocate(
        "11111111-1111-4111-8111-111111111111", "h1", Resources(1, 1, 1), ("", "")
    )
    return lambda: world.cloud.release("11111111-1111-4111-8111-111111111111")


def _faulty(**fault):
    def make(world):
        world.cloud.faults.append(simcloud.Fault(method="GET", times=-1, **fault))
        return world.cloud.faults.clear

    return make


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda w: _migration(w, "queued", "live-migration"), "NOT_EMPTY", "(queued)"),
        (lambda w: _migration(w, "post-migrating"), "NOT_EMPTY", "(post-migrating)"),
        (lambda w: _migration(w, "done", "evacuation"), "NOT_EMPTY", "started"),
        (lambda w: _migration(w, "finished"), "UNCONFIRMED_RESIZE", "confirmed"),
        (lambda w: _migration(w, "something new"), "NOT_EMPTY", "something new"),
        (_allocation, "NOT_EMPTY", "11111111-1111-4111-8111-111111111111"),
        (_faulty(path="/allocations$", status=503), "SERVICE_UNAVAILABLE", "503"),
        (_faulty(path="/os-migrations", status=500), "SERVICE_UNAVAILABLE", "500"),
        (_faulty(path="/resource_providers/", status=404), "NOT_EMPTY", "provider"),
    ],
)
def test_a_host_counts_as_empty_only_with_all_three_proofs(scene, make, code, words):
    world = scene({"h1": [], "h2": ["other"]}, nova={"read_retries": 0})
    settle = make(world)
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_for(12)
    assert world.host_states(session) == {"h1": "draining"}
    (blocker,) = world.detail(session)["blockers"]
    assert blocker["code"] == code
    assert words in blocker["words"]
    settle()
    in_work(world, session)
    confirmed(world, session)


def test_what_nobody_settles_for_hours_is_looked_at_ever_less_often(scene):
    """Each look is a step that is kept; what was settled is found within a minute."""
    world = scene({"h1": [], "h2": ["other"]})
    settle = _migration(world, "finished")
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to(session, Blocker.UNCONFIRMED_RESIZE)
    world.run_for(60)
    begun = len(world.detail(session)["steps"])
    world.run_for(3600)
    assert 60 <= len(world.detail(session)["steps"]) - begun <= 75
    settle()
    before = world.now
    in_work(world, session)
    assert (world.now - before).total_seconds() <= 65


def test_a_cell_that_does_not_answer_is_not_empty(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": None}
    world.cloud.server_named("s1").metadata["sim:live_migration"] = "2"
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    world.cloud.cells_down.add("cell1")
    world.run_for(60)
    assert world.host_states(session) == {"h1": "draining"}
    world.cloud.cells_down.clear()
    in_work(world, session)
    assert world.on("h1") == []


def test_emptiness_is_proved_again_when_the_proof_is_old(scene):
    world = scene({"h1": [], "h2": []})
    session = None

    def pause(*_):
        world.order(session, "pause")

    # the last of the three looks, so the host is drained, and nothing new begins
    world.cloud.faults.append(
        simcloud.Fault(method="GET", path="/os-migrations", user="maintenance", effect=pause)
    )
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to_state(session, "PAUSED")
    world.run_for(1)
    assert world.host_states(session) == {"h1": "drained"}
    world.run_for(20)
    free = _allocation(world)
    world.run_for(60)
    world.order(session, "resume")
    world.run_to(session, Blocker.NOT_EMPTY)
    assert world.host_states(session) == {"h1": "draining"}
    free()
    in_work(world, session)


def test_a_server_that_lands_on_a_host_in_work_holds_up_what_is_left_of_it(scene):
    world = scene({"h1": [], "h2": []}, sessions={"direct_actions": "*"})
    session = world.start(hosts=["h1"], actions=[*WAIT, {"plugin": "none"}, *WAIT])
    in_work(world, session)
    # it was on its way before the host was disabled, and had been refused elsewhere
    world.boot("s1", "app", "h1")
    world.run_for(20)
    (about_it,) = [
        one for one in world.detail(session)["blockers"] if one["code"] == "LATE_SERVER"
    ]
    assert about_it["server_id"] == world.server("s1")
    assert "while it is worked on" in about_it["words"]
    assert "LATE_SERVER" in [one.get("reason") for one in world.said("maintenance.session")]
    # the first part is done; the second waits until the server is gone, or somebody says so
    world.order(session, "confirm")
    world.run_for(60)
    assert "WAITING_FOR_OPERATOR" not in world.codes(session)
    world.delete("app", "s1")
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert "LATE_SERVER" not in world.codes(session)
    confirmed(world, session)


@pytest.mark.parametrize("word", [None, "confirm"])
def test_between_two_actions_it_is_proved_again_that_nothing_is_on_its_way(scene, word):
    fleet = fleet_of({"h1": ["s1"], "h2": []})
    fleet.add_flavor("small").add_flavor("bigger", vcpus=2)
    world = scene(fleet, sessions={"direct_actions": "*", "proof_valid": 5})
    world.apps = {"app": world.agrees("app", "NOTHING")}
    session = world.start(hosts=["h1"], actions=[*WAIT, *WAIT])
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    # its owner has it leave the host, and may yet have it come back
    bigger = next(one.id for one in world.cloud.flavors.values() if one.name == "bigger")
    world.act("app", "s1", "resize", {"flavorRef": bigger})
    world.run_for(60)
    world.order(session, "confirm")
    blocker = world.run_to(session, Blocker.UNCONFIRMED_RESIZE)
    assert world.server("s1") in blocker["words"]
    world.run_for(60)
    assert "WAITING_FOR_OPERATOR" not in world.codes(session)
    if word is None:
        world.act("app", "s1", "confirmResize")
    else:
        world.order(session, word)
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert world.codes(session) == {"WAITING_FOR_OPERATOR"}
    if word is not None:
        world.act("app", "s1", "confirmResize")
    confirmed(world, session)


def test_a_host_is_not_disabled_after_the_window_s_end(scene):
    """Whoever does it late, as the engine that was to has died."""
    world = scene({"h1": [], "h2": []})
    late = world.service.clock() + dt.timedelta(seconds=30)
    session = world.start(hosts=["h1"], maintenance_end=late.isoformat())
    works = world.steps.work

    def work_late():
        if _waits(world, "disable_host") and world.service.clock() < late:
            world.pass_time(60)
        return works()

    world.steps.work = work_late
    world.run(lambda: world.show(session)["state"] == "PAUSED")
    world.run_for(60)
    assert world.codes(session) == {"WINDOW_ENDED"}
    assert world.host_states(session) == {"h1": "planned"}
    assert world.disabled() == {}
    assert world.cloud.counts[PUT_SERVICE] == 0


# -- verify, enable ------------------------------------------------------------------


def test_a_host_is_enabled_only_after_it_has_reported_since_the_end_of_the_work(scene):
    world = scene({"h1": [], "h2": []}, fleet={"timing": {"report_interval": 10.0}})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    simcloud.stop_compute(world.cloud, "h1")
    world.run_for(5)
    world.order(session, "confirm")
    # nova-compute counts as up for a while, and has not reported
    world.run_for(30)
    assert world.host_states(session) == {"h1": "verifying"}
    assert "h1" in world.disabled()
    simcloud.start_compute(world.cloud, "h1")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.disabled() == {}


def _no_provider(world):
    for more in ({"path": "/resource_providers/", "status": 404}, {"partial": 1.0}):
        fault = {"path": "/resource_providers$"} | more
        world.cloud.faults.append(simcloud.Fault(method="GET", times=-1, **fault))
    return world.cloud.faults.clear


def _forced_down(world):
    world.set_service("h1", forced_down=True)
    return lambda: world.set_service("h1", forced_down=False)


def _down(world):
    simcloud.stop_compute(world.cloud, "h1")
    return lambda: simcloud.start_compute(world.cloud, "h1")


@pytest.mark.parametrize(
    ("make", "words"),
    [(_no_provider, "resource provider"), (_forced_down, "forced down"), (_down, "down")],
)
def test_a_host_that_is_not_well_stays_disabled_until_it_is(scene, make, words):
    world = scene({"h1": [], "h2": []}, QUICK, sessions={"verify_timeout": 20.0})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    mend = make(world)
    world.order(session, "confirm")
    blocker = world.run_to(session, Blocker.VERIFY_FAILED)
    assert words in blocker["words"]
    assert "h1" in world.disabled()
    assert not world.is_over(session)
    world.run_for(10)
    assert "h1" in world.disabled()
    mend()
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"
    assert world.disabled() == {}


def test_a_host_that_does_not_come_back_can_be_given_up_and_stays_disabled(scene):
    world = scene({"h1": [], "h2": []}, QUICK, sessions={"verify_timeout": 20.0})
    session = world.start(hosts=["h1", "h2"], actions=WAIT)
    in_work(world, session)
    simcloud.stop_compute(world.cloud, "h1")
    world.order(session, "confirm", host="h1")
    world.run_to(session, Blocker.VERIFY_FAILED)
    world.order(session, "skip", host="h1")
    in_work(world, session, "h2")
    world.order(session, "confirm", host="h2")
    world.finish(session)
    shown = world.show(session)
    assert (shown["state"], shown["reason"]) == ("MAINTENANCE_FAILED", "HOSTS_SKIPPED")
    assert "h1" in shown["words"]
    assert "h2" not in shown["words"]
    assert list(world.disabled()) == ["h1"]
    assert world.host_states(session) == {"h1": "failed", "h2": "returned"}
    states = [one["state"] for one in world.said("maintenance.host") if one["host"] == "h1"]
    assert states[-1] == "MAINTENANCE_FAILED"


def test_a_host_that_others_have_disabled_meanwhile_is_not_enabled(scene):
    world = scene({"h1": [], "h2": []})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    world.set_service("h1", status="disabled", disabled_reason="burn-in test")
    world.order(session, "confirm")
    blocker = world.run_to(session, Blocker.NOT_OURS_TO_ENABLE)
    assert "burn-in test" in blocker["words"]
    assert not world.is_over(session)
    confirmed(world, session)
    assert world.disabled() == {"h1": "burn-in test"}


@pytest.mark.parametrize("status", [403, 409, 503, 500])
def test_an_enabling_that_nova_refuses_is_tried_again(scene, status):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"reply_actions": 600})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    fault = simcloud.Fault(method="PUT", path="/os-services", status=status, times=3)
    world.cloud.faults.append(fault)
    world.order(session, "abort")
    world.run_for(3)
    assert world.codes(session) == {"SERVICE_UNAVAILABLE"}
    world.finish(session, limit=60)
    assert fault.fired == 3
    assert world.disabled() == {}


@pytest.mark.parametrize(("word", "end"), [("skip", "failed"), ("confirm", "returned")])
def test_work_that_can_t_be_reached_is_tried_again_until_somebody_decides(scene, word, end):
    world = scene({"h1": [], "h2": []}, sessions={"direct_actions": ["http"]})
    hook = {"plugin": "http", "options": {"url": "http://127.0.0.1:1/", "repeat": "ask"}}
    session = world.start(hosts=["h1"], actions=[hook])
    world.run_to(session, Blocker.SERVICE_UNAVAILABLE)
    world.run(lambda: len(_work_steps(world)) > 2)
    # under the first one's name
    assert {one.params.get("step", one.number) for one in _work_steps(world)} == {
        _work_steps(world)[0].number
    }
    world.order(session, word, host="h1")
    world.finish(session)
    assert world.host_states(session) == {"h1": end}


def _waits(world, kind):
    """Whether a step of this kind is to be begun."""
    with world.service.database.read() as connection:
        rows = connection.execute(
            sa.select(tables.steps).where(
                tables.steps.c.kind == kind, tables.steps.c.status == "waiting"
            )
        )
        return bool(rows.all())


def _work_steps(world):
    with world.service.database.read() as connection:
        return connection.execute(
            sa.select(tables.steps)
            .where(tables.steps.c.kind == "run_plugin")
            .order_by(tables.steps.c.number)
        ).all()


# -- others --------------------------------------------------------------------------


def test_a_host_that_is_down_holds_up_its_servers_moves_until_it_is_up(scene):
    world = scene({"h1": ["s1"], "h2": []}, QUICK)
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    simcloud.stop_compute(world.cloud, "h1")
    world.run_for(13)
    world.sync()
    blocker = world.run_to(session, Blocker.HOST_DOWN)
    assert "h1" in blocker["words"]
    tried = len(world.moves_of("s1"))
    world.run_for(30)
    assert len(world.moves_of("s1")) == tried
    assert world.where("s1") == "h1"
    simcloud.start_compute(world.cloud, "h1")
    world.run_for(10)
    world.sync()
    if "MOVE_FAILED" in world.codes(session):
        world.order(session, "retry")
    world.finish(session)
    assert world.where("s1") == "h2"


def test_a_host_that_nova_does_not_know_is_taken_by_the_operators_word(scene):
    world = scene({"h1": []})
    operator = world.operator
    region = operator.get("/v1/regions").json["regions"][0]
    body = {
        "name": "switch",
        "region_id": region["id"],
        "cloud_id": region["cloud_id"],
        "ip_address": "192.0.2.200",
        "device_type": "switch",
    }
    answer = operator.post("/v1/hosts", body)
    assert answer.status_code == 201, answer.text
    session = world.start(hosts=["switch"], actions=WAIT)
    blocker = world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert "switch" in blocker["words"]
    assert world.host_states(session) == {"switch": "draining"}
    world.order(session, "confirm", host="switch")
    in_work(world, session, "switch")
    confirmed(world, session)
    assert world.host_states(session) == {"switch": "returned"}
    assert world.cloud.counts[PUT_SERVICE] == 0


def test_every_state_of_a_host_is_told_and_work_that_begins_ends_once(scene):
    world = scene({"h1": ["s1"], "h2": [], "h3": []})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1", "h2"])
    percents = []

    def over():
        percents.append(world.show(session)["percent_done"])
        return world.is_over(session)

    world.run(over)
    for name in ("h1", "h2"):
        told = [one["state"] for one in world.said("maintenance.host") if one["host"] == name]
        assert told == [
            "DRAINING",
            "DRAINED",
            "IN_MAINTENANCE",
            "VERIFYING",
            "MAINTENANCE_COMPLETE",
        ]
    # the empty one came first
    first = world.said("maintenance.host")[0]
    assert (first["host"], world.said("maintenance.session")[1]["state"]) == (
        "h2",
        "START_MAINTENANCE",
    )
    told = [one["percent_done"] for one in world.said("maintenance.session")]
    assert told == sorted(told)
    assert (told[0], told[-1], told[-2]) == (0, 100, 99)
    assert percents == sorted(percents)
    assert len(set(told)) >= 4


def test_a_host_is_emptied_first_where_no_clean_room_is_left(scene):
    # both hosts are in the session, so what moves first moves twice
    world = scene({"h1": ["s1"], "h2": ["s2", "s3"]})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=[])
    world.finish(session)
    states = list(dict.fromkeys(one["state"] for one in world.said("maintenance.session")))
    assert states == [
        "MAINTENANCE",
        "PREPARE_MAINTENANCE",
        "PLANNED_MAINTENANCE",
        "MAINTENANCE_COMPLETE",
        "MAINTENANCE_DONE",
    ]
    # the least was moved first, and each was asked about in the state it was moved in
    assert world.told("app", "PREPARE_MAINTENANCE")[0]["allowed_actions"]
    assert world.on("h1") == ["s1", "s2", "s3"]


def test_a_host_that_is_enabled_when_it_is_proved_empty_is_not_taken_for_empty(scene):
    world = scene({"h1": [], "h2": []}, sessions={"proof_valid": 1.0})
    session = world.start(hosts=["h1"], actions=WAIT)
    seen = []

    def enable_once(cloud, record):
        if not seen and record.template == "/os-services" and cloud.hosts["h1"].disabled:
            seen.append(record.number)
            cloud.hosts["h1"].disabled, cloud.hosts["h1"].disabled_reason = False, None

    # somebody enables it at the very moment of the proof, and nothing but the proof tells
    world.cloud.faults.append(
        simcloud.Fault("GET", "/os-services", user="maintenance", nth=3, effect=enable_once)
    )
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert seen
    assert world.cloud.hosts["h1"].disabled
    disabled = [one for one in world.cloud.calls if one.method == "PUT"]
    assert len(disabled) == 2


def test_a_host_that_others_had_disabled_and_enable_is_disabled_by_us(scene):
    world = scene({"h1": [], "h2": []})
    world.set_service("h1", status="disabled", disabled_reason="broken fan")
    world.sync()
    session = world.start(hosts=["h1"], actions=WAIT)

    def enable_once(cloud, record):
        cloud.hosts["h1"].disabled, cloud.hosts["h1"].disabled_reason = False, None

    world.cloud.faults.append(
        simcloud.Fault("GET", "/os-services", user="maintenance", nth=3, effect=enable_once)
    )
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert session in world.disabled()["h1"]
    world.order(session, "confirm")
    world.finish(session)
    assert world.disabled() == {}
