"""A session on 200 hosts with 4,000 servers of 50 projects, with and without Nova's notifications.

The simulated cloud, the API and the engine run as processes of their own, on MariaDB and
RabbitMQ.  A live migration takes 6 s; as Nova does by default, a host sends out one at a
time, and queues the others.  Projects answer what they are asked as soon as the broker has
it.  Measured are

* the time from an operator's POST to the first notice in a queue on RabbitMQ;
* answers of the API meanwhile;
* on the first host, from its disabling to that of the next one: calls of Nova's API for each
  server that was moved, every page counted; and CPU;
* the time for which Nova has nothing to do on a host between two migrations, with as many
  moves handed to Nova at a time as by default, and with one at a time, where each has to be
  seen to have ended before the next is begun.

Baseline: a bare loop, which migrates one server after the other, looks at that migration each
0.1 s, and knows of nothing else; on another host of the same cloud, at the same time.

The periodic synchronisation of the inventory, which is there without sessions, is done once
before and counted in none of it.
"""

import collections
import contextlib
import dataclasses
import json
import pathlib
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import kombu

from bench import broker, client, cloud, measure, stage
from bench.result import Result
from craton_maintenance.simcloud.moves.live import SAVED_AFTER

_HOSTS, _SERVERS, _PROJECTS = 200, 4_000, 50
#: seconds that a migration takes at Nova, from when the host begins with it
_MIGRATION = 6.0
_ROUNDS = 5
#: migrations one at a time, and in the baseline
_ONE_BY_ONE = 8
#: the host that the baseline works on, one more than the session has
_OTHER = f"host-{_HOSTS:05}"

_FENIX_NOTICE = "Fenix: 18 s"
_FENIX_ANSWER = "Fenix: 16.3 s, the slowest answer"


def run() -> Iterator[Result]:
    for notified in (True, False):
        yield from _measured(notified)


def _measured(notified: bool) -> Iterator[Result]:
    how = "with Nova's notifications" if notified else "without notifications"
    with contextlib.ExitStack() as stack:
        scene = _Scene(stack, notified)
        with scene.daemons() as daemons:
            yield from _notices(scene, daemons, how)
            yield from _drain(scene, daemons, how)
        with scene.daemons("parallel_moves = 1\n") as daemons:
            yield from _one_by_one(scene, daemons, how)


# -- what all stand on ---------------------------------------------------------------


