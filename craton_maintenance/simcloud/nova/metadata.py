"""A server's metadata."""

from typing import Any

from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, conflict, not_found
from craton_maintenance.simcloud.model import Server
from craton_maintenance.simcloud.nova.server_view import find

_CHANGEABLE = ("active", "paused", "suspended", "stopped")


def index(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    return {"metadata": dict(find(cloud, call, server).metadata)}


def show(cloud: Cloud, call: Call, server: str, key: str) -> dict[str, Any]:
    found = find(cloud, call, server)
    if key not in found.metadata:
        raise not_found("Metadata item was not found")
    return {"meta": {key: found.metadata[key]}}


def _change(cloud: Cloud, call: Call, server: str, what: str) -> Server:
    found = find(cloud, call, server)
    if found.locked and not call.is_admin:
        raise conflict(f"Instance {found.id} is locked")
    if found.vm_state not in _CHANGEABLE:
        raise conflict(
            f"Cannot '{what}' instance {found.id} while it is in vm_state {found.vm_state}"
        )
    return found


def _checked(items: Any) -> dict[str, str]:
    if not isinstance(items, dict):
        raise bad_request("Malformed request body. metadata must be object")
    for key, value in items.items():
        if not (isinstance(value, str) and 1 <= len(key) <= 255 and len(value) <= 255):
            raise bad_request(
                f"Invalid input for field/attribute {key}. Value: {value}. "
                f"{value!r} is not of type 'string' or of another length"
            )
    return items


def update(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    items = _checked(call.member("metadata"))
    found = _change(cloud, call, server, "update metadata")
    found.metadata.update(items)
    cloud.touch(found)
    return {"metadata": dict(found.metadata)}


def replace(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    items = _checked(call.member("metadata"))
    found = _change(cloud, call, server, "update metadata")
    found.metadata = dict(items)
    cloud.touch(found)
    return {"metadata": dict(found.metadata)}


def set_one(cloud: Cloud, call: Call, server: str, key: str) -> dict[str, Any]:
    items = _checked(call.member("meta"))
    if set(items) != {key}:
        raise bad_request("Request body and URI mismatch")
    found = _change(cloud, call, server, "update metadata")
    found.metadata.update(items)
    cloud.touch(found)
    return {"meta": dict(items)}


def delete(cloud: Cloud, call: Call, server: str, key: str) -> Answer:
    if key not in find(cloud, call, server).metadata:
        raise not_found("Metadata item was not found")
    found = _change(cloud, call, server, "delete metadata")
    del found.metadata[key]
    cloud.touch(found)
    return Answer(204)
