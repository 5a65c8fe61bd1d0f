"""The whole document, fuzzed: no fault of ours, and no deviation from what it says."""

import os
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks as openapi_checks

from craton_maintenance.domain.session.states import State
from tests.functional.deployment import Deployment
from tests.support.sessions import Made

FULL = os.environ.get("CRATON_MAINTENANCE_FULL") == "1"

#: Requests for each operation and mode.
EXAMPLES = 1000 if FULL else 8

CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]

#: Formats of ours; what they are is in ``craton_maintenance.schema``.
FORMATS = {
    "time": st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    "http-url": st.from_regex(r"https?://[a-z0-9.]{1,20}(/[a-z0-9]{0,9}){0,3}", fullmatch=True),
    "flat-255": st.text(max_size=200),
}


@pytest.fixture(scope="module", autouse=True)
def formats() -> None:
    for name, strategy in FORMATS.items():
        schemathesis.openapi.format(name, strategy)


@pytest.fixture
def fuzzed(deploy: Any) -> Deployment:
    """A deployment with some windows and sessions, where nobody waits long."""
    deployment = deploy(api_max_wait=1)
    for hours, host in enumerate(("host-a1", "host-a2", "host-b1", "host-b2"), 1):
        body = {"scope": {"hosts": [host]}, "start": deployment.now_plus(3600 * hours)}
        answer = deployment.operator.post("/v1/maintenance-windows", body)
        assert answer.status_code == 201, answer.text
    web, servers = deployment.project("web"), deployment.servers_of("web")
    for window, workflow in zip(_windows(deployment)[:2], ("default", "vnf"), strict=True):
        session = Made(deployment.service, window, workflow)
        session.ask(web, State.MAINTENANCE, servers)
        for server in servers:
            alone = server if workflow == "vnf" else None
            session.ask(web, State.PLANNED_MAINTENANCE, [server], server_id=alone)
    return deployment


def _windows(deployment: Deployment) -> list[str]:
    listed = deployment.operator.get("/v1/maintenance-windows").json["maintenance_windows"]
    return [window["id"] for window in listed]


def _names(deployment: Deployment) -> dict[str, list[str]]:
    """Values of path parameters that exist, for requests that get further than a 404."""
    servers = deployment.servers_of("web")
    return {
        "window_id": _windows(deployment),
        "session_id": deployment.operator.get("/v1/maintenance").json["sessions"],
        "project_id": [deployment.project("web")],
        "instance_id": servers,
        "group_id": [*servers, "5d7c9f2e-4d5a-4b7e-9d0f-0a1b2c3d4e5f"],
        "ref": ["host-a1", "1", "RegionOne", "openstack"],
        "host": ["host-a1", "host-b3"],
        "host_id": [deployment.host_id("web", "host-a1")],
        "object_id": ["1", "2", deployment.conf.inventory.create_project],
    }


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("caller", ["operator", "project"])
def test_no_fault_and_no_deviation(fuzzed: Deployment, mode: str, caller: str) -> None:
    client = fuzzed.operator if caller == "operator" else fuzzed.member("web")
    document = schemathesis.openapi.from_wsgi("/v1/openapi.json", fuzzed.app)
    existing = _names(fuzzed)
    checked = 0
    for found in document.get_all_operations():
        operation = found.ok()
        checked += _fuzz(operation, mode, dict(client.headers), existing)
    assert checked >= (20 if mode == "positive" else 10)


def _fuzz(
    operation: Any, mode: str, headers: dict[str, str], existing: dict[str, list[str]]
) -> int:
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(data=st.data())
    def run(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
        for name, values in existing.items():
            if name in (case.path_parameters or {}) and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(values))
        if case.query and "wait" in case.query:
            del case.query["wait"]
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        run()
    except hypothesis.errors.Unsatisfiable:
        # nothing can be sent to it that is not valid
        return 0
    return 1
