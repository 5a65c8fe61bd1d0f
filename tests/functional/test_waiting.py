"""Readers who wait, over a server that listens: long polls and streams of events."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from craton_maintenance.api.server import Server
from craton_maintenance.db.database import NotFit
from tests.functional.deployment import Deployment, configure


class Live:
    """A deployment behind a port."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.server = Server(deployment.app, deployment.conf)
        self.address = self.server.start()
        self.room = deployment.app.extensions["maintenance-waiting"]
        self.connections: list[http.client.HTTPConnection] = []

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        self.connections.append(connection)
        return connection

    def stop(self) -> None:
        self.server.stop()
        for connection in self.connections:
            connection.close()

    def open(self, path: str, **headers: str) -> http.client.HTTPResponse:
        """Send a GET; the answer's head has been read, its body has not."""
        connection = self.connect()
        plain = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request("GET", path, headers=plain)
        return connection.getresponse()

    def get(self, path: str, **headers: str) -> tuple[int, Any, Any]:
        """Status, JSON and headers."""
        with self.open(path, **headers) as answer:
            return answer.status, json.loads(answer.read()), answer.headers

    def until_waiting(self, count: int) -> None:
        """Come back once so many readers wait."""
        pause = threading.Event()
        for _ in range(1000):
            if self.room.taken == count:
                return
            pause.wait(0.01)
        raise AssertionError(f"{self.room.taken} are not {count}")

    def in_background(self, path: str, **headers: str) -> "Later":
        return Later(self, path, headers)


class Later:
    """An answer that is waited for in a thread."""

    def __init__(self, live: Live, path: str, headers: dict[str, str]) -> None:
        self._found: list[Any] = []
        self._thread = threading.Thread(
            target=lambda: self._found.append(live.get(path, **headers)), daemon=True
        )
        self._thread.start()

    def result(self) -> tuple[int, Any, Any]:
        self._thread.join(20)
        assert self._found, "no answer came"
        return self._found[0]


@pytest.fixture
def live(deploy: Any) -> Iterator[Live]:
    """Eight threads, of which half may wait, two for each project."""
    deployment = deploy(api={"port": 0, "threads": 8, "waiting_per_project": 2, "max_wait": 15})
    served = Live(deployment)
    yield served
    served.stop()


def member(live: Live, project: str) -> dict[str, str]:
    return {"X_Project_Id": live.deployment.project(project), "X_Roles": "member"}


def test_a_long_poll_is_answered_as_soon_as_there_is_an_event(live):
    waiting = live.in_background("/v1/events?wait=15", **member(live, "web"))
    live.until_waiting(1)
    window = live.deployment.operator.set(hosts=["host-a1"])
    status, body, _ = waiting.result()
    assert status == 200
    assert body["events"][0]["payload"]["window_id"] == window["id"]
    assert body["next"] == body["events"][-1]["seq"]


def test_a_long_poll_that_has_something_to_read_does_not_wait(live):
    live.deployment.operator.set(hosts=["host-a1"])
    _, body, _ = live.get("/v1/events?wait=15", **member(live, "web"))
    assert len(body["events"]) == 2
    live.until_waiting(0)


def test_a_long_poll_ends_empty_when_its_time_is_over(live):
    status, body, _ = live.get("/v1/events?since=5&wait=1", **member(live, "web"))
    assert (status, body) == (200, {"events": [], "next": 5})


def test_events_of_others_do_not_end_a_long_poll(live):
    waiting = live.in_background("/v1/events?wait=2", **member(live, "web"))
    live.until_waiting(1)
    live.deployment.operator.set(hosts=["host-a3"])
    assert live.deployment.member("telco").events()
    assert waiting.result()[1] == {"events": [], "next": 0}


def test_operators_wait_for_events_of_everybody(live):
    waiting = live.in_background("/v1/events?all_projects=true&wait=15")
    live.until_waiting(1)
    live.deployment.operator.set(hosts=["host-a3"])
    _, body, _ = waiting.result()
    assert body["next"] == body["events"][-1]["position"]


def test_a_waiting_reader_holds_no_connection_to_the_database(live):
    waiting = live.in_background("/v1/events?wait=15", **member(live, "web"))
    live.until_waiting(1)
    pool = live.deployment.service.database.engine.pool
    # the one poller of the process has one for a moment now and then
    pause = threading.Event()
    assert any(not pause.wait(0.01) and pool.checkedout() == 0 for _ in range(500))
    live.deployment.operator.set(hosts=["host-a1"])
    assert waiting.result()[0] == 200


