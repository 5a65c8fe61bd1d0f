"""What comes in for sessions, and when they have to be decided on."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, records
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import (
    inputs,
    session_holds,
    session_projects,
    sessions,
    window_projects,
)
from craton_maintenance.db.types import UTCDateTime
from craton_maintenance.domain.session.inputs import (
    AdapterSaid,
    Input,
    Order,
    Reply,
    Stale,
    StepEnded,
)
from craton_maintenance.domain.session.records import Problem, Session
from craton_maintenance.domain.session.states import Blocker
from craton_maintenance.domain.session.steps import Outcome, Step


def add_input(
    transaction: Transaction, session_id: str, kind: str, data: Mapping[str, Any], now: dt.datetime
) -> None:
    """Store something that a session has to decide on.

    :param kind: ``reply``, ``stale``, ``order``, ``step`` or ``adapter``
    """
    transaction.execute(
        sa.insert(inputs).values(session_id=session_id, kind=kind, data=dict(data), created_at=now)
    )


def take_inputs(transaction: Transaction, session_id: str) -> list[Input]:
    """Everything that waits, in order; it is gone with the commit."""
    rows = transaction.execute(_TAKEN, {"session": session_id}).all()
    if rows:
        bulk.delete_ids(transaction, inputs.c.id, [row.id for row in rows])
    return [_INPUT[row.kind](row.data) for row in rows]


def is_answered(transaction: Transaction, session_id: str, ids: Collection[str]) -> bool:
    """Whether an answer to one of these notices waits."""
    return bool(ids) and any(
        row.data["notice_id"] in ids
        for row in transaction.execute(
            sa.select(inputs.c.data).where(
                inputs.c.session_id == session_id, inputs.c.kind == "reply"
            )
        )
    )


def _reply(data: Mapping[str, Any]) -> Reply:
    return records.load(Reply, data)


def _stale(data: Mapping[str, Any]) -> Stale:
    return records.load(Stale, data)


def _order(data: Mapping[str, Any]) -> Order:
    return records.load(Order, data)


def _step_ended(data: Mapping[str, Any]) -> StepEnded:
    return StepEnded(records.load(Step, data["step"]), records.load(Outcome, data["outcome"]))


def _adapter_said(data: Mapping[str, Any]) -> AdapterSaid:
    return records.load(AdapterSaid, data)


_INPUT: Mapping[str, Any] = {
    "adapter": _adapter_said,
    "reply": _reply,
    "stale": _stale,
    "order": _order,
    "step": _step_ended,
}


# What is asked many times a second is made once: to put a statement together takes as long
# as to have it answered.

_OTHERS = sa.func.sum(sa.case((inputs.c.kind == "reply", 0), else_=1))
_WAITING = (
    sa.select(inputs.c.session_id, _OTHERS)
    .group_by(inputs.c.session_id)
    .limit(sa.bindparam("most"))
)
_DUE = (
    sa.select(sessions.c.id)
    .where(sessions.c.due_at <= sa.bindparam("now", type_=UTCDateTime))
    .limit(sa.bindparam("most"))
)
_NEXT_DUE = sa.select(sa.func.min(sessions.c.due_at))
_TAKEN = (
    sa.select(inputs).where(inputs.c.session_id == sa.bindparam("session")).order_by(inputs.c.id)
)


def to_decide(connection: sa.Connection, now: dt.datetime, limit: int) -> Mapping[str, bool]:
    """Sessions that something came in for, or whose time has come.

    :returns: by id, whether it is answers only: more of them may follow at once
    """
    waiting = connection.execute(_WAITING, {"most": limit}).all()
    due = connection.execute(_DUE, {"now": now, "most": limit}).scalars()
    return {row[0]: not row[1] for row in waiting} | dict.fromkeys(due, False)


def cannot_decide(
    transaction: Transaction, session_id: str, words: str, now: dt.datetime, again_at: dt.datetime
) -> None:
    """A decision has failed by a fault of ours: say so, and do not try again at once.

    What came in waits.  The record is not loaded: it may be what is wrong.
    """
    data = transaction.execute(
        sa.select(sessions.c.data)
        .where(sessions.c.id == session_id, sessions.c.due_at.is_not(None))
        .with_for_update()
    ).scalar_one_or_none()
    if data is None:
        return
    problem = records.dump(Problem(Blocker.DECISION_FAILED, words, now))
    before = data.get("problem") or {}
    if before.get("code") == problem["code"]:
        problem["since"] = before["since"]
    transaction.execute(
        sa.update(sessions)
        .where(sessions.c.id == session_id)
        .values(data={**data, "problem": problem}, due_at=again_at)
    )


def untold(connection: sa.Connection, session: Session) -> dict[str, tuple[str, ...]]:
    """Projects concerned by a session's window that it has told nothing yet; their servers."""
    told = sa.select(session_projects.c.project_id).where(
        session_projects.c.session_id == session.id,
        session_projects.c.project_id == window_projects.c.project_id,
    )
    rows = connection.execute(
        sa.select(window_projects.c.project_id, window_projects.c.servers).where(
            window_projects.c.window_id == session.window_id,
            window_projects.c.concerned,
            sa.not_(told.exists()),
        )
    )
    return {row.project_id: tuple(row.servers) for row in rows}


def next_due(connection: sa.Connection) -> dt.datetime | None:
    """When a session has to be looked at next."""
    return connection.execute(_NEXT_DUE).scalar_one()


def wake(transaction: Transaction, region: str, now: dt.datetime) -> None:
    """What Nova shows has changed: sessions that work in a region are looked at."""
    working = sa.select(session_holds.c.session_id).where(session_holds.c.region == region)
    _touch(transaction, sessions.c.id.in_(working), now)


def touch(transaction: Transaction, session_id: str, at: dt.datetime) -> None:
    """Have a session looked at by then, or before if that is due."""
    _touch(transaction, sessions.c.id == session_id, at)


def touch_window(transaction: Transaction, window_id: str, now: dt.datetime) -> None:
    """Have a window's session looked at now: the window has changed."""
    _touch(transaction, sessions.c.window_id == window_id, now)


def _touch(transaction: Transaction, which: sa.ColumnElement[bool], at: dt.datetime) -> None:
    """One that is being decided on is waited for, and then looked at again.

    So whether it is due before must not be a condition: of a row that another transaction
    holds, databases look at what is committed, and pass over it if that does not match.
    """
    sooner = sa.case((sessions.c.due_at > at, at), else_=sessions.c.due_at)
    transaction.execute(
        sa.update(sessions).where(which, sessions.c.due_at.is_not(None)).values(due_at=sooner)
    )
