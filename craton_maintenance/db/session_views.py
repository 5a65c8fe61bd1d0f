"""What is read of sessions to be shown, and to check what comes in; nothing is decided by it."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.tables import (
    inputs,
    notices,
    session_hosts,
    session_projects,
    session_servers,
    sessions,
    steps,
    windows,
)
from craton_maintenance.domain.session.states import OVER, NoticeStatus

Row = sa.Row[Any]

#: Sessions in one page of a list, unless less is asked for.
MOST = 1000

#: A session, with what its window says.
_WITH_WINDOW = sa.select(
    sessions,
    windows.c.start_at,
    windows.c.started_at,
    windows.c.end_at,
    windows.c.announcement,
    windows.c.impact,
    windows.c.approved,
    windows.c.hosts_count,
    windows.c.projects_count,
    windows.c.servers_count,
).join(windows, windows.c.id == sessions.c.window_id)

_IS_OVER = sessions.c.state.in_([state.value for state in OVER])


def get(connection: sa.Connection, session_id: str) -> Row | None:
    """A session, with what its window says."""
    return connection.execute(_WITH_WINDOW.where(sessions.c.id == session_id)).one_or_none()


def listed(
    connection: sa.Connection, query: Mapping[str, Any], project_id: str | None
) -> tuple[Sequence[Row], bool]:
    """A page of sessions, the newest first, and whether there are more.

    :param query: valid by ``session-list-query``
    :param project_id: only those that this project was told of; None: all
    """
    limit = query.get("limit", MOST)
    found = _WITH_WINDOW.order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
    if project_id is not None:
        found = found.where(_concerns(project_id))
    if "state" in query:
        found = found.where(sessions.c.state == query["state"])
    if "marker" in query:
        last = sa.select(sessions.c.created_at, sessions.c.id).where(
            sessions.c.id == query["marker"]
        )
        if project_id is not None:
            last = last.where(_concerns(project_id))
        marker = connection.execute(last).one_or_none()
        if marker is None:
            return [], False
        found = found.where(
            sa.or_(
                sessions.c.created_at < marker.created_at,
                sa.and_(sessions.c.created_at == marker.created_at, sessions.c.id < marker.id),
            )
        )
    rows = connection.execute(found.limit(limit + 1)).all()
    return rows[:limit], len(rows) > limit


def _concerns(project_id: str) -> sa.ColumnElement[bool]:
    return sessions.c.id.in_(
        sa.select(session_projects.c.session_id).where(session_projects.c.project_id == project_id)
    )


def of_windows(
    connection: sa.Connection, window_ids: Iterable[str], project_id: str | None = None
) -> dict[str, dict[str, str]]:
    """``{"id", "state"}`` of the session of each of these windows that has one.

    :param project_id: only those that this project was told of; None: all
    """
    found = sa.select(sessions.c.id, sessions.c.window_id, sessions.c.state).where(
        sessions.c.window_id.in_(list(window_ids))
    )
    if project_id is not None:
        found = found.where(_concerns(project_id))
    return {row.window_id: {"id": row.id, "state": row.state} for row in connection.execute(found)}


def running(connection: sa.Connection, window_id: str) -> str | None:
    """The session that works on a window, or is about to."""
    return connection.execute(
        sa.select(sessions.c.id).where(sessions.c.window_id == window_id, sa.not_(_IS_OVER))
    ).scalar_one_or_none()


def told(connection: sa.Connection, session_id: str, project_id: str) -> list[str] | None:
    """The servers that a project was told of; None: it was never told anything."""
    found = connection.execute(
        sa.select(session_projects.c.servers).where(
            session_projects.c.session_id == session_id,
            session_projects.c.project_id == project_id,
        )
    ).scalar_one_or_none()
    return None if found is None else list(found)


def told_by_session(
    connection: sa.Connection, session_ids: Iterable[str], project_id: str
) -> dict[str, list[str]]:
    """:func:`told` of several sessions."""
    rows = connection.execute(
        sa.select(session_projects.c.session_id, session_projects.c.servers).where(
            session_projects.c.session_id.in_(list(session_ids)),
            session_projects.c.project_id == project_id,
        )
    )
    return {row.session_id: list(row.servers) for row in rows}


def hosts(connection: sa.Connection, session_id: str) -> Sequence[Row]:
    """The hosts of a session, in order."""
    return connection.execute(
        sa.select(session_hosts)
        .where(session_hosts.c.session_id == session_id)
        .order_by(session_hosts.c.region, session_hosts.c.host)
    ).all()


def hosts_named(connection: sa.Connection, session_id: str, name: str) -> list[str]:
    """The regions in which a session has a host of this name."""
    return sorted(
        connection.execute(
            sa.select(session_hosts.c.region).where(
                session_hosts.c.session_id == session_id, session_hosts.c.host == name
            )
        ).scalars()
    )


def hosts_by_state(
    connection: sa.Connection, session_ids: Iterable[str]
) -> dict[str, dict[str, int]]:
    """How many hosts of each session are in each state."""
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        sa.select(session_hosts.c.session_id, session_hosts.c.state, sa.func.count())
        .where(session_hosts.c.session_id.in_(list(session_ids)))
        .group_by(session_hosts.c.session_id, session_hosts.c.state)
    )
    for session_id, state, count in rows:
        found.setdefault(session_id, {})[state] = count
    return found


def servers(
    connection: sa.Connection, session_id: str, project_id: str | None = None
) -> Sequence[Row]:
    """The servers found on hosts of a session, all or a project's, in order."""
    found = sa.select(session_servers).where(session_servers.c.session_id == session_id)
    if project_id is not None:
        found = found.where(session_servers.c.project_id == project_id)
    return connection.execute(found.order_by(session_servers.c.server_id)).all()


