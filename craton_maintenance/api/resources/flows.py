"""The catalogue of flows."""

from typing import Any

from flask_restful import Resource

from craton_maintenance.api.operation import Call, operation
from craton_maintenance.domain.session.states import FLOW
from craton_maintenance.policies import flows as rules


class Flows(Resource):
    """The flows that may be chosen."""

    @operation(operator=rules.READ_ALL, project=rules.READ, answer="flow-list")
    def get(self, call: Call) -> dict[str, Any]:
        """List the flows that the caller may choose."""
        project_id = None if call.is_operator else call.project_id
        found = call.service.catalogue.describe(project_id)
        return {"flows": [_named(flow) for flow in found]}


def _named(flow: dict[str, Any]) -> dict[str, Any]:
    """With the word that replies and constraints choose it by."""
    return flow | {"action": f"{FLOW}{flow['name']}"} if flow["for"] == "server" else flow
