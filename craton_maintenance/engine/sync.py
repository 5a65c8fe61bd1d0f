"""Periodic synchronisation with Nova, by one engine for each region."""

import logging

from craton_maintenance.engine.lease import Lease
from craton_maintenance.inventory.sync import Sync
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)


class PeriodicSync:
    """One region's."""

    def __init__(
        self, service: Service, region: Region, owner: str, may_create: bool | None = None
    ) -> None:
        self._service = service
        self._region = region
        conf = service.conf
        # held from one synchronisation to the next, so that engines do not take turns
        seconds = conf.inventory.sync_interval + conf.engine.lease_seconds
        self._lease = Lease(service.database, f"sync:{region.name}", owner, seconds)
        self._sync = Sync(service, region, may_create)

    def work(self) -> float:
        """A worker's ``work``: waits a quarter of a lease where another engine does it."""
        conf = self._service.conf
        if self._lease.hold() is None:
            return conf.engine.lease_seconds / 4
        report = self._sync.run()
        if report.changed:
            LOG.info("region %s synchronised: %s", self._region.name, report)
        for gap in report.gaps:
            LOG.warning("region %s is incomplete: %s", self._region.name, gap)
        return conf.inventory.sync_interval
