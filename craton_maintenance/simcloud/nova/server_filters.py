"""Which servers a list shows, in which order."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request, forbidden
from craton_maintenance.simcloud.model import Server
from craton_maintenance.simcloud.nova import paging
from craton_maintenance.simcloud.nova.server_view import STATUSES, in_down_cell, status_of

Test = Callable[[Server], bool]

_SORT_KEYS: dict[str, Callable[[Server], Any]] = {
    "created_at": lambda s: int(s.created_at),
    "updated_at": lambda s: int(s.updated_at),
    "uuid": lambda s: s.id,
    "id": lambda s: s.number,
    "display_name": lambda s: s.name,
    "name": lambda s: s.name,
    "host": lambda s: s.host or "",
    "project_id": lambda s: s.project_id,
    "user_id": lambda s: s.user_id,
    "vm_state": lambda s: s.vm_state,
    "task_state": lambda s: s.task_state or "",
    "power_state": lambda s: s.power_state,
    "launched_at": lambda s: s.launched_at or 0.0,
    "hostname": lambda s: s.hostname,
    "availability_zone": lambda s: s.pinned_zone or "",
    "locked": lambda s: s.locked,
}

_TAG_TESTS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda wanted, tags: wanted <= tags,
    "tags-any": lambda wanted, tags: bool(wanted & tags),
    "not-tags": lambda wanted, tags: not wanted <= tags,
    "not-tags-any": lambda wanted, tags: not wanted & tags,
}

_ADMIN_SORT_KEYS = ("host", "node")

_KNOWN = frozenset(
    """
    user_id project_id tenant_id launch_index image_ref image kernel_id ramdisk_id hostname
    key_name locked_by host node instance_type_id flavor config_drive launched_at
    terminated_at reservation_id root_device_name vm_state task_state progress power_state
    access_ip_v4 access_ip_v6 ip ip6 uuid name display_name display_description description
    created_at updated_at deleted deleted_at disk_config auto_disk_config availability_zone
    cleaned block_device_mapping services metadata system_metadata info_cache all_tenants
    changes-since status limit marker sort_key sort_dir soft_deleted tags tags-any not-tags
    not-tags-any changes-before locked""".split()  # noqa: SIM905  names read better so
)

# What narrows a list so that servers in a cell that is down are left out of it.
_NEUTRAL = {
    "all_tenants",
    "project_id",
    "tenant_id",
    "limit",
    "marker",
    "sort_key",
    "sort_dir",
    "changes-since",
}


def select(cloud: Cloud, call: Call, action: str) -> list[Server]:
    """All servers that the query asks for, in its order; 400, 403."""
    _refuse_unknown(call)
    everyone = paging.flag(call, "all_tenants")
    if everyone and not call.is_admin:
        raise forbidden(f"os_compute_api:servers:{action}:get_all_tenants")
    tests = _tests(cloud, call)
    found: Iterable[Server] = _candidates(cloud, call, everyone)
    servers = [server for server in found if all(test(server) for test in tests)]
    if cloud.cells_down:
        hidden = call.minor < 69 or bool(set(call.query) - _NEUTRAL)
        servers = [s for s in servers if not (hidden and in_down_cell(cloud, s))]
    return _sorted(call, servers)


def _refuse_unknown(call: Call) -> None:
    """From 2.75 on parameters that Nova does not know are an error."""
    if call.minor >= 75:
        for name in call.query:
            if name not in _KNOWN and not name.startswith("_"):
                raise bad_request(f"'{name}' does not match any of the regexes: '^_'")


def _candidates(cloud: Cloud, call: Call, everyone: bool) -> Iterable[Server]:
    """The smallest index that holds all that can match."""
    host = call.one("host") if call.is_admin else None
    project = None if everyone else call.project_id
    if everyone:
        project = call.one("project_id") or call.one("tenant_id")
    since = "changes-since" in call.query
    gone = call.is_admin and (
        paging.flag(call, "deleted") or (call.one("status") or "").upper() == "DELETED"
    )
    if gone or since:
        yield from (
            server
            for server in cloud.deleted.values()
            if (project is None or server.project_id == project)
            and (host is None or server.host == host)
        )
        if gone:
            return
    if host is not None:
        yield from (
            server
            for server in cloud.servers_on(host)
            if project is None or server.project_id == project
        )
    elif project is not None:
        yield from cloud.by_project.get(project, {}).values()
    else:
        yield from cloud.servers.values()


def _tests(cloud: Cloud, call: Call) -> list[Test]:
    tests: list[Test] = []
    query = call.query
    if statuses := query.get("status"):
        wanted = {status.upper() for status in statuses}
        if "DELETED" in wanted and not call.is_admin:
            raise ApiError(403, "Only administrators may list deleted instances")
        if not wanted & STATUSES and call.minor >= 38:
            raise bad_request("Invalid status value")
        if "DELETED" not in wanted:
            tests.append(lambda s: status_of(s) in wanted)
    if (name := call.one("name")) is not None:
        tests.append(_pattern(name))
    if (flavor := call.one("flavor")) is not None:
        tests.append(lambda s: s.flavor.id == flavor)
    if (image := call.one("image")) is not None:
        tests.append(lambda s: s.image_id == image)
    if (since := moment(call, "changes-since")) is not None:
        tests.append(lambda s: int(s.updated_at) >= since)
    if call.minor >= 66 and (before := moment(call, "changes-before")) is not None:
        tests.append(lambda s: int(s.updated_at) <= before)
    if call.minor >= 26:
        tests += _tag_tests(call)
    if call.minor >= 73 and "locked" in query:
        locked = paging.flag(call, "locked")
        tests.append(lambda s: s.locked is locked)
    if call.is_admin:
        tests += _admin_tests(cloud, call)
    return tests


def _pattern(text: str) -> Test:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise bad_request(
            f"Invalid input for query parameters name. Value: {text}. '{text}' is not a 'regex'"
        ) from error
    return lambda server: pattern.search(server.name) is not None


def moment(call: Call, name: str) -> float | None:
    """A time in the query; 400."""
    text = call.one(name)
    if text is None:
        return None
    try:
        return ids.parse_time(text)
    except ValueError as error:
        raise bad_request(
            f"Invalid input for query parameters {name}. Value: {text}. "
            f"'{text}' is not a 'date-time'"
        ) from error


def _tag_tests(call: Call) -> list[Test]:
    tests: list[Test] = []
    for name, test in _TAG_TESTS.items():
        if (text := call.one(name)) is not None:
            tests.append(_tagged(test, set(text.split(","))))
    return tests


def _tagged(test: Callable[[set[str], set[str]], bool], wanted: set[str]) -> Test:
    return lambda server: test(wanted, set(server.tags))


def _admin_tests(cloud: Cloud, call: Call) -> list[Test]:
    """Filters that Nova silently ignores for everybody else; host is one, done by index."""
    values: dict[str, Callable[[Server], str | None]] = {
        "vm_state": lambda s: s.vm_state,
        "task_state": lambda s: s.task_state or "",
        "user_id": lambda s: s.user_id,
        "uuid": lambda s: s.id,
        "hostname": lambda s: s.hostname,
        "availability_zone": lambda s: cloud.zone_of(s.host) or s.pinned_zone,
        "node": lambda s: cloud.hosts[s.host].hypervisor_hostname if s.host else None,
    }
    return [
        _equals(value_of, wanted)
        for name, value_of in values.items()
        if (wanted := call.one(name)) is not None
    ]


def with_marker(cloud: Cloud, call: Call, servers: list[Server]) -> list[Server]:
    """The list with the marker in its place: Nova goes on after a server that the list does not
    show, or that was deleted, as long as its record is there."""
    marker = call.one("marker", "") or ""
    server = cloud.servers.get(marker) or cloud.deleted.get(marker)
    if server is None or server in servers:
        return servers
    return _sorted(call, [*servers, server])


def _equals(value_of: Callable[[Server], str | None], wanted: str) -> Test:
    return lambda server: value_of(server) == wanted


def _sorted(call: Call, servers: list[Server]) -> list[Server]:
    """Newest first, unless told otherwise; the database's id breaks ties."""
    keys, directions = call.query.get("sort_key", []), call.query.get("sort_dir", [])
    if not keys:
        servers.sort(key=lambda s: (int(s.created_at), s.number), reverse=True)
        return servers
    servers.sort(key=lambda s: s.number, reverse=True)
    for index in reversed(range(len(keys))):
        key = _SORT_KEYS.get(keys[index])
        if key is None:
            raise bad_request(
                f"Invalid input for query parameters sort_key. Value: "
                f"{keys[index]}. '{keys[index]}' is not one of "
                f"{sorted(_SORT_KEYS)}"
            )
        if keys[index] in _ADMIN_SORT_KEYS and not call.is_admin:
            raise ApiError(403, f"Only administrators can sort servers by {keys[index]}")
        direction = directions[index] if index < len(directions) else "desc"
        servers.sort(key=key, reverse=direction == "desc")
    return servers
