"""What tells that something has changed since a moment, and when that was."""

import datetime as dt
import email.utils
from typing import Any

from .clouds import Cloud, host_of, refusal

_HERE, _THERE = "compute-06", "compute-03"


def _text(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamp(migration: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(migration.updated_at).replace(tzinfo=dt.UTC)


def _migrations(cloud: Cloud, since: dt.datetime, version: str = "2.87") -> dict[int, Any]:
    path = f"/os-migrations?changes-since={_text(since)}"
    listed = cloud.call(path, version=version).json()["migrations"]
    return {one["id"]: one for one in listed}


def test_migrations_that_changed_since(cloud: Cloud) -> None:
    server, _, there = cloud.mover()
    cloud.live_migrate(server, there)
    record = cloud.migration(server, "completed")
    stamp = _stamp(record)
    assert _migrations(cloud, stamp)[record.id]["status"] == "completed"
    assert record.id not in _migrations(cloud, stamp + dt.timedelta(seconds=2))
    # not known yet: everything comes
    assert record.id in _migrations(cloud, stamp + dt.timedelta(seconds=2), "2.58")


def test_changed_migrations_come_in_pages(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    cloud.live_migrate(server, here)
    refused = cloud.migration(server, "error")
    cloud.settled(server)
    cloud.live_migrate(server, there)
    record = cloud.migration(server, "completed")
    path = f"/os-migrations?changes-since={_text(_stamp(refused))}&limit=1"
    body = cloud.call(path, version="2.87").json()
    assert [one["id"] for one in body["migrations"]] == [record.id]
    assert "marker=" in body["migrations_links"][0]["href"]
    body = cloud.call(f"{path}&marker={record.uuid}", version="2.87").json()
    assert [one["id"] for one in body["migrations"]] == [refused.id]


def test_migrations_since_no_time(cloud: Cloud) -> None:
    message = refusal(cloud.call("/os-migrations?changes-since=nonsense"), 400)
    assert message.endswith("'nonsense' is not a 'date-time'")


def test_moved_server_has_changed(cloud: Cloud) -> None:
    server, here, there = cloud.mover()
    cloud.live_migrate(server, there)
    cloud.migration(server, "completed")
    moved = cloud.settled(server)
    path = f"/servers/detail?all_tenants=1&changes-since={moved.updated}"
    listed = cloud.call(path).json()["servers"]
    found = {one["id"]: one["OS-EXT-SRV-ATTR:host"] for one in listed}
    assert found[server.id] == there != here
    assert moved.updated >= server.updated


def test_history_goes_with_its_server(cloud: Cloud) -> None:
    server = cloud.boot("alice", _HERE)
    cloud.live_migrate(server, _THERE)
    record = cloud.migration(server, "completed")
    for host in (_HERE, _THERE):
        listed = cloud.admin.migrations.list(host=host)
        assert record.id in {one.id for one in listed}
    server.delete()
    cloud.gone(server)
    assert cloud.admin.migrations.list(instance_uuid=server.id) == []
    assert record.id not in _migrations(cloud, _stamp(record))


def test_answers_say_what_time_it_is(cloud: Cloud) -> None:
    answer = cloud.call(f"/os-services?host={_HERE}&binary=nova-compute")
    now = email.utils.parsedate_to_datetime(answer.headers["Date"])
    (service,) = answer.json()["services"]
    seen = dt.datetime.fromisoformat(service["updated_at"]).replace(tzinfo=dt.UTC)
    # reports come every three seconds
    assert abs((now - seen).total_seconds()) < 10


def test_services_of_a_host(cloud: Cloud) -> None:
    path = "/os-services?binary=nova-compute&host="
    assert [one["host"] for one in cloud.call(path + _HERE).json()["services"]] == [_HERE]
    # the whole name
    for name in ("compute", "compute-0", "COMPUTE-06"):
        assert cloud.call(path + name).json()["services"] == []


def test_newest_action_is_first_and_has_its_user(cloud: Cloud) -> None:
    server, *_ = cloud.mover()
    cloud.alice.servers.stop(server)
    cloud.settled(server, "SHUTOFF")
    cloud.admin.servers.start(server)
    cloud.settled(server)
    listed = cloud.call(f"/servers/{server.id}/os-instance-actions").json()["instanceActions"]
    assert [one["action"] for one in listed[:2]] == ["start", "stop"]
    assert listed[0]["user_id"] == cloud.admin.client.session.get_user_id()
    assert listed[1]["user_id"] == cloud.alice.client.session.get_user_id()


def test_servers_on_exactly_this_host(cloud: Cloud) -> None:
    server = cloud.boot("alice", _HERE)
    path = "/servers/detail?all_tenants=1&host="
    for name, there in ((_HERE, True), ("compute-0", False), ("compute", False)):
        listed = cloud.call(path + name).json()["servers"]
        assert (server.id in {one["id"] for one in listed}) is there
    assert host_of(server) == _HERE


def test_hypervisor_names_its_service(cloud: Cloud) -> None:
    found = cloud.call(f"/os-hypervisors/{cloud.providers[_HERE]}", version="2.87").json()
    assert found["hypervisor"]["id"] == cloud.providers[_HERE]
    assert found["hypervisor"]["service"]["host"] == _HERE
    missing = cloud.call("/os-hypervisors/5f0cbdc4-7ef4-4b0e-9a8e-1a4c4a7b1a10", version="2.87")
    assert missing.status_code == 404
