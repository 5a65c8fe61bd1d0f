"""What a look shows: servers and migrations that have changed, and what is gone."""

import datetime as dt

import pytest

from craton_maintenance.nova import changes


@pytest.fixture
def stage(make):
    stage = make()
    _ = stage.nova.reads
    return stage


def now(stage):
    return dt.datetime.fromtimestamp(stage.clock.now(), dt.UTC)


def look(stage, since=None, **more):
    since = since or now(stage)
    return changes.read(stage.nova.reads, since, more.get("migrations", since), now(stage))


def names(stage, found):
    return sorted(server.name for server, _ in found.servers)


def test_a_look_takes_two_calls(stage):
    with stage.calls() as calls:
        found = look(stage)
    assert calls == ["GET /os-migrations", "GET /servers/detail"]
    assert found == changes.Changes((), {}, {}, None, ())


def test_what_has_changed(stage):
    began = now(stage)
    stage.admin.servers.live_migrate(stage.id("solo"), "b3", "auto")
    stage.admin.servers.stop(stage.id("pinned"))
    stage.admin.servers.delete(stage.id("off"))
    stage.clock.advance(60)
    with stage.calls() as calls:
        found = look(stage, began)
    assert len(calls) == 2
    shown = {server.name: (server.host, server.status) for server, _ in found.servers}
    assert shown == {"solo": ("b3", "ACTIVE"), "pinned": ("a1", "SHUTOFF")}
    (server,) = (one for one, _ in found.servers if one.name == "solo")
    solo = stage.server("solo")
    assert (server.id, server.project_id) == (solo.id, solo.project_id)
    assert len(server.host_id) == 56
    ((gone, (stamp, final)),) = found.gone.items()
    assert gone in stage.cloud.deleted
    assert (final, stamp) == (True, began)
    (move,) = found.migrations.values()
    assert (move.server_id, move.status) == (solo.id, "completed")
    assert (move.source, move.dest) == ("a1", "b3")
    assert began < found.newest <= now(stage)
    assert look(stage, found.newest + dt.timedelta(seconds=1)).servers == ()


def test_only_the_newest_migration_of_a_server(stage):
    began = now(stage)
    for _ in range(3):
        stage.admin.servers.live_migrate(stage.id("solo"), "a1", "auto")
        stage.clock.advance(10)
    (move,) = look(stage, began).migrations.values()
    assert move.id == max(stage.cloud.migrations)


def test_migrations_are_read_before_servers(stage):
    """A record that says completed is never shown with a server that has not arrived."""
    began = now(stage)
    stage.admin.servers.live_migrate(stage.id("solo"), "b3", "auto")
    stage.clock.advance(1)
    stage.fault(path="/servers/detail", effect=lambda cloud, record: stage.clock.advance(60))
    found = look(stage, began)
    assert {move.status for move in found.migrations.values()} == {"running"}
    assert {server.host for server, _ in found.servers} == {"b3"}


def test_all_of_it(stage):
    stage.admin.servers.delete(stage.id("off"))
    stage.admin.servers.live_migrate(stage.id("solo"), "b3", "auto")
    stage.clock.advance(60)
    found = changes.read(stage.nova.reads, None, None, now(stage))
    assert names(stage, found) == ["pinned", "solo", "trio-1", "trio-2", "trio-3"]
    assert len(found.migrations) == 1
    assert found.gone == {}


def test_long_lists_are_followed_by_their_links(make):
    stage = make(max_limit=1)
    began = now(stage)
    for name in ("solo", "trio-1", "trio-2"):
        stage.admin.servers.live_migrate(stage.id(name), "b3", "auto")
    stage.clock.advance(60)
    _ = stage.nova.reads
    with stage.calls() as calls:
        found = look(stage, began)
    assert names(stage, found) == ["solo", "trio-1", "trio-2"]
    assert len(found.migrations) == 3
    assert calls == ["GET /os-migrations"] * 4 + ["GET /servers/detail"] * 4


def test_before_migrations_could_be_asked_for_by_time(make):
    stage = make(max_microversion=58)
    stage.admin.servers.live_migrate(stage.id("solo"), "b3", "auto")
    stage.clock.advance(3600)
    with stage.calls():
        found = look(stage)
    assert (found.servers, len(found.migrations)) == ((), 1)


def test_silent_cell_is_a_gap(stage):
    began = now(stage)
    stage.admin.servers.stop(stage.id("pinned"))
    stage.clock.advance(10)
    stage.cloud.cells_down.add("cell1")
    found = look(stage, began)
    assert found.servers == ()
    assert found.gone == {}
    assert found.gaps == (f"the cell of server {stage.id('pinned')} does not answer",)


def test_clock_that_is_ahead_does_not_hide_what_others_stamp(stage):
    solo = stage.server("solo")
    solo.updated_at = stage.clock.now() + 3600
    assert look(stage).newest == now(stage)


def test_nova_that_does_not_tell_the_time(stage, monkeypatch):
    solo = stage.server("solo")
    solo.updated_at = stage.clock.now() + 3600
    monkeypatch.setattr(stage.nova.reads, "_see_date", lambda response: None)
    stage.nova.reads.date = None
    assert look(stage).newest == now(stage)


def test_soft_deleted_server_may_come_back(stage):
    stage.server("solo").vm_state = "soft-delete"
    stage.cloud.touch(stage.server("solo"))
    assert look(stage).gone == {stage.id("solo"): (now(stage), False)}
