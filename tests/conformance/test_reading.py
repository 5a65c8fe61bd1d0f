"""What of a server administrators and owners are shown."""

import hashlib
from typing import Any

import pytest

from .clouds import Cloud, Standing

_OWNER = {
    "id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor",
    "created", "updated", "addresses", "accessIPv4", "accessIPv6", "links", "progress",
    "OS-DCF:diskConfig", "OS-EXT-AZ:availability_zone", "config_drive", "key_name",
    "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at", "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state", "OS-EXT-STS:power_state", "os-extended-volumes:volumes_attached",
}  # fmt: skip
_ADMIN = {
    "OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:instance_name",
    "OS-EXT-SRV-ATTR:hypervisor_hostname",
}  # fmt: skip
_ADMIN_2_3 = {
    f"OS-EXT-SRV-ATTR:{name}"
    for name in (
        "reservation_id", "launch_index", "hostname", "kernel_id", "ramdisk_id",
        "root_device_name", "user_data",
    )
}  # fmt: skip
_VERSIONS = ("2.1", "2.26", "2.53", "2.72", "2.87", "2.93")


def _expected(version: str, admin: bool, show: bool) -> set[str]:
    minor = int(version.partition(".")[2])
    fields = set(_OWNER)
    more = {9: "locked", 19: "description", 26: "tags", 63: "trusted_image_certificates",
            73: "locked_reason"}  # fmt: skip
    fields |= {name for since, name in more.items() if minor >= since}
    if minor >= 71 and show:
        fields.add("server_groups")
    if minor >= 90:
        fields.add("OS-EXT-SRV-ATTR:hostname")
    if admin:
        fields |= _ADMIN
        if minor >= 3:
            fields |= _ADMIN_2_3
        if minor >= 16:
            fields.add("host_status")
    return fields


def _show(cloud: Cloud, server: Any, user: str, version: str = "2.93") -> Any:
    return cloud.call(f"/servers/{server.id}", user, version).json()["server"]


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("user", ["admin", "alice"])
def test_servers_fields(cloud: Cloud, standing: Standing, user: str, version: str) -> None:
    found = _show(cloud, standing.first, user, version)
    assert set(found) == _expected(version, user == "admin", show=True)


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("user", ["admin", "alice"])
def test_servers_fields_in_lists(
    cloud: Cloud, standing: Standing, user: str, version: str
) -> None:
    path = "/servers/detail" + ("?all_tenants=1&host=compute-06" if user == "admin" else "")
    listed = cloud.call(path, user, version).json()["servers"]
    found = next(one for one in listed if one["id"] == standing.first.id)
    assert set(found) == _expected(version, user == "admin", show=False)


def test_active_server(cloud: Cloud, standing: Standing) -> None:
    found = _show(cloud, standing.first, "admin")
    assert found["status"] == "ACTIVE"
    assert found["OS-EXT-STS:vm_state"] == "active"
    assert found["OS-EXT-STS:task_state"] is None
    assert found["OS-EXT-STS:power_state"] == 1
    assert found["OS-EXT-SRV-ATTR:host"] == "compute-06"
    assert found["OS-EXT-SRV-ATTR:hypervisor_hostname"] == "compute-06"
    assert found["host_status"] == "UP"
    assert found["tenant_id"] == cloud.project_id("alpha")
    assert found["metadata"] == {"role": "db"}
    assert found["locked"] is False
    assert found["progress"] == 0
    assert found["addresses"] == {}


def test_flavor_is_embedded_since_2_47(cloud: Cloud, standing: Standing) -> None:
    assert set(_show(cloud, standing.first, "alice", "2.46")["flavor"]) == {"id", "links"}
    assert _show(cloud, standing.first, "alice", "2.47")["flavor"] == {
        "vcpus": 1, "ram": 64, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "tiny",
        "extra_specs": {},
    }  # fmt: skip


def test_host_id_tells_project_and_host(cloud: Cloud, standing: Standing) -> None:
    for server, user, project, host in (
        (standing.first, "alice", "alpha", "compute-06"),
        (standing.second, "alice", "alpha", "compute-05"),
        (standing.bobs, "bob", "beta", "compute-06"),
    ):
        digest = hashlib.sha224((cloud.project_id(project) + host).encode()).hexdigest()
        assert _show(cloud, server, user)["hostId"] == digest
        assert _show(cloud, server, "admin")["hostId"] == digest
    assert (
        _show(cloud, standing.first, "alice")["hostId"]
        == (_show(cloud, standing.third, "alice")["hostId"])
    )


def test_owners_see_no_host(cloud: Cloud, standing: Standing) -> None:
    for found in (
        _show(cloud, standing.first, "alice"),
        cloud.call(f"/servers/detail?name={standing.first.name}", "alice").json()["servers"][0],
    ):
        assert "host_status" not in found
        assert {name for name in found if name.startswith("OS-EXT-SRV-ATTR:")} == {
            "OS-EXT-SRV-ATTR:hostname"
        }
        assert "compute-0" not in str(found)
        assert found["OS-EXT-AZ:availability_zone"] == "az-b"


def test_host_status(cloud: Cloud, standing: Standing) -> None:
    with cloud.disabled("compute-06"):
        assert _show(cloud, standing.first, "admin")["host_status"] == "MAINTENANCE"
    with cloud.forced_down("compute-06"):
        assert _show(cloud, standing.first, "admin")["host_status"] == "DOWN"
        assert _show(cloud, standing.first, "admin")["status"] == "ACTIVE"


def test_brief_list(cloud: Cloud, standing: Standing) -> None:
    for one in cloud.call("/servers", "alice").json()["servers"]:
        assert set(one) == {"id", "name", "links"}
        assert [link["rel"] for link in one["links"]] == ["self", "bookmark"]
