"""Waiting for conditions, never for time to pass; and doing things at once."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Found = TypeVar("Found")


def until(
    check: Callable[[], Found], what: str, seconds: float = 30.0, every: float = 0.02
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


def together(calls: Sequence[Callable[[], Found]]) -> list[Found]:
    """The results of calls that begin at the same moment, each in a thread of its own."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Found]) -> Found:
        start.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
