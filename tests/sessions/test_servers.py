"""What happens to servers: who chooses it, what it comes to in each state, and when."""

import datetime as dt
import itertools

import pytest

from craton_maintenance import simcloud
from craton_maintenance.domain.session.states import Blocker
from tests.sessions.scene import WAIT, fleet_of


def wish(world, server, **wishes):
    """A project's constraint for a server; it has to be taken."""
    answer = world.member("app").put(f"/v1/instance/{world.server(server)}", wishes)
    assert answer.status_code == 200, answer.text
    return answer.json


def wish_group(world, name, **wishes):
    group = next(one.id for one in world.cloud.groups.values() if one.name == name)
    answer = world.member("app").put(f"/v1/instance_group/{group}", wishes)
    assert answer.status_code == 200, answer.text
    return answer.json


def asked(world):
    """Time passes until the owner is asked about servers."""
    world.run(lambda: world.told("app", "PLANNED_MAINTENANCE"))


def done(world, session, **more):
    world.finish(session, **more)
    shown = world.show(session)
    assert shown["state"] == "MAINTENANCE_DONE", shown


# -- which action --------------------------------------------------------------------


def test_who_says_something_first_chooses(scene):
    fleet = fleet_of({"h1": [], "h2": []}, vcpus=16)
    fleet.add_group("g", "app", policy="soft-anti-affinity")
    own, cold = {"maintenance:action": "OWN_ACTION"}, {"maintenance:action": "migrate"}
    # each has what follows as well, so that the order shows
    fleet.add_server("reply", "app", "h1", group="g", metadata=own, tags=["maintenance:action=x"])
    fleet.add_server("constraint", "app", "h1", group="g", metadata=own)
    tag = ["maintenance:action=OWN_ACTION"]
    fleet.add_server("metadata", "app", "h1", group="g", metadata=cold, tags=tag)
    fleet.add_server("tag", "app", "h1", group="g", tags=["other", "maintenance:action=MIGRATE"])
    fleet.add_server("group", "app", "h1", group="g")
    fleet.add_server("operator", "app", "h1", metadata={"maintenance:action": "FLY"})
    world = scene(fleet)
    wish(world, "reply", migration_type="OWN_ACTION")
    wish(world, "constraint", migration_type="MIGRATE")
    wish_group(world, "g", migration_type="NOTHING", max_impacted_members=5)
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    asked(world)
    answers = {world.server("reply"): "LIVE_MIGRATE"}
    world.reply(session, "app", "ACK_PLANNED_MAINTENANCE", instance_actions=answers)
    done(world, session)
    found = {
        one["name"]: (one["chosen_by"], one["action"]) for one in world.detail(session)["servers"]
    }
    assert found == {
        "reply": ("reply", "LIVE_MIGRATE"),
        "constraint": ("constraint", "MIGRATE"),
        "metadata": ("metadata", "MIGRATE"),
        "tag": ("tag", "MIGRATE"),
        "group": ("group", "NOTHING"),
        "operator": ("operator", "LIVE_MIGRATE"),
    }
    assert world.on("h1") == ["group"]
    # it was stopped by us, so it was started by us
    assert world.cloud.server_named("group").vm_state == "active"


#: What is asked of Nova, by action and state; "ask": it is somebody's decision.
EXPECTED = {
    "MIGRATE": {
        "ACTIVE": ["migrate", "confirmResize"],
        "SHUTOFF": ["migrate", "confirmResize"],
        "PAUSED": ["os-migrateLive"],
        "SHELVED": ["shelveOffload"],
        "SUSPENDED": "ask",
        "RESCUE": "ask",
        "ERROR": "ask",
    },
    "LIVE_MIGRATE": {
        "ACTIVE": ["os-migrateLive"],
        "SHUTOFF": ["migrate", "confirmResize"],
        "PAUSED": ["os-migrateLive"],
        "SHELVED": ["shelveOffload"],
        "SUSPENDED": "ask",
        "RESCUE": "ask",
        "ERROR": "ask",
    },
    "NOTHING": {
        "ACTIVE": ["os-stop"],
        "SHUTOFF": [],
        "PAUSED": "ask",
        "SHELVED": ["shelveOffload"],
        "SUSPENDED": [],
        "RESCUE": "ask",
        "ERROR": ["os-stop"],
    },
}


