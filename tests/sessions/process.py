"""One process of ours, API and engine, that carries out a session on a virtual clock.

It is one thread: workers are called one after the other until nothing is left to be done at
this moment, and then time goes on to the next moment at which something is due.  All that it
does outside goes through :class:`tests.sessions.outside.Outside`, and at each of these seams,
and at each commit, ``point`` is called before and after.
"""

import contextlib
import dataclasses
import datetime as dt
import io
import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
import sqlalchemy as sa
import werkzeug.test
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from craton_maintenance.api.app import create_app
from craton_maintenance.db import session_inputs
from craton_maintenance.db import sessions as store
from craton_maintenance.db import windows as window_store
from craton_maintenance.db.tables import inputs, leases, session_hosts, sessions, steps
from craton_maintenance.domain.session.states import OVER, Blocker, HostState
from craton_maintenance.domain.session.steps import StepStatus
from craton_maintenance.engine import bus, lease, relay
from craton_maintenance.engine.clock import Clock, Follower
from craton_maintenance.engine.decider import Decider
from craton_maintenance.engine.steps import Steps
from craton_maintenance.engine.watcher import Watcher
from craton_maintenance.inventory.sync import Sync
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service
from craton_maintenance.simcloud import transport
from craton_maintenance.workflow.plugins import command
from tests.functional.deployment import BEGIN, REGION, configure
from tests.sessions.world import Inline, directly

#: The session's id: notices are named after it, so the same happens in the same order.
SESSION = "5e551011-0000-4000-8000-000000000001"

#: Rounds that one moment may take.
_ROUNDS = 500

#: Asks :class:`tests.sessions.outside.Outside`, wherever it is.
Ask = Callable[..., Any]


class Stuck(AssertionError):
    """A session has not come to its end in time."""

    def __init__(self, codes: list[str], words: Any) -> None:
        super().__init__(f"stuck, with {codes or 'nothing that says why'}: {words}")
        #: what it names as its blockers
        self.codes = codes


class Process:
    """Made once, and used for one run after the other: what it has warmed up stays."""

    def __init__(self, folder: Path, url: str, **options: Any) -> None:
        """
        :param url: of a migrated database
        :param options: as for :func:`configure`
        """
        self.now = BEGIN
        self.conf = configure(
            folder,
            url,
            sessions={"state_dir": str(folder / "steps"), "direct_actions": ["command"]},
            events={"admin_project_id": "operators", "service_user_id": "service"},
            **options,
        )
        self.conf.set_override("transport_url", "fake:")
        self.service = Service(self.conf, clock=lambda: self.now)
        self.service.sessions = dataclasses.replace(self.service.sessions, new_id=lambda: SESSION)
        self.service.database.now = lambda connection: self.now  # type: ignore[method-assign]
        self.region = Region(REGION, self._session, REGION, "public")
        self.app = create_app(self.service)
        #: commits, as SQLAlchemy counts them
        self.commits = 0
        #: what is being done, for the names of points
        self.doing = ""
        #: called at each point, with its name
        self.point: Callable[[str], None] = lambda name: None
        #: what was logged as an error
        self.errors: list[str] = []
        self._ask: Ask = lambda *args: None
        #: rows that were written, to tell whether anything was done
        self.written = 0
        engine = self.service.database.engine
        self._commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._do_commit  # type: ignore[method-assign]
        sa.event.listen(engine, "after_cursor_execute", self._executed)
        sa.event.listen(engine, "commit", self._committing)

    # -- seams ---------------------------------------------------------------------

    def ask(self, what: str, *args: Any) -> Any:
        """Ask outside, and see what time it is."""
        now, value = self._ask(what, *args)
        self.now = dt.datetime.fromtimestamp(now, dt.UTC)
        return value

    def _do_commit(self, connection: Any) -> None:
        self.point(f"before commit in {self.doing}")
        self._commit(connection)
        self.point(f"after commit in {self.doing}")

    def _executed(
        self, connection: Any, cursor: Any, sql: Any, values: Any, context: Any, many: Any
    ) -> None:
        if context.isinsert or context.isupdate or context.isdelete:
            self.written += max(0, cursor.rowcount)

    def _committing(self, connection: Any) -> None:
        self.commits += 1

    def _session(self) -> Session:
        http = requests.Session()
        http.trust_env = False
        http.mount(transport.BASE, _Adapter(self))
        auth = v3.Password(
            auth_url=transport.AUTH_URL,
            username="maintenance",
            password="secret",
            project_name="service",
            user_domain_name="Default",
            project_domain_name="Default",
        )
        return Session(auth=auth, session=http)

    def _send_notification(
        self, target: Any, context: Any, message: Any, version: float, retry: int
    ) -> None:
        """As the transport of oslo.messaging."""
        self.point(f"before publish of {message['event_type']}")
        if not self.ask("publish", dict(context), message):
            raise ConnectionRefusedError("the broker takes nothing")
        self.point(f"after publish of {message['event_type']}")

    # -- a run ---------------------------------------------------------------------

    def sync(self, ask: Ask) -> None:
        """Have the inventory filled."""
        self._ask = ask
        self.ask("now")
        Sync(self.service, self.region, may_create=True).run()

    def run(self, ask: Ask, owner: str, limit: float = 6 * 3600.0) -> None:
        """Carry the session out to its end, under a virtual clock.

        :param owner: unique to this run
        :param limit: seconds from the begin of all runs
        :raises AssertionError: it got stuck
        """
        self._ask = ask
        self.ask("now")
        log = logging.getLogger("craton_maintenance")
        with _virtual(self), _collected(log, self.errors):
            _Run(self, owner).go(BEGIN + dt.timedelta(seconds=limit))


