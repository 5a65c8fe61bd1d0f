"""What Placement says of a host: what is allocated there, and what has room."""

from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions

from craton_maintenance.nova.answers import Unreadable
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.reads import Reads

#: Sizes in the order of the words of a session: vCPUs, MiB of memory, GiB of disk.
_CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")

#: The same of a hypervisor: what there is, and what is used of it.
_OWN = (("vcpus", "vcpus_used"), ("memory_mb", "memory_mb_used"), ("local_gb", "local_gb_used"))

_PLACEMENT = "placement"


class Missing(exceptions.ClientException):
    """There is no hypervisor, or no resource provider, where there has to be one."""


def has_provider(cloud: Cloud, host: str) -> bool:
    """Whether each hypervisor of a host has its resource provider; False without any."""
    try:
        for hypervisor in _hypervisors(cloud, host):
            _of_provider(cloud.reads, hypervisor, "")
    except Missing:
        return False
    return True


def consumers(cloud: Cloud, host: str) -> list[str]:
    """Who holds something of a host: ids of servers, and of migrations on their way.

    :raises Missing: the host has no hypervisor, or that has no provider
    """
    found: set[str] = set()
    for hypervisor in _hypervisors(cloud, host):
        held = _of_provider(cloud.reads, hypervisor, "/allocations").get("allocations")
        if not isinstance(held, dict):
            raise Unreadable(f"host {host}: there are no allocations in Placement's answer")
        found |= held.keys()
    return sorted(found)


def capacity(cloud: Cloud) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """What is free and what is used, by host.

    One call shows every provider with room for a vCPU, with all that it has. One that is
    full is not there: it has nothing free, and its hypervisor tells what is used.

    :raises Unreadable: there is not one hypervisor, which can't be
    """
    body = cloud.reads.get("/allocation_candidates", _PLACEMENT, resources="VCPU:1")
    summaries = body.get("provider_summaries")
    if not isinstance(summaries, dict):
        raise Unreadable("GET /allocation_candidates: there are no summaries in the answer")
    free: dict[str, list[int]] = {}
    used: dict[str, list[int]] = {}
    for hypervisor in _listed(cloud):
        host = hypervisor["service"]["host"]
        room = free.setdefault(host, [0, 0, 0])
        taken = used.setdefault(host, [0, 0, 0])
        summary = summaries.get(str(hypervisor["id"]))
        takes = summary is not None and _takes_servers(hypervisor)
        for index, (has, uses) in enumerate(_figures(hypervisor, summary)):
            # overcommitted by another ratio than before, more may be used than there is
            room[index] += max(has - uses, 0) if takes else 0
            taken[index] += uses
    if not free:
        # believed, servers would be sent wherever Nova likes, to hosts that are next, too
        raise Unreadable("GET /os-hypervisors/detail: there is no hypervisor in the answer")
    return free, used


def _takes_servers(hypervisor: Mapping[str, Any]) -> bool:
    """Placement offers hosts that are down, or disabled, too; the scheduler does not."""
    return hypervisor.get("status") == "enabled" and hypervisor.get("state") == "up"


def _figures(
    hypervisor: Mapping[str, Any], summary: Mapping[str, Any] | None
) -> list[tuple[int, int]]:
    """Of each size, what there is and what is used; of a shared disk the hypervisor knows."""
    resources = {} if summary is None else summary["resources"]
    return [
        (int(resources[name]["capacity"]), int(resources[name]["used"]))
        if name in resources
        else (int(hypervisor.get(has) or 0), int(hypervisor.get(uses) or 0))
        for name, (has, uses) in zip(_CLASSES, _OWN, strict=True)
    ]


def _of_provider(reads: Reads, hypervisor: Mapping[str, Any], tail: str) -> Any:
    """What is below the resource provider of a hypervisor.

    It has the hypervisor's UUID and name, which need not be the service's host. A hypervisor
    that was made anew may have left its provider under its old UUID: then the name finds it.

    :raises Missing: there is none
    """
    name = hypervisor["hypervisor_hostname"]
    try:
        return reads.get(f"/resource_providers/{hypervisor['id']}{tail}", _PLACEMENT)
    except exceptions.NotFound:
        listed = reads.get("/resource_providers", _PLACEMENT, name=name)
    for one in listed.get("resource_providers", ()):
        return reads.get(f"/resource_providers/{one['uuid']}{tail}", _PLACEMENT)
    raise Missing(f"hypervisor {name} has no resource provider")


def _hypervisors(cloud: Cloud, host: str) -> list[Mapping[str, Any]]:
    """A host's hypervisors.

    They can't be listed by host. Which ones they were is remembered, and each is looked at
    again: only if that is not as it was, all are listed.

    :raises Missing: there are none
    """
    shown = [_shown(cloud.reads, ident) for ident in cloud.hypervisors.get(host, ())]
    found = [one for one in shown if one is not None and one["service"]["host"] == host]
    if not found or len(found) < len(shown):
        found = [one for one in _listed(cloud) if one["service"]["host"] == host]
    if not found:
        raise Missing(f"host {host} has no hypervisor")
    return found


def _shown(reads: Reads, ident: str) -> Mapping[str, Any] | None:
    try:
        return reads.get(f"/os-hypervisors/{ident}").get("hypervisor")
    except exceptions.NotFound:
        return None


def _listed(cloud: Cloud) -> list[dict[str, Any]]:
    """All hypervisors; which host has which is remembered."""
    listed = cloud.reads.hypervisors()
    known: dict[str, tuple[str, ...]] = {}
    for one in listed:
        host = one["service"]["host"]
        known[host] = (*known.get(host, ()), str(one["id"]))
    cloud.hypervisors = known
    return listed
