"""Objects of Craton's: found, created, changed and deleted, with Craton's rules kept.

What the database would not refuse on its own (SQLite refuses nothing, MariaDB deletes
what is in a region together with it) is checked here, on rows that are held until the
end of the transaction.
"""

import datetime as dt
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.craton import variables
from craton_maintenance.craton.kinds import (
    CELL,
    CLOUD,
    HOST,
    LARGEST_ID,
    PROJECT,
    REGION,
    USER,
    Kind,
)
from craton_maintenance.craton.tenancy import Tenant, inserted, new_association
from craton_maintenance.db import bulk, craton, tables
from craton_maintenance.db.database import Transaction
from craton_maintenance.errors import Code, Field, Problem, bad_field, not_found

#: How deep hosts may be in hosts.
_DEEPEST = 50


def key(kind: Kind, text: str) -> Any:
    """An id as a path writes it; None where nothing can have it.

    To Craton on MariaDB ``1abc`` is 1; here it is nothing.
    """
    if kind is PROJECT:
        try:
            return uuid.UUID(text).hex
        except ValueError:
            return None
    number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else 0
    return number if 0 < number <= LARGEST_ID else None


def find(connection: sa.Connection, kind: Kind, text: str, tenant: Tenant) -> sa.Row[Any]:
    """The object with this id.

    :raises Problem: 404, the same for what is not there and what is somebody else's
    """
    return _found(connection, kind, text, kind.select.where(tenant.sees(kind)))


def hold(transaction: Transaction, kind: Kind, text: str, tenant: Tenant) -> sa.Row[Any]:
    """The object with this id, for the rest of the transaction.

    :raises Problem: 404
    """
    row = find(transaction.connection, kind, text, tenant)
    select = sa.select(kind.table).where(tenant.sees(kind)).with_for_update()
    return _found(transaction.connection, kind, str(row.id), select)


def _found(
    connection: sa.Connection, kind: Kind, text: str, select: sa.Select[Any]
) -> sa.Row[Any]:
    wanted = key(kind, text)
    if wanted is not None:
        row = connection.execute(select.where(kind.table.c.id == wanted)).one_or_none()
        if row is not None:
            return row
    raise not_found(kind.name)


def create(
    transaction: Transaction,
    kind: Kind,
    tenant: Tenant,
    given: Mapping[str, Any],
    stamp: dt.datetime,
) -> sa.Row[Any]:
    """Make an object.

    :param given: columns, and ``variables`` and ``labels``
    :raises Problem: 400 for what it is said to be in, 409 for a name that is taken
    """
    values = {name: value for name, value in given.items() if name in kind.table.c}
    if kind is not PROJECT:
        values.setdefault("project_id", tenant.project)
        if values["project_id"] == tenant.project:
            tenant.ensure(transaction, stamp)
    _check_place(transaction, kind, values, tenant)
    _check_name(transaction, kind, values, None)
    association = new_association(transaction, kind, stamp)
    values |= {"variable_association_id": association, "created_at": stamp}
    if kind is PROJECT:
        values["id"] = uuid.uuid4().hex
    if kind is HOST:
        values |= {"type": "hosts", "active": given.get("active", True)}
    made = transaction.execute(sa.insert(kind.table).values(values))
    row_id = inserted(made)
    if kind is HOST:
        transaction.execute(sa.insert(craton.hosts).values(id=row_id))
        label(transaction, row_id, given.get("labels", ()), stamp)
    variables.put(transaction, association, given.get("variables", {}), stamp)
    return transaction.execute(kind.select.where(kind.table.c.id == row_id)).one()


def change(
    transaction: Transaction,
    kind: Kind,
    row: sa.Row[Any],
    values: Mapping[str, Any],
    tenant: Tenant,
    stamp: dt.datetime,
) -> sa.Row[Any]:
    """Change what is given, leaving the rest.

    :param row: from :func:`hold`
    :raises Problem: 400 for a parent that can't be one, 409 for a name that is taken
    """
    changed = {name: value for name, value in values.items() if value != getattr(row, name)}
    if not changed:
        return row
    if changed.get("parent_id") is not None:
        _check_parent(transaction, changed["parent_id"], row.id, tenant)
    if kind.named_by in changed:
        scope = {name: getattr(row, name) for name in kind.unique}
        _check_name(transaction, kind, scope | changed, row.id)
    here = kind.table.c.id == row.id
    transaction.execute(sa.update(kind.table).where(here).values(**changed, updated_at=stamp))
    return transaction.execute(kind.select.where(here)).one()


