"""Craton's users.  An API key is in the answer to its creation, and never again.

Craton shows every key to every admin, root's included.
"""

import secrets
import uuid
from typing import Any

from flask_restful import Resource

from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.resources.craton import objects as common
from craton_maintenance.api.resources.craton import views
from craton_maintenance.api.resources.craton.common import made, stamp, tenant, transact
from craton_maintenance.craton import objects
from craton_maintenance.craton.kinds import USER
from craton_maintenance.errors import Code, Problem
from craton_maintenance.policies import craton as rules


class Users(Resource):
    """The users of one's project, all for a root."""

    @operation(
        operator=rules.USERS_READ, query="craton-user-list-query", answer="craton-user-list"
    )
    def get(self, call: Call) -> dict[str, Any]:
        """List users."""
        return common.listed(call, USER)

    @operation(
        operator=rules.USERS_WRITE, body="craton-user-create", answer="craton-user", status=201
    )
    def post(self, call: Call) -> Answer:
        """Create a user; only this answer has the API key."""

        def work(transaction: Any) -> Answer:
            key = secrets.token_hex(16)
            given = _given(call) | {"api_key": key}
            row = objects.create(transaction, USER, tenant(call), given, stamp(call))
            shown = views.body(call, USER, row) | {"api_key": key}
            answer = made(call, f"/users/{row.id}", shown)
            return Answer(answer.body, 201, {**answer.headers, "Cache-Control": "no-store"})

        return transact(call, work)


class User(Resource):
    """One user."""

    @operation(operator=rules.USERS_READ, answer="craton-user")
    def get(self, call: Call, object_id: str) -> dict[str, Any]:
        """Show a user."""
        with call.service.database.read() as connection:
            row = objects.find(connection, USER, object_id, tenant(call))
            return views.body(call, USER, row)

    @operation(operator=rules.USERS_WRITE, status=204)
    def delete(self, call: Call, object_id: str) -> Answer:
        """Delete a user."""

        def work(transaction: Any) -> Answer:
            row = objects.hold(transaction, USER, object_id, tenant(call))
            if row.is_root and not call.caller.is_root:
                raise _only_root("delete")
            objects.delete(transaction, USER, row)
            return Answer(None, 204)

        return transact(call, work)


def _given(call: Call) -> dict[str, Any]:
    """What the user is to be.

    :raises Problem: 403 for a root made by somebody who is none
    """
    given = {"is_admin": False, "is_root": False, **call.body}
    given["project_id"] = uuid.UUID(given["project_id"]).hex
    if given["is_root"] and not call.caller.is_root:
        raise _only_root("create")
    return given


def _only_root(verb: str) -> Problem:
    return Problem(403, Code.FORBIDDEN, f"Only a root can {verb} a root.")
