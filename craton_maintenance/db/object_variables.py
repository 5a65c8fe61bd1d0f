"""Variables of ours in Craton's tables, and what we last saw there.

Craton reads and writes these rows at the same time.  So a row is changed only
where, locked, it still holds the very text that we read; whatever somebody else
wrote meanwhile stays, and is read at the next look.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, craton, tables
from craton_maintenance.db.database import Transaction

_variables = craton.variables

#: Kinds of Craton's objects that a window may be set on.
KINDS = ("hosts", "cells", "regions", "clouds")

_TABLES: dict[str, sa.Table] = {
    "hosts": craton.devices,
    "cells": craton.cells,
    "regions": craton.regions,
    "clouds": craton.clouds,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Object:
    """One of Craton's objects that a window may be set on."""

    #: ``hosts``, ``cells``, ``regions`` or ``clouds``
    kind: str
    #: None for clouds
    region: str | None
    name: str
    association_id: int
    #: as the database writes it
    created_at: str

    @property
    def identity(self) -> str:
        """Tells it from an object that got the same id later."""
        return f"{self.kind}:{self.region or ''}:{self.name}:{self.created_at}"[:600]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A variable that is to hold another text than it did when it was read."""

    association_id: int
    #: the text that was read; None: it was absent
    read: str | None
    #: the text to write; None: it is to be removed
    text: str | None


# -- objects -----------------------------------------------------------------------


def _select(kind: str) -> sa.Select[Any]:
    """Objects of a kind: ``kind, region, name, association, created``."""
    regions, table = craton.regions, _TABLES[kind]
    region: Any = sa.null() if kind == "clouds" else regions.c.name
    select = sa.select(
        sa.literal(kind).label("kind"),
        region.label("region"),
        table.c.name,
        table.c.variable_association_id.label("association_id"),
        # as text: nobody reckons with it, and there may be many
        sa.cast(sa.type_coerce(table.c.created_at, sa.String), sa.Text),
    ).select_from(table)
    if kind == "hosts":
        select = select.join(craton.hosts, craton.hosts.c.id == table.c.id)
    if kind in ("hosts", "cells"):
        select = select.join(regions, regions.c.id == table.c.region_id)
    return select


def objects(connection: sa.Connection, kind: str, names: Collection[str]) -> list[Object]:
    """Craton's objects of a kind with exactly one of these names."""
    select = _select(kind)
    if len(names) <= bulk.ROWS:
        select = select.where(_TABLES[kind].c.name.in_(list(names)))
    # in Python: most collations of MariaDB take Host-1 for host-1
    return [Object(*row) for row in connection.execute(select) if row.name in names]


def owners(connection: sa.Connection, associations: Collection[int]) -> dict[int, Object]:
    """The objects that variables hang on; without those that Craton has deleted."""
    found: dict[int, Object] = {}
    for kind in KINDS if associations else ():
        column = _TABLES[kind].c.variable_association_id
        if len(associations) > bulk.ROWS:
            rows = connection.execute(_select(kind))
        else:
            rows = connection.execute(_select(kind).where(column.in_(list(associations))))
        found.update(
            (row.association_id, Object(*row))
            for row in rows
            if row.association_id in associations
        )
    return found


# -- texts of variables ------------------------------------------------------------


def _text() -> sa.ColumnElement[str]:
    """A value as text.

    Craton's column is JSON: text on MariaDB, a type of its own on MySQL, a number
    where the value is one on SQLite.  Where SQL's NULL is, Craton shows null.
    """
    return sa.func.coalesce(sa.cast(_variables.c.value_, sa.Text), "null")


def _key_is(connection: sa.Connection, key: str) -> sa.ColumnElement[bool]:
    """Exactly this key; by the primary key first."""
    same = _variables.c.key_ == key
    if connection.dialect.name not in ("mysql", "mariadb"):
        return same
    return same & (sa.cast(_variables.c.key_, sa.LargeBinary) == key.encode())


def found(connection: sa.Connection, key: str) -> list[tuple[Object, str]]:
    """Every object that has a variable of this name, with its text.

    From the objects to the variables, each by its primary key: there is no index
    on the key alone, and Craton's tables are not ours to change.  The databases are
    told so.  Left alone MariaDB may read all variables first, and PostgreSQL all
    objects for each variable, where it believes that there are none.
    """
    result = []
    for kind in KINDS:
        for *columns, text in connection.execute(_with_text(connection, kind, key)):
            result.append((Object(*columns), text))
    return result


