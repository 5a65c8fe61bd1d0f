"""Lists of objects, filtered as Craton filters them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.craton import jsonpath, objects, pages, variables
from craton_maintenance.craton.kinds import HOST, PROJECT, Kind
from craton_maintenance.craton.tenancy import Tenant
from craton_maintenance.db import craton
from craton_maintenance.errors import Code, bad_field


def listed(
    connection: sa.Connection,
    kind: Kind,
    tenant: Tenant,
    query: Mapping[str, Any],
    order: pages.Order,
    limit: int,
    resolve: bool,
) -> pages.Page:
    """A page of the objects that a query asks for.

    :param resolve: whether inherited variables count for the filter ``vars``
    :raises Problem: 400 for a marker or a filter that can't be taken
    """
    visible = tenant.sees(kind)
    select = kind.select.where(visible, *_conditions(kind, query))
    marker = query.get("marker")
    if marker is not None:
        wanted = objects.key(kind, marker)
        if wanted is None:
            raise pages.unknown_marker(marker)
        marker = wanted
    keep = ByVariables(connection, kind, query["vars"], resolve) if "vars" in query else None
    return pages.page(connection, kind, select, visible, order, limit, marker, keep)


def _conditions(kind: Kind, query: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    columns = kind.table.c
    found = []
    for name in kind.filters:
        if name not in query:
            continue
        column = columns[kind.named_by if name == "name" else name]
        # a pattern for projects, as in Craton; with an escape that no query has, as PostgreSQL
        # refuses patterns that end with one
        like = kind is PROJECT
        found.append(column.like(query[name], escape="\1") if like else column == query[name])
    if kind is HOST and "label" in query:
        labels = craton.labels.c
        found.append(
            sa.exists().where(labels.device_id == columns.id, labels.label == query["label"])
        )
    return found


class ByVariables:
    """Keeps the objects whose variables hold what ``vars`` asks for.

    In Python: not each of the databases has JSON_CONTAINS.  Only the variables that are
    asked for are read, by their primary key, for some hundred objects at a time.
    """

    def __init__(self, connection: sa.Connection, kind: Kind, text: str, resolve: bool) -> None:
        """
        :raises Problem: 400 for a filter that can't be read
        """
        try:
            self._conditions = jsonpath.parse(text)
        except ValueError as error:
            raise bad_field(Code.INVALID, "vars", str(error)) from None
        self._connection = connection
        self._kind = kind
        self._resolve = resolve

    def __call__(self, rows: Sequence[sa.Row[Any]]) -> Sequence[sa.Row[Any]]:
        if self._resolve:
            lines = variables.lineages(self._connection, self._kind, rows)
        else:
            lines = {row.id: (row.variable_association_id,) for row in rows}
        associations = {association for line in lines.values() for association in line}
        for condition in self._conditions:
            values = variables.one(self._connection, condition.key, associations)
            rows = [row for row in rows if _holds(condition, lines[row.id], values)]
        return rows


def _holds(
    condition: jsonpath.Condition, line: variables.Lineage, values: Mapping[int, Any]
) -> bool:
    nearest = next((association for association in line if association in values), None)
    return nearest is not None and condition.holds(values[nearest])
