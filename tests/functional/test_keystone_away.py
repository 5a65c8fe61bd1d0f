"""Keystone away: nobody is told that a token is wrong which nobody could look at."""

from typing import Any

import pytest

from tests.functional.deployment import Deployment

#: Nobody listens there.
_FILE = """
[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:1/v3
www_authenticate_uri = http://127.0.0.1:1/v3
username = maintenance
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
http_request_max_retries = 0
service_token_roles_required = true
"""


@pytest.fixture
def away(deploy: Any) -> Deployment:
    return deploy(api_auth="keystone", file=_FILE)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/events"), ("GET", "/v1/maintenance"), ("PUT", "/v1/maintenance/x/y")],
)
def test_a_token_that_can_not_be_looked_at_is_no_wrong_one(away, method, path):
    answer = away.client(X_Auth_Token="token")(method, path, {"state": "ACK_MAINTENANCE"})
    assert answer.status_code == 503, answer.text
    assert answer.json["code"] == "UNAVAILABLE"
    assert answer.headers["Retry-After"] == "2"


def test_who_sends_none_is_nobody_and_what_is_open_stays_so(away):
    assert away.client().get("/v1/events").status_code == 401
    assert away.client(X_Auth_Token="token").get("/health").status_code == 200
