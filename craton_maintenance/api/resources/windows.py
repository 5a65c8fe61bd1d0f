"""Maintenance windows."""

from collections.abc import Sequence
from typing import Any

from flask_restful import Resource

from craton_maintenance.api import paging
from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.views import WindowViews
from craton_maintenance.db import search, session_views, tables
from craton_maintenance.db import windows as store
from craton_maintenance.errors import Code, Problem, not_found
from craton_maintenance.policies import windows as rules
from craton_maintenance.sessions import announce


class Windows(Resource):
    """All windows, or a project's part of those that touch it."""

    @operation(
        operator=rules.READ_ALL,
        project=rules.READ,
        query="window-list-query",
        answer="window-list",
    )
    def get(self, call: Call) -> dict[str, Any]:
        """List windows."""
        views = WindowViews(call.service)
        visible = None
        if not call.is_operator:
            _refuse_operators_filters(call)
            visible = search.touches(call.project_id)
        select = search.select(call.query, call.service.clock())
        if visible is not None:
            select = select.where(visible)
        with call.service.database.read() as connection:
            rows, more = paging.page(connection, select, tables.windows, call.query, visible)
            if call.is_operator:
                shown = _whole(connection, views, call, rows)
            else:
                ids = [row.id for row in rows]
                parts = store.parts_of(connection, call.project_id, ids)
                found = sessions(connection, rows, call.project_id)
                shown = [views.project(row, parts[row.id], found.get(row.id)) for row in rows]
        last = rows[-1].id if rows else None
        url = f"{call.service.public_url}/maintenance-windows"
        return {"maintenance_windows": shown, "links": paging.links(url, call.query, last, more)}

    @operation(operator=rules.SET, body="window-create", answer="window", status=201)
    def post(self, call: Call) -> Answer:
        """Set a window."""

        def work(transaction: Any) -> Answer:
            row, _ = announce.window(call.service, transaction, call.body, call.caller.actor)
            return answer(call, transaction, row, 201)

        return call.transact(work)


class Window(Resource):
    """One window."""

    @operation(
        operator=rules.READ_ALL, project=rules.READ, query="window-query", answer="window-any"
    )
    def get(self, call: Call, window_id: str) -> Answer:
        """Show a window, or the project's part of it."""
        with call.service.database.read() as connection:
            row = store.get(connection, window_id)
            if row is None:
                raise not_found("maintenance window")
            views = WindowViews(call.service)
            if call.is_operator:
                (shown,) = _whole(connection, views, call, [row])
                return Answer(shown, 200, _etag(row))
            part = store.part(connection, window_id, call.project_id)
            if part is None:
                raise not_found("maintenance window")
            session = sessions(connection, [row], call.project_id).get(row.id)
            return Answer(views.project(row, part, session), 200, _etag(row))

    @operation(operator=rules.CHANGE, body="window-update", answer="window", generations=True)
    def patch(self, call: Call, window_id: str) -> Answer:
        """Change a window: only what is given."""
        return call.transact(
            lambda transaction: answer(
                call,
                transaction,
                call.service.windows.change(
                    transaction, window_id, call.body, call.caller.actor, call.revision
                ),
            )
        )

    @operation(operator=rules.CANCEL, status=204, generations=True)
    def delete(self, call: Call, window_id: str) -> Answer:
        """Cancel a window that has not opened."""

        def work(transaction: Any) -> Answer:
            call.service.windows.cancel(transaction, window_id, call.caller.actor, call.revision)
            return Answer(None, 204)

        return call.transact(work)


class WindowStart(Resource):
    """In maintenance now."""

    @operation(operator=rules.START, answer="window", generations=True)
    def post(self, call: Call, window_id: str) -> Answer:
        """Open a window now, before its start."""
        return call.transact(
            lambda transaction: answer(
                call,
                transaction,
                call.service.windows.start(
                    transaction, window_id, call.caller.actor, call.revision
                ),
            )
        )


class WindowFinish(Resource):
    """Done."""

    @operation(operator=rules.FINISH, answer="window", generations=True)
    def post(self, call: Call, window_id: str) -> Answer:
        """Close an open window now."""

        def work(transaction: Any) -> Answer:
            row = call.service.windows.finish(
                transaction, window_id, call.caller.actor, call.revision
            )
            return answer(call, transaction, row)

        return call.transact(work)


def _refuse_operators_filters(call: Call) -> None:
    """What a project could learn names of hosts, or of other projects, with.

    :raises Problem: 403
    """
    foreign = call.query.get("project_id", call.project_id) != call.project_id
    refused = [name for name in ("host", "region") if name in call.query]
    refused += ["project_id"] if foreign else []
    if refused:
        raise Problem(
            403, Code.FORBIDDEN, f"Only operators may filter by {' and '.join(refused)}."
        )


def answer(call: Call, transaction: Any, row: store.Row, status: int = 200) -> Answer:
    """A window that was just written, with its ETag, and where it is."""
    headers = _etag(row)
    if status == 201:
        headers["Location"] = f"{call.service.public_url}/maintenance-windows/{row.id}"
    session = sessions(transaction.connection, [row]).get(row.id)
    return Answer(WindowViews(call.service).operator(row, session=session), status, headers)


def sessions(
    connection: Any, rows: Sequence[store.Row], project_id: str | None = None
) -> dict[str, dict[str, str]]:
    """By window, ``id`` and ``state`` of the session that carries it out.

    :param project_id: only what this project was told of; None: all
    """
    ids = [row.id for row in rows if row.workflow is not None]
    return session_views.of_windows(connection, ids, project_id) if ids else {}


def _etag(row: store.Row) -> dict[str, str]:
    return {"ETag": f'"{row.revision}"'}


def _whole(
    connection: Any, views: WindowViews, call: Call, rows: Sequence[store.Row]
) -> list[dict[str, Any]]:
    """Windows as operators see them, with hosts and projects if asked for."""
    found = sessions(connection, rows)
    if not call.query.get("details"):
        return [views.operator(row, session=found.get(row.id)) for row in rows]
    ids = [row.id for row in rows]
    hosts, parts = store.hosts_by_window(connection, ids), store.parts_by_window(connection, ids)
    return [
        views.operator(row, hosts.get(row.id, ()), parts.get(row.id, {}), found.get(row.id))
        for row in rows
    ]
