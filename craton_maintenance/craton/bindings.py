"""Craton projects bound to Nova's.

A Craton project's id means nothing to Nova.  An admin says which of Nova's projects
it stands for; from then on its users who are not admins are that project's members.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import project_bindings as _table


def of(connection: sa.Connection, project: str) -> sa.Row[Any] | None:
    """The binding of a Craton project: ``craton_project, nova_project_id, ...``.

    :param project: 32 hex digits
    """
    return connection.execute(
        sa.select(_table).where(_table.c.craton_project == project)
    ).one_or_none()


def bind(
    transaction: Transaction, project: str, nova_project_id: str, actor: str, now: dt.datetime
) -> None:
    """Bind a Craton project to one of Nova's, in place of another one."""
    row = {
        "craton_project": project,
        "nova_project_id": nova_project_id,
        "created_at": now,
        "created_by": actor[:255],
    }
    bulk.upsert(transaction, _table, [row])


def unbind(transaction: Transaction, project: str) -> bool:
    """Make a Craton project mean nothing to Nova again.

    :returns: whether it was bound
    """
    result = transaction.execute(sa.delete(_table).where(_table.c.craton_project == project))
    return bool(result.rowcount)
