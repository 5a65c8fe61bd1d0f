"""The part of Placement's API that tells whether a host is empty and what has room."""

from typing import Any

from craton_maintenance.simcloud import microversion
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import ApiError, bad_request, not_found
from craton_maintenance.simcloud.model import NOTHING, Host, Resources

CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
_KINDS = (
    (0, "self", ""),
    (0, "inventories", "/inventories"),
    (0, "usages", "/usages"),
    (1, "aggregates", "/aggregates"),
    (6, "traits", "/traits"),
    (11, "allocations", "/allocations"),
)


def versions(cloud: Cloud, call: Call) -> dict[str, Any]:
    return {
        "versions": [
            {
                "id": "v1.0",
                "max_version": f"1.{microversion.PLACEMENT_MAX}",
                "min_version": "1.0",
                "status": "CURRENT",
                "links": [{"rel": "self", "href": ""}],
            }
        ]
    }


def require_admin(call: Call, rule: str) -> None:
    if not call.is_admin and "service" not in call.token.roles:
        raise ApiError(
            403,
            "Access was denied to this resource.\n\n Policy does not allow "
            f"placement:{rule} to be performed.  ",
        )


def _since(call: Call, minor: int) -> None:
    if call.minor < minor:
        raise not_found("The resource could not be found.\n\n   ")


def _bad_query(what: str) -> ApiError:
    return bad_request(
        "The server could not comply with the request since it is either malformed or "
        f"otherwise incorrect.\n\n Invalid query string parameters: {what}  "
    )


def _classes(resources: Resources) -> dict[str, int]:
    """By resource class; what is none of is left out, as there is no allocation of 0."""
    return {name: amount for name, amount in zip(CLASSES, resources, strict=True) if amount}


def _view(host: Host, minor: int) -> dict[str, Any]:
    path = f"/resource_providers/{host.hypervisor_uuid}"
    view: dict[str, Any] = {
        "uuid": host.hypervisor_uuid,
        "name": host.hypervisor_hostname,
        "generation": host.generation,
        "links": [
            {"rel": rel, "href": path + tail} for since, rel, tail in _KINDS if minor >= since
        ],
    }
    if minor >= 14:
        view |= {"parent_provider_uuid": None, "root_provider_uuid": host.hypervisor_uuid}
    return view


def list_providers(cloud: Cloud, call: Call) -> dict[str, Any]:
    require_admin(call, "resource_providers:list")
    unknown = set(call.query) - {"name", "uuid", "in_tree", "member_of", "required", "resources"}
    if unknown:
        raise _bad_query(
            f"Additional properties are not allowed ('{min(unknown)}' was unexpected)"
        )
    hosts = chosen(cloud, call)
    if (name := call.one("name")) is not None:
        hosts = [host for host in hosts if host.hypervisor_hostname == name]
    if (ident := call.one("uuid")) is not None:
        hosts = [host for host in hosts if host.hypervisor_uuid == ident]
    return {"resource_providers": [_view(host, call.minor) for host in hosts]}


def chosen(cloud: Cloud, call: Call) -> list[Host]:
    """Hosts by what lists of providers and of candidates can be asked for alike."""
    hosts = list(cloud.hosts.values())
    if (ident := call.one("in_tree")) is not None:
        hosts = [host for host in hosts if host.hypervisor_uuid == ident]
    if (members := call.one("member_of")) is not None:
        wanted = set(members.removeprefix("in:").split(","))
        hosts = [host for host in hosts if wanted & set(_aggregates(cloud, host))]
    for required in ",".join(call.query.get("required", ())).split(","):
        if required:
            trait = required.removeprefix("!")
            hosts = [
                host
                for host in hosts
                if (trait in traits_of(host)) is not required.startswith("!")
            ]
    return hosts


def _find(cloud: Cloud, call: Call, ident: str, rule: str) -> Host:
    require_admin(call, f"resource_providers:{rule}")
    for host in cloud.hosts.values():
        if host.hypervisor_uuid == ident:
            return host
    raise not_found(
        f"The resource could not be found.\n\n No resource provider with uuid {ident} found  "
    )


