"""Every error code that a client can meet, and the body that tells it."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy.exc

from craton_maintenance import schema
from craton_maintenance.domain.session.states import State
from craton_maintenance.errors import Code
from tests.functional.deployment import Deployment, at
from tests.support.sessions import Made

PATH = "/v1/maintenance-windows"

#: how each code comes about: what is done, and the status it is told with
SCENARIOS: dict[Code, tuple[int, Callable[[Deployment, Any], Any]]] = {}


def scenario(code: Code, status: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Note how a code comes about; the function gives back the answer."""

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        SCENARIOS[code] = (status, function)
        return function

    return note


@scenario(Code.INVALID, 400)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}, "impact": "SOME"})


@scenario(Code.NOT_JSON, 400)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.post(PATH, data="scope=hosts")


@scenario(Code.TOO_LARGE, 413)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.post(PATH, {"reason": "x" * d.conf.api.max_body})


@scenario(Code.UNAUTHENTICATED, 401)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.get(PATH, environ_base={"REMOTE_ADDR": "192.0.2.1"})


@scenario(Code.FORBIDDEN, 403)
def _(d: Deployment, _: Any) -> Any:
    return d.member("web").post(PATH, {"scope": {"hosts": ["host-a1"]}})


@scenario(Code.NOT_FOUND, 404)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.get(f"{PATH}/no-such-window")


@scenario(Code.NO_SUCH_PATH, 404)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.get("/v1/maintenance-window")


@scenario(Code.METHOD_NOT_ALLOWED, 405)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.put(PATH, {})


@scenario(Code.UNKNOWN_NAME, 400)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.post(PATH, {"scope": {"labels": ["nobody-has-this"]}})


@scenario(Code.AMBIGUOUS_NAME, 400)
def _(d: Deployment, _: Any) -> Any:
    d.second_region()
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}})


@scenario(Code.HOST_REFUSED, 400)
def _(d: Deployment, _: Any) -> Any:
    d.refuse("host-a1")
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}})


@scenario(Code.BAD_TIMES, 400)
def _(d: Deployment, _: Any) -> Any:
    times = {"start": at(hours=2), "end": at(hours=1)}
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}} | times)


@scenario(Code.BAD_RETIREMENT, 400)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.post(PATH, {"scope": {"regions": ["RegionOne"]}, "retire": True})


@scenario(Code.BAD_TARGET, 400)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}, "target_host": "host-a1"})


@scenario(Code.WINDOW_OVERLAP, 409)
def _(d: Deployment, _: Any) -> Any:
    d.operator.set(aggregates=["racks-a"])
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}})


@scenario(Code.WINDOW_OPEN, 409)
def _(d: Deployment, _: Any) -> Any:
    return d.operator.delete(f"{PATH}/{d.operator.set(hosts=['host-a1'])['id']}")


@scenario(Code.WINDOW_NOT_OPEN, 409)
def _(d: Deployment, _: Any) -> Any:
    window = d.operator.set(hosts=["host-a1"], start=at(hours=1))
    return d.operator.post(f"{PATH}/{window['id']}/finish")


@scenario(Code.WINDOW_OVER, 409)
def _(d: Deployment, _: Any) -> Any:
    window = d.operator.set(hosts=["host-a1"], end=at(hours=1))
    d.pass_time(3600)
    return d.operator.patch(f"{PATH}/{window['id']}", {"reason": "too late"})


def with_session(d: Deployment) -> tuple[Made, str]:
    """A session of a window, and the path of project web in it."""
    made = Made(d.service, d.operator.set(hosts=["host-a1"], start=at(hours=1))["id"])
    made.tell(d.project("web"), [d.server("web-1")])
    return made, f"{made.path}/{d.project('web')}"


@scenario(Code.SESSION_RUNNING, 409)
def _(d: Deployment, _: Any) -> Any:
    window = d.operator.set(hosts=["host-a1"], start=at(hours=1), workflow="default")
    return d.operator.delete(f"{PATH}/{window['id']}")


@scenario(Code.SESSION_OVER, 409)
def _(d: Deployment, _: Any) -> Any:
    session, _ = with_session(d)
    session.state(State.MAINTENANCE_DONE)
    return d.operator.put(session.path, {"action": "pause"})


