"""Variables of ours in Craton's tables, and what we last saw there.

Craton reads and writes these rows at the same time.  So a row is changed only
where it still holds the very text that we read; whatever somebody else wrote
meanwhile stays, and is read at the next look.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, craton, tables
from craton_maintenance.db.database import Transaction

_variables = craton.variables


@dataclasses.dataclass(frozen=True, slots=True)
class Object:
    """One of Craton's objects that a window may be set on."""

    #: ``hosts``, ``cells``, ``regions`` or ``clouds``
    kind: str
    #: None for clouds
    region: str | None
    name: str
    association_id: int
    created_at: dt.datetime

    @property
    def identity(self) -> str:
        """Tells it from an object that got the same id later."""
        return f"{self.kind}:{self.region or ''}:{self.name}:{self.created_at.isoformat()}"[:600]


@dataclasses.dataclass(frozen=True, slots=True)
class Write:
    """A variable that is to hold another value than it did when it was read."""

    association_id: int
    #: the text that was read; None: it was absent
    read: str | None
    #: the value; None: it is to be removed
    value: Any


def _select(kind: str) -> sa.Select[Any]:
    """Objects of a kind: ``kind, region, name, association, created``."""
    regions = craton.regions
    table: sa.Table = {
        "hosts": craton.devices,
        "cells": craton.cells,
        "regions": regions,
        "clouds": craton.clouds,
    }[kind]
    region: Any = sa.null() if kind == "clouds" else regions.c.name
    select = sa.select(
        sa.literal(kind).label("kind"),
        region.label("region"),
        table.c.name,
        table.c.variable_association_id.label("association_id"),
        table.c.created_at,
    )
    if kind == "hosts":
        select = select.join(craton.hosts, craton.hosts.c.id == table.c.id)
    if kind in ("hosts", "cells"):
        select = select.join(regions, regions.c.id == table.c.region_id)
    return select


KINDS = ("hosts", "cells", "regions", "clouds")


def objects(
    connection: sa.Connection, kind: str, names: Collection[str] | None = None
) -> list[Object]:
    """Craton's objects of a kind, all or those with one of these names."""
    if names is None or len(names) > bulk.ROWS:
        rows = list(connection.execute(_select(kind)))
    else:
        column = {
            "hosts": craton.devices,
            "cells": craton.cells,
            "regions": craton.regions,
            "clouds": craton.clouds,
        }[kind].c.name
        rows = list(connection.execute(_select(kind).where(column.in_(list(names)))))
    return [Object(*row) for row in rows if names is None or row.name in names]


def found(connection: sa.Connection, key: str) -> list[tuple[Object, str]]:
    """Every object that has a variable of this name, with its text.

    From the objects to the variables, by their primary key: there is no index on
    the name alone, and Craton's tables are not ours to change.
    """
    result = []
    for kind in KINDS:
        select = _select(kind).add_columns(_variables.c.value_)
        association = select.selected_columns.association_id
        select = select.join(
            _variables, (_variables.c.association_id == association) & (_variables.c.key_ == key)
        )
        for *columns, text in connection.execute(select):
            result.append((Object(*columns), text))
    return result


def texts(connection: sa.Connection, key: str, associations: Iterable[int]) -> dict[int, str]:
    """The texts of a variable, by association."""
    texts: dict[int, str] = {}
    for chunk in bulk.batched_keys(associations):
        rows = connection.execute(
            sa.select(_variables.c.association_id, _variables.c.value_).where(
                _variables.c.association_id.in_(chunk), _variables.c.key_ == key
            )
        )
        texts.update((row[0], row[1]) for row in rows)
    return texts


def lock(transaction: Transaction, key: str, association_id: int) -> str | None:
    """The text of a variable, held until the end; None if there is none."""
    return transaction.execute(
        sa.select(_variables.c.value_)
        .where(_variables.c.association_id == association_id, _variables.c.key_ == key)
        .with_for_update()
    ).scalar_one_or_none()


def write(
    transaction: Transaction, key: str, writes: Sequence[Write], now: dt.datetime
) -> set[int]:
    """Write what is still as it was read; equal changes go in one statement.

    :returns: the associations where it was
    """
    stamp = now.replace(tzinfo=None, microsecond=0)
    alike: dict[tuple[str | None, str | None], list[int]] = {}
    for change in writes:
        text = None if change.value is None else json.dumps(change.value, sort_keys=True)
        alike.setdefault((change.read, text), []).append(change.association_id)
    for (read, text), associations in alike.items():
        for chunk in bulk.batched_keys(associations):
            _write_alike(transaction, key, read, text, chunk, stamp)
    wanted = {change.association_id: change.value for change in writes}
    after = texts(transaction.connection, key, wanted)
    return {
        association
        for association, value in wanted.items()
        if (json.loads(after[association]) if association in after else None) == value
    }


def _write_alike(
    transaction: Transaction,
    key: str,
    read: str | None,
    text: str | None,
    associations: Sequence[int],
    stamp: dt.datetime,
) -> None:
    here = (_variables.c.association_id.in_(associations), _variables.c.key_ == key)
    if read is None:
        rows = [
            {"association_id": association, "key_": key, "value_": text, "created_at": stamp}
            for association in associations
        ]
        bulk.insert_missing(transaction, _variables, rows)
    elif text is None:
        transaction.execute(sa.delete(_variables).where(*here, _variables.c.value_ == read))
    else:
        transaction.execute(
            sa.update(_variables)
            .where(*here, _variables.c.value_ == read)
            .values(value_=text, updated_at=stamp)
        )


def put(transaction: Transaction, key: str, values: Mapping[int, Any], now: dt.datetime) -> None:
    """Write variables that are only ever ours, whatever is there; None removes."""
    stamp = now.replace(tzinfo=None, microsecond=0)
    gone = [association for association, value in values.items() if value is None]
    bulk.delete_keys(transaction, _variables.c.association_id, gone, _variables.c.key_ == key)
    bulk.upsert(
        transaction,
        _variables,
        [
            {
                "association_id": association,
                "key_": key,
                "value_": json.dumps(value, sort_keys=True),
                "created_at": stamp,
                "updated_at": stamp,
            }
            for association, value in values.items()
            if value is not None
        ],
    )


# -- what we last saw --------------------------------------------------------------


def seen(connection: sa.Connection, association_id: int | None = None) -> dict[int, sa.Row[Any]]:
    """What we last read or wrote, by association; everywhere, or at one."""
    select = sa.select(tables.variables)
    if association_id is not None:
        select = select.where(tables.variables.c.association_id == association_id)
    return {row.association_id: row for row in connection.execute(select)}


def remember(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what we read or wrote: ``association_id, object, digest, window_id, error``."""
    bulk.upsert(transaction, tables.variables, rows)


def forget(transaction: Transaction, associations: Iterable[int]) -> None:
    bulk.delete_keys(transaction, tables.variables.c.association_id, associations)


def orphans(connection: sa.Connection, associations: Collection[int]) -> set[int]:
    """Those of these associations that no object of Craton's hangs on any more."""
    alive: set[int] = set()
    for chunk in bulk.batched_keys(associations):
        for kind in KINDS:
            select = _select(kind).with_only_columns(_select(kind).selected_columns.association_id)
            column = select.selected_columns[0]
            alive.update(connection.execute(select.where(column.in_(chunk))).scalars())
    return set(associations) - alive
