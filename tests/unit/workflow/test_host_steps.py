"""Steps on hosts: whose the reason is, what is there, what is proved, who is well."""

import datetime as dt

import pytest

from craton_maintenance import simcloud
from craton_maintenance.domain.session.steps import Result, StepKind
from craton_maintenance.simcloud.model import Resources

SERVICES, SERVERS = "GET /os-services", "GET /servers/detail"
HISTORY, GROUPS = "GET /os-migrations", "GET /os-server-groups"
LISTED, SHOWN = "GET /os-hypervisors/detail", "GET /os-hypervisors/{hypervisor}"
PUT = "PUT /os-services/{service}"
PROVIDER = "GET /resource_providers/{provider}"
BY_NAME = "GET /resource_providers"
HELD = f"{PROVIDER}/allocations"
CANDIDATES = "GET /allocation_candidates"

OURS = "maintenance 4711 http://maintenance.example.org/v1/sessions/4711"
DISABLE, ENABLE = StepKind.DISABLE_HOST, StepKind.ENABLE_HOST
SURVEY, PROVE, VERIFY = StepKind.SURVEY_HOST, StepKind.PROVE_EMPTY, StepKind.VERIFY_HOST
CAPACITY = StepKind.SURVEY_CAPACITY
LOOKS = [SURVEY, PROVE, VERIFY, CAPACITY]


@pytest.fixture
def stage(make):
    stage = make()
    _ = stage.nova.reads
    return stage


def service(stage, host="a1"):
    found = stage.cloud.hosts[host]
    return found.disabled, found.disabled_reason


def do(stage, kind, again=False, **params):
    """On a1, with what each kind needs."""
    needed = {
        DISABLE: {"reason": OURS},
        ENABLE: {"reason": OURS},
        VERIFY: {"since": dt.datetime.fromtimestamp(stage.clock.now() - 60, dt.UTC)},
    }
    return stage.do(kind, params.pop("host", "a1"), None, again, **needed.get(kind, {}) | params)


# -- disable -----------------------------------------------------------------------


def test_host_is_disabled_with_our_reason(stage):
    with stage.calls() as calls:
        ended = do(stage, DISABLE)
    assert calls == [SERVICES, PUT]
    assert ended.result is Result.DONE
    assert ended.facts == {"changed": True, "status": "enabled", "reason": None}
    assert service(stage) == (True, OURS)
    assert not stage.cloud.hosts["a2"].disabled


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("reason", ["rack 7", OURS + "x", OURS.upper(), None])
def test_reason_of_somebody_else_is_left(stage, reason, again):
    host = stage.cloud.hosts["a1"]
    host.disabled, host.disabled_reason = True, reason
    with stage.calls() as calls:
        ended = do(stage, DISABLE, again)
    assert calls == [SERVICES]
    assert ended.result is Result.DONE
    assert ended.facts == {"changed": False, "status": "disabled", "reason": reason}
    assert service(stage) == (True, reason)


@pytest.mark.parametrize("fault", [{"lost": "timeout"}, {"lost": "reset"}, {"status": 500}])
def test_disabled_by_a_try_of_before_is_ours(stage, fault):
    stage.fault(method="PUT", after=True, **fault)
    assert do(stage, DISABLE).result is Result.UNCLEAR
    with stage.calls() as calls:
        ended = do(stage, DISABLE, True)
    assert calls == [SERVICES]
    assert (ended.result, ended.facts["changed"]) == (Result.DONE, True)


def test_not_disabled_by_a_try_of_before_is_done(stage):
    stage.fault(method="PUT", lost="timeout")
    assert do(stage, DISABLE).result is Result.UNCLEAR
    with stage.calls() as calls:
        assert do(stage, DISABLE, True).result is Result.DONE
    assert calls == [SERVICES, PUT]
    assert service(stage) == (True, OURS)


# -- enable ------------------------------------------------------------------------


