"""A service that answers what a test prepared, and the commands run against it."""

import contextlib
import dataclasses
import http.server
import json
import logging
import os
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from craton_maintenance import schema
from craton_maintenance.cli import main

SESSION_ID = "5b1f3c58-52b1-4b3e-9a0e-3c1f0f6f7d11"
WINDOW_ID = "2c1d5bd6-4d44-4a5e-9f43-4d4f9f6a8a10"

#: What the bodies and queries of requests, and the bodies of answers, have to be like.
SCHEMAS = {
    ("GET", "/maintenance-windows"): ("window-list-query", None, "window-list"),
    ("POST", "/maintenance-windows"): ("no-query", "window-create", "window"),
    ("GET", "/maintenance-windows/*"): ("window-query", None, "window-any"),
    ("PATCH", "/maintenance-windows/*"): ("no-query", "window-update", "window"),
    ("DELETE", "/maintenance-windows/*"): ("no-query", None, None),
    ("POST", "/maintenance-windows/*/start"): ("no-query", None, "window"),
    ("POST", "/maintenance-windows/*/finish"): ("no-query", None, "window"),
    ("GET", "/maintenance-windows/*/listeners"): ("no-query", None, "listeners"),
    ("GET", "/maintenance"): ("session-list-query", None, "session-list"),
    ("POST", "/maintenance"): ("no-query", "session-create", "session-created"),
    ("GET", "/maintenance/*"): ("no-query", None, "session-any"),
    ("PUT", "/maintenance/*"): ("no-query", "session-order", "session"),
    ("GET", "/maintenance/*/detail"): ("no-query", None, "session-detail"),
    ("GET", "/maintenance/*/listeners"): ("no-query", None, "listeners"),
    ("GET", "/maintenance/*/*"): ("no-query", None, "session-part"),
    ("PUT", "/maintenance/*/*"): ("no-query", "reply", "reply-taken"),
    ("GET", "/maintenance/*/*/*"): ("no-query", None, "session-part"),
    ("PUT", "/maintenance/*/*/*"): ("no-query", "reply", "reply-taken"),
    ("GET", "/maintenance-flows"): ("no-query", None, "flow-list"),
    ("GET", "/instance/*"): ("no-query", None, "instance-constraint"),
    ("PUT", "/instance/*"): ("no-query", "instance-constraint-set", "instance-constraint"),
    ("DELETE", "/instance/*"): ("no-query", None, "removed"),
    ("GET", "/instance_group/*"): ("no-query", None, "group-constraint"),
    ("PUT", "/instance_group/*"): ("no-query", "group-constraint-set", "group-constraint"),
    ("DELETE", "/instance_group/*"): ("no-query", None, "removed"),
    ("GET", "/*/*/maintenance"): ("links-query", None, "maintenance-state"),
    ("PUT", "/*/*/maintenance"): ("links-query", "window-set", "window"),
    ("DELETE", "/*/*/maintenance"): ("links-query", None, None),
    ("GET", "/events"): ("event-list-query", None, "event-list"),
    ("GET", "/events/pending"): ("pending-query", None, "pending"),
    ("GET", "/listeners"): ("no-query", None, "listeners"),
    ("GET", "/nova-hosts"): ("nova-host-list-query", None, "nova-host-list"),
    ("GET", "/links"): ("no-query", None, "links"),
    ("PUT", "/links"): ("no-query", "links-set", "links"),
    ("DELETE", "/links"): ("no-query", None, None),
    ("GET", "/links/*"): ("links-query", None, "maintenance-state"),
    ("GET", "/links/project/*"): ("no-query", None, "maintenance-state"),
}


