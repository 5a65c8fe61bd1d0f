"""Other systems are quiet about a host while it is down on purpose, and only then."""

import dataclasses
import datetime as dt
import itertools

import pytest
import sqlalchemy as sa

from craton_maintenance.db import tables
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.engine.adapters import Quiet
from tests.sessions.scene import WAIT
from tests.support.others import FakeAlertmanager, FakeMasakari

#: Soon enough for a story; what has failed is tried again after 1, 2, 4, 4 ... seconds.
QUICK = {"retry_pause": 1.0, "longest_pause": 4.0, "patience": 5.0, "timeout": 2.0}


@dataclasses.dataclass
class Others:
    """The other systems, and what they have seen of the world at each change."""

    masakari: FakeMasakari
    alertmanager: FakeAlertmanager


@pytest.fixture
def others():
    """Masakari and Alertmanager; their clock is set by the world."""
    now = [dt.datetime.now(dt.UTC)]
    made = Others(FakeMasakari(lambda: now[0]), FakeAlertmanager(lambda: now[0]))
    made.masakari.add("a", "b", "c", "d")
    made.masakari.add("h3", "x", "y", "h1", "h2")
    yield made
    made.masakari.close()
    made.alertmanager.close()


@pytest.fixture
def world_of(scene, others):
    """Makes worlds with adapters: ``world_of({"h1": []}, "masakari")``."""

    def make(hosts, *enabled, **options):
        options.setdefault("adapters", {})
        options["adapters"] = QUICK | {"enabled": list(enabled)} | options["adapters"]
        options["masakari"] = {"endpoint_override": f"{others.masakari.url}/v1"} | options.get(
            "masakari", {}
        )
        options["alertmanager"] = {"url": others.alertmanager.url} | options.get(
            "alertmanager", {}
        )
        world = scene(hosts, **options)
        others.masakari.clock = others.alertmanager.clock = lambda: world.now
        return world

    return make


def in_work(world, session, host="h1"):
    world.run(lambda: world.host_states(session)[host] == "in_maintenance")


def rows(world):
    with world.service.database.read() as connection:
        return connection.execute(sa.select(tables.suppressions)).all()


def told(world):
    """Words of what operators were told of adapters."""
    return [
        one["words"]
        for one in world.said("maintenance.session")
        if one.get("reason") == "ADAPTER_FAILED"
    ]


def done(world, session):
    world.order(session, "confirm")
    world.finish(session)
    assert world.show(session)["state"] == "MAINTENANCE_DONE"


# -- the ordinary way ----------------------------------------------------------------


def test_others_are_quiet_from_before_the_work_until_the_host_is_back(world_of, others):
    world = world_of({"h1": ["s1"], "h2": []}, "masakari", "alertmanager")
    world.apps = {"app": world.agrees("app")}
    states = []

    def at_each_change(method, path, body):
        if method in ("PUT", "POST"):
            states.append((method, world.host_states(session)["h1"], world.on("h1")))

    session = world.start(hosts=["h1"], actions=WAIT)
    others.masakari.then = others.alertmanager.then = at_each_change
    in_work(world, session)
    # it was empty, and nobody had worked on it
    assert states == [("POST", "drained", []), ("PUT", "drained", [])] or states == [
        ("PUT", "drained", []),
        ("POST", "drained", []),
    ]
    assert others.masakari.on_maintenance() == ["h1"]
    assert others.alertmanager.is_silent(instance="h1:9100")
    assert not others.alertmanager.is_silent(instance="h10:9100")
    assert not others.alertmanager.is_silent(instance="h2:9100")
    shown = world.detail(session)["suppressions"]
    assert [(one["adapter"], one["status"], one["host"]["name"]) for one in shown] == [
        ("alertmanager", "set", "h1"),
        ("masakari", "set", "h1"),
    ]
    done(world, session)
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []
    assert rows(world) == []
    assert world.detail(session)["suppressions"] == []
    assert told(world) == []


