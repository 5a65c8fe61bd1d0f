"""Steps on servers: first tries, tries again, refusals, and the calls that they cost."""

import pytest

from craton_maintenance import simcloud
from craton_maintenance.domain.session.steps import Result, StepKind
from craton_maintenance.workflow.steps import WAYS

GET, HISTORY = "GET /servers/{server}", "GET /os-migrations"
ACTIONS = "GET /servers/{server}/os-instance-actions"
UNDER_WAY = "GET /servers/{server}/migrations"
FORCE = "POST /servers/{server}/migrations/{migration}/action force_complete"
ABORT = "DELETE /servers/{server}/migrations/{migration}"

LIVE, COLD = StepKind.LIVE_MIGRATE, StepKind.COLD_MIGRATE
#: kind, how it is called at Nova's, a server of the fleet that it fits
MOVES = [(LIVE, "os-migrateLive"), (COLD, "migrate")]
ON_SERVERS = [
    (LIVE, "os-migrateLive", "solo"),
    (COLD, "migrate", "solo"),
    (StepKind.STOP_SERVER, "os-stop", "solo"),
    (StepKind.START_SERVER, "os-start", "off"),
    (StepKind.OFFLOAD_SERVER, "shelveOffload", "shelved"),
    (StepKind.CONFIRM_RESIZE, "confirmResize", "resized"),
]


def post(action):
    return f"POST /servers/{{server}}/action {action}"


@pytest.fixture
def stage(make):
    """With a server that is shelved, and one that is resized, besides."""
    stage = make(shelved_offload_time=-1)
    stage.admin.servers.shelve(stage.id("pinned"))
    stage.server("pinned").name = "shelved"
    stage.admin.servers.migrate(stage.id("trio-2"), host="b2")
    stage.server("trio-2").name = "resized"
    stage.clock.advance(60)
    _ = stage.nova.reads
    return stage


def host(stage, server):
    return stage.server(server).host


def do(stage, kind, server, again=False, **params):
    return stage.do(kind, host(stage, server) or "a1", server, again, **params)


# -- the first time ----------------------------------------------------------------


@pytest.mark.parametrize(("kind", "action"), MOVES)
def test_a_move_takes_two_calls(stage, kind, action):
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", migration=0)
    assert calls == [GET, post(action)]
    assert ended.result is Result.DONE
    assert ended.facts == {
        "already": False, "migration": 0, "status": "ACTIVE", "task_state": None, "host": "a1",
    }  # fmt: skip
    stage.clock.advance(60)
    assert host(stage, "solo") != "a1"


@pytest.mark.parametrize(("kind", "action"), MOVES)
def test_newest_migration_before_is_looked_up_where_nobody_knows(stage, kind, action):
    stage.admin.servers.live_migrate(stage.id("solo"), "b3", "auto")
    stage.clock.advance(60)
    newest = stage.cloud.migrations_of[stage.id("solo")][-1].id
    with stage.calls() as calls:
        ended = do(stage, kind, "solo")
    assert calls == [GET, HISTORY, post(action)]
    assert ended.facts["migration"] == newest
    assert do(stage, kind, "off").facts["migration"] == 0


@pytest.mark.parametrize(("kind", "action"), MOVES)
def test_target_is_asked_for(stage, kind, action):
    do(stage, kind, "solo", migration=0, target="b3")
    stage.clock.advance(60)
    assert host(stage, "solo") == "b3"


def test_what_is_sent(stage):
    do(stage, LIVE, "solo", migration=0, target="b3")
    assert stage.cloud.calls[-1].body == {
        "os-migrateLive": {"host": "b3", "block_migration": "auto"}
    }
    do(stage, COLD, "trio-1", migration=0, target="b3")
    assert stage.cloud.calls[-1].body == {"migrate": {"host": "b3"}}
    stage.clock.advance(60)
    do(stage, COLD, "trio-3", migration=0)
    assert stage.cloud.calls[-1].body == {"migrate": None}


