"""Craton's objects in Craton's shapes."""

import datetime as dt
import functools
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from craton_maintenance.api.operation import Call
from craton_maintenance.craton.kinds import HOST, PROJECT, USER, Kind
from craton_maintenance.craton.pages import Order, Page


def body(call: Call, kind: Kind, row: sa.Row[Any]) -> dict[str, Any]:
    """An object without its variables."""
    shown = {name: _value(name, getattr(row, name)) for name in kind.shown}
    if kind is PROJECT:
        shown["id"] = dashed(row.id)
    if kind is USER:
        shown |= {"is_admin": bool(row.is_admin), "is_root": bool(row.is_root)}
    if kind is HOST:
        shown["links"] = [{"rel": "up", "href": f"{call.service.public_url}{_up(row)}"}]
    return shown


@functools.lru_cache(1024)
def dashed(project: str) -> str:
    """A project's id as Craton shows it; as it is where it is none."""
    try:
        return str(uuid.UUID(project))
    except ValueError:
        return project


def links(call: Call, kind: Kind, order: Order, limit: int, page: Page) -> list[dict[str, str]]:
    """``first``, ``prev``, ``self`` and ``next``, as Craton gives them.

    There is a ``next`` as long as a page is not empty: its clients read on until one is.
    Looking for one thing by id or name has no pages there.
    """
    if kind.strict and ("id" in call.query or "name" in call.query):
        return []
    own = {
        key: value
        for key, value in call.query.items()
        if key not in ("limit", "marker", "sort_key", "sort_keys", "sort_dir")
    }
    own |= {
        "sort_keys": ",".join(order.keys),
        "sort_dir": "desc" if order.down else "asc",
        "limit": limit,
    }
    current = call.query.get("marker")
    found = [("first", None), ("prev", page.before), ("self", current)]
    if page.rows:
        found.append(("next", page.rows[-1].id))
    url = f"{call.service.public_url}/{kind.plural}"
    return [{"rel": rel, "href": _href(url, own, marker)} for rel, marker in found]


def _href(url: str, query: Mapping[str, Any], marker: Any) -> str:
    more = {} if marker is None else {"marker": dashed(str(marker))}
    return f"{url}?{urlencode({**query, **more})}"


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        # naive UTC, always with a fraction
        return value.isoformat(timespec="microseconds")
    return dashed(value) if name == "project_id" else value


def _up(row: sa.Row[Any]) -> str:
    if row.parent_id is not None:
        return f"/hosts/{row.parent_id}"
    if row.cell_id is not None:
        return f"/cells/{row.cell_id}"
    return f"/regions/{row.region_id}"
