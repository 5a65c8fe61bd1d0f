"""Which window each of Craton's objects shows, and how."""

import dataclasses
import datetime as dt
import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import fleet
from craton_maintenance.db import windows as windows_store
from craton_maintenance.db.object_variables import Object
from craton_maintenance.db.tables import window_hosts, windows
from craton_maintenance.domain import scope, times, variable, window
from craton_maintenance.domain.scope import Item, Kind
from craton_maintenance.domain.variable import Known
from craton_maintenance.domain.window import FINAL, State
from craton_maintenance.windows import names

#: Kinds of things that have no variables in Craton: shown on each of their hosts.
_GROUPS = frozenset({Kind.LABEL, Kind.AGGREGATE, Kind.ZONE})

#: kind, region (None for clouds and regions), name
Place = tuple[str, str | None, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """What an object has to show."""

    window_id: str
    #: JSON, as it is written to Craton's table
    text: str
    digest: str


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown now."""

    values: dict[Place, Value]
    #: the windows that are not over
    window_ids: frozenset[str]

    @classmethod
    def read(cls, connection: sa.Connection, now: dt.datetime) -> "Shown":
        """Read it; the fleet only where groups and whole cells or the like are named at once."""
        unfinished = (State.SCHEDULED.value, State.OPEN.value)
        rows = connection.execute(
            sa.select(windows).where(windows.c.told_state.in_(unfinished))
        ).all()
        states = {row.id: window.state(windows_store.times_of(row), now) for row in rows}
        values: dict[Place, Value] = {}
        alive = [row for row in rows if states[row.id] not in FINAL]
        # the one that runs, else the next
        alive.sort(key=lambda row: (states[row.id] is not State.OPEN, row.start_at, row.id))
        for row in alive:
            value = _value(row)
            for place in _places(connection, row):
                values.setdefault(place, value)
        return cls(values, frozenset(row.id for row in alive))


def place(one: Object) -> Place:
    return (one.kind, one.region if one.kind in ("hosts", "cells") else None, one.name)


def known(
    connection: sa.Connection, one: Object, window_id: str | None, now: dt.datetime
) -> Known | None:
    """A window as seen from an object; None if there is no such window."""
    row = windows_store.get(connection, window_id) if window_id else None
    if row is None:
        return None
    items = names.from_json(row.scope)
    mine = place(one)
    groups, others = _divided(items)
    return Known(
        id=row.id,
        revision=row.revision,
        state=window.state(windows_store.times_of(row), now),
        named=mine in map(_place_of, others),
        alone=len(items) == 1,
        through_group=bool(groups) and mine in _grouped(connection, row, {one.name}),
        digest=_value(row).digest,
    )


def _value(row: Any) -> Value:
    shown = {
        "id": row.id,
        "revision": row.revision,
        "start": times.text(row.start_at),
        "announcement": row.announcement,
        "reason": row.reason,
        "impact": row.impact,
        "retire": bool(row.retire),
    }
    if row.end_at is not None:
        shown["end"] = times.text(row.end_at)
    return Value(row.id, json.dumps(shown, sort_keys=True), variable.digest(shown))


def _places(connection: sa.Connection, row: Any) -> list[Place]:
    groups, others = _divided(names.from_json(row.scope))
    places = [_place_of(item) for item in others]
    return places + _grouped(connection, row) if groups else places


def _place_of(item: Item) -> Place:
    region = item.region if item.kind in (Kind.HOST, Kind.CELL) else None
    return (item.kind.value, region, item.name)


def _divided(items: tuple[Item, ...]) -> tuple[list[Item], list[Item]]:
    groups = [item for item in items if item.kind in _GROUPS]
    return groups, [item for item in items if item.kind not in _GROUPS]


def _grouped(
    connection: sa.Connection, row: Any, only: Collection[str] | None = None
) -> list[Place]:
    """The hosts that a window covers through a label, an aggregate or a zone.

    The window's hosts, which stay as they are once it is open.  Where it names a
    cell or the like besides, those that it covers only so are left out: they inherit.
    """
    select = sa.select(window_hosts.c.region, window_hosts.c.host).where(
        window_hosts.c.window_id == row.id
    )
    if only is not None:
        select = select.where(window_hosts.c.host.in_(list(only)))
    covered = {(one.region, one.host) for one in connection.execute(select)}
    groups, others = _divided(names.from_json(row.scope))
    if any(item.kind is not Kind.HOST for item in others):
        hosts = scope.resolve(groups, fleet.load(connection, only))
        covered &= {(key.region, key.name) for key in hosts}
    return [(Kind.HOST.value, region, name) for region, name in covered]