def test_cold_move_to_a_named_host_of_an_old_nova(make):
    stage = make(max_microversion=55)
    with stage.calls() as calls:
        ended = do(stage, COLD, "solo", migration=0, target="b3")
    assert (ended.result, ended.code) == (Result.REFUSED, "UNSUPPORTED")
    assert calls.writes == []
    assert do(stage, COLD, "solo", migration=0).result is Result.DONE


@pytest.mark.parametrize("version", [53, 59, 68, 79, 93])
@pytest.mark.parametrize("kind", [LIVE, COLD])
def test_moves_of_older_and_newer_novas(make, version, kind):
    stage = make(max_microversion=version)
    assert do(stage, kind, "solo").result is Result.DONE
    stage.clock.advance(60)
    assert host(stage, "solo") != "a1"


def test_stopped_and_paused_servers(stage):
    stage.admin.servers.pause(stage.id("solo"))
    stage.clock.advance(10)
    assert do(stage, COLD, "solo").code == "SERVER_STATE"
    assert do(stage, LIVE, "solo").result is Result.DONE
    assert do(stage, LIVE, "off").code == "SERVER_STATE"
    assert do(stage, COLD, "off").result is Result.DONE


def test_locked_server_is_moved(stage):
    stage.server("solo").locked = True
    assert do(stage, LIVE, "solo").result is Result.DONE


def test_stop_start_offload_confirm(stage):
    for kind, action, server in ON_SERVERS[2:]:
        with stage.calls() as calls:
            ended = do(stage, kind, server)
        assert calls == [GET, post(action)], kind
        assert (ended.result, ended.facts["already"]) == (Result.DONE, False)
    stage.clock.advance(60)
    states = {name: stage.server(name).vm_state for _, _, name in ON_SERVERS[2:]}
    assert states == {
        "solo": "stopped", "off": "active", "shelved": "shelved_offloaded", "resized": "active",
    }  # fmt: skip


# -- nothing has to be done --------------------------------------------------------


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(("kind", "action", "server"), ON_SERVERS)
def test_server_that_is_gone_needs_nothing(stage, kind, action, server, again):
    gone, where = stage.id(server), host(stage, server)
    stage.admin.servers.delete(gone)
    stage.clock.advance(10)
    with stage.calls() as calls:
        ended = stage.do(kind, where, gone, again)
    assert calls == [GET]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)
    assert ended.facts["status"] is None


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("kind", [LIVE, COLD, StepKind.STOP_SERVER, StepKind.OFFLOAD_SERVER])
def test_server_that_is_elsewhere_needs_nothing(stage, kind, again):
    with stage.calls() as calls:
        ended = stage.do(kind, "b3", "solo", again, migration=0)
    assert calls == ([GET, HISTORY] if again and kind in (LIVE, COLD) else [GET])
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)
    assert ended.facts["host"] == "a1"


@pytest.mark.parametrize(
    ("kind", "server"),
    [
        (StepKind.STOP_SERVER, "off"),
        (StepKind.START_SERVER, "solo"),
        (StepKind.CONFIRM_RESIZE, "solo"),
        (StepKind.CONFIRM_RESIZE, "off"),
    ],
)
def test_server_that_is_so_already(stage, kind, server):
    with stage.calls() as calls:
        ended = do(stage, kind, server)
    assert calls == [GET]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)


@pytest.mark.parametrize(
    ("kind", "ask", "server"),
    [
        (StepKind.STOP_SERVER, "stop", "solo"),
        (StepKind.START_SERVER, "start", "off"),
        (StepKind.OFFLOAD_SERVER, "shelve_offload", "shelved"),
    ],
)
def test_what_somebody_else_is_doing_is_not_done_twice(stage, kind, ask, server):
    getattr(stage.admin.servers, ask)(stage.id(server))
    with stage.calls() as calls:
        ended = do(stage, kind, server)
    assert calls == [GET]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)