class _Scene:
    """A cloud, a database with its inventory, and a bus."""

    def __init__(self, stack: contextlib.ExitStack, notified: bool) -> None:
        self.queue = stack.enter_context(broker.queue())
        self.database = stack.enter_context(stage.database("mariadb"))
        self.log = _Log(stack.enter_context(stage.folder()) / "cloud.jsonl")
        topic = f"{self.queue.topic}_nova"
        timing = {"live_fixed": _MIGRATION, "live_mb_per_s": 1e12}
        more = cloud.More(
            {"timing": timing, "max_concurrent_live_migrations": 1},
            self.queue.url if notified else "",
            topic,
            str(self.log.path),
        )
        self.auth_url = stack.enter_context(
            cloud.running(_HOSTS + 1, _SERVERS + _SERVERS // _HOSTS, _PROJECTS, more)
        )
        self.settings = self.queue.settings + "[inventory]\nsync_interval = 86400\n"
        if notified:
            self.settings += (
                f"[nova]\nnotifications_url = {self.queue.url}\n"
                f"notifications_topic = {topic}\nnotifications_pool = {topic}-pool\n"
            )
            stack.callback(self.queue.delete, f"{topic}-pool", f"{topic}.info")

    @contextlib.contextmanager
    def daemons(self, sessions: str = "") -> Iterator[stage.Daemons]:
        """The API and an engine that has synchronised.

        :param sessions: lines of ``[sessions]``
        """
        settings = f"{self.settings}[sessions]\n{sessions}"
        environment = cloud.environment(self.auth_url)
        with stage.daemons(self.database, settings, environment) as started:
            measure.until(lambda: _is_synchronised(started.url), every=0.2)
            # the engine has begun with everything by then
            time.sleep(3.0)
            yield started

    def projects(self, url: str) -> "_Projects":
        """What answers for the projects."""
        self.queue.empty()
        return _Projects(self.queue, url)

    def calls(self) -> list[dict[str, Any]]:
        """Calls of our user that Nova and Placement have had, in order."""
        session = cloud.session(self.auth_url, "admin", "admin")
        root = self.auth_url.removesuffix("/identity/v3")
        listed = session.get(f"{root}/sim/calls").json()["calls"]
        return [
            one for one in listed if one["user"] == "maintenance" and one["service"] != "identity"
        ]


def _of_one_host(calls: Sequence[dict[str, Any]], host: str) -> dict[str, int]:
    """Calls from the disabling of a host to that of the next one, by what they were."""
    disabled = [
        number
        for number, one in enumerate(calls)
        if one["method"] == "PUT" and (one["body"] or {}).get("status") == "disabled"
    ]
    # each is preceded by a look at the service that is disabled
    looked = [number - 1 for number in disabled]
    of_host = [n for n in looked if calls[n]["query"].get("host") == [host]]
    end = next(number for number in looked if number > of_host[-1])
    return dict(
        collections.Counter(
            f"{one['service']} {one['method']} {one['template']} {one['action']}".rstrip()
            for one in calls[of_host[-1] : end]
        )
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Move:
    """A live migration, as Nova's side has seen it; seconds since 1970."""

    asked: float
    ended: float


class _Log:
    """What the simulated cloud has written down."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def moves(self, host: str, since: float = 0.0) -> list[_Move]:
        """Live migrations off a host that have ended, in the order of their ends."""
        asked: dict[str, float] = {}
        found = []
        lines = self.path.read_text().splitlines()
        for line in map(json.loads, lines):
            if line["host"] != host or line["at"] < since:
                continue
            if line["what"] == "asked":
                asked[line["server"]] = line["at"]
            elif line["what"] == "live_migration_post.end" and line["server"] in asked:
                found.append(_Move(asked.pop(line["server"]), line["at"] + SAVED_AFTER))
        return found

    def busiest(self, since: float) -> list[_Move]:
        """Enough migrations off one of the session's hosts, or none yet."""
        hosts = {json.loads(line)["host"] for line in self.path.read_text().splitlines()}
        moves = [self.moves(host, since) for host in sorted(hosts - {_OTHER})]
        return next((some for some in moves if len(some) > _ONE_BY_ONE), [])


class _Projects(threading.Thread):
    """Answers for all projects, as soon as the broker has a notice."""

    def __init__(self, queue: broker.Queue, url: str) -> None:
        super().__init__(name="projects", daemon=True)
        self._queue, self._url = queue, url
        self._ended = threading.Event()
        #: when the first notice of each session was there
        self.first: dict[str, float] = {}
        #: states that hosts have entered: when, by host and state
        self.hosts: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        with (
            kombu.Connection(self._queue.url.replace("rabbit://", "amqp://")) as connection,
            self._queue.consumer(connection, self._heard),
        ):
            while not self._ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)

    def _heard(self, body: Any, message: Any) -> None:
        now = time.time()
        said = json.loads(body["oslo.message"])
        payload = said["payload"]
        if said["event_type"] == "maintenance.scheduled":
            self.first.setdefault(payload["session_id"], now)
            self._answer(payload)
        elif said["event_type"] == "maintenance.host":
            self.hosts[payload["host"], payload["state"]] = now

    def _answer(self, payload: dict[str, Any]) -> None:
        if "reply_at" not in payload:
            return
        body: dict[str, Any] = {"state": f"ACK_{payload['state']}"}
        if payload["allowed_actions"]:
            body["instance_action"] = "LIVE_MIGRATE"
        who = {"X-Project-Id": payload["project_id"], "X-Roles": "member"}
        with client.connected(self._url) as (connection,):
            connection.call("PUT", urlsplit(payload["reply_url"]).path, body, **who)


class _Readers(threading.Thread):
    """Somebody who looks at things while a session works, ten times a second."""

    def __init__(self, url: str, session_id: str) -> None:
        super().__init__(name="readers", daemon=True)
        self._url = url
        self._paths = (
            f"/v1/maintenance/{session_id}",
            "/v1/maintenance-windows",
            "/v1/events?all_projects=true&limit=30",
        )
        self._ended = threading.Event()
        self.taken: list[float] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        with client.connected(self._url) as (operator,):
            number = 0
            while not self._ended.wait(0.1):
                path = self._paths[number % len(self._paths)]
                self.taken.append(client.latency(operator, path))
                number += 1


# -- what is measured ----------------------------------------------------------------


def _notices(scene: _Scene, daemons: stage.Daemons, how: str) -> Iterator[Result]:
    """From the request to the first notice; the sessions are aborted as soon as they are told."""
    times = []
    with scene.projects(daemons.url) as projects:
        for _ in range(_ROUNDS):
            begun = time.time()
            session_id = _start(daemons.url)
            measure.until(lambda one=session_id: one in projects.first)
            times.append(projects.first[session_id] - begun)
            _abort(daemons.url, session_id)
    yield Result(
        f"session on {_HOSTS} hosts, {how}: from POST to the first notice in RabbitMQ",
        statistics.median(times),
        "s",
        at_most=1.0,
        more={"runs": [round(one, 3) for one in times]},
        quoted=_FENIX_NOTICE,
    )


def _drain(scene: _Scene, daemons: stage.Daemons, how: str) -> Iterator[Result]:
    """The first host, from its disabling to its return."""
    pids = {"API": daemons.api.pid, "engine": daemons.engine.pid}
    with scene.projects(daemons.url) as projects:
        begun_at = time.time()
        session_id = _start(daemons.url)
        loop = _Bare(scene)
        with loop, _Readers(daemons.url, session_id) as readers:
            host = measure.until(lambda: _in_state(projects, "DRAINING", begun_at), limit=60)
            before = _cpu(pids)
            begun = time.perf_counter()
            measure.until(lambda: (host, "DRAINED") in projects.hosts, every=0.1, limit=900)
            drained = time.perf_counter() - begun
            measure.until(
                lambda: (host, "MAINTENANCE_COMPLETE") in projects.hosts, every=0.1, limit=120
            )
            after, seconds = _cpu(pids), time.perf_counter() - begun
            measure.until(lambda: _in_state(projects, "DRAINING", begun_at, host), limit=60)
            time.sleep(1.0)
        _abort(daemons.url, session_id)
    moves = scene.log.moves(host, begun_at)
    used = _of_one_host(scene.calls(), host)
    nova = sum(count for what, count in used.items() if what.startswith("compute"))
    yield Result(
        f"session, {how}: Nova's calls for each moved server",
        nova / len(moves),
        "calls",
        baseline=loop.calls,
        ratio=loop.calls / (nova / len(moves)),
        at_most=3.0 if how.startswith("with ") else None,
        more={"moved": len(moves), "Placement's": (sum(used.values()) - nova) / len(moves)}
        | dict(sorted(used.items())),
    )
    yield _idle_result(f"session, {how}: idle time of Nova for each migration", moves, loop, how)
    yield Result(f"session, {how}: to empty a host of {len(moves)} servers", drained, "s")
    yield Result(
        f"session, {how}: p99 of the API's answers meanwhile",
        measure.percentile(readers.taken, 0.99) * 1000,
        "ms",
        at_most=100.0,
        more={
            "longest": max(readers.taken) * 1000,
            "median": statistics.median(readers.taken) * 1000,
        },
        quoted=_FENIX_ANSWER,
    )
    for name, pid in pids.items():
        yield Result(
            f"session, {how}: CPU of the {name} while a host is maintained",
            100 * (after[name] - before[name]) / seconds,
            "% of a core",
        )
        yield Result(
            f"session, {how}: memory of the {name}",
            measure.memory(pid)["pss"],
            "MB",
            more={"peak rss": measure.peak(pid)},
        )


def _one_by_one(scene: _Scene, daemons: stage.Daemons, how: str) -> Iterator[Result]:
    """Where a move is begun once the one before has ended."""
    begun = time.time()
    with scene.projects(daemons.url):
        session_id = _start(daemons.url)
        with _Bare(scene) as loop:
            moves = measure.until(lambda: scene.log.busiest(begun), every=0.5, limit=600)
        _abort(daemons.url, session_id)
    what = f"session, {how}: idle time of Nova for each migration, one at a time"
    yield _idle_result(what, moves[: _ONE_BY_ONE + 1], loop, how)


def _idle_result(what: str, moves: Sequence[_Move], loop: "_Bare", how: str) -> Result:
    ours, theirs = _idle(moves), _idle(loop.moves)
    return Result(
        what,
        statistics.mean(ours),
        "s",
        baseline=statistics.mean(theirs),
        ratio=statistics.mean(theirs) / max(statistics.mean(ours), 0.001),
        at_most=0.2 if how.startswith("with ") else 2.0,
        more={"median": statistics.median(ours), "longest": max(ours), "migrations": len(ours)},
    )


def _idle(moves: Sequence[_Move]) -> list[float]:
    """For how long Nova had nothing to do on the host before each migration but the first.

    From the end of all before to the request: what Nova takes itself is in none of it.
    """
    requests = sorted(one.asked for one in moves)
    ends = sorted(one.ended for one in moves)
    return [max(0.0, asked - ended) for asked, ended in zip(requests[1:], ends, strict=False)]


class _Bare(threading.Thread):
    """The baseline: one migration after the other, and nothing else."""

    def __init__(self, scene: _Scene) -> None:
        super().__init__(name="bare", daemon=True)
        self._scene = scene
        self._ended = threading.Event()
        self._begun = time.time()
        self._calls: list[int] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    @property
    def moves(self) -> list[_Move]:
        return self._scene.log.moves(_OTHER, self._begun)

    @property
    def calls(self) -> float:
        """Calls of Nova's API for each server."""
        return statistics.mean(self._calls)

    def run(self) -> None:
        session = cloud.session(self._scene.auth_url, "admin", "admin")
        where = {"service_type": "compute", "interface": "public"}
        headers = {"OpenStack-API-Version": "compute 2.87"}

        def ask(method: str, path: str, **more: Any) -> Any:
            return session.request(path, method, endpoint_filter=where, headers=headers, **more)

        found = ask("GET", f"/servers?all_tenants=1&host={_OTHER}").json()["servers"]
        for server in [one["id"] for one in found][: _ONE_BY_ONE + 1]:
            body = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
            ask("POST", f"/servers/{server}/action", json=body)
            calls, status = 1, ""
            while status not in ("completed", "error", "failed") and not self._ended.is_set():
                time.sleep(0.1)
                answer = ask("GET", f"/os-migrations?instance_uuid={server}&limit=1")
                calls, status = calls + 1, answer.json()["migrations"][0]["status"]
            if self._ended.is_set():
                return
            self._calls.append(calls)


def _cpu(pids: dict[str, int]) -> dict[str, float]:
    return {name: measure.cpu(pid) for name, pid in pids.items()}


def _is_synchronised(url: str) -> bool:
    with client.connected(url) as (operator,):
        status, found = operator.call("GET", "/v1/nova-hosts?limit=10")
    if status != 200:
        raise AssertionError(f"{status} {found}")
    return any(one["complete"] for one in found["syncs"])


def _start(url: str) -> str:
    hosts = [f"host-{number:05}" for number in range(_HOSTS)]
    with client.connected(url) as (operator,):
        status, made = operator.call("POST", "/v1/maintenance", {"hosts": hosts})
    if status != 200:
        raise AssertionError(f"{status} {made}")
    return str(made["session_id"])


def _abort(url: str, session_id: str) -> None:
    """Abort a session, and wait until it has let go of its hosts."""
    with client.connected(url) as (operator,):
        operator.call("DELETE", f"/v1/maintenance/{session_id}")

        def is_over() -> bool:
            _, shown = operator.call("GET", f"/v1/maintenance/{session_id}")
            return shown["state"] == "MAINTENANCE_FAILED"

        measure.until(is_over, every=0.1, limit=300)


def _in_state(projects: _Projects, state: str, since: float, other_than: str = "") -> str | None:
    """A host that has entered a state since a moment."""
    for (host, entered), at in list(projects.hosts.items()):
        if entered == state and at >= since and host != other_than:
            return host
    return None
