"""Many rows in few statements, on each of the three databases."""

import functools
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
        transaction.execute(_insert(table), list(rows))


def upsert(transaction: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite those with the same primary key.

    All rows must have the same keys.  One statement for some thousand rows:
    an UPDATE for each would be a round trip for each.
    """
    if rows:
        _execute(transaction, _upsert(transaction.dialect, table, tuple(rows[0])), rows)


def insert_missing(
    transaction: Transaction, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows, leaving those that are there as they are."""
    _execute(transaction, _insert_missing(transaction.dialect, table), rows)


def delete_keys(
    transaction: Transaction, column: sa.Column[Any], keys: Iterable[Any], *where: Any
) -> None:
    """Delete the rows whose ``column`` has one of these literal values."""
    for chunk in batched_keys(keys):
        transaction.execute(sa.delete(column.table).where(column.in_(chunk), *where))


def delete_ids(transaction: Transaction, column: sa.Column[Any], ids: Iterable[int]) -> None:
    """Delete rows by their numbers, while others insert further ones.

    Where the numbers are many of those in the table, MariaDB goes through all of it; it has
    to stop at the last one, or it would wait for each row that is being inserted.
    """
    if transaction.dialect != "mysql":
        delete_keys(transaction, column, ids)
        return
    statement = sa.text(
        f"DELETE FROM {column.table.name} WHERE {column.name} IN :ids "  # noqa: S608
        f"ORDER BY {column.name} LIMIT :count"
    ).bindparams(sa.bindparam("ids", expanding=True))
    for chunk in batched_keys(ids):
        transaction.execute(statement, {"ids": chunk, "count": len(chunk)})


def batched_keys(keys: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """Cut a list of literal values into what one statement takes."""
    return _batched(keys, ROWS)


# Statements are put together once: that takes longer than the database does.

_DIALECTS: dict[str, Any] = {
    "mysql": mysql.insert,
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


@functools.cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@functools.cache
def _upsert(dialect: str, table: sa.Table, names: tuple[str, ...]) -> Any:
    statement = _DIALECTS[dialect](table)
    changed = [name for name in names if not table.c[name].primary_key]
    if dialect == "mysql":
        # not ``inserted``: the driver makes one statement of many rows only of this form
        return statement.on_duplicate_key_update(
            {name: sa.func.values(table.c[name]) for name in changed}
        )
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in changed},
    )


@functools.cache
def _insert_missing(dialect: str, table: sa.Table) -> Any:
    statement = _DIALECTS[dialect](table)
    if dialect == "mysql":
        return statement.prefix_with("IGNORE")
    return statement.on_conflict_do_nothing()


def _execute(transaction: Transaction, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Some thousand rows in a statement.

    Given to the driver as rows: a statement that spells them out would have to be
    compiled for each number of rows, which takes longer than the database does.
    """
    for chunk in _batched(rows, ROWS):
        transaction.connection.execute(
            statement, list(chunk), execution_options={"insertmanyvalues_page_size": ROWS}
        )