@pytest.mark.parametrize("action", EXPECTED)
def test_an_action_comes_to_what_a_servers_state_allows(scene, action):
    fleet = fleet_of({"h1": [], "h2": []}, vcpus=16, shelved_offload_time=-1)
    for status in EXPECTED[action]:
        made = status if status not in ("SHELVED", "RESCUE") else "ACTIVE"
        fleet.add_server(status, "app", "h1", status=made)
    world = scene(fleet)
    world.act("app", "SHELVED", "shelve")
    world.act("app", "RESCUE", "rescue")
    world.pass_time(5)
    world.apps = {"app": world.agrees("app", action)}
    session = world.start(hosts=["h1"], actions=WAIT)
    asked(world)
    world.run_for(60)
    found = {status: [] for status in EXPECTED[action]}
    for step, server in world.asked_of_nova():
        found[server].append(step)
    for one in world.detail(session)["servers"]:
        if one["problem"]:
            assert one["problem"]["code"] == "SERVER_STATE"
            assert one["name"] in one["problem"]["words"]
            assert found[one["name"]] == []
            found[one["name"]] = "ask"
    assert found == EXPECTED[action]


def test_a_server_that_is_busy_is_waited_for(scene):
    world = scene({"h1": ["s1"], "h2": []}, fleet={"timing": {"boot": 120.0}})
    world.boot("new", "app", "h1")
    world.pass_time(1)
    world.sync()
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"])
    blocker = world.run_to(session, Blocker.SERVER_BUSY)
    assert blocker["server_id"] == world.server("new")
    assert "BUILD" in blocker["words"]
    done(world, session)
    assert world.on("h2") == ["new", "s1"]


@pytest.mark.parametrize("policy", ["ask", "nothing"])
def test_what_cant_be_moved_is_asked_about_or_left(scene, policy):
    fleet = fleet_of({"h1": [], "h2": []}).add_server("s1", "app", "h1", status="SUSPENDED")
    world = scene(fleet, sessions={"unmovable": policy})
    world.apps = {"app": world.agrees("app")}
    session = world.start(hosts=["h1"])
    if policy == "ask":
        world.run_to(session, Blocker.SERVER_STATE)
        world.act("app", "s1", "resume")  # by its owner
        world.run_for(20)
    done(world, session)
    assert world.where("s1") == ("h2" if policy == "ask" else "h1")


# -- left where they are -------------------------------------------------------------


def test_only_what_we_have_stopped_is_started_again(scene):
    world = scene({"h1": ["s1", "s2"], "h2": []})
    world.act("app", "s2", "os-stop")
    world.pass_time(2)
    world.sync()
    world.apps = {"app": world.agrees("app", "NOTHING")}
    session = world.start(hosts=["h1"], actions=WAIT)
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert {world.cloud.server_named(one).vm_state for one in ("s1", "s2")} == {"stopped"}
    world.order(session, "confirm")
    done(world, session)
    assert world.cloud.server_named("s1").vm_state == "active"
    assert world.cloud.server_named("s2").vm_state == "stopped"
    assert world.on("h1") == ["s1", "s2"]
    assert world.asked_of_nova() == [("os-stop", "s1"), ("os-start", "s1")]