@dataclasses.dataclass
class Request:
    """What the service was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


class StandIn:
    """Keeps the requests, hands out the answers prepared, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer | Callable[[Request], Answer]] = []
        #: what was wrong with a request or an answer; a test fails on it
        self.faults: list[str] = []
        self.url = ""

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        self.answers.append((status, body, headers))

    def refuse(self, status: int, code: str, message: str, **fields: str) -> None:
        body = {"message": message, "status": status, "code": code, "request_id": "req-1"}
        if fields:
            body["errors"] = [
                {"field": field.replace("__", "/"), "message": text}
                for field, text in fields.items()
            ]
        self.answer(body, status)

    def handle(self, request: Request) -> Answer:
        self.requests.append(request)
        if not self.answers:
            self.faults.append(f"unexpected: {request}")
            return 500, {}
        prepared = self.answers.pop(0)
        answer = prepared(request) if callable(prepared) else prepared
        try:
            self._check(request, answer)
        except schema.Invalid as invalid:
            self.faults.append(str(invalid))
        return answer

    def _check(self, request: Request, answer: Answer) -> None:
        path = request.path.removeprefix("/v1")
        names = SCHEMAS.get((request.method, path)) or next(
            found
            for (method, pattern), found in SCHEMAS.items()
            if method == request.method
            and re.fullmatch(
                pattern.replace("*", "[^/]+").replace("[^/]+/[^/]+/m", ".+/.+/m"), path
            )
        )
        query, body, answered = names
        schema.check(query, {key: _typed(value) for key, value in request.query.items()})
        if body:
            schema.check(body, request.body)
        if answer[0] >= 400 and isinstance(answer[1], dict) and "code" in answer[1]:
            schema.check("error", answer[1])
        elif answered and answer[0] < 300 and isinstance(answer[1], dict):
            schema.check(answered, answer[1])


