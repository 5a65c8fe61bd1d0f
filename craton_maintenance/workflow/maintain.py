"""A host is taken through maintenance, for Craton's workers.

A session waits for people, and a flow must not: it ends at each wait.  Running it again
goes on where the session stands, in any process, beside an engine or without one.
"""

import os
import socket
import time
import uuid
from concurrent.futures import Executor, Future
from typing import Any

from taskflow import task
from taskflow.patterns import linear_flow

from craton_maintenance import conf as configuration
from craton_maintenance.db import leases, migrate, windows
from craton_maintenance.db import sessions as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.search import pending_on_host
from craton_maintenance.domain.scope import HostKey, Kind
from craton_maintenance.engine.steps import Steps
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import regions
from craton_maintenance.service import Service

#: Who does it, for the record.
_ACTOR = "craton-workflow"

#: Rounds of decisions and steps in one run.
_ROUNDS = 1000


class BeginMaintenance(task.Task):
    """Set a window with a session on one host, or find the one that is there.

    Requires ``config_files`` (paths, empty for oslo.config's usual places), ``region`` and
    ``host``.  Provides ``session_id``.
    """

    default_provides = "session_id"

    def execute(self, config_files: list[str], region: str, host: str) -> str:
        """
        :raises craton_maintenance.errors.Problem: the host is not known, or may not be taken
        """
        service = Service(configuration.load(config_files))
        migrate.check(service.database)
        return begin(service, HostKey(region, host))


class AdvanceMaintenance(task.Task):
    """Go on with a session until it waits for something.

    Requires ``config_files`` and ``session_id``.  Provides ``session_state``: where it
    stands; run the flow again to go on.
    """

    default_provides = "session_state"

    def execute(self, config_files: list[str], session_id: str) -> str:
        """
        :raises craton_maintenance.nova.credentials.NoCloud: credentials can't be used
        """
        conf = configuration.load(config_files)
        service = Service(conf)
        clouds = {region.name: Cloud(conf, region) for region in regions(conf)}
        return advance(service, clouds, session_id)


class HostMaintenance:
    """Entry point ``maintenance-host`` of ``craton.workflow``."""

    def workflow(self) -> linear_flow.Flow:
        """A flow of two tasks; store: ``config_files``, ``region``, ``host``."""
        return linear_flow.Flow("maintenance-host").add(BeginMaintenance(), AdvanceMaintenance())


def begin(service: Service, key: HostKey) -> str:
    """The session of a host: that of its window, or of a new one."""

    def work(transaction: Transaction) -> str:
        transaction.lock("admission")
        for row in pending_on_host(transaction.connection, key):
            session = store.of_window(transaction.connection, row.id)
            if session is not None and session.finished_at is None:
                return str(session.id)
        entry = {"name": key.name, "region": key.region}
        window = service.windows.set(transaction, {"scope": {Kind.HOST.value: [entry]}}, _ACTOR)
        windows.update(transaction, window.id, {"workflow": "default"})
        return service.sessions.create(transaction, window, "default", {}, [], _ACTOR)

    return service.database.write(work)


def advance(service: Service, clouds: dict[str, Cloud], session_id: str) -> str:
    """Decide and do until nothing is to be done now; the session's state."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    steps = Steps(service, clouds, owner, _Here())
    try:
        for _ in range(_ROUNDS):
            service.database.write(lambda t: service.sessions.decide(t, session_id))
            if not steps.of(session_id):
                break
            # another engine may be doing one, and a step may have to wait a little
            if not steps.do(session_id):
                time.sleep(service.conf.engine.poll_seconds)
    finally:
        leases.give_up(service.database, owner)
    with service.database.read() as connection:
        row = store.get(connection, session_id)
    return "" if row is None else str(row.state)


class _Here(Executor):
    """Does in this thread what it is given."""

    def submit(self, call: Any, /, *args: Any, **more: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(call(*args, **more))
        return done
