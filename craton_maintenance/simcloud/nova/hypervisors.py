"""os-hypervisors."""

import json
from typing import Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.calls import Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, not_found
from craton_maintenance.simcloud.model import Host
from craton_maintenance.simcloud.nova import paging

_RULE = "os_compute_api:os-hypervisors:"
_CPU = {
    "arch": "x86_64",
    "model": "Nehalem",
    "vendor": "Intel",
    "features": ["pge", "clflush"],
    "topology": {"cores": 1, "threads": 1, "sockets": 4},
}


def _view(cloud: Cloud, host: Host, minor: int, detail: bool, servers: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": host.hypervisor_uuid if minor >= 53 else host.hypervisor_id,
        "hypervisor_hostname": host.hypervisor_hostname,
        "state": "up" if cloud.is_up(host) else "down",
        "status": "disabled" if host.disabled else "enabled",
    }
    if detail:
        view |= {
            "hypervisor_type": "fake",
            "hypervisor_version": 1000,
            "host_ip": host.ip,
            "service": {
                "id": host.service_uuid if minor >= 53 else host.service_id,
                "host": host.name,
                "disabled_reason": host.disabled_reason,
            },
        }
        view |= {"uptime": _uptime(cloud, host)} if minor >= 88 else _resources(cloud, host, minor)
    if servers:
        here = [
            {"uuid": server.id, "name": f"instance-{server.number:08x}"}
            for server in cloud.servers_on(host.name)
        ]
        # Before 2.75 an empty list was left out.
        if here or minor >= 75:
            view["servers"] = here
    return view


def _resources(cloud: Cloud, host: Host, minor: int) -> dict[str, Any]:
    size, used = host.capacity, host.used
    return {
        "vcpus": size.vcpus,
        "memory_mb": size.ram_mb,
        "local_gb": size.disk_gb,
        "vcpus_used": used.vcpus,
        "memory_mb_used": used.ram_mb,
        "local_gb_used": used.disk_gb,
        "free_ram_mb": size.ram_mb - used.ram_mb,
        "free_disk_gb": size.disk_gb - used.disk_gb,
        "current_workload": 0,
        "running_vms": len(cloud.by_host.get(host.name, ())),
        "disk_available_least": size.disk_gb - used.disk_gb,
        "cpu_info": _CPU if minor >= 28 else json.dumps(_CPU),
    }


def _uptime(cloud: Cloud, host: Host) -> str | None:
    if not cloud.is_up(host):
        return None
    days = int((cloud.now() - host.started_at) // 86_400)
    many = "day" if days == 1 else "days"
    return f" 00:00:00 up {days} {many},  0:00,  1 user,  load average: 0, 0, 0"


def _visible(cloud: Cloud) -> list[Host]:
    return [host for host in cloud.hosts.values() if host.cell not in cloud.cells_down]


def _list(cloud: Cloud, call: Call, detail: bool) -> dict[str, Any]:
    call.require_admin(_RULE + ("list-detail" if detail else "list"))
    hosts = _visible(cloud)
    minor = call.minor
    servers = minor >= 53 and paging.flag(call, "with_servers")
    pattern = call.one("hypervisor_hostname_pattern") if minor >= 53 else None
    if pattern is not None:
        hosts = [host for host in hosts if pattern in host.hypervisor_hostname]
        if not hosts:
            raise not_found(f"No hypervisor matching '{pattern}' could be found.")
    if minor < 33:
        return {"hypervisors": [_view(cloud, h, minor, detail, servers) for h in hosts]}
    if pattern is not None and ("limit" in call.query or "marker" in call.query):
        raise bad_request(
            "Paging over hypervisors with the hypervisor_hostname_pattern query "
            "parameter is not supported."
        )

    def ident(host: Host) -> str:
        return host.hypervisor_uuid if minor >= 53 else str(host.hypervisor_id)

    shown = paging.page(call, hosts, ident)
    body: dict[str, Any] = {
        "hypervisors": [_view(cloud, h, minor, detail, servers) for h in shown]
    }
    path = "/os-hypervisors/detail" if detail else "/os-hypervisors"
    if links := paging.next_link(call, path, len(shown), ident(shown[-1]) if shown else None):
        body["hypervisors_links"] = links
    return body


def list_hypervisors(cloud: Cloud, call: Call) -> dict[str, Any]:
    return _list(cloud, call, detail=False)


def detail(cloud: Cloud, call: Call) -> dict[str, Any]:
    return _list(cloud, call, detail=True)


def show(cloud: Cloud, call: Call, hypervisor: str) -> dict[str, Any]:
    call.require_admin(_RULE + "show")
    if call.minor >= 53 and not ids.is_uuid(hypervisor):
        raise bad_request(f"Invalid uuid {hypervisor}")
    for host in _visible(cloud):
        ident = host.hypervisor_uuid if call.minor >= 53 else str(host.hypervisor_id)
        if ident == hypervisor:
            servers = call.minor >= 53 and paging.flag(call, "with_servers")
            return {"hypervisor": _view(cloud, host, call.minor, True, servers)}
    raise not_found(f"Hypervisor with ID '{hypervisor}' could not be found.")