def test_host_is_enabled_if_the_reason_is_ours(stage):
    do(stage, DISABLE)
    with stage.calls() as calls:
        ended = do(stage, ENABLE)
    assert calls == [SERVICES, PUT]
    assert (ended.result, ended.facts) == (Result.DONE, {"enabled": True, "reason": OURS})
    assert service(stage) == (False, None)
    with stage.calls() as calls:
        ended = do(stage, ENABLE)
    assert calls == [SERVICES]
    assert (ended.result, ended.facts) == (Result.DONE, {"enabled": True, "reason": None})


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("reason", ["rack 7", OURS + "x", OURS.upper(), None])
def test_host_with_another_reason_stays_disabled(stage, reason, again):
    host = stage.cloud.hosts["a1"]
    host.disabled, host.disabled_reason = True, reason
    with stage.calls() as calls:
        ended = do(stage, ENABLE, again)
    assert calls == [SERVICES]
    assert (ended.result, ended.facts) == (Result.DONE, {"enabled": False, "reason": reason})
    assert str(reason) in ended.words
    assert service(stage) == (True, reason)


def test_host_that_was_forced_down_stays_disabled(stage):
    do(stage, DISABLE)
    stage.cloud.hosts["a1"].forced_down = True
    ended = do(stage, ENABLE)
    assert (ended.result, ended.facts["enabled"]) == (Result.DONE, False)
    assert "forced it down" in ended.words
    assert service(stage) == (True, OURS)


def test_host_that_was_evacuated_stays_disabled_until_it_was_started(stage):
    do(stage, DISABLE)
    simcloud.stop_compute(stage.cloud, "a1")
    stage.clock.advance(120)
    stage.admin.servers.evacuate(stage.id("solo"))
    stage.clock.advance(60)
    ended = do(stage, ENABLE)
    assert (ended.result, ended.facts["enabled"]) == (Result.DONE, False)
    assert "evacuated" in ended.words
    # the host that they went to is another matter
    dest = stage.server("solo").host
    do(stage, DISABLE, host=dest)
    simcloud.stop_compute(stage.cloud, dest)
    stage.clock.advance(120)
    assert do(stage, ENABLE, host=dest).facts["enabled"]
    simcloud.start_compute(stage.cloud, "a1")
    stage.clock.advance(60)
    assert do(stage, ENABLE).facts["enabled"]
    assert service(stage) == (False, None)


@pytest.mark.parametrize("effect", [False, True])
def test_enabled_once(stage, effect):
    do(stage, DISABLE)
    stage.fault(method="PUT", lost="timeout", after=effect)
    assert do(stage, ENABLE).result is Result.UNCLEAR
    with stage.calls() as calls:
        ended = do(stage, ENABLE, True)
    assert calls == ([SERVICES] if effect else [SERVICES, PUT])
    assert (ended.result, ended.facts["enabled"]) == (Result.DONE, True)
    assert service(stage) == (False, None)


@pytest.mark.parametrize("kind", [DISABLE, ENABLE])
@pytest.mark.parametrize(
    ("fault", "result", "code"),
    [
        ({"status": 429}, Result.LATER, ""),
        ({"status": 503}, Result.LATER, ""),
        ({"status": 403}, Result.REFUSED, "FORBIDDEN"),
        ({"status": 404}, Result.REFUSED, "NOT_FOUND"),
        ({"status": 409}, Result.REFUSED, "CONFLICT"),
        ({"status": 400}, Result.REFUSED, "FAILED"),
    ],
)
def test_how_a_change_of_a_host_may_fail(stage, kind, fault, result, code):
    if kind is ENABLE:
        do(stage, DISABLE)
    before = service(stage)
    stage.fault(method="PUT", **fault)
    ended = do(stage, kind)
    assert (ended.result, ended.code) == (result, code)
    assert service(stage) == before


# -- force down --------------------------------------------------------------------

DOWN, UP = StepKind.FORCE_DOWN, StepKind.UNFORCE_DOWN


