"""Shapes and messages of what is refused at once."""

from typing import Any

import pytest

from .clouds import Cloud, Standing, refusal

_MOVES: dict[str, Any] = {
    "os-migrateLive": {"host": None, "block_migration": "auto"},
    "migrate": None,
    "evacuate": {},
    "os-resetState": {"state": "active"},
}
_RULES = {
    "os-migrateLive": "os-migrate-server:migrate_live",
    "migrate": "os-migrate-server:migrate",
    "evacuate": "os-evacuate",
    "os-resetState": "os-admin-actions:reset_state",
}


def _act(cloud: Cloud, server: Any, user: str, body: Any, **more: Any) -> Any:
    return cloud.call(f"/servers/{server.id}/action", user, method="POST", json=body, **more)


def test_without_a_token_is_401(cloud: Cloud) -> None:
    answer = cloud.call("/servers", authenticated=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 401
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_wrong_token_is_401(cloud: Cloud) -> None:
    answer = cloud.call("/servers", authenticated=False, headers={"X-Auth-Token": "nonsense"})
    assert answer.status_code == 401


def test_answers_name_the_request(cloud: Cloud) -> None:
    headers = cloud.call("/servers").headers
    assert headers["X-OpenStack-Request-ID"].startswith("req-")
    assert headers["X-Compute-Request-Id"] == headers["X-OpenStack-Request-ID"]


def test_refusals_are_json(cloud: Cloud) -> None:
    answer = cloud.call("/servers/nonsense")
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_unknown_path_is_404_in_html(cloud: Cloud) -> None:
    answer = cloud.call("/nonsense")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_unknown_method_is_404(cloud: Cloud) -> None:
    assert cloud.call("/servers/detail", method="PATCH").status_code == 404


def test_unknown_server_is_404(cloud: Cloud) -> None:
    message = refusal(cloud.call("/servers/nonsense"), 404)
    assert message == "Instance nonsense could not be found."


def test_others_server_is_404(cloud: Cloud, standing: Standing) -> None:
    ident = standing.first.id
    message = refusal(cloud.call(f"/servers/{ident}", "bob"), 404)
    assert message == f"Instance {ident} could not be found."


def test_body_that_is_no_json_is_400(cloud: Cloud) -> None:
    answer = cloud.call(
        "/servers", method="POST", data="{no", headers={"Content-Type": "application/json"}
    )
    assert refusal(answer, 400) == "Malformed request body"


def test_unknown_action_is_400(cloud: Cloud, standing: Standing) -> None:
    message = refusal(_act(cloud, standing.first, "admin", {"fly": None}), 400)
    assert message == "There is no such action: fly"


def test_two_actions_at_once_are_400(cloud: Cloud, standing: Standing) -> None:
    body = {"os-stop": None, "os-start": None}
    assert refusal(_act(cloud, standing.first, "admin", body), 400) == "Malformed request body"


@pytest.mark.parametrize("action", list(_MOVES))
def test_owner_may_not_move(cloud: Cloud, standing: Standing, action: str) -> None:
    answer = _act(cloud, standing.first, "alice", {action: _MOVES[action]})
    rule = f"os_compute_api:{_RULES[action]}"
    assert refusal(answer, 403) == f"Policy doesn't allow {rule} to be performed."


@pytest.mark.parametrize("action", list(_MOVES))
def test_others_server_is_404_for_moves_too(cloud: Cloud, standing: Standing, action: str) -> None:
    answer = _act(cloud, standing.first, "bob", {action: _MOVES[action]})
    assert refusal(answer, 404) == f"Instance {standing.first.id} could not be found."


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/os-services", "os-services:list"),
        ("/os-hypervisors", "os-hypervisors:list"),
        ("/os-hypervisors/detail", "os-hypervisors:list-detail"),
        ("/os-aggregates", "os-aggregates:index"),
        ("/os-availability-zone/detail", "os-availability-zone:detail"),
        ("/os-migrations", "os-migrations:index"),
        ("/servers/{server}/migrations", "servers:migrations:index"),
        ("/servers?all_tenants=1", "servers:index:get_all_tenants"),
        ("/servers/detail?all_tenants=1", "servers:detail:get_all_tenants"),
    ],
)
def test_members_may_not_read(cloud: Cloud, standing: Standing, path: str, rule: str) -> None:
    answer = cloud.call(path.format(server=standing.first.id), "alice")
    message = f"Policy doesn't allow os_compute_api:{rule} to be performed."
    assert refusal(answer, 403) == message


def test_schema_is_looked_at_before_policy(cloud: Cloud) -> None:
    message = refusal(cloud.call("/os-migrations?nonsense=1", "alice"), 400)
    assert message == "Additional properties are not allowed ('nonsense' was unexpected)"


