"""What other systems are to be quiet about, and how far they are.

What is wanted follows from the hosts of sessions; a row of ours says what was done about it,
and is there before anything is done.  Only the engine that holds an adapter's lease writes its
rows, each time under the lease's number.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import (
    session_holds,
    session_hosts,
    session_servers,
    sessions,
    suppressions,
    windows,
)
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.known import Suppression
from craton_maintenance.domain.session.quiet import QUIET
from craton_maintenance.domain.session.states import ServerState

Row = sa.Row[Any]

SETTING, SET, CLEARING = "setting", "set", "clearing"


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A host that others are to be quiet about."""

    key: HostKey
    session_id: str
    #: the host's ``quiet_since``
    asked_at: dt.datetime
    outside_nova: bool
    #: of the window, if it has one
    ends_at: dt.datetime | None
    #: ids of the servers that stay there
    servers: tuple[str, ...] = ()


_HELD = (
    sa.select(
        session_hosts.c.region,
        session_hosts.c.host,
        session_hosts.c.session_id,
        session_hosts.c.data,
        windows.c.end_at,
    )
    .select_from(session_holds)
    .join(
        session_hosts,
        (session_hosts.c.session_id == session_holds.c.session_id)
        & (session_hosts.c.region == session_holds.c.region)
        & (session_hosts.c.host == session_holds.c.host),
    )
    .join(sessions, sessions.c.id == session_holds.c.session_id)
    .join(windows, windows.c.id == sessions.c.window_id)
    .where(session_hosts.c.state.in_([state.value for state in QUIET]))
)
_OF_ADAPTER = sa.select(suppressions).where(suppressions.c.adapter == sa.bindparam("named"))


def wanted(connection: sa.Connection) -> dict[HostKey, Wanted]:
    """Every host that others are to be quiet about now, as the sessions stand."""
    asked = [row for row in connection.execute(_HELD) if row.data.get("quiet_since")]
    left = _left(connection, sorted({row.session_id for row in asked})) if asked else {}
    return {
        key: Wanted(
            key=key,
            session_id=row.session_id,
            asked_at=dt.datetime.fromisoformat(row.data["quiet_since"]),
            outside_nova=bool(row.data.get("outside_nova")),
            ends_at=row.end_at,
            servers=tuple(sorted(left.get((row.session_id, key), ()))),
        )
        for row in asked
        for key in [HostKey(row.region, row.host)]
    }


def _left(
    connection: sa.Connection, session_ids: Sequence[str]
) -> dict[tuple[str, HostKey], list[str]]:
    """Servers that stay on hosts of these sessions, by session and host."""
    found: dict[tuple[str, HostKey], list[str]] = {}
    rows = connection.execute(
        sa.select(
            session_servers.c.session_id, session_servers.c.server_id, session_servers.c.data
        ).where(
            session_servers.c.session_id.in_(session_ids),
            session_servers.c.state == ServerState.LEFT.value,
        )
    )
    for row in rows:
        key = HostKey(*row.data["host"])
        found.setdefault((row.session_id, key), []).append(row.server_id)
    return found


# -- what was done -------------------------------------------------------------------


def of_adapter(connection: sa.Connection, adapter: str) -> dict[HostKey, Row]:
    """What one system was told, or is about to be."""
    rows = connection.execute(_OF_ADAPTER, {"named": adapter})
    return {HostKey(row.region, row.host): row for row in rows}


def of_session(connection: sa.Connection, session_id: str) -> Sequence[Row]:
    """What others were told for a session, in order."""
    return connection.execute(
        sa.select(suppressions)
        .where(suppressions.c.session_id == session_id)
        .order_by(suppressions.c.region, suppressions.c.host, suppressions.c.adapter)
    ).all()


def adapters(connection: sa.Connection) -> set[str]:
    """Names of the adapters that something is left of."""
    return set(connection.execute(sa.select(suppressions.c.adapter).distinct()).scalars())


def unreleased(connection: sa.Connection) -> Sequence[Row]:
    """By adapter, how many hosts it could not be told to be back."""
    return connection.execute(
        sa.select(suppressions.c.adapter, sa.func.count().label("hosts"))
        .where(suppressions.c.status == CLEARING, suppressions.c.failures > 0)
        .group_by(suppressions.c.adapter)
        .order_by(suppressions.c.adapter)
    ).all()


