"""Versioned notifications, as Nova sends them on the topic versioned_notifications."""

from typing import TYPE_CHECKING, Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.model import Flavor, Host, Server

if TYPE_CHECKING:
    from craton_maintenance.simcloud.cloud import Cloud


_POWER = {0: "pending", 1: "running", 3: "paused", 4: "shutdown", 6: "crashed", 7: "suspended"}


def emit(
    cloud: "Cloud",
    event_type: str,
    payload: dict[str, Any],
    publisher: str,
    priority: str = "INFO",
) -> None:
    """Tell every listener; one that fails is its own fault and fails the call."""
    for listener in cloud.notify:
        listener(event_type, payload, publisher, priority)


def _object(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def _zulu(moment: float | None) -> str | None:
    return None if moment is None else ids.zulu(moment)


def service_update(cloud: "Cloud", host: Host) -> None:
    """A service was disabled, enabled or forced down. Silence sends nothing."""
    if not cloud.notify:
        return
    seen = cloud.heartbeat(host)
    data = {
        "host": host.name,
        "binary": "nova-compute",
        "topic": "compute",
        "report_count": int(
            max(0.0, seen - host.started_at) // max(cloud.settings.timing.report_interval, 0.001)
        ),
        "disabled": host.disabled,
        "disabled_reason": host.disabled_reason,
        # Always null, in Nova too.
        "availability_zone": None,
        "last_seen_up": _zulu(seen),
        "forced_down": host.forced_down,
        "version": 64,
        "uuid": host.service_uuid,
    }
    emit(
        cloud,
        "service.update",
        _object("ServiceStatusPayload", "1.1", data),
        f"nova-compute:{host.name}",
    )


def instance(
    cloud: "Cloud", server: Server, event: str, host: str | None, priority: str = "INFO"
) -> None:
    """instance.EVENT, sent by the compute service of a host."""
    if not cloud.notify:
        return
    node = cloud.hosts[server.host].hypervisor_hostname if server.host is not None else None
    data: dict[str, Any] = {
        "uuid": server.id,
        "display_name": server.name,
        "host_name": server.hostname,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "host": server.host,
        "node": node,
        "state": server.vm_state,
        "task_state": server.task_state,
        "power_state": _POWER.get(server.power_state, "pending"),
        "availability_zone": cloud.zone_of(server.host) or server.pinned_zone,
        "metadata": dict(server.metadata),
        "locked": server.locked,
        "locked_reason": server.locked_reason,
        "progress": 0,
        "ip_addresses": [],
        "created_at": _zulu(server.created_at),
        "launched_at": _zulu(server.launched_at),
        "updated_at": _zulu(server.updated_at),
        "deleted_at": _zulu(server.deleted_at),
        "terminated_at": _zulu(server.deleted_at),
        "image_uuid": server.image_id,
        "reservation_id": f"r-{server.id[:8]}",
        "display_description": server.description,
        "os_type": None,
        "architecture": None,
        "key_name": None,
        "kernel_id": "",
        "ramdisk_id": "",
        "block_devices": [],
        "auto_disk_config": "MANUAL",
        "flavor": _flavor(server.flavor),
        "fault": None,
        "request_id": server.actions[-1].request_id if server.actions else None,
        "action_initiator_user": server.actions[-1].user_id if server.actions else None,
        "action_initiator_project": server.actions[-1].project_id if server.actions else None,
    }
    emit(
        cloud,
        f"instance.{event}",
        _object("InstanceActionPayload", "1.8", data),
        f"nova-compute:{host or 'controller'}",
        priority,
    )


def _flavor(flavor: Flavor) -> dict[str, Any]:
    vcpus, ram_mb, disk_gb = flavor.resources
    return _object(
        "FlavorPayload",
        "1.4",
        {
            "flavorid": flavor.id,
            "name": flavor.name,
            "vcpus": vcpus,
            "memory_mb": ram_mb,
            "root_gb": disk_gb,
            "ephemeral_gb": 0,
            "swap": 0,
            "rxtx_factor": 1.0,
            "disabled": False,
            "is_public": True,
            "extra_specs": dict(flavor.extra_specs),
        },
    )


def refused(cloud: "Cloud", server: Server, reason: str) -> None:
    """The scheduler found no host for a move."""
    data: dict[str, Any] = {
        "instance_uuid": server.id,
        "request_spec": None,
        "state": server.vm_state,
        "reason": _object(
            "ExceptionPayload",
            "1.1",
            {
                "exception": "NoValidHost_Remote",
                "exception_message": reason,
                "function_name": "_schedule",
                "module_name": "nova.conductor.tasks",
                "traceback": "",
            },
        ),
    }
    emit(
        cloud,
        "compute_task.migrate_server.error",
        _object("ComputeTaskPayload", "1.0", data),
        "nova-conductor:controller",
        "ERROR",
    )