def test_members_may_not_change_services(cloud: Cloud) -> None:
    ident = cloud.service("compute-06").id
    answer = cloud.call(f"/os-services/{ident}", "alice", method="PUT", json={"status": "enabled"})
    rule = "os_compute_api:os-services:update"
    assert refusal(answer, 403) == f"Policy doesn't allow {rule} to be performed."


def test_not_stopped_cannot_be_started(cloud: Cloud, standing: Standing) -> None:
    message = refusal(_act(cloud, standing.first, "alice", {"os-start": None}), 409)
    assert message == (
        f"Cannot 'start' instance {standing.first.id} while it is in vm_state active"
    )


def test_not_resized_cannot_be_confirmed(cloud: Cloud, standing: Standing) -> None:
    for action in ("confirmResize", "revertResize"):
        message = refusal(_act(cloud, standing.first, "alice", {action: None}), 409)
        assert message == (
            f"Cannot '{action}' instance {standing.first.id} while it is in vm_state active"
        )


def test_live_migration_to_unknown_host_is_400(cloud: Cloud, standing: Standing) -> None:
    body = {"os-migrateLive": {"host": "nonsense", "block_migration": "auto"}}
    message = refusal(_act(cloud, standing.first, "admin", body), 400)
    assert message == "Compute host nonsense could not be found."


def test_live_migration_cannot_be_forced_any_more(cloud: Cloud, standing: Standing) -> None:
    body = {"os-migrateLive": {"host": None, "block_migration": "auto", "force": True}}
    message = refusal(_act(cloud, standing.first, "admin", body), 400)
    assert message.startswith("Invalid input for field/attribute os-migrateLive.")
    assert message.endswith("Additional properties are not allowed ('force' was unexpected)")


def test_live_migration_must_say_what_of_disks(cloud: Cloud, standing: Standing) -> None:
    message = refusal(
        _act(cloud, standing.first, "admin", {"os-migrateLive": {"host": None}}), 400
    )
    assert message.endswith("'block_migration' is a required property")


def test_live_migration_before_2_34_waits_for_the_scheduler(
    cloud: Cloud, standing: Standing
) -> None:
    body = {"os-migrateLive": {"host": "compute-06", "block_migration": "auto"}}
    answer = _act(cloud, standing.first, "admin", body, version="2.33")
    assert refusal(answer, 400)


def test_cold_migration_to_unknown_host_is_400(cloud: Cloud, standing: Standing) -> None:
    message = refusal(_act(cloud, standing.first, "admin", {"migrate": {"host": "nonsense"}}), 400)
    assert message == "Compute host nonsense could not be found."


def test_cold_migration_to_its_own_host_is_400(cloud: Cloud, standing: Standing) -> None:
    message = refusal(
        _act(cloud, standing.first, "admin", {"migrate": {"host": "compute-06"}}), 400
    )
    assert message == "Cannot migrate to the host where the server exists."


def test_evacuation_from_a_host_that_is_up_is_400(cloud: Cloud, standing: Standing) -> None:
    message = refusal(_act(cloud, standing.first, "admin", {"evacuate": {}}), 400)
    assert message == "Compute service of compute-06 is still in use."


def test_abort_of_what_is_not_under_way_is_409(cloud: Cloud, standing: Standing) -> None:
    path = f"/servers/{standing.first.id}/migrations/999999"
    message = refusal(cloud.call(path, method="DELETE"), 409)
    assert message == (
        f"Instance {standing.first.id} is in an invalid state for 'abort live migration'"
    )


def test_placements_unknown_provider_is_404(cloud: Cloud, standing: Standing) -> None:
    answer = cloud.call(
        f"/resource_providers/{standing.first.id}", version="1.39", service="placement"
    )
    assert answer.status_code == 404
    (error,) = answer.json()["errors"]
    assert set(error) == {"status", "title", "detail", "code", "request_id"}
    assert (error["status"], error["title"]) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/resource_providers", "/allocations/{server}"])
def test_members_may_not_read_placement(cloud: Cloud, standing: Standing, path: str) -> None:
    answer = cloud.call(
        path.format(server=standing.first.id), "alice", "1.39", service="placement"
    )
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert error["title"] == "Forbidden"
    assert "Policy does not allow placement:" in error["detail"]


def test_placements_unknown_parameter_is_400(cloud: Cloud) -> None:
    answer = cloud.call("/resource_providers?nonsense=1", version="1.39", service="placement")
    assert answer.status_code == 400
    detail = answer.json()["errors"][0]["detail"]
    assert "Additional properties are not allowed ('nonsense' was unexpected)" in detail