# -- refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "server", "states"),
    [
        (LIVE, "solo", ("stopped", "suspended", "rescued", "error", "resized", "shelved")),
        (COLD, "solo", ("paused", "suspended", "rescued", "error", "resized", "shelved")),
        (StepKind.STOP_SERVER, "solo", ("paused", "suspended", "rescued", "shelved")),
        (StepKind.START_SERVER, "solo", ("paused", "suspended", "rescued", "error", "shelved")),
        (StepKind.OFFLOAD_SERVER, "solo", ("active", "stopped", "error", "paused")),
        (StepKind.CONFIRM_RESIZE, "solo", ("paused", "suspended", "error", "shelved")),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_server_in_another_state_is_refused(stage, kind, server, states, again):
    for state in states:
        stage.server(server).vm_state = state
        with stage.calls() as calls:
            ended = do(stage, kind, server, again, migration=0)
        assert (ended.result, ended.code) == (Result.REFUSED, "SERVER_STATE"), state
        assert calls.writes == []
        assert ended.facts["status"] in ended.words


@pytest.mark.parametrize(("kind", "action", "server"), ON_SERVERS)
@pytest.mark.parametrize("again", [False, True])
def test_busy_server_is_refused(stage, kind, action, server, again):
    stage.server(server).task_state = "image_snapshot"
    with stage.calls() as calls:
        ended = do(stage, kind, server, again, migration=0)
    assert (ended.result, ended.code) == (Result.REFUSED, "SERVER_BUSY")
    assert ended.facts["task_state"] == "image_snapshot"
    assert calls.writes == []


@pytest.mark.parametrize(("kind", "action"), MOVES)
def test_server_that_is_moving_is_busy_the_first_time(stage, kind, action):
    stage.admin.servers.live_migrate(stage.id("solo"), None, "auto")
    ended = do(stage, kind, "solo", migration=0)
    assert (ended.result, ended.code) == (Result.REFUSED, "SERVER_BUSY")


def test_unknown_target_is_refused_in_novas_words(stage):
    for kind, _ in MOVES:
        ended = do(stage, kind, "solo", migration=0, target="nowhere")
        assert (ended.result, ended.code) == (Result.REFUSED, "FAILED")
        assert "nowhere could not be found" in ended.words
        assert ended.facts["migration"] == 0


@pytest.mark.parametrize(("kind", "action", "server"), ON_SERVERS)
@pytest.mark.parametrize(
    ("fault", "result", "code"),
    [
        ({"lost": "timeout", "after": True}, Result.UNCLEAR, ""),
        ({"lost": "timeout"}, Result.UNCLEAR, ""),
        ({"lost": "reset"}, Result.UNCLEAR, ""),
        ({"status": 500, "after": True}, Result.UNCLEAR, ""),
        ({"status": 500}, Result.UNCLEAR, ""),
        ({"status": 503}, Result.LATER, ""),
        ({"status": 429}, Result.LATER, ""),
        ({"status": 403}, Result.REFUSED, "FORBIDDEN"),
        ({"status": 404}, Result.REFUSED, "NOT_FOUND"),
        ({"status": 409}, Result.REFUSED, "CONFLICT"),
        ({"status": 409, "message": "in task_state x"}, Result.REFUSED, "SERVER_BUSY"),
        ({"status": 400, "message": "No valid host was found."}, Result.REFUSED, "NO_VALID_HOST"),
    ],
)
def test_how_an_action_may_end(stage, kind, action, server, fault, result, code):
    struck = stage.fault(method="POST", action=action, **fault)
    with stage.calls() as calls:
        ended = do(stage, kind, server, migration=0)
    assert (ended.result, ended.code) == (result, code)
    assert calls == [GET, post(action)]
    assert struck.fired == 1
    assert ended.words
    assert ended.facts["already"] is False


def test_later_says_when_in_words(stage):
    stage.fault(method="POST", status=429)
    assert "again in 1 s" in do(stage, LIVE, "solo", migration=0).words


@pytest.mark.parametrize(("kind", "action", "server"), ON_SERVERS)
@pytest.mark.parametrize("fault", [{"status": 500}, {"lost": "timeout"}, {"status": 429}])
def test_what_can_not_be_read_is_not_acted_on(stage, kind, action, server, fault):
    stage.fault(method="GET", times=-1, **fault)
    with stage.calls() as calls:
        first = do(stage, kind, server)
        again = do(stage, kind, server, True)
    assert (first.result, again.result) == (Result.LATER, Result.UNCLEAR)
    assert calls.writes == []


def test_who_may_not_read_is_refused(stage):
    stage.fault(method="GET", status=403)
    ended = do(stage, LIVE, "solo")
    assert (ended.result, ended.code) == (Result.REFUSED, "FORBIDDEN")


# -- again -------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "action"), MOVES)
@pytest.mark.parametrize("after", [0.0, 0.1, 0.2, 0.4, 1.0, 2.0, 60.0])
@pytest.mark.parametrize("known", [True, False])
def test_a_move_that_took_effect_is_not_repeated(stage, kind, action, after, known):
    """However far it has got: refused by the scheduler, under way, through."""
    params = {"migration": 0} if known else {}
    for server, more in (("solo", {}), ("trio-1", {"target": "a2"})):
        stage.fault(method="POST", action=action, lost="timeout", after=True)
        where = host(stage, server)
        first = stage.do(kind, where, server, migration=0, **more)
        assert first.result is Result.UNCLEAR
        stage.clock.advance(after)
        with stage.calls() as calls:
            ended = stage.do(kind, where, server, True, **params, **more)
        assert calls.writes == []
        moved = host(stage, server) != where
        # what was before is not known: it may have been of before
        unknown = not known and not moved and stage.server(server).task_state is None
        assert ended.result is (Result.UNCLEAR if unknown else Result.DONE)
        # it was that try that has moved it
        assert ended.facts["already"] is False
        assert len(stage.cloud.migrations_of[stage.id(server)]) == 1


@pytest.mark.parametrize(("kind", "action"), MOVES)
@pytest.mark.parametrize("known", [True, False])
def test_a_move_that_took_no_effect_is_made(stage, kind, action, known):
    stage.fault(method="POST", action=action, lost="timeout")
    stage.fault(method="POST", action=action, nth=2, status=500)
    params = {"migration": 0} if known else {}
    assert do(stage, kind, "solo", migration=0).result is Result.UNCLEAR
    assert do(stage, kind, "solo", True, **params).result is Result.UNCLEAR
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", True, **params)
    assert calls == [GET, HISTORY, post(action)]
    assert ended.result is Result.DONE
    assert ended.facts["already"] is False
    stage.clock.advance(60)
    assert host(stage, "solo") != "a1"


@pytest.mark.parametrize(("kind", "action"), MOVES)
def test_migrations_of_before_are_not_ours(stage, kind, action):
    stage.admin.servers.live_migrate(stage.id("solo"), "a1", "auto")
    stage.clock.advance(60)
    before = stage.cloud.migrations_of[stage.id("solo")][-1]
    assert before.status == "error"
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", True, migration=before.id)
    assert calls.writes == [post(action)]
    assert (ended.result, ended.facts["migration"]) == (Result.DONE, before.id)


@pytest.mark.parametrize(("kind", "action"), MOVES)
def test_server_that_others_have_moved_meanwhile(stage, kind, action):
    """By another way, or from another host: that needs no confirmation by us."""
    stage.fault(method="POST", action=action, lost="timeout")
    assert do(stage, kind, "solo", migration=0).result is Result.UNCLEAR
    if kind is LIVE:
        stage.admin.servers.migrate(stage.id("solo"), host="b3")
    else:
        stage.admin.servers.live_migrate(stage.id("solo"), "b3", "auto")
    stage.clock.advance(60)
    for params in ({}, {"migration": 0}):
        ended = stage.do(kind, "a1", "solo", True, **params)
        assert (ended.result, ended.facts["already"]) == (Result.DONE, True)
    assert stage.do(kind, "a2", "solo", True, migration=0).facts["already"]


@pytest.mark.parametrize("kind", [LIVE, COLD])
def test_history_that_can_not_be_read_leaves_it_unclear(stage, kind):
    stage.fault(path="/os-migrations", status=500)
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", True, migration=0)
    assert ended.result is Result.UNCLEAR
    assert calls.writes == []


@pytest.mark.parametrize(
    ("kind", "server", "action"),
    [(StepKind.STOP_SERVER, "solo", "os-stop"), (StepKind.START_SERVER, "off", "os-start")],
)
@pytest.mark.parametrize("after", [0.0, 60.0])
def test_power_that_was_switched_is_not_switched_again(stage, kind, server, action, after):
    stage.fault(method="POST", action=action, lost="timeout", after=True)
    assert do(stage, kind, server).result is Result.UNCLEAR
    stage.clock.advance(after)
    with stage.calls() as calls:
        ended = do(stage, kind, server, True)
    assert ended.result is Result.DONE
    assert calls.writes == []
    if kind is StepKind.STOP_SERVER:
        # it was us: so it is started again afterwards
        assert ended.facts["already"] is False
        assert calls == [GET, ACTIONS]


@pytest.mark.parametrize(
    ("kind", "server", "action"),
    [(StepKind.STOP_SERVER, "solo", "os-stop"), (StepKind.START_SERVER, "off", "os-start")],
)
def test_power_that_was_not_switched_is(stage, kind, server, action):
    stage.fault(method="POST", action=action, lost="timeout")
    assert do(stage, kind, server).result is Result.UNCLEAR
    with stage.calls() as calls:
        ended = do(stage, kind, server, True)
    assert ended.result is Result.DONE
    assert calls == [GET, ACTIONS, post(action)]


@pytest.mark.parametrize("after", [0.0, 60.0])
def test_server_that_its_owner_stopped_is_not_ours_to_start(stage, after):
    stage.fault(method="POST", action="os-stop", lost="timeout")
    assert do(stage, StepKind.STOP_SERVER, "solo").result is Result.UNCLEAR
    stage.admin.servers.stop(stage.id("solo"))
    stage.clock.advance(after)
    ended = do(stage, StepKind.STOP_SERVER, "solo", True)
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)