def show_provider(cloud: Cloud, call: Call, provider: str) -> dict[str, Any]:
    return _view(_find(cloud, call, provider, "show"), call.minor)


def inventories(cloud: Cloud, call: Call, provider: str) -> dict[str, Any]:
    host = _find(cloud, call, provider, "inventories:list")
    return {
        "resource_provider_generation": host.generation,
        "inventories": {
            name: {
                "total": total,
                "reserved": 0,
                "min_unit": 1,
                "max_unit": total,
                "step_size": 1,
                "allocation_ratio": 1.0,
            }
            for name, total in _classes(host.capacity).items()
        },
    }


def provider_usages(cloud: Cloud, call: Call, provider: str) -> dict[str, Any]:
    host = _find(cloud, call, provider, "usages")
    return {
        "resource_provider_generation": host.generation,
        "usages": dict(zip(CLASSES, host.used, strict=True)),
    }


def provider_allocations(cloud: Cloud, call: Call, provider: str) -> dict[str, Any]:
    host = _find(cloud, call, provider, "allocations:list")
    held: dict[str, dict[str, Any]] = {}
    for consumer, resources in host.consumers.items():
        held[consumer] = {"resources": _classes(resources)}
        if call.minor >= 28:
            held[consumer]["consumer_generation"] = 1
    return {"allocations": held, "resource_provider_generation": host.generation}


def traits_of(host: Host) -> list[str]:
    traits = ["COMPUTE_NODE", "COMPUTE_TRUSTED_CERTS", "COMPUTE_VOLUME_EXTEND"]
    if host.disabled or host.forced_down:
        # Nova keeps this in step with the service, so that nothing is scheduled here.
        traits.append("COMPUTE_STATUS_DISABLED")
    return traits


def traits(cloud: Cloud, call: Call, provider: str) -> dict[str, Any]:
    _since(call, 6)
    host = _find(cloud, call, provider, "traits:list")
    return {"traits": traits_of(host), "resource_provider_generation": host.generation}


def _aggregates(cloud: Cloud, host: Host) -> list[str]:
    return [a.uuid for a in cloud.aggregates.values() if host.name in a.hosts]


def aggregates(cloud: Cloud, call: Call, provider: str) -> dict[str, Any]:
    _since(call, 1)
    host = _find(cloud, call, provider, "aggregates:list")
    body: dict[str, Any] = {"aggregates": _aggregates(cloud, host)}
    if call.minor >= 19:
        body["resource_provider_generation"] = host.generation
    return body


def allocations(cloud: Cloud, call: Call, consumer: str) -> dict[str, Any]:
    """A consumer's allocations; nothing, and no 404, if there is no such consumer."""
    require_admin(call, "allocations:list")
    held = cloud.allocations.get(consumer)
    if not held:
        return {"allocations": {}}
    body: dict[str, Any] = {
        "allocations": {
            cloud.hosts[name].hypervisor_uuid: {
                "resources": _classes(resources),
                "generation": cloud.hosts[name].generation,
            }
            for name, resources in held.items()
        }
    }
    if call.minor >= 12:
        body["project_id"], body["user_id"] = cloud.allocation_owner[consumer]
    if call.minor >= 28:
        body["consumer_generation"] = 1
    if call.minor >= 38:
        body["consumer_type"] = "unknown"
    return body


def usages(cloud: Cloud, call: Call) -> dict[str, Any]:
    """What a project's servers take in all (1.9)."""
    _since(call, 9)
    project = call.one("project_id")
    if project is None:
        raise _bad_query("'project_id' is a required property")
    if project != call.project_id:
        require_admin(call, "usages")
    user = call.one("user_id")
    total, count = NOTHING, 0
    for consumer, held in cloud.allocations.items():
        owner = cloud.allocation_owner[consumer]
        if owner[0] == project and user in (None, owner[1]):
            count += 1
            for resources in held.values():
                total = total.plus(resources)
    if not count:
        return {"usages": {}}
    amounts = dict(zip(CLASSES, total, strict=True))
    if call.minor >= 38:
        return {"usages": {"unknown": {"consumer_count": count, **amounts}}}
    return {"usages": amounts}
