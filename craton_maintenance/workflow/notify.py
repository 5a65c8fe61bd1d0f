"""A window change becomes its notifications.

The events were stored by the transaction that changed the window; this flow
delivers what is stored and not yet taken.  Running it twice, or beside an
engine, is harmless: one relay delivers at a time, and repeats carry the same id.
"""

import os
import socket
import uuid

import taskflow.engines
from oslo_config import cfg
from taskflow import task
from taskflow.patterns import linear_flow

from craton_maintenance import conf as configuration
from craton_maintenance.db import migrate
from craton_maintenance.db.database import NotFit
from craton_maintenance.engine.bus import Bus, configured
from craton_maintenance.engine.relay import Relay
from craton_maintenance.service import Service


class DeliverEvents(task.Task):
    """Deliver every stored event that the bus has not taken.

    Requires ``config_files``: paths, empty for oslo.config's usual places.
    Provides ``delivered``: whether nothing is left.
    """

    default_provides = "delivered"

    def execute(self, config_files: list[str]) -> bool:
        """
        :raises NotFit: no bus is configured, or the database is not migrated
        """
        conf = configuration.load(config_files)
        return deliver(Service(conf), conf)


class NotifyWindowChange:
    """Entry point ``maintenance-notify`` of ``craton.workflow``."""

    def workflow(self) -> linear_flow.Flow:
        """A flow of one task; store: ``config_files``."""
        return linear_flow.Flow("maintenance-notify").add(DeliverEvents())


def deliver(service: Service, conf: cfg.ConfigOpts) -> bool:
    """Deliver until nothing is left, the bus takes nothing, or another engine does it.

    :returns: whether nothing is left for this process to do
    :raises NotFit: no bus is configured, or the database is not migrated
    """
    migrate.check(service.database)
    if not configured(conf):
        raise NotFit("no bus is configured: set transport_url")
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    bus = Bus(conf)
    try:
        return Relay(service, bus, owner).drain()
    finally:
        bus.close()


def run(config_files: list[str]) -> bool:
    """Run the flow in this process, as an example and for tests."""
    results = taskflow.engines.run(
        NotifyWindowChange().workflow(), store={"config_files": config_files}
    )
    return bool(results["delivered"])
