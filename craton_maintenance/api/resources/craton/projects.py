"""Craton's projects, and which of Nova's they stand for."""

from typing import Any

from flask_restful import Resource

from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.resources.craton import objects as common
from craton_maintenance.api.resources.craton import views
from craton_maintenance.api.resources.craton.common import made, stamp, tenant, transact
from craton_maintenance.craton import bindings, objects, variables
from craton_maintenance.craton.kinds import PROJECT
from craton_maintenance.domain import times
from craton_maintenance.errors import not_found
from craton_maintenance.policies import craton as rules


class Projects(Resource):
    """Craton's projects: one's own, all for a root."""

    @operation(
        operator=rules.PROJECTS_READ,
        query="craton-project-list-query",
        answer="craton-project-list",
    )
    def get(self, call: Call) -> dict[str, Any]:
        """List projects."""
        return common.listed(call, PROJECT)

    @operation(
        operator=rules.PROJECTS_WRITE,
        body="craton-project-create",
        answer="craton-project",
        status=201,
    )
    def post(self, call: Call) -> Answer:
        """Create a project."""

        def work(transaction: Any) -> Answer:
            row = objects.create(transaction, PROJECT, tenant(call), call.body, stamp(call))
            own = variables.own(transaction.connection, [row.variable_association_id])
            shown = views.body(call, PROJECT, row)
            shown["variables"] = own[row.variable_association_id]
            return made(call, f"/projects/{shown['id']}", shown)

        return transact(call, work)


class Project(Resource):
    """One project; its name never changes, as in Craton."""

    @operation(operator=rules.PROJECTS_READ, query="craton-object-query", answer="craton-project")
    def get(self, call: Call, object_id: str) -> dict[str, Any]:
        """Show a project."""
        return common.shown(call, PROJECT, object_id)

    @operation(operator=rules.PROJECTS_WRITE, status=204)
    def delete(self, call: Call, object_id: str) -> Answer:
        """Delete a project that has nothing, its binding with it."""
        return common.deleted(call, PROJECT, object_id)


class Binding(Resource):
    """Which of Nova's projects a Craton project stands for; ours, also beside a Craton."""

    @operation(operator=rules.BINDINGS_READ, answer="project-binding")
    def get(self, call: Call, object_id: str) -> dict[str, Any]:
        """Show what a project is bound to."""
        with call.service.database.read() as connection:
            row = objects.find(connection, PROJECT, object_id, tenant(call))
            return _shown(connection, row.id)

    @operation(operator=rules.BINDINGS_WRITE, body="project-binding-set", answer="project-binding")
    def put(self, call: Call, object_id: str) -> Answer:
        """Bind a project: its users who are not admins become members of Nova's."""

        def work(transaction: Any) -> Answer:
            row = objects.hold(transaction, PROJECT, object_id, tenant(call))
            bindings.bind(
                transaction,
                row.id,
                call.body["nova_project_id"],
                call.caller.actor,
                call.service.clock(),
            )
            return Answer(_shown(transaction.connection, row.id))

        return transact(call, work)

    @operation(operator=rules.BINDINGS_WRITE, status=204)
    def delete(self, call: Call, object_id: str) -> Answer:
        """Unbind a project: its users are operators again."""

        def work(transaction: Any) -> Answer:
            row = objects.hold(transaction, PROJECT, object_id, tenant(call))
            if not bindings.unbind(transaction, row.id):
                raise not_found("binding")
            return Answer(None, 204)

        return transact(call, work)


def _shown(connection: Any, project: str) -> dict[str, Any]:
    binding = bindings.of(connection, project)
    if binding is None:
        raise not_found("binding")
    return {
        "project_id": views.dashed(project),
        "nova_project_id": binding.nova_project_id,
        "created_at": times.text(binding.created_at),
        "created_by": binding.created_by,
    }
