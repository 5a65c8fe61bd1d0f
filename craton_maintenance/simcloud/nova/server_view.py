"""A server as each microversion, and each kind of user, sees it."""

from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import not_found
from craton_maintenance.simcloud.model import Flavor, Server

_BY_TASK = {
    ("active", "resize_prep"): "RESIZE",
    ("active", "resize_migrating"): "RESIZE",
    ("active", "resize_migrated"): "RESIZE",
    ("active", "resize_finish"): "RESIZE",
    ("stopped", "resize_prep"): "RESIZE",
    ("stopped", "resize_migrating"): "RESIZE",
    ("stopped", "resize_migrated"): "RESIZE",
    ("stopped", "resize_finish"): "RESIZE",
    ("active", "migrating"): "MIGRATING",
    ("paused", "migrating"): "MIGRATING",
    ("active", "rebuilding"): "REBUILD",
    ("stopped", "rebuilding"): "REBUILD",
    ("error", "rebuilding"): "REBUILD",
    ("resized", "resize_reverting"): "REVERT_RESIZE",
    ("active", "rebooting"): "REBOOT",
    ("active", "reboot_started"): "REBOOT",
}

_BY_STATE = {
    "active": "ACTIVE",
    "building": "BUILD",
    "stopped": "SHUTOFF",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "rescued": "RESCUE",
    "resized": "VERIFY_RESIZE",
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
    "error": "ERROR",
    "deleted": "DELETED",
    "soft-delete": "SOFT_DELETED",
}


STATUSES = frozenset(_BY_TASK.values()) | frozenset(_BY_STATE.values())
_WITH_PROGRESS = ("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING")


def status_of(server: Server) -> str:
    """The status, which Nova derives from the states of machine and task."""
    if server.task_state is not None:
        status = _BY_TASK.get((server.vm_state, server.task_state))
        if status is not None:
            return status
    return _BY_STATE[server.vm_state]


def brief(call: Call, server: Server) -> dict[str, Any]:
    """What GET /servers lists."""
    return {"id": server.id, "name": server.name, "links": call.links("servers", server.id)}


def in_down_cell(cloud: Cloud, server: Server) -> bool:
    return (
        bool(cloud.cells_down)
        and server.host is not None
        and cloud.hosts[server.host].cell in cloud.cells_down
    )


def unknown(call: Call, server: Server, show: bool = False) -> dict[str, Any]:
    """What is left of a server whose cell does not answer (2.69)."""
    view: dict[str, Any] = {
        "id": server.id,
        "status": "UNKNOWN",
        "tenant_id": server.project_id,
        "created": ids.zulu(server.created_at),
        "links": call.links("servers", server.id),
    }
    if show:
        view |= {
            "user_id": server.user_id,
            "image": _image(call, server),
            "flavor": _flavor(call, server.flavor),
            "OS-EXT-STS:power_state": 0,
            "OS-EXT-AZ:availability_zone": server.pinned_zone or "UNKNOWN",
        }
        if call.minor >= 71:
            view["server_groups"] = [server.group] if server.group else []
    return view


def _image(call: Call, server: Server) -> dict[str, Any]:
    href = f"{call.base}/compute/images/{server.image_id}"
    return {"id": server.image_id, "links": [{"rel": "bookmark", "href": href}]}


def _flavor(call: Call, flavor: Flavor) -> dict[str, Any]:
    if call.minor < 47:
        return {"id": flavor.id, "links": call.links("flavors", flavor.id)[1:]}
    vcpus, ram_mb, disk_gb = flavor.resources
    return {
        "vcpus": vcpus,
        "ram": ram_mb,
        "disk": disk_gb,
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": dict(flavor.extra_specs),
    }


def full(cloud: Cloud, call: Call, server: Server, show: bool = False) -> dict[str, Any]:
    """What GET /servers/detail lists, and with show what GET /servers/{id} answers."""
    minor, admin = call.minor, call.is_admin
    host, status = server.host, status_of(server)
    view: dict[str, Any] = {
        "id": server.id,
        "name": server.name,
        "status": status,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": dict(server.metadata),
        "hostId": ids.host_id(server.project_id, host) if host is not None else "",
        "image": _image(call, server),
        "flavor": _flavor(call, server.flavor),
        "created": ids.zulu(server.created_at),
        "updated": ids.zulu(server.updated_at),
        "addresses": {},
        "accessIPv4": "",
        "accessIPv6": "",
        "links": call.links("servers", server.id),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": _zone(cloud, server),
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": ids.micros(server.launched_at),
        "OS-SRV-USG:terminated_at": ids.micros(server.deleted_at),
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [],
    }
    if status in _WITH_PROGRESS:
        view["progress"] = 0
    # Lists leave out the fault of a server that never came to a host.
    if server.fault is not None and status in ("ERROR", "DELETED") and (show or host):
        view["fault"] = dict(server.fault)
    if admin:
        _for_admins(cloud, view, server, minor)
    _by_version(call, view, server, show)
    return view


def _zone(cloud: Cloud, server: Server) -> str:
    """The host's zone; before there is a host, the one asked for."""
    if server.host is None and server.vm_state == "shelved_offloaded":
        return ""
    return cloud.zone_of(server.host) or server.pinned_zone or ""


def _for_admins(cloud: Cloud, view: dict[str, Any], server: Server, minor: int) -> None:
    host = cloud.hosts[server.host] if server.host is not None else None
    view["OS-EXT-SRV-ATTR:host"] = server.host
    view["OS-EXT-SRV-ATTR:instance_name"] = f"instance-{server.number:08x}"
    view["OS-EXT-SRV-ATTR:hypervisor_hostname"] = (
        host.hypervisor_hostname if host is not None else None
    )
    if minor >= 3:
        view |= {
            "OS-EXT-SRV-ATTR:reservation_id": f"r-{server.id[:8]}",
            "OS-EXT-SRV-ATTR:launch_index": 0,
            "OS-EXT-SRV-ATTR:hostname": server.hostname,
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/sda",
            "OS-EXT-SRV-ATTR:user_data": None,
        }
    if minor >= 16:
        gone = host is None or server.deleted_at is not None
        view["host_status"] = "" if gone or host is None else cloud.host_status(host)


def _by_version(call: Call, view: dict[str, Any], server: Server, show: bool) -> None:
    minor = call.minor
    if minor >= 9:
        view["locked"] = server.locked
    if minor >= 19:
        view["description"] = server.description
    if minor >= 26:
        view["tags"] = list(server.tags)
    if minor >= 63:
        view["trusted_image_certificates"] = None
    if minor >= 71 and show:
        view["server_groups"] = [server.group] if server.group else []
    if minor >= 73:
        view["locked_reason"] = server.locked_reason
    if minor >= 90:
        view["OS-EXT-SRV-ATTR:hostname"] = server.hostname
    if minor >= 96:
        view["pinned_availability_zone"] = server.pinned_zone


def find(cloud: Cloud, call: Call, ident: str) -> Server:
    """A server that the user may see; 404 for all others, as if they weren't there."""
    server = cloud.servers.get(ident)
    if server is None or not (call.is_admin or server.project_id == call.project_id):
        raise not_found(f"Instance {ident} could not be found.")
    return server
