"""What becomes of Nova's answers, byte by byte."""

import json
from typing import Any

import pytest

from craton_maintenance_nova_links.active import Active
from craton_maintenance_nova_links.links import Links
from craton_maintenance_nova_links.options import Options
from craton_maintenance_nova_links.source import EMPTY, Snapshot

BASE = "https://portal.example.org/m"
HERE, THERE = "a" * 56, "b" * 56
SNAPSHOT = Snapshot(BASE, frozenset({"compute-1", "odd/name"}), frozenset({HERE}))
LIMIT = 10_000
SERVERS = {
    "servers": [
        {"id": "1", "hostId": HERE, "links": [{"rel": "self", "href": "http://nova/1"}]},
        {"id": "2", "hostId": THERE, "links": []},
        {"id": "3", "hostId": ""},
    ]
}
SERVER = "/servers/5f1f8cbb-2b5c-4d6a-8a1c-97d26d20c4f1"


class Known:
    """Stands for the thread's answer."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def current(self) -> Snapshot:
        return self.snapshot


class Body(list):
    """An answer that knows whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Nova:
    """Answers what it is told to."""

    def __init__(self, body: Any, status: str = "200 OK", **headers: str) -> None:
        self.text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.body = Body([self.text])
        self.status = status
        self.headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(self.text)),
            "X-Compute-Request-Id": "req-1",
        } | {name.replace("_", "-"): value for name, value in headers.items()}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response(self.status, list(self.headers.items()))
        return self.body


def ask(app: Any, path: str, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    """What a WSGI server would send."""
    began: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        began[:] = [status, headers]
        return written.append

    body = app({"REQUEST_METHOD": method, "PATH_INFO": path}, start_response)
    try:
        pieces = list(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    assert all(name.lower() for name, _ in began[1])
    return began[0], dict(began[1]), b"".join([*written, *pieces])


def filtered(nova: Any, snapshot: Snapshot = SNAPSHOT) -> Links:
    return Links(nova, Known(snapshot), LIMIT)  # type: ignore[arg-type]


def untouched(nova: Any, path: str, **how: Any) -> bool:
    return ask(filtered(nova), path, **how) == ask(nova, path, **how)


@pytest.mark.parametrize(
    "path", ["/servers/detail", "/0123456789abcdef/servers/detail", "/v2.1/servers/detail"]
)
def test_servers_by_their_own_host_id(path):
    nova = Nova(SERVERS, ETag='"x"')
    status, headers, body = ask(filtered(nova), path)
    first, second, third = json.loads(body)["servers"]
    assert first["links"] == [
        {"rel": "self", "href": "http://nova/1"},
        {"rel": "maintenance", "href": f"{BASE}/project/{HERE}"},
    ]
    assert [second, third] == SERVERS["servers"][1:]
    assert status == "200 OK"
    assert headers["Content-Length"] == str(len(body))
    assert headers["X-Compute-Request-Id"] == "req-1"
    assert "ETag" not in headers
    assert nova.body.closed


def test_one_server():
    _, _, body = ask(filtered(Nova({"server": {"id": "1", "hostId": HERE}})), SERVER)
    assert json.loads(body)["server"]["links"] == [
        {"rel": "maintenance", "href": f"{BASE}/project/{HERE}"}
    ]


def test_services_by_host_name():
    services = [{"host": host, "binary": "nova-compute"} for host in ("compute-11", "odd/name")]
    _, _, body = ask(filtered(Nova({"services": services})), "/os-services")
    first, second = json.loads(body)["services"]
    assert first == services[0]
    assert second["links"] == [{"rel": "maintenance", "href": f"{BASE}/odd%2Fname"}]


def test_nothing_in_maintenance_is_not_even_looked_at():
    nova = Nova(SERVERS)
    given = filtered(nova, EMPTY)({"REQUEST_METHOD": "GET", "PATH_INFO": "/servers/detail"}, print)
    assert given is nova.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/servers"),
        ("GET", f"{SERVER}/os-interface"),
        ("GET", "/servers/detail/more"),
        ("GET", "/os-hypervisors/detail"),
        ("POST", f"{SERVER}"),
        ("PUT", "/os-services"),
        ("HEAD", "/servers/detail"),
        ("GET", "/"),
    ],
)
def test_other_requests(method, path):
    nova = Nova(SERVERS)
    given = filtered(nova)({"REQUEST_METHOD": method, "PATH_INFO": path}, lambda *args: None)
    assert given is nova.body