def test_hosts_are_seen_to_one_by_one(world_of, others):
    world = world_of({"h1": [], "h2": [], "h3": []}, "masakari", "alertmanager")
    first = world.start(hosts=["h1", "h2"], actions=WAIT)
    second = world.start(hosts=["h3"], actions=WAIT)
    world.run(lambda: "in_maintenance" in world.host_states(first).values())
    in_work(world, second, "h3")
    assert others.masakari.on_maintenance() == ["h1", "h3"]
    world.order(first, "confirm")
    in_work(world, first, "h2")
    assert others.masakari.on_maintenance() == ["h2", "h3"]
    done(world, second)
    assert others.masakari.on_maintenance() == ["h2"]
    assert [one["matchers"][0]["value"] for one in others.alertmanager.active()] == [
        "h2(:[0-9]+)?"
    ]
    done(world, first)
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []


def test_nobody_is_quiet_about_a_host_that_serves_servers(world_of, others):
    world = world_of(
        {"h1": ["s1"], "h2": []}, "masakari", "alertmanager", sessions={"reply_actions": 300}
    )
    world.apps = {"app": None}
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))
    world.run_for(200)
    assert world.host_states(session) == {"h1": "draining"}
    assert others.masakari.calls == others.alertmanager.calls == []
    # one that arrives when it is empty already, and nobody has said that it may be worked on
    others.masakari.out_of_order()
    world.run_to(session, Blocker.ADAPTER_FAILED)
    assert others.alertmanager.is_silent(instance="h1")
    world.boot("s2", "app", "h1")
    world.run_for(10)
    world.sync()
    world.run(lambda: world.host_states(session)["h1"] == "draining")
    others.masakari.well()
    world.settle()
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []
    assert rows(world) == []


def test_alerts_of_the_servers_that_stay_are_silenced_too(world_of, others):
    world = world_of({"h1": ["s1"], "h2": ["s2"]}, "alertmanager")
    world.apps = {"app": world.agrees("app", "NOTHING")}
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    assert world.on("h1") == ["s1"]
    assert others.alertmanager.is_silent(instance_id=world.server("s1"))
    assert not others.alertmanager.is_silent(instance_id=world.server("s2"))
    done(world, session)
    assert others.alertmanager.active() == []


def test_a_host_outside_nova_is_none_of_masakaris(world_of, others):
    world = world_of({"h1": []}, "masakari", "alertmanager")
    region = world.operator.get("/v1/regions").json["regions"][0]
    body = {
        "name": "switch",
        "region_id": region["id"],
        "cloud_id": region["cloud_id"],
        "ip_address": "192.0.2.200",
        "device_type": "switch",
    }
    assert world.operator.post("/v1/hosts", body).status_code == 201
    session = world.start(hosts=["switch"], actions=WAIT)
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    world.order(session, "confirm", host="switch")
    in_work(world, session, "switch")
    assert others.masakari.calls == []
    assert others.alertmanager.is_silent(instance="switch")
    done(world, session)
    assert others.alertmanager.active() == []


def test_silences_end_by_themselves_and_are_renewed_until_then(world_of, others):
    world = world_of({"h1": [], "h2": []}, "alertmanager", adapters={"longest": 600.0})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    began = world.now
    (first,) = others.alertmanager.silences
    world.run_for(3600)
    # one and the same, prolonged
    assert list(others.alertmanager.silences) == [first]
    assert len(others.alertmanager.asked("POST")) >= 6
    assert others.alertmanager.is_silent(instance="h1")
    assert began + dt.timedelta(hours=1) <= world.now
    # nobody is there any more who renews it
    world.quiet = []
    world.run_for(601)
    assert not others.alertmanager.is_silent(instance="h1")


def test_a_silence_ends_a_while_after_the_window(world_of, others):
    world = world_of({"h1": [], "h2": []}, "alertmanager", adapters={"margin": 120.0})
    end = world.now + dt.timedelta(minutes=10)
    session = world.start(hosts=["h1"], actions=WAIT, maintenance_end=end.isoformat())
    in_work(world, session)
    (one,) = others.alertmanager.active()
    assert dt.datetime.fromisoformat(one["endsAt"]) == end + dt.timedelta(minutes=2)
    # the window is over, the work is not
    world.run_for(1200)
    assert world.host_states(session)["h1"] == "in_maintenance"
    assert others.alertmanager.is_silent(instance="h1")


