"""Notices and their hand-over: what whoever delivers them writes."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, session_inputs
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import notices
from craton_maintenance.domain.session.states import NoticeStatus

#: Part of the time to answer that has to be left when a notice is handed over.
_LEFT = 0.5

#: Within this a session notes that notices were handed over: half of the shortest time to answer.
_SOON = dt.timedelta(seconds=0.5)

_COLUMNS = (
    notices.c.id,
    notices.c.session_id,
    notices.c.project_id,
    notices.c.status,
    notices.c.created_at,
    notices.c.reply_at,
    notices.c.delivered_at,
)


def waiting(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Any]:
    """Rows of notices, as far as their hand-over goes, by id."""
    return {
        row.id: row
        for chunk in bulk.batched_keys(sorted(set(ids)))
        for row in connection.execute(sa.select(*_COLUMNS).where(notices.c.id.in_(chunk)))
    }


def is_wanted(row: Any) -> bool:
    """Whether a notice has still to be handed over: nobody has answered or replaced it."""
    return row.status in (NoticeStatus.OPEN.value, NoticeStatus.INFORMATION.value)


def is_stale(row: Any, now: dt.datetime) -> bool:
    """Whether a notice comes too late to be handed over for the first time."""
    if row.delivered_at is not None or row.reply_at is None:
        return False
    if row.status != NoticeStatus.OPEN.value:
        return False  # nobody waits for an answer to it
    return now > row.created_at + (row.reply_at - row.created_at) * _LEFT


def handed_over(transaction: Transaction, rows: Collection[Any], now: dt.datetime) -> None:
    """The time to answer begins; one that comes too late is asked anew instead.

    :param rows: as :func:`waiting` gives them
    """
    new = [row for row in rows if row.delivered_at is None and is_wanted(row)]
    in_time = [row for row in new if not is_stale(row, now)]
    # before their notices, as everybody else; a little later, as thousands may be handed over
    # one after the other, and nothing is due before half of the time to answer
    at = now + _SOON
    for session_id in sorted({row.session_id for row in in_time if row.reply_at is not None}):
        session_inputs.touch(transaction, session_id, at)
    for chunk in bulk.batched_keys(sorted(row.id for row in in_time)):
        transaction.execute(
            sa.update(notices)
            .where(notices.c.id.in_(chunk), notices.c.delivered_at.is_(None))
            .values(delivered_at=now)
        )
    for row in new:
        if is_stale(row, now):
            too_late(transaction, row, now)


def too_late(transaction: Transaction, row: Any, now: dt.datetime) -> None:
    """The session asks again, with new deadlines."""
    session_inputs.add_input(transaction, row.session_id, "stale", {"notice_id": row.id}, now)
