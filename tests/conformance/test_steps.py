"""A session's steps, as the service does them, on both clouds."""

import datetime as dt
from typing import Any

import pytest

from craton_maintenance import conf as configuration
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind
from craton_maintenance.nova import changes
from craton_maintenance.nova.compute import Cloud as Nova
from craton_maintenance.nova.credentials import Region
from craton_maintenance.workflow.steps import perform

from .clouds import Cloud

#: no server of these checks is ever there
_NOBODY = "compute-02"
_REASON = "maintenance conformance http://maintenance.example.org/v1/sessions/conformance"


@pytest.fixture(scope="module")
def nova(the_cloud: Cloud) -> Nova:
    region = Region("r", lambda: the_cloud.session("admin"), the_cloud.region, "public")
    return Nova(configuration.load([]), region)


class Steps:
    """Does steps with the server, or the host, that a check is about."""

    def __init__(self, nova: Nova) -> None:
        self.nova = nova

    def __call__(
        self, kind: StepKind, host: str, server: Any = None, again: bool = False, **params: Any
    ) -> Outcome:
        step = Step(1, kind, HostKey("r", host), server and server.id, params)
        return perform(self.nova, step, again)

    def done(self, *args: Any, **more: Any) -> dict[str, Any]:
        """The facts of a step that is done."""
        ended = self(*args, **more)
        assert ended.result is Result.DONE, ended
        return dict(ended.facts)


@pytest.fixture
def steps(nova: Nova) -> Steps:
    return Steps(nova)


def test_host_is_disabled_and_enabled_by_its_reason(cloud: Cloud, steps: Steps) -> None:
    disable, enable = StepKind.DISABLE_HOST, StepKind.ENABLE_HOST
    assert steps.done(disable, _NOBODY, reason=_REASON) == {
        "changed": True, "status": "enabled", "reason": None,
    }  # fmt: skip
    try:
        assert cloud.service(_NOBODY).disabled_reason == _REASON
        assert steps.done(disable, _NOBODY, again=True, reason=_REASON)["changed"]
        assert not steps.done(disable, _NOBODY, reason="other")["changed"]
        assert steps.done(enable, _NOBODY, reason="other") == {
            "enabled": False, "reason": _REASON,
        }  # fmt: skip
    finally:
        assert steps.done(enable, _NOBODY, reason=_REASON)["enabled"]
    assert cloud.service(_NOBODY).status == "enabled"
    assert steps(disable, "nowhere", reason=_REASON).code == "NOT_FOUND"


def test_survey_and_capacity(cloud: Cloud, steps: Steps) -> None:
    group = cloud.group()
    server = cloud.boot(
        "alice", "compute-06", group=group, meta={"maintenance:action": "MIGRATE", "x": "y"}
    )
    facts = steps.done(StepKind.SURVEY_HOST, "compute-06")
    assert facts["up"]
    found = {one["id"]: one for one in facts["servers"]}[server.id]
    assert found == {
        "id": server.id,
        "project_id": cloud.project_id("alpha"),
        "name": server.name,
        "status": "ACTIVE",
        "task_state": None,
        "locked": False,
        "size": [1, 64, 1],
        "group_id": group.id,
        "metadata": {"maintenance:action": "MIGRATE"},
        "tags": [],
        "migration": 0,
    }
    (shown,) = (one for one in facts["groups"] if one["id"] == group.id)
    assert (shown["policy"], shown["members"]) == ("anti-affinity", [server.id])
    assert shown["project_id"] == cloud.project_id("alpha")
    facts = steps.done(StepKind.SURVEY_CAPACITY, "compute-06")
    assert set(facts["free"]) == set(cloud.providers)
    free, used = facts["free"]["compute-06"], facts["used"]["compute-06"]
    assert [a + b for a, b in zip(free, used, strict=True)] == [16, 65536, 1000]
    assert used[0] >= 1


def test_live_migration_and_both_emptinesses(cloud: Cloud, steps: Steps) -> None:
    server, here, there = cloud.mover("2")
    live, prove = StepKind.LIVE_MIGRATE, StepKind.PROVE_EMPTY
    before = steps.done(live, here, server, target=there)["migration"]
    assert steps(live, here, server, migration=before).code == "SERVER_BUSY"
    assert not steps.done(live, here, server, again=True, migration=before)["already"]
    record = cloud.migration(server, "running")
    assert record.id > before
    for host in (here, there):
        listed = steps.done(prove, host)["migrations"]
        assert (record.id, server.id, "live-migration") in {
            (one["id"], one["server_id"], one["type"]) for one in listed
        }
    cloud.migration(server, "completed")
    moved = steps.done(live, here, server, again=True, migration=before)
    assert (moved["already"], moved["host"]) == (False, there)
    assert steps.done(live, here, server)["already"]
    cloud.wait(
        lambda: server.id not in str(steps.done(prove, here)), "nothing of it on the source"
    )
    facts = steps.done(prove, there)
    assert server.id in facts["allocations"]
    assert server.id in {one["id"] for one in facts["servers"]}


