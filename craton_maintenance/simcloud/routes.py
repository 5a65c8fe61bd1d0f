"""All paths that the simulated cloud answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from craton_maintenance.simcloud import candidates, control, keystone, placement
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import NoRoute
from craton_maintenance.simcloud.nova import (
    actions,
    aggregates,
    flavors,
    groups,
    hypervisors,
    instance_actions,
    metadata,
    migrations,
    servers,
    services,
    tags,
    versions,
)

Handler = Callable[..., Any]
"""Called with the cloud, the call and the parts of the path in braces. Gives back a body for
a 200, or an Answer; raises ApiError."""

ROUTES: dict[str, dict[str, dict[str, Handler]]] = {
    "versions": {
        "/": {"GET": versions.index},
        "/identity": {"GET": keystone.versions},
        "/compute": {"GET": versions.list_versions},
    },
    "identity": {
        "/": {"GET": keystone.version},
        "/auth/tokens": {
            "POST": keystone.issue_token,
            "GET": keystone.show_token,
            "HEAD": keystone.check_token,
            "DELETE": keystone.revoke_token,
        },
        "/auth/catalog": {"GET": keystone.catalog},
        "/auth/projects": {"GET": keystone.my_projects},
        "/projects": {"GET": keystone.list_projects},
        "/projects/{project}": {"GET": keystone.show_project},
        "/users": {"GET": keystone.list_users},
        "/users/{user}": {"GET": keystone.show_user},
        "/roles": {"GET": keystone.list_roles},
    },
    "compute": {
        "/": {"GET": versions.show_version},
        "/os-services": {"GET": services.list_services},
        "/os-services/{service}": {"PUT": services.update, "DELETE": services.delete},
        "/os-hypervisors": {"GET": hypervisors.list_hypervisors},
        "/os-hypervisors/detail": {"GET": hypervisors.detail},
        "/os-hypervisors/{hypervisor}": {"GET": hypervisors.show},
        "/os-aggregates": {"GET": aggregates.list_aggregates},
        "/os-aggregates/{aggregate}": {"GET": aggregates.show},
        "/os-availability-zone": {"GET": aggregates.list_zones},
        "/os-availability-zone/detail": {"GET": aggregates.detail_zones},
        "/flavors": {"GET": flavors.list_flavors},
        "/flavors/detail": {"GET": flavors.detail},
        "/flavors/{flavor}": {"GET": flavors.show},
        "/flavors/{flavor}/os-extra_specs": {"GET": flavors.extra_specs},
        "/os-server-groups": {"GET": groups.list_groups, "POST": groups.create},
        "/os-server-groups/{group}": {"GET": groups.show, "DELETE": groups.delete},
        "/servers": {"GET": servers.list_servers, "POST": servers.create},
        "/servers/detail": {"GET": servers.detail},
        "/servers/{server}": {
            "GET": servers.show,
            "PUT": servers.update,
            "DELETE": servers.delete,
        },
        "/servers/{server}/action": {"POST": actions.perform},
        "/servers/{server}/metadata": {
            "GET": metadata.index,
            "POST": metadata.update,
            "PUT": metadata.replace,
        },
        "/servers/{server}/metadata/{key}": {
            "GET": metadata.show,
            "PUT": metadata.set_one,
            "DELETE": metadata.delete,
        },
        "/servers/{server}/tags": {"GET": tags.index, "PUT": tags.replace, "DELETE": tags.clear},
        "/servers/{server}/tags/{tag}": {
            "GET": tags.check,
            "PUT": tags.add,
            "DELETE": tags.delete,
        },
        "/servers/{server}/migrations": {"GET": migrations.list_of_server},
        "/servers/{server}/migrations/{migration}": {
            "GET": migrations.show_of_server,
            "DELETE": migrations.abort,
        },
        "/servers/{server}/migrations/{migration}/action": {"POST": migrations.perform},
        "/servers/{server}/os-instance-actions": {"GET": instance_actions.index},
        "/servers/{server}/os-instance-actions/{request}": {"GET": instance_actions.show},
        "/os-migrations": {"GET": migrations.list_all},
    },
    "sim": {
        "/calls": {"GET": control.calls},
        "/violations": {"GET": control.violations},
        "/faults": {
            "GET": control.list_faults,
            "POST": control.add_fault,
            "DELETE": control.clear_faults,
        },
        "/hosts/{host}": {"PUT": control.add_host, "DELETE": control.remove_host},
        "/hosts/{host}/{what}": {"POST": control.host_action},
        "/clock": {"GET": control.show_clock, "POST": control.advance},
    },
    "placement": {
        "/": {"GET": placement.versions},
        "/resource_providers": {"GET": placement.list_providers},
        "/resource_providers/{provider}": {"GET": placement.show_provider},
        "/resource_providers/{provider}/inventories": {"GET": placement.inventories},
        "/resource_providers/{provider}/usages": {"GET": placement.provider_usages},
        "/resource_providers/{provider}/allocations": {"GET": placement.provider_allocations},
        "/resource_providers/{provider}/traits": {"GET": placement.traits},
        "/resource_providers/{provider}/aggregates": {"GET": placement.aggregates},
        "/allocation_candidates": {"GET": candidates.index},
        "/allocations/{consumer}": {"GET": placement.allocations},
        "/usages": {"GET": placement.usages},
    },
}

# Answered without a token.
_PUBLIC = {
    versions.index,
    versions.list_versions,
    versions.show_version,
    keystone.versions,
    keystone.version,
    keystone.issue_token,
    placement.versions,
}


@dataclass(slots=True)
class Route:
    """What a request's method and path lead to."""

    template: str
    handler: Handler
    params: dict[str, str]
    public: bool


def _tree(templates: dict[str, dict[str, Handler]]) -> dict[str, Any]:
    """Nested by segment; {} leads on from any segment, "" to what ends here."""
    root: dict[str, Any] = {}
    for template, methods in templates.items():
        node = root
        names = []
        for segment in filter(None, template.split("/")):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                segment = "{}"
            node = node.setdefault(segment, {})
        node[""] = (template, names, methods)
    return root


_TREES = {service: _tree(templates) for service, templates in ROUTES.items()}


def find(service: str, method: str, path: str) -> Route:
    """The route of a request; 404, 405."""
    node = _TREES[service]
    values = []
    for segment in filter(None, path.split("/")):
        step = node.get(segment)
        if step is None:
            step = node.get("{}")
            if step is None:
                raise NoRoute(404, "The resource could not be found.")
            values.append(segment)
        node = step
    if "" not in node:
        raise NoRoute(404, "The resource could not be found.")
    template, names, methods = node[""]
    handler = methods.get(method)
    if handler is None:
        # Nova knows no path without its method.
        if service == "compute":
            raise NoRoute(404, "The resource could not be found.")
        raise NoRoute(405, "The method specified is not allowed for this resource.")
    return Route(template, handler, dict(zip(names, values, strict=True)), handler in _PUBLIC)


def respond(cloud: Cloud, call: Call, route: Route) -> Answer:
    """What the handler answers; errors.ApiError."""
    result = route.handler(cloud, call, **route.params)
    return result if isinstance(result, Answer) else Answer(200, result)
