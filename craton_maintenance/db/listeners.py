"""What is read to say which projects listen."""

import datetime as dt
from collections.abc import Iterable

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.tables import notices, nova_servers, session_projects


def owners(connection: sa.Connection) -> dict[str, int]:
    """How many servers each project has, those with any."""
    rows = connection.execute(
        sa.select(nova_servers.c.project_id, sa.func.count().label("servers")).group_by(
            nova_servers.c.project_id
        )
    )
    return {row.project_id: row.servers for row in rows}


def told(connection: sa.Connection, session_id: str) -> dict[str, int]:
    """How many servers each project was told of in a session."""
    rows = connection.execute(
        sa.select(session_projects.c.project_id, session_projects.c.servers).where(
            session_projects.c.session_id == session_id
        )
    )
    return {row.project_id: len(row.servers) for row in rows}


def answered(connection: sa.Connection, projects: Iterable[str]) -> dict[str, dt.datetime]:
    """When each of these projects has last answered a notice, those that ever did."""
    found: dict[str, dt.datetime] = {}
    for chunk in bulk.batched_keys(sorted(projects)):
        rows = connection.execute(
            sa.select(notices.c.project_id, sa.func.max(notices.c.replied_at).label("at"))
            .where(notices.c.project_id.in_(chunk), notices.c.replied_at.is_not(None))
            .group_by(notices.c.project_id)
        )
        found |= {row.project_id: row.at for row in rows}
    return found
