"""Clocks that a simulated cloud can run on: the machine's, or one that a test moves."""

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What the cloud asks of a clock."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""


class Ticking(Protocol):
    """Something with transitions that fall due: a cloud is one."""

    def next_due(self) -> float | None:
        """When the next transition falls due, None if there is none."""

    def settle(self) -> None:
        """Run the transitions that are due by now."""


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class VirtualClock:
    """A clock that stands still until it is told to advance.

    Subscribers' transitions run at the very moment they are due, in order, so a jump of a
    day gives the same history as a day of small steps.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._subscribers: list[Ticking] = []
        self._lock = threading.RLock()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def subscribe(self, subscriber: Ticking) -> None:
        """Have a subscriber's transitions run as time passes."""
        self._subscribers.append(subscriber)

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds; ValueError if negative."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.advance_to(self._now + seconds)

    def advance_to(self, target: float) -> None:
        """Move on to a time, stopping at each transition on the way."""
        with self._lock:
            while (due := self.next_due()) is not None and due <= target:
                self._now = max(self._now, due)
                for subscriber in self._subscribers:
                    subscriber.settle()
            self._now = max(self._now, target)

    def next_due(self) -> float | None:
        """The earliest transition of any subscriber, None if nothing is under way."""
        dues = [due for s in self._subscribers if (due := s.next_due()) is not None]
        return min(dues, default=None)

    def advance_until(self, done: Callable[[], bool], limit: float = 86_400.0) -> bool:
        """Go from transition to transition until done() or limit seconds have passed."""
        end = self._now + limit
        while not done():
            due = self.next_due()
            if due is None or due > end:
                self.advance_to(end)
                return done()
            self.advance_to(due)
        return True
