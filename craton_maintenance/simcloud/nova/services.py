"""os-services: the compute services, and the two of the control plane."""

from typing import Any

from craton_maintenance.simcloud import hosts, ids, notifications
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, conflict, not_found
from craton_maintenance.simcloud.model import Host
from craton_maintenance.simcloud.nova import validate

_RULE = "os_compute_api:os-services:"
_CONTROL = ("nova-conductor", "nova-scheduler")
_OLD_FORMS = ("enable", "disable", "disable-log-reason", "force-down")


def _view(cloud: Cloud, host: Host, minor: int) -> dict[str, Any]:
    if minor >= 69 and host.cell in cloud.cells_down:
        return {"binary": "nova-compute", "host": host.name, "status": "UNKNOWN"}
    view = {
        "binary": "nova-compute",
        "host": host.name,
        "id": host.service_uuid if minor >= 53 else host.service_id,
        "zone": host.zone,
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if cloud.is_up(host) else "down",
        "updated_at": ids.micros(cloud.heartbeat(host)),
        "disabled_reason": host.disabled_reason,
    }
    if minor >= 11:
        view["forced_down"] = host.forced_down
    return view


def _control(cloud: Cloud, minor: int) -> list[dict[str, Any]]:
    views = []
    for number, binary in enumerate(_CONTROL, 1):
        view = {
            "binary": binary,
            "host": "controller",
            "id": ids.make_uuid(cloud.name, binary) if minor >= 53 else number,
            "zone": "internal",
            "status": "enabled",
            "state": "up",
            "updated_at": ids.micros(cloud.now()),
            "disabled_reason": None,
        }
        if minor >= 11:
            view["forced_down"] = False
        views.append(view)
    return views


def list_services(cloud: Cloud, call: Call) -> dict[str, Any]:
    call.require_admin(_RULE + "list")
    binary, name = call.one("binary"), call.one("host")
    views = _control(cloud, call.minor)
    for host in cloud.hosts.values():
        answers = host.cell not in cloud.cells_down or call.minor >= 69
        if answers and name in (None, host.name):
            views.append(_view(cloud, host, call.minor))
    return {
        "services": [
            view
            for view in views
            if (binary is None or view["binary"] == binary)
            and (name is None or view["host"] == name)
        ]
    }


def update(cloud: Cloud, call: Call, service: str) -> Answer:
    """PUT /os-services/{id} from 2.53 on, /os-services/{what to do} before."""
    body = call.body if isinstance(call.body, dict) else {}
    if call.minor < 53:
        call.require_admin(_RULE + "update")
        return _old_update(cloud, call, service, body)
    status, reason, forced = _checked(body)
    call.require_admin(_RULE + "update")
    if not ids.is_uuid(service):
        raise bad_request(f"Invalid uuid {service}")
    if status is None and forced is None:
        raise bad_request(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified."
        )
    if reason is not None and status == "enabled":
        raise bad_request("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    host = next((h for h in cloud.hosts.values() if h.service_uuid == service), None)
    if host is None or host.cell in cloud.cells_down:
        raise not_found(f"Service {service} could not be found.")
    if forced is not None:
        force_down(cloud, host, forced)
    if status is not None:
        set_status(cloud, host, status == "disabled", reason)
    return Answer(200, {"service": _view(cloud, host, call.minor)})


def _checked(body: dict[str, Any]) -> tuple[str | None, str | None, bool | None]:
    """What a request from 2.53 on asks for: status, reason, forced down; 400 by its schema."""
    if extra := sorted(set(body) - {"status", "disabled_reason", "forced_down"}):
        names, verb = ", ".join(map(repr, extra)), "was" if len(extra) == 1 else "were"
        raise bad_request(f"Additional properties are not allowed ({names} {verb} unexpected)")
    status, reason = body.get("status"), body.get("disabled_reason")
    if status not in (None, "enabled", "disabled"):
        raise bad_request(
            f"Invalid input for field/attribute status. Value: {status}. "
            f"{status!r} is not one of ['enabled', 'disabled']"
        )
    if "disabled_reason" in body:
        _check_reason(reason)
    forced = body.get("forced_down")
    return status, reason, None if forced is None else validate.flag("forced_down", forced)


def _old_update(cloud: Cloud, call: Call, what: str, body: dict[str, Any]) -> Answer:
    if what not in _OLD_FORMS or (what == "force-down" and call.minor < 11):
        raise not_found("Unknown action")
    name, binary = body.get("host"), body.get("binary")
    host = cloud.hosts.get(name) if binary == "nova-compute" and name else None
    if host is None:
        raise not_found(f"Host '{name}' is not mapped to any cell")
    if what == "force-down":
        force_down(cloud, host, str(body.get("forced_down")).lower() == "true")
        return Answer(
            200, {"service": {"host": name, "binary": binary, "forced_down": host.forced_down}}
        )
    reason = body.get("disabled_reason")
    if what == "disable-log-reason":
        _check_reason(reason)
    set_status(cloud, host, what != "enable", reason)
    view = {"host": name, "binary": binary, "status": "disabled" if host.disabled else "enabled"}
    if what == "disable-log-reason":
        view["disabled_reason"] = reason
    return Answer(200, {"service": view})


def _check_reason(reason: Any) -> None:
    if not isinstance(reason, str) or not 1 <= len(reason.strip()) <= 255:
        what = "too long" if isinstance(reason, str) and reason.strip() else "too short"
        raise bad_request(
            "Invalid input for field/attribute disabled_reason. Value: "
            f"{reason}. {reason!r} is {what}"
        )


def delete(cloud: Cloud, call: Call, service: str) -> Answer:
    """A host is taken out for good; 409 while there is something on it."""
    call.require_admin(_RULE + "delete")
    for host in cloud.hosts.values():
        if service in (host.service_uuid, str(host.service_id)):
            try:
                hosts.remove(cloud, host.name)
            except ValueError as error:
                raise conflict(str(error)) from error
            return Answer(204)
    raise not_found(f"Service {service} not found.")


def set_status(cloud: Cloud, host: Host, disabled: bool, reason: str | None) -> None:
    """Disable or enable a host; enabling forgets the reason."""
    host.disabled = disabled
    host.disabled_reason = reason if disabled else None
    host.generation += 1
    notifications.service_update(cloud, host)


def force_down(cloud: Cloud, host: Host, forced: bool) -> None:
    """Have a host count as down, or no longer; 400 while evacuations are not cleaned up."""
    if (
        not forced
        and host.forced_down
        and any(
            m.source == host.name
            and m.type == "evacuation"
            and m.status == "done"
            and m.server_id in cloud.servers
            for m in cloud.migrations.values()
        )
    ):
        raise bad_request(
            f"Unable to force up host {host.name} as `done` evacuation migration records "
            "remain associated with the host. Ensure the nova-compute service has been "
            "restarted, allowing these records to move to `completed` before retrying this "
            "request."
        )
    if forced and not host.forced_down:
        host.last_seen = cloud.heartbeat(host)
    host.forced_down = forced
    notifications.service_update(cloud, host)
