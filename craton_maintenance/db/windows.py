"""Queries on windows, their hosts, and the projects that they touch."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import nova_servers, window_hosts, window_projects, windows
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.window import State, Times

#: A window's row.
Row = sa.Row[Any]


def times_of(row: Row) -> Times:
    """The facts that a window's state follows from."""
    return Times(
        row.start_at,
        row.end_at,
        row.started_at,
        row.finished_at,
        row.cancelled_at,
        held=is_held(row.workflow, row.finished_at),
    )


def is_held(workflow: str | None, finished_at: dt.datetime | None) -> bool:
    """Whether a window ends with its session, and that is not over."""
    return workflow is not None and finished_at is None


_ONE = sa.select(windows).where(windows.c.id == sa.bindparam("window"))
_LOCKED = _ONE.with_for_update()
_NEXT_DUE = sa.select(sa.func.min(windows.c.due_at))


def get(connection: sa.Connection, window_id: str) -> Row | None:
    return connection.execute(_ONE, {"window": window_id}).one_or_none()


def lock(transaction: Transaction, window_id: str) -> Row | None:
    """The window, held until the end of the transaction."""
    return transaction.execute(_LOCKED, {"window": window_id}).one_or_none()


def insert(transaction: Transaction, values: Mapping[str, Any]) -> None:
    transaction.execute(sa.insert(windows).values(**values))


def update(transaction: Transaction, window_id: str, values: Mapping[str, Any]) -> None:
    transaction.execute(sa.update(windows).where(windows.c.id == window_id).values(**values))


# -- hosts -------------------------------------------------------------------------


def hosts(connection: sa.Connection, window_id: str) -> frozenset[HostKey]:
    """The hosts that the window covers now, or covered when it opened."""
    rows = connection.execute(
        sa.select(window_hosts.c.region, window_hosts.c.host).where(
            window_hosts.c.window_id == window_id
        )
    )
    return frozenset(HostKey(row.region, row.host) for row in rows)


def hosts_by_window(
    connection: sa.Connection, window_ids: Iterable[str]
) -> dict[str, list[HostKey]]:
    """The hosts of several windows, in one statement."""
    found: dict[str, list[HostKey]] = {}
    rows = connection.execute(
        sa.select(window_hosts).where(window_hosts.c.window_id.in_(list(window_ids)))
    )
    for row in rows:
        found.setdefault(row.window_id, []).append(HostKey(row.region, row.host))
    return found