def test_refused_live_migration_was_made_once(cloud: Cloud, steps: Steps) -> None:
    server, here, _ = cloud.mover("precheck")
    facts = steps.done(StepKind.LIVE_MIGRATE, here, server)
    cloud.migration(server, "error")
    cloud.settled(server)
    again = steps.done(
        StepKind.LIVE_MIGRATE, here, server, again=True, migration=facts["migration"]
    )
    assert not again["already"]
    assert len(cloud.migrations(server)) == 1
    assert steps(StepKind.LIVE_MIGRATE, here, server, target="nowhere").code == "FAILED"


def test_cold_migration_and_its_confirmation(cloud: Cloud, steps: Steps) -> None:
    server, here, there = cloud.mover()
    before = steps.done(StepKind.COLD_MIGRATE, here, server, target=there)["migration"]
    assert not steps.done(
        StepKind.COLD_MIGRATE, here, server, again=True, migration=before
    )["already"]  # fmt: skip
    cloud.settled(server, "VERIFY_RESIZE")
    facts = steps.done(StepKind.COLD_MIGRATE, here, server, again=True, migration=before)
    assert (facts["already"], facts["status"]) == (False, "VERIFY_RESIZE")
    record = cloud.migration(server, "finished")
    facts = steps.done(StepKind.PROVE_EMPTY, here)
    assert record.id in {one["id"] for one in facts["migrations"]}
    assert record.uuid in facts["allocations"]
    assert not steps.done(StepKind.CONFIRM_RESIZE, here, server)["already"]
    assert steps(StepKind.CONFIRM_RESIZE, here, server, again=True).result is Result.DONE
    cloud.migration(server, "confirmed")
    cloud.settled(server)
    assert steps.done(StepKind.CONFIRM_RESIZE, here, server)["already"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [(StepKind.ABORT_MIGRATION, "cancelled"), (StepKind.FORCE_COMPLETE, "completed")],
)
def test_live_migration_is_brought_to_an_end(
    cloud: Cloud, steps: Steps, kind: StepKind, status: str
) -> None:
    server, here, there = cloud.mover("60")
    steps.done(StepKind.LIVE_MIGRATE, here, server, target=there)
    record = cloud.migration(server, "running")
    assert steps.done(kind, here, server, migration=record.id) == {"already": True}
    assert steps.done(kind, here, server, migration=record.id - 1) == {"already": False}
    cloud.migration(server, status)
    cloud.settled(server)
    assert steps.done(kind, here, server) == {"already": True}


def test_server_is_left_stopped_and_started_again(cloud: Cloud, steps: Steps) -> None:
    server, here, _ = cloud.mover()
    assert not steps.done(StepKind.STOP_SERVER, here, server)["already"]
    assert not steps.done(StepKind.STOP_SERVER, here, server, again=True)["already"]
    cloud.settled(server, "SHUTOFF")
    assert not steps.done(StepKind.STOP_SERVER, here, server, again=True)["already"]
    assert steps.done(StepKind.STOP_SERVER, here, server)["already"]
    assert steps(StepKind.LIVE_MIGRATE, here, server).code == "SERVER_STATE"
    facts = steps.done(StepKind.PROVE_EMPTY, here, left=[server.id])
    assert server.id not in str(facts)
    assert server.id in steps.done(StepKind.PROVE_EMPTY, here)["allocations"]
    assert not steps.done(StepKind.START_SERVER, here, server)["already"]
    cloud.settled(server)
    assert steps.done(StepKind.START_SERVER, here, server, again=True)["already"]
    # its owner's doing is not ours
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    assert steps.done(StepKind.STOP_SERVER, here, server, again=True)["already"]


def test_shelved_server_is_offloaded_once(cloud: Cloud, steps: Steps) -> None:
    server = cloud.boot("alice", "compute-06")
    assert steps(StepKind.OFFLOAD_SERVER, "compute-06", server).code == "SERVER_STATE"
    cloud.admin.servers.shelve(server)
    cloud.settled(server, "SHELVED_OFFLOADED")
    # it may be on its host for a moment longer
    cloud.wait(
        lambda: steps.done(StepKind.OFFLOAD_SERVER, "compute-06", server)["host"] is None,
        "its host is forgotten",
    )
    facts = steps.done(StepKind.OFFLOAD_SERVER, "compute-06", server)
    assert (facts["already"], facts["host"]) == (True, None)


