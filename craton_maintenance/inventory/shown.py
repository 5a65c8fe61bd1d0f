"""Which window each of Craton's objects shows."""

import dataclasses
import datetime as dt
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import fleet
from craton_maintenance.db import object_variables as store
from craton_maintenance.db import windows as windows_store
from craton_maintenance.db.object_variables import Object
from craton_maintenance.db.tables import windows
from craton_maintenance.domain import scope, times, window
from craton_maintenance.domain.scope import HostKey, Item, Kind
from craton_maintenance.domain.variable import Known
from craton_maintenance.domain.window import FINAL, State
from craton_maintenance.windows import names

#: Kinds of things that have no variables in Craton: shown on each of their hosts.
_GROUPS = frozenset({Kind.LABEL, Kind.AGGREGATE, Kind.ZONE})

#: kind, region (None for clouds), name
_Place = tuple[str, str | None, str]


@dataclasses.dataclass(frozen=True, slots=True)
class _Window:
    """A window that is not over."""

    row: Any
    state: State
    items: tuple[Item, ...]
    #: hosts that it covers through a label, an aggregate or a zone
    grouped: frozenset[HostKey]


class Shown:
    """The windows that are not over, by the objects that show them."""

    def __init__(self, found: list[_Window]) -> None:
        self._windows = found
        self._by_id = {one.row.id: one for one in found}

    @classmethod
    def read(cls, connection: sa.Connection, now: dt.datetime) -> "Shown":
        """Read them; the fleet only where a label, an aggregate or a zone is named."""
        unfinished = (State.SCHEDULED.value, State.OPEN.value)
        rows = connection.execute(
            sa.select(windows).where(windows.c.told_state.in_(unfinished))
        ).all()
        found = []
        hosts: list[scope.Host] | None = None
        for row in rows:
            state = window.state(windows_store.times_of(row), now)
            if state in FINAL:
                continue
            items = names.from_json(row.scope)
            groups = [item for item in items if item.kind in _GROUPS]
            grouped: frozenset[HostKey] = frozenset()
            if groups:
                hosts = fleet.load(connection) if hosts is None else hosts
                grouped = scope.resolve(groups, hosts)
            found.append(_Window(row, state, items, grouped))
        return cls(found)

    def known(self, one: Object) -> dict[str, Known]:
        """Every window, as seen from this object."""
        return {
            found.row.id: Known(
                id=found.row.id,
                revision=found.row.revision,
                state=found.state,
                named=any(_names(item, one) for item in found.items),
                alone=len(found.items) == 1 and _names(found.items[0], one),
                through_group=one.kind == "hosts"
                and HostKey(one.region or "", one.name) in found.grouped,
            )
            for found in self._windows
        }

    def values(self, connection: sa.Connection) -> dict[int, tuple[Object, dict[str, Any]]]:
        """What each object has to show, by its association."""
        best: dict[_Place, _Window] = {}
        for found in self._windows:
            for place in _places(found):
                other = best.get(place)
                if other is None or _rank(found) < _rank(other):
                    best[place] = found
        values: dict[int, tuple[Object, dict[str, Any]]] = {}
        for kind in store.KINDS:
            wanted = {place[2] for place in best if place[0] == kind}
            for one in store.objects(connection, kind, wanted) if wanted else ():
                chosen = best.get((kind, one.region, one.name)) or best.get((kind, None, one.name))
                if chosen is not None:
                    values[one.association_id] = (one, value(chosen.row))
        return values


def value(row: Any) -> dict[str, Any]:
    """A window as the variable shows it."""
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
    return shown


def _rank(found: _Window) -> tuple[bool, dt.datetime, str]:
    """Smaller is shown first: the one that runs, else the next."""
    return (found.state is not State.OPEN, found.row.start_at, found.row.id)


def _places(found: _Window) -> list[_Place]:
    places: list[_Place] = [
        (item.kind.value, item.region if item.kind in (Kind.HOST, Kind.CELL) else None, item.name)
        for item in found.items
        if item.kind not in _GROUPS
    ]
    return places + [(Kind.HOST.value, key.region, key.name) for key in found.grouped]


def _names(item: Item, one: Object) -> bool:
    return (
        item.kind.value == one.kind and item.name == one.name and item.region in (None, one.region)
    )
