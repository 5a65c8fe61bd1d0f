"""Servers on their hosts: boot, power, lock, metadata, tags, deletion."""

from typing import Any

import pytest
from novaclient import exceptions

from .clouds import Cloud, Standing, host_of, refusal


def _new(cloud: Cloud, user: str = "alice", version: str = "2.93", **more: Any) -> Any:
    body = {
        "name": "conformance-refused",
        "imageRef": cloud.image,
        "flavorRef": cloud.flavors["tiny"],
        "networks": "none",
    } | more
    body = {name: value for name, value in body.items() if value is not None}
    return cloud.call("/servers", user, version, method="POST", json={"server": body})


def test_boot_where_the_scheduler_likes(cloud: Cloud) -> None:
    server = cloud.ask("alice")
    assert cloud.admin.servers.get(server).status == "BUILD"
    server = cloud.settled(server)
    assert str(host_of(server)).startswith("compute-0")


def test_boot_on_a_named_host(cloud: Cloud, standing: Standing) -> None:
    assert host_of(standing.second) == "compute-05"


def test_boot_in_a_zone(cloud: Cloud) -> None:
    server = cloud.boot("alice", availability_zone="az-b")
    assert host_of(server) in ("compute-04", "compute-05", "compute-06")
    assert getattr(server, "OS-EXT-AZ:availability_zone") == "az-b"


def test_members_may_not_name_a_host(cloud: Cloud) -> None:
    message = refusal(_new(cloud, host="compute-06"), 403)
    assert message == (
        "Policy doesn't allow compute:servers:create:requested_destination to be performed."
    )


def test_members_may_not_name_a_host_with_a_zone(cloud: Cloud) -> None:
    message = refusal(_new(cloud, availability_zone="az-b:compute-06"), 403)
    assert message == (
        "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed."
    )


def test_boots_that_are_refused(cloud: Cloud) -> None:
    assert refusal(_new(cloud, "admin", host="nonsense"), 400) == (
        "Compute host nonsense could not be found."
    )
    assert refusal(_new(cloud, availability_zone="nonsense"), 400) == (
        "The requested availability zone is not available"
    )
    assert refusal(_new(cloud, flavorRef="nonsense"), 400) == (
        "Flavor nonsense could not be found."
    )


def test_networks_must_be_named_since_2_37(cloud: Cloud) -> None:
    message = refusal(_new(cloud, networks=None), 400)
    assert message.endswith("'networks' is a required property")


def test_name_is_required(cloud: Cloud) -> None:
    message = refusal(_new(cloud, name=None), 400)
    assert message.startswith("Invalid input for field/attribute server.")
    assert message.endswith("'name' is a required property")


def test_server_is_required(cloud: Cloud) -> None:
    answer = cloud.call("/servers", method="POST", json={"nonsense": 1})
    assert refusal(answer, 400) == "'server' is a required property"


def test_answer_to_a_boot(cloud: Cloud) -> None:
    answer = _new(cloud, name="conformance-answer")
    assert answer.status_code == 202
    found = answer.json()["server"]
    cloud.keep(found["id"])
    assert set(found) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert answer.headers["Location"].endswith(f"/servers/{found['id']}")


def test_boot_on_a_disabled_host_fails(cloud: Cloud) -> None:
    with cloud.disabled("compute-06"):
        server = cloud.settled(cloud.ask("alice", "compute-06"), "ERROR")
    # the fault comes a moment after the status
    cloud.wait(lambda: hasattr(cloud.admin.servers.get(server), "fault"), "fault")
    server = cloud.admin.servers.get(server)
    assert server.fault["code"] == 500
    assert server.fault["message"].startswith("No valid host was found. ")
    assert host_of(server) is None
    assert server.hostId == ""


def test_failed_server_takes_no_metadata(cloud: Cloud) -> None:
    with cloud.disabled("compute-06"):
        server = cloud.settled(cloud.ask("alice", "compute-06"), "ERROR")
    with pytest.raises(exceptions.Conflict):
        cloud.alice.servers.set_meta(server, {"a": "b"})