def _with_text(connection: sa.Connection, kind: str, key: str) -> sa.Select[Any]:
    association = _TABLES[kind].c.variable_association_id
    of_object = (_variables.c.association_id == association) & _key_is(connection, key)
    if connection.dialect.name == "postgresql":
        # OFFSET keeps it from being turned around
        texts = sa.select(_text().label("text")).where(of_object).offset(0)
        lateral = texts.correlate(_TABLES[kind]).lateral("texts")
        return _select(kind).add_columns(lateral.c.text).join(lateral, sa.true())
    select = _select(kind).add_columns(_text().label("text")).join(_variables, of_object)
    for name in ("mysql", "mariadb"):
        select = select.prefix_with("STRAIGHT_JOIN", dialect=name)
    return select


def texts(connection: sa.Connection, key: str, associations: Iterable[int]) -> dict[int, str]:
    """The texts of a variable, by association."""
    found: dict[int, str] = {}
    for chunk in bulk.batched_keys(associations):
        rows = connection.execute(
            sa.select(_variables.c.association_id, _text()).where(
                _variables.c.association_id.in_(chunk), _key_is(connection, key)
            )
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def occupied(connection: sa.Connection, key: str, associations: Collection[int]) -> set[int]:
    """Where a key that differs only in case stands, as MariaDB has both for one key."""
    if connection.dialect.name not in ("mysql", "mariadb"):
        return set()
    found: set[int] = set()
    for chunk in bulk.batched_keys(associations):
        rows = connection.execute(
            sa.select(_variables.c.association_id, _variables.c.key_).where(
                _variables.c.association_id.in_(chunk), _variables.c.key_ == key
            )
        )
        found.update(row[0] for row in rows if row[1] != key)
    return found


def held(
    transaction: Transaction, key: str, associations: Collection[int]
) -> dict[int, sa.Row[Any]]:
    """``text`` and ``created_at`` of a variable, by association, locked until the end."""
    found: dict[int, sa.Row[Any]] = {}
    for chunk in bulk.batched_keys(sorted(associations)):
        rows = transaction.execute(
            sa.select(_variables.c.association_id, _text().label("text"), _variables.c.created_at)
            .where(_variables.c.association_id.in_(chunk), _key_is(transaction.connection, key))
            .with_for_update()
        )
        found.update((row.association_id, row) for row in rows)
    return found


def change(
    transaction: Transaction, key: str, changes: Sequence[Change], now: dt.datetime
) -> set[int]:
    """Write what is still as it was read, in few statements.

    :returns: the associations where it was
    """
    there = held(transaction, key, {one.association_id for one in changes})
    still = {
        one.association_id: one.text
        for one in changes
        if (there[one.association_id].text if one.association_id in there else None) == one.read
    }
    return _write(transaction, key, still, there, now)


def put(
    transaction: Transaction, key: str, texts: Mapping[int, str | None], now: dt.datetime
) -> None:
    """Write variables that are only ever ours, whatever is there; None removes."""
    _write(transaction, key, texts, held(transaction, key, texts.keys()), now)


def _write(
    transaction: Transaction,
    key: str,
    texts_: Mapping[int, str | None],
    there: Mapping[int, sa.Row[Any]],
    now: dt.datetime,
) -> set[int]:
    """:returns: the associations where it now is so"""
    # as Craton: to the second on MariaDB, and no updated_at at first
    stamp = now.replace(tzinfo=None, microsecond=0)
    removed: list[int] = []
    updated: list[dict[str, Any]] = []
    inserted: list[dict[str, Any]] = []
    for association, text in sorted(texts_.items()):
        row = {"association_id": association, "key_": key, "value_": text}
        if text is None:
            removed.append(association)
        elif association in there:
            created = there[association].created_at
            updated.append({**row, "created_at": created, "updated_at": stamp})
        else:
            inserted.append({**row, "created_at": stamp, "updated_at": None})
    bulk.delete_keys(
        transaction,
        _variables.c.association_id,
        [association for association in removed if association in there],
        _key_is(transaction.connection, key),
    )
    bulk.upsert(transaction, _variables, updated)
    bulk.insert_missing(transaction, _variables, inserted)
    done = set(texts_)
    if inserted:
        wanted: dict[int, Any] = {row["association_id"]: row["value_"] for row in inserted}
        after = texts(transaction.connection, key, wanted)
        # somebody else may have been first
        done -= {one for one, text in wanted.items() if after.get(one) != text}
    return done


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
