"""Cold migrations and resizes, confirmed and reverted."""

from typing import Any

import pytest
from novaclient import exceptions

from .clouds import Cloud, host_of, refusal

_HERE, _THERE = "compute-06", "compute-03"


def _resized(cloud: Cloud) -> tuple[Any, str, str]:
    server, here, there = cloud.mover()
    cloud.admin.servers.migrate(server, host=there)
    return cloud.settled(server, "VERIFY_RESIZE"), here, there


def test_cold_migration_waits_to_be_confirmed(cloud: Cloud) -> None:
    server, here, _ = cloud.mover()
    answer = cloud.call(f"/servers/{server.id}/action", method="POST", json={"migrate": None})
    assert answer.status_code == 202
    assert answer.content == b""
    assert cloud.admin.servers.get(server).status == "RESIZE"
    moved = cloud.settled(server, "VERIFY_RESIZE")
    assert getattr(moved, "OS-EXT-STS:vm_state") == "resized"
    record = cloud.migration(server, "finished")
    assert record.migration_type == "migration"
    assert record.source_compute == here
    assert record.dest_compute == host_of(moved) != here
    assert cloud.admin.server_migrations.list(server) == []


def test_owner_confirms(cloud: Cloud) -> None:
    server, _, there = _resized(cloud)
    answer = cloud.call(
        f"/servers/{server.id}/action", "alice", method="POST", json={"confirmResize": None}
    )
    assert answer.status_code == 204
    cloud.migration(server, "confirmed")
    assert cloud.is_on(server, there)


def test_owner_reverts(cloud: Cloud) -> None:
    server, here, _ = _resized(cloud)
    answer = cloud.call(
        f"/servers/{server.id}/action", "alice", method="POST", json={"revertResize": None}
    )
    assert answer.status_code == 202
    cloud.migration(server, "reverted")
    assert cloud.is_on(server, here)


def test_stopped_server_stays_stopped(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    cloud.admin.servers.migrate(server, host=there)
    moved = cloud.settled(server, "VERIFY_RESIZE")
    assert getattr(moved, "OS-EXT-STS:power_state") == 4
    cloud.alice.servers.confirm_resize(server)
    assert host_of(cloud.settled(server, "SHUTOFF")) == there


def test_resize(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.alice.servers.resize(server, cloud.flavors["small"])
    moved = cloud.settled(server, "VERIFY_RESIZE")
    assert moved.flavor["original_name"] == "small"
    assert cloud.migration(server, "finished").migration_type == "resize"
    cloud.alice.servers.revert_resize(server)
    cloud.migration(server, "reverted")
    assert cloud.settled(server).flavor["original_name"] == "tiny"


def test_resize_to_the_same_flavor_is_400(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    with pytest.raises(exceptions.BadRequest, match="instances must change flavor"):
        cloud.alice.servers.resize(server, cloud.flavors["tiny"])


def test_resized_server_cannot_be_live_migrated(cloud: Cloud) -> None:
    server, *_ = _resized(cloud)
    with pytest.raises(exceptions.Conflict) as caught:
        cloud.live_migrate(server)
    assert caught.value.message == (
        f"Cannot 'os-migrateLive' instance {server.id} while it is in vm_state resized"
    )
    message = refusal(
        cloud.call(f"/servers/{server.id}/action", method="POST", json={"migrate": None}), 409
    )
    assert message == (f"Cannot 'migrate' instance {server.id} while it is in vm_state resized")


def test_cold_migration_to_a_disabled_host(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    with cloud.disabled(there):
        cloud.admin.servers.migrate(server, host=there)
        assert cloud.migration(server, "error").dest_compute is None
        assert cloud.is_on(server, here)


def test_cold_migration_that_fails(cloud: Cloud) -> None:
    server = cloud.boot("alice", _HERE, meta={"fake_cold_migration": "error"})
    cloud.admin.servers.migrate(server, host=_THERE)
    cloud.migration(server, "error")
    failed = cloud.settled(server, "ERROR")
    assert host_of(failed) == _HERE
    cloud.wait(lambda: hasattr(cloud.admin.servers.get(server), "fault"), "fault")
    assert cloud.admin.servers.get(server).fault["code"] == 500


def test_deletion_of_a_resized_server_lets_go_of_both_hosts(cloud: Cloud) -> None:
    server, *_ = _resized(cloud)
    record = cloud.migration(server, "finished")
    cloud.alice.servers.delete(server)
    cloud.gone(server)
    for consumer in (server.id, record.uuid):
        path = f"/allocations/{consumer}"
        cloud.wait(lambda path=path: not cloud.placement(path)["allocations"], "hosts let go of")


def test_migrations_of_a_deleted_server_are_not_listed(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.live_migrate(server, there)
    record = cloud.migration(server, "completed")
    cloud.alice.servers.delete(server)
    cloud.gone(server)
    assert cloud.call(f"/os-migrations?instance_uuid={server.id}").json() == {"migrations": []}
    listed = cloud.call("/os-migrations").json()["migrations"]
    assert record.id not in {one["id"] for one in listed}
