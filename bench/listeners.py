"""Requests that write while 1,000 listeners wait for events.

``serve`` runs as a process of its own, with threads for so many listeners (each holds
one).  The listeners are event streams, each of another project, and all but a few are
idle; then the same with long polls.  Measured is an operator's PATCH of a window,
which stores events for one of the projects, one request after the other.  Baseline:
the same requests at the same server while nobody listens, before and after.
"""

import contextlib
import datetime as dt
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator

from bench import client, measure, stage
from bench.result import Result
from craton_maintenance.domain import times
from craton_maintenance.service import utcnow

_LISTENERS = 1_000
_REQUESTS = 400
_SETTINGS = """
[api]
threads = 1200
waiting_share = 90
"""
_WAYS = {
    "event streams": ("/v1/events", {"Accept": "text/event-stream"}),
    "long polls": ("/v1/events?wait=60&since=1000000", {}),
}


def run() -> Iterator[Result]:
    with stage.database("mariadb") as database:
        stage.stock(database, hosts=_LISTENERS, servers=_LISTENERS, projects=_LISTENERS)
        with stage.serve(database, _SETTINGS) as (url, process):
            for way, (path, headers) in _WAYS.items():
                yield from _measured(url, process.pid, way, path, headers)


def _measured(
    url: str, pid: int, way: str, path: str, headers: dict[str, str]
) -> Iterator[Result]:
    with client.connected(url) as (operator,):
        patch = _patches(operator)
        _durations(patch, 50)
        alone, before = _durations(patch, _REQUESTS), measure.memory(pid)
        with _listening(url, path, headers) as listening:
            time.sleep(2.0)
            with_them, after = _durations(patch, _REQUESTS), measure.memory(pid)
            heard = listening.heard
            if len(listening.open) < _LISTENERS - 1:
                raise AssertionError(f"only {len(listening.open)} listeners were left")
        time.sleep(1.0)
        alone += _durations(patch, _REQUESTS)
    p99 = [measure.percentile(times, 0.99) * 1000 for times in (with_them, alone)]
    p50 = [statistics.median(times) * 1000 for times in (with_them, alone)]
    yield Result(
        f"PATCH of a window while {_LISTENERS} {way} wait: p99",
        p99[0],
        "ms",
        baseline=p99[1],
        ratio=p99[1] / p99[0],
        at_most=100.0,
        more={"median": p50[0], "median of baseline": p50[1], "events heard": heard},
    )
    yield Result(
        f"memory of serve for {_LISTENERS} {way}",
        after["rss"] - before["rss"],
        "MB",
        more={"rss before": before["rss"], "rss": after["rss"], "pss": after["pss"]},
    )


def _patches(operator: client.Connection) -> Callable[[], None]:
    """A request that changes a window, with another text each time."""
    status, made = operator.call(
        "POST",
        "/v1/maintenance-windows",
        {
            "scope": {"hosts": ["compute-00007"]},
            "start": times.text(utcnow() + dt.timedelta(days=7)),
            "allow_overlap": True,
        },
    )
    if status != 201:
        raise AssertionError(f"{status} {made}")
    numbers = iter(range(1_000_000))

    def patch() -> None:
        body = {"announcement": f"Now it is number {next(numbers)}."}
        status, answer = operator.call("PATCH", f"/v1/maintenance-windows/{made['id']}", body)
        if status != 200:
            raise AssertionError(f"{status} {answer}")

    return patch


def _durations(call: Callable[[], None], count: int) -> list[float]:
    return [measure.seconds(call) for _ in range(count)]


class _Listening(threading.Thread):
    """All listeners; whatever they hear is read, and not looked at."""

    def __init__(self, url: str, path: str, headers: dict[str, str]) -> None:
        super().__init__(name="listeners", daemon=True)
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()
        self.heard = 0
        self.open: set[socket.socket] = set()
        for number in range(_LISTENERS):
            connection = client.Connection(url)
            who = {"X-Project-Id": f"{number:032x}", "X-Roles": "member"}
            connection.send(connection.head("GET", path, **who | headers))
            made = connection.detach()
            self.open.add(made)
            self._selector.register(made, selectors.EVENT_READ)

    def run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.1):
                made = key.fileobj
                assert isinstance(made, socket.socket)
                text = made.recv(65536)
                self.heard += text.count(b"event: maintenance")
                if not text:
                    self._selector.unregister(made)
                    self.open.discard(made)

    def end(self) -> None:
        self._ended.set()
        self.join()
        for made in self.open:
            made.close()
        self._selector.close()


@contextlib.contextmanager
def _listening(url: str, path: str, headers: dict[str, str]) -> Iterator[_Listening]:
    listening = _Listening(url, path, headers)
    listening.start()
    try:
        yield listening
    finally:
        listening.end()