def test_host_is_forced_down_and_let_up(stage):
    for kind, forced in ((DOWN, True), (UP, False)):
        with stage.calls() as calls:
            ended = do(stage, kind)
        assert calls == [SERVICES, PUT]
        assert (ended.result, ended.facts) == (Result.DONE, {"already": False})
        assert stage.cloud.hosts["a1"].forced_down is forced
        assert not stage.cloud.hosts["a1"].disabled
        with stage.calls() as calls:
            ended = do(stage, kind, True)
        assert calls == [SERVICES]
        assert (ended.result, ended.facts) == (Result.DONE, {"already": True})


@pytest.mark.parametrize("kind", [DOWN, UP])
@pytest.mark.parametrize("effect", [False, True])
def test_forced_once(stage, kind, effect):
    stage.cloud.hosts["a1"].forced_down = kind is UP
    stage.fault(method="PUT", lost="timeout", after=effect)
    assert do(stage, kind).result is Result.UNCLEAR
    with stage.calls() as calls:
        assert do(stage, kind, True).result is Result.DONE
    assert calls == ([SERVICES] if effect else [SERVICES, PUT])
    assert stage.cloud.hosts["a1"].forced_down is (kind is DOWN)


def test_host_that_has_not_cleaned_up_is_let_up_later(stage):
    simcloud.power_off(stage.cloud, "a1")
    do(stage, DOWN)
    stage.do(StepKind.EVACUATE_SERVER, "a1", "solo")
    stage.clock.advance(60)
    ended = do(stage, UP)
    assert ended.result is Result.LATER
    assert "evacuation" in ended.words
    simcloud.start_compute(stage.cloud, "a1")
    stage.clock.advance(60)
    assert do(stage, UP).result is Result.DONE


# -- what all have in common -------------------------------------------------------


@pytest.mark.parametrize("kind", [DISABLE, ENABLE, SURVEY, PROVE])
def test_host_without_a_service(stage, kind):
    ended = do(stage, kind, host="nowhere")
    assert (ended.result, ended.code) == (Result.REFUSED, "NOT_FOUND")
    # a name is not taken for another that begins like it
    assert do(stage, kind, host="a").code == "NOT_FOUND"


@pytest.mark.parametrize("kind", [DISABLE, ENABLE, *LOOKS])
@pytest.mark.parametrize("fault", [{"lost": "timeout"}, {"status": 500}, {"status": 429}])
def test_nothing_is_known_without_an_answer(stage, kind, fault):
    """Whichever of the calls it is that fails."""
    failed = 0
    for nth in range(1, 12):
        struck = stage.fault(method="GET", nth=nth, **fault)
        with stage.calls() as calls:
            ended = do(stage, kind)
        stage.cloud.faults.clear()
        if not struck.fired:
            break
        failed += 1
        assert (ended.result, dict(ended.facts)) == (Result.LATER, {})
        assert calls.writes == []
        assert ended.words
    calls_of = {DISABLE: 1, ENABLE: 1, SURVEY: 6, PROVE: 7, VERIFY: 4, CAPACITY: 3}
    assert failed == calls_of[kind]


@pytest.mark.parametrize("kind", LOOKS)
def test_looking_again_is_looking(stage, kind):
    stage.fault(method="GET", status=500)
    assert do(stage, kind, True).result is Result.LATER
    assert do(stage, kind, True).result is Result.DONE


@pytest.mark.parametrize("kind", [DISABLE, ENABLE])
def test_trying_again_without_a_look_is_unclear(stage, kind):
    stage.fault(method="GET", status=500)
    assert do(stage, kind, True).result is Result.UNCLEAR


@pytest.mark.parametrize("kind", [DISABLE, ENABLE, SURVEY, PROVE, VERIFY])
def test_silent_cell_tells_nothing(stage, kind):
    stage.cloud.cells_down.add("cell1")
    ended = do(stage, kind)
    assert ended.result is Result.LATER
    assert "cell of host a1" in ended.words


# -- survey ------------------------------------------------------------------------


