"""Memory of ``serve`` on MariaDB: idle, after synchronising a fleet, during a large window.

PSS shares out pages that several processes have; RSS counts them in full; the peak is
the most RSS that the process ever had.  For information: there is no baseline.
"""

import contextlib
import time
from collections.abc import Iterator

from bench import broker, client, cloud, measure, stage, window
from bench.result import Result

_HOSTS, _SERVERS, _PROJECTS = 1_000, 20_000, 500


def run() -> Iterator[Result]:
    yield from _idle_and_synchronised()
    yield from _during_a_window()


def _idle_and_synchronised() -> Iterator[Result]:
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(stage.database("mariadb"))
        with stage.serve(database) as (url, process):
            _answered(url)
            yield _result("serve, idle", process.pid)
        auth_url = stack.enter_context(cloud.running(_HOSTS, _SERVERS, _PROJECTS))
        settings = "[inventory]\nsync_interval = 1\n"
        environment = cloud.environment(auth_url)
        url, process = stack.enter_context(
            stage.serve(database, settings, environment=environment)
        )
        measure.until(lambda: _generation(url) > 0)
        about = f"serve, after synchronising {_HOSTS} hosts and {_SERVERS} servers"
        yield _result(about, process.pid)
        time.sleep(20)
        yield _result(f"{about} again and again", process.pid)


def _during_a_window() -> Iterator[Result]:
    with contextlib.ExitStack() as stack:
        queue = stack.enter_context(broker.queue())
        database = stack.enter_context(stage.database("mariadb"))
        stage.stock(database, window.HOSTS, window.SERVERS, window.PROJECTS)
        url, process = stack.enter_context(stage.serve(database, queue.settings))
        for _ in range(3):
            window.once(url, database, queue, window.SCOPES["region"])
        yield _result(
            f"serve, after three windows on {window.HOSTS} hosts and {window.SERVERS} servers",
            process.pid,
        )


def _answered(url: str) -> None:
    with client.connected(url) as (connection,):
        for _ in range(20):
            connection.call("GET", "/v1/maintenance-windows")


def _generation(url: str) -> int:
    with client.connected(url) as (connection,):
        status, found = connection.call("GET", "/v1/nova-hosts?limit=10")
    if status != 200:
        raise AssertionError(f"{status} {found}")
    return sum(sync["generation"] for sync in found["syncs"] if sync["complete"])


def _result(name: str, pid: int) -> Result:
    now = measure.memory(pid)
    return Result(
        f"memory of {name}",
        now["pss"],
        "MB",
        more={"rss": now["rss"], "peak rss": measure.peak(pid)},
    )
