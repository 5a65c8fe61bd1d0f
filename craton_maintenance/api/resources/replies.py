"""What a project is asked in a session, and its answers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from flask_restful import Resource

from craton_maintenance.api import session_views
from craton_maintenance.api.operation import Call, operation
from craton_maintenance.db import session_views as store
from craton_maintenance.errors import not_found
from craton_maintenance.policies import replies as rules
from craton_maintenance.sessions import handover, replies


class Part(Resource):
    """A project's part of a session."""

    @operation(operator=rules.READ_ALL, project=rules.READ, answer="session-part")
    def get(self, call: Call, session_id: str, project_id: str) -> dict[str, Any]:
        """Show what a project is asked, and what happens to its servers."""
        return _part(call, session_id, project_id, None)

    @operation(operator=rules.GIVE_ANY, project=rules.GIVE, body="reply", answer="reply-taken")
    def put(self, call: Call, session_id: str, project_id: str) -> dict[str, Any]:
        """Answer for all servers that are asked about, or say for which."""
        return _answer(call, session_id, project_id, None)


class InstancePart(Resource):
    """One server's part of a session."""

    @operation(operator=rules.READ_ALL, project=rules.READ, answer="session-part")
    def get(
        self, call: Call, session_id: str, project_id: str, instance_id: str
    ) -> dict[str, Any]:
        """Show what is asked about a server, and what happens to it."""
        return _part(call, session_id, project_id, instance_id)

    @operation(operator=rules.GIVE_ANY, project=rules.GIVE, body="reply", answer="reply-taken")
    def put(
        self, call: Call, session_id: str, project_id: str, instance_id: str
    ) -> dict[str, Any]:
        """Answer for one server."""
        return _answer(call, session_id, project_id, instance_id)


@dataclasses.dataclass(frozen=True, slots=True)
class _Read:
    """What a project's part is made of."""

    row: Any
    #: its servers in the session, or the one that is asked about
    told: Sequence[str]
    #: those that are open
    notices: Sequence[Any]
    servers: Sequence[Any]


def _answer(
    call: Call, session_id: str, project_id: str, instance_id: str | None
) -> dict[str, Any]:
    _refuse_foreign(call, project_id)
    said = replies.Said.read(session_id, project_id, instance_id, call.body, call.caller.actor)
    return replies.give(call.service, said)


def _part(call: Call, session_id: str, project_id: str, instance_id: str | None) -> dict[str, Any]:
    _refuse_foreign(call, project_id)
    found = _read(call, session_id, project_id, instance_id)
    unread = [one.id for one in found.notices if one.delivered_at is None]
    if unread and call.caller.project_id == project_id:
        # its time runs from now on, and what is shown says until when
        handover.read(call.service, project_id, unread)
        found = _read(call, session_id, project_id, instance_id)
    return session_views.part(
        found.row, project_id, found.told, found.notices, found.servers, instance_id
    )


def _read(call: Call, session_id: str, project_id: str, instance_id: str | None) -> _Read:
    """:raises Problem: 404"""
    with call.service.database.read() as connection:
        row = store.get(connection, session_id)
        told = store.told(connection, session_id, project_id)
        if row is None or told is None:
            raise not_found("maintenance session")
        notices = list(store.open_notices(connection, session_id, project_id))
        servers = list(store.servers(connection, session_id, project_id))
    if instance_id is not None:
        if instance_id not in told:
            raise not_found("maintenance session")
        told = [instance_id]
        notices = [one for one in notices if instance_id in one.data.get("servers", ())]
    return _Read(row, told, notices, servers)


def _refuse_foreign(call: Call, project_id: str) -> None:
    """A project sees its own part only: another's is answered as one that does not exist.

    :raises Problem: 404
    """
    if not call.is_operator and call.project_id != project_id:
        raise not_found("maintenance session")
