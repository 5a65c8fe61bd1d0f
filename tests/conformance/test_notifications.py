"""Versioned notifications: over the bus from the real cloud, by its hook from the simulated."""

from typing import Any

from .clouds import Cloud, Notification

_HERE, _THERE = "compute-06", "compute-03"


def _of(server: Any) -> Any:
    return lambda one: one.data["uuid"] == server.id


def _events(cloud: Cloud, server: Any, since: int) -> list[tuple[str, str]]:
    """Type and publisher's host of what was said of a server, in order."""
    return [
        (one.event_type.removeprefix("instance."), one.publisher.partition(":")[2])
        for one in cloud.heard[since:]
        if one.event_type.startswith("instance.")
        and one.event_type not in ("instance.update", "instance.exists")
        and one.data["uuid"] == server.id
    ]


def _update(cloud: Cloud, since: int, **wanted: Any) -> Notification:
    """The service.update of our host with these members."""

    def matches(one: Notification) -> bool:
        return one.data["host"] == _HERE and all(
            one.data[name] == value for name, value in wanted.items()
        )

    return cloud.notified("service.update", matches, since)


def test_service_update_on_disabling_and_enabling(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    with cloud.disabled(_HERE, "rack 7"):
        found = _update(cloud, mark, disabled=True)
        mark = len(cloud.heard)
    assert found.publisher == f"nova-compute:{_HERE}"
    assert found.priority == "INFO"
    assert found.payload["nova_object.name"] == "ServiceStatusPayload"
    assert found.payload["nova_object.namespace"] == "nova"
    assert set(found.data) == {
        "host", "binary", "topic", "report_count", "disabled", "disabled_reason",
        "availability_zone", "last_seen_up", "forced_down", "version", "uuid",
    }  # fmt: skip
    service = cloud.service(_HERE)
    assert (found.data["uuid"], found.data["binary"]) == (service.id, "nova-compute")
    assert (found.data["disabled_reason"], found.data["forced_down"]) == ("rack 7", False)
    assert found.data["availability_zone"] is None
    assert found.data["topic"] == "compute"
    assert _update(cloud, mark, disabled=False).data["disabled_reason"] is None


def test_service_update_on_forcing_down(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    with cloud.forced_down(_HERE):
        assert _update(cloud, mark, forced_down=True).data["disabled"] is False
        mark = len(cloud.heard)
    _update(cloud, mark, forced_down=False)


def test_live_migrations_notifications(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    mark = len(cloud.heard)
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    cloud.notified("instance.live_migration_post.end", _of(server), mark)
    events = _events(cloud, server, mark)
    assert [event for event in events if event[1] == there] == [
        ("live_migration_pre.start", there),
        ("live_migration_pre.end", there),
        ("live_migration_post_dest.start", there),
        ("live_migration_post_dest.end", there),
    ]
    assert [event for event in events if event[1] == here] == [
        ("live_migration_post.start", here),
        ("live_migration_post.end", here),
    ]
    arrived = cloud.notified("instance.live_migration_post_dest.end", _of(server), mark)
    assert arrived.data["host"] == there
    assert arrived.data["tenant_id"] == cloud.project_id("alpha")
    started = cloud.notified("instance.live_migration_pre.start", _of(server), mark)
    assert started.data["host"] == here


def test_aborted_live_migrations_notifications(cloud: Cloud) -> None:
    server, here, there = cloud.mover("60")
    mark = len(cloud.heard)
    cloud.live_migrate(server, there)
    running = cloud.migration(server, "running")
    cloud.admin.server_migrations.live_migration_abort(server, running.id)
    cloud.migration(server, "cancelled")
    cloud.notified("instance.live_migration_rollback.end", _of(server), mark)
    here = [event for event, host in _events(cloud, server, mark) if host == here]
    assert set(here) == {
        "live_migration_abort.start", "live_migration_abort.end",
        "live_migration_rollback.start", "live_migration_rollback.end",
    }  # fmt: skip


def test_forced_live_migrations_notifications(cloud: Cloud) -> None:
    server, here, there = cloud.mover("60")
    mark = len(cloud.heard)
    cloud.live_migrate(server, there)
    running = cloud.migration(server, "running")
    cloud.admin.server_migrations.live_migrate_force_complete(server, running.id)
    cloud.migration(server, "completed")
    for part in ("start", "end"):
        found = cloud.notified(f"instance.live_migration_force_complete.{part}", _of(server), mark)
        assert found.publisher == f"nova-compute:{here}"


def test_failed_live_migrations_notifications(cloud: Cloud) -> None:
    server, here, there = cloud.mover("error")
    mark = len(cloud.heard)
    cloud.live_migrate(server, there)
    cloud.migration(server, "failed")
    found = cloud.notified("instance.live_migration_rollback.end", _of(server), mark)
    assert found.publisher == f"nova-compute:{here}"
    assert found.data["host"] == here


def test_refused_moves_notification(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    mark = len(cloud.heard)
    cloud.live_migrate(server, here)
    cloud.migration(server, "error")
    found = cloud.notified(
        "compute_task.migrate_server.error",
        lambda one: one.data["instance_uuid"] == server.id,
        mark,
    )
    assert found.priority == "ERROR"
    assert found.publisher.startswith("nova-conductor:")
    assert found.payload["nova_object.name"] == "ComputeTaskPayload"
    assert set(found.data) == {"instance_uuid", "request_spec", "state", "reason"}
    assert found.data["reason"]["nova_object.data"]["exception"] == "NoValidHost_Remote"


def test_refused_moves_notification_has_the_request(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    mark = len(cloud.heard)
    cloud.live_migrate(server, here)
    found = cloud.notified(
        "compute_task.migrate_server.error",
        lambda one: one.data["instance_uuid"] == server.id,
        mark,
    )
    assert found.data["request_spec"]["nova_object.name"] == "RequestSpecPayload"


def test_cold_migrations_notifications(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    mark = len(cloud.heard)
    cloud.admin.servers.migrate(server, host=there)
    cloud.settled(server, "VERIFY_RESIZE")
    cloud.alice.servers.confirm_resize(server)
    cloud.migration(server, "confirmed")
    cloud.notified("instance.resize_confirm.end", _of(server), mark)
    assert set(_events(cloud, server, mark)) == {
        ("resize_prep.start", there), ("resize_prep.end", there),
        ("resize.start", here), ("resize.end", here),
        ("resize_finish.start", there), ("resize_finish.end", there),
        ("resize_confirm.start", here), ("resize_confirm.end", here),
    }  # fmt: skip


def test_reverts_notifications(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.admin.servers.migrate(server, host=there)
    cloud.settled(server, "VERIFY_RESIZE")
    mark = len(cloud.heard)
    cloud.alice.servers.revert_resize(server)
    cloud.migration(server, "reverted")
    cloud.notified("instance.resize_revert.end", _of(server), mark)
    kinds = {event for event, _ in _events(cloud, server, mark)}
    assert {"resize_revert.start", "resize_revert.end"} <= kinds


def test_boot_and_deletions_notifications(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    server = cloud.boot("alice", _HERE)
    created = cloud.notified("instance.create.end", _of(server), mark)
    assert created.publisher == f"nova-compute:{_HERE}"
    assert created.data["state"] == "active"
    server.delete()
    deleted = cloud.notified("instance.delete.end", _of(server), mark)
    assert deleted.data["state"] == "deleted"
    kinds = [event for event, _ in _events(cloud, server, mark)]
    assert [kind for kind in kinds if not kind.startswith(("shutdown", "power"))] == [
        "create.start", "create.end", "delete.start", "delete.end",
    ]  # fmt: skip


def test_boots_notification_has_a_form_of_its_own(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    server = cloud.boot("alice", _HERE)
    created = cloud.notified("instance.create.end", _of(server), mark)
    assert created.payload["nova_object.name"] == "InstanceCreatePayload"
    assert {"keypairs", "tags", "trusted_image_certificates"} <= set(created.data)


def test_shutdown_at_deletion_is_notified(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    server = cloud.boot("alice", _HERE)
    server.delete()
    cloud.notified("instance.shutdown.end", _of(server), mark, seconds=5.0)


def test_notifications_fields(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    server = cloud.boot("alice", _HERE, meta={"role": "db"})
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    found = cloud.notified("instance.power_off.end", _of(server), mark)
    assert found.payload["nova_object.name"] == "InstanceActionPayload"
    assert set(found.data) == {
        "uuid", "display_name", "display_description", "host_name", "host", "node", "os_type",
        "architecture", "availability_zone", "flavor", "image_uuid", "key_name", "kernel_id",
        "ramdisk_id", "created_at", "launched_at", "terminated_at", "deleted_at", "updated_at",
        "state", "power_state", "task_state", "progress", "ip_addresses", "block_devices",
        "metadata", "locked", "locked_reason", "auto_disk_config", "user_id", "tenant_id",
        "reservation_id", "action_initiator_user", "action_initiator_project", "request_id",
        "fault",
    }  # fmt: skip
    assert found.data["metadata"] == {"role": "db"}
    assert (found.data["state"], found.data["power_state"]) == ("stopped", "shutdown")
    assert (found.data["host"], found.data["availability_zone"]) == (_HERE, "az-b")
    flavor = found.data["flavor"]["nova_object.data"]
    assert (flavor["name"], flavor["memory_mb"]) == ("tiny", 64)


def test_locks_notifications(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    mark = len(cloud.heard)
    cloud.admin.servers.lock(server, reason="maintenance")
    found = cloud.notified("instance.lock", _of(server), mark)
    assert (found.data["locked"], found.data["locked_reason"]) == (True, "maintenance")
    cloud.admin.servers.unlock(server)
    assert cloud.notified("instance.unlock", _of(server), mark).data["locked"] is False


def test_server_groups_notifications(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    group = cloud.group()
    cloud.notified(
        "server_group.create", lambda one: one.data["uuid"] == group.id, mark, seconds=3.0
    )


def test_states_notifications(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    server = cloud.boot("alice", _HERE)
    found = cloud.notified("instance.update", _of(server), mark, seconds=3.0)
    assert found.payload["nova_object.name"] == "InstanceUpdatePayload"


def test_schedulers_notifications(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    server = cloud.boot("alice", _HERE)
    cloud.notified(
        "scheduler.select_destinations.end",
        lambda one: one.data["instance_uuid"] == server.id,
        mark,
        seconds=3.0,
    )


def test_usage_is_notified_at_moves(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    mark = len(cloud.heard)
    cloud.admin.servers.migrate(server, host=there)
    cloud.settled(server, "VERIFY_RESIZE")
    cloud.alice.servers.confirm_resize(server)
    cloud.settled(server)
    cloud.notified("instance.exists", _of(server), mark, seconds=5.0)