def has_server(connection: sa.Connection, session_id: str, server_id: str) -> bool:
    """Whether a server was found on a host of the session."""
    return (
        connection.execute(
            sa.select(session_servers.c.server_id).where(
                session_servers.c.session_id == session_id,
                session_servers.c.server_id == server_id,
            )
        ).first()
        is not None
    )


def postponements(
    connection: sa.Connection, session_id: str, server_ids: Iterable[str]
) -> tuple[int, dt.datetime | None]:
    """How often one of these servers was granted a later time at most; the window's end."""
    end = (
        sa.select(windows.c.end_at)
        .join(sessions, sessions.c.window_id == windows.c.id)
        .where(sessions.c.id == session_id)
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(session_servers.c.data, end)
        .select_from(sessions)
        .outerjoin(
            session_servers,
            sa.and_(
                session_servers.c.session_id == sessions.c.id,
                session_servers.c.server_id.in_(list(server_ids)),
            ),
        )
        .where(sessions.c.id == session_id)
    ).all()
    most = max((row[0].get("postponed", 0) for row in rows if row[0]), default=0)
    return most, rows[0][1] if rows else None


def all_notices(connection: sa.Connection, session_id: str) -> Sequence[Row]:
    """Every notice of a session, in the order of their making."""
    return connection.execute(
        sa.select(notices)
        .where(notices.c.session_id == session_id)
        .order_by(notices.c.created_at, notices.c.id)
    ).all()


def open_notices(connection: sa.Connection, session_id: str, project_id: str) -> Sequence[Row]:
    """What a project is asked now, the oldest first."""
    return connection.execute(
        sa.select(notices)
        .where(
            notices.c.project_id == project_id,
            notices.c.session_id == session_id,
            notices.c.status == NoticeStatus.OPEN.value,
        )
        .order_by(notices.c.created_at, notices.c.id)
    ).all()


def asked(connection: sa.Connection, project_id: str) -> Sequence[Row]:
    """Notices of any session that a project may still answer, the oldest first.

    :returns: notices, with ``window_id`` and ``session`` (its ``data``)
    """
    return connection.execute(
        sa.select(notices, sessions.c.window_id, sessions.c.data.label("session"))
        .join(sessions, sessions.c.id == notices.c.session_id)
        .where(notices.c.project_id == project_id, notices.c.status == NoticeStatus.OPEN.value)
        .order_by(notices.c.created_at, notices.c.id)
    ).all()


def all_steps(connection: sa.Connection, session_id: str) -> Sequence[Row]:
    """Every step of a session, in order."""
    return connection.execute(
        sa.select(steps).where(steps.c.session_id == session_id).order_by(steps.c.number)
    ).all()


def orders(connection: sa.Connection, session_id: str) -> Sequence[Row]:
    """Operators' orders that are not decided on yet, in order."""
    return connection.execute(
        sa.select(inputs)
        .where(inputs.c.session_id == session_id, inputs.c.kind == "order")
        .order_by(inputs.c.id)
    ).all()
