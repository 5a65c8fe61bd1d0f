"""Many rows in few statements, on each of the three databases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from craton_maintenance.db.database import Transaction

#: Rows in a statement. PostgreSQL takes 65,535 parameters, MariaDB 16 MB.
ROWS = 2000


def _batched(items: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    # itertools.batched came with Python 3.12
    left = iter(items)
    while chunk := tuple(islice(left, size)):
        yield chunk


def insert(transaction: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that are not there."""
    if rows:
        transaction.execute(sa.insert(table), list(rows))


def upsert(transaction: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite those with the same primary key.

    All rows must have the same keys.  One statement for some thousand rows:
    an UPDATE for each would be a round trip for each.
    """
    if not rows:
        return
    changed = [name for name in rows[0] if not table.c[name].primary_key]
    for chunk in _chunks(rows, len(rows[0])):
        if transaction.dialect == "mysql":
            statement: Any = mysql.insert(table).values(list(chunk))
            statement = statement.on_duplicate_key_update(
                {name: statement.inserted[name] for name in changed}
            )
        else:
            make = postgresql.insert if transaction.dialect == "postgresql" else sqlite.insert
            statement = make(table).values(list(chunk))
            statement = statement.on_conflict_do_update(
                index_elements=list(table.primary_key.columns),
                set_={name: statement.excluded[name] for name in changed},
            )
        transaction.execute(statement)


def insert_missing(
    transaction: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows, leaving those that are there as they are."""
    for chunk in _chunks(rows, len(rows[0]) if rows else 1):
        if transaction.dialect == "mysql":
            statement: Any = mysql.insert(table).values(list(chunk)).prefix_with("IGNORE")
        else:
            make = postgresql.insert if transaction.dialect == "postgresql" else sqlite.insert
            statement = make(table).values(list(chunk)).on_conflict_do_nothing()
        transaction.execute(statement)


def delete_keys(
    transaction: Transaction, column: sa.Column[Any], keys: Iterable[Any], *where: Any
) -> None:
    """Delete the rows whose ``column`` has one of these literal values."""
    for chunk in batched_keys(keys):
        transaction.execute(sa.delete(column.table).where(column.in_(chunk), *where))


def batched_keys(keys: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """Cut a list of literal values into what one statement takes."""
    return _batched(keys, ROWS)


def _chunks(
    rows: Sequence[Mapping[str, Any]], width: int
) -> Iterable[tuple[Mapping[str, Any], ...]]:
    # SQLite and PostgreSQL limit the parameters of a statement: 32,766 and 65,535
    return _batched(rows, max(1, min(ROWS, 30_000 // max(1, width))))
