"""Projects' standing wishes about servers and groups of servers, within the operator's caps.

Groups and servers may come in any order, as application managers send them.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import group_constraints, instance_constraints, nova_servers
from craton_maintenance.errors import Code, bad_field, not_found
from craton_maintenance.service import Service
from craton_maintenance.sessions import flows


@dataclasses.dataclass(frozen=True, slots=True)
class Asker:
    """Who sets, reads or removes a constraint."""

    #: the project that they act in; None: none
    project_id: str | None
    #: they may do so for any project
    is_operator: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between servers and groups."""

    table: sa.Table
    key: sa.Column[Any]
    #: the key in requests, and what it is called
    name: str
    noun: str


INSTANCE = _Kind(
    instance_constraints, instance_constraints.c.instance_id, "instance_id", "instance"
)
GROUP = _Kind(group_constraints, group_constraints.c.group_id, "group_id", "instance group")


def get(connection: sa.Connection, kind: _Kind, object_id: str, asker: Asker) -> dict[str, Any]:
    """What was granted.

    :raises Problem: 404
    """
    row = connection.execute(
        sa.select(kind.table).where(kind.key == object_id.lower())
    ).one_or_none()
    if row is None or not _may(asker, row.project_id):
        raise not_found(kind.noun)
    return _shown(kind, row)


def remove(service: Service, kind: _Kind, object_id: str, asker: Asker) -> None:
    """Take a wish back.

    :raises Problem: 404
    """

    def work(transaction: Transaction) -> None:
        row = _locked(transaction, kind, object_id.lower())
        if row is None or not _may(asker, row.project_id):
            raise not_found(kind.noun)
        transaction.execute(sa.delete(kind.table).where(kind.key == row[0]))
        transaction.after_commit(service.session_news.set)

    service.database.write(work)


def put(
    service: Service, kind: _Kind, object_id: str, body: Mapping[str, Any], asker: Asker
) -> dict[str, Any]:
    """Set what a project wishes, in place of what it wished before.

    :param body: valid by ``instance-constraint-set`` or ``group-constraint-set``
    :returns: what was granted, and in ``clipped`` the fields that are less than was wished
    :raises Problem: 404 for what is another project's; 400 naming the field
    """
    object_id = _identified(kind, object_id, body)

    def work(transaction: Transaction) -> dict[str, Any]:
        project_id = _owner(transaction, kind, object_id, body, asker)
        row = _locked(transaction, kind, object_id)
        if row is not None and row.project_id != project_id:
            raise not_found(kind.noun)
        values, clipped = _granted(service, transaction, kind, body, project_id)
        values |= {"project_id": project_id, "updated_at": service.clock()}
        if row is None:
            # two at once: the second one is repeated, and finds the first one's
            bulk.insert(transaction, kind.table, [{kind.name: object_id} | values])
        else:
            transaction.execute(
                sa.update(kind.table).where(kind.key == object_id).values(**values)
            )
        transaction.after_commit(service.session_news.set)
        stored = transaction.execute(sa.select(kind.table).where(kind.key == object_id)).one()
        return _shown(kind, stored) | {"clipped": clipped}

    return service.database.write(work)


# -- whose it is -------------------------------------------------------------------


def _may(asker: Asker, project_id: str) -> bool:
    return asker.is_operator or asker.project_id == project_id


def _locked(transaction: Transaction, kind: _Kind, object_id: str) -> Any:
    return transaction.execute(
        sa.select(kind.table).where(kind.key == object_id).with_for_update()
    ).one_or_none()


def _identified(kind: _Kind, object_id: str, body: Mapping[str, Any]) -> str:
    try:
        known = str(uuid.UUID(object_id)) == object_id.lower()
    except ValueError:
        known = False
    if not known:
        raise not_found(kind.noun)
    if body.get(kind.name, object_id).lower() != object_id.lower():
        raise bad_field(Code.INVALID, kind.name, "is another one than in the path")
    return object_id.lower()


def _owner(
    transaction: Transaction,
    kind: _Kind,
    object_id: str,
    body: Mapping[str, Any],
    asker: Asker,
) -> str:
    """The project that the constraint is of.

    :raises Problem: 404 where it is not the asker's, or the server is another project's
    """
    named = body.get("project_id")
    if not asker.is_operator and named not in (None, asker.project_id):
        raise not_found("project")
    of_server = _project_of(transaction, object_id) if kind is INSTANCE else None
    project_id = named or (of_server if asker.is_operator else None) or asker.project_id
    if project_id is None:
        raise bad_field(Code.INVALID, "project_id", "is missing: say whose it is")
    if of_server not in (None, project_id):
        raise not_found(kind.noun)
    return str(project_id)


def _project_of(transaction: Transaction, server_id: str) -> str | None:
    """Whose server it is, as far as the inventory knows."""
    return transaction.execute(
        sa.select(nova_servers.c.project_id).where(nova_servers.c.id == server_id).limit(1)
    ).scalar_one_or_none()


# -- what is granted ---------------------------------------------------------------


def _granted(
    service: Service,
    transaction: Transaction,
    kind: _Kind,
    body: Mapping[str, Any],
    project_id: str,
) -> tuple[dict[str, Any], list[str]]:
    """Columns as granted, and the fields that are not as wished."""
    flows.check_action(service, body.get("migration_type"), "migration_type", project_id)
    caps = service.conf.sessions
    clipped: list[str] = []

    def at_most(name: str, cap: float) -> float:
        wished: float = body.get(name, 0)
        if wished > cap:
            clipped.append(name)
            return cap
        return wished

    common = {
        "action": body.get("migration_type"),
        "resource_mitigation": body.get("resource_mitigation", False),
    }
    if kind is INSTANCE:
        group_id = body.get("group_id")
        if group_id is not None:
            group_id = group_id.lower()
            _check_group(transaction, group_id, project_id)
        return {
            "group_id": group_id,
            "data": common
            | {
                "lead_time": at_most("lead_time", caps.max_lead_time),
                "max_interruption_time": body.get("max_interruption_time"),
                "instance_name": body.get("instance_name") or "",
            },
        }, clipped
    members = body.get("max_impacted_members", 1)
    if members < 1:
        # with none out at a time a group could never be maintained
        clipped.append("max_impacted_members")
    return {
        "data": common
        | {
            "max_impacted_members": max(1, members),
            "recovery_time": at_most("recovery_time", caps.max_recovery_time),
            "anti_affinity_group": body.get("anti_affinity_group", False),
            "max_instances_per_host": body.get("max_instances_per_host", 0),
            "group_name": body.get("group_name") or "",
        }
    }, clipped


def _check_group(transaction: Transaction, group_id: str, project_id: str) -> None:
    """:raises Problem: 404 where the group is another project's"""
    owner = transaction.execute(
        sa.select(group_constraints.c.project_id).where(group_constraints.c.group_id == group_id)
    ).scalar_one_or_none()
    if owner not in (None, project_id):
        raise not_found(GROUP.noun)


def _shown(kind: _Kind, row: Any) -> dict[str, Any]:
    data = dict(row.data)
    action = data.pop("action", None)
    shown = {kind.name: row[0], "project_id": row.project_id, "migration_type": action, **data}
    if kind is INSTANCE:
        shown["group_id"] = row.group_id
    return shown
