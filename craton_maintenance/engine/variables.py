"""Craton's variables, looked at by one engine at a time."""

from craton_maintenance.engine.lease import Lease
from craton_maintenance.inventory.states import States
from craton_maintenance.inventory.variables import Variables
from craton_maintenance.service import Service


class VariablesPoll:
    """Looks at the variables periodically."""

    def __init__(self, service: Service, owner: str) -> None:
        self._service = service
        self._variables = Variables(service)
        self._states = States(service)
        conf = service.conf
        seconds = conf.craton.variables_interval + conf.engine.lease_seconds
        self._lease = Lease(service.database, "variables", owner, seconds)

    def work(self) -> float:
        """A worker's ``work``: waits a quarter of a lease where another engine does it."""
        conf = self._service.conf
        if self._lease.hold() is None:
            return conf.engine.lease_seconds / 4
        self._variables.look()
        self._states.look()
        return conf.craton.variables_interval