def test_one_that_its_owner_starts_again_too_early_is_stopped_again_then_asked_about(scene):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"max_attempts": 2})
    world.apps = {"app": world.agrees("app", "NOTHING")}

    def start(_, call):
        if "host" in call.query and world.cloud.server_named("s1").vm_state == "stopped":
            world.act("app", "s1", "os-start")
            world.pass_time(1)

    # right before it is looked at whether the host is empty
    fault = simcloud.Fault(path="/servers/detail", user="maintenance", effect=start, times=-1)
    world.cloud.faults.append(fault)
    session = world.start(hosts=["h1"], actions=WAIT)
    blocker = world.run_to(session, Blocker.SERVER_STATE)
    assert "started" in blocker["words"]
    assert world.asked_of_nova().count(("os-stop", "s1")) == 2
    assert world.host_states(session) == {"h1": "draining"}
    world.cloud.faults.clear()
    world.order(session, "retry", server_id=world.server("s1"))
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert world.cloud.server_named("s1").vm_state == "stopped"


# -- resizes that nobody has confirmed -----------------------------------------------


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("policy", ["ask", "confirm"])
def test_an_unconfirmed_resize_is_its_owners_or_confirmed_by_policy(scene, policy, side):
    world = scene({"h1": ["s1"], "h2": [], "h3": []}, sessions={"unconfirmed_resize": policy})
    world.act("admin", "s1", "migrate", {"host": "h2"})
    world.pass_time(5)
    world.sync()
    world.apps = {"app": None}
    host = "h1" if side == "source" else "h2"
    session = world.start(hosts=[host])
    if policy == "ask":
        blocker = world.run_to(session, Blocker.UNCONFIRMED_RESIZE)
        assert world.server("s1") in blocker["words"]
        world.run_for(60)
        assert world.asked_of_nova() == []
        world.act("app", "s1", "confirmResize")
    done(world, session)
    if policy == "confirm":
        assert world.asked_of_nova()[0] == ("confirmResize", "s1")
    if side == "destination":
        # its owner was told before anything was done
        assert world.told("app", "PLANNED_MAINTENANCE")
        assert world.where("s1") != "h2"
    else:
        assert world.where("s1") == "h2"


# -- late ones -----------------------------------------------------------------------


def test_a_server_that_comes_late_has_a_notice_and_a_deadline_of_its_own(scene):
    world = scene(
        {"h1": ["s1"], "h2": []}, sessions={"reply_actions": 600.0, "late_server_wait": 40.0}
    )
    world.apps = {"app": None}
    session = world.start(hosts=["h1"], actions=WAIT)
    asked(world)
    world.run_for(100)
    world.boot("late", "app", "h1")
    world.run(lambda: len(world.told("app", "PLANNED_MAINTENANCE")) == 2)
    first, second = world.detail(session)["notices"][-2:]
    assert first["servers"] == [world.server("s1")]
    assert second["servers"] == [world.server("late")]
    begun = dt.datetime.fromisoformat(second["created_at"])
    until = dt.datetime.fromisoformat(second["deadline"])
    assert (until - begun).total_seconds() <= 41
    assert world.server_of(session, "late")["late"]
    world.reply(session, "app", "ACK_PLANNED_MAINTENANCE", instance_action="LIVE_MIGRATE")
    world.run_to(session, Blocker.WAITING_FOR_OPERATOR)
    assert world.on("h1") == []


# -- moves that do not work ----------------------------------------------------------


def stuck(scene, **options):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"live_timeout": 60.0} | options)
    world.cloud.server_named("s1").metadata["sim:live_migration"] = "stall"
    world.apps = {"app": None}
    return world, world.start(hosts=["h1"])


def forced(world):
    return [c for c in world.cloud.calls if c.action == "force_complete"]


def test_a_live_migration_that_does_not_end_is_aborted_and_its_owner_asked_once_more(scene):
    world, session = stuck(scene)
    world.run(lambda: len(world.told("app", "PLANNED_MAINTENANCE")) == 2)
    migration = world.cloud.migrations_of[world.server("s1")][-1]
    assert migration.status == "cancelled"
    assert world.where("s1") == "h1"
    assert forced(world) == []
    world.reply(session, "app", "ACK_PLANNED_MAINTENANCE", instance_action="MIGRATE")
    done(world, session)
    assert world.moves_of("s1") == ["live-migration", "migration"]


