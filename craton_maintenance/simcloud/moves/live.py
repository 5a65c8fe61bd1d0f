"""Live migration: accepted, queued, preparing, running, then completed, failed, cancelled.

What the scheduler refuses ends in error; what fails on its way, in failed.
"""

import math
from collections.abc import Callable

from craton_maintenance.simcloud import notifications, records, scheduler
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request
from craton_maintenance.simcloud.model import Host, Migration, Server
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

_PREPARE = 0.1

#: Seconds by which a record ends after the source has said that it is through.
SAVED_AFTER = 0.05

_WISH = "live_migration"


def start(cloud: Cloud, call: Call, server: Server, host: object, force: bool) -> None:
    """Accept a live migration; 400, 409. All other refusals come later, in its record."""
    check_state(call, server, "os-migrateLive", ("active", "paused"))
    host_of(server, "os-migrateLive")
    named = check_host(cloud, host)
    # Before 2.30 a named host was used without asking the scheduler.
    forced = named is not None and (force or call.minor < 30)
    if call.minor < 34:
        _check_at_once(cloud, server, named, forced)
    action = records.begin(
        cloud, call, server, "live-migration", "conductor_live_migrate_instance"
    )
    migration = new_migration(cloud, call, server, "live-migration", action)
    server.task_state = "migrating"
    cloud.touch(server)
    migration.timer = cloud.later(
        cloud.settings.timing.schedule, _schedule, cloud, migration, named, forced
    )


def _check_at_once(cloud: Cloud, server: Server, named: str | None, forced: bool) -> None:
    """Until 2.34 the answer waited for the scheduler, and was its refusal; 400."""
    try:
        _destination(cloud, server, named, forced)
    except scheduler.NoValidHost as error:
        raise bad_request(str(error)) from error


def _destination(cloud: Cloud, server: Server, named: str | None, forced: bool) -> Host:
    """Where the server is to go; NoValidHost."""
    source = host_of(server)
    if not cloud.is_up(cloud.hosts[source]) or records.wish(server, _WISH) == "precheck":
        raise scheduler.NoValidHost(scheduler.NOT_ENOUGH)
    if forced and named is not None:
        host = cloud.hosts[named]
        if (
            named == source
            or not cloud.is_up(host)
            or not scheduler.fits(host, server.flavor.resources)
        ):
            raise scheduler.NoValidHost(scheduler.NOT_ENOUGH)
        return host
    return scheduler.pick(cloud, server, server.flavor.resources, named, exclude=source)


def _schedule(cloud: Cloud, migration: Migration, named: str | None, forced: bool) -> None:
    server = server_of(cloud, migration)
    if server is None:
        return
    try:
        dest = _destination(cloud, server, named, forced)
    except scheduler.NoValidHost:
        timing = cloud.settings.timing
        migration.timer = cloud.later(
            timing.refuse - timing.schedule, refused, cloud, migration, scheduler.NOT_ENOUGH
        )
        return
    claim(cloud, migration, server, dest)
    set_status(cloud, migration, "queued")
    cloud.live_queue.setdefault(migration.source, []).append(migration)
    _next_in_queue(cloud, migration.source)


def _next_in_queue(cloud: Cloud, source: str) -> None:
    """A host sends out only so many servers at a time; the rest stay queued."""
    queue = cloud.live_queue.get(source, [])
    busy = sum(m.status in ("preparing", "running") for m in queue)
    limit = cloud.settings.max_concurrent_live_migrations or math.inf
    for migration in list(queue):
        if busy >= limit:
            return
        if migration.status == "queued":
            busy += 1
            set_status(cloud, migration, "preparing")
            if server := server_of(cloud, migration):
                notifications.instance(cloud, server, "live_migration_pre.start", migration.dest)
            migration.timer = cloud.later(_PREPARE, _run, cloud, migration)


def leave_queue(cloud: Cloud, migration: Migration) -> None:
    """A migration no longer occupies its source, so that the next may start."""
    queue = cloud.live_queue.get(migration.source, [])
    if migration in queue:
        queue.remove(migration)
    _next_in_queue(cloud, migration.source)


def _run(cloud: Cloud, migration: Migration) -> None:
    server = server_of(cloud, migration)
    if server is None or migration.dest is None:
        return
    if _violates_group(cloud, server, migration.dest):
        _refused_at_destination(cloud, migration, server)
        return
    notifications.instance(cloud, server, "live_migration_pre.end", migration.dest)
    set_status(cloud, migration, "running")
    effect, duration = _course(cloud, server)
    migration.ends_at = cloud.now() + duration
    if duration < math.inf:
        migration.timer = cloud.later(duration, effect, cloud, migration)


def _course(cloud: Cloud, server: Server) -> tuple[Callable[[Cloud, Migration], None], float]:
    """How this migration will end, and after how many seconds."""
    timing, chances = cloud.settings.timing, cloud.settings.chances
    wish = records.wish(server, _WISH)
    size = server.flavor.resources.ram_mb / timing.live_mb_per_s
    duration = records.seconds(wish, timing.live_fixed + size)
    # Both dice are always thrown, so that a wish does not change what others get.
    fails = cloud.random.random() < chances.live_error
    stalls = cloud.random.random() < chances.live_stall
    if wish == "stall" or (stalls and not wish):
        return _arrive, math.inf
    if wish == "error" or (fails and not wish):
        return _fail, duration / 2
    return _arrive, duration


