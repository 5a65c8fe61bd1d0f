"""Variables of Craton's objects, their own and those that they inherit.

The nearest wins, whole: host, its parents, cell, region, cloud, project.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from craton_maintenance.craton.kinds import ABOVE, HOST, Kind
from craton_maintenance.db import bulk, craton
from craton_maintenance.db.database import Transaction
from craton_maintenance.errors import Code, Field, Problem, bad_field

_table = craton.variables

#: Associations by nearness, the object's own first.
Lineage = tuple[int, ...]

#: Hosts in hosts in hosts: what Craton's parents may be nested.
_DEEPEST = 50


def value_of(text: Any) -> Any:
    """The value that a row holds; as it is where Craton did not write JSON."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def own(connection: sa.Connection, associations: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The variables that hang on each of these associations."""
    found: dict[int, dict[str, Any]] = {association: {} for association in associations}
    for chunk in bulk.batched_keys(list(found)):
        rows = connection.execute(
            sa.select(_table.c.association_id, _table.c.key_, _table.c.value_)
            .where(_table.c.association_id.in_(chunk))
            .order_by(_table.c.association_id, _table.c.key_)
        )
        for association, key, text in rows:
            found[association][key] = value_of(text)
    return found


def one(connection: sa.Connection, key: str, associations: Collection[int]) -> dict[int, Any]:
    """The values of one variable, by association."""
    found: dict[int, Any] = {}
    for chunk in bulk.batched_keys(associations):
        rows = connection.execute(
            sa.select(_table.c.association_id, _table.c.key_, _table.c.value_).where(
                _table.c.association_id.in_(chunk), _table.c.key_ == key
            )
        )
        # a collation may find K for k
        found.update((row[0], value_of(row[2])) for row in rows if row.key_ == key)
    return found


def lineages(
    connection: sa.Connection, kind: Kind, rows: Sequence[sa.Row[Any]]
) -> dict[Any, Lineage]:
    """Where each row's variables come from, by its id."""
    found: dict[Any, list[int]] = {row.id: [row.variable_association_id] for row in rows}
    if not kind.resolves:
        return {key: tuple(line) for key, line in found.items()}
    if kind is HOST:
        _add_parents(connection, rows, found)
    for column, above in ABOVE:
        if column not in kind.table.c:
            continue
        ids = {getattr(row, column) for row in rows} - {None}
        associations = _associations(connection, above.table, ids)
        for row in rows:
            association = associations.get(getattr(row, column))
            if association is not None:
                found[row.id].append(association)
    return {key: tuple(line) for key, line in found.items()}


def resolved(connection: sa.Connection, lines: Mapping[Any, Lineage]) -> dict[Any, dict[str, Any]]:
    """The variables of each line, the nearest of each name."""
    values = own(connection, {association for line in lines.values() for association in line})
    merged: dict[Any, dict[str, Any]] = {}
    for key, line in lines.items():
        merged[key] = {}
        for association in reversed(line):
            merged[key].update(values[association])
    return merged


def _add_parents(
    connection: sa.Connection, rows: Sequence[sa.Row[Any]], found: dict[Any, list[int]]
) -> None:
    devices = craton.devices.c
    current: dict[int, int] = {row.id: row.parent_id for row in rows if row.parent_id}
    known: dict[int, Any] = {}
    # Craton's own rows may form a circle: two PUTs at once are enough
    for _ in range(_DEEPEST):
        if not current:
            return
        for chunk in bulk.batched_keys(set(current.values()) - set(known)):
            select = sa.select(devices.id, devices.parent_id, devices.variable_association_id)
            for parent in connection.execute(select.where(devices.id.in_(chunk))):
                known[parent.id] = parent
        current, last = {}, current
        for row_id, parent_id in last.items():
            above = known.get(parent_id)
            if above is None or above.variable_association_id in found[row_id]:
                continue
            found[row_id].append(above.variable_association_id)
            if above.parent_id:
                current[row_id] = above.parent_id


def _associations(
    connection: sa.Connection, table: sa.Table, ids: Collection[Any]
) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for chunk in bulk.batched_keys(ids):
        select = sa.select(table.c.id, table.c.variable_association_id)
        found.update(tuple(row) for row in connection.execute(select.where(table.c.id.in_(chunk))))
    return found


def put(
    transaction: Transaction, association: int, values: Mapping[str, Any], stamp: dt.datetime
) -> None:
    """Set these variables, leaving all others.

    :raises Problem: 409 for a name that this database can't tell from another one
    """
    _hold(transaction, association)
    there: set[str] = set()
    for chunk in bulk.batched_keys(values):
        select = sa.select(_table.c.key_).where(
            _table.c.association_id == association, _table.c.key_.in_(chunk)
        )
        there.update(transaction.execute(select).scalars())
    if alike := there - set(values):
        raise _alike(sorted(alike)[0])
    for key in sorted(there):
        transaction.execute(
            sa.update(_table)
            .where(_table.c.association_id == association, _table.c.key_ == key)
            .values(value_=_text(key, values[key]), updated_at=stamp)
        )
    rows = [
        {
            "association_id": association,
            "key_": key,
            "value_": _text(key, value),
            "created_at": stamp,
        }
        for key, value in values.items()
        if key not in there
    ]
    try:
        with transaction.connection.begin_nested():
            bulk.insert(transaction, _table, rows)
    except exc.IntegrityError:
        # the association is held: nobody else can have written one of them
        raise _alike("another one of this request") from None


def remove(transaction: Transaction, association: int, keys: Collection[str]) -> None:
    """Remove variables; names that are not there are ignored, as Craton does."""
    _hold(transaction, association)
    bulk.delete_keys(transaction, _table.c.key_, keys, _table.c.association_id == association)


def drop(transaction: Transaction, association: int) -> None:
    """Remove an object's variables with what they hang on; Craton leaves them behind."""
    transaction.execute(sa.delete(_table).where(_table.c.association_id == association))
    table = craton.variable_association
    transaction.execute(sa.delete(table).where(table.c.id == association))


def _hold(transaction: Transaction, association: int) -> None:
    table = craton.variable_association
    transaction.execute(
        sa.select(table.c.id).where(table.c.id == association).with_for_update()
    ).first()


def _text(key: str, value: Any) -> str:
    # ASCII, as Craton writes it: what kind of utf8 the table has does not matter
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise bad_field(Code.INVALID, key, "holds a number that JSON can't write") from None


def _alike(name: str) -> Problem:
    words = f"this database can't tell a name in it from {name!r}"
    return Problem(409, Code.NAME_TAKEN, f"variables: {words}", [Field("variables", words)])