@scenario(Code.NOT_AWAITED, 409)
def _(d: Deployment, _: Any) -> Any:
    return d.member("web").put(with_session(d)[1], {"state": "ACK_SCALE_IN"})


@scenario(Code.REPLY_LATE, 409)
def _(d: Deployment, _: Any) -> Any:
    session, path = with_session(d)
    session.ask(d.project("web"), State.SCALE_IN, [d.server("web-1")], seconds=60)
    d.pass_time(61)
    return d.member("web").put(path, {"state": "ACK_SCALE_IN"})


@scenario(Code.ALREADY_ANSWERED, 409)
def _(d: Deployment, _: Any) -> Any:
    session, path = with_session(d)
    session.ask(d.project("web"), State.SCALE_IN, [d.server("web-1")])
    d.member("web").put(path, {"state": "ACK_SCALE_IN"})
    return d.member("web").put(path, {"state": "NACK_SCALE_IN"})


@scenario(Code.STALE_REVISION, 412)
def _(d: Deployment, _: Any) -> Any:
    window = d.operator.set(hosts=["host-a1"])
    headers = {"If-Match": '"7"'}
    return d.operator.patch(f"{PATH}/{window['id']}", {"reason": "x"}, headers=headers)


@scenario(Code.IDEMPOTENCY_KEY_REUSED, 422)
def _(d: Deployment, _: Any) -> Any:
    key = {"Idempotency-Key": "one"}
    d.operator.post(PATH, {"scope": {"hosts": ["host-a1"]}}, headers=key)
    return d.operator.post(PATH, {"scope": {"hosts": ["host-a2"]}}, headers=key)


@scenario(Code.TOO_MANY_WAITING, 429)
def _(d: Deployment, _: Any) -> Any:
    room = d.app.extensions["maintenance-waiting"]
    seats = [room.enter(d.project("web")) for _ in range(d.conf.api.waiting_per_project)]
    answer = d.member("web").get("/v1/events?wait=30")
    for seat in seats:
        seat.leave()
    return answer


@scenario(Code.UNAVAILABLE, 503)
def _(d: Deployment, monkeypatch: Any) -> Any:
    def broken(*_: Any) -> None:
        raise sqlalchemy.exc.OperationalError("SELECT", {}, Exception("host db-1 is gone"))

    operator = d.operator
    monkeypatch.setattr(d.service.database, "read", broken)
    return operator.get(PATH)


@scenario(Code.INTERNAL, 500)
def _(d: Deployment, monkeypatch: Any) -> Any:
    operator = d.operator
    monkeypatch.setattr(d.service.database, "read", lambda: 1 / 0)
    return operator.get(PATH)


#: Codes that come about beside Craton's paths and variables, and are tested there.
BESIDE = {"INCONSISTENT", "NAME_TAKEN", "NOT_EMPTY", "READ_ONLY", "UNKNOWN_ID"}


@pytest.mark.parametrize("code", SCENARIOS, ids=lambda code: code.value)
def test_a_code_comes_with_its_status_and_body(deployment, monkeypatch, code):
    status, provoke = SCENARIOS[code]
    answer = provoke(deployment, monkeypatch)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    body = answer.json
    schema.check("error", body)
    assert (body["status"], body["code"]) == (status, code.value)
    assert body["request_id"] == answer.headers["X-OpenStack-Request-ID"]
    assert body["message"].strip()
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0
    if status == 405:
        assert answer.headers["Allow"]
    for words in ("Traceback", "db-1", "ZeroDivision", ".py"):
        assert words not in answer.text


def test_every_code_has_a_scenario():
    assert {code.value for code in set(Code) - set(SCENARIOS)} == BESIDE


