"""Requests that are sent again under the same Idempotency-Key."""

import datetime as dt
import json

import pytest

from craton_maintenance.engine.housekeeping import Housekeeping
from tests.functional.deployment import at

PATH = "/v1/maintenance-windows"
BODY = {"scope": {"hosts": ["host-a1"]}, "start": at(hours=1), "end": at(hours=2)}
KEY = {"Idempotency-Key": "once"}


def test_the_second_request_gets_the_first_ones_answer_and_does_nothing(operator):
    first = operator.post(PATH, BODY, headers=KEY)
    again = operator.post(PATH, BODY, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert first.headers["ETag"] == again.headers["ETag"]
    assert len(operator.get(PATH).json["maintenance_windows"]) == 1
    assert len(operator.events()) == 1


def test_the_order_of_keys_and_the_spelling_of_numbers_make_no_other_request(operator):
    text = json.dumps(dict(reversed(BODY.items())) | {"scope": {"hosts": [1.0]}}, indent=1)
    one = operator.post(PATH, BODY | {"scope": {"hosts": [1]}}, headers=KEY)
    two = operator.post(PATH, data=text, content_type="application/json", headers=KEY)
    assert one.json == two.json


@pytest.mark.parametrize(
    "other",
    [
        {"body": BODY | {"end": at(hours=3)}},
        {"path": "start"},
        {"body": BODY | {"reason": ""}},
    ],
)
def test_the_key_of_another_request_is_refused(operator, other):
    window = operator.post(PATH, BODY, headers=KEY).json
    path = f"{PATH}/{window['id']}/start" if "path" in other else PATH
    answer = operator.post(path, other.get("body", BODY), headers=KEY)
    assert (answer.status_code, answer.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert operator.get(f"{PATH}/{window['id']}").json["state"] == "scheduled"


def test_keys_of_different_callers_have_nothing_to_do_with_each_other(deployment):
    one = deployment.client(X_Roles="admin", X_Project_Id="ops", X_User_Id="ann")
    two = deployment.client(X_Roles="admin", X_Project_Id="ops", X_User_Id="bob")
    assert one.post(PATH, BODY, headers=KEY).status_code == 201
    answer = two.post(PATH, BODY, headers=KEY)
    assert answer.json["code"] == "WINDOW_OVERLAP"


def test_a_request_that_was_refused_may_be_sent_again(operator):
    assert operator.post(PATH, BODY | {"impact": "?"}, headers=KEY).status_code == 400
    blocker = operator.set(hosts=["host-a1"])
    assert operator.post(PATH, BODY, headers=KEY).status_code == 409
    operator.post(f"{PATH}/{blocker['id']}/finish")
    assert operator.post(PATH, BODY, headers=KEY).status_code == 201


def test_starting_and_finishing_may_be_repeated(operator):
    window = operator.post(PATH, BODY).json
    for verb in ("start", "finish"):
        path = f"{PATH}/{window['id']}/{verb}"
        answers = [operator.post(path, headers={"Idempotency-Key": verb}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert answers[0].json == answers[2].json


def test_a_key_is_forgotten_after_its_time(deployment, operator):
    first = operator.post(PATH, BODY, headers=KEY).json
    deployment.pass_time(24 * 3600 - 1)
    Housekeeping(deployment.service).work()
    assert operator.post(PATH, BODY, headers=KEY).json == first
    deployment.pass_time(2)
    Housekeeping(deployment.service).work()
    later = BODY | {"start": at(days=2), "end": at(days=3)}
    assert operator.post(PATH, later, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_1_to_255_characters(operator, key):
    answer = operator.post(PATH, BODY, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_the_answer_does_not_age(deployment, operator):
    """It is what was answered, not what is true by now."""
    operator.post(PATH, BODY, headers=KEY)
    deployment.pass_time(dt.timedelta(hours=1, minutes=30).total_seconds())
    assert operator.post(PATH, BODY, headers=KEY).json["state"] == "scheduled"
