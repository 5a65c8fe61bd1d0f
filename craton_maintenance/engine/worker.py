"""A thread that does one thing again and again, and survives its failures."""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterable

LOG = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2


def seconds_until(moments: Iterable[dt.datetime | None], now: dt.datetime, most: float) -> float:
    """Seconds until the earliest moment that there is, from 0 to ``most``."""
    there = ((moment - now).total_seconds() for moment in moments if moment is not None)
    return max(0.0, min((most, *there)))


class Worker:
    """Calls ``work`` until it is stopped.

    ``work`` returns how many seconds may pass until it has to be called again.  A
    failure is logged, once with its traceback while it stays the same, and tried
    again after a growing pause.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float],
        wake: threading.Event | None = None,
        longest_pause: float = 30.0,
    ) -> None:
        """
        :param wake: set by others when there is something to do
        :param longest_pause: seconds between tries while it fails
        """
        self.name = name
        self._work = work
        self._wake = wake or threading.Event()
        self._longest_pause = longest_pause
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; :meth:`join` waits for that."""
        self._stopping = True
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause, last = _FIRST_PAUSE, ""
        while not self._stopping:
            # before the work: what is set during it is not forgotten
            self._wake.clear()
            try:
                wait = self._work()
                pause, last = _FIRST_PAUSE, ""
            except Exception as error:  # whatever it is, the thread must not end of it
                words = f"{type(error).__name__}: {error}"
                LOG.error("%s failed: %s", self.name, words, exc_info=words != last)
                wait, last = pause, words
                pause = min(pause * 2, self._longest_pause)
            if self._stopping:
                return
            self._wake.wait(wait)