# -- what is not ours ----------------------------------------------------------------


def test_a_host_that_was_on_maintenance_before_stays_so(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    others.masakari.host("h1")["on_maintenance"] = True
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    (shown,) = world.detail(session)["suppressions"]
    assert "already" in shown["words"]
    done(world, session)
    assert others.masakari.on_maintenance() == ["h1"]
    assert others.masakari.asked("PUT") == []


def test_one_that_was_and_is_taken_out_while_it_is_worked_on_is_ours_from_then_on(
    world_of, others
):
    world = world_of({"h1": [], "h2": []}, "masakari", adapters={"longest": 60.0})
    others.masakari.host("h1")["on_maintenance"] = True
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    others.masakari.host("h1")["on_maintenance"] = False
    world.run_for(40)
    assert others.masakari.on_maintenance() == ["h1"]
    assert ["somebody else" in one for one in told(world)] == [True]
    done(world, session)
    assert others.masakari.on_maintenance() == []


def test_a_host_in_no_segment_is_nothing_to_do_and_says_so(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari", adapters={"longest": 60.0})
    others.masakari.segments.clear()
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    (shown,) = world.detail(session)["suppressions"]
    assert shown["status"] == "set"
    assert "in no segment" in shown["words"]
    # it is put into one while it is worked on
    others.masakari.add("h1")
    world.run_for(60)
    assert others.masakari.on_maintenance() == ["h1"]
    done(world, session)
    assert others.masakari.on_maintenance() == []


def test_what_somebody_else_ends_is_begun_again(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari", "alertmanager", adapters={"longest": 60.0})
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    others.masakari.host("h1")["on_maintenance"] = False
    others.alertmanager.silences.clear()
    world.run_for(40)
    assert others.masakari.on_maintenance() == ["h1"]
    assert others.alertmanager.is_silent(instance="h1")
    done(world, session)
    assert others.masakari.on_maintenance() == []


def test_silences_of_others_are_never_touched(world_of, others):
    world = world_of({"h1": [], "h2": []}, "alertmanager")
    theirs = {
        "matchers": [{"name": "instance", "value": "h1", "isRegex": False, "isEqual": True}],
        "startsAt": world.now.isoformat(),
        "endsAt": (world.now + dt.timedelta(days=1)).isoformat(),
        "createdBy": "somebody",
        "comment": f"maintenance of h1 ({world.region.name}), session 4711",
    }
    others.alertmanager.silences["theirs"] = dict(theirs)
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    assert len(others.alertmanager.active()) == 2
    done(world, session)
    assert others.alertmanager.active() == [theirs]


# -- what fails ----------------------------------------------------------------------


def test_no_work_begins_before_a_required_one_has_confirmed(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    others.masakari.out_of_order(503)
    session = world.start(hosts=["h1"], actions=WAIT)
    blocker = world.run_to(session, Blocker.ADAPTER_FAILED)
    assert "masakari (Masakari answers 503" in blocker["words"]
    assert "out of order" in blocker["words"]
    assert blocker["host"]["name"] == "h1"
    world.run_for(300)
    assert world.host_states(session)["h1"] == "drained"
    assert "IN_MAINTENANCE" not in [one["state"] for one in world.said("maintenance.host")]
    # told once, tried again and again, more and more seldom
    assert len(told(world)) == 1
    assert 60 <= len(others.masakari.calls) <= 90
    others.masakari.well()
    in_work(world, session)
    assert others.masakari.on_maintenance() == ["h1"]
    assert world.codes(session) == {"WAITING_FOR_OPERATOR"}
    done(world, session)


def test_the_proof_that_a_host_is_empty_is_no_older_for_it(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    others.masakari.out_of_order()
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to(session, Blocker.ADAPTER_FAILED)
    world.run_for(60)
    others.masakari.well()
    in_work(world, session)
    kinds = [one["kind"] for one in world.detail(session)["steps"]]
    assert kinds.count("prove_empty") == 2
    assert kinds[-1] == "prove_empty"


def test_a_retry_asks_again_at_once(world_of, others):
    world = world_of(
        {"h1": [], "h2": []},
        "masakari",
        adapters={"retry_pause": 3600.0, "longest_pause": 3600.0},
    )
    segment = next(one for one, some in others.masakari.segments.items() if len(some) == 5)
    others.masakari.busy.add(segment)
    session = world.start(hosts=["h1"], actions=WAIT)
    blocker = world.run_to(session, Blocker.ADAPTER_FAILED)
    assert "409" in blocker["words"]
    assert "in-use" in blocker["words"]
    others.masakari.busy.clear()
    world.order(session, "retry", host="h1")
    world.settle()
    assert world.host_states(session)["h1"] == "in_maintenance"
    done(world, session)


def test_an_operator_may_have_the_work_done_without(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    others.masakari.out_of_order()
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to(session, Blocker.ADAPTER_FAILED)
    world.order(session, "override", host="h1", reason="Masakari is being upgraded")
    in_work(world, session)
    said = [one for one in world.said("maintenance.session") if one.get("reason") == "OVERRIDDEN"]
    assert "Masakari is being upgraded" in said[-1]["words"]
    # it is told all the same, as soon as it can be
    others.masakari.well()
    world.run_for(10)
    assert others.masakari.on_maintenance() == ["h1"]
    done(world, session)
    assert others.masakari.on_maintenance() == []


def test_one_that_is_advisory_holds_up_nothing_and_is_told(world_of, others):
    world = world_of({"h1": [], "h2": []}, "alertmanager")
    others.alertmanager.out_of_order()
    session = world.start(hosts=["h1"], actions=WAIT)
    began = world.now
    in_work(world, session)
    assert (world.now - began).total_seconds() < 60
    (words,) = told(world)
    assert "alertmanager could not be told that h1 is worked on" in words
    assert "500" in words
    (shown,) = world.detail(session)["suppressions"]
    assert (shown["status"], "500" in shown["error"]) == ("setting", True)
    done(world, session)
    assert [one.status for one in rows(world)] == ["clearing"]
    others.alertmanager.well()
    world.run_for(10)
    assert rows(world) == []


def test_one_that_says_nothing_is_waited_for_a_while(world_of, others):
    """As when the engine that sees to it is gone."""
    world = world_of({"h1": [], "h2": []}, "alertmanager")
    world.quiet = []
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run(lambda: world.host_states(session)["h1"] == "drained")
    drained = world.now
    in_work(world, session)
    assert 5.0 <= (world.now - drained).total_seconds() < 6.0


def test_a_required_one_that_says_nothing_is_named(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    world.quiet = []
    session = world.start(hosts=["h1"], actions=WAIT)
    blocker = world.run_to(session, Blocker.ADAPTER_FAILED)
    assert "nothing was heard of it" in blocker["words"]
    world.restart()
    in_work(world, session)


def test_a_release_that_fails_is_tried_for_ever_and_shown(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    others.masakari.out_of_order()
    done(world, session)  # nobody waits for it
    (shown,) = world.detail(session)["suppressions"]
    assert (shown["status"], "500" in shown["error"]) == ("clearing", True)
    ready = world.client().get("/ready").json
    assert ready["checks"]["adapter masakari"] == {"ok": False, "unreleased": 1}
    assert ready["ready"]
    tried = len(others.masakari.calls)
    world.run_for(300)
    assert len(others.masakari.calls) > tried + 60
    others.masakari.well()
    world.run_for(5)
    assert others.masakari.on_maintenance() == []
    assert world.detail(session)["suppressions"] == []
    assert world.client().get("/ready").json["checks"]["adapter masakari"]["ok"]


# -- every way ends released ---------------------------------------------------------


def _aborted(world, session):
    world.order(session, "abort")


def _skipped(world, session):
    world.order(session, "skip", host="h1")


@pytest.mark.parametrize("end", [_aborted, _skipped])
@pytest.mark.parametrize("others_fail", [True, False])
def test_a_host_that_is_given_back_before_its_work(world_of, others, end, others_fail):
    """Of two that are required one has confirmed, or neither."""
    world = world_of(
        {"h1": [], "h2": []},
        "masakari",
        "alertmanager",
        masakari={"manner": "required"},
        alertmanager={"manner": "required"},
    )
    others.alertmanager.out_of_order()
    if others_fail:
        others.masakari.out_of_order()
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to(session, Blocker.ADAPTER_FAILED)
    world.run_for(30)
    assert others.masakari.on_maintenance() == ([] if others_fail else ["h1"])
    others.masakari.well()
    others.alertmanager.well()
    # at this moment, before it is told again
    end(world, session)
    world.finish(session)
    world.run_for(10)
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []
    assert rows(world) == []
    assert world.disabled() == {}


def test_a_pause_before_the_work_ends_it_until_it_goes_on(world_of, others):
    world = world_of(
        {"h1": [], "h2": []}, "masakari", "alertmanager", alertmanager={"manner": "required"}
    )
    others.alertmanager.out_of_order()
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to(session, Blocker.ADAPTER_FAILED)
    world.run(lambda: others.masakari.on_maintenance() == ["h1"])
    world.order(session, "pause")
    world.run_for(10)
    others.alertmanager.well()
    world.run_for(10)
    assert world.host_states(session)["h1"] == "drained"
    assert others.masakari.on_maintenance() == []
    assert world.codes(session) == {"PAUSED_BY_OPERATOR"}
    world.order(session, "resume")
    in_work(world, session)
    assert others.masakari.on_maintenance() == ["h1"]
    done(world, session)
    assert others.masakari.on_maintenance() == []


def test_the_windows_end(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    others.masakari.out_of_order()
    end = (world.now + dt.timedelta(minutes=10)).isoformat()
    session = world.start(hosts=["h1"], actions=WAIT, maintenance_end=end)
    world.run_to(session, Blocker.ADAPTER_FAILED)
    # the host is set, and nobody hears of it any more
    others.masakari.well()
    others.masakari.fault = lambda method, path, body: None if method == "GET" else (500, None)
    world.run_to(session, Blocker.WINDOW_ENDED)
    others.masakari.well()
    world.run_for(60)
    assert world.host_states(session)["h1"] == "planned"
    assert others.masakari.on_maintenance() == []
    assert rows(world) == []


def test_a_host_that_fails(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari", sessions={"direct_actions": "*"})
    command = {"plugin": "command", "options": {"argv": ["false"]}}
    session = world.start(hosts=["h1"], actions=[command])
    world.run_to(session, Blocker.HOST_WORK_FAILED)
    assert others.masakari.on_maintenance() == ["h1"]
    world.order(session, "skip", host="h1")
    world.finish(session)
    assert world.host_states(session)["h1"] == "failed"
    assert others.masakari.on_maintenance() == []


def test_a_host_that_is_retired(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari", "alertmanager")
    window = world.operator.set(hosts=["h1"], retire=True, workflow="default", actions=WAIT)
    session = window["session"]["id"]
    in_work(world, session)
    assert others.masakari.on_maintenance() == ["h1"]
    world.order(session, "confirm")
    world.finish(session)
    assert world.host_states(session)["h1"] == "retired"
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []


def test_what_was_told_by_an_adapter_that_is_disabled_since_is_ended(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    world.conf.set_override("enabled", [], group="adapters")
    world.restart()
    assert [one.name for one in world.quiet] == ["adapter-masakari"]
    world.settle()
    assert others.masakari.on_maintenance() == []
    assert rows(world) == []


# -- crashes -------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def _kill(world, when, what):
    """The engine is killed at a moment of telling others something; another one starts."""
    (one,) = world.quiet
    one._write = _mortal(one._write, when)
    with pytest.raises(Killed):
        what()
    world.restart()


def _mortal(write, when):
    count = itertools.count(1)

    def call(work):
        if next(count) == when:
            raise Killed
        write(work)

    return call


@pytest.mark.parametrize("adapter", ["masakari", "alertmanager"])
@pytest.mark.parametrize("when", [1, 2])
@pytest.mark.parametrize("ends", ["confirmed", "aborted", "gone"])
def test_an_engine_that_dies_between_an_effect_and_its_record(
    world_of, others, adapter, when, ends
):
    """At the first time it had looked, at the second the effect was there."""
    world = world_of(
        {"h1": [], "h2": []},
        adapter,
        **{adapter: {"manner": "required"}},
        engine_lease_seconds=1.0,
    )
    session = world.start(hosts=["h1"], actions=WAIT)
    _kill(world, when, lambda: in_work(world, session))
    is_told = others.masakari.on_maintenance() == ["h1"] or bool(others.alertmanager.active())
    assert is_told is (when == 2)
    # nobody knows of it; what the dead one had begun may come for a while
    assert [one.status for one in rows(world)] == ["setting"]
    assert world.host_states(session)["h1"] == "drained"
    calls = len(others.masakari.calls) + len(others.alertmanager.calls)
    world.settle()
    assert len(others.masakari.calls) + len(others.alertmanager.calls) == calls
    _later(world)
    if ends == "confirmed":
        in_work(world, session)
        # not twice
        assert len(others.masakari.asked("PUT")) <= 1
        assert len(others.alertmanager.active()) <= 1
        done(world, session)
    elif ends == "aborted":
        world.order(session, "abort")
        world.finish(session)
    else:
        # the session goes on without anybody who sees to it, and ends
        kept, world.quiet = world.quiet, []
        world.order(session, "skip", host="h1")
        world.finish(session)
        world.quiet = kept
    world.run_for(10)
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []
    assert rows(world) == []


@pytest.mark.parametrize("adapter", ["masakari", "alertmanager"])
def test_an_engine_that_dies_when_it_has_told_that_a_host_is_back(world_of, others, adapter):
    world = world_of({"h1": [], "h2": []}, adapter)
    session = world.start(hosts=["h1"], actions=WAIT)
    in_work(world, session)
    _kill(world, 1, lambda: done(world, session))
    assert [one.status for one in rows(world)] == ["clearing"]
    _later(world)
    world.finish(session)
    world.run_for(1)
    assert rows(world) == []
    assert others.masakari.on_maintenance() == []
    assert others.alertmanager.active() == []
    # set once, and unset once
    assert len(others.masakari.asked("PUT")) == (2 if adapter == "masakari" else 0)


def _later(world):
    """What an engine that is gone had begun must have ended by now, by the database's clock."""
    past = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    world._write(
        sa.update(tables.suppressions)
        .where(tables.suppressions.c.must_end_by.is_not(None))
        .values(must_end_by=past)
    )


def test_an_engine_that_has_lost_its_lease_writes_nothing(world_of, others):
    world = world_of({"h1": [], "h2": []}, "masakari")
    session = world.start(hosts=["h1"], actions=WAIT)
    (late,) = world.quiet

    def takes_over(method, path, body):
        if method == "PUT" and len(others.masakari.asked("PUT")) == 1:
            # while the answer is on its way
            world.restart()
            _later(world)
            world.quieten()

    others.masakari.then = takes_over
    in_work(world, session)
    assert isinstance(late, Quiet)
    (row,) = rows(world)
    assert row.status == "set"
    # the second one had found it done, and what the first one wrote last was not taken
    assert len(others.masakari.asked("PUT")) == 1
    done(world, session)
    assert others.masakari.on_maintenance() == []


# -- nothing without it --------------------------------------------------------------


def test_without_adapters_there_is_not_one_statement_more(world_of, others):
    world = world_of({"h1": [], "h2": []})
    asked = []

    def listen(connection, cursor, statement, parameters, context, executemany):
        asked.append(statement)

    sa.event.listen(world.service.database.engine, "before_cursor_execute", listen)
    session = world.start(hosts=["h1"], actions=[{"plugin": "none"}])
    world.finish(session)
    assert world.quiet == []
    # the test's own clock looks at them
    ours = [one for one in asked if "suppressions" in one and "min(" not in one]
    assert ours == []
