"""os-services."""

import uuid
from typing import Any

import pytest

from .clouds import HOSTS, Cloud, refusal

_HOST = "compute-06"


def _put(cloud: Cloud, ident: Any, body: Any, version: str = "2.93") -> Any:
    return cloud.call(f"/os-services/{ident}", version=version, method="PUT", json=body)


def _one(cloud: Cloud, version: str) -> Any:
    path = f"/os-services?binary=nova-compute&host={_HOST}"
    (service,) = cloud.call(path, version=version).json()["services"]
    return service


def test_each_host_has_a_service(cloud: Cloud) -> None:
    found = {service.host: service for service in cloud.admin.services.list(binary="nova-compute")}
    assert sorted(found) == HOSTS
    assert all(service.zone == "az-a" for host, service in found.items() if host < "compute-04")
    assert found[_HOST].zone == "az-b"


def test_control_plane_is_listed_too(cloud: Cloud) -> None:
    found = {service.binary: service for service in cloud.admin.services.list()}
    assert {"nova-conductor", "nova-scheduler", "nova-compute"} <= set(found)
    assert found["nova-conductor"].zone == "internal"


def test_services_ids_are_numbers_before_2_53(cloud: Cloud) -> None:
    assert isinstance(_one(cloud, "2.52")["id"], int)
    assert uuid.UUID(_one(cloud, "2.53")["id"])


def test_services_fields(cloud: Cloud) -> None:
    old = {
        "binary", "host", "id", "zone", "status", "state", "updated_at", "disabled_reason",
    }  # fmt: skip
    assert set(_one(cloud, "2.10")) == old
    for version in ("2.11", "2.53", "2.93"):
        found = _one(cloud, version)
        assert set(found) == old | {"forced_down"}
        assert (found["status"], found["state"]) == ("enabled", "up")
        assert (found["disabled_reason"], found["forced_down"]) == (None, False)


def test_service_disabled_with_a_reason_and_enabled(cloud: Cloud) -> None:
    ident = cloud.service(_HOST).id
    answer = _put(cloud, ident, {"status": "disabled", "disabled_reason": "rack 7"})
    try:
        assert answer.status_code == 200
        found = answer.json()["service"]
        assert set(found) == set(_one(cloud, "2.93"))
        assert (found["status"], found["disabled_reason"]) == ("disabled", "rack 7")
        service = cloud.service(_HOST)
        assert (service.status, service.disabled_reason) == ("disabled", "rack 7")
        assert service.state == "up"
    finally:
        answer = _put(cloud, ident, {"status": "enabled"})
    found = answer.json()["service"]
    assert (found["status"], found["disabled_reason"]) == ("enabled", None)


def test_service_disabled_again_loses_its_reason(cloud: Cloud) -> None:
    ident = cloud.service(_HOST).id
    with cloud.disabled(_HOST, "rack 7"):
        _put(cloud, ident, {"status": "disabled"})
        service = cloud.service(_HOST)
        assert (service.status, service.disabled_reason) == ("disabled", None)


def test_service_disabled_in_the_old_form(cloud: Cloud) -> None:
    body = {"host": _HOST, "binary": "nova-compute"}
    try:
        answer = _put(cloud, "disable-log-reason", body | {"disabled_reason": "x"}, "2.52")
        assert answer.json() == {"service": body | {"status": "disabled", "disabled_reason": "x"}}
        assert cloud.service(_HOST).status == "disabled"
    finally:
        answer = _put(cloud, "enable", body, "2.52")
    assert answer.json() == {"service": body | {"status": "enabled"}}


def test_old_form_is_refused_since_2_53(cloud: Cloud) -> None:
    body = {"host": _HOST, "binary": "nova-compute"}
    assert refusal(_put(cloud, "enable", body), 400) == (
        "Additional properties are not allowed ('binary', 'host' were unexpected)"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "No updates were requested. Fields 'status' or 'forced_down' should be specified."),
        (
            {"disabled_reason": "x"},
            "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
        ),
        (
            {"status": "enabled", "disabled_reason": "x"},
            "Specifying 'disabled_reason' with status 'enabled' is invalid.",
        ),
        (
            {"status": "off"},
            "Invalid input for field/attribute status. Value: off. 'off' is not one of "
            "['enabled', 'disabled']",
        ),
        (
            {"status": "disabled", "disabled_reason": ""},
            "Invalid input for field/attribute disabled_reason. Value: . '' is too short",
        ),
        (
            {"status": "enabled", "more": 1},
            "Additional properties are not allowed ('more' was unexpected)",
        ),
    ],
    ids=["nothing", "reason alone", "reason to enable", "status", "empty reason", "more"],
)
def test_service_changes_that_are_refused(cloud: Cloud, body: Any, message: str) -> None:
    ident = cloud.service(_HOST).id
    assert refusal(_put(cloud, ident, body), 400).endswith(message)
    assert cloud.service(_HOST).status == "enabled"


def test_unknown_service_is_404(cloud: Cloud) -> None:
    ident = str(uuid.uuid4())
    message = refusal(_put(cloud, ident, {"status": "enabled"}), 404)
    assert message == f"Service {ident} could not be found."


def test_service_by_number_is_400_since_2_53(cloud: Cloud) -> None:
    assert refusal(_put(cloud, 1, {"status": "enabled"}), 400) == "Invalid uuid 1"


def test_forced_down_is_down_at_once(cloud: Cloud) -> None:
    with cloud.forced_down(_HOST):
        service = cloud.service(_HOST)
        assert (service.state, service.status, service.forced_down) == ("down", "enabled", True)
        with cloud.disabled(_HOST):
            service = cloud.service(_HOST)
            assert (service.state, service.status) == ("down", "disabled")
    assert cloud.service(_HOST).forced_down is False


def test_silent_service_is_down_and_comes_back(cloud: Cloud) -> None:
    mark = len(cloud.heard)
    cloud.stop_compute(_HOST)
    try:
        assert cloud.service(_HOST).state == "up"
        cloud.wait(lambda: cloud.service(_HOST).state == "down", "service down", 25.0)
        updates = [one for one in cloud.heard[mark:] if one.event_type == "service.update"]
        assert not [one for one in updates if one.data["host"] == _HOST]
        with cloud.disabled(_HOST):
            service = cloud.service(_HOST)
            assert (service.state, service.status) == ("down", "disabled")
    finally:
        cloud.start_compute(_HOST)
    cloud.wait(lambda: cloud.service(_HOST).state == "up", "service up", 30.0)
