"""Variables of Craton's objects, and labels of hosts."""

from typing import Any

from flask_restful import Resource

from craton_maintenance.api.operation import Answer, Call, operation
from craton_maintenance.api.resources.craton.common import flag, stamp, tenant, transact
from craton_maintenance.craton import objects, variables
from craton_maintenance.craton.kinds import CELL, CLOUD, HOST, PROJECT, REGION, Kind
from craton_maintenance.policies import craton as rules


def of(kind: Kind, read: str = rules.READ, write: str = rules.WRITE) -> type[Resource]:
    """``/<plural>/{id}/variables``.

    As Craton answers: with inherited ones on hosts unless the query says no, with an
    object's own on all others unless it says yes.
    """

    class Variables(Resource):
        @operation(operator=read, query="craton-variables-query", answer="craton-variables")
        def get(self, call: Call, object_id: str) -> dict[str, Any]:
            with call.service.database.read() as connection:
                row = objects.find(connection, kind, object_id, tenant(call))
                lines = variables.lineages(connection, kind, [row])
                if not flag(call, "resolved-values", default=kind is HOST):
                    lines = {row.id: lines[row.id][:1]}
                return {"variables": variables.resolved(connection, lines)[row.id]}

        @operation(operator=write, body="craton-variables-set", answer="craton-variables")
        def put(self, call: Call, object_id: str) -> Answer:
            def work(transaction: Any) -> Answer:
                row = objects.find(transaction.connection, kind, object_id, tenant(call))
                association = row.variable_association_id
                variables.put(transaction, association, call.body, stamp(call))
                own = variables.own(transaction.connection, [association])
                return Answer({"variables": own[association]})

            return transact(call, work)

        @operation(operator=write, body="craton-variables-delete", status=204)
        def delete(self, call: Call, object_id: str) -> Answer:
            def work(transaction: Any) -> Answer:
                row = objects.find(transaction.connection, kind, object_id, tenant(call))
                variables.remove(transaction, row.variable_association_id, call.body)
                return Answer(None, 204)

            return transact(call, work)

    Variables.get.__doc__ = f"Show the variables of a {kind.name}."
    Variables.put.__doc__ = f"Set variables of a {kind.name}, leaving all others."
    Variables.delete.__doc__ = f"Remove variables of a {kind.name}."
    Variables.__name__ = Variables.__qualname__ = f"{kind.name.capitalize()}Variables"
    return Variables


CloudVariables = of(CLOUD)
RegionVariables = of(REGION)
CellVariables = of(CELL)
HostVariables = of(HOST)
ProjectVariables = of(PROJECT, rules.PROJECTS_READ, rules.PROJECT_VARIABLES)


class HostLabels(Resource):
    """The labels of a host; bodies of hosts don't have them."""

    @operation(operator=rules.READ, answer="craton-labels")
    def get(self, call: Call, object_id: str) -> dict[str, Any]:
        """Show the labels of a host."""
        with call.service.database.read() as connection:
            row = objects.find(connection, HOST, object_id, tenant(call))
            return {"labels": objects.labels(connection, row.id)}

    @operation(operator=rules.WRITE, body="craton-labels", answer="craton-labels")
    def put(self, call: Call, object_id: str) -> Answer:
        """Put labels on a host; those that it has stay."""

        def work(transaction: Any) -> Answer:
            row = objects.hold(transaction, HOST, object_id, tenant(call))
            objects.label(transaction, row.id, call.body["labels"], stamp(call))
            return Answer({"labels": objects.labels(transaction.connection, row.id)})

        return transact(call, work)

    @operation(operator=rules.WRITE, body="craton-labels", status=204)
    def delete(self, call: Call, object_id: str) -> Answer:
        """Take labels off a host."""

        def work(transaction: Any) -> Answer:
            row = objects.hold(transaction, HOST, object_id, tenant(call))
            objects.unlabel(transaction, row.id, call.body["labels"])
            return Answer(None, 204)

        return transact(call, work)
