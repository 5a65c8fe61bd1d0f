"""``keystone setup`` on the real Keystone, under a region, name and user of its own."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from . import stack

pytestmark = pytest.mark.cloud

REGION = USER = NAME = "maintenance-setup-test"
SECRET = "of the setup test"
URL = "http://127.0.0.1:9999/v1"


def _ours(keystone: stack.Service) -> Iterator[str]:
    for service in keystone.get("/services?type=maintenance")["services"]:
        if service["name"] == NAME:
            yield f"/services/{service['id']}"
    for user in keystone.get(f"/users?name={USER}")["users"]:
        yield f"/users/{user['id']}"
    yield f"/regions/{REGION}"


@pytest.fixture
def keystone(operator_session) -> Iterator[stack.Service]:
    """Keystone with a region of the test's, without what the test makes before and after."""
    keystone = stack.Service(operator_session, "identity")
    with contextlib.ExitStack() as undo:
        for path in list(_ours(keystone)):
            keystone.delete(path)
        undo.callback(lambda: [keystone.delete(path) for path in list(_ours(keystone))])
        keystone.post("/regions", {"region": {"id": REGION}})
        yield keystone


def _setup(*words: str, user: str = "admin", project: str = "admin", status: int = 0):
    """Run the command; what it did by thing, and its words."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run(
        [
            str(pathlib.Path(sys.executable).parent / "craton-maintenance"),
            *("keystone", "setup", "--region", REGION, "--service-name", NAME),
            *("--user", USER, "-f", "json", *words),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=inherited
        | {
            "OS_AUTH_URL": stack.AUTH_URL,
            "OS_USERNAME": user,
            "OS_PASSWORD": stack.PASSWORD,
            "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "CRATON_MAINTENANCE_SERVICE_PASSWORD": SECRET,
        },
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    rows = json.loads(done.stdout) if done.stdout else []
    return {row["Thing"]: row["Done"] for row in rows}, done.stderr


def test_setup(keystone):
    planned, words = _setup("--url", URL, "--check")
    assert planned["service"] == "would be made"
    assert len(list(_ours(keystone))) == 1

    made, _ = _setup("--url", URL)
    assert made["service"] == made["user"] == made["admin endpoint"] == "made"
    service_user = Session(
        auth=v3.Password(
            auth_url=stack.AUTH_URL,
            username=USER,
            password=SECRET,
            project_name="service",
            user_domain_name="Default",
            project_domain_name="Default",
        )
    )
    access = service_user.auth.get_access(service_user)
    assert {"admin", "service"} <= set(access.role_names)
    for interface in ("public", "internal", "admin"):
        found = access.service_catalog.url_for(
            service_type="maintenance", interface=interface, region_name=REGION
        )
        assert found == URL

    again, words = _setup("--url", URL)
    assert set(again.values()) == {"as it was"}
    assert "Nothing to change." in words

    moved, _ = _setup("--url", "https://elsewhere/v1", "--internal-url", URL)
    assert moved["public endpoint"] == f"changed, was {URL}"
    assert moved["internal endpoint"] == "as it was"


def test_who_may_not(keystone):
    _, words = _setup("--url", URL, user="alice", project="alpha", status=1)
    assert "refuses (403)" in words
    assert len(list(_ours(keystone))) == 1
