"""Delivery of stored events, each at least once, in order.

The cursor says up to where the other side has taken everything.  It is moved
after confirmed hand-overs only, so whatever happens between a hand-over and the
move is repeated with the same id, and nothing is lost however long the other
side is away.  No transaction is open while something is sent.

Two engines may overlap for a moment when a lease changes hands.  Both send in
order from a point that was confirmed, so first deliveries are in order all the
same.
"""

import enum
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from craton_maintenance.db import events, leases, notices, sinks
from craton_maintenance.db.database import Transaction
from craton_maintenance.engine.bus import NotTaken
from craton_maintenance.engine.lease import Lease
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

#: Seconds between two moves of the cursor: what was handed over since is repeated after a
#: crash.  Each is a commit, which takes as long as some dozens of hand-overs.
_STRIDE = 0.5

_FIRST_PAUSE = 0.1


class Outcome(enum.Enum):
    """What one look for events came to."""

    DELIVERED = enum.auto()
    #: there was nothing to deliver
    NOTHING = enum.auto()
    #: another engine delivers
    ELSEWHERE = enum.auto()
    #: the other side did not take an event
    NOT_TAKEN = enum.auto()


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
        self._lease = Lease(
            service.database, f"relay:{name}", owner, service.conf.engine.lease_seconds
        )
        #: the fencing number that the cursor was read under, and the cursor
        self._fence: int | None = None
        self._position = 0
        self._pause = 0.0

    def work(self) -> float:
        """A worker's ``work``: deliver what there is.

        :returns: seconds until the next look
        """
        match self.step():
            case Outcome.DELIVERED:
                return 0.0
            case Outcome.NOTHING:
                return self._service.conf.engine.poll_seconds
            case Outcome.ELSEWHERE:
                return self._lease.seconds / 4
            case Outcome.NOT_TAKEN:
                return self._pause

    def drain(self) -> bool:
        """Deliver until nothing is left, and let others go on.

        :returns: False if the other side takes nothing, or another engine delivers
        """
        while (outcome := self.step()) is Outcome.DELIVERED:
            pass
        leases.give_up(self._service.database, self._owner)
        return outcome is Outcome.NOTHING

    def step(self) -> Outcome:
        """Look once, and deliver what is found."""
        fence = self._lease.hold()
        if fence is None:
            self._fence = None
            return Outcome.ELSEWHERE
        if fence != self._fence:
            self._position = self._service.database.write(
                lambda transaction: sinks.open_at(transaction, self._name, fence)
            )
            self._fence = fence
        with self._service.database.read() as connection:
            waiting = events.to_deliver(
                connection, self._position, self._service.conf.events.batch
            )
            if not waiting:
                return Outcome.NOTHING
            user_id = self._service.identity(connection)["user_id"]
            asked = notices.waiting(
                connection, (event.notice_id for event in waiting if event.notice_id)
            )
        try:
            self._deliver(waiting, asked, user_id)
        except NotTaken as error:
            self._failed(error)
            return Outcome.NOT_TAKEN
        self._pause = 0.0
        return Outcome.DELIVERED

    def _deliver(self, waiting: Sequence[Any], asked: Mapping[str, Any], user_id: str) -> None:
        """
        :param asked: by id, the notices that these events hand over
        """
        taken, moved_at, handed = self._position, time.monotonic(), list[Any]()
        try:
            for event in waiting:
                notice = asked.get(event.notice_id or "")
                if notice is None or self._goes_out(notice):
                    self._sender.send(event, user_id)
                if notice is not None:
                    handed.append(notice)
                taken = event.position
                if time.monotonic() - moved_at >= _STRIDE:
                    self._advance(taken, handed)
                    moved_at, handed = time.monotonic(), []
                    if self._fence is None:
                        return
        finally:
            if taken != self._position:
                self._advance(taken, handed)

    def _goes_out(self, notice: Any) -> bool:
        """A notice that was superseded, or whose time is nearly over, is not published.

        Whoever gets one has the time that it says; so it is asked anew.
        """
        return notices.is_wanted(notice) and not notices.is_stale(notice, self._service.clock())

    def _advance(self, position: int, handed: Sequence[Any]) -> None:
        """Move the cursor, and keep the lease while there is a lot to deliver."""
        fence, now = self._fence or 0, self._service.clock()
        self._position = position
        counts = self._service.conf.sessions.handover in ("any", "bus")

        def move(transaction: Transaction) -> bool:
            if not sinks.advance(transaction, self._name, position, fence):
                return False
            if counts and handed:
                notices.handed_over(transaction, handed, now)
                transaction.after_commit(self._service.session_news.set)
            return True

        moved = self._service.database.write(move)
        if not moved:
            LOG.warning("another engine delivers to %s by now", self._name)
            self._fence = None
            self._lease.lost()
        else:
            self._lease.hold()

    def _failed(self, error: NotTaken) -> None:
        """Keep the other side's words for readiness; wait longer each time."""
        if not self._pause:
            LOG.warning("%s takes nothing, events wait: %s", self._name, error)
        words, now, fence = str(error), self._service.clock(), self._fence or 0
        self._service.database.write(
            lambda transaction: sinks.failed(transaction, self._name, fence, words, now)
        )
        longest = self._service.conf.events.retry_seconds
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, longest)