def _typed(value: str) -> Any:
    return {"true": True, "false": False}.get(value, int(value) if value.isdecimal() else value)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def _answer(self) -> None:
        where = urllib.parse.urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            self.command,
            where.path,
            dict(urllib.parse.parse_qsl(where.query)),
            dict(self.headers),
            json.loads(content) if content else None,
        )
        status, body, *headers = self.stand_in.handle(request)
        text = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        self.send_response(status)
        for name, value in (headers[0] if headers else {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[StandIn]:
    """The stand-in, listening on loopback."""
    stand_in = StandIn()
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield stand_in
    server.shutdown()
    thread.join()
    server.server_close()
    assert stand_in.faults == []
    assert stand_in.answers == []


@pytest.fixture(autouse=True)
def _nothing_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Neither credentials, addresses, proxies nor clouds.yaml of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("OS_", "CRATON_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Commands set up logging as processes do; here there are many in one."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.setLevel(level)
    logging.getLogger("keystoneauth").setLevel(logging.NOTSET)


@dataclasses.dataclass
class Done:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, knowing no service."""

    def run(*words: str) -> Done:
        with _logging():
            try:
                status = main.main(words)
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def cli(bare: Run, service: StandIn) -> Run:
    """Run a command against the stand-in."""
    return lambda *words: bare("--url", service.url, *words)


def window(**facts: Any) -> dict[str, Any]:
    """A window as operators see it."""
    return {
        "id": WINDOW_ID,
        "revision": 3,
        "state": "scheduled",
        "start": "2030-01-31T22:00:00Z",
        "end": "2030-01-31T23:30:00Z",
        "announcement": "planned maintenance",
        "impact": "OUTAGE",
        "expected_interruption": None,
        "retire": False,
        "servers_count": 2,
        "links": [{"rel": "self", "href": f"http://elsewhere/v1/maintenance-windows/{WINDOW_ID}"}],
        "scope": {"hosts": [{"name": "compute-01", "region": "RegionOne"}]},
        "reason": "firmware",
        "target_host": None,
        "workflow": None,
        "approved": True,
        "allow_overlap": False,
        "started_at": None,
        "finished_at": None,
        "cancelled_at": None,
        "hosts_count": 1,
        "projects_count": 1,
        "created_by": "admin",
        "created_at": "2030-01-01T00:00:00.123456Z",
        "updated_at": None,
    } | facts


def part(**facts: Any) -> dict[str, Any]:
    """A project's part of a window."""
    whole = window()
    common = (
        "id revision state start end announcement impact expected_interruption retire "
        "servers_count links"
    )
    return {key: whole[key] for key in common.split()} | {"servers": ["s1", "s2"]} | facts


def session(**facts: Any) -> dict[str, Any]:
    """A session as operators see it."""
    return {
        "session_id": SESSION_ID,
        "state": "PLANNED_MAINTENANCE",
        "percent_done": 40,
        "workflow": "default",
        "window_id": WINDOW_ID,
        "maintenance_at": "2030-01-31T22:00:00Z",
        "maintenance_end": None,
        "metadata": {"release": "9"},
        "created_at": "2030-01-01T00:00:00Z",
        "finished_at": None,
        "links": [{"rel": "self", "href": f"http://elsewhere/v1/maintenance/{SESSION_ID}"}],
        "reason": None,
        "words": "",
        "resume_state": None,
        "aborting": False,
        "problem": None,
        "waves": 1,
        "hosts": {"draining": 1, "planned": 2},
        "actions": [{"plugin": "wait", "stage": "host"}],
        "created_by": "admin",
    } | facts


def session_part(**facts: Any) -> dict[str, Any]:
    """A project's part of a session."""
    whole = session()
    common = (
        "session_id state percent_done workflow window_id maintenance_at maintenance_end "
        "metadata created_at finished_at links"
    )
    href = f"http://elsewhere/v1/maintenance/{SESSION_ID}/alpha"
    return (
        {key: whole[key] for key in common.split()}
        | {"announcement": "soon", "impact": "OUTAGE", "instance_ids": ["s1"]}
        | {"links": [{"rel": "part", "href": href}]}
        | facts
    )


def asked(**facts: Any) -> dict[str, Any]:
    """What a project is asked."""
    return {
        "session_id": SESSION_ID,
        "project_id": "alpha",
        "window_id": WINDOW_ID,
        "session_state": "PLANNED_MAINTENANCE",
        "state": "PLANNED_MAINTENANCE",
        "awaits_reply": True,
        "instance_ids": ["s1"],
        "allowed_actions": ["MIGRATE", "LIVE_MIGRATE"],
        "reply_at": "2030-01-31T22:02:00Z",
        "actions_at": "2030-01-31T22:02:00Z",
        "metadata": {},
        "instances": [{"id": "s1", "answered": False, "problem": "SERVER_STATE"}],
    } | facts


def taken(**facts: Any) -> dict[str, Any]:
    """What was taken of an answer."""
    return {
        "session_id": SESSION_ID,
        "project_id": "alpha",
        "state": "ACK_PLANNED_MAINTENANCE",
        "instance_actions": {"s1": "MIGRATE"},
        "not_before": None,
        "clipped": [],
        "late": [],
    } | facts


def event(seq: int, **facts: Any) -> dict[str, Any]:
    """An event of a project's history."""
    return {
        "id": f"00000000-0000-4000-8000-{seq:012}",
        "seq": seq,
        "project_id": "alpha",
        "event_type": "maintenance.window.created",
        "time": "2030-01-01T00:00:00.5Z".replace(".5Z", ".500000Z"),
        "payload": {"window_id": WINDOW_ID, "state": "scheduled", "servers_count": 2},
    } | facts


def listeners(**facts: Any) -> dict[str, Any]:
    """Who listens."""
    alarm = {
        "region": "RegionOne",
        "id": "a1",
        "name": "tell me",
        "event_type": "maintenance.*",
        "conditions": [
            {"field": "traits.state", "op": "eq", "value": "SCALE_IN", "type": "", "holds": None}
        ],
        "repeats": False,
        "actions": ["http"],
        "hears": [],
        "may_hear": [],
        "silence": "FIRED",
    }
    deaf = {
        "project_id": "alpha",
        "operators": False,
        "servers_count": 2,
        "listens": "no",
        "hears": [],
        "may_hear": [],
        "alarms": [alarm],
        "answered_at": "2030-01-01T00:00:00Z",
    }
    types = ["maintenance.scheduled"]
    hears = {"project_id": "beta", "listens": "yes", "hears": types, "answered_at": None}
    look = {"region": "RegionOne", "status": "read", "words": "", "alarms_count": 1}
    return {
        "event_types": {"projects": types, "operators": ["maintenance.host"]},
        "aodh": [look],
        "projects": [deaf, deaf | {"alarms": []} | hears],
    } | facts
