"""The reference application manager, against a small stand-in of the service."""

import datetime as dt
import io
import json
import re
import threading
import urllib.parse
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from craton_maintenance.appmanager import (
    ApplicationManager,
    Caller,
    Memory,
    NotTaken,
    Refused,
    Unreachable,
    Webhook,
)
from craton_maintenance.appmanager import main as program
from craton_maintenance.appmanager.notice import Malformed, read

PROJECT, OTHER = "alpha", "beta"
SESSION = "5b0f2c54-26b4-4c0c-9d1a-7f6b1c000001"
A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
NOW = dt.datetime(2030, 1, 31, 22, tzinfo=dt.UTC)
ENDPOINT = "http://service/v1"
ALLOWED = ["flow:park", "MIGRATE", "LIVE_MIGRATE", "OWN_ACTION"]


class Service:
    """A stand-in: a history, what is asked now, and what was answered; a WSGI application."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.parts: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        #: statuses of the next answers to PUT
        self.fails: list[int] = []
        self.endpoint = ENDPOINT

    @property
    def replies(self) -> list[tuple[str, Any]]:
        return [(path, body) for method, path, body in self.asked if method == "PUT"]

    def tell(self, state: str, servers: Collection[str] = (A, B), **more: Any) -> dict[str, Any]:
        """A notice, as the history has it."""
        number = len(self.events) + 1
        url = f"{self.endpoint}/maintenance/{SESSION}/{PROJECT}"
        payload = {
            "service": "craton-maintenance",
            "project_id": PROJECT,
            "session_id": SESSION,
            "state": state,
            "instance_ids": url,
            "allowed_actions": ALLOWED if state.startswith("P") else [],
            "reply_url": url,
            "reply_at": "2030-01-31T22:05:00Z",
            "metadata": {"version": "7"},
            "notice_id": f"n{number}",
        } | more
        event = {
            "id": f"e{number}",
            "seq": number,
            "project_id": PROJECT,
            "event_type": "maintenance.scheduled",
            "payload": payload,
            "servers": list(servers),
        }
        self.events.append(event)
        self.parts[SESSION] = {
            "state": state,
            "awaits_reply": True,
            "instance_ids": list(servers),
            "allowed_actions": payload["allowed_actions"],
            "reply_at": payload["reply_at"],
            "actions_at": None,
            "metadata": {},
        }
        return event

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/v1")
        query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else None
        self.asked.append((method, path, body))
        status, answer = self.answer(method, path, query)
        start_response(f"{status} so", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def answer(self, method: str, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        if method == "PUT" and self.fails:
            return self.fails.pop(0), {"message": "no"}
        if method in ("PUT", "DELETE"):
            return 200, {}
        if path in ("/events", "/events/pending"):
            assert query["project_id"] == PROJECT
        if path == "/events":
            since = int(query["since"])
            return 200, {"events": self.events[since:], "next": len(self.events)}
        if path == "/events/pending":
            return 200, {"seq": len(self.events)}
        if path == "/maintenance":
            details = [{"session_id": each, "state": "x"} for each in self.parts]
            over = {"session_id": "over", "state": "MAINTENANCE_DONE"}
            return 200, {"sessions": [*self.parts, "over"], "details": [*details, over]}
        found = re.fullmatch(rf"/maintenance/([^/]+)/{PROJECT}(/[^/]+)?", path)
        if found and found[1] in self.parts:
            return 200, self.parts[found[1]]
        return 404, {"message": "There is no such thing."}


class InProcess:
    """Calls a WSGI application without a network."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.down = False

    def __call__(
        self, method: str, url: str, body: Any = None, wait: float = 0.0
    ) -> tuple[int, Any]:
        if self.down:
            raise Unreachable(url)
        parts = urllib.parse.urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == "http://service"
        data = b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_LENGTH": str(len(data)),
            "wsgi.input": io.BytesIO(data),
        }
        status: list[int] = []
        answer = self.app(environ, lambda line, headers: status.append(int(line.split()[0])))
        return status[0], json.loads(b"".join(answer))


