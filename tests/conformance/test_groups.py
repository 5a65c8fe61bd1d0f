"""Server groups, and the zone that a server's owner asked for."""

from .clouds import ZONES, Cloud, host_of, refusal


def test_groups_fields(cloud: Cloud) -> None:
    made = cloud.group()
    new = cloud.call(f"/os-server-groups/{made.id}", "alice").json()["server_group"]
    assert set(new) == {"id", "name", "project_id", "user_id", "policy", "rules", "members"}
    assert (new["policy"], new["members"], new["rules"]) == ("anti-affinity", [], {})
    old = cloud.call(f"/os-server-groups/{made.id}", "alice", "2.63").json()["server_group"]
    assert (old["policies"], old["metadata"]) == (["anti-affinity"], {})


def test_groups_are_their_projects(cloud: Cloud) -> None:
    made = cloud.group()
    assert refusal(cloud.call(f"/os-server-groups/{made.id}", "bob"), 404)
    listed = cloud.call("/os-server-groups", "bob").json()["server_groups"]
    assert made.id not in {one["id"] for one in listed}
    listed = cloud.call("/os-server-groups?all_projects=1").json()["server_groups"]
    assert made.id in {one["id"] for one in listed}


def test_members_are_kept_apart(cloud: Cloud) -> None:
    group = cloud.group()
    servers = [cloud.boot("alice", group=group) for _ in range(2)]
    assert host_of(servers[0]) != host_of(servers[1])
    found = cloud.alice.server_groups.get(group.id)
    assert set(found.members) == {server.id for server in servers}
    shown = cloud.alice.servers.get(servers[0])
    assert shown.server_groups == [group.id]


def test_members_are_kept_together(cloud: Cloud) -> None:
    group = cloud.group(policy="affinity")
    servers = [cloud.boot("alice", group=group) for _ in range(2)]
    assert host_of(servers[0]) == host_of(servers[1])


def test_group_larger_than_its_zone(cloud: Cloud) -> None:
    group = cloud.group()
    servers = [cloud.boot("alice", group=group, availability_zone="az-b") for _ in range(3)]
    assert sorted(str(host_of(server)) for server in servers) == ZONES["az-b"]
    fourth = cloud.settled(cloud.ask("alice", group=group, availability_zone="az-b"), "ERROR")
    cloud.wait(lambda: hasattr(cloud.admin.servers.get(fourth), "fault"), "fault")
    assert cloud.admin.servers.get(fourth).fault["message"].startswith("No valid host was found.")
    # they are pinned to the zone that was asked for
    cloud.live_migrate(servers[0])
    assert cloud.migration(servers[0], "error").dest_compute is None
    assert cloud.is_on(servers[0], str(host_of(servers[0])))


def test_group_without_zone_moves_to_others(cloud: Cloud) -> None:
    group = cloud.group()
    servers = [cloud.boot("alice", host, group=group) for host in ZONES["az-b"]]
    cloud.live_migrate(servers[2])
    found = cloud.migration(servers[2], "completed", "error")
    assert found.status == "completed"
    assert found.dest_compute in ZONES["az-a"]


def test_asked_zone_pins(cloud: Cloud) -> None:
    server = cloud.boot("alice", availability_zone="az-b")
    cloud.live_migrate(server, "compute-03")
    assert cloud.migration(server, "error").dest_compute is None
    assert cloud.is_on(server, str(host_of(server)))
