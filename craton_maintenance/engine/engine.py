"""The engine of a process: its workers, started and stopped together."""

import logging
import os
import socket
import uuid
from collections.abc import Sequence

import sqlalchemy.exc

from craton_maintenance.db import leases, migrate
from craton_maintenance.engine import adapters, bus, listener
from craton_maintenance.engine.clock import Clock, Follower
from craton_maintenance.engine.decider import Decider
from craton_maintenance.engine.housekeeping import Housekeeping
from craton_maintenance.engine.relay import Relay
from craton_maintenance.engine.steps import Steps
from craton_maintenance.engine.sync import PeriodicSync
from craton_maintenance.engine.variables import VariablesPoll
from craton_maintenance.engine.watcher import Watcher
from craton_maintenance.engine.worker import Worker
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

#: Seconds that an orderly end waits for what is under way.
_GRACE = 10.0


class Engine:
    """Everything that happens without a request."""

    def __init__(
        self, service: Service, regions: Sequence[Region] = (), may_create: bool | None = None
    ) -> None:
        """
        :param regions: to synchronise with
        :param may_create: make Craton's rows for new hosts; None: as configured
        :raises craton_maintenance.db.database.NotFit: the database is not migrated
        :raises oslo_config.cfg.Error: a ``notifications_url`` fits no region, or an adapter
            can't work as it is configured
        """
        migrate.check(service.database)
        self._service = service
        #: tells this process from every other one, also from its own successor
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._bus: bus.Bus | None = None
        self._workers: list[Worker | listener.Listener] = [
            Worker("clock", Clock(service).work),
            Worker("follower", Follower(service).work),
            Worker("housekeeping", Housekeeping(service).work),
            Worker("sessions", Decider(service).work, service.session_news),
        ]
        heard = listener.urls(service.conf, regions)
        clouds = {region.name: Cloud(service.conf, region) for region in regions}
        self._steps = Steps(service, clouds, self.owner)
        self._workers.append(Worker("steps", self._steps.work, service.step_news))
        self._workers += [
            Worker(
                f"watch-{region.name}",
                Watcher(
                    service, region, clouds[region.name], self.owner, region.name in heard
                ).work,
                service.moved[region.name].event,
            )
            for region in regions
        ]
        if bus.configured(service.conf):
            self._bus = bus.Bus(service.conf)
            relay = Relay(service, self._bus, self.owner)
            self._workers.append(Worker("relay", relay.work, service.news))
        if service.conf.craton.variables:
            self._workers.append(Worker("variables", VariablesPoll(service, self.owner).work))
        if service.conf.inventory.sync:
            self._workers += [
                Worker(
                    f"sync-{region.name}",
                    PeriodicSync(service, region, self.owner, may_create).work,
                )
                for region in regions
            ]
        self._workers += [
            Worker(one.name, one.work) for one in adapters.made(service, regions, self.owner)
        ]
        self._workers += [listener.Listener(service, name, url) for name, url in heard.items()]

    def start(self) -> None:
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """End in good order: what is under way is finished, leases are given up."""
        for worker in self._workers:
            worker.stop()
        self._steps.close()
        late = [worker.name for worker in self._workers if not worker.join(_GRACE)]
        if late:
            LOG.warning("did not end in %s s: %s", _GRACE, ", ".join(late))
        try:
            leases.give_up(self._service.database, self.owner)
        except sqlalchemy.exc.SQLAlchemyError as error:
            LOG.warning("leases stay until they expire: %s", error)
        if self._bus is not None:
            self._bus.close()
