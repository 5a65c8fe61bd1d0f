"""Flavors, for reading."""

from typing import Any

from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import not_found
from craton_maintenance.simcloud.model import Flavor
from craton_maintenance.simcloud.nova import paging


def _brief(call: Call, flavor: Flavor) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": flavor.id,
        "name": flavor.name,
        "links": call.links("flavors", flavor.id),
    }
    if call.minor >= 55:
        view["description"] = None
    return view


def _full(call: Call, flavor: Flavor) -> dict[str, Any]:
    vcpus, ram_mb, disk_gb = flavor.resources
    view = _brief(call, flavor) | {
        "ram": ram_mb,
        "disk": disk_gb,
        "vcpus": vcpus,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        # An empty string stood for no swap before 2.75.
        "swap": 0 if call.minor >= 75 else "",
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
    }
    if call.minor >= 61:
        view["extra_specs"] = dict(flavor.extra_specs)
    return view


def _list(cloud: Cloud, call: Call, path: str, view: Any) -> dict[str, Any]:
    shown = paging.page(call, list(cloud.flavors.values()), lambda flavor: flavor.id)
    body: dict[str, Any] = {"flavors": [view(call, flavor) for flavor in shown]}
    if links := paging.next_link(call, path, len(shown), shown[-1].id if shown else None):
        body["flavors_links"] = links
    return body


def list_flavors(cloud: Cloud, call: Call) -> dict[str, Any]:
    return _list(cloud, call, "/flavors", _brief)


def detail(cloud: Cloud, call: Call) -> dict[str, Any]:
    return _list(cloud, call, "/flavors/detail", _full)


def _find(cloud: Cloud, ident: str) -> Flavor:
    if ident not in cloud.flavors:
        raise not_found(f"Flavor {ident} could not be found.")
    return cloud.flavors[ident]


def show(cloud: Cloud, call: Call, flavor: str) -> dict[str, Any]:
    return {"flavor": _full(call, _find(cloud, flavor))}


def extra_specs(cloud: Cloud, call: Call, flavor: str) -> dict[str, Any]:
    return {"extra_specs": dict(_find(cloud, flavor).extra_specs)}
