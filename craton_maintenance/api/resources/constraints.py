"""Standing wishes about a server or a group of servers; bodies are Fenix's."""

from typing import Any

from flask_restful import Resource

from craton_maintenance.api.operation import Call, operation
from craton_maintenance.policies import constraints as rules
from craton_maintenance.sessions import constraints
from craton_maintenance.sessions.constraints import GROUP, INSTANCE, Asker


class Instance(Resource):
    """What is wished for a server."""

    @operation(operator=rules.READ_ALL, project=rules.READ, answer="instance-constraint")
    def get(self, call: Call, instance_id: str) -> dict[str, Any]:
        """Show what was granted for a server."""
        with call.service.database.read() as connection:
            return constraints.get(connection, INSTANCE, instance_id, _asker(call))

    @operation(
        operator=rules.SET_ANY,
        project=rules.SET,
        body="instance-constraint-set",
        answer="instance-constraint",
    )
    def put(self, call: Call, instance_id: str) -> dict[str, Any]:
        """Wish something for a server; the answer is what was granted."""
        return constraints.put(call.service, INSTANCE, instance_id, call.body, _asker(call))

    @operation(operator=rules.SET_ANY, project=rules.SET, answer="removed")
    def delete(self, call: Call, instance_id: str) -> dict[str, Any]:
        """Wish nothing for a server any more."""
        constraints.remove(call.service, INSTANCE, instance_id, _asker(call))
        return {}


class Group(Resource):
    """What is wished for a group of servers."""

    @operation(operator=rules.READ_ALL, project=rules.READ, answer="group-constraint")
    def get(self, call: Call, group_id: str) -> dict[str, Any]:
        """Show what was granted for a group."""
        with call.service.database.read() as connection:
            return constraints.get(connection, GROUP, group_id, _asker(call))

    @operation(
        operator=rules.SET_ANY,
        project=rules.SET,
        body="group-constraint-set",
        answer="group-constraint",
    )
    def put(self, call: Call, group_id: str) -> dict[str, Any]:
        """Wish something for a group; the answer is what was granted."""
        return constraints.put(call.service, GROUP, group_id, call.body, _asker(call))

    @operation(operator=rules.SET_ANY, project=rules.SET, answer="removed")
    def delete(self, call: Call, group_id: str) -> dict[str, Any]:
        """Wish nothing for a group any more."""
        constraints.remove(call.service, GROUP, group_id, _asker(call))
        return {}


def _asker(call: Call) -> Asker:
    return Asker(call.caller.project_id, call.is_operator)
