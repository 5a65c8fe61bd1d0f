"""What was asked of a server, and how it went."""

from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import not_found
from craton_maintenance.simcloud.model import Action, Event, Server
from craton_maintenance.simcloud.nova import server_view


def _find(cloud: Cloud, call: Call, ident: str) -> Server:
    # From 2.21 on a deleted server's actions can still be read.
    gone = cloud.deleted.get(ident)
    if (
        gone is not None
        and call.minor >= 21
        and (call.is_admin or gone.project_id == call.project_id)
    ):
        return gone
    return server_view.find(cloud, call, ident)


def _view(call: Call, server: Server, action: Action) -> dict[str, Any]:
    view = {
        "action": action.name,
        "instance_uuid": server.id,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id,
        "start_time": ids.micros(action.start),
        "message": action.message,
    }
    if call.minor >= 58:
        view["updated_at"] = ids.micros(action.updated_at)
    return view


def _event(call: Call, action: Action, event: Event) -> dict[str, Any]:
    view: dict[str, Any] = {
        "event": event.name,
        "start_time": ids.micros(event.start),
        "finish_time": ids.micros(event.finish),
        "result": event.result,
    }
    if call.is_admin:
        view["traceback"] = None
    if call.minor >= 62:
        if call.is_admin:
            view["host"] = event.host
        view["hostId"] = ids.host_id(action.project_id, event.host) if event.host else ""
    if call.minor >= 84 and call.is_admin:
        view["details"] = event.details
    return view


def index(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    found = _find(cloud, call, server)
    return {"instanceActions": [_view(call, found, a) for a in reversed(found.actions)]}


def show(cloud: Cloud, call: Call, server: str, request: str) -> dict[str, Any]:
    found = _find(cloud, call, server)
    for action in found.actions:
        if action.request_id == request:
            view = _view(call, found, action)
            if call.is_admin or call.minor >= 51:
                view["events"] = [_event(call, action, event) for event in reversed(action.events)]
            return {"instanceAction": view}
    raise not_found(f"Action {request} not found")