def test_a_fault_of_ours_is_in_the_log_under_the_request_id(deployment, monkeypatch, caplog):
    operator = deployment.operator
    monkeypatch.setattr(deployment.service.database, "read", lambda: 1 / 0)
    answer = operator.get(PATH)
    assert answer.json["request_id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_nothing_is_changed_by_a_request_that_met_an_error(deployment):
    operator = deployment.operator
    before = operator.events(all_projects="true")
    for status, provoke in (SCENARIOS[code] for code in (Code.BAD_TIMES, Code.BAD_TARGET)):
        assert provoke(deployment, None).status_code == status
    assert operator.get(PATH).json["maintenance_windows"] == []
    assert operator.events(all_projects="true") == before


HOST = {"scope": {"hosts": ["host-a1"]}}

#: what is wrong, and the field that the answer has to name
BAD_BODIES: list[tuple[Any, str]] = [
    ({}, "scope"),
    ([], "body"),
    ("", "body"),
    (None, "body"),
    ({"scope": {}}, "scope"),
    ({"scope": []}, "scope"),
    ({"scope": {"hosts": []}}, "scope/hosts"),
    ({"scope": {"hosts": "host-a1"}}, "scope/hosts"),
    ({"scope": {"hosts": [""]}}, "scope/hosts/0"),
    ({"scope": {"hosts": ["host-a1", None]}}, "scope/hosts/1"),
    ({"scope": {"hosts": [0]}}, "scope/hosts/0"),
    ({"scope": {"hosts": [2**31]}}, "scope/hosts/0"),
    ({"scope": {"hosts": [True]}}, "scope/hosts/0"),
    ({"scope": {"hosts": [1.5]}}, "scope/hosts/0"),
    ({"scope": {"hosts": [99.0]}}, "scope/hosts/0"),
    ({"scope": {"hosts": [{"region": "RegionOne"}]}}, "scope/hosts/0"),
    ({"scope": {"hosts": [{"name": "host-a1", "region": "Nowhere"}]}}, "scope/hosts/0"),
    ({"scope": {"hosts": ["host-a"]}}, "scope/hosts/0"),
    ({"scope": {"hosts": ["Host-A1"]}}, "scope/hosts/0"),
    ({"scope": {"hosts": ["host-a1", "a\x00b"]}}, "scope/hosts/1"),
    ({"scope": {"hosts": ["\ud800"]}}, "scope/hosts/0"),
    ({"scope": {"racks": ["1"]}}, "scope/racks"),
    ({"scope": {"labels": [1]}}, "scope/labels/0"),
    ({"scope": {"aggregates": ["racks-c"]}}, "scope/aggregates/0"),
    ({"scope": {"availability_zones": ["zone-c"]}}, "scope/availability_zones/0"),
    ({"scope": {"cells": ["c"]}}, "scope/cells/0"),
    ({"scope": {"regions": ["r"]}}, "scope/regions/0"),
    ({"scope": {"clouds": ["c"]}}, "scope/clouds/0"),
    (HOST | {"start": "tomorrow"}, "start"),
    (HOST | {"start": None}, "start"),
    (HOST | {"start": "2030-01-01T00:00:00"}, "start"),
    (HOST | {"start": "2030-02-30T00:00:00Z"}, "start"),
    (HOST | {"start": "2030-02-30 00:00:00"}, "start"),
    (HOST | {"start": "0001-01-01T00:00:00+10:00"}, "start"),
    (HOST | {"start": 1893456000}, "start"),
    (HOST | {"start": at(days=400)}, "start"),
    (HOST | {"start": at(hours=-2), "end": at(hours=-1)}, "end"),
    (HOST | {"end": at(days=400)}, "end"),
    (HOST | {"end": at()}, "end"),
    (HOST | {"reason": 5}, "reason"),
    (HOST | {"reason": "x" * 4001}, "reason"),
    (HOST | {"reason": "half \udfff"}, "reason"),
    (HOST | {"announcement": "x" * 256}, "announcement"),
    (HOST | {"announcement": "\x00"}, "announcement"),
    (HOST | {"impact": "outage"}, "impact"),
    (HOST | {"expected_interruption": -1}, "expected_interruption"),
    (HOST | {"expected_interruption": 1.5}, "expected_interruption"),
    (HOST | {"expected_interruption": 10**12}, "expected_interruption"),
    (HOST | {"retire": "yes"}, "retire"),
    (HOST | {"target_host": "nowhere"}, "target_host"),
    (HOST | {"target_host": ""}, "target_host"),
    (HOST | {"allow_overlap": 1}, "allow_overlap"),
    (HOST | {"owner": "me"}, "owner"),
    (HOST | {"nested": [[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]}, "nested" + "/0" * 20),
]


@pytest.mark.parametrize(("body", "field"), BAD_BODIES, ids=lambda value: str(value)[:40])
def test_a_wrong_body_is_a_400_that_names_the_field(deployment, body, field):
    data = None if body is None else body
    answer = (
        deployment.operator.post(PATH, data="null", content_type="application/json")
        if data is None
        else deployment.operator.post(PATH, data)
    )
    assert answer.status_code == 400, answer.text
    assert field in [one["field"] for one in answer.json["errors"]]
    assert all(one["message"] for one in answer.json["errors"])
    assert field in answer.json["message"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{PATH}?limit=5", "limit"),
        (f"{PATH}?limit=101", "limit"),
        (f"{PATH}?limit=ten", "limit"),
        (f"{PATH}?limit=99999999999999999999999", "limit"),
        (f"{PATH}?limit=20&limit=20", "limit"),
        (f"{PATH}?marker=5", "marker"),
        (f"{PATH}?marker=b7f4c5a6-3a52-4d4f-9d8f-0c4a0f0e0a11", "marker"),
        (f"{PATH}?sort_keys=reason", "sort_keys"),
        (f"{PATH}?sort_dir=up", "sort_dir"),
        (f"{PATH}?state=sleeping", "state"),
        (f"{PATH}?retire=perhaps", "retire"),
        (f"{PATH}?starts_before=now", "starts_before"),
        (f"{PATH}?project_id=", "project_id"),
        (f"{PATH}?project_id=a%00b", "project_id"),
        (f"{PATH}?vendor=x", "vendor"),
        ("/v1/events?since=-1", "since"),
        ("/v1/events?since=x", "since"),
        ("/v1/events?since=9007199254740993", "since"),
        ("/v1/events?wait=forever", "wait"),
        ("/v1/events?limit=0", "limit"),
        ("/v1/events?all_projects=true&project_id=x", "project_id"),
        ("/v1/events/pending?since=1", "since"),
        ("/v1/nova-hosts?differences=some", "differences"),
        ("/v1/links?x=1", "x"),
        ("/v1/links/host-a1?region=", "region"),
    ],
)
def test_a_wrong_query_is_a_400_that_names_the_parameter(deployment, path, field):
    answer = deployment.operator.get(path)
    assert answer.status_code == 400, answer.text
    assert {one["field"] for one in answer.json["errors"]} == {field}


@pytest.mark.parametrize(
    "ref", ["99999999999999999999", "0", "-1", "a%00b", "%ED%A0%80", "%FF", "."]
)
@pytest.mark.parametrize("kind", ["hosts", "cells", "regions", "clouds"])
def test_a_strange_name_of_an_object_is_not_found(deployment, kind, ref):
    for method in ("GET", "PUT", "DELETE"):
        answer = deployment.operator(method, f"/v1/{kind}/{ref}/maintenance", {})
        assert answer.status_code in (404, 405), answer.text


@pytest.mark.parametrize("tag", ["", "one", '"1', "'1'", '"99999999999"', "W/x", '"1", "2"'])
def test_an_etag_that_was_never_given_is_a_400(deployment, tag):
    window = deployment.operator.set(hosts=["host-a1"])
    answer = deployment.operator.patch(
        f"{PATH}/{window['id']}", {"reason": "x"}, headers={"If-Match": tag}
    )
    if tag == '"1':
        # quotes are not insisted on
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert [one["field"] for one in answer.json["errors"]] == ["If-Match"]


def test_all_that_is_wrong_is_told_at_once(deployment):
    answer = deployment.operator.post(PATH, {"start": "x", "impact": "y", "z": 1})
    fields = [one["field"] for one in answer.json["errors"]]
    assert sorted(fields) == ["impact", "scope", "start", "z"]


def test_a_body_on_get_is_ignored(deployment):
    answer = deployment.operator.get(PATH, data="{", content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b"9" * 5000])
def test_what_is_not_json_is_said_to_be(deployment, data):
    answer = deployment.operator.post(PATH, data=data, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["code"] in ("NOT_JSON", "INVALID")
