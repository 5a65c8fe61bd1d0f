"""Clouds, regions, cells and hosts: made alike for each kind."""

from typing import Any

from flask_restful import Resource

from craton_maintenance.api import paging
from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.resources.craton import views
from craton_maintenance.api.resources.craton.common import flag, made, stamp, tenant, transact
from craton_maintenance.craton import objects, pages, search, variables
from craton_maintenance.craton.kinds import CELL, CLOUD, HOST, REGION, Kind
from craton_maintenance.errors import not_found
from craton_maintenance.policies import craton as rules


def collection(kind: Kind) -> type[Resource]:
    """``/<plural>``: the list, and creation."""

    class Collection(Resource):
        @operation(
            operator=rules.READ,
            query=f"craton-{kind.name}-list-query",
            answer=f"craton-{kind.name}-list",
        )
        def get(self, call: Call) -> dict[str, Any]:
            return listed(call, kind)

        @operation(
            operator=rules.WRITE,
            body=f"craton-{kind.name}-create",
            answer=f"craton-{kind.name}",
            status=201,
        )
        def post(self, call: Call) -> Answer:
            def work(transaction: Any) -> Answer:
                given = dict(call.body)
                _set_active(given)
                row = objects.create(transaction, kind, tenant(call), given, stamp(call))
                shown = views.body(call, kind, row)
                shown["variables"] = _own(transaction.connection, row)
                return made(call, f"/{kind.plural}/{row.id}", shown)

            return transact(call, work)

    Collection.get.__doc__ = f"List {kind.plural}."
    Collection.post.__doc__ = f"Create a {kind.name}."
    return _named(Collection, kind.plural)


def member(kind: Kind) -> type[Resource]:
    """``/<plural>/{id}``: one object."""

    class Member(Resource):
        @operation(operator=rules.READ, query="craton-object-query", answer=f"craton-{kind.name}")
        def get(self, call: Call, object_id: str) -> dict[str, Any]:
            return shown(call, kind, object_id)

        @operation(
            operator=rules.WRITE,
            body=f"craton-{kind.name}-update",
            answer=f"craton-{kind.name}",
        )
        def put(self, call: Call, object_id: str) -> Answer:
            def work(transaction: Any) -> Answer:
                who = tenant(call)
                row = objects.hold(transaction, kind, object_id, who)
                given = dict(call.body)
                _set_active(given)
                row = objects.change(transaction, kind, row, given, who, stamp(call))
                return Answer(views.body(call, kind, row))

            return transact(call, work)

        @operation(operator=rules.WRITE, status=204)
        def delete(self, call: Call, object_id: str) -> Answer:
            return deleted(call, kind, object_id)

    Member.get.__doc__ = f"Show a {kind.name}."
    Member.put.__doc__ = f"Change a {kind.name}: only what is given."
    Member.delete.__doc__ = f"Delete a {kind.name} that nothing is in."
    return _named(Member, kind.name)


def listed(call: Call, kind: Kind) -> dict[str, Any]:
    """The answer to a list of any kind."""
    query = call.query
    # the older name is the one that Craton's own client sends
    keys = query.get("sort_keys", query.get("sort_key"))
    order = pages.Order(kind, keys, query.get("sort_dir") == "desc")
    limit = query.get("limit", paging.DEFAULT_LIMIT)
    resolve = flag(call, "resolved-values", default=True)
    with call.service.database.read() as connection:
        page = search.listed(connection, kind, tenant(call), query, order, limit, resolve)
        shown = [views.body(call, kind, row) for row in page.rows]
        if flag(call, "details", "detail"):
            lines = variables.lineages(connection, kind, page.rows)
            if not resolve:
                lines = {row_id: line[:1] for row_id, line in lines.items()}
            values = variables.resolved(connection, lines)
            for document, row in zip(shown, page.rows, strict=True):
                document["variables"] = values[row.id]
    if not shown and kind.strict and ("id" in query or "name" in query):
        raise not_found(kind.name)
    return {kind.plural: shown, "links": views.links(call, kind, order, limit, page)}


def shown(call: Call, kind: Kind, object_id: str) -> dict[str, Any]:
    """One object with its variables."""
    with call.service.database.read() as connection:
        row = objects.find(connection, kind, object_id, tenant(call))
        lines = variables.lineages(connection, kind, [row])
        if not flag(call, "resolved-values", default=True):
            lines = {row.id: lines[row.id][:1]}
        values = variables.resolved(connection, lines)[row.id]
        return views.body(call, kind, row) | {"variables": values}


def deleted(call: Call, kind: Kind, object_id: str) -> Answer:
    """The answer to a deletion of any kind."""

    def work(transaction: Any) -> Answer:
        row = objects.hold(transaction, kind, object_id, tenant(call))
        objects.delete(transaction, kind, row)
        return Answer(None, 204)

    return transact(call, work)


def _own(connection: Any, row: Any) -> dict[str, Any]:
    association = row.variable_association_id
    return variables.own(connection, [association])[association]


def _set_active(given: dict[str, Any]) -> None:
    """Craton's own client writes ``-a False`` as text."""
    if isinstance(given.get("active"), str):
        given["active"] = given["active"].lower() == "true"


def _named(made: type[Resource], name: str) -> type[Resource]:
    made.__name__ = made.__qualname__ = name.capitalize()
    return made


Clouds, Cloud = collection(CLOUD), member(CLOUD)
Regions, Region = collection(REGION), member(REGION)
Cells, Cell = collection(CELL), member(CELL)
Hosts, Host = collection(HOST), member(HOST)