def test_host_shows_that_it_is_well(cloud: Cloud, steps: Steps) -> None:
    seen = dt.datetime.fromisoformat(cloud.service(_NOBODY).updated_at).replace(tzinfo=dt.UTC)
    before = seen - dt.timedelta(seconds=1)
    assert steps.done(StepKind.VERIFY_HOST, _NOBODY, since=before.isoformat())["well"]
    later = seen + dt.timedelta(seconds=2)
    cloud.wait(
        lambda: steps.done(StepKind.VERIFY_HOST, _NOBODY, since=later.isoformat())["well"],
        "a newer heartbeat",
    )
    with cloud.forced_down(_NOBODY):
        facts = steps.done(StepKind.VERIFY_HOST, _NOBODY, since=before.isoformat())
    assert facts == {"well": False, "words": "it is forced down"}


def test_evacuation_on_somebodys_word(cloud: Cloud, steps: Steps) -> None:
    host = "compute-06"
    server = cloud.boot("alice", host)
    ended = steps(StepKind.EVACUATE_SERVER, host, server, migration=0)
    assert (ended.result, ended.code) == (Result.REFUSED, "FAILED")
    assert "still in use" in ended.words
    assert steps.done(StepKind.FORCE_DOWN, host) == {"already": False}
    try:
        assert steps.done(StepKind.FORCE_DOWN, host, again=True) == {"already": True}
        before = steps.done(StepKind.EVACUATE_SERVER, host, server)["migration"]
        for _ in range(2):
            again = steps.done(
                StepKind.EVACUATE_SERVER, host, server, again=True, migration=before
            )
            assert not again["already"]
            cloud.migration(server, "done")
        assert len(cloud.migrations(server)) == 1
        facts = steps.done(StepKind.PROVE_EMPTY, host)
        assert ("evacuation", "done", server.id) in {
            (one["type"], one["status"], one["server_id"]) for one in facts["migrations"]
        }
        assert server.id in facts["allocations"]
        assert server.id not in {one["id"] for one in facts["servers"]}
        ended = steps(StepKind.UNFORCE_DOWN, host)
        assert ended.result is Result.LATER
        assert "evacuation migration records" in ended.words
    finally:
        cloud.stop_compute(host)
        cloud.start_compute(host)
        cloud.wait(
            lambda: steps(StepKind.UNFORCE_DOWN, host).result is Result.DONE, "let up", 60.0
        )
        cloud.wait(lambda: cloud.service(host).state == "up", "service up")
    assert server.id not in str(steps.done(StepKind.PROVE_EMPTY, host))


def test_a_look_shows_moves_and_deletions(cloud: Cloud, nova: Nova) -> None:
    server = cloud.boot("alice", "compute-06")
    began = dt.datetime.fromisoformat(server.updated)
    cloud.live_migrate(server, "compute-03")
    record = cloud.migration(server, "completed")
    cloud.settled(server)
    found = changes.read(nova.reads, began, began, began)
    shown = {one.id: one for one, _ in found.servers}[server.id]
    assert (shown.host, shown.status) == ("compute-03", "ACTIVE")
    assert shown.project_id == cloud.project_id("alpha")
    assert (found.migrations[server.id].id, found.migrations[server.id].status) == (
        record.id,
        "completed",
    )
    assert found.newest is not None
    assert found.newest >= began
    # the stamps are of whole seconds
    later = changes.read(
        nova.reads, found.newest + dt.timedelta(seconds=5), found.newest, found.newest
    )
    assert server.id not in {one.id for one, _ in later.servers}
    server.delete()
    cloud.gone(server)
    found = changes.read(nova.reads, began, began, began)
    assert found.gone[server.id][1] is True
    assert server.id not in found.migrations


def test_owner_may_do_none_of_it(cloud: Cloud) -> None:
    region = Region("r", lambda: cloud.session("alice"), cloud.region, "public")
    steps = Steps(Nova(configuration.load([]), region))
    server, here, _ = cloud.mover()
    for kind in (StepKind.SURVEY_HOST, StepKind.PROVE_EMPTY, StepKind.SURVEY_CAPACITY):
        ended = steps(kind, here)
        assert (ended.result, ended.code) == (Result.REFUSED, "FORBIDDEN")
    ended = steps(StepKind.LIVE_MIGRATE, here, server)
    assert ended.result is Result.LATER
    assert "administrator" in ended.words