@pytest.mark.parametrize(("server", "was_off"), [("solo", False), ("off", True)])
def test_server_in_error_is_ours_to_start_only_where_it_ran(stage, server, was_off):
    stage.admin.servers.reset_state(stage.id(server), "error")
    with stage.calls() as calls:
        ended = do(stage, StepKind.STOP_SERVER, server)
    assert (ended.result, ended.facts["already"]) == (Result.DONE, was_off)
    assert calls == [GET, post("os-stop")]


def test_resize_that_is_being_confirmed_is_not_confirmed_again(stage):
    stage.fault(method="POST", action="confirmResize", lost="timeout", after=True)
    assert do(stage, StepKind.CONFIRM_RESIZE, "resized").result is Result.UNCLEAR
    with stage.calls() as calls:
        ended = do(stage, StepKind.CONFIRM_RESIZE, "resized", True)
    assert calls == [GET, HISTORY]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, False)
    stage.clock.advance(60)
    ended = do(stage, StepKind.CONFIRM_RESIZE, "resized", True)
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)


def test_resize_that_was_not_confirmed_is(stage):
    stage.fault(method="POST", action="confirmResize", lost="timeout")
    assert do(stage, StepKind.CONFIRM_RESIZE, "resized").result is Result.UNCLEAR
    with stage.calls() as calls:
        ended = do(stage, StepKind.CONFIRM_RESIZE, "resized", True)
    assert calls == [GET, HISTORY, post("confirmResize")]
    assert ended.result is Result.DONE


