"""Counting the statements that are sent to a database."""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from craton_maintenance.db.database import Database

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Statements(list[str]):
    """The statements, in order; one with many sets of values is one."""

    @property
    def writes(self) -> list[str]:
        return [text for text in self if text.lstrip().upper().startswith(_WRITES)]


@contextlib.contextmanager
def counted(database: Database) -> Iterator[Statements]:
    """What this database object is asked from now on, until the end of the block."""
    found = Statements()

    def listen(connection, cursor, statement, parameters, context, executemany) -> None:
        found.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", listen)
    try:
        yield found
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", listen)