class _Run:
    """One life of the process."""

    def __init__(self, process: Process, owner: str) -> None:
        self._process = process
        service, region = process.service, process.region
        nova = Cloud(process.conf, region)
        sender = bus.Bus(process.conf)
        sender._transport = SimpleNamespace(
            _send_notification=process._send_notification, cleanup=lambda: None
        )
        sender._begin_anew = lambda: None  # type: ignore[method-assign]
        self._relay = relay.Relay(service, sender, owner)
        self._owner = owner
        self._workers: list[tuple[str, Callable[[], float]]] = [
            ("requests", self._requests),
            ("clock", Clock(service).work),
            ("follower", Follower(service).work),
            ("watcher", Watcher(service, region, nova, owner).work),
            ("decider", Decider(service).work),
            ("steps", Steps(service, {REGION: nova}, owner, Inline(), directly).work),
            ("relay", self._relay.work),
        ]
        self._waits: dict[str, float] = {}
        #: when something was seen to happen in the cloud last
        self._moved_at = process.now

    def go(self, end: dt.datetime) -> None:
        """Until the session is over, and everybody knows."""
        process = self._process
        while True:
            self._settle()
            if self._is_over():
                return
            if process.now >= end:
                raise Stuck(self.codes(), self.blockers())
            due, happened = process.ask("advance", self._next().timestamp())
            if happened or (due is not None and due - process.now.timestamp() < 1.0):
                self._moved_at = process.now

    def _settle(self) -> None:
        """Let everything happen that is to happen at this moment."""
        process = self._process
        for _ in range(_ROUNDS):
            before = process.written
            for process.doing, work in self._workers:
                self._waits[process.doing] = work()
            if process.written == before:
                self._say_what_is_unclear()
                if not process.ask("inbox"):
                    return
        raise AssertionError(f"it does not come to rest: {self.blockers()}")

    def _requests(self) -> float:
        """Carry out what our API is asked."""
        process = self._process
        for request in process.ask("inbox"):
            answer = werkzeug.test.Client(process.app).open(
                request["path"],
                method=request["method"],
                json=request["body"],
                headers=request["headers"],
                environ_base={"REMOTE_ADDR": "127.0.0.1"},
            )
            process.ask("answered", request["key"], answer.status_code, answer.json)
        return 0.0

    def _say_what_is_unclear(self) -> None:
        """As an operator would see it who looks at the session."""
        with self._process.service.database.read() as connection:
            rows = connection.execute(
                sa.select(session_hosts.c.host, session_hosts.c.data).where(
                    session_hosts.c.state == HostState.IN_MAINTENANCE.value
                )
            ).all()
        for row in rows:
            problem = row.data.get("problem")
            if problem and problem["code"] == Blocker.STEP_UNCLEAR.value:
                self._process.ask("unclear", row.host, problem["since"])

    def _next(self) -> dt.datetime:
        """The next moment at which there is something to do."""
        process = self._process
        now = process.now
        with process.service.database.read() as connection:
            found = [
                session_inputs.next_due(connection),
                window_store.next_due(connection),
                *connection.execute(
                    sa.select(steps.c.not_before).where(
                        steps.c.status == StepStatus.WAITING.value, steps.c.not_before > now
                    )
                ).scalars(),
                *connection.execute(
                    sa.select(steps.c.must_end_by).where(
                        steps.c.status == StepStatus.CLAIMED.value
                    )
                ).scalars(),
                *connection.execute(
                    sa.select(leases.c.expires_at).where(
                        leases.c.owner != self._owner, leases.c.expires_at > now
                    )
                ).scalars(),
            ]
        poll = process.conf.engine.poll_seconds
        if self._waits["relay"] not in (0.0, poll):
            found.append(now + dt.timedelta(seconds=self._waits["relay"]))
        if (now - self._moved_at).total_seconds() < 2.0:
            found.append(now + dt.timedelta(seconds=max(self._waits["watcher"], poll)))
        ahead = [moment for moment in found if moment is not None and moment > now]
        return min(ahead, default=now + dt.timedelta(seconds=30))

    def _is_over(self) -> bool:
        process = self._process
        with process.service.database.read() as connection:
            state = connection.execute(sa.select(sessions.c.state)).scalar_one_or_none()
            if state not in OVER:
                return False
            left = connection.execute(sa.select(sa.func.count()).select_from(inputs)).scalar_one()
        return left == 0 and self._waits["relay"] == process.conf.engine.poll_seconds

    def _load(self) -> Any:
        with self._process.service.database.read() as connection:
            row = store.get(connection, SESSION)
            return None if row is None else store.load(connection, row)

    def codes(self) -> list[str]:
        """Codes of what keeps the session, as an operator sees them."""
        answer = werkzeug.test.Client(self._process.app).get(
            f"/v1/maintenance/{SESSION}/detail", environ_base={"REMOTE_ADDR": "127.0.0.1"}
        )
        return [one["code"] for one in (answer.json or {}).get("blockers", ())]

    def blockers(self) -> Any:
        """What keeps the session, for whoever reads a failed test."""
        session = self._load()
        if session is None:
            return "there is no session"
        return (
            session.state.value,
            session.reason,
            session.problem,
            [(h.key.name, h.state.value, h.step, h.problem) for h in session.hosts.values()],
            [
                (s.name, s.state.value, s.status, s.step, s.todo, s.problem)
                for s in session.servers.values()
            ],
            [(n.state, n.status.value, n.delivered_at) for n in session.notices.values()],
        )