def test_resize_that_is_being_reverted_is_not_confirmed(stage):
    stage.admin.servers.revert_resize(stage.id("resized"))
    ended = do(stage, StepKind.CONFIRM_RESIZE, "resized")
    assert (ended.result, ended.code) == (Result.REFUSED, "SERVER_BUSY")


@pytest.mark.parametrize("after", [0.0, 60.0])
def test_offload_that_took_effect_is_not_repeated(stage, after):
    stage.fault(method="POST", action="shelveOffload", lost="timeout", after=True)
    assert stage.do(StepKind.OFFLOAD_SERVER, "a1", "shelved").result is Result.UNCLEAR
    stage.clock.advance(after)
    with stage.calls() as calls:
        ended = stage.do(StepKind.OFFLOAD_SERVER, "a1", "shelved", True)
    assert calls == [GET]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, after > 0)


def test_offload_that_took_no_effect_is_made(stage):
    stage.fault(method="POST", action="shelveOffload", lost="timeout")
    assert do(stage, StepKind.OFFLOAD_SERVER, "shelved").result is Result.UNCLEAR
    with stage.calls() as calls:
        assert do(stage, StepKind.OFFLOAD_SERVER, "shelved", True).result is Result.DONE
    assert calls == [GET, post("shelveOffload")]


