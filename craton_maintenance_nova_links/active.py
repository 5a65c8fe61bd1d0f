"""What the request path looks at: the last answer, kept up to date by a thread."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from craton_maintenance_nova_links.options import Options
from craton_maintenance_nova_links.source import EMPTY, Snapshot

LOG = logging.getLogger(__name__)


class Readable(Protocol):
    """Somebody to ask."""

    def read(self) -> Snapshot:
        """:raises Exception: there is no answer"""


class Active:
    """Which links there are, as far as is known.

    The thread starts with the first request, in the process that answers it: nova-api
    makes its application first and forks its workers then, and a thread is not
    inherited. Where nova-api patches the standard library, it is a green one.

    :param clock: seconds that only go forward
    """

    def __init__(
        self, source: Readable, options: Options, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._interval = options.interval
        self._max_age = options.max_age
        self._clock = clock
        self._pid = 0
        self._snapshot = EMPTY
        self._heard = 0.0
        self._well = True

    def current(self) -> Snapshot:
        """What links there are; none where the service has not answered for too long."""
        if self._pid != os.getpid():
            self._start()
        found = self._snapshot
        if not found or self._clock() - self._heard > self._max_age:
            return EMPTY
        return found

    def _start(self) -> None:
        # first, so that what fails is not tried at every request
        self._pid, self._snapshot = os.getpid(), EMPTY
        threading.Thread(target=self._follow, name="nova-links", daemon=True).start()

    def _follow(self) -> None:
        while True:
            self.refresh()
            time.sleep(self._interval)

    def refresh(self) -> None:
        """Ask once; what is known stays as it is if there is no answer."""
        try:
            self._snapshot = self._source.read()
            self._heard = self._clock()
        except Exception as error:
            if self._well:
                LOG.warning("craton-maintenance does not say which links there are: %s", error)
            self._well = False
        else:
            if not self._well:
                LOG.info("craton-maintenance says again which links there are")
            self._well = True