def test_one_whose_owner_is_silent_is_the_operators(scene):
    world, session = stuck(scene)
    world.run(lambda: len(world.told("app", "PLANNED_MAINTENANCE")) == 2)
    blocker = world.run_to(session, Blocker.MOVE_FAILED)
    assert blocker["server_id"] == world.server("s1")
    assert "owner" in blocker["words"]
    world.run_for(60)
    assert world.moves_of("s1") == ["live-migration"]
    world.order(session, "retry", server_id=world.server("s1"), server_action="MIGRATE")
    done(world, session)


@pytest.mark.parametrize(
    ("interruption", "policy", "is_forced"),
    [(120, False, True), (1, True, False), (None, True, True), (None, False, False)],
)
def test_a_completion_is_forced_only_where_its_owner_or_policy_allows(
    scene, interruption, policy, is_forced
):
    world, session = stuck(scene, force_complete=policy)
    if interruption is not None:
        wish(world, "s1", max_interruption_time=interruption)
    world.run(lambda: forced(world) or len(world.told("app", "PLANNED_MAINTENANCE")) == 2)
    assert bool(forced(world)) == is_forced
    if is_forced:
        done(world, session)
        assert world.where("s1") == "h2"


@pytest.mark.parametrize("fallback", [True, False])
def test_a_live_migration_that_fails_becomes_a_cold_one_only_where_policy_says(scene, fallback):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"cold_fallback": fallback})
    world.cloud.server_named("s1").metadata["sim:live_migration"] = "error"
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    if fallback:
        done(world, session)
        assert world.moves_of("s1") == ["live-migration", "live-migration", "migration"]
        return
    world.run(lambda: world.server_of(session, "s1").get("state") == "blocked")
    assert world.moves_of("s1") == ["live-migration"] * 3
    problem = world.server_of(session, "s1")["problem"]
    assert problem["code"] == "MOVE_FAILED"
    assert "failed" in problem["words"]
    world.run_for(120)
    assert len(world.moves_of("s1")) == 3
    world.cloud.server_named("s1").metadata.clear()
    world.order(session, "retry")
    done(world, session)


def test_an_unclear_answer_is_looked_into_and_never_sent_again(scene):
    world = scene({"h1": ["s1"], "h2": []})
    world.apps = {"app": world.agrees("app", "LIVE_MIGRATE")}
    world.cloud.faults.append(
        simcloud.Fault(method="POST", action="os-migrateLive", lost="timeout", after=True)
    )
    session = world.start(hosts=["h1"])
    done(world, session)
    assert world.moves_of("s1") == ["live-migration"]


# -- when ----------------------------------------------------------------------------


def grouped(scene, **options):
    fleet = fleet_of({"h1": [], "h2": [], "h3": [], "h4": []}, vcpus=8)
    fleet.add_group("g", "app", policy="soft-anti-affinity")
    for index, host in enumerate(("h1", "h1", "h2")):
        fleet.add_server(f"s{index + 1}", "app", host, group="g")
    return scene(fleet, **options)


def most_out(world, session_ids):
    """The most members that are being moved at a time, while sessions go on."""
    most = 0

    def look():
        nonlocal most
        moving = [
            s for s in world.cloud.servers.values() if s.task_state or s.vm_state != "active"
        ]
        most = max(most, len(moving))
        return all(world.is_over(one) for one in session_ids)

    world.run(look)
    return most


@pytest.mark.parametrize("members", [None, 2])
def test_no_more_members_of_a_group_are_out_than_its_owner_allows(scene, members):
    world = grouped(scene)
    if members:
        wish_group(world, "g", max_impacted_members=members)
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1"])
    assert most_out(world, [session]) == (members or 1)
    if not members:
        assert world.show(session)["state"] == "MAINTENANCE_DONE"


