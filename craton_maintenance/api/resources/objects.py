"""The maintenance of one of Craton's objects: a host, cell, region or cloud."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_restful import Resource

from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.resources.windows import answer
from craton_maintenance.api.views import WindowViews
from craton_maintenance.db import fleet, search
from craton_maintenance.domain import window
from craton_maintenance.domain.scope import HostKey, Item, Kind
from craton_maintenance.errors import Code, Problem, not_found
from craton_maintenance.policies import objects as rules
from craton_maintenance.windows import names

#: Of Craton's INTEGER columns.
_LARGEST_ID = 2**31 - 1


class ObjectMaintenance(Resource):
    """State now and next; PUT sets a window on just this, DELETE unsets it."""

    kind: Kind

    @operation(operator=rules.READ, query="links-query", answer="maintenance-state")
    def get(self, call: Call, ref: str) -> dict[str, Any]:
        """Show the windows that are open here, and those to come."""
        with call.service.database.read() as connection:
            item = self._item(connection, call, ref)
            if item.kind is Kind.HOST:
                key = HostKey(item.region or "", item.name)
                rows = search.pending_on_host(connection, key)
                about: dict[str, Any] = {"host": {"region": key.region, "name": key.name}}
            else:
                rows = search.pending_naming(connection, item)
                about = {"name": item.name}
        return about | now_and_next(WindowViews(call.service), rows)

    @operation(
        operator=rules.SET,
        query="links-query",
        body="window-set",
        answer="window",
        more=(201,),
        generations=True,
    )
    def put(self, call: Call, ref: str) -> Answer:
        """Set the window of just this object, or change the one that is set."""

        def work(transaction: Any) -> Answer:
            # before looking whether one is set: two at once must not both set one
            transaction.lock("admission")
            item = self._item(transaction.connection, call, ref)
            use = call.service.windows
            set_already = _own(call, search.pending_naming(transaction.connection, item), item)
            if set_already is not None:
                row = use.change(
                    transaction, set_already.id, call.body, call.caller.actor, call.revision
                )
                return answer(call, transaction, row)
            named = {"name": item.name} | ({"region": item.region} if item.region else {})
            request = call.body | {"scope": {item.kind.value: [named]}}
            row = use.set(transaction, request, call.caller.actor)
            return answer(call, transaction, row, 201)

        return call.service.database.write(work)

    @operation(operator=rules.UNSET, query="links-query", status=204, generations=True)
    def delete(self, call: Call, ref: str) -> Answer:
        """Unset the window of just this object: finish it if it is open, else cancel it."""

        def work(transaction: Any) -> Answer:
            # before looking whether one is set: two at once must not both set one
            transaction.lock("admission")
            item = self._item(transaction.connection, call, ref)
            row = _own(call, search.pending_naming(transaction.connection, item), item)
            if row is None:
                raise Problem(404, Code.NOT_FOUND, "No window is set on just this.")
            is_open = WindowViews(call.service).state(row) is window.State.OPEN
            end = call.service.windows.finish if is_open else call.service.windows.cancel
            end(transaction, row.id, call.caller.actor, call.revision)
            return Answer(None, 204)

        return call.service.database.write(work)

    def _item(self, connection: sa.Connection, call: Call, ref: str) -> Item:
        """The object that the path names, by Craton's id or by name.

        :raises Problem: 404, or 400 where a host's name needs its region
        """
        return find(connection, self.kind, ref, call.query.get("region"))


class HostMaintenance(ObjectMaintenance):
    kind = Kind.HOST


class CellMaintenance(ObjectMaintenance):
    kind = Kind.CELL


class RegionMaintenance(ObjectMaintenance):
    kind = Kind.REGION


class CloudMaintenance(ObjectMaintenance):
    kind = Kind.CLOUD


def find(connection: sa.Connection, kind: Kind, ref: str, region: str | None) -> Item:
    """The object with this id or name.

    :raises Problem: 404, or 400 where a name exists in several regions
    """
    entry: Any = ref if region is None else {"name": ref, "region": region}
    object_id = int(ref) if ref.isascii() and ref.isdigit() and len(ref) <= 10 else 0
    if 0 < object_id <= _LARGEST_ID and fleet.by_id(connection, kind.value, object_id):
        entry = object_id
    known = names.Names.read(connection, [{kind.value: [entry]}])
    try:
        return known.item(kind, entry, "path")
    except Problem as problem:
        if problem.code is Code.UNKNOWN_NAME:
            raise not_found(kind.value.removesuffix("s")) from None
        raise


def now_and_next(views: WindowViews, rows: Sequence[Any]) -> dict[str, Any]:
    """Windows by whether they are open, as operators see them."""
    return grouped([(views.state(row), views.operator(row)) for row in rows])


def grouped(shown: Sequence[tuple[window.State, dict[str, Any]]]) -> dict[str, Any]:
    """The answer about an object: ``state``, ``now`` and ``next``."""
    now = [document for state, document in shown if state is window.State.OPEN]
    coming = [document for state, document in shown if state is window.State.SCHEDULED]
    state = "open" if now else "scheduled" if coming else "none"
    return {"state": state, "now": now, "next": coming}


def _own(call: Call, rows: Sequence[Any], item: Item) -> Any:
    """The window set on exactly this object, the earliest that is not over."""
    views = WindowViews(call.service)
    for row in rows:
        if views.state(row) not in window.FINAL and names.from_json(row.scope) == (item,):
            return row
    return None
