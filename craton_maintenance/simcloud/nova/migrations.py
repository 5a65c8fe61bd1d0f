"""os-migrations, and a server's migrations in progress."""

from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request, conflict, not_found
from craton_maintenance.simcloud.model import IN_PROGRESS_LIVE, Migration, Server
from craton_maintenance.simcloud.moves import live
from craton_maintenance.simcloud.nova import paging, server_filters, server_view

_RULE = "os_compute_api:"
_FILTERS = {
    "hidden",
    "host",
    "instance_uuid",
    "source_compute",
    "status",
    "migration_type",
    "limit",
    "marker",
    "changes-since",
    "changes-before",
    "user_id",
    "project_id",
}


def _common(migration: Migration) -> dict[str, Any]:
    return {
        "id": migration.id,
        "source_compute": migration.source,
        "dest_compute": migration.dest,
        "source_node": migration.source_node,
        "dest_node": migration.dest_node,
        "dest_host": migration.dest_host,
        "status": migration.status,
        "created_at": ids.micros(migration.created_at),
        "updated_at": ids.micros(migration.updated_at),
    }


def _listed(call: Call, migration: Migration) -> dict[str, Any]:
    view = _common(migration) | {
        "old_instance_type_id": migration.old_flavor.number,
        "new_instance_type_id": migration.new_flavor.number,
        "instance_uuid": migration.server_id,
    }
    if call.minor >= 23:
        view["migration_type"] = migration.type
        if migration.type == "live-migration" and migration.status in IN_PROGRESS_LIVE:
            path = f"servers/{migration.server_id}/migrations"
            view["links"] = call.links(path, str(migration.id))
    if call.minor >= 59:
        view["uuid"] = migration.uuid
    if call.minor >= 80:
        view |= {"user_id": migration.user_id, "project_id": migration.project_id}
    return view


def _progress(call: Call, migration: Migration) -> dict[str, Any]:
    view = _common(migration) | {"server_uuid": migration.server_id}
    for what in ("memory", "disk"):
        for part in ("total", "processed", "remaining"):
            view[f"{what}_{part}_bytes"] = None
    if call.minor >= 59:
        view["uuid"] = migration.uuid
    if call.minor >= 80:
        view |= {"user_id": migration.user_id, "project_id": migration.project_id}
    return view


def list_all(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The history, newest first."""
    if call.minor >= 59 and (unknown := sorted(set(call.query) - _FILTERS)):
        raise bad_request(f"Additional properties are not allowed ('{unknown[0]}' was unexpected)")
    call.require_admin(_RULE + "os-migrations:index")
    ident = call.one("instance_uuid")
    found = (
        list(cloud.migrations.values())
        if ident is None
        else list(cloud.migrations_of.get(ident, ()))
    )
    # A server's deletion takes its history along.
    found = [m for m in found if m.server_id in cloud.servers]
    for name, attribute in (
        ("status", "status"),
        ("migration_type", "type"),
        ("source_compute", "source"),
    ):
        if (wanted := call.one(name)) is not None:
            found = [m for m in found if getattr(m, attribute) == wanted]
    if (host := call.one("host")) is not None:
        found = [m for m in found if host in (m.source, m.dest)]
    if call.minor >= 80:
        for name in ("user_id", "project_id"):
            if (wanted := call.one(name)) is not None:
                found = [m for m in found if getattr(m, name) == wanted]
    if call.minor >= 59 and (since := server_filters.moment(call, "changes-since")) is not None:
        found = [m for m in found if int(m.updated_at) >= since]
    if call.minor >= 66 and (until := server_filters.moment(call, "changes-before")) is not None:
        found = [m for m in found if int(m.updated_at) <= until]
    found.sort(key=lambda m: m.id, reverse=True)
    if call.minor < 59:
        return {"migrations": [_listed(call, m) for m in found]}
    shown = _page(call, found)
    body: dict[str, Any] = {"migrations": [_listed(call, m) for m in shown]}
    last = shown[-1].uuid if shown else None
    if links := paging.next_link(call, "/os-migrations", len(shown), last):
        body["migrations_links"] = links
    return body


def _page(call: Call, found: list[Migration]) -> list[Migration]:
    try:
        return list(paging.page(call, found, lambda m: m.uuid))
    except ApiError as error:
        if "marker" in error.message:
            raise bad_request(f"Marker {call.one('marker')} could not be found.") from error
        raise


def _visible(cloud: Cloud, call: Call, ident: str, rule: str) -> Server:
    call.require_admin(_RULE + "servers:migrations:" + rule)
    return server_view.find(cloud, call, ident)


def list_of_server(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    """Live migrations in progress, and nothing else (2.23)."""
    _since(call, 23)
    found = _visible(cloud, call, server, "index")
    return {
        "migrations": [
            _progress(call, m)
            for m in cloud.migrations_of.get(found.id, ())
            if m.type == "live-migration" and m.status in IN_PROGRESS_LIVE
        ]
    }


def _since(call: Call, minor: int) -> None:
    if call.minor < minor:
        raise ApiError(404, "The resource could not be found.")


def _find(cloud: Cloud, server: Server, ident: str, message: str = "") -> Migration:
    migration = cloud.migrations.get(int(ident)) if ident.isdigit() else None
    if migration is None or migration.server_id != server.id:
        raise not_found(
            message or f"Migration {ident} could not be found for instance {server.id}."
        )
    return migration


def show_of_server(cloud: Cloud, call: Call, server: str, migration: str) -> dict[str, Any]:
    _since(call, 23)
    found = _find(
        cloud,
        _visible(cloud, call, server, "show"),
        migration,
        (f"In-progress live migration {migration} is not found for server {server}."),
    )
    if found.type != "live-migration":
        raise not_found(f"Migration {migration} for server {server} is not live-migration.")
    if found.status not in IN_PROGRESS_LIVE:
        raise not_found(f"Live migration {migration} for server {server} is not in progress.")
    return {"migration": _progress(call, found)}


def _under_way(cloud: Cloud, server: Server, ident: str, what: str) -> Migration:
    if server.task_state != "migrating":
        raise conflict(f"Instance {server.id} is in an invalid state for '{what}'")
    return _find(cloud, server, ident)


def abort(cloud: Cloud, call: Call, server: str, migration: str) -> Answer:
    """DELETE: 2.24 while it runs, 2.65 before that too."""
    _since(call, 24)
    found = _visible(cloud, call, server, "delete")
    move = _under_way(cloud, found, migration, "abort live migration")
    if move.status != "running" and not (
        call.minor >= 65 and move.status in ("queued", "preparing")
    ):
        raise bad_request(
            f"Migration {migration} state of instance {found.id} is "
            f"{move.status}. Cannot abort live migration while the migration is in this state."
        )
    live.abort(cloud, call, found, move)
    return Answer(202)


def perform(cloud: Cloud, call: Call, server: str, migration: str) -> Answer:
    """The one action of a migration: force_complete (2.22)."""
    _since(call, 22)
    if not isinstance(call.body, dict) or "force_complete" not in call.body:
        raise bad_request("There is no such action")
    found = _visible(cloud, call, server, "force_complete")
    move = _under_way(cloud, found, migration, "force_complete")
    if move.status != "running":
        raise bad_request(
            f"Migration {migration} state of instance {found.id} is "
            f"{move.status}. Cannot force_complete while the migration is in "
            "this state."
        )
    live.force_complete(cloud, call, found, move)
    return Answer(202)
