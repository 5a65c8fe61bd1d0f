"""os-aggregates and os-availability-zone, for reading."""

from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, not_found
from craton_maintenance.simcloud.model import Aggregate, Host


def _view(aggregate: Aggregate, minor: int) -> dict[str, Any]:
    view: dict[str, Any] = {"id": aggregate.id}
    if minor >= 41:
        view["uuid"] = aggregate.uuid
    return view | {
        "name": aggregate.name,
        "hosts": list(aggregate.hosts),
        "metadata": dict(aggregate.metadata),
        "created_at": ids.micros(aggregate.created_at),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
        "availability_zone": aggregate.zone,
    }


def list_aggregates(cloud: Cloud, call: Call) -> dict[str, Any]:
    call.require_admin("os_compute_api:os-aggregates:index")
    return {"aggregates": [_view(a, call.minor) for a in cloud.aggregates.values()]}


def show(cloud: Cloud, call: Call, aggregate: str) -> dict[str, Any]:
    call.require_admin("os_compute_api:os-aggregates:show")
    if not aggregate.isdigit():
        raise bad_request("Invalid input received: id must be an integer")
    found = cloud.aggregates.get(int(aggregate))
    if found is None:
        raise not_found(f"Aggregate {aggregate} could not be found.")
    return {"aggregate": _view(found, call.minor)}


def _zones(cloud: Cloud) -> dict[str, list[Host]]:
    zones: dict[str, list[Host]] = {}
    for host in cloud.hosts.values():
        zones.setdefault(host.zone, []).append(host)
    return dict(sorted(zones.items()))


def _available(hosts: list[Host]) -> bool:
    """A zone is there as long as one of its services is enabled."""
    return any(not host.disabled for host in hosts)


def list_zones(cloud: Cloud, call: Call) -> dict[str, Any]:
    return {
        "availabilityZoneInfo": [
            {"zoneName": zone, "zoneState": {"available": _available(hosts)}, "hosts": None}
            for zone, hosts in _zones(cloud).items()
        ]
    }


def detail_zones(cloud: Cloud, call: Call) -> dict[str, Any]:
    call.require_admin("os_compute_api:os-availability-zone:detail")
    zones: list[dict[str, Any]] = [
        {
            "zoneName": zone,
            "zoneState": {"available": _available(hosts)},
            "hosts": {
                host.name: {
                    "nova-compute": {
                        "available": not host.disabled,
                        "active": cloud.is_up(host),
                        "updated_at": ids.micros(cloud.heartbeat(host)),
                    }
                }
                for host in hosts
            },
        }
        for zone, hosts in _zones(cloud).items()
    ]
    control = {
        name: {"available": True, "active": True, "updated_at": ids.micros(cloud.now())}
        for name in ("nova-conductor", "nova-scheduler")
    }
    zones.append(
        {
            "zoneName": "internal",
            "zoneState": {"available": True},
            "hosts": {"controller": control},
        }
    )
    return {"availabilityZoneInfo": zones}