class _Adapter(BaseAdapter):
    """The network as keystoneauth's sessions see it."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **more: Any
    ) -> requests.Response:
        process = self._process
        path = (request.url or "").removeprefix(transport.BASE).partition("?")[0]
        name = f"{request.method} {path}"
        process.point(f"before {name}")
        how, answer = process.ask(
            "http", request.method, request.url, dict(request.headers), request.body
        )
        process.point(f"after {name}")
        if how != "answer":
            kind = requests.exceptions
            raise (kind.ReadTimeout if how == "timeout" else kind.ConnectionError)(
                how, request=request
            )
        response = requests.Response()
        response.status_code, response.reason, headers, content = answer
        response.headers = CaseInsensitiveDict(headers)
        response.encoding = "utf-8"
        response.url = request.url or ""
        response.request = request
        response.raw = io.BytesIO(content)
        response._content = content
        return response

    def close(self) -> None:
        """Nothing is open."""


def _started(process: Process) -> type[subprocess.Popen[str]]:
    """Popen as the host action ``command`` uses it."""

    class Started(subprocess.Popen[str]):
        def __init__(self, *args: Any, **more: Any) -> None:
            process.point("before start of a process")
            super().__init__(*args, **more)
            process.point("after start of a process")

        def communicate(self, input: Any = None, timeout: float | None = None) -> Any:
            # told, and not waited for yet: it runs by itself from here on
            assert self.stdin is not None
            self.stdin.write(input)
            self.stdin.close()
            self.stdin = None
            process.point("after what a process is told")
            return super().communicate(timeout=timeout)

    return Started


@contextlib.contextmanager
def _virtual(process: Process) -> Iterator[None]:
    """Leases and cursors by the virtual clock, and processes that are begun at a point."""
    clock = SimpleNamespace(monotonic=lambda: process.now.timestamp())
    begins = command._start

    def start(spec: Any, seconds: float) -> str:
        process.ask("starts", spec["env"]["MAINTENANCE_HOST"])
        return begins(spec, seconds)

    with (
        mock.patch.object(lease, "time", clock),
        mock.patch.object(relay, "time", clock),
        mock.patch.object(command, "_start", start),
        mock.patch.object(command, "subprocess", _subprocess(process)),
    ):
        yield


def _subprocess(process: Process) -> SimpleNamespace:
    """The module, as far as the host action ``command`` needs it."""
    return SimpleNamespace(
        Popen=_started(process),
        PIPE=subprocess.PIPE,
        DEVNULL=subprocess.DEVNULL,
        TimeoutExpired=subprocess.TimeoutExpired,
    )


@contextlib.contextmanager
def _collected(logger: logging.Logger, errors: list[str]) -> Iterator[None]:
    """Keep what is logged as an error."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            words = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                words += f": {record.exc_info[1]!r}"
            errors.append(words)

    handler = Keep(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
