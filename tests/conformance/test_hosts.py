"""Hypervisors, aggregates, zones, flavors."""

import uuid
from typing import Any

from .clouds import HOSTS, ZONES, Cloud, Standing, refusal

_OLD = {
    "vcpus", "memory_mb", "local_gb", "vcpus_used", "memory_mb_used", "local_gb_used",
    "free_ram_mb", "free_disk_gb", "current_workload", "running_vms", "disk_available_least",
    "cpu_info",
}  # fmt: skip
_COMMON = {
    "id", "hypervisor_hostname", "state", "status", "hypervisor_type", "hypervisor_version",
    "host_ip", "service",
}  # fmt: skip


def _hypervisors(cloud: Cloud, query: str = "", version: str = "2.93") -> dict[str, Any]:
    listed = cloud.call(f"/os-hypervisors/detail{query}", version=version).json()["hypervisors"]
    return {one["hypervisor_hostname"]: one for one in listed}


def test_hypervisors_fields(cloud: Cloud) -> None:
    found = _hypervisors(cloud, version="2.87")
    assert sorted(found) == HOSTS
    assert set(found["compute-06"]) == _COMMON | _OLD
    assert found["compute-06"]["vcpus"] == 16


def test_hypervisors_have_no_resources_since_2_88(cloud: Cloud) -> None:
    found = _hypervisors(cloud)["compute-06"]
    assert set(found) == _COMMON | {"uptime"}


def test_hypervisors_ids_are_numbers_before_2_53(cloud: Cloud) -> None:
    found = _hypervisors(cloud, version="2.52")["compute-06"]
    assert isinstance(found["id"], int)
    assert isinstance(found["service"]["id"], int)
    assert uuid.UUID(_hypervisors(cloud, version="2.53")["compute-06"]["id"])


def test_hypervisors_with_servers(cloud: Cloud, standing: Standing) -> None:
    found = _hypervisors(cloud, "?with_servers=true")
    here = {one["uuid"]: one for one in found["compute-06"]["servers"]}
    assert {standing.first.id, standing.third.id, standing.bobs.id} <= set(here)
    assert standing.second.id in {one["uuid"] for one in found["compute-05"]["servers"]}
    name = getattr(standing.first, "OS-EXT-SRV-ATTR:instance_name")
    assert here[standing.first.id] == {"uuid": standing.first.id, "name": name}


def test_hypervisors_by_pattern(cloud: Cloud) -> None:
    found = _hypervisors(cloud, "?hypervisor_hostname_pattern=compute-06")
    assert set(found) == {"compute-06"}
    answer = cloud.call("/os-hypervisors?hypervisor_hostname_pattern=nonsense")
    assert refusal(answer, 404) == "No hypervisor matching 'nonsense' could be found."


def test_hypervisor_shows_the_services_state(cloud: Cloud) -> None:
    with cloud.disabled("compute-06", "rack 7"):
        found = _hypervisors(cloud)["compute-06"]
        assert (found["status"], found["state"]) == ("disabled", "up")
        service = cloud.service("compute-06")
        assert found["service"] == {
            "id": service.id, "host": "compute-06", "disabled_reason": "rack 7",
        }  # fmt: skip


def test_hypervisor_one(cloud: Cloud) -> None:
    ident = _hypervisors(cloud)["compute-06"]["id"]
    found = cloud.call(f"/os-hypervisors/{ident}").json()["hypervisor"]
    assert found["hypervisor_hostname"] == "compute-06"
    assert refusal(cloud.call("/os-hypervisors/nonsense"), 400) == "Invalid uuid nonsense"
    assert refusal(cloud.call(f"/os-hypervisors/{uuid.uuid4()}"), 404)


def test_hypervisors_pages(cloud: Cloud) -> None:
    path, seen = "/os-hypervisors?limit=4", []
    for _ in range(3):
        body = cloud.call(path).json()
        seen += [one["hypervisor_hostname"] for one in body["hypervisors"]]
        if "hypervisors_links" not in body:
            break
        (link,) = body["hypervisors_links"]
        assert link["rel"] == "next"
        path = "/os-hypervisors?" + link["href"].partition("?")[2]
    assert sorted(seen) == HOSTS


def test_aggregates(cloud: Cloud) -> None:
    listed = cloud.call("/os-aggregates").json()["aggregates"]
    found = {one["name"]: one for one in listed}
    for name, zone in (("agg-a", "az-a"), ("agg-b", "az-b")):
        assert found[name]["hosts"] == ZONES[zone]
        assert found[name]["availability_zone"] == zone
        assert found[name]["metadata"] == {"availability_zone": zone}
    assert set(found["agg-a"]) == {
        "id", "uuid", "name", "hosts", "metadata", "availability_zone", "created_at",
        "updated_at", "deleted_at", "deleted",
    }  # fmt: skip
    assert isinstance(found["agg-a"]["id"], int)
    ident = found["agg-a"]["id"]
    assert cloud.call(f"/os-aggregates/{ident}").json()["aggregate"] == found["agg-a"]


def test_unknown_aggregate_is_404(cloud: Cloud) -> None:
    message = refusal(cloud.call("/os-aggregates/999"), 404)
    assert message == "Aggregate 999 could not be found."


def test_zones_as_members_see_them(cloud: Cloud) -> None:
    found = cloud.call("/os-availability-zone", "alice").json()["availabilityZoneInfo"]
    assert sorted(found, key=lambda zone: zone["zoneName"]) == [
        {"zoneName": zone, "zoneState": {"available": True}, "hosts": None} for zone in ZONES
    ]


def test_zones_with_their_hosts(cloud: Cloud) -> None:
    found = cloud.call("/os-availability-zone/detail").json()["availabilityZoneInfo"]
    hosts = {zone["zoneName"]: zone["hosts"] for zone in found}
    assert sorted(hosts["az-b"]) == ZONES["az-b"]
    service = hosts["az-b"]["compute-06"]["nova-compute"]
    assert (service["active"], service["available"]) == (True, True)
    assert "internal" in hosts


def test_flavors(cloud: Cloud) -> None:
    found = {one["name"]: one for one in cloud.call("/flavors/detail").json()["flavors"]}
    assert {"tiny", "small", "medium"} <= set(found)
    tiny = found["tiny"]
    assert (tiny["vcpus"], tiny["ram"], tiny["disk"]) == (1, 64, 1)
    assert set(tiny) == {
        "id", "name", "ram", "disk", "swap", "OS-FLV-EXT-DATA:ephemeral",
        "OS-FLV-DISABLED:disabled", "vcpus", "os-flavor-access:is_public", "rxtx_factor",
        "links", "description", "extra_specs",
    }  # fmt: skip
    assert refusal(cloud.call("/flavors/nonsense"), 404) == ("Flavor nonsense could not be found.")