def test_a_project_beyond_its_share_is_told_when_to_come_again(live):
    waiting = [live.in_background("/v1/events?wait=15", **member(live, "web")) for _ in range(2)]
    live.until_waiting(2)
    status, body, headers = live.get("/v1/events?wait=15", **member(live, "web"))
    assert (status, body["code"]) == (429, "TOO_MANY_WAITING")
    assert int(headers["Retry-After"]) > 0
    stream = live.open("/v1/events", Accept="text/event-stream", **member(live, "web"))
    assert stream.status == 429
    # others wait as well, and without waiting everybody reads
    other = live.in_background("/v1/events?wait=15", **member(live, "telco"))
    live.until_waiting(3)
    assert live.get("/v1/events", **member(live, "web"))[0] == 200
    live.deployment.operator.set(hosts=["host-a1"])
    assert [one.result()[0] for one in [*waiting, other]] == [200, 200, 200]
    live.until_waiting(0)


def test_waiting_readers_never_hold_more_than_their_share_of_the_server(live):
    waiting = [
        live.in_background("/v1/events?wait=15", **member(live, project))
        for project in ("web", "web", "telco", "telco")
    ]
    live.until_waiting(4)
    status, body, _ = live.get("/v1/events?wait=15", **member(live, "admin"))
    assert (status, body["code"]) == (429, "TOO_MANY_WAITING")
    assert live.get("/v1/maintenance-windows")[0] == 200
    live.deployment.operator.set(hosts=["host-a1"])
    assert {one.result()[0] for one in waiting} == {200}


def frames(stream: http.client.HTTPResponse, count: int) -> list[dict[str, Any]]:
    """So many events of a stream, without comments."""
    found: list[dict[str, Any]] = []
    frame: dict[str, Any] = {}
    while len(found) < count:
        line = stream.readline().decode().rstrip("\n")
        if line.startswith(":"):
            continue
        if line:
            name, _, text = line.partition(": ")
            frame[name] = text
        elif frame:
            found.append(frame | {"data": json.loads(frame["data"])})
            frame = {}
    return found


def test_a_stream_has_what_was_and_then_what_comes(live):
    live.deployment.operator.set(hosts=["host-a1"])
    stream = live.open("/v1/events", Accept="text/event-stream", **member(live, "web"))
    assert stream.status == 200
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert [one["id"] for one in frames(stream, 2)] == ["1", "2"]
    live.until_waiting(1)
    live.deployment.operator.set(hosts=["host-b1"])
    third, _ = frames(stream, 2)
    assert third["id"] == "3"
    assert third["event"] == third["data"]["event_type"] == "maintenance.window.created"
    assert third["data"]["project_id"] == live.deployment.project("web")
    stream.close()


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [
        ("?since=1", {}, "2"),
        ("", {"Last_Event_ID": "1"}, "2"),
        ("", {"Last_Event_ID": "nonsense"}, "1"),
        ("", {"Last_Event_ID": "9" * 40}, "1"),
    ],
)
def test_a_stream_goes_on_where_its_reader_stopped(live, query, headers, first):
    live.deployment.operator.set(hosts=["host-a1"])
    stream = live.open(
        f"/v1/events{query}", Accept="text/event-stream", **headers, **member(live, "web")
    )
    assert frames(stream, 1)[0]["id"] == first
    stream.close()


def test_a_server_that_stops_sends_waiting_readers_home(live):
    waiting = live.in_background("/v1/events?wait=15", **member(live, "web"))
    live.until_waiting(1)
    live.server.stop()
    assert waiting.result()[1] == {"events": [], "next": 0}


def test_a_large_body_is_refused_over_the_network_too(live):
    connection = live.connect()
    body = b'{"reason": "' + b"x" * live.deployment.conf.api.max_body + b'"}'
    connection.request(
        "POST", "/v1/maintenance-windows", body, {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    assert answer.status == 413
    with answer:
        assert json.loads(answer.read())["code"] == "TOO_LARGE"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_without_authentication_only_loopback_is_listened_on(deployment, tmp_path, host):
    conf = configure(tmp_path, "sqlite:///unused", api={"host": host, "port": 0})
    with pytest.raises(NotFit, match="--auth"):
        Server(deployment.app, conf)
