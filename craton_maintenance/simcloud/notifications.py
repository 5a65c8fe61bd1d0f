"""Versioned notifications, as Nova sends them on the topic versioned_notifications."""
from typing import TYPE_CHECKING, Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.model import Host

if TYPE_CHECKING:
    from craton_maintenance.simcloud.cloud import Cloud


def emit(cloud: "Cloud", event_type: str, payload: dict[str, Any], publisher: str,
         priority: str = "INFO") -> None:
    """Tell every listener; one that fails is its own fault and fails the call."""
    for listener in cloud.notify:
        listener(event_type, payload, publisher, priority)


def _object(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"nova_object.name": name, "nova_object.namespace": "nova",
            "nova_object.version": version, "nova_object.data": data}


def _zulu(moment: float | None) -> str | None:
    return None if moment is None else ids.zulu(moment)


def service_update(cloud: "Cloud", host: Host) -> None:
    """A service was disabled, enabled or forced down. Silence sends nothing."""
    if not cloud.notify:
        return
    seen = cloud.heartbeat(host)
    data = {
        "host": host.name, "binary": "nova-compute", "topic": "compute",
        "report_count": int(max(0.0, seen - host.started_at)
                            // max(cloud.settings.timing.report_interval, 0.001)),
        "disabled": host.disabled, "disabled_reason": host.disabled_reason,
        # Always null, in Nova too.
        "availability_zone": None, "last_seen_up": _zulu(seen),
        "forced_down": host.forced_down, "version": 64, "uuid": host.service_uuid}
    emit(cloud, "service.update", _object("ServiceStatusPayload", "1.1", data),
         f"nova-compute:{host.name}")
