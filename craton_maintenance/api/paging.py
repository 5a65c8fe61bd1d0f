"""Pages as in Craton (limit, marker, sort_keys, sort_dir), without lost rows.

The id always decides last, so an order is total whatever it is sorted by; and
there is a ``next`` link only where there is a next page.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from craton_maintenance.errors import Code, bad_field

#: As in Craton.
DEFAULT_LIMIT = 30


def sort_columns(table: sa.Table, text: str | None) -> list[sa.ColumnElement[Any]]:
    """Columns for ``sort_keys``, the id last."""
    columns: dict[str, list[sa.ColumnElement[Any]]] = {
        "created_at": [table.c.created_at],
        "start": [table.c.start_at],
        # windows without an end come after all others, by their start, on every database;
        # a moment beside a column would make texts of both on MariaDB
        "end": [
            sa.case((table.c.end_at.is_(None), 1), else_=0),
            sa.func.coalesce(table.c.end_at, table.c.start_at),
        ],
        "id": [table.c.id],
    }
    keys = (text or "created_at").replace(",", " ").split()
    return [column for key in dict.fromkeys([*keys, "id"]) for column in columns[key]]


def page(
    connection: sa.Connection,
    select: sa.Select[Any],
    table: sa.Table,
    query: Mapping[str, Any],
    visible: sa.ColumnElement[bool] | None = None,
) -> tuple[Sequence[sa.Row[Any]], bool]:
    """The rows of a page, and whether there are more.

    :param visible: rows that the caller may know of; None: all. Not the filters: a row
        that was the last of a page may have left them since
    :raises Problem: 400 for a marker that is not there, or that the caller may not know of
    """
    columns = sort_columns(table, query.get("sort_keys"))
    down = query.get("sort_dir") == "desc"
    limit = query.get("limit", DEFAULT_LIMIT)
    marker = query.get("marker")
    if marker is not None:
        find = sa.select(*columns).where(table.c.id == marker)
        if visible is not None:
            find = find.where(visible)
        last = connection.execute(find).one_or_none()
        if last is None:
            raise bad_field(Code.INVALID, "marker", f"{marker!r} does not exist")
        select = select.where(_beyond(columns, last, down))
    ordered = [column.desc() if down else column.asc() for column in columns]
    rows = connection.execute(select.order_by(*ordered).limit(limit + 1)).all()
    return rows[:limit], len(rows) > limit


def _beyond(
    columns: Sequence[sa.ColumnElement[Any]], last: Sequence[Any], down: bool
) -> sa.ColumnElement[bool]:
    """Rows after ``last`` in the order of ``columns``."""
    column, value = columns[0], last[0]
    after = column < value if down else column > value
    if len(columns) == 1:
        return after
    return sa.or_(after, sa.and_(column == value, _beyond(columns[1:], last[1:], down)))


def links(
    url: str, query: Mapping[str, Any], last: str | None, more: bool
) -> list[dict[str, str]]:
    """``first``, ``self``, and ``next`` where there is one.

    :param last: the marker of the next page
    """
    plain = {key: _text(value) for key, value in query.items()}
    first = {key: value for key, value in plain.items() if key != "marker"}
    found = [
        {"rel": "first", "href": _href(url, first)},
        {"rel": "self", "href": _href(url, plain)},
    ]
    if more and last is not None:
        found.append({"rel": "next", "href": _href(url, first | {"marker": last})})
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _href(url: str, query: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url