def _violates_group(cloud: Cloud, server: Server, dest: str) -> bool:
    group = cloud.group_of(server)
    if group is None or group.policy != "anti-affinity" or not cloud.settings.stale_group_view:
        return False
    others = scheduler.members_by_host(cloud, group, server)
    return others[dest] >= group.max_per_host


def _refused_at_destination(cloud: Cloud, migration: Migration, server: Server) -> None:
    """The destination saw what the scheduler did not: the server runs on, shown as ERROR."""
    reason = "Anti-affinity instance group policy was violated."
    set_status(cloud, migration, "error")
    records.end(cloud, migration.action, reason)
    unclaim(cloud, migration, server)
    records.fail(cloud, server, reason)
    leave_queue(cloud, migration)


def _arrive(cloud: Cloud, migration: Migration) -> None:
    server = server_of(cloud, migration)
    if server is None or migration.dest is None:
        return
    if not cloud.hosts[migration.source].alive:
        # Nobody is left to see that it ended; a restart of the source's service mends it.
        migration.ends_at = math.inf
        return
    if not cloud.hosts[migration.dest].alive:
        _fail(cloud, migration)
        return
    notifications.instance(cloud, server, "live_migration_post.start", migration.source)
    notifications.instance(cloud, server, "live_migration_post_dest.start", migration.dest)
    cloud.place(server, migration.dest)
    idle(cloud, server)
    notifications.instance(cloud, server, "live_migration_post_dest.end", migration.dest)
    lag = cloud.random.uniform(0.0, cloud.settings.timing.record_lag)
    lag = records.seconds(records.wish(server, "record_lag"), lag)
    saved_after = min(SAVED_AFTER, lag)
    migration.timer = cloud.later(lag - saved_after, _clean_up, cloud, migration, saved_after)


def _clean_up(cloud: Cloud, migration: Migration, saved_after: float) -> None:
    """The source is through with it: most of the time by which the record trails."""
    server = server_of(cloud, migration)
    if server is not None:
        notifications.instance(cloud, server, "live_migration_post.end", migration.source)
    migration.timer = cloud.later(saved_after, _complete, cloud, migration)


def _complete(cloud: Cloud, migration: Migration) -> None:
    """The record follows: only now the source is let go of."""
    set_status(cloud, migration, "completed")
    cloud.release(migration.uuid)
    records.end(cloud, migration.action)
    leave_queue(cloud, migration)


def _fail(cloud: Cloud, migration: Migration) -> None:
    _roll_back(cloud, migration, "failed", "Live migration failed.")


def _roll_back(cloud: Cloud, migration: Migration, status: str, reason: str | None) -> None:
    """The server stays where it was."""
    set_status(cloud, migration, status)
    records.end(cloud, migration.action, reason)
    server = server_of(cloud, migration)
    if server is not None:
        notifications.instance(cloud, server, "live_migration_rollback.start", migration.source)
        unclaim(cloud, migration, server)
        idle(cloud, server)
        notifications.instance(cloud, server, "live_migration_rollback.end", migration.source)
    leave_queue(cloud, migration)


def abort(cloud: Cloud, call: Call, server: Server, migration: Migration) -> None:
    """Have a migration in progress end where it began."""
    action = records.begin(
        cloud, call, server, "live_migration_cancel", "compute_live_migration_abort"
    )
    notifications.instance(cloud, server, "live_migration_abort.start", migration.source)
    cloud.cancel(migration.timer)
    if migration.status == "queued":
        # It must not be started any more while the abort is on its way.
        cloud.live_queue[migration.source].remove(migration)

    def cancelled() -> None:
        records.end(cloud, action)
        notifications.instance(cloud, server, "live_migration_abort.end", migration.source)
        _roll_back(cloud, migration, "cancelled", None)

    migration.timer = cloud.later(cloud.settings.timing.abort, cancelled)


def force_complete(cloud: Cloud, call: Call, server: Server, migration: Migration) -> None:
    """Have a running migration end now, whatever the interruption."""
    action = records.begin(
        cloud,
        call,
        server,
        "live_migration_force_complete",
        "compute_live_migration_force_complete",
    )
    notifications.instance(cloud, server, "live_migration_force_complete.start", migration.source)
    cloud.cancel(migration.timer)

    def forced() -> None:
        records.end(cloud, action)
        notifications.instance(
            cloud, server, "live_migration_force_complete.end", migration.source
        )
        _arrive(cloud, migration)

    migration.timer = cloud.later(cloud.settings.timing.abort, forced)


def fail_stuck(cloud: Cloud, source: str) -> None:
    """A compute service that starts gives up on the migrations it finds half-done."""
    for migration in list(cloud.live_queue.get(source, ())):
        server = server_of(cloud, migration)
        if server is not None and server.host == source:
            cloud.cancel(migration.timer)
            _roll_back(cloud, migration, "error", "Live migration failed.")
