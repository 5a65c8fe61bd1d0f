"""Cold migration and resize, and what ends them: confirm or revert."""

from craton_maintenance.simcloud import notifications, records, scheduler
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request
from craton_maintenance.simcloud.model import Flavor, Migration, Server
from craton_maintenance.simcloud.moves.common import (
    check_host,
    check_state,
    claim,
    host_of,
    idle,
    new_migration,
    refused,
    server_of,
    set_status,
    unclaim,
)

_WISH = "cold_migration"
_STOPPED_POWER = 4


def start(
    cloud: Cloud, call: Call, server: Server, host: object = None, flavor: Flavor | None = None
) -> None:
    """Accept a cold migration, or with a flavor a resize; 400, 409."""
    what = "migrate" if flavor is None else "resize"
    host_of(server, what)
    check_state(call, server, what, ("active", "stopped"))
    named = check_host(cloud, host)
    if named is not None and named == server.host:
        raise bad_request("Cannot migrate to the host where the server exists.")
    if flavor is server.flavor:
        raise bad_request("When resizing, instances must change flavor!")
    action = records.begin(cloud, call, server, what, "cold_migrate")
    kind = "migration" if flavor is None else "resize"
    migration = new_migration(cloud, call, server, kind, action, flavor)
    server.task_state = "resize_prep"
    server.old_vm_state = server.vm_state
    cloud.touch(server)
    migration.timer = cloud.later(
        cloud.settings.timing.schedule, _schedule, cloud, migration, named
    )


def _schedule(cloud: Cloud, migration: Migration, named: str | None) -> None:
    server = server_of(cloud, migration)
    if server is None:
        return
    try:
        if not cloud.is_up(cloud.hosts[migration.source]):
            raise scheduler.NoValidHost(scheduler.NOT_ENOUGH)
        dest = scheduler.pick(
            cloud, server, migration.new_flavor.resources, named, exclude=migration.source
        )
    except scheduler.NoValidHost:
        timing = cloud.settings.timing
        migration.timer = cloud.later(
            timing.refuse - timing.schedule, refused, cloud, migration, scheduler.NOT_ENOUGH
        )
        return
    claim(cloud, migration, server, dest)
    migration.dest_host = dest.ip
    set_status(cloud, migration, "pre-migrating")
    notifications.instance(cloud, server, "resize_prep.start", dest.name)
    notifications.instance(cloud, server, "resize_prep.end", dest.name)
    server.task_state = "resize_migrating"
    set_status(cloud, migration, "migrating")
    notifications.instance(cloud, server, "resize.start", migration.source)
    duration, fails = _course(cloud, server)
    migration.ends_at = cloud.now() + duration
    migration.timer = cloud.later(duration, _fail if fails else _arrive, cloud, migration)


def _course(cloud: Cloud, server: Server) -> tuple[float, bool]:
    timing = cloud.settings.timing
    wish = records.wish(server, _WISH)
    size = server.flavor.resources.disk_gb / timing.cold_gb_per_s
    duration = records.seconds(wish, timing.cold_fixed - timing.schedule + size)
    fails = cloud.random.random() < cloud.settings.chances.cold_error
    return duration, wish == "error" or (fails and not wish)


def _fail(cloud: Cloud, migration: Migration) -> None:
    """Failed on the source: the server is in ERROR, where it was."""
    reason = "Instance rollback performed due to: the simulation was asked to fail."
    set_status(cloud, migration, "error")
    records.end(cloud, migration.action, reason)
    server = server_of(cloud, migration)
    if server is not None:
        unclaim(cloud, migration, server)
        records.fail(cloud, server, reason)
        notifications.instance(cloud, server, "resize.error", migration.source, "ERROR")


def _arrive(cloud: Cloud, migration: Migration) -> None:
    server = server_of(cloud, migration)
    if server is None or migration.dest is None:
        return
    if not cloud.hosts[migration.dest].alive:
        _fail(cloud, migration)
        return
    notifications.instance(cloud, server, "resize.end", migration.source)
    notifications.instance(cloud, server, "resize_finish.start", migration.dest)
    cloud.place(server, migration.dest)
    server.old_flavor, server.flavor = server.flavor, migration.new_flavor
    server.vm_state = "resized"
    server.launched_at = cloud.now()
    idle(cloud, server)
    set_status(cloud, migration, "finished")
    records.end(cloud, migration.action)
    notifications.instance(cloud, server, "resize_finish.end", migration.dest)


def _finished(cloud: Cloud, server: Server) -> Migration:
    for migration in reversed(cloud.migrations_of.get(server.id, [])):
        if migration.status == "finished":
            return migration
    # A reset of the state can leave a server without its migration.
    raise bad_request("Instance has not been resized.")


def confirm(cloud: Cloud, call: Call, server: Server) -> None:
    """Give up the source; the owner may; 400, 409."""
    check_state(call, server, "confirmResize", ("resized",))
    migration = _finished(cloud, server)
    action = records.begin(cloud, call, server, "confirmResize", "compute_confirm_resize")
    set_status(cloud, migration, "confirming")
    notifications.instance(cloud, server, "resize_confirm.start", migration.source)

    def confirmed() -> None:
        if server.id not in cloud.servers:
            return
        set_status(cloud, migration, "confirmed")
        cloud.release(migration.uuid)
        _as_before(cloud, server)
        records.end(cloud, action)
        notifications.instance(cloud, server, "resize_confirm.end", migration.source)

    migration.timer = cloud.later(cloud.settings.timing.confirm, confirmed)


def revert(cloud: Cloud, call: Call, server: Server) -> None:
    """Go back to the source; the owner may; 400, 409."""
    check_state(call, server, "revertResize", ("resized",))
    migration = _finished(cloud, server)
    action = records.begin(cloud, call, server, "revertResize", "compute_revert_resize")
    set_status(cloud, migration, "reverting")
    server.task_state = "resize_reverting"
    cloud.touch(server)
    notifications.instance(cloud, server, "resize_revert.start", migration.dest)

    def reverted() -> None:
        if server.id not in cloud.servers:
            return
        set_status(cloud, migration, "reverted")
        unclaim(cloud, migration, server)
        cloud.place(server, migration.source)
        server.flavor = migration.old_flavor
        _as_before(cloud, server)
        records.end(cloud, action)
        notifications.instance(cloud, server, "resize_revert.end", migration.source)

    migration.timer = cloud.later(cloud.settings.timing.confirm, reverted)


def _as_before(cloud: Cloud, server: Server) -> None:
    """A server that was stopped stays so."""
    server.vm_state = "stopped" if server.power_state == _STOPPED_POWER else "active"
    server.old_flavor = None
    idle(cloud, server)
