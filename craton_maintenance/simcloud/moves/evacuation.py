"""Evacuation: rebuilding a server elsewhere, as its host is down."""

from craton_maintenance.simcloud import notifications, records, scheduler
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, not_found
from craton_maintenance.simcloud.model import Migration, Server
from craton_maintenance.simcloud.moves.common import (
    check_host,
    check_state,
    idle,
    new_migration,
    server_of,
    set_status,
)


def start(cloud: Cloud, call: Call, server: Server, host: object) -> None:
    """Accept an evacuation; 400 while the host's service is up, 409."""
    if host is not None and host not in cloud.hosts:
        raise not_found(f"Compute host {host} not found.")
    # Nova compares before it looks at the state: nowhere is nowhere, too.
    if host == server.host:
        raise bad_request("The target host can't be the same one.")
    check_state(call, server, "evacuate", ("active", "stopped", "error"))
    named = check_host(cloud, host)
    if server.host is None or cloud.is_up(cloud.hosts[server.host]):
        raise bad_request(f"Compute service of {server.host} is still in use.")
    action = records.begin(cloud, call, server, "evacuate", "rebuild_server")
    migration = new_migration(cloud, call, server, "evacuation", action)
    server.task_state = "rebuilding"
    server.old_vm_state = server.vm_state
    cloud.touch(server)
    notifications.instance(cloud, server, "evacuate", server.host)
    # From 2.95 on a server is not started elsewhere by itself.
    stays_off = server.vm_state == "stopped" or call.minor >= 95
    migration.timer = cloud.later(
        cloud.settings.timing.schedule, _schedule, cloud, migration, named, stays_off
    )


def _schedule(cloud: Cloud, migration: Migration, named: str | None, stays_off: bool) -> None:
    server = server_of(cloud, migration)
    if server is None:
        return
    try:
        if records.wish(server, "evacuation") == "error":
            raise scheduler.NoValidHost(scheduler.NO_VALID_HOST)
        dest = scheduler.pick(
            cloud, server, server.flavor.resources, named, exclude=migration.source
        )
    except scheduler.NoValidHost as error:
        set_status(cloud, migration, "error")
        records.end(cloud, migration.action, str(error))
        records.fail(cloud, server, str(error))
        return
    # The source is held too, until its service has started again and cleaned up.
    cloud.allocate(
        server.id, dest.name, server.flavor.resources, (server.project_id, server.user_id)
    )
    migration.dest, migration.dest_node = dest.name, dest.hypervisor_hostname
    migration.dest_host = dest.ip
    set_status(cloud, migration, "pre-migrating")
    notifications.instance(cloud, server, "rebuild.start", dest.name)
    timing = cloud.settings.timing
    migration.timer = cloud.later(
        timing.evacuate - timing.schedule, _arrive, cloud, migration, stays_off
    )


def _arrive(cloud: Cloud, migration: Migration, stays_off: bool) -> None:
    server = server_of(cloud, migration)
    if server is None or migration.dest is None:
        return
    cloud.place(server, migration.dest)
    server.vm_state = "stopped" if stays_off else "active"
    server.power_state = 4 if stays_off else 1
    server.fault = None
    server.launched_at = cloud.now()
    idle(cloud, server)
    set_status(cloud, migration, "done")
    records.end(cloud, migration.action)
    notifications.instance(cloud, server, "rebuild.end", migration.dest)


def clean_up(cloud: Cloud, source: str) -> None:
    """A compute service that starts drops what was evacuated from it."""
    for migration in cloud.migrations.values():
        if (
            migration.source == source
            and migration.type == "evacuation"
            and migration.status == "done"
        ):
            set_status(cloud, migration, "completed")
            server = server_of(cloud, migration)
            if server is not None and server.host != source:
                cloud.release(server.id, source)
