"""Readers who wait for events.

One thread per process looks at the head of the events and wakes only the
projects concerned; a waiting reader holds no database connection.  Waiting
readers hold a share of the server's threads at most, and some per project, so
that everybody else is still answered.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any

import sqlalchemy.exc

from craton_maintenance.db import events
from craton_maintenance.errors import Code, Problem
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

#: Stands for all projects; no Keystone id is empty.
EVERYBODY = ""

#: Seconds between two looks at the head while somebody waits.
_LOOK = 0.1


class Seat:
    """A place among the waiting; leaving twice is harmless."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._lock = threading.Lock()
        self._left = False

    def leave(self) -> None:
        with self._lock:
            if self._left:
                return
            self._left = True
        self._leave()

    def __enter__(self) -> "Seat":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


class WaitingRoom:
    """Everybody who waits in this process."""

    def __init__(self, service: Service) -> None:
        api = service.conf.api
        self._service = service
        self._seats = max(1, api.threads * api.waiting_share // 100)
        self._per_project = api.waiting_per_project
        self._lock = threading.Lock()
        #: one for each project that somebody waits for: news wake nobody else
        self._changed: dict[str, threading.Condition] = {}
        self._waiting: Counter[str] = Counter()
        #: grows for a project with its news
        self._news: defaultdict[str, int] = defaultdict(int)
        self._looker: threading.Thread | None = None
        self.closed = False

    @property
    def taken(self) -> int:
        """How many readers have a seat now."""
        with self._lock:
            return self._waiting.total()

    def enter(self, whose: str) -> Seat:
        """Take a seat.

        :raises Problem: 429 when there is none
        """
        with self._lock:
            if self._waiting.total() >= self._seats or self._waiting[whose] >= self._per_project:
                raise Problem(
                    429,
                    Code.TOO_MANY_WAITING,
                    "Too many readers are waiting already: poll without wait, or come again.",
                    headers={"Retry-After": "5"},
                )
            self._waiting[whose] += 1
            self._changed.setdefault(whose, threading.Condition(self._lock))
            if self._looker is None:
                self._looker = threading.Thread(target=self._look, name="event-head", daemon=True)
                self._looker.start()
        return Seat(lambda: self._left(whose))

    def wait_for(self, whose: str, read: Callable[[], list[Any]], seconds: float) -> list[Any]:
        """What ``read`` finds, as soon as it finds something; empty after ``seconds``."""
        until = time.monotonic() + seconds
        while not self.closed:
            with self._lock:
                seen = self._news[whose]
            found = read()
            if found:
                return found
            with self._lock:
                self._sleep(whose, seen, until)
                if self._news[whose] == seen:
                    return []
        return []

    def close(self) -> None:
        """Send everybody home: the server stops."""
        with self._lock:
            self.closed = True
            for changed in self._changed.values():
                changed.notify_all()

    def _sleep(self, whose: str, seen: int, until: float) -> None:
        self._changed[whose].wait_for(
            lambda: self.closed or self._news[whose] != seen, until - time.monotonic()
        )

    def _left(self, whose: str) -> None:
        with self._lock:
            self._waiting[whose] -= 1
            if not self._waiting[whose]:
                del self._waiting[whose], self._changed[whose]

    def _look(self) -> None:
        position = 0
        while True:
            with self._lock:
                if self.closed or not self._waiting:
                    self._looker = None
                    return
            try:
                position = self._news_since(position)
            except sqlalchemy.exc.SQLAlchemyError:
                LOG.warning("the database can't be asked for news now", exc_info=True)
            time.sleep(_LOOK)

    def _news_since(self, position: int) -> int:
        with self._service.database.read() as connection:
            newest = events.head(connection)
            if newest == position:
                return position
            # nobody knows what came before the first look: all are woken
            projects = events.projects_between(connection, position, newest) if position else None
        with self._lock:
            for whose in projects | {EVERYBODY} if projects is not None else set(self._waiting):
                if whose in self._waiting:
                    self._news[whose] += 1
                    self._changed[whose].notify_all()
        return newest
