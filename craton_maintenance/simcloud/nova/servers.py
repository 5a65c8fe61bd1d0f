"""Servers: lists, details, boot, change and deletion."""

from typing import Any

from craton_maintenance.simcloud import lifecycle
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request
from craton_maintenance.simcloud.model import Server
from craton_maintenance.simcloud.nova import boot, paging, server_filters, server_view


def _id(server: Server) -> str:
    return server.id


def _list(cloud: Cloud, call: Call, detailed: bool) -> dict[str, Any]:
    found = server_filters.select(cloud, call, "detail" if detailed else "index")
    shown = paging.page(call, server_filters.with_marker(cloud, call, found), _id)
    views = []
    for server in shown:
        if server_view.in_down_cell(cloud, server):
            views.append(server_view.unknown(call, server))
        elif detailed:
            views.append(server_view.full(cloud, call, server))
        else:
            views.append(server_view.brief(call, server))
    body: dict[str, Any] = {"servers": views}
    path = "/servers/detail" if detailed else "/servers"
    if links := paging.next_link(call, path, len(shown), shown[-1].id if shown else None):
        body["servers_links"] = links
    return body


def list_servers(cloud: Cloud, call: Call) -> dict[str, Any]:
    return _list(cloud, call, detailed=False)


def detail(cloud: Cloud, call: Call) -> dict[str, Any]:
    return _list(cloud, call, detailed=True)


def show(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    found = server_view.find(cloud, call, server)
    if server_view.in_down_cell(cloud, found):
        if call.minor < 69:
            raise ApiError(500, "Unexpected API Error. The cell of the instance does not respond.")
        return {"server": server_view.unknown(call, found, show=True)}
    return {"server": server_view.full(cloud, call, found, show=True)}


def create(cloud: Cloud, call: Call) -> Answer:
    return boot.create(cloud, call)


def update(cloud: Cloud, call: Call, server: str) -> dict[str, Any]:
    """Rename, describe."""
    found = server_view.find(cloud, call, server)
    changes = call.member("server")
    if not isinstance(changes, dict) or not changes:
        raise bad_request("Invalid input for field/attribute server.")
    found.name = changes.get("name", found.name)
    found.description = changes.get("description", found.description)
    cloud.touch(found)
    return {"server": server_view.full(cloud, call, found, show=True)}


def delete(cloud: Cloud, call: Call, server: str) -> Answer:
    lifecycle.delete(cloud, call, server_view.find(cloud, call, server))
    return Answer(204)
