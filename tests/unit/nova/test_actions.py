"""An action is sent once, whatever becomes of it; and what its answer means."""

from typing import Any

import pytest
import requests
import urllib3.exceptions
from keystoneauth1 import exceptions, token_endpoint
from keystoneauth1.session import Session
from requests.adapters import BaseAdapter

from craton_maintenance.domain.session.steps import Result
from craton_maintenance.nova.actions import Actions

_ENDPOINT = "http://nova.invalid/v2.1"


class Script(BaseAdapter):
    """Answers as it was told, and the last of it again and again; remembers what was sent."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)
        self.sent: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []

    def send(self, request: Any, **options: Any) -> requests.Response:
        self.sent.append(request)
        self.timeouts.append(options["timeout"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        response.headers.update(headers)
        response._content = body.encode()
        response.reason = "Reason"
        return response

    def close(self) -> None:
        pass


class Login(token_endpoint.Token):
    """Has a new token whenever the old one was refused."""

    tokens = 1

    def get_token(self, session: Any, **options: Any) -> str:
        return f"token-{self.tokens}"

    def invalidate(self) -> bool:
        self.tokens += 1
        return True


def script(*answers: Any) -> tuple[Session, Script]:
    adapter = Script(*answers)
    http = requests.Session()
    http.mount("http://", adapter)
    # what an operator's clouds.yaml may say is not asked
    return Session(Login(_ENDPOINT, "x"), session=http, connect_retries=3, redirect=5), adapter


def actions(*answers: Any) -> tuple[Actions, Script]:
    session, adapter = script(*answers)
    return Actions(session, {"region_name": None, "interface": "public"}, (2, 87), 7.5), adapter


def answer(status: int, message: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    body = f'{{"computeFault": {{"message": "{message}"}}}}' if message else ""
    return status, {name.replace("_", "-"): text for name, text in headers.items()}, body


_RESET = requests.exceptions.ConnectionError(
    urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
)
_NOBODY = requests.exceptions.ConnectionError(
    urllib3.exceptions.MaxRetryError(
        None, "/", urllib3.exceptions.NewConnectionError(None, "Connection refused")
    )
)


@pytest.mark.parametrize(
    ("came", "result", "code"),
    [
        (answer(202), Result.DONE, ""),
        (answer(200, "fine"), Result.DONE, ""),
        (requests.exceptions.ReadTimeout("timed out"), Result.UNCLEAR, ""),
        (_RESET, Result.UNCLEAR, ""),
        (requests.exceptions.ChunkedEncodingError("cut"), Result.UNCLEAR, ""),
        (answer(500, "Unexpected API Error."), Result.UNCLEAR, ""),
        (answer(502), Result.UNCLEAR, ""),
        (answer(504), Result.UNCLEAR, ""),
        # the connection never stood
        (requests.exceptions.ConnectTimeout("timed out"), Result.LATER, ""),
        (_NOBODY, Result.LATER, ""),
        (answer(503, "no server"), Result.LATER, ""),
        (answer(429, "Too many"), Result.LATER, ""),
        (answer(413, "overLimit"), Result.LATER, ""),
        (answer(401, "token"), Result.LATER, ""),
        (answer(307, Location="http://nova.invalid/elsewhere"), Result.REFUSED, "FAILED"),
        (answer(400, "bad"), Result.REFUSED, "FAILED"),
        (answer(400, "No valid host was found. "), Result.REFUSED, "NO_VALID_HOST"),
        (answer(403, "policy"), Result.REFUSED, "FORBIDDEN"),
        (answer(404, "no such"), Result.REFUSED, "NOT_FOUND"),
        (answer(409, "something"), Result.REFUSED, "CONFLICT"),
        (answer(409, "it is in task_state migrating"), Result.REFUSED, "SERVER_BUSY"),
        (answer(409, "it is in vm_state stopped"), Result.REFUSED, "SERVER_STATE"),
    ],
)
def test_sent_once_whatever_comes(came, result, code):
    way, adapter = actions(came)
    ended = way.act("s", "os-migrateLive", {"host": None, "block_migration": "auto"})
    assert (ended.result, ended.code) == (result, code)
    assert len(adapter.sent) == 1
    assert (ended.words == "") is (result is Result.DONE)


def test_keystoneauth_would_send_again():
    """What is switched off above: without that each of these is sent twice."""
    session, adapter = script(answer(401), answer(202))
    session.post(f"{_ENDPOINT}/servers/s/action", json={})
    assert [one.headers["X-Auth-Token"] for one in adapter.sent] == ["token-1", "token-2"]
    moved = answer(307, Location=f"{_ENDPOINT}/elsewhere")
    session, adapter = script(moved, answer(202))
    session.post(f"{_ENDPOINT}/servers/s/action", json={})
    assert [one.method for one in adapter.sent] == ["POST", "POST"]
    session, adapter = script(_RESET, answer(202))
    session.post(f"{_ENDPOINT}/servers/s/action", json={}, connect_retry_delay=0.001)
    assert len(adapter.sent) == 2


def test_refused_token_is_not_used_again():
    way, adapter = actions(answer(401), answer(202))
    assert way.act("s", "os-stop").result is Result.LATER
    assert way.act("s", "os-stop").result is Result.DONE
    assert [one.headers["X-Auth-Token"] for one in adapter.sent] == ["token-1", "token-2"]


def test_what_is_sent():
    way, adapter = actions(answer(202))
    way.act("s", "os-stop")
    (sent,) = adapter.sent
    assert (sent.method, sent.url) == ("POST", f"{_ENDPOINT}/servers/s/action")
    assert sent.body in (b'{"os-stop": null}', '{"os-stop": null}')
    assert sent.headers["OpenStack-API-Version"] == "compute 2.87"
    assert adapter.timeouts == [7.5]


def test_words_are_novas_and_say_when_to_come_again():
    way, _ = actions(answer(429, "Slow down.", Retry_After="30"))
    assert way.act("s", "os-stop").words == "429 Slow down. (again in 30 s)"
    way, _ = actions(answer(404, "Instance s could not be found."))
    assert way.act("s", "os-stop").words == "404 Instance s could not be found."
    way, _ = actions((502, {}, "<html>Bad gateway</html>"))
    assert way.act("s", "os-stop").words == "502 Reason"


def test_keystone_that_does_not_answer_means_nothing_was_sent(monkeypatch):
    way, adapter = actions(answer(202))

    def fail(self: Any, session: Any, **options: Any) -> str:
        raise exceptions.ConnectFailure("Keystone is away")

    monkeypatch.setattr(Login, "get_token", fail)
    ended = way.act("s", "os-stop")
    assert (ended.result, ended.words) == (Result.LATER, "Keystone is away")
    assert adapter.sent == []


def test_no_endpoint_means_nothing_was_sent(monkeypatch):
    way, adapter = actions(answer(202))
    monkeypatch.setattr(Login, "get_endpoint", lambda self, session, **options: None)
    assert way.act("s", "os-stop").result is Result.LATER
    assert adapter.sent == []