class App(ApplicationManager):
    """Writes down what it is told to do."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, clock=lambda: NOW, **more)
        self.done: list[Any] = []
        self.refuses: set[str] = set()
        self.serves: str | None = A
        self.servers: Collection[str] | None = None
        self.choice: dict[str, str] | None = None

    def _do_it(self, *what: Any) -> None:
        self.done.append(what if len(what) > 1 else what[0])
        if what[0] in self.refuses:
            raise Refused("not now")

    def own(self) -> Collection[str] | None:
        return self.servers

    def active(self) -> str | None:
        return self.serves

    def accept(self, notice: Any, servers: Collection[str]) -> None:
        self._do_it("accept", notice.metadata.get("version"), *servers)

    def scale_in(self) -> None:
        self._do_it("scale_in")

    def scale_out(self) -> None:
        self._do_it("scale_out")

    def switch_over(self, server_id: str) -> None:
        self._do_it("switch_over", server_id)
        self.serves = B if server_id == A else A

    def choose(
        self, state: str, servers: Collection[str], allowed: Collection[str]
    ) -> Mapping[str, str]:
        return self.choice or super().choose(state, servers, allowed)

    def own_action(self, server_id: str, until: Any) -> None:
        self._do_it("own_action", server_id)

    def action_done(self, server_id: str) -> None:
        self._do_it("action_done", server_id)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def call(service: Service) -> InProcess:
    return InProcess(service)


@pytest.fixture
def app(call: InProcess) -> App:
    return App(call, ENDPOINT, PROJECT)


def alarm(event: Mapping[str, Any]) -> dict[str, Any]:
    """As Ceilometer and Aodh deliver an event."""
    traits = []
    for name, value in event["payload"].items():
        if name.endswith("_at"):
            traits.append([name, 4, value.removesuffix("Z")])
        else:
            traits.append([name, 1, str(value)[:255]])
    inner = {"event_type": event["event_type"], "message_id": event["id"], "traits": traits}
    return {"alarm_id": "x", "current": "alarm", "reason_data": {"type": "event", "event": inner}}


# -- reading --------------------------------------------------------------------------------


def test_both_forms_say_the_same(service):
    event = service.tell("PLANNED_MAINTENANCE", instance_ids=[A], servers=[A])
    notice = read(event)
    assert notice == read(alarm(event))
    assert notice is not None
    assert notice.servers == (A,)
    assert notice.allowed == tuple(ALLOWED)
    assert notice.metadata == {"version": "7"}
    assert notice.reply_at == dt.datetime(2030, 1, 31, 22, 5, tzinfo=dt.UTC)


def test_texts_are_read_and_never_run(service, tmp_path):
    event = service.tell("PLANNED_MAINTENANCE")
    trap = f"[open({str(tmp_path / 'trap')!r}, 'w')]"
    notice = read(alarm(event | {"payload": event["payload"] | {"instance_ids": trap}}))
    assert notice is not None
    assert notice.servers is None
    assert not (tmp_path / "trap").exists()


def test_a_list_that_was_cut_is_read_at_the_service(service, app):
    event = service.tell("PLANNED_MAINTENANCE")
    cut = alarm(event | {"payload": event["payload"] | {"instance_ids": [A] * 20}})
    assert len(app.handle(cut)) == 1
    assert service.replies[0][1]["instance_actions"] == {A: "LIVE_MIGRATE", B: "LIVE_MIGRATE"}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event_type": "maintenance.scheduled"},
        {"event_type": "maintenance.scheduled", "payload": {"state": "X"}},
        {"reason_data": {"event": {"event_type": "x", "traits": [["a"]]}}},
        {"reason_data": None},
    ],
)
def test_what_is_no_notice(app, event):
    with pytest.raises(Malformed):
        app.handle(event)
    assert app.hear(event) == []
    assert app.memory.again == []


def test_other_events_are_of_no_interest(app):
    assert app.handle({"event_type": "maintenance.window.opened", "payload": {}}) == []


# -- answering ------------------------------------------------------------------------------


def test_a_session_of_workflow_default(service, app):
    path = f"/maintenance/{SESSION}/{PROJECT}"
    for state in ("MAINTENANCE", "SCALE_IN", "PREPARE_MAINTENANCE"):
        app.handle(service.tell(state))
    app.handle(service.tell("INSTANCE_ACTION_DONE", servers=[A], instance_ids=[A]))
    app.handle(service.tell("PLANNED_MAINTENANCE", servers=[B]))
    app.handle(service.tell("MAINTENANCE_COMPLETE"))
    assert app.done == [
        ("accept", "7", A, B),
        "scale_in",
        ("switch_over", A),
        ("action_done", A),
        ("switch_over", B),
        "scale_out",
    ]
    live = "LIVE_MIGRATE"
    prepared = {A: live, B: live}
    assert service.replies == [
        (path, {"session_id": SESSION, "state": "ACK_MAINTENANCE"}),
        (path, {"session_id": SESSION, "state": "ACK_SCALE_IN"}),
        (
            path,
            {
                "session_id": SESSION,
                "state": "ACK_PREPARE_MAINTENANCE",
                "instance_actions": prepared,
            },
        ),
        (
            path,
            {
                "session_id": SESSION,
                "state": "ACK_PLANNED_MAINTENANCE",
                "instance_actions": {B: live},
            },
        ),
        (path, {"session_id": SESSION, "state": "ACK_MAINTENANCE_COMPLETE"}),
    ]


def test_a_session_of_workflow_vnf_is_answered_server_by_server(service, app):
    url = f"{ENDPOINT}/maintenance/{SESSION}/{PROJECT}/{B}"
    event = service.tell("PLANNED_MAINTENANCE", [B], instance_ids=[B], reply_url=url)
    (reply,) = app.handle(alarm(event))
    assert (reply.url, reply.status) == (url, 200)
    assert reply.body == {
        "session_id": SESSION,
        "state": "ACK_PLANNED_MAINTENANCE",
        "instance_action": "LIVE_MIGRATE",
    }
    assert app.done == []


def test_without_live_migration_it_is_migrate(service, app):
    event = service.tell("PLANNED_MAINTENANCE", allowed_actions=["MIGRATE"])
    app.handle(event)
    assert set(service.replies[0][1]["instance_actions"].values()) == {"MIGRATE"}


def test_its_own_action_is_done_once_it_was_answered(service, app):
    app.choice = {A: "OWN_ACTION", B: "flow:park"}
    service.fails = [503]
    event = service.tell("PLANNED_MAINTENANCE")
    assert app.hear(event) == []
    assert ("own_action", A) not in app.done
    app.retry()
    app.handle(event | {"id": "again"})
    assert app.done == [("switch_over", A), ("own_action", A)]


@pytest.mark.parametrize(
    ("state", "hook"),
    [
        ("MAINTENANCE", "accept"),
        ("SCALE_IN", "scale_in"),
        ("PLANNED_MAINTENANCE", "switch_over"),
        ("MAINTENANCE_COMPLETE", "scale_out"),
    ],
)
def test_what_the_application_can_not_do_is_answered_with_no(service, app, state, hook):
    app.refuses = {hook}
    app.handle(service.tell(state))
    assert service.replies[0][1] == {"session_id": SESSION, "state": f"NACK_{state}"}


def test_only_its_own_servers_are_answered_for(service, app):
    app.servers = [B]
    app.handle(service.tell("PLANNED_MAINTENANCE"))
    assert service.replies[0][1]["instance_actions"] == {B: "LIVE_MIGRATE"}
    app.servers = ["another"]
    assert app.handle(service.tell("PLANNED_MAINTENANCE")) == []
    app.handle(service.tell("INSTANCE_ACTION_DONE", instance_ids=[A], servers=[A]))
    assert app.done == []


def test_notices_of_other_projects_are_not_answered(service, app):
    assert app.handle(service.tell("MAINTENANCE", project_id=OTHER)) == []
    assert service.asked == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://elsewhere/v1/steal/{SESSION}/{PROJECT}",
        f"{ENDPOINT}/maintenance/{SESSION}/{OTHER}",
        f"{ENDPOINT}/maintenance/{SESSION}/{PROJECT}/../../../admin",
    ],
)
def test_a_forged_address_is_not_used(service, app, url):
    with pytest.raises(Malformed, match="no address for replies"):
        app.handle(service.tell("MAINTENANCE", reply_url=url))
    assert service.asked == []


def test_the_token_goes_to_the_service_only(service, app):
    url = f"http://elsewhere/x/v1/maintenance/{SESSION}/{PROJECT}"
    (reply,) = app.handle(service.tell("MAINTENANCE", reply_url=url, instance_ids=url))
    assert reply.url == f"{ENDPOINT}/maintenance/{SESSION}/{PROJECT}"


# -- once ------------------------------------------------------------------------------------


def test_a_notice_that_comes_twice_is_dealt_with_once(service, app):
    event = service.tell("SCALE_IN")
    assert len(app.handle(event)) == 1
    assert app.handle(event) == []
    assert app.handle(alarm(event)) == []
    done = service.tell("INSTANCE_ACTION_DONE", instance_ids=[A], servers=[A])
    app.handle(done)
    app.handle(alarm(done))
    assert app.done == ["scale_in", ("action_done", A)]


def test_a_reminder_is_answered_again_and_nothing_is_done_again(service, app):
    first = service.tell("PREPARE_MAINTENANCE")
    (reply,) = app.handle(first)
    (again,) = app.handle(first | {"id": "reminder"})
    assert again.body == reply.body
    assert app.done == [("switch_over", A)]


def test_a_reply_that_was_not_taken_is_sent_again(service, call, app):
    event = service.tell("SCALE_IN")
    service.fails = [500]
    with pytest.raises(NotTaken):
        app.handle(event)
    call.down = True
    with pytest.raises(Unreachable):
        app.handle(event)
    assert app.hear(event) == []
    assert app.retry() == []
    call.down = False
    assert [reply.status for reply in app.retry()] == [200]
    assert app.retry() == []
    assert app.done == ["scale_in"]


def test_a_reply_that_is_refused_is_not_sent_again(service, app):
    service.fails = [409]
    assert [reply.status for reply in app.handle(service.tell("MAINTENANCE"))] == [409]
    app.memory.since = 0
    assert app.poll() == []


def test_a_hook_that_fails_is_tried_again_and_others_do_not_wait(service, app, monkeypatch):
    app.poll()
    scale_in = app.scale_in
    monkeypatch.setattr(app, "scale_in", lambda: 1 / 0)
    service.tell("SCALE_IN")
    service.tell("PLANNED_MAINTENANCE")
    assert [reply.body["state"] for reply in app.poll()] == ["ACK_PLANNED_MAINTENANCE"]
    monkeypatch.setattr(app, "scale_in", scale_in)
    service.parts[SESSION]["state"] = "SCALE_IN"
    assert [reply.body["state"] for reply in app.poll()] == ["ACK_SCALE_IN"]


# -- the history ------------------------------------------------------------------------------


def test_without_a_memory_it_begins_with_what_is_asked_now(service, app):
    service.tell("SCALE_IN")
    service.tell("PLANNED_MAINTENANCE")
    (reply,) = app.poll()
    assert reply.body["state"] == "ACK_PLANNED_MAINTENANCE"
    assert app.done == [("switch_over", A)]
    service.tell("MAINTENANCE_COMPLETE")
    assert [each.body["state"] for each in app.poll()] == ["ACK_MAINTENANCE_COMPLETE"]
    assert app.poll() == []


def test_what_is_answered_already_is_not_asked(service, app):
    service.tell("PLANNED_MAINTENANCE")
    service.parts[SESSION]["awaits_reply"] = False
    assert app.poll() == []


def test_with_a_memory_it_goes_on_where_it_was(service, call, tmp_path):
    file = tmp_path / "memory"
    first = App(call, ENDPOINT, PROJECT, Memory(file))
    first.poll()
    service.tell("SCALE_IN")
    service.fails = [500]
    assert first.poll() == []
    # it dies, and is away while more happens
    service.tell("INSTANCE_ACTION_DONE", instance_ids=[A], servers=[A])
    second = App(call, ENDPOINT, PROJECT, Memory(file))
    assert [reply.body["state"] for reply in second.poll()] == ["ACK_SCALE_IN"]
    assert (first.done, second.done) == (["scale_in"], [("action_done", A)])
    assert second.poll() == []


def test_what_is_over_is_passed_by(service, app):
    app.memory.since = 0
    past = {"reply_at": "2030-01-31T21:00:00Z"}
    service.tell("SCALE_IN", **past)
    service.tell("PREPARE_MAINTENANCE", **past)
    service.parts[SESSION]["awaits_reply"] = False
    assert app.poll() == []
    assert app.done == []
    # but the application goes back to its size, whenever it hears of the end
    service.tell("MAINTENANCE_COMPLETE", **past)
    app.poll()
    assert app.done == ["scale_out"]


def test_a_notice_that_is_late_and_still_awaited_is_answered(service, app):
    """Its time counts from when it was handed over."""
    app.memory.since = 0
    service.tell("SCALE_IN", reply_at="2030-01-31T21:00:00Z")
    assert len(app.poll()) == 1


def test_a_service_that_is_away_is_waited_for(service, call, app):
    service.tell("MAINTENANCE")
    call.down = True
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        call.down = len(pauses) < 7

    app.follow(0, stopped=lambda: bool(service.replies), sleep=sleep)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_memory_is_not_larger_than_it_has_to_be(service, app):
    for _ in range(1005):
        app.handle(service.tell("MAINTENANCE"))
    assert len(app.memory.replies) == 1000


# -- constraints ------------------------------------------------------------------------------


def test_constraints_are_registered_groups_first(service, app, monkeypatch):
    groups = {"g1": {"max_impacted_members": 1, "recovery_time": 60}}
    servers = {A: {"group_id": "g1", "lead_time": 120}}
    monkeypatch.setattr(app, "constraints", lambda: (groups, servers))
    app.register()
    group = {"group_id": "g1", "project_id": PROJECT} | groups["g1"]
    server = {"instance_id": A, "project_id": PROJECT} | servers[A]
    assert service.replies == [("/instance_group/g1", group), (f"/instance/{A}", server)]
    app.unregister()
    deleted = [path for method, path, _ in service.asked if method == "DELETE"]
    assert deleted == [f"/instance/{A}", "/instance_group/g1"]
    service.fails = [400]
    with pytest.raises(NotTaken, match="400: no"):
        app.register()


# -- Aodh -------------------------------------------------------------------------------------


def post(webhook: Webhook, path: str, body: bytes, method: str = "POST") -> int:
    status: list[int] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    list(webhook(environ, lambda line, headers: status.append(int(line.split()[0]))))
    return status[0]


def test_an_alarm_is_heard_by_the_webhook(service, app):
    webhook = Webhook(app, "/secret")
    body = json.dumps(alarm(service.tell("MAINTENANCE"))).encode()
    assert post(webhook, "/maintenance", body) == 404
    assert post(webhook, "/secret", body, "GET") == 405
    assert post(webhook, "/secret", b"{") == 400
    assert post(webhook, "/secret", b"[]") == 400
    assert post(webhook, "/secret", b" " * 1048577) == 413
    assert service.replies == []
    assert post(webhook, "/secret", body) == 200
    assert len(service.replies) == 1


def test_an_alarm_that_can_not_be_answered_now_is_kept(service, call, app):
    call.down = True
    body = json.dumps(alarm(service.tell("MAINTENANCE"))).encode()
    assert post(Webhook(app), "/maintenance", body) == 200
    call.down = False
    assert len(app.retry()) == 1


# -- over the network -------------------------------------------------------------------------


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        service.asked.append(("AS", environ.get("HTTP_X_PROJECT_ID", ""), None))
        return service(environ, start_response)

    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    service.endpoint = f"http://127.0.0.1:{server.server_port}/v1"
    yield service.endpoint
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_caller_asks_with_its_headers(service, address):
    manager = App(Caller.with_headers(**{"X-Project-Id": PROJECT}), address, PROJECT)
    service.tell("MAINTENANCE")
    assert [reply.status for reply in manager.poll()] == [200]
    assert {path for method, path, _ in service.asked if method == "AS"} == {PROJECT}


def test_where_nobody_is():
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1/v1"):
        Caller.with_headers()("GET", "http://127.0.0.1:1/v1/events")


def test_the_program_registers_and_answers(service, address, tmp_path, monkeypatch):
    for name in ("OS_CLOUD", "OS_AUTH_URL"):
        monkeypatch.delenv(name, raising=False)
    wishes = tmp_path / "wishes.yaml"
    wishes.write_text(f"instances:\n  {A}: {{lead_time: 60}}\n")
    service.tell("PLANNED_MAINTENANCE")
    seen: list[ApplicationManager] = []

    def follow(manager: ApplicationManager, *args: Any) -> None:
        seen.append(manager)
        manager.poll()

    monkeypatch.setattr(ApplicationManager, "follow", follow)
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    options = ["--url", address, "--os-project-id", PROJECT, "--constraints", str(wishes)]
    assert program.main([*options, "--server", A, "--memory", str(tmp_path / "memory")]) == 0
    assert [path for path, _ in service.replies] == [
        f"/instance/{A}",
        f"/maintenance/{SESSION}/{PROJECT}",
    ]
    assert service.replies[1][1]["instance_actions"] == {A: "LIVE_MIGRATE"}
    assert (tmp_path / "memory").exists()
    # with a class of somebody's own
    named = f"{__name__}:App"
    assert program.main([*options[:4], "--manager", named]) == 0
    assert isinstance(seen[-1], App)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--manager", "no.such:Thing"], "--manager no.such:Thing: "),
        (["--manager", "json:loads"], "is not a subclass"),
        (["--manager", f"{__name__}:App", "--server", "x"], "do not go with --manager"),
        (["--constraints", "/no/such/file"], "No such file"),
        (["--os-project-id", ""], "say which project"),
        (["--listen", "nowhere"], "write HOST:PORT"),
    ],
)
def test_the_program_says_what_is_wrong(capsys, monkeypatch, options, words):
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    assert program.main(["--os-project-id", PROJECT, *options]) == 1
    assert words in capsys.readouterr().err
