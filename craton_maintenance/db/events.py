"""Events: numbered and stored in the transaction that makes them, read by cursor."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance import schema
from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import event_head, event_seqs, events
from craton_maintenance.domain.event import Event

_HEAD = sa.select(event_head.c.position).where(event_head.c.id == 1)
_HEAD_LOCKED = _HEAD.with_for_update()
_HEAD_MOVED = (
    sa.update(event_head).where(event_head.c.id == 1).values(position=sa.bindparam("newest"))
)
_SEQS = sa.select(event_seqs.c.project_id, event_seqs.c.seq).where(
    event_seqs.c.project_id.in_(sa.bindparam("projects", expanding=True))
)


def append(
    transaction: Transaction,
    made: Sequence[Event],
    now: dt.datetime,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> None:
    """Store events; must be the last thing that the transaction does.

    The head's row is locked until the commit.  So positions are in commit order
    and without gaps, and so are the numbers of each project: a reader that has
    seen a number has seen all before it.

    :raises craton_maintenance.schema.Invalid: an event is not as promised; nothing is stored
    """
    if not made:
        return
    for event in made:
        payload = dict(event.payload)
        if not schema.is_valid(event.schema, payload):
            schema.check(event.schema, payload)
    position = transaction.execute(_HEAD_LOCKED).scalar_one()
    seqs = _seqs(transaction, {event.project_id for event in made})
    rows = []
    for event in made:
        position += 1
        seqs[event.project_id] += 1
        rows.append(
            {
                "position": position,
                "id": new_id(),
                "project_id": event.project_id,
                "seq": seqs[event.project_id],
                "event_type": event.type.value,
                "audience": event.audience.value,
                "window_id": event.window_id,
                "notice_id": event.notice_id,
                "created_at": now,
                "payload": dict(event.payload),
                "servers": None if event.servers is None else list(event.servers),
            }
        )
    bulk.insert(transaction, events, rows)
    bulk.upsert(
        transaction,
        event_seqs,
        [{"project_id": project_id, "seq": seq} for project_id, seq in sorted(seqs.items())],
    )
    transaction.execute(_HEAD_MOVED, {"newest": position})


def _seqs(transaction: Transaction, project_ids: set[str]) -> dict[str, int]:
    found = dict.fromkeys(project_ids, 0)
    for chunk in bulk.batched_keys(sorted(project_ids)):
        rows = transaction.execute(_SEQS, {"projects": chunk})
        found.update((row.project_id, row.seq) for row in rows)
    return found


def head(connection: sa.Connection) -> int:
    """The position of the newest event."""
    return connection.execute(_HEAD).scalar_one()


def seq(connection: sa.Connection, project_id: str) -> int:
    """The number of a project's newest event, 0 before the first."""
    return (
        connection.execute(
            sa.select(event_seqs.c.seq).where(event_seqs.c.project_id == project_id)
        ).scalar_one_or_none()
        or 0
    )


def after_position(connection: sa.Connection, position: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Events of everybody after a position, in order."""
    return connection.execute(
        sa.select(events)
        .where(events.c.position > position)
        .order_by(events.c.position)
        .limit(limit)
    ).all()


def to_deliver(connection: sa.Connection, position: int, limit: int) -> Sequence[sa.Row[Any]]:
    """As :func:`after_position`, without the lists of servers: they are not sent."""
    columns = [column for column in events.c if column is not events.c.servers]
    return connection.execute(
        sa.select(*columns)
        .where(events.c.position > position)
        .order_by(events.c.position)
        .limit(limit)
    ).all()


def after_seq(
    connection: sa.Connection, project_id: str, since: int, limit: int
) -> Sequence[sa.Row[Any]]:
    """A project's events after a number, in order."""
    return connection.execute(
        sa.select(events)
        .where(events.c.project_id == project_id, events.c.seq > since)
        .order_by(events.c.seq)
        .limit(limit)
    ).all()


def projects_between(connection: sa.Connection, after: int, until: int) -> set[str]:
    """The projects that got events in ``(after, until]``."""
    return set(
        connection.execute(
            sa.select(events.c.project_id)
            .where(events.c.position > after, events.c.position <= until)
            .distinct()
        ).scalars()
    )


def oldest_after(connection: sa.Connection, position: int) -> dt.datetime | None:
    """When the first event after a position was stored."""
    return connection.execute(
        sa.select(events.c.created_at)
        .where(events.c.position > position)
        .order_by(events.c.position)
        .limit(1)
    ).scalar_one_or_none()
