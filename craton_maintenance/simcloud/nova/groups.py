"""os-server-groups."""

from typing import Any

from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, not_found
from craton_maintenance.simcloud.model import ServerGroup
from craton_maintenance.simcloud.nova import paging

_POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")


def _view(cloud: Cloud, call: Call, group: ServerGroup) -> dict[str, Any]:
    view: dict[str, Any] = {"id": group.id, "name": group.name}
    if call.minor >= 64:
        view |= {"policy": group.policy, "rules": dict(group.rules)}
    else:
        view |= {"policies": [group.policy], "metadata": {}}
    view["members"] = [member for member in group.members if member in cloud.servers]
    if call.minor >= 13:
        view |= {"project_id": group.project_id, "user_id": group.user_id}
    return view


def list_groups(cloud: Cloud, call: Call) -> dict[str, Any]:
    everyone = call.is_admin and "all_projects" in call.query
    groups = [
        group for group in cloud.groups.values() if everyone or group.project_id == call.project_id
    ]
    offset = call.one("offset", "0")
    start = int(offset) if offset and offset.isdigit() else 0
    return {
        "server_groups": [
            _view(cloud, call, group) for group in groups[start : start + paging.limit_of(call)]
        ]
    }


def _find(cloud: Cloud, call: Call, ident: str) -> ServerGroup:
    group = cloud.groups.get(ident)
    if group is None or not (call.is_admin or group.project_id == call.project_id):
        raise not_found(f"Instance group {ident} could not be found.")
    return group


def show(cloud: Cloud, call: Call, group: str) -> dict[str, Any]:
    return {"server_group": _view(cloud, call, _find(cloud, call, group))}


def create(cloud: Cloud, call: Call) -> dict[str, Any]:
    wanted = call.member("server_group")
    if call.minor >= 64:
        policy = wanted.get("policy")
    else:
        policies = wanted.get("policies")
        policy = policies[0] if isinstance(policies, list) and len(policies) == 1 else None
    if policy not in _POLICIES or (policy.startswith("soft") and call.minor < 15):
        raise bad_request(f"Invalid input for field/attribute policy. Value: {policy}.")
    if not wanted.get("name"):
        raise bad_request("Invalid input for field/attribute name.")
    rules = wanted.get("rules") or {}
    group = ServerGroup(
        cloud.new_id("group"),
        wanted["name"],
        call.project_id,
        call.user_id,
        policy,
        int(rules.get("max_server_per_host", 1)),
        {name: int(value) for name, value in rules.items()},
    )
    cloud.groups[group.id] = group
    return {"server_group": _view(cloud, call, group)}


def delete(cloud: Cloud, call: Call, group: str) -> Answer:
    found = _find(cloud, call, group)
    del cloud.groups[found.id]
    return Answer(204)
