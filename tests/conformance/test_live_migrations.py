"""Live migrations."""

import hashlib
import uuid
from typing import Any

import pytest
from novaclient import exceptions

from .clouds import ZONES, Cloud, host_of, refusal

_HERE, _THERE = "compute-06", "compute-03"


def _stays(cloud: Cloud, server: Any) -> Any:
    """The record of a migration that failed: the server is where it was."""
    found = cloud.migration(server, "error")
    assert cloud.is_on(server, str(host_of(server)))
    return found


def _running(cloud: Cloud, server: Any) -> Any:
    def look() -> Any:
        return next((m for m in cloud.admin.server_migrations.list(server)
                     if m.status == "running"), None)  # fmt: skip

    return cloud.wait(look, "migration running")


def test_live_migration_to_a_named_host(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    path = f"/servers/{server.id}/action"
    body = {"os-migrateLive": {"host": there, "block_migration": "auto"}}
    answer = cloud.call(path, method="POST", json=body)
    assert answer.status_code == 202
    assert answer.content == b""
    found = cloud.admin.servers.get(server)
    assert (found.status, getattr(found, "OS-EXT-STS:task_state")) == ("MIGRATING", "migrating")
    assert host_of(found) == here
    record = cloud.migration(server, "completed")
    assert (record.source_compute, record.dest_compute) == (here, there)
    assert record.migration_type == "live-migration"
    moved = cloud.settled(server)
    assert host_of(moved) == there
    assert moved.hostId != server.hostId
    assert getattr(moved, "OS-EXT-AZ:availability_zone") == (
        "az-a" if there in ZONES["az-a"] else "az-b"
    )


def test_live_migration_where_the_scheduler_likes(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    cloud.live_migrate(server)
    record = cloud.migration(server, "completed")
    assert record.dest_compute not in (None, here)
    assert cloud.is_on(server, record.dest_compute)


def test_live_migration_shows_in_actions(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    action = cloud.admin.instance_action.list(server)[0]
    assert (action.action, action.message) == ("live-migration", None)
    events = cloud.admin.instance_action.get(server, action.request_id).events
    assert "conductor_live_migrate_instance" in {event["event"] for event in events}
    for event in events:
        # the project of who asked, not of who owns the server
        digest = hashlib.sha224((action.project_id + event["host"]).encode()).hexdigest()
        assert event["hostId"] == digest


def test_live_migrations_events(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    action = cloud.admin.instance_action.list(server)[0]
    events = cloud.admin.instance_action.get(server, action.request_id).events
    assert {event["event"] for event in events} == {
        "conductor_live_migrate_instance",
        "compute_check_can_live_migrate_destination",
        "compute_check_can_live_migrate_source",
        "compute_pre_live_migration",
        "compute_live_migration",
        "compute_post_live_migration_at_destination",
    }


def test_live_migration_record(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    path = f"/os-migrations?instance_uuid={server.id}"
    found, *_ = cloud.call(path).json()["migrations"]
    assert set(found) == {
        "id", "uuid", "instance_uuid", "source_compute", "dest_compute", "source_node",
        "dest_node", "dest_host", "status", "created_at", "updated_at", "old_instance_type_id",
        "new_instance_type_id", "migration_type", "user_id", "project_id",
    }  # fmt: skip
    assert uuid.UUID(found["uuid"])
    assert (found["source_node"], found["dest_node"]) == (here, there)
    found, *_ = cloud.call(path, version="2.58").json()["migrations"]
    assert not {"uuid", "user_id", "project_id"} & set(found)


def test_live_migration_in_progress(cloud: Cloud) -> None:
    server, here, there = cloud.mover("60")
    cloud.live_migrate(server, there)
    running = _running(cloud, server)
    found = cloud.call(f"/servers/{server.id}/migrations/{running.id}").json()["migration"]
    assert set(found) == {
        "id", "uuid", "server_uuid", "source_compute", "dest_compute", "source_node",
        "dest_node", "dest_host", "status", "created_at", "updated_at", "user_id", "project_id",
        "memory_total_bytes", "memory_processed_bytes", "memory_remaining_bytes",
        "disk_total_bytes", "disk_processed_bytes", "disk_remaining_bytes",
    }  # fmt: skip
    assert (found["source_compute"], found["dest_compute"]) == (here, there)
    listed, *_ = cloud.call(f"/os-migrations?instance_uuid={server.id}").json()["migrations"]
    assert listed["status"] == "running"
    assert [link["rel"] for link in listed["links"]] == ["self", "bookmark"]
    cloud.admin.server_migrations.live_migrate_force_complete(server, running.id)
    cloud.migration(server, "completed")
    # only what is in progress is listed here
    assert cloud.admin.server_migrations.list(server) == []
    assert refusal(cloud.call(f"/servers/{server.id}/migrations/{running.id}"), 404)


def test_live_migration_aborted(cloud: Cloud) -> None:
    server, here, there = cloud.mover("60")
    cloud.live_migrate(server, there)
    running = _running(cloud, server)
    path = f"/servers/{server.id}/migrations/{running.id}"
    assert cloud.call(path, method="DELETE").status_code == 202
    cloud.migration(server, "cancelled", seconds=10)
    assert cloud.is_on(server, here)
    actions = [action.action for action in cloud.admin.instance_action.list(server)]
    assert actions[:2] == ["live_migration_cancel", "live-migration"]


def test_live_migration_forced_to_complete(cloud: Cloud) -> None:
    server, _, there = cloud.mover("60")
    cloud.live_migrate(server, there)
    running = _running(cloud, server)
    cloud.admin.server_migrations.live_migrate_force_complete(server, running.id)
    cloud.migration(server, "completed", seconds=10)
    assert cloud.is_on(server, there)


def test_abort_of_another_migration_is_404(cloud: Cloud) -> None:
    server, _, there = cloud.mover("4")
    cloud.live_migrate(server, there)
    _running(cloud, server)
    assert refusal(cloud.call(f"/servers/{server.id}/migrations/999999", method="DELETE"), 404)
    cloud.migration(server, "completed")


def test_migrating_server_cannot_be_migrated(cloud: Cloud) -> None:
    server, _, there = cloud.mover("4")
    cloud.live_migrate(server, there)
    for action in (
        {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        {"migrate": None},
        {"os-stop": None},
    ):
        answer = cloud.call(f"/servers/{server.id}/action", method="POST", json=action)
        message = refusal(answer, 409)
        assert message.endswith(f"instance {server.id} while it is in task_state migrating")
    cloud.migration(server, "completed")


def test_one_live_migration_at_a_time(cloud: Cloud) -> None:
    first, here, there = cloud.mover("6")
    second = cloud.boot("alice", here)
    cloud.live_migrate(first, there)
    _running(cloud, first)
    cloud.live_migrate(second, there)
    cloud.migration(second, "queued", seconds=5)
    assert cloud.admin.servers.get(second).status == "MIGRATING"
    (listed,) = cloud.admin.server_migrations.list(second)
    assert listed.status == "queued"
    cloud.migration(first, "completed")
    cloud.migration(second, "completed")


def test_queued_live_migration_aborted(cloud: Cloud) -> None:
    first, here, there = cloud.mover("6")
    second = cloud.boot("alice", here)
    cloud.live_migrate(first, there)
    _running(cloud, first)
    cloud.live_migrate(second, there)
    queued = cloud.migration(second, "queued", seconds=5)
    path = f"/servers/{second.id}/migrations/{queued.id}"
    message = refusal(cloud.call(path, version="2.64", method="DELETE"), 400)
    assert "Cannot abort live migration while the migration is in this state." in message
    assert cloud.call(path, version="2.65", method="DELETE").status_code == 202
    cloud.migration(second, "cancelled")
    assert cloud.is_on(second, here)


def test_live_migration_to_its_own_host(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    cloud.live_migrate(server, here)
    assert _stays(cloud, server).dest_compute is None


def test_live_migration_to_a_disabled_host(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    with cloud.disabled(there):
        cloud.live_migrate(server, there)
        assert _stays(cloud, server).dest_compute is None


def test_live_migration_beside_a_group_member(cloud: Cloud) -> None:
    group = cloud.group()
    server = cloud.boot("alice", _HERE, group=group)
    cloud.boot("alice", _THERE, group=group)
    cloud.live_migrate(server, _THERE)
    assert _stays(cloud, server).dest_compute is None


def test_refused_live_migration_shows_in_actions(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    cloud.live_migrate(server, here)
    _stays(cloud, server)
    cloud.wait(lambda: cloud.admin.instance_action.list(server)[0].message, "message")
    action = cloud.admin.instance_action.list(server)[0]
    assert action.message == "Error"
    (event,) = cloud.admin.instance_action.get(server, action.request_id).events
    assert event["result"] == "Error"
    assert "No valid host was found" in event["details"]


def test_live_migration_from_a_host_that_is_down(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    with cloud.forced_down(here):
        cloud.live_migrate(server, there)
        found = cloud.migration(server, "error")
        assert host_of(cloud.settled(server)) == here
    assert found.dest_compute is None


def test_live_migration_that_fails_half_way(cloud: Cloud) -> None:
    server, here, there = cloud.mover("error")
    cloud.live_migrate(server, there)
    assert cloud.migration(server, "failed").dest_compute == there
    assert cloud.is_on(server, here)


def test_live_migration_that_fails_its_check(cloud: Cloud) -> None:
    server, *_ = cloud.mover("precheck")
    cloud.live_migrate(server)
    assert _stays(cloud, server).dest_compute is None


def test_stopped_server_cannot_be_live_migrated(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    with pytest.raises(exceptions.Conflict) as caught:
        cloud.live_migrate(server)
    assert caught.value.message == (
        f"Cannot 'os-migrateLive' instance {server.id} while it is in vm_state stopped"
    )


def test_paused_server_stays_paused(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.admin.servers.pause(server)
    cloud.settled(server, "PAUSED")
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    assert host_of(cloud.settled(server, "PAUSED")) == there


def test_administrators_move_locked_servers(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.alice.servers.lock(server)
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    moved = cloud.settled(server)
    assert host_of(moved) == there
    assert moved.locked


def test_history_is_newest_first_and_comes_in_pages(cloud: Cloud) -> None:
    server = cloud.boot("alice", _HERE)
    cloud.live_migrate(server, _HERE)
    cloud.migration(server, "error")
    cloud.settled(server)
    cloud.live_migrate(server, _THERE)
    cloud.migration(server, "completed")
    base = f"/os-migrations?instance_uuid={server.id}"
    listed = cloud.call(base).json()["migrations"]
    assert [one["status"] for one in listed] == ["completed", "error"]
    body = cloud.call(f"{base}&limit=1").json()
    assert [one["id"] for one in body["migrations"]] == [listed[0]["id"]]
    (link,) = body["migrations_links"]
    assert link["rel"] == "next"
    assert f"marker={listed[0]['uuid']}" in link["href"]
    body = cloud.call(f"{base}&limit=1&marker={listed[0]['uuid']}").json()
    assert [one["id"] for one in body["migrations"]] == [listed[1]["id"]]
    for query, count in (
        ("status=error", 1),
        ("status=running", 0),
        (f"host={_THERE}", 1),
        (f"source_compute={_HERE}", 2),
        ("migration_type=live-migration", 2),
        ("migration_type=evacuation", 0),
    ):
        assert len(cloud.call(f"{base}&{query}").json()["migrations"]) == count, query


def test_histories_unknown_marker_is_400(cloud: Cloud) -> None:
    marker = str(uuid.uuid4())
    message = refusal(cloud.call(f"/os-migrations?marker={marker}"), 400)
    assert message == f"Marker {marker} could not be found."