def test_the_budget_is_one_for_all_sessions(scene):
    world = grouped(scene)
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    sessions = [world.start(hosts=["h1"]), world.start(hosts=["h2"])]
    assert most_out(world, sessions) == 1
    assert {world.show(one)["state"] for one in sessions} == {"MAINTENANCE_DONE"}


def ends_of_moves(world):
    found = [one for some in world.cloud.migrations_of.values() for one in some]
    return sorted((one.created_at, one.updated_at) for one in found)


def test_a_group_rests_between_two_members_even_when_the_session_is_over(scene):
    world = grouped(scene, sessions={"reply_complete": 1.0})
    granted = wish_group(world, "g", recovery_time=120, max_impacted_members=1)
    assert granted["clipped"] == []
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    first = world.start(hosts=["h2"])
    done(world, first, limit=100)
    second = world.start(hosts=["h1"])
    blocker = world.run_to(second, Blocker.BUDGET)
    assert blocker["server_id"] in (world.server("s1"), world.server("s2"))
    done(world, second, limit=1500)
    moves = ends_of_moves(world)
    assert len(moves) == 3
    for (_, ended), (begun, _) in itertools.pairwise(moves):
        assert 120 <= begun - ended < 200


def test_whoever_is_silent_has_the_notice_that_was_promised(scene):
    world = scene({"h1": ["s1"], "h2": []})
    assert wish(world, "s1", lead_time=200)["clipped"] == []
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    asked(world)
    heard = world.now
    done(world, session)
    begun = world.cloud.migrations_of[world.server("s1")][0].created_at
    assert 200 <= begun - heard.timestamp() < 240


@pytest.mark.parametrize("action", ["LIVE_MIGRATE", "OWN_ACTION"])
def test_a_wish_for_later_is_granted_within_the_caps(scene, action):
    world = scene({"h1": ["s1"], "h2": []}, sessions={"max_postpone": 500.0})
    world.apps = {"app": None}
    session = world.start(hosts=["h1"])
    asked(world)
    heard = world.now
    taken = world.reply(
        session,
        "app",
        "ACK_PLANNED_MAINTENANCE",
        instance_action=action,
        not_before=world.now_plus(4000),
    )
    assert taken["clipped"] == ["not_before"]
    until = dt.datetime.fromisoformat(taken["not_before"])
    assert 490 < (until - heard).total_seconds() <= 500
    world.run_for(450)
    assert world.codes(session) == set()
    assert world.where("s1") == "h1"
    if action == "OWN_ACTION":
        # it acts itself, and has until then
        world.run_for((until - world.now).total_seconds() - 5)
        assert world.codes(session) == set()
        world.delete("app", "s1")
        done(world, session)
        return
    done(world, session)
    begun = world.cloud.migrations_of[world.server("s1")][0].created_at
    assert begun >= until.timestamp()


def test_moves_of_a_host_are_limited(scene):
    names = [f"s{index}" for index in range(6)]
    world = scene({"h1": names, "h2": []}, {"vcpus": 8}, sessions={"parallel_moves": 2})
    world.apps = {"app": world.agrees("app", "MIGRATE")}
    session = world.start(hosts=["h1"])
    assert most_out(world, [session]) == 2


def test_members_of_a_group_are_not_sent_to_where_another_member_is(scene):
    fleet = fleet_of({"h1": [], "h2": [], "h3": []})
    fleet.add_group("apart", "app")
    fleet.add_server("m1", "app", "h1", group="apart")
    fleet.add_server("m2", "app", "h3", group="apart")
    # the emptiest host is the one that a server would be sent to, were it not for the group
    fleet.add_server("x", "app", "h2")
    world = scene(fleet)
    world.apps["app"] = world.agrees("app", "LIVE_MIGRATE")
    world.finish(world.start(hosts=["h1"]))
    assert world.where("m1") == "h2"
    assert world.asked_of_nova("os-migrateLive") == [("os-migrateLive", "m1")]
