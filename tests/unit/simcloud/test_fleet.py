"""Fleets from YAML and from programs."""

import time

import pytest
from novaclient import client as nova_client

from craton_maintenance.simcloud import (
    Cloud,
    Fleet,
    FleetError,
    VirtualClock,
    demo_fleet,
    large_fleet,
    session,
)

TEXT = """
name: mine
settings: {max_limit: 5, timing: {boot: 2}}
projects: [app]
flavors: [{name: m, vcpus: 2, ram_mb: 512, disk_gb: 5}]
hosts:
  - {name: h1, zone: z, vcpus: 8, ram_mb: 4096, disk_gb: 100}
  - {name: h2, vcpus: 8, ram_mb: 4096, disk_gb: 100, disabled_reason: broken}
server_groups: [{name: g, project: app, policy: anti-affinity}]
servers: [{name: s, project: app, flavor: m, host: h1, group: g, status: PAUSED}]
"""


def test_yaml(tmp_path):
    path = tmp_path / "fleet.yaml"
    path.write_text(TEXT)
    cloud = Cloud(Fleet.from_yaml(path))
    assert (cloud.settings.max_limit, cloud.settings.timing.boot) == (5, 2.0)
    admin = nova_client.Client("2.93", session=session(cloud))
    [server] = admin.servers.list(search_opts={"all_tenants": 1})
    assert (server.status, getattr(server, "OS-EXT-AZ:availability_zone")) == ("PAUSED", "z")
    assert {s.host: s.disabled_reason for s in admin.services.list(binary="nova-compute")} == {
        "h1": None,
        "h2": "broken",
    }
    assert nova_client.Client("2.93", session=session(cloud, "app")).servers.list() == [server]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "nope"}, "no host nope"),
        ({"flavor": "nope"}, "no flavor nope"),
        ({"project": "nope"}, "no project nope"),
        ({"group": "nope"}, "no server group nope"),
        ({"status": "nope"}, "no status nope"),
        ({"nope": 1}, "nope"),
    ],
)
def test_contradictions_are_named(change, message):
    server = {"name": "s", "project": "p", "flavor": "small", "host": "h"} | change
    with pytest.raises(FleetError, match=message):
        Cloud(Fleet.from_dict({"projects": ["p"], "hosts": [{"name": "h"}], "servers": [server]}))


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"nope": []},
        {"settings": {"nope": 1}},
        {"hosts": [{"name": "h"}, {"name": "h"}]},
        {
            "hosts": [{"name": "h", "zone": "a"}],
            "aggregates": [{"name": "x", "zone": "b", "hosts": ["h"]}],
        },
        {"aggregates": [{"name": "x", "hosts": ["nope"]}]},
    ],
)
def test_what_is_no_fleet_is_refused(data):
    with pytest.raises(FleetError):
        Cloud(Fleet.from_dict(data))


def test_the_demo_is_the_same_every_time():
    first, second = Cloud(demo_fleet()), Cloud(demo_fleet(), clock=VirtualClock())
    assert list(first.servers) == list(second.servers)
    assert len(first.hosts) == 6
    assert {host.zone for host in first.hosts.values()} == {"zone-a", "zone-b"}
    [group] = first.groups.values()
    assert len(group.members) == 3
    assert len({first.servers[ident].host for ident in group.members}) == 3


def test_a_cloud_may_be_empty():
    admin = nova_client.Client("2.93", session=session(Cloud(Fleet())))
    assert admin.servers.list(search_opts={"all_tenants": 1}, limit=-1) == []
    assert admin.hypervisors.list() == []


def test_a_large_fleet_is_quick():
    start = time.process_time()
    cloud = Cloud(large_fleet(hosts=1000, servers=20_000))
    admin = nova_client.Client("2.93", session=session(cloud))
    assert len(admin.servers.list(search_opts={"all_tenants": 1}, limit=-1)) == 20_000
    assert len(admin.servers.list(search_opts={"all_tenants": 1, "host": "host-00007"})) == 20
    # About 4 s of processor time on a slow machine; quadratic scans would take minutes.
    assert time.process_time() - start < 20
