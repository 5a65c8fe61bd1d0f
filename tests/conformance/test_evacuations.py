"""Evacuations, and what comes after them."""

import pytest
from novaclient import exceptions

from .clouds import HOSTS, Cloud, host_of, refusal

_HERE = "compute-06"


def test_evacuation_from_forced_down_to_cleaned_up(cloud: Cloud) -> None:
    """One check, as each such host has to be restarted."""
    server = cloud.boot("alice", _HERE)
    stopped = cloud.boot("alice", _HERE)
    cloud.alice.servers.stop(stopped)
    cloud.settled(stopped, "SHUTOFF")
    ident = cloud.service(_HERE).id
    mark = len(cloud.heard)
    cloud.admin.services.force_down(ident, True)
    try:
        answer = cloud.call(
            f"/servers/{server.id}/action", method="POST", json={"evacuate": {"host": _HERE}}
        )
        assert refusal(answer, 400) == "The target host can't be the same one."
        answer = cloud.call(
            f"/servers/{server.id}/action", method="POST", json={"evacuate": {"host": "none"}}
        )
        assert refusal(answer, 404) == "Compute host none not found."
        cloud.admin.servers.evacuate(server)
        cloud.admin.servers.evacuate(stopped, "compute-03")
        assert cloud.admin.servers.get(server).status == "REBUILD"
        record = cloud.migration(server, "done")
        assert (record.migration_type, record.source_compute) == ("evacuation", _HERE)
        moved = cloud.settled(server)
        assert host_of(moved) == record.dest_compute
        assert host_of(moved) in HOSTS[:5]
        cloud.migration(stopped, "done")
        assert host_of(cloud.settled(stopped, "SHUTOFF")) == "compute-03"
        # both are held until the source has cleaned up
        held = cloud.placement(f"/allocations/{server.id}")["allocations"]
        assert set(held) == {cloud.providers[_HERE], cloud.providers[host_of(moved)]}
        with pytest.raises(exceptions.BadRequest) as caught:
            cloud.admin.services.force_down(ident, False)
        assert caught.value.message.startswith(
            f"Unable to force up host {_HERE} as `done` evacuation migration records remain"
        )
        kinds = {
            one.event_type
            for one in cloud.heard[mark:]
            if one.event_type.startswith("instance.") and one.data["uuid"] == server.id
        }
        assert {"instance.evacuate", "instance.rebuild.start", "instance.rebuild.end"} <= kinds
    finally:
        cloud.stop_compute(_HERE)
        cloud.start_compute(_HERE)
        cloud.migration(server, "completed")
        cloud.migration(stopped, "completed")
    # a service that runs again is down as long as it is forced to be
    assert cloud.service(_HERE).state == "down"
    cloud.admin.services.force_down(ident, False)
    cloud.wait(lambda: cloud.service(_HERE).state == "up", "service up")
    held = cloud.placement(f"/allocations/{server.id}")["allocations"]
    assert set(held) == {cloud.providers[host_of(moved)]}
