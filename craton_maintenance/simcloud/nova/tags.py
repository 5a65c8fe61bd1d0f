"""A server's tags (2.26)."""

from typing import Any

from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request, not_found
from craton_maintenance.simcloud.model import Server
from craton_maintenance.simcloud.nova.server_view import find

_MOST = 50


def _find(cloud: Cloud, call: Call, ident: str) -> Server:
    if call.minor < 26:
        raise ApiError(404, "The resource could not be found.")
    return find(cloud, call, ident)


def _check(tags: list[str]) -> None:
    for tag in tags:
        if not isinstance(tag, str) or not 1 <= len(tag) <= 60 or set(tag) & set("/,"):
            raise bad_request(f"Invalid input for field/attribute tag. Value: {tag}.")
    if len(tags) > _MOST:
        raise bad_request(f"The number of tags exceeded the per-server limit {_MOST}")


def index(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    return {"tags": list(_find(cloud, call, server).tags)}


def replace(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    found = _find(cloud, call, server)
    wanted = call.member("tags")
    _check(wanted)
    found.tags = sorted(set(wanted))
    cloud.touch(found)
    return {"tags": list(found.tags)}


def clear(cloud: Cloud, call: Call, server: str) -> Answer:
    found = _find(cloud, call, server)
    found.tags = []
    cloud.touch(found)
    return Answer(204)


def check(cloud: Cloud, call: Call, server: str, tag: str) -> Answer:
    if tag not in _find(cloud, call, server).tags:
        raise not_found(f"Server {server} has no tag '{tag}'")
    return Answer(204)


def add(cloud: Cloud, call: Call, server: str, tag: str) -> Answer:
    found = _find(cloud, call, server)
    if tag in found.tags:
        return Answer(204)
    _check([*found.tags, tag])
    found.tags = sorted([*found.tags, tag])
    cloud.touch(found)
    return Answer(201)


def delete(cloud: Cloud, call: Call, server: str, tag: str) -> Answer:
    found = _find(cloud, call, server)
    if tag not in found.tags:
        raise not_found(f"Instance {server} has no tag '{tag}'")
    found.tags.remove(tag)
    cloud.touch(found)
    return Answer(204)