def test_survey(stage):
    solo = stage.server("solo")
    solo.metadata |= {"maintenance:action": "MIGRATE", "maintenance:flow": "gently", "x": "y"}
    solo.tags += ["maintenance:action=NOTHING", "maintenance:flow=f", "maintenance", "other"]
    solo.locked = True
    stage.server("pinned").task_state = "image_snapshot"
    with stage.calls() as calls:
        ended = do(stage, SURVEY)
    assert calls == [SERVICES, GROUPS, GROUPS, SERVERS, SERVERS, HISTORY]
    assert ended.facts["up"] is True
    trio = stage.server("trio-1")
    found = {one["name"]: one for one in ended.facts["servers"]}
    assert set(found) == {"pinned", "solo", "trio-1"}
    assert found["solo"] == {
        "id": solo.id,
        "project_id": solo.project_id,
        "name": "solo",
        "status": "ACTIVE",
        "task_state": None,
        "locked": True,
        "size": [1, 1000, 1],
        "group_id": None,
        "metadata": {"maintenance:action": "MIGRATE", "maintenance:flow": "gently"},
        "tags": ["maintenance:action=NOTHING", "maintenance:flow=f"],
        "migration": 0,
    }
    assert found["pinned"]["task_state"] == "image_snapshot"
    assert found["trio-1"]["group_id"] == trio.group
    group = stage.cloud.groups[trio.group]
    assert ended.facts["groups"] == [
        {
            "id": group.id,
            "project_id": group.project_id,
            "name": "trio",
            "policy": "anti-affinity",
            "members": group.members,
        }
    ]


def test_survey_of_a_host_without_groups_and_servers(stage):
    ended = do(stage, SURVEY, host="b3")
    assert ended.facts == {"up": True, "servers": [], "groups": []}
    assert do(stage, SURVEY, host="b1").facts["groups"] == []


def test_survey_in_pages(make):
    """Lists longer than a page lose nothing."""
    stage = make(max_limit=1)
    extra = stage.cloud.groups[stage.server("trio-1").group]
    stage.cloud.groups = {"first": simcloud.model.ServerGroup(
        "first", "first", extra.project_id, extra.user_id, "affinity"
    )} | stage.cloud.groups  # fmt: skip
    ended = do(stage, SURVEY)
    assert len(ended.facts["servers"]) == 3
    assert [one["name"] for one in ended.facts["groups"]] == ["trio"]


def test_survey_says_which_migration_was_the_newest(make):
    for settings in ({}, {"max_limit": 1}, {"max_microversion": 58}):
        stage = make(**settings)
        move = stage.admin.servers.live_migrate
        move(stage.id("solo"), "b2", "auto")
        move(stage.id("trio-1"), "a1", "auto")
        stage.clock.advance(60)
        move(stage.id("solo"), "a1", "auto")
        stage.clock.advance(60)
        newest = {
            name: max((m.id for m in stage.cloud.migrations_of.get(stage.id(name), ())), default=0)
            for name in ("solo", "trio-1", "pinned")
        }
        found = {one["name"]: one["migration"] for one in do(stage, SURVEY).facts["servers"]}
        assert found == newest
        assert newest["pinned"] == 0 < newest["trio-1"] < newest["solo"]


def test_survey_of_a_host_that_is_down(stage):
    simcloud.stop_compute(stage.cloud, "a1")
    stage.clock.advance(120)
    ended = do(stage, SURVEY)
    assert (ended.facts["up"], len(ended.facts["servers"])) == (False, 3)


# -- capacity ----------------------------------------------------------------------


def test_capacity_of_all_hosts(stage):
    with stage.calls() as calls:
        ended = do(stage, CAPACITY)
    assert calls == [CANDIDATES, LISTED, LISTED]
    assert set(ended.facts["free"]) == set(ended.facts["used"]) == set(stage.cloud.hosts)
    assert ended.facts["used"]["a1"] == [3, 3000, 3]
    assert ended.facts["free"]["a1"] == [13, 29_000, 497]
    assert ended.facts["free"]["b3"] == [16, 32_000, 500]


