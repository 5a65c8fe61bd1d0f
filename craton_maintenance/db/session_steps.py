"""Steps of sessions: stored by a decision, claimed and ended by whoever does them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, records, session_inputs, sessions
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import steps
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.steps import Outcome, Step, StepKind, StepStatus


def add_steps(
    transaction: Transaction, session_id: str, made: Sequence[Step], now: dt.datetime
) -> None:
    bulk.insert(
        transaction,
        steps,
        [
            {
                "session_id": session_id,
                "number": one.number,
                "kind": one.kind.value,
                "region": one.host.region,
                "host": one.host.name,
                "server_id": one.server_id,
                "params": dict(one.params),
                "status": StepStatus.WAITING.value,
                "not_before": one.not_before,
                "attempts": 0,
                "created_at": now,
            }
            for one in made
        ],
    )


_UNENDED = (StepStatus.WAITING.value, StepStatus.CLAIMED.value, StepStatus.UNDER_WAY.value)
_OLDEST = (
    sa.select(steps)
    .where(steps.c.status.in_(_UNENDED))
    .order_by(steps.c.created_at, steps.c.session_id, steps.c.number)
    .limit(sa.bindparam("most"))
)
_OLDEST_OF_ONE = _OLDEST.where(steps.c.session_id == sa.bindparam("session"))


def unended_steps(
    connection: sa.Connection, limit: int, session_id: str | None = None
) -> Sequence[sessions.Row]:
    """Steps that have not ended, of one session or all, the oldest first."""
    if session_id is None:
        return connection.execute(_OLDEST, {"most": limit}).all()
    return connection.execute(_OLDEST_OF_ONE, {"most": limit, "session": session_id}).all()


# Besides what they say, they set whatever columns they are given.
_CLAIM = (
    sa.update(steps)
    .where(
        steps.c.session_id == sa.bindparam("of_session"),
        steps.c.number == sa.bindparam("of_number"),
        steps.c.status == sa.bindparam("was"),
        steps.c.attempts == sa.bindparam("tried"),
    )
    .values(status=StepStatus.CLAIMED.value)
)
_OURS = (
    steps.c.session_id == sa.bindparam("of_session"),
    steps.c.number == sa.bindparam("of_number"),
    steps.c.status == StepStatus.CLAIMED.value,
    steps.c.fence == sa.bindparam("of_fence"),
)
_END = sa.update(steps).where(*_OURS).values(status=StepStatus.ENDED.value)
_GO_ON = sa.update(steps).where(*_OURS).values(status=StepStatus.UNDER_WAY.value, must_end_by=None)
_OUTCOME = sa.select(steps.c.outcome).where(*_OURS)


def _ours(session_id: str, step: Step, fence: int) -> dict[str, Any]:
    """Which step it is, as we have claimed it."""
    return {"of_session": session_id, "of_number": step.number, "of_fence": fence}


def claim(
    transaction: Transaction,
    row: sessions.Row,
    fence: int,
    now: dt.datetime,
    must_end_by: dt.datetime,
) -> bool:
    """Begin a step under a fencing number, before its effect.

    :param row: as it was read; whoever claimed it meanwhile has it
    :returns: False if it is not to be begun by us any more
    """
    result = transaction.execute(
        _CLAIM,
        {
            "of_session": row.session_id,
            "of_number": row.number,
            "was": row.status,
            "tried": row.attempts,
            "attempts": row.attempts + 1,
            "fence": fence,
            # of what goes on elsewhere, when it was begun, not when it was looked at
            "began_at": row.began_at if row.status == StepStatus.UNDER_WAY.value else now,
            "must_end_by": must_end_by,
        },
    )
    return result.rowcount == 1


def end(
    transaction: Transaction,
    step: Step,
    session_id: str,
    fence: int,
    outcome: Outcome,
    now: dt.datetime,
) -> bool:
    """A step has ended: its row, and the input that tells its session.

    :returns: False if another engine has it by now; nothing was written
    """
    result = transaction.execute(
        _END,
        {
            **_ours(session_id, step, fence),
            "ended_at": now,
            "result": outcome.result.value,
            "outcome": records.dump(outcome),
        },
    )
    if result.rowcount != 1:
        return False
    _tell(transaction, step, session_id, outcome, now)
    return True


def _tell(
    transaction: Transaction, step: Step, session_id: str, outcome: Outcome, now: dt.datetime
) -> None:
    """The session decides on what is known of a step now."""
    data = {"step": records.dump(step), "outcome": records.dump(outcome)}
    session_inputs.add_input(transaction, session_id, "step", data, now)


def goes_on(
    transaction: Transaction,
    step: Step,
    session_id: str,
    fence: int,
    outcome: Outcome,
    now: dt.datetime,
    look_at: dt.datetime,
) -> bool:
    """A step goes on elsewhere: anybody may look at it again, from a moment on.

    Its session is told only where there is something new to say: a look is no event.

    :param look_at: by the clock of engines
    :returns: False if another engine has it by now; nothing was written
    """
    ours = _ours(session_id, step, fence)
    before = transaction.execute(_OUTCOME, ours).one_or_none()
    result = transaction.execute(
        _GO_ON, {**ours, "not_before": look_at, "outcome": records.dump(outcome)}
    )
    if before is None or result.rowcount != 1:
        return False
    said = before.outcome
    # the first look may be the end of what an earlier try met with
    if said is None or (said.get("code", ""), said.get("words", "")) != (
        outcome.code,
        outcome.words,
    ):
        _tell(transaction, step, session_id, outcome, now)
    return True


def look_soon(transaction: Transaction, session_id: str, number: int, now: dt.datetime) -> bool:
    """Something has happened to a step that goes on elsewhere: it is looked at now.

    :param number: the step's, or that of the first of which it is the repetition
    :returns: False if it does not go on elsewhere, or is being looked at
    """
    rows = transaction.execute(
        sa.select(steps.c.number, steps.c.params).where(
            steps.c.session_id == session_id, steps.c.status == StepStatus.UNDER_WAY.value
        )
    )
    found = [row.number for row in rows if number in (row.number, row.params.get("step"))]
    result = transaction.execute(
        sa.update(steps)
        .where(
            steps.c.session_id == session_id,
            steps.c.number.in_(found),
            steps.c.status == StepStatus.UNDER_WAY.value,
        )
        .values(not_before=now)
    )
    return result.rowcount > 0


def facts_of(row: sessions.Row) -> Mapping[str, Any]:
    """What the last look at a step has found, of one that goes on elsewhere; else nothing."""
    return (row.outcome or {}).get("facts", {})


def drop(transaction: Transaction, session_id: str, numbers: Sequence[int]) -> None:
    """Withdraw steps that nobody has begun."""
    bulk_numbers = list(numbers)
    if bulk_numbers:
        transaction.execute(
            sa.update(steps)
            .where(
                steps.c.session_id == session_id,
                steps.c.number.in_(bulk_numbers),
                steps.c.status == StepStatus.WAITING.value,
            )
            .values(status=StepStatus.DROPPED.value)
        )


def step_of(row: sessions.Row) -> Step:
    """A step from its row."""
    return Step(
        number=row.number,
        kind=StepKind(row.kind),
        host=HostKey(row.region, row.host),
        server_id=row.server_id,
        params=row.params,
        not_before=row.not_before,
    )
