"""Sessions: made, looked at, ordered about. Paths, statuses and main keys are Fenix's."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_restful import Resource

from craton_maintenance.api import paging, session_views
from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.session_views import SessionViews
from craton_maintenance.api.views import WindowViews
from craton_maintenance.db import differences, suppressions
from craton_maintenance.db import session_views as store
from craton_maintenance.db import windows as window_store
from craton_maintenance.db.database import Transaction
from craton_maintenance.errors import Problem, not_found
from craton_maintenance.policies import sessions as rules
from craton_maintenance.sessions import announce, orders


class Sessions(Resource):
    """All sessions, or those that concern a project."""

    @operation(
        operator=rules.READ_ALL,
        project=rules.READ,
        query="session-list-query",
        answer="session-list",
    )
    def get(self, call: Call) -> dict[str, Any]:
        """List sessions, the newest first."""
        project_id = None if call.is_operator else call.project_id
        with call.service.database.read() as connection:
            rows, more = store.listed(connection, call.query, project_id)
            shown: dict[str, Any] = {"sessions": [row.id for row in rows]}
            if call.query.get("details"):
                shown["details"] = _whole(connection, call, rows)
        url = f"{call.service.public_url}/maintenance"
        last = rows[-1].id if rows else None
        return shown | {"links": paging.links(url, call.query, last, more)}

    @operation(operator=rules.CREATE, body="session-create", answer="session-created")
    def post(self, call: Call) -> Answer:
        """Set a window for now or later, with the session that carries it out."""

        def work(transaction: Transaction) -> Answer:
            body = announce.from_fenix(transaction.connection, call.body)
            _, session_id = announce.window(call.service, transaction, body, call.caller.actor)
            row = _found(transaction.connection, session_id or "")
            return Answer(SessionViews(call.service).created(row))

        try:
            return call.transact(work)
        except Problem as problem:
            raise announce.renamed(problem, call.body) from None


class Session(Resource):
    """One session."""

    @operation(operator=rules.READ_ALL, project=rules.READ, answer="session-any")
    def get(self, call: Call, session_id: str) -> dict[str, Any]:
        """Show where a session stands."""
        return _session(call, session_id)

    @operation(operator=rules.ORDER, body="session-order", answer="session")
    def put(self, call: Call, session_id: str) -> dict[str, Any]:
        """Pause, resume, abort, retry, override, confirm, skip."""
        orders.give(call.service, session_id, call.body, call.caller.actor)
        return _session(call, session_id)

    @operation(operator=rules.ABORT, answer="session")
    def delete(self, call: Call, session_id: str) -> dict[str, Any]:
        """Abort a session; nothing is done where it is over."""
        orders.abort(call.service, session_id, call.caller.actor)
        return _session(call, session_id)


class SessionDetail(Resource):
    """All of a session."""

    @operation(operator=rules.DETAIL, answer="session-detail")
    def get(self, call: Call, session_id: str) -> dict[str, Any]:
        """Show everything of a session, and why it does not get on."""
        views = SessionViews(call.service)
        with call.service.database.read() as connection:
            row = _found(connection, session_id)
            (session,) = _whole(connection, call, [row])
            window = window_store.get(connection, row.window_id)
            hosts = store.hosts(connection, session_id)
            servers = store.servers(connection, session_id)
            notices = store.all_notices(connection, session_id)
            steps = store.all_steps(connection, session_id)
            waiting = store.orders(connection, session_id)
            syncs = differences.sync_state(connection)
            quiet = suppressions.of_session(connection, session_id)
        ref = {"id": row.id, "state": row.state}
        return {
            "session": session,
            "window": WindowViews(call.service).operator(window, session=ref),
            "hosts": [session_views.host(one) for one in hosts],
            "servers": [session_views.server(one) for one in servers],
            "notices": [session_views.notice(one) for one in notices],
            "steps": [session_views.step(one) for one in steps],
            "suppressions": [session_views.suppression(one) for one in quiet],
            "orders": [session_views.order(one) for one in waiting],
            "blockers": views.blockers(row, hosts, servers, notices, syncs),
            "estimate": views.estimate(row, hosts),
        }


def _session(call: Call, session_id: str) -> dict[str, Any]:
    with call.service.database.read() as connection:
        (shown,) = _whole(connection, call, [_found(connection, session_id)]) or (None,)
    if shown is None:
        raise not_found("maintenance session")
    return shown


def _found(connection: sa.Connection, session_id: str) -> Any:
    row = store.get(connection, session_id)
    if row is None:
        raise not_found("maintenance session")
    return row


def _whole(connection: sa.Connection, call: Call, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Sessions as the caller sees them; those that do not concern a project are not there."""
    views = SessionViews(call.service)
    ids = [row.id for row in rows]
    if call.is_operator:
        hosts = store.hosts_by_state(connection, ids)
        return [views.operator(row, hosts.get(row.id, {})) for row in rows]
    told = store.told_by_session(connection, ids, call.project_id)
    return [views.project(row, call.project_id, told[row.id]) for row in rows if row.id in told]
