"""Delivery of stored events, each at least once, in order.

The cursor says up to where the other side has taken everything.  It is moved
after confirmed hand-overs only, so whatever happens between a hand-over and the
move is repeated with the same id, and nothing is lost however long the other
side is away.  No transaction is open while something is sent.
"""

import logging
from typing import Any, Protocol

from craton_maintenance.db import events, leases, sinks
from craton_maintenance.engine.bus import NotTaken
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

#: Events between two moves of the cursor: so many are repeated after a crash at most.
_STRIDE = 100


class Sender(Protocol):
    """Where events go to."""

    def send(self, event: Any, user_id: str) -> None:
        """Hand over one event.

        :raises NotTaken: it has to be sent again
        """


class Relay:
    """Delivers to one sink, under a lease: one engine at a time."""

    def __init__(self, service: Service, sender: Sender, owner: str, name: str = "bus") -> None:
        """
        :param owner: unique to this engine's process
        :param name: the sink's
        """
        self._service = service
        self._sender = sender
        self._owner = owner
        self._name = name
        self._pause = 0.0

    def work(self) -> float:
        """Deliver what there is; a worker's ``work``.

        :returns: seconds until the next look
        """
        conf = self._service.conf
        fence = leases.hold(
            self._service.database, f"relay:{self._name}", self._owner, conf.engine.lease_seconds
        )
        if fence is None:
            return conf.engine.lease_seconds / 4
        database = self._service.database
        position = database.write(
            lambda transaction: sinks.open_at(transaction, self._name, fence)
        )
        with database.read() as connection:
            waiting = events.after_position(connection, position, conf.events.batch)
            user_id = self._service.identity(connection)["user_id"]
        if not waiting:
            return conf.engine.poll_seconds
        try:
            self._deliver(waiting, user_id, fence)
        except NotTaken as error:
            return self._failed(error, fence)
        self._pause = 0.0
        return 0.0

    def _deliver(self, waiting: Any, user_id: str, fence: int) -> None:
        taken = None
        try:
            for count, event in enumerate(waiting, 1):
                self._sender.send(event, user_id)
                taken = event.position
                if count % _STRIDE == 0:
                    self._advance(taken, fence)
        finally:
            if taken is not None:
                self._advance(taken, fence)

    def _advance(self, position: int, fence: int) -> None:
        moved = self._service.database.write(
            lambda transaction: sinks.advance(transaction, self._name, position, fence)
        )
        if not moved:
            LOG.warning("another engine delivers to %s by now", self._name)

    def _failed(self, error: NotTaken, fence: int) -> float:
        """Keep the other side's words for readiness; wait longer each time."""
        if not self._pause:
            LOG.warning("%s takes nothing, events wait: %s", self._name, error)
        words, now = str(error), self._service.clock()
        self._service.database.write(
            lambda transaction: sinks.failed(transaction, self._name, fence, words, now)
        )
        self._pause = min(self._pause * 2 or 0.1, self._service.conf.events.retry_seconds)
        return self._pause