def known(connection: sa.Connection, session_id: str) -> dict[HostKey, tuple[Suppression, ...]]:
    """How far others are with hosts of a session."""
    found: dict[HostKey, list[Suppression]] = {}
    for row in of_session(connection, session_id):
        one = Suppression(row.adapter, row.asked_at, row.status == SET, row.error or "")
        found.setdefault(HostKey(row.region, row.host), []).append(one)
    return {key: tuple(some) for key, some in found.items()}


# -- writing -------------------------------------------------------------------------


def _row(adapter: str, key: HostKey) -> sa.ColumnElement[bool]:
    return sa.and_(
        suppressions.c.adapter == adapter,
        suppressions.c.region == key.region,
        suppressions.c.host == key.name,
    )


def _change(
    transaction: Transaction, adapter: str, key: HostKey, fence: int, values: Mapping[str, Any]
) -> bool:
    result = transaction.execute(
        sa.update(suppressions)
        .where(_row(adapter, key), suppressions.c.fence == fence)
        .values(**values)
    )
    return result.rowcount == 1


def begin(
    transaction: Transaction,
    adapter: str,
    key: HostKey,
    before: Row | None,
    want: Wanted | None,
    fence: int,
    now: dt.datetime,
    must_end_by: dt.datetime,
) -> bool:
    """Store what is about to be tried.

    :param before: the row as it was read; None: there was none
    :param want: what has to be so; None: it has to be ended
    :param must_end_by: by the database's clock
    :returns: False if somebody else has begun with it since
    """
    there = transaction.execute(
        sa.select(suppressions.c.fence, suppressions.c.tried_at)
        .where(_row(adapter, key))
        .with_for_update()
    ).one_or_none()
    if (there and tuple(there)) != (before and (before.fence, before.tried_at)):
        return False
    tried = {"fence": fence, "tried_at": now, "must_end_by": must_end_by, "not_before": None}
    if want is None:
        values: dict[str, Any] = tried | {"status": CLEARING}
        if before is not None and before.status != CLEARING:
            values |= {"error": None, "failures": 0}
    else:
        values = tried | {
            "session_id": want.session_id,
            "asked_at": want.asked_at,
            "servers": list(want.servers),
        }
        if before is None or before.status != SET or before.asked_at != want.asked_at:
            values["status"] = SETTING
        if before is not None and not is_about(before, want):
            values |= {"error": None, "failures": 0}
    if before is not None:
        transaction.execute(sa.update(suppressions).where(_row(adapter, key)).values(**values))
        return True
    transaction.execute(
        sa.insert(suppressions).values(
            adapter=adapter,
            region=key.region,
            host=key.name,
            failures=0,
            created_at=now,
            **values,
        )
    )
    return True


def is_about(row: Row, want: Wanted) -> bool:
    """Whether what was tried last is what is wanted."""
    asked = (want.session_id, want.asked_at)
    return row.status != CLEARING and asked == (row.session_id, row.asked_at)


def found(
    transaction: Transaction, adapter: str, key: HostKey, fence: int, reference: Mapping[str, Any]
) -> bool:
    """Store what was found, before anything is changed.

    :returns: False if another engine has it by now, here and below
    """
    return _change(transaction, adapter, key, fence, {"reference": dict(reference)})


def kept(
    transaction: Transaction,
    adapter: str,
    key: HostKey,
    fence: int,
    reference: Mapping[str, Any],
    words: str,
    renew_at: dt.datetime,
) -> bool:
    """The other system keeps quiet."""
    values = {
        "status": SET,
        "reference": dict(reference),
        "words": words or None,
        "error": None,
        "failures": 0,
        "not_before": renew_at,
        "must_end_by": None,
    }
    return _change(transaction, adapter, key, fence, values)


def failed(
    transaction: Transaction,
    adapter: str,
    key: HostKey,
    fence: int,
    error: str,
    failures: int,
    again_at: dt.datetime,
    forget: bool,
) -> bool:
    """It did not work.

    :param forget: what was found is not so any more
    """
    values: dict[str, Any] = {
        "error": error,
        "failures": failures,
        "not_before": again_at,
        "must_end_by": None,
    }
    if forget:
        # whatever was confirmed was about something else
        values |= {"reference": None, "status": SETTING}
    return _change(transaction, adapter, key, fence, values)


def released(transaction: Transaction, adapter: str, key: HostKey, fence: int) -> bool:
    """Nothing is left of it."""
    result = transaction.execute(
        sa.delete(suppressions).where(_row(adapter, key), suppressions.c.fence == fence)
    )
    return result.rowcount == 1
