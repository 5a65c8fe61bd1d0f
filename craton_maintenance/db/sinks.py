"""Cursors of the places that events are delivered to."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, events
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import sinks


def get(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(sinks).where(sinks.c.name == name)).one_or_none()


def open_at(transaction: Transaction, name: str, fence: int) -> int:
    """Begin to deliver under a fencing number.

    A new sink starts with the first event there is: nothing that was ever stored
    is lost to it.

    :returns: the position that everything was taken up to
    """
    bulk.insert_missing(
        transaction, sinks, [{"name": name, "position": 0, "fence": 0, "error": None}]
    )
    transaction.execute(
        sa.update(sinks).where(sinks.c.name == name, sinks.c.fence < fence).values(fence=fence)
    )
    return transaction.execute(
        sa.select(sinks.c.position).where(sinks.c.name == name)
    ).scalar_one()


def advance(transaction: Transaction, name: str, position: int, fence: int) -> bool:
    """Remember that everything up to here was taken.

    :returns: False if another engine delivers by now; nothing was written
    """
    result = transaction.execute(
        sa.update(sinks)
        .where(sinks.c.name == name, sinks.c.fence == fence, sinks.c.position <= position)
        .values(position=position, error=None, error_at=None)
    )
    return result.rowcount == 1


def failed(transaction: Transaction, name: str, fence: int, words: str, now: dt.datetime) -> None:
    """Keep what the other side said, for readiness."""
    transaction.execute(
        sa.update(sinks)
        .where(sinks.c.name == name, sinks.c.fence == fence)
        .values(error=words[:2000], error_at=now)
    )


def backlog(connection: sa.Connection) -> list[dict[str, Any]]:
    """For each sink: how many events wait, since when, and what went wrong last."""
    head = events.head(connection)
    return [
        {
            "name": row.name,
            "waiting": head - row.position,
            "oldest": events.oldest_after(connection, row.position),
            "error": row.error,
        }
        for row in connection.execute(sa.select(sinks).order_by(sinks.c.name))
    ]