def parts_by_window(
    connection: sa.Connection, window_ids: Iterable[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """What projects were told last of several windows, in one statement."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    rows = connection.execute(
        sa.select(window_projects).where(
            window_projects.c.window_id.in_(list(window_ids)), window_projects.c.concerned
        )
    )
    for row in rows:
        found.setdefault(row.window_id, {})[row.project_id] = tuple(row.servers)
    return found


def change_hosts(
    transaction: Transaction,
    window_id: str,
    before: frozenset[HostKey],
    after: frozenset[HostKey],
) -> None:
    """Write the difference."""
    by_region: dict[str, list[str]] = {}
    for key in before - after:
        by_region.setdefault(key.region, []).append(key.name)
    for region, names in by_region.items():
        bulk.delete_keys(
            transaction,
            window_hosts.c.host,
            names,
            window_hosts.c.window_id == window_id,
            window_hosts.c.region == region,
        )
    bulk.insert(
        transaction,
        window_hosts,
        [
            {"window_id": window_id, "region": key.region, "host": key.name}
            for key in sorted(after - before)
        ],
    )


def overlapping(connection: sa.Connection, window_id: str, times: Times) -> list[Any]:
    """Other windows that cover one of this window's hosts at one of its moments.

    :returns: rows of ``id``, ``region``, ``host``, one host for each window
    """
    mine, theirs = window_hosts.alias("mine"), window_hosts.alias("theirs")
    opens, closes = times.opens, times.closes
    lasts = sa.func.coalesce(windows.c.finished_at, windows.c.end_at)
    earliest = sa.func.coalesce(windows.c.started_at, windows.c.start_at)
    query = (
        sa.select(
            theirs.c.window_id.label("id"),
            sa.func.min(theirs.c.region).label("region"),
            sa.func.min(theirs.c.host).label("host"),
        )
        .select_from(mine)
        .join(theirs, (theirs.c.host == mine.c.host) & (theirs.c.region == mine.c.region))
        .join(windows, windows.c.id == theirs.c.window_id)
        .where(
            mine.c.window_id == window_id,
            theirs.c.window_id != window_id,
            windows.c.cancelled_at.is_(None),
            windows.c.told_state.in_((State.SCHEDULED.value, State.OPEN.value)),
            sa.or_(lasts.is_(None), lasts > opens),
        )
        .group_by(theirs.c.window_id)
        .order_by(theirs.c.window_id)
        .limit(10)
    )
    if closes is not None:
        query = query.where(earliest < closes)
    return list(connection.execute(query))


# -- projects ----------------------------------------------------------------------


def servers_on(connection: sa.Connection, window_id: str) -> dict[str, tuple[str, ...]]:
    """Each project's servers on the window's hosts, sorted.

    One row comes for each project: for a driver in Python, each row costs more than
    what is in it.

    :raises RuntimeError: the database has cut a project's list
    """
    rows = connection.execute(
        sa.select(
            nova_servers.c.project_id,
            sa.func.count(),
            sa.func.aggregate_strings(nova_servers.c.id, ","),
        )
        .join(
            window_hosts,
            (window_hosts.c.host == nova_servers.c.host)
            & (window_hosts.c.region == nova_servers.c.region),
        )
        .where(window_hosts.c.window_id == window_id)
        .group_by(nova_servers.c.project_id)
    )
    found = {}
    for project_id, count, text in rows:
        ids = text.split(",")
        if len(ids) != count:
            # MySQL and MariaDB cut at max_allowed_packet, and only warn
            raise RuntimeError(
                f"the database gave {len(ids)} of {count} servers of project {project_id}: its "
                "max_allowed_packet is too small"
            )
        ids.sort()
        found[project_id] = tuple(ids)
    return found


def parts(connection: sa.Connection, window_id: str) -> dict[str, tuple[str, ...]]:
    """What each project concerned was told last: its servers."""
    rows = connection.execute(
        sa.select(window_projects.c.project_id, window_projects.c.servers).where(
            window_projects.c.window_id == window_id, window_projects.c.concerned
        )
    )
    return {row.project_id: tuple(row.servers) for row in rows}


def part(connection: sa.Connection, window_id: str, project_id: str) -> tuple[str, ...] | None:
    """A project's servers in a window; None if it never was concerned."""
    servers = connection.execute(
        sa.select(window_projects.c.servers).where(
            window_projects.c.window_id == window_id, window_projects.c.project_id == project_id
        )
    ).scalar_one_or_none()
    return None if servers is None else tuple(servers)


def parts_of(
    connection: sa.Connection, project_id: str, window_ids: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """A project's servers in several windows, by window."""
    rows = connection.execute(
        sa.select(window_projects.c.window_id, window_projects.c.servers).where(
            window_projects.c.project_id == project_id,
            window_projects.c.window_id.in_(list(window_ids)),
        )
    )
    return {row.window_id: tuple(row.servers) for row in rows}


def write_parts(
    transaction: Transaction,
    window_id: str,
    parts: Mapping[str, Collection[str]],
    concerned: bool = True,
) -> None:
    """Remember what projects are told."""
    bulk.upsert(
        transaction,
        window_projects,
        [
            {
                "window_id": window_id,
                "project_id": project_id,
                "servers": list(servers),
                "concerned": concerned,
            }
            for project_id, servers in sorted(parts.items())
        ],
    )


# -- what the engine looks for -----------------------------------------------------


def due(connection: sa.Connection, now: dt.datetime, limit: int) -> Sequence[str]:
    """Windows whose state the clock has changed, the earliest first."""
    return list(
        connection.execute(
            sa.select(windows.c.id)
            .where(windows.c.due_at <= now)
            .order_by(windows.c.due_at, windows.c.id)
            .limit(limit)
        ).scalars()
    )


def next_due(connection: sa.Connection, after: dt.datetime | None = None) -> dt.datetime | None:
    """When the clock changes a window next, or changes one after a moment."""
    query = _NEXT_DUE if after is None else _NEXT_DUE.where(windows.c.due_at > after)
    return connection.execute(query).scalar_one()


def unfinished(connection: sa.Connection) -> Sequence[str]:
    """Windows that are not over, as far as was told."""
    return list(
        connection.execute(
            sa.select(windows.c.id)
            .where(windows.c.told_state.in_((State.SCHEDULED.value, State.OPEN.value)))
            .order_by(windows.c.created_at, windows.c.id)
        ).scalars()
    )