def test_offload_that_is_over_a_moment_before_nova_forgets_the_host(stage):
    stage.cloud.server_named("shelved").vm_state = "shelved_offloaded"
    with stage.calls() as calls:
        ended = do(stage, StepKind.OFFLOAD_SERVER, "shelved")
    assert calls == [GET]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, True)
    # that it has gone is seen by its host
    assert ended.facts["host"] == "a1"


# -- evacuation --------------------------------------------------------------------


@pytest.fixture
def dead(stage):
    """The host of ``solo`` is off, and Nova has been told so."""
    simcloud.power_off(stage.cloud, "a1")
    stage.admin.services.force_down(stage.cloud.hosts["a1"].service_uuid, True)
    return stage


def test_server_of_a_dead_host_is_started_elsewhere(dead):
    with dead.calls() as calls:
        ended = do(dead, StepKind.EVACUATE_SERVER, "solo", migration=0)
    assert calls == [GET, post("evacuate")]
    assert (ended.result, ended.facts["already"]) == (Result.DONE, False)
    dead.clock.advance(60)
    assert host(dead, "solo") != "a1"
    assert dead.do(StepKind.EVACUATE_SERVER, "a1", "solo").facts["already"] is True


@pytest.mark.parametrize("after", [0.0, 0.2, 1.0, 60.0])
def test_evacuation_that_took_effect_is_not_repeated(dead, after):
    dead.fault(method="POST", action="evacuate", lost="timeout", after=True)
    first = do(dead, StepKind.EVACUATE_SERVER, "solo", migration=0)
    assert first.result is Result.UNCLEAR
    dead.clock.advance(after)
    with dead.calls() as calls:
        ended = dead.do(StepKind.EVACUATE_SERVER, "a1", "solo", True, migration=0)
    assert calls.writes == []
    assert (ended.result, ended.facts["already"]) == (Result.DONE, False)
    assert len(dead.cloud.migrations_of[dead.id("solo")]) == 1


def test_evacuation_that_took_no_effect_is_made(dead):
    dead.fault(method="POST", action="evacuate", lost="timeout")
    assert do(dead, StepKind.EVACUATE_SERVER, "solo", migration=0).result is Result.UNCLEAR
    with dead.calls() as calls:
        ended = do(dead, StepKind.EVACUATE_SERVER, "solo", True, migration=0)
    assert calls == [GET, HISTORY, post("evacuate")]
    assert ended.result is Result.DONE


def test_nothing_is_evacuated_from_a_host_that_is_up(stage):
    ended = do(stage, StepKind.EVACUATE_SERVER, "solo", migration=0)
    assert (ended.result, ended.code) == (Result.REFUSED, "FAILED")
    assert "still in use" in ended.words
    assert stage.server("solo").task_state is None


# -- a migration under way ---------------------------------------------------------