def test_full_host_has_nothing_free(stage):
    """Placement leaves it out: its hypervisor tells what is used."""
    stage.cloud.allocate("x", "a1", Resources(13, 0, 0), ("p", "u"))
    ended = do(stage, CAPACITY)
    assert ended.facts["free"]["a1"] == [0, 0, 0]
    assert ended.facts["used"]["a1"] == [16, 3000, 3]


def test_free_is_never_negative(stage):
    stage.cloud.allocate("x", "a1", Resources(0, 31_000, 0), ("p", "u"))
    ended = do(stage, CAPACITY)
    assert ended.facts["free"]["a1"] == [13, 0, 497]
    assert ended.facts["used"]["a1"] == [3, 34_000, 3]


def test_disk_that_is_shared_is_as_the_hypervisor_says(stage, monkeypatch):
    """It is not the host's in Placement."""
    reads = stage.nova.reads
    get = reads.get

    def without_disks(path, service="compute", **query):
        body = get(path, service, **query)
        for summary in body.get("provider_summaries", {}).values():
            del summary["resources"]["DISK_GB"]
        return body

    monkeypatch.setattr(reads, "get", without_disks)
    assert do(stage, CAPACITY).facts["free"]["a1"] == [13, 29_000, 497]


# -- emptiness ---------------------------------------------------------------------


def test_empty_host_is_proved_to_be_so(stage):
    with stage.calls() as calls:
        ended = do(stage, PROVE, host="b3")
    assert calls == [SERVICES, SERVERS, HISTORY, LISTED, LISTED, HELD]
    assert ended.result is Result.DONE
    assert ended.facts == {
        "empty": True,
        "disabled": False,
        "servers": [],
        "migrations": [],
        "allocations": [],
    }
    assert ended.words == ""
    with stage.calls() as calls:
        do(stage, PROVE, host="b2")
    # which hypervisor it has is looked up, not searched
    assert calls == [SERVICES, SERVERS, HISTORY, SHOWN, HELD]


def test_servers_are_on_the_host(stage):
    ended = do(stage, PROVE)
    ids = sorted(stage.id(name) for name in ("pinned", "solo", "trio-1"))
    assert ended.facts["empty"] is False
    assert sorted(one["id"] for one in ended.facts["servers"]) == ids
    assert ended.facts["allocations"] == ids
    assert all(ident in ended.words for ident in ids)


@pytest.mark.parametrize("path", ["/servers/detail", "/os-migrations", "/allocations"])
def test_one_list_that_comes_empty_proves_nothing(stage, path):
    """What one of the three does not show, another one does."""
    stage.admin.servers.migrate(stage.id("off"), host="b3")
    stage.clock.advance(60)
    for host in ("a1", "b1", "b3"):
        stage.fault(path=path, times=-1, partial=1.0)
        assert do(stage, PROVE, host=host).facts["empty"] is False, host
        stage.cloud.faults.clear()


def test_unconfirmed_resize_is_not_empty(stage):
    stage.admin.servers.migrate(stage.id("off"), host="b3")
    stage.clock.advance(60)
    ended = do(stage, PROVE, host="b1")
    (record,) = stage.cloud.migrations.values()
    assert ended.facts == {
        "empty": False,
        "disabled": False,
        "servers": [],
        "migrations": [
            {
                "id": record.id,
                "server_id": stage.id("off"),
                "status": "finished",
                "type": "migration",
            }
        ],
        "allocations": [record.uuid],
    }
    # and the other side
    ended = do(stage, PROVE, host="b3")
    assert ended.facts["empty"] is False
    assert [one["migration"] for one in ended.facts["servers"]] == [record.id]
    stage.admin.servers.confirm_resize(stage.id("off"))
    stage.clock.advance(60)
    assert do(stage, PROVE, host="b1").facts["empty"] is True


def test_evacuated_host_is_not_empty_until_it_was_started(stage):
    simcloud.stop_compute(stage.cloud, "b1")
    stage.clock.advance(120)
    stage.admin.servers.evacuate(stage.id("off"))
    stage.clock.advance(60)
    ended = do(stage, PROVE, host="b1")
    assert [one["status"] for one in ended.facts["migrations"]] == ["done"]
    assert ended.facts["empty"] is False
    simcloud.start_compute(stage.cloud, "b1")
    stage.clock.advance(60)
    assert do(stage, PROVE, host="b1").facts["empty"] is True


