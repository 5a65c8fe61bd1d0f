"""Lists in pages: sorted by anything, and no row is ever lost.

Craton sorts by what is asked for alone, and loses rows that are equal in it; it
compares with NULL, and loses those too.  Here the id always decides last, and NULL
comes first.
"""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.craton.kinds import Kind
from craton_maintenance.errors import Code, bad_field

#: Takes rows and gives back those that belong into the list.
Keep = Callable[[Sequence[sa.Row[Any]]], Sequence[sa.Row[Any]]]

#: Rows looked at together, where :data:`Keep` decides: the more, the fewer were kept.
_BATCHES = (100, 400, 1600, 4000)

_FIRST_TIME = dt.datetime(1, 1, 1)  # noqa: DTZ001 - Craton's times are naive UTC


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """A page, and where the one before it begins."""

    rows: Sequence[sa.Row[Any]]
    #: the marker of the page before; None: that is the first page
    before: Any


class Order:
    """An order that is total, on each of the databases."""

    def __init__(self, kind: Kind, text: str | None, down: bool) -> None:
        """
        :param text: keys, separated by commas or spaces
        :raises Problem: 400 for a key that is not there
        """
        keys = (text or "created_at").replace(",", " ").split()
        self.keys = tuple(dict.fromkeys([*keys, "id"]))
        self.down = down
        for key in self.keys:
            if key not in kind.shown:
                raise bad_field(Code.INVALID, "sort_keys", f'"{key}" is an invalid sort key')
        self._columns = [part for key in self.keys for part in _parts(kind.table.c[key])]

    def labelled(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """The same rows with their place in this order."""
        columns = [column.label(f"place_{n}") for n, column in enumerate(self._columns)]
        return select.add_columns(*columns)

    def place(self, row: sa.Row[Any]) -> list[Any]:
        """Where a row of :meth:`labelled` stands."""
        return [getattr(row, f"place_{n}") for n in range(len(self._columns))]

    def fetch(
        self,
        connection: sa.Connection,
        select: sa.Select[Any],
        after: Sequence[Any] | None,
        limit: int,
        back: bool = False,
    ) -> Sequence[sa.Row[Any]]:
        """Up to ``limit`` rows after a place.

        :param back: the other way round, beginning at the place itself
        """
        down = self.down is not back
        if after is not None:
            select = select.where(_beyond(self._columns, after, down, back))
        ordered = [column.desc() if down else column.asc() for column in self._columns]
        return connection.execute(select.order_by(*ordered).limit(limit)).all()


def page(
    connection: sa.Connection,
    kind: Kind,
    select: sa.Select[Any],
    visible: sa.ColumnElement[bool],
    order: Order,
    limit: int,
    marker: Any,
    keep: Keep | None = None,
) -> Page:
    """One page of a list.

    :param select: the rows of the list
    :param visible: rows that the caller may know of; the marker has to be one of them
    :param marker: the id of the last row seen; None: the first page
    :param keep: decides about rows what SQL can't
    :raises Problem: 400 for a marker that is not there
    """
    select = order.labelled(select)
    place = None
    if marker is not None:
        find = order.labelled(kind.select).where(kind.table.c.id == marker, visible)
        row = connection.execute(find).one_or_none()
        if row is None:
            raise unknown_marker(marker)
        place = order.place(row)
    rows = _collect(connection, select, order, place, limit, keep)
    before = None
    if place is not None:
        # the page before ends with the marker; what stands before that page is its marker
        earlier = _collect(connection, select, order, place, limit + 1, keep, back=True)
        before = earlier[limit].id if len(earlier) > limit else None
    return Page(rows, before)


def unknown_marker(marker: Any) -> Exception:
    """A marker that is not there, or is somebody else's."""
    return bad_field(Code.INVALID, "marker", f'Marker "{marker}" does not exist')


def _collect(
    connection: sa.Connection,
    select: sa.Select[Any],
    order: Order,
    place: Sequence[Any] | None,
    limit: int,
    keep: Keep | None,
    back: bool = False,
) -> Sequence[sa.Row[Any]]:
    if keep is None:
        return order.fetch(connection, select, place, limit, back)
    found: list[sa.Row[Any]] = []
    for batch in itertools.chain(_BATCHES, itertools.repeat(_BATCHES[-1])):
        rows = order.fetch(connection, select, place, batch, back)
        kept = list(keep(rows))
        # going back, each batch begins with the last row of the one before
        found += [row for row in kept if not found or row.id != found[-1].id]
        if len(found) >= limit or len(rows) < batch:
            break
        place = order.place(rows[-1])
    return found[:limit]


def _parts(column: sa.Column[Any]) -> list[sa.ColumnElement[Any]]:
    """What a column is sorted by: never NULL, and compared alike everywhere."""
    if isinstance(column.type, sa.Boolean):
        return [sa.case((column.is_(True), 2), (column.is_(False), 1), else_=0)]
    if not column.nullable:
        return [column]
    filler: Any = ""
    if isinstance(column.type, sa.DateTime):
        filler = _FIRST_TIME
    elif isinstance(column.type, sa.Integer):
        filler = 0
    return [
        sa.case((column.is_(None), 0), else_=1),
        sa.func.coalesce(column, sa.literal(filler, column.type)),
    ]


def _beyond(
    columns: Sequence[sa.ColumnElement[Any]], place: Sequence[Any], down: bool, inclusive: bool
) -> sa.ColumnElement[bool]:
    """Rows after ``place`` in the order of ``columns``."""
    column, value = columns[0], place[0]
    after = column < value if down else column > value
    if len(columns) == 1:
        return sa.or_(after, column == value) if inclusive else after
    return sa.or_(
        after, sa.and_(column == value, _beyond(columns[1:], place[1:], down, inclusive))
    )