@pytest.fixture
def moving(stage):
    """A live migration of ``solo`` that does not end by itself."""
    stage.admin.servers.set_meta(stage.id("solo"), {"sim:live_migration": "stall"})
    do(stage, LIVE, "solo", migration=0)
    stage.clock.advance(5)
    return stage.cloud.migrations_of[stage.id("solo")][-1]


ENDS = [
    (StepKind.ABORT_MIGRATION, ABORT, "cancelled"),
    (StepKind.FORCE_COMPLETE, FORCE, "completed"),
]


@pytest.mark.parametrize(("kind", "call", "status"), ENDS)
@pytest.mark.parametrize("again", [False, True])
def test_migration_is_brought_to_an_end(stage, moving, kind, call, status, again):
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", again, migration=moving.id - 1)
    assert calls == [UNDER_WAY, call]
    assert (ended.result, ended.facts) == (Result.DONE, {"already": False})
    stage.clock.advance(5)
    assert moving.status == status
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", again)
    assert calls == [UNDER_WAY]
    assert (ended.result, ended.facts) == (Result.DONE, {"already": True})


@pytest.mark.parametrize(("kind", "call", "status"), ENDS)
def test_migration_of_before_is_left_alone(stage, moving, kind, call, status):
    with stage.calls() as calls:
        ended = do(stage, kind, "solo", migration=moving.id)
    assert calls == [UNDER_WAY]
    assert ended.facts == {"already": True}
    assert moving.status == "running"


@pytest.mark.parametrize(("kind", "call", "status"), ENDS)
def test_server_that_is_gone_has_no_migration(stage, kind, call, status):
    ended = stage.do(kind, "a1", "5f0cbdc4-7ef4-4b0e-9a8e-1a4c4a7b1a10")
    assert (ended.result, ended.facts) == (Result.DONE, {"already": True})


@pytest.mark.parametrize(("kind", "call", "status"), ENDS)
def test_migration_that_ends_between_the_calls(stage, moving, kind, call, status):
    stage.fault(path=r"/migrations/\d+", status=404)
    ended = do(stage, kind, "solo")
    assert (ended.result, ended.facts) == (Result.DONE, {"already": True})


@pytest.mark.parametrize(("kind", "call", "status"), ENDS)
@pytest.mark.parametrize(
    ("fault", "result"),
    [
        ({"lost": "timeout", "after": True}, Result.UNCLEAR),
        ({"status": 409}, Result.REFUSED),
        ({"status": 429}, Result.LATER),
    ],
)
def test_how_the_end_of_a_migration_may_fail(stage, moving, kind, call, status, fault, result):
    stage.fault(path=r"/migrations/\d+", **fault)
    ended = do(stage, kind, "solo")
    assert (ended.result, ended.facts) == (result, {"already": False})


def test_queued_migration(make):
    """It can be aborted from 2.65 on, and never be forced."""
    for version, aborted in ((87, Result.DONE), (64, Result.LATER)):
        stage = make(max_microversion=version)
        stage.admin.servers.set_meta(stage.id("solo"), {"sim:live_migration": "stall"})
        do(stage, LIVE, "solo")
        stage.clock.advance(5)
        do(stage, LIVE, "trio-1")
        stage.clock.advance(5)
        assert stage.cloud.migrations_of[stage.id("trio-1")][-1].status == "queued"
        with stage.calls() as calls:
            ended = do(stage, StepKind.FORCE_COMPLETE, "trio-1")
        assert ended.result is Result.LATER
        assert "queued" in ended.words
        assert calls.writes == []
        assert do(stage, StepKind.ABORT_MIGRATION, "trio-1").result is aborted


# -- the table ---------------------------------------------------------------------


def test_every_kind_but_plugins_is_done_here():
    assert set(WAYS) == set(StepKind) - {StepKind.RUN_PLUGIN}


def test_step_that_names_no_server_is_a_mistake(stage):
    with pytest.raises(ValueError, match="names no server"):
        stage.do(LIVE)
