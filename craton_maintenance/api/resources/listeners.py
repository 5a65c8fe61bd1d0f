"""Who listens: which projects have alarms on what they are told."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from flask_restful import Resource

from craton_maintenance.alarms import listeners
from craton_maintenance.alarms.listeners import About
from craton_maintenance.api.operation import Call, operation
from craton_maintenance.db import listeners as store
from craton_maintenance.db import session_views, windows
from craton_maintenance.errors import not_found
from craton_maintenance.policies import listeners as rules

#: What is asked about, and how many servers of each project concerned.
_Asked = tuple[About, Mapping[str, int]]


class Listeners(Resource):
    """Who listens to whatever there may be."""

    @operation(operator=rules.READ, answer="listeners")
    def get(self, call: Call) -> dict[str, Any]:
        """Show which projects with servers have alarms on what they may be told."""
        return _answer(call, lambda connection: (listeners.anything(), store.owners(connection)))


class WindowListeners(Resource):
    """Who listens to a window."""

    @operation(operator=rules.READ, answer="listeners")
    def get(self, call: Call, window_id: str) -> dict[str, Any]:
        """Show which projects concerned have alarms on what they are told of a window."""

        def asked(connection: sa.Connection) -> _Asked:
            if windows.get(connection, window_id) is None:
                raise not_found("maintenance window")
            session = session_views.of_windows(connection, [window_id]).get(window_id)
            if session is not None:
                return _session(connection, session["id"], window_id)
            return listeners.window(window_id), _touched(connection, window_id)

        return _answer(call, asked)


class SessionListeners(Resource):
    """Who listens to a session."""

    @operation(operator=rules.READ, answer="listeners")
    def get(self, call: Call, session_id: str) -> dict[str, Any]:
        """Show which projects concerned have alarms on the notices of a session."""

        def asked(connection: sa.Connection) -> _Asked:
            row = session_views.get(connection, session_id)
            if row is None:
                raise not_found("maintenance session")
            return _session(connection, session_id, row.window_id)

        return _answer(call, asked)


def _session(connection: sa.Connection, session_id: str, window_id: str) -> _Asked:
    # before it has begun to ask, those are concerned that the window touches
    concerned = dict(_touched(connection, window_id))
    for project_id, count in store.told(connection, session_id).items():
        concerned[project_id] = max(count, concerned.get(project_id, 0))
    return listeners.session(session_id, window_id), concerned


def _touched(connection: sa.Connection, window_id: str) -> dict[str, int]:
    parts = windows.parts(connection, window_id)
    return {project_id: len(servers) for project_id, servers in parts.items()}


def _answer(call: Call, asked: Callable[[sa.Connection], _Asked]) -> dict[str, Any]:
    """The database first, and let go of it: Aodh may take its time."""
    service = call.service
    with service.database.read() as connection:
        about, concerned = asked(connection)
        operators = service.identity(connection)["project_id"]
        answered = store.answered(connection, {*concerned, operators})
    return listeners.report(about, concerned, operators, listeners.looks(service), answered)