@pytest.mark.parametrize(
    ("status", "empty"),
    [
        *[(status, True) for status in (
            "completed", "confirmed", "reverted", "error", "failed", "cancelled"
        )],
        *[(status, False) for status in (
            "accepted", "queued", "preparing", "running", "post-migrating", "pre-migrating",
            "migrating", "finished", "confirming", "reverting", "done", "of-a-later-release",
        )],
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", ["b1", "b3"])
def test_migrations_in_every_state(stage, status, empty, host):
    stage.admin.servers.migrate(stage.id("off"), host="b3")
    stage.clock.advance(60)
    off, (record,) = stage.server("off"), stage.cloud.migrations.values()
    stage.cloud.release(record.uuid)
    stage.cloud.release(off.id)
    stage.cloud.place(off, "b2")
    record.status = status
    ended = do(stage, PROVE, host=host)
    assert (ended.facts["empty"], bool(ended.facts["migrations"])) == (empty, not empty)


def test_every_moment_of_a_move_is_seen_on_both_hosts(stage):
    """From the call on until all is over, neither is ever proved to be empty."""
    off = stage.server("off")
    assert do(stage, PROVE, host="b3").facts["empty"]
    stage.admin.servers.migrate(off.id, host="b3")
    seen = set()
    for _ in range(40):
        record = stage.cloud.migrations_of[off.id][-1]
        seen.add(record.status)
        assert not do(stage, PROVE, host="b1").facts["empty"]
        assert do(stage, PROVE, host="b3").facts["empty"] is (record.dest is None)
        stage.clock.advance(0.05)
    assert {"accepted", "migrating", "finished"} <= seen


def test_allocation_without_a_server_is_not_empty(stage):
    stage.cloud.allocate("left-behind", "b3", Resources(1, 1, 1), ("p", "u"))
    ended = do(stage, PROVE, host="b3")
    assert (ended.facts["empty"], ended.facts["allocations"]) == (False, ["left-behind"])
    assert "allocation of left-behind" in ended.words


def test_left_servers_are_stopped_or_in_the_way(stage):
    off = stage.server("off")
    assert do(stage, PROVE, host="b1").facts["empty"] is False
    left = do(stage, PROVE, host="b1", left=[off.id])
    assert left.facts == {
        "empty": True,
        "disabled": False,
        "servers": [],
        "migrations": [],
        "allocations": [],
    }
    off.task_state = "powering-on"
    assert do(stage, PROVE, host="b1", left=[off.id]).facts["empty"] is False
    off.task_state, off.vm_state = None, "suspended"
    assert do(stage, PROVE, host="b1", left=[off.id]).facts["empty"] is True
    off.vm_state = "active"
    ended = do(stage, PROVE, host="b1", left=[off.id])
    assert ended.facts["empty"] is False
    assert [one["status"] for one in ended.facts["servers"]] == ["ACTIVE"]
    # others are not let through with it
    assert len(do(stage, PROVE, left=[stage.id("solo")]).facts["servers"]) == 3


def test_long_lists_are_read_to_their_ends(make):
    stage = make(max_limit=1)
    for _ in range(3):
        stage.admin.servers.live_migrate(stage.id("solo"), "a1", "auto")
        stage.clock.advance(60)
    stage.admin.servers.migrate(stage.id("solo"), host="b3")
    stage.clock.advance(60)
    for _ in range(3):
        stage.admin.servers.live_migrate(stage.id("trio-1"), "a1", "auto")
        stage.clock.advance(60)
    ended = do(stage, PROVE)
    assert len(ended.facts["servers"]) == 2
    assert [one["status"] for one in ended.facts["migrations"]] == ["finished"]


def test_hypervisor_that_moved_to_another_service(stage):
    """What is remembered of hypervisors is looked at again."""
    assert do(stage, PROVE, host="b3").facts["empty"]
    hosts = stage.cloud.hosts
    hosts["b3"].hypervisor_uuid, hosts["a1"].hypervisor_uuid = (
        hosts["a1"].hypervisor_uuid, hosts["b3"].hypervisor_uuid,
    )  # fmt: skip
    with stage.calls() as calls:
        assert do(stage, PROVE, host="b3").facts["empty"]
    assert calls[-4:] == [SHOWN, LISTED, LISTED, HELD]
    assert not do(stage, PROVE, host="a1").facts["empty"]


def test_provider_of_an_older_hypervisor_is_found_by_its_name(stage, monkeypatch):
    """A compute node that was made anew has another UUID than its provider."""
    stage.cloud.allocate("left-behind", "b3", Resources(1, 1, 1), ("p", "u"))
    uuid = stage.cloud.hosts["b3"].hypervisor_uuid
    reads = stage.nova.reads
    listed = reads.hypervisors()
    new = "5f0cbdc4-7ef4-4b0e-9a8e-1a4c4a7b1a10"
    for one in listed:
        if one["id"] == uuid:
            one["id"] = new
    monkeypatch.setattr(reads, "hypervisors", lambda: listed)
    with stage.calls() as calls:
        ended = do(stage, PROVE, host="b3")
    assert calls[-3:] == [HELD, BY_NAME, HELD]
    assert ended.facts["allocations"] == ["left-behind"]
    monkeypatch.setitem(listed[0], "hypervisor_hostname", "unheard-of")
    for one in listed:
        one["hypervisor_hostname"] = "unheard-of"
    ended = do(stage, PROVE, host="b3")
    assert (ended.result, ended.words) == (
        Result.LATER,
        "hypervisor unheard-of has no resource provider",
    )


def test_host_without_a_hypervisor_is_not_proved_empty(stage, monkeypatch):
    monkeypatch.setattr(stage.nova.reads, "hypervisors", list)
    ended = do(stage, PROVE, host="b3")
    assert (ended.result, dict(ended.facts)) == (Result.LATER, {})


# -- verify ------------------------------------------------------------------------


def since(stage, ago):
    return dt.datetime.fromtimestamp(stage.clock.now() - ago, dt.UTC)


@pytest.mark.parametrize("text", [False, True])
def test_host_that_is_well(stage, text):
    moment = since(stage, 60)
    with stage.calls() as calls:
        ended = do(stage, VERIFY, since=moment.isoformat() if text else moment)
    assert calls == [SERVICES, LISTED, LISTED, PROVIDER]
    assert (ended.result, ended.facts) == (Result.DONE, {"well": True, "words": ""})


def test_heartbeat_has_to_be_newer_than_the_work(stage):
    moment = since(stage, 0)
    assert do(stage, VERIFY, since=moment).facts["well"] is False
    stage.clock.advance(11)
    assert do(stage, VERIFY, since=moment).facts["well"] is True


def test_host_that_is_not_well(stage):
    host = stage.cloud.hosts["a1"]
    host.forced_down = True
    assert "forced down" in do(stage, VERIFY).facts["words"]
    host.forced_down = False
    simcloud.stop_compute(stage.cloud, "a1")
    stage.clock.advance(30)
    assert "not reported" in do(stage, VERIFY, since=since(stage, 20)).facts["words"]
    stage.clock.advance(60)
    ended = do(stage, VERIFY, since=since(stage, 3600))
    assert ended.facts == {"well": False, "words": "its nova-compute is down"}
    ended = do(stage, VERIFY, host="nowhere")
    assert ended.facts == {"well": False, "words": "Nova has no nova-compute there"}


def test_host_without_a_provider_is_not_well(stage, monkeypatch):
    monkeypatch.setattr(stage.nova.reads, "hypervisors", list)
    ended = do(stage, VERIFY)
    assert (ended.result, ended.facts["well"]) == (Result.DONE, False)
    assert "resource provider" in ended.words