def test_stop_and_start(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.alice.servers.stop(server)
    stopped = cloud.settled(server, "SHUTOFF")
    assert getattr(stopped, "OS-EXT-STS:vm_state") == "stopped"
    assert getattr(stopped, "OS-EXT-STS:power_state") == 4
    with pytest.raises(exceptions.Conflict):
        cloud.alice.servers.stop(server)
    cloud.alice.servers.start(server)
    cloud.settled(server)


def test_pause_and_unpause(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.admin.servers.pause(server)
    paused = cloud.settled(server, "PAUSED")
    assert getattr(paused, "OS-EXT-STS:power_state") == 3
    cloud.admin.servers.unpause(server)
    cloud.settled(server)


def test_suspend_and_resume(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.admin.servers.suspend(server)
    suspended = cloud.settled(server, "SUSPENDED")
    assert getattr(suspended, "OS-EXT-STS:vm_state") == "suspended"
    cloud.admin.servers.resume(server)
    cloud.settled(server)


def test_shelve_and_unshelve(cloud: Cloud) -> None:
    server = cloud.boot()
    cloud.alice.servers.shelve(server)
    cloud.settled(server, "SHELVED_OFFLOADED", 60.0)
    # the host goes a moment after the status has come
    cloud.wait(lambda: host_of(cloud.admin.servers.get(server)) is None, "server nowhere")
    assert cloud.alice.servers.get(server).hostId == ""
    path = f"/allocations/{server.id}"
    cloud.wait(lambda: not cloud.placement(path)["allocations"], "host let go of")
    cloud.alice.servers.unshelve(server)
    assert host_of(cloud.settled(server)) is not None


def test_lock_with_a_reason(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.admin.servers.lock(server, reason="maintenance")
    found = cloud.alice.servers.get(server)
    assert (found.locked, found.locked_reason) == (True, "maintenance")
    with pytest.raises(exceptions.Conflict, match=f"Instance {server.id} is locked"):
        cloud.alice.servers.stop(server)
    with pytest.raises(exceptions.Forbidden):
        cloud.alice.servers.unlock(server)
    cloud.admin.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    cloud.admin.servers.unlock(server)
    found = cloud.alice.servers.get(server)
    assert (found.locked, found.locked_reason) == (False, None)
    cloud.alice.servers.start(server)
    cloud.settled(server)


def test_metadata(cloud: Cloud) -> None:
    server = cloud.boot(meta={})
    cloud.alice.servers.set_meta(server, {"a": "1", "b": "2"})
    assert cloud.admin.servers.get(server).metadata == {"a": "1", "b": "2"}
    cloud.admin.servers.set_meta(server, {"b": "3"})
    assert cloud.alice.servers.get(server).metadata == {"a": "1", "b": "3"}
    cloud.alice.servers.delete_meta(server, ["a"])
    assert cloud.admin.servers.get(server).metadata == {"b": "3"}


def test_metadata_that_is_refused(cloud: Cloud, standing: Standing) -> None:
    path = f"/servers/{standing.first.id}/metadata"
    assert refusal(cloud.call(f"{path}/nonsense"), 404) == "Metadata item was not found"
    assert refusal(cloud.call(f"{path}/nonsense", method="DELETE"), 404) == (
        "Metadata item was not found"
    )
    assert refusal(cloud.call(path, "bob"), 404)
    answer = cloud.call(path, method="POST", json={"metadata": {"a": 1}})
    assert refusal(answer, 400).startswith("Invalid input for field/attribute a. Value: 1.")
    answer = cloud.call(f"{path}/a", method="PUT", json={"meta": {"b": "c"}})
    assert refusal(answer, 400)


def test_tags(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.alice.servers.set_tags(server, ["gold", "blue"])
    assert set(cloud.admin.servers.get(server).tags) == {"gold", "blue"}
    assert cloud.call(f"/servers/{server.id}/tags/red", method="PUT").status_code == 201
    assert cloud.call(f"/servers/{server.id}/tags/red", method="PUT").status_code == 204
    assert refusal(cloud.call(f"/servers/{server.id}/tags/none"), 404)
    for query, there in (("tags=gold,red", True), ("tags=gold,none", False),
                         ("tags-any=none,red", True), ("not-tags=gold", False)):  # fmt: skip
        found = cloud.call(f"/servers?{query}", "alice").json()["servers"]
        assert (server.id in {one["id"] for one in found}) is there, query


def test_tags_come_sorted(cloud: Cloud) -> None:
    server = cloud.boot()
    for tag in ("b", "c", "a"):
        cloud.call(f"/servers/{server.id}/tags/{tag}", method="PUT")
    assert cloud.admin.servers.get(server).tags == ["a", "b", "c"]


def test_deleted_server_is_gone(cloud: Cloud) -> None:
    server = cloud.boot()
    assert cloud.call(f"/servers/{server.id}", "alice", method="DELETE").status_code == 204
    cloud.gone(server)
    assert refusal(cloud.call(f"/servers/{server.id}", method="DELETE"), 404)
    assert cloud.placement(f"/allocations/{server.id}")["allocations"] == {}


def test_state_can_be_reset(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.admin.servers.reset_state(server, "error")
    assert cloud.admin.servers.get(server).status == "ERROR"
    cloud.admin.servers.reset_state(server, "active")
    assert cloud.admin.servers.get(server).status == "ACTIVE"


def test_actions_are_written_down(cloud: Cloud) -> None:
    server = cloud.boot()
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    listed = cloud.call(f"/servers/{server.id}/os-instance-actions", "alice").json()
    assert [one["action"] for one in listed["instanceActions"]] == ["stop", "create"]
    create = listed["instanceActions"][1]
    assert set(create) == {
        "action", "instance_uuid", "request_id", "user_id", "project_id", "start_time",
        "message", "updated_at",
    }  # fmt: skip
    assert create["message"] is None


@pytest.mark.parametrize("user", ["admin", "alice"])
def test_action_with_its_events(cloud: Cloud, standing: Standing, user: str) -> None:
    path = f"/servers/{standing.first.id}/os-instance-actions"
    request = cloud.call(path).json()["instanceActions"][-1]["request_id"]
    found = cloud.call(f"{path}/{request}", user).json()["instanceAction"]
    (event,) = found["events"]
    fields = {"event", "start_time", "finish_time", "result", "hostId"}
    fields |= {"host", "traceback", "details"} if user == "admin" else set()
    assert set(event) == fields
    assert event["event"] == "compute__do_build_and_run_instance"
    assert event["result"] == "Success"
    assert event["hostId"] == standing.first.hostId
    if user == "admin":
        assert event["host"] == "compute-06"


def test_actions_of_a_deleted_server(cloud: Cloud) -> None:
    server = cloud.boot()
    server.delete()
    cloud.gone(server)
    listed = cloud.call(f"/servers/{server.id}/os-instance-actions").json()["instanceActions"]
    assert [one["action"] for one in listed] == ["delete", "create"]
