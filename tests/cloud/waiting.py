"""Waiting for conditions, never for time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(
    check: Callable[[], Found], what: str, seconds: float = 30.0, every: float = 0.05
) -> Found:
    """The first true answer of ``check``.

    :raises AssertionError: none within ``seconds``
    """
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last: {found!r:.500})")
        time.sleep(every)