def delete(transaction: Transaction, kind: Kind, row: sa.Row[Any]) -> None:
    """Delete an object that nothing is in, with all that is its own.

    :param row: from :func:`hold`
    :raises Problem: 409 where something is in it
    """
    for column in kind.children:
        inside = sa.select(column).where(column == row.id).limit(1)
        if transaction.execute(inside).first() is not None:
            table = column.table.name.replace("_", " ")
            what = f"This {kind.name} still has {table} in it: delete them first."
            raise Problem(409, Code.NOT_EMPTY, what)
    if kind is HOST:
        transaction.execute(sa.delete(craton.labels).where(craton.labels.c.device_id == row.id))
        transaction.execute(sa.delete(craton.hosts).where(craton.hosts.c.id == row.id))
    if kind is PROJECT:
        bindings = tables.project_bindings
        transaction.execute(sa.delete(bindings).where(bindings.c.craton_project == row.id))
    transaction.execute(sa.delete(kind.table).where(kind.table.c.id == row.id))
    variables.drop(transaction, row.variable_association_id)


# -- labels ------------------------------------------------------------------------


def labels(connection: sa.Connection, device_id: int) -> list[str]:
    """A host's labels, sorted."""
    table = craton.labels
    found = connection.execute(sa.select(table.c.label).where(table.c.device_id == device_id))
    return sorted(found.scalars())


def label(
    transaction: Transaction, device_id: int, names: Collection[str], stamp: dt.datetime
) -> None:
    """Put labels on a host; those that it has stay."""
    rows = [
        {"device_id": device_id, "label": name, "created_at": stamp}
        for name in dict.fromkeys(names)
    ]
    bulk.insert_missing(transaction, craton.labels, rows)


def unlabel(transaction: Transaction, device_id: int, names: Collection[str]) -> None:
    """Take labels off a host; those that it has not are ignored."""
    table = craton.labels
    bulk.delete_keys(transaction, table.c.label, names, table.c.device_id == device_id)


# -- what fits together ------------------------------------------------------------


def _check_place(
    transaction: Transaction, kind: Kind, values: Mapping[str, Any], tenant: Tenant
) -> None:
    """That what it is said to be in is there, and belongs together; held until the end.

    Craton does not compare them: a host may name a cell of another region there.
    """
    above: dict[str, sa.Row[Any]] = {}
    if kind is USER:
        _above(transaction, "project_id", PROJECT, values["project_id"], tenant)
        return
    for column, parent in (("cloud_id", CLOUD), ("region_id", REGION), ("cell_id", CELL)):
        if values.get(column) is not None:
            above[column] = _above(transaction, column, parent, values[column], tenant)
    cloud_id, region_id = values.get("cloud_id"), values.get("region_id")
    if "region_id" in above and above["region_id"].cloud_id != cloud_id:
        raise _apart("region_id", f"region {region_id} is not in cloud {cloud_id}")
    if "cell_id" in above and above["cell_id"].region_id != region_id:
        raise _apart("cell_id", f"cell {values['cell_id']} is not in region {region_id}")
    if values.get("parent_id") is not None:
        _check_parent(transaction, values["parent_id"], None, tenant)


def _above(
    transaction: Transaction, column: str, kind: Kind, wanted: Any, tenant: Tenant
) -> sa.Row[Any]:
    """What a column refers to, kept from being deleted until the end."""
    select = sa.select(kind.table).where(kind.table.c.id == wanted, tenant.sees(kind))
    row = transaction.execute(select.with_for_update(read=True)).one_or_none()
    if row is None:
        raise bad_field(Code.UNKNOWN_ID, column, f"there is no such {kind.name}")
    return row


def _check_parent(
    transaction: Transaction, parent_id: int, device_id: int | None, tenant: Tenant
) -> None:
    """That a device can be the parent of another one.

    :param device_id: the device that gets it; None: a new one
    """
    devices = craton.devices
    current: int | None = parent_id
    for _ in range(_DEEPEST):
        if current is None:
            return
        if current == device_id:
            raise _apart("parent_id", "a host can't be in itself, nor in what is in it")
        select = sa.select(devices.c.id, devices.c.parent_id).where(devices.c.id == current)
        if current == parent_id:
            select = select.where(tenant.sees(HOST))
        # held: another request may be making a circle of the other half
        row = transaction.execute(select.with_for_update()).one_or_none()
        if row is None:
            if current == parent_id:
                raise bad_field(Code.UNKNOWN_ID, "parent_id", "there is no such host")
            return
        current = row.parent_id
    raise _apart("parent_id", f"is more than {_DEEPEST} levels deep")


def _check_name(
    transaction: Transaction, kind: Kind, values: Mapping[str, Any], own_id: Any
) -> None:
    """That nothing else has this name, as the database compares names."""
    if not kind.unique or kind.named_by not in values:
        return
    columns: Sequence[str] = (*kind.unique, kind.named_by)
    same = [kind.table.c[name] == values[name] for name in columns]
    taken = transaction.execute(sa.select(kind.table.c.id).where(*same)).scalars().all()
    if set(taken) - {own_id}:
        message = f"A {kind.discriminator} with the given name already exists."
        field = Field(kind.named_by, "is taken")
        raise Problem(409, Code.NAME_TAKEN, message, [field])


def _apart(field: str, message: str) -> Problem:
    return bad_field(Code.INCONSISTENT, field, message)