@pytest.mark.parametrize(
    "nova",
    [
        pytest.param(Nova({"servers": [{"hostId": THERE}]}), id="no server there"),
        pytest.param(Nova(b'{"servers": [{"hostId": "' + HERE.encode() + b'"}'), id="cut"),
        pytest.param(Nova([{"hostId": HERE}]), id="a list"),
        pytest.param(Nova({"servers": None, "hostId": HERE}), id="null"),
        pytest.param(Nova({"servers": [{"hostId": HERE, "links": 7}]}), id="links of its own"),
        pytest.param(Nova({"servers": ["x"], "hostId": HERE}), id="no objects"),
        pytest.param(Nova(b""), id="empty"),
        pytest.param(Nova(b"\xff\xfe" + HERE.encode()), id="no text"),
        pytest.param(Nova(SERVERS, status="403 Forbidden"), id="an error"),
        pytest.param(Nova(SERVERS, status="203 Non-Authoritative"), id="another status"),
        pytest.param(Nova(SERVERS, Content_Type="text/html"), id="no JSON"),
        pytest.param(Nova(SERVERS, Content_Encoding="gzip"), id="compressed"),
        pytest.param(Nova(SERVERS, Content_Length="many"), id="a length that is none"),
        pytest.param(Nova({**SERVERS, "padding": "x" * LIMIT}), id="huge"),
        pytest.param(Nova({**SERVERS, "padding": "x" * LIMIT}, Content_Length="9"), id="a lie"),
    ],
)
def test_left_as_it_is(nova):
    assert untouched(nova, "/servers/detail")
    assert nova.body.closed


@pytest.mark.parametrize("services", [{"services": [{}]}, {"services": {"host": 1}}, 7])
def test_services_that_are_none(services):
    assert untouched(Nova(services), "/os-services")


def test_a_body_in_pieces_that_begins_late():
    def nova(environ: Any, start_response: Any) -> Any:
        text = json.dumps(SERVERS).encode()
        start_response("200 OK", [("Content-Type", "application/json; charset=UTF-8")])
        for index in range(0, len(text), 7):
            yield text[index : index + 7]

    _, headers, body = ask(filtered(nova), "/servers/detail")
    assert json.loads(body)["servers"][0]["links"][1]["rel"] == "maintenance"
    assert headers["Content-Length"] == str(len(body))


def test_a_huge_body_in_pieces_is_passed_on_as_it_comes():
    given = []

    def nova(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json")])
        for number in range(100):
            given.append(number)
            yield b"x" * 1000

    body = filtered(nova)(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/servers/detail"}, lambda *args: None
    )
    assert len(given) <= 12
    assert b"".join(body) == b"x" * 100_000
    assert untouched(nova, "/servers/detail")


def test_a_body_of_another_kind_in_pieces_is_not_collected():
    given = []

    def nova(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        for number in range(100):
            given.append(number)
            yield b"x"

    body = filtered(nova)(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/servers/detail"}, lambda *args: None
    )
    assert len(given) == 1
    assert b"".join(body) == b"x" * 100


def test_what_is_written_before_the_body():
    def nova(environ: Any, start_response: Any) -> Any:
        text = json.dumps(SERVERS).encode()
        start_response("200 OK", [("Content-Type", "application/json")])(text[:9])
        return [text[9:]]

    _, _, body = ask(filtered(nova), "/servers/detail")
    assert json.loads(body)["servers"][0]["links"][1]["rel"] == "maintenance"


def test_an_exception_of_novas_is_novas():
    body = Body()

    class Fails:
        def __iter__(self) -> Any:
            yield b"{"
            raise RuntimeError("of Nova's")

        close = body.close

    def nova(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json")])
        return Fails()

    with pytest.raises(RuntimeError, match="of Nova's"):
        ask(filtered(nova), "/servers/detail")
    assert body.closed


def test_an_exception_of_ours_is_not_novas(caplog):
    class Broken:
        def current(self) -> Snapshot:
            raise RuntimeError("of ours")

    nova = Nova(SERVERS)
    assert ask(Links(nova, Broken(), LIMIT), "/servers/detail") == ask(nova, "/servers/detail")
    assert "links are left out" in caplog.text


def test_the_exception_in_an_error_is_handed_on():
    seen = []

    def nova(environ: Any, start_response: Any) -> Any:
        start_response("500 Oh", [], ("type", "value", "traceback"))
        return [b""]

    filtered(nova)(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/servers/detail"}, lambda *args: seen.append(args)
    )
    assert seen == [("500 Oh", [], ("type", "value", "traceback"))]


class Asked:
    """A service that answers, or does not."""

    def __init__(self) -> None:
        self.answer: Snapshot | Exception = SNAPSHOT

    def read(self) -> Snapshot:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_an_answer_that_is_too_old_counts_for_nothing(monkeypatch, caplog):
    now = [100.0]
    asked = Asked()
    active = Active(asked, Options("http://127.0.0.1:1/v1"), lambda: now[0])
    monkeypatch.setattr(active, "_follow", lambda: None)
    assert active.current() == EMPTY
    active.refresh()
    assert active.current() == SNAPSHOT
    asked.answer = OSError("nobody there")
    now[0] += 59
    for _ in range(3):
        active.refresh()
    assert active.current() == SNAPSHOT
    assert len(caplog.records) == 1
    now[0] += 2
    assert active.current() == EMPTY
    asked.answer = SNAPSHOT
    active.refresh()
    assert active.current() == SNAPSHOT


def test_each_process_has_a_thread_of_its_own(monkeypatch):
    active = Active(Asked(), Options("http://127.0.0.1:1/v1"))
    started = []
    monkeypatch.setattr(active, "_follow", lambda: started.append(1))
    active.current()
    active.current()
    assert len(started) == 1
    monkeypatch.setattr("os.getpid", lambda: 1)
    active.refresh()
    assert active.current() == EMPTY
    assert len(started) == 2
