"""What all moves have in common: records, allocations, state checks."""

from craton_maintenance.simcloud import notifications, records
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, conflict
from craton_maintenance.simcloud.model import Action, Flavor, Host, Migration, Server


def check_state(
    call: Call, server: Server, what: str, states: tuple[str, ...], any_task: bool = False
) -> None:
    """409 if the server is locked for this user, or in a state in which this can't be."""
    if server.locked and not call.is_admin:
        raise conflict(f"Instance {server.id} is locked")
    if server.vm_state not in states:
        raise conflict(
            f"Cannot '{what}' instance {server.id} while it is in vm_state {server.vm_state}"
        )
    if server.task_state is not None and not any_task:
        raise conflict(
            f"Cannot '{what}' instance {server.id} while it is in task_state {server.task_state}"
        )


def host_of(server: Server, what: str = "migrate") -> str:
    """Where a server is; 409 for one that is nowhere, such as after a failed boot."""
    if server.host is None:
        raise conflict(f"Instance {server.id} is in an invalid state for '{what}'")
    return server.host


def check_host(cloud: Cloud, host: object) -> str | None:
    """A host named in a request: 400 if there is none of that name."""
    if host is None:
        return None
    if not isinstance(host, str) or host not in cloud.hosts:
        raise bad_request(f"Compute host {host} could not be found.")
    return host


def new_migration(
    cloud: Cloud,
    call: Call,
    server: Server,
    kind: str,
    action: Action,
    flavor: Flavor | None = None,
) -> Migration:
    """A migration record as it is before the scheduler has looked."""
    source = host_of(server)
    now = cloud.now()
    migration = Migration(
        id=cloud.number("migration"),
        uuid=cloud.new_id("migration"),
        server_id=server.id,
        type=kind,
        source=source,
        user_id=call.user_id,
        project_id=call.project_id,
        old_flavor=server.flavor,
        new_flavor=flavor or server.flavor,
        created_at=now,
        updated_at=now,
        action=action,
    )
    if kind != "live-migration":
        migration.source_node = cloud.hosts[source].hypervisor_hostname
    cloud.migrations[migration.id] = migration
    cloud.migrations_of.setdefault(server.id, []).append(migration)
    return migration


def set_status(cloud: Cloud, migration: Migration, status: str) -> None:
    migration.status = status
    migration.updated_at = cloud.now()


def server_of(cloud: Cloud, migration: Migration) -> Server | None:
    """The server, None if it was deleted meanwhile."""
    return cloud.servers.get(migration.server_id)


def claim(cloud: Cloud, migration: Migration, server: Server, dest: Host) -> None:
    """The server holds its destination from now on, and the migration the source."""
    owner = (server.project_id, server.user_id)
    cloud.release(server.id)
    cloud.allocate(migration.uuid, migration.source, migration.old_flavor.resources, owner)
    cloud.allocate(server.id, dest.name, migration.new_flavor.resources, owner)
    migration.dest = dest.name
    migration.source_node = cloud.hosts[migration.source].hypervisor_hostname
    migration.dest_node = dest.hypervisor_hostname
    migration.updated_at = cloud.now()


def unclaim(cloud: Cloud, migration: Migration, server: Server) -> None:
    """The server holds its source again, and nothing else."""
    cloud.release(server.id)
    cloud.release(migration.uuid)
    cloud.allocate(
        server.id,
        migration.source,
        migration.old_flavor.resources,
        (server.project_id, server.user_id),
    )


def idle(cloud: Cloud, server: Server) -> None:
    """Nothing is being done to the server any more."""
    server.task_state = None
    cloud.touch(server)


def refused(cloud: Cloud, migration: Migration, reason: str) -> None:
    """The scheduler's no: the server is as it was, the record has no destination."""
    set_status(cloud, migration, "error")
    records.end(cloud, migration.action, reason)
    server = server_of(cloud, migration)
    if server is not None:
        idle(cloud, server)
        notifications.refused(cloud, server, reason)
