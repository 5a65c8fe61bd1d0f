"""Selections of windows, for lists and for the state of an object."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.tables import nova_servers, window_hosts, window_projects, windows
from craton_maintenance.domain import times
from craton_maintenance.domain.scope import HostKey, Item
from craton_maintenance.domain.window import State

#: What ``told_state`` says of windows that are not over.
_NOT_OVER = (State.SCHEDULED.value, State.OPEN.value)
_OPENS = sa.case(
    (windows.c.started_at < windows.c.start_at, windows.c.started_at), else_=windows.c.start_at
)
_CLOSES = sa.case(
    (windows.c.end_at.is_(None), windows.c.finished_at),
    (windows.c.finished_at < windows.c.end_at, windows.c.finished_at),
    else_=windows.c.end_at,
)


def in_state(state: State, now: Any) -> sa.ColumnElement[bool]:
    """``domain.window.state`` as a condition; a test holds one against the other."""
    cancelled = sa.and_(windows.c.cancelled_at.is_not(None), windows.c.cancelled_at <= now)
    opened = now >= _OPENS
    held = sa.and_(windows.c.workflow.is_not(None), windows.c.finished_at.is_(None))
    closed = sa.and_(_CLOSES.is_not(None), now >= _CLOSES, opened, sa.not_(held))
    return {
        State.CANCELLED: cancelled,
        State.SCHEDULED: sa.and_(sa.not_(cancelled), sa.not_(opened)),
        State.OPEN: sa.and_(sa.not_(cancelled), opened, sa.not_(closed)),
        State.CLOSED: sa.and_(sa.not_(cancelled), closed),
    }[state]


def select(query: Mapping[str, Any], now: Any) -> sa.Select[Any]:
    """Windows that a list's query asks for.

    :param query: valid by ``window-list-query``
    """
    found = sa.select(windows)
    if "state" in query:
        states = {State(name) for name in query["state"].split(",")}
        found = found.where(
            sa.or_(
                *(
                    in_state(state, sa.literal(now, windows.c.start_at.type))
                    for state in sorted(states)
                )
            )
        )
    if "retire" in query:
        found = found.where(windows.c.retire == query["retire"])
    if "starts_before" in query:
        found = found.where(windows.c.start_at < times.parse(query["starts_before"]))
    if "ends_after" in query:
        until = times.parse(query["ends_after"])
        found = found.where(sa.or_(windows.c.end_at.is_(None), windows.c.end_at > until))
    if "host" in query or "region" in query:
        on = sa.select(window_hosts.c.window_id)
        if "host" in query:
            on = on.where(window_hosts.c.host == query["host"])
        if "region" in query:
            on = on.where(window_hosts.c.region == query["region"])
        found = found.where(windows.c.id.in_(on))
    if "project_id" in query:
        found = found.where(touches(query["project_id"]))
    return found


def touches(project_id: str) -> sa.ColumnElement[bool]:
    """A condition on windows: those that touch, or touched, this project."""
    return windows.c.id.in_(
        sa.select(window_projects.c.window_id).where(window_projects.c.project_id == project_id)
    )


def _pending(found: sa.Select[Any]) -> sa.Select[Any]:
    return found.where(windows.c.told_state.in_(_NOT_OVER)).order_by(
        windows.c.start_at, windows.c.id
    )


def pending_on_host(connection: sa.Connection, key: HostKey) -> Sequence[sa.Row[Any]]:
    """Windows not over that cover a host, by start."""
    on = sa.select(window_hosts.c.window_id).where(
        window_hosts.c.host == key.name, window_hosts.c.region == key.region
    )
    return connection.execute(_pending(sa.select(windows).where(windows.c.id.in_(on)))).all()


def pending_hosts(connection: sa.Connection, region: str | None) -> list[str]:
    """Names of the hosts that windows not over cover, in one region or all."""
    found = sa.select(window_hosts.c.host).join(windows, windows.c.id == window_hosts.c.window_id)
    return _sorted(connection, found, region)


def pending_host_ids(connection: sa.Connection, region: str | None) -> list[str]:
    """Nova's hostIds of those hosts, of each project that has a server there."""
    found = (
        sa.select(nova_servers.c.host_id)
        .join(
            window_hosts,
            sa.and_(
                window_hosts.c.host == nova_servers.c.host,
                window_hosts.c.region == nova_servers.c.region,
            ),
        )
        .join(windows, windows.c.id == window_hosts.c.window_id)
        .where(nova_servers.c.host_id.is_not(None))
    )
    return _sorted(connection, found, region)


def _sorted(connection: sa.Connection, found: sa.Select[Any], region: str | None) -> list[str]:
    # sorted here: databases differ in how
    found = found.where(windows.c.told_state.in_(_NOT_OVER)).distinct()
    if region is not None:
        found = found.where(window_hosts.c.region == region)
    return sorted(connection.execute(found).scalars())


def pending_naming(connection: sa.Connection, item: Item) -> list[sa.Row[Any]]:
    """Windows not over whose scope names this object, by start."""
    rows = connection.execute(_pending(sa.select(windows)))
    return [row for row in rows if names(row.scope, item)]


def names(scope: Mapping[str, Sequence[Mapping[str, str]]], item: Item) -> bool:
    """Whether a stored scope names this object."""
    return any(
        entry["name"] == item.name and entry.get("region", item.region) == item.region
        for entry in scope.get(item.kind.value, ())
    )


def pending_of_project(connection: sa.Connection, project_id: str) -> Sequence[sa.Row[Any]]:
    """Windows not over that concern a project now, with its ``servers``, by start."""
    return connection.execute(
        _pending(
            sa.select(windows, window_projects.c.servers)
            .join(window_projects, window_projects.c.window_id == windows.c.id)
            .where(window_projects.c.project_id == project_id, window_projects.c.concerned)
        )
    ).all()


def host_behind(connection: sa.Connection, project_id: str, host_id: str) -> HostKey | None:
    """The host behind Nova's hostId, while the project has a server there."""
    row = connection.execute(
        sa.select(nova_servers.c.region, nova_servers.c.host)
        .where(
            nova_servers.c.project_id == project_id,
            nova_servers.c.host_id == host_id,
            nova_servers.c.host.is_not(None),
        )
        .limit(1)
    ).one_or_none()
    return None if row is None else HostKey(row.region, row.host)
