"""What a cloud consists of. Times are seconds since 1970-01-01 UTC."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Resources(NamedTuple):
    """What a server takes of a host, or a host has."""

    vcpus: int
    ram_mb: int
    disk_gb: int

    def plus(self, other: "Resources") -> "Resources":
        return Resources(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: "Resources") -> "Resources":
        return Resources(*(a - b for a, b in zip(self, other, strict=True)))


NOTHING = Resources(0, 0, 0)


@dataclass(slots=True)
class Project:
    id: str
    name: str
    description: str = ""


@dataclass(slots=True)
class User:
    id: str
    name: str
    password: str
    roles: dict[str, list[str]]
    """Names of the roles by id of the project."""


@dataclass(slots=True)
class Flavor:
    id: str
    name: str
    resources: Resources
    extra_specs: dict[str, str] = field(default_factory=dict)
    number: int = 0
    """The database's id, which migration records show."""


@dataclass(slots=True)
class Host:
    """A compute service, its one hypervisor and its resource provider."""

    name: str
    """The service's host."""
    hypervisor_hostname: str
    """May differ from the service's host; the resource provider bears it too."""
    service_uuid: str
    service_id: int
    hypervisor_uuid: str
    hypervisor_id: int
    capacity: Resources
    """After the allocation ratio."""
    zone: str = "nova"
    cell: str = "cell1"
    ip: str = "192.0.2.1"
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    alive: bool = True
    """nova-compute runs. A dead one is seen as down only after service_down_time."""
    last_seen: float = 0.0
    """The last heartbeat of one that is not alive."""
    started_at: float = 0.0
    generation: int = 1
    used: Resources = NOTHING
    lost: set[str] = field(default_factory=set)
    """Servers that went down with the machine, which Nova does not know yet."""
    consumers: dict[str, Resources] = field(default_factory=dict)
    """Allocations by consumer: servers, and migrations holding the source."""


@dataclass(slots=True)
class Aggregate:
    id: int
    uuid: str
    name: str
    hosts: list[str]
    metadata: dict[str, str]
    created_at: float

    @property
    def zone(self) -> str | None:
        return self.metadata.get("availability_zone")


@dataclass(slots=True)
class ServerGroup:
    id: str
    name: str
    project_id: str
    user_id: str
    policy: str
    """affinity, anti-affinity, soft-affinity or soft-anti-affinity."""
    max_per_host: int = 1
    rules: dict[str, int] = field(default_factory=dict)
    """As they were given."""
    members: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """One part of an instance action."""

    name: str
    start: float
    finish: float | None = None
    result: str | None = None
    host: str | None = None
    details: str | None = None


@dataclass(slots=True)
class Action:
    """An instance action: who asked what of a server, and how it went."""

    name: str
    request_id: str
    user_id: str
    project_id: str
    start: float
    updated_at: float
    message: str | None = None
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Server:
    id: str
    name: str
    project_id: str
    user_id: str
    flavor: Flavor
    number: int
    created_at: float
    updated_at: float
    host: str | None = None
    pinned_zone: str | None = None
    """The availability zone asked for at boot: every later move stays in it."""
    group: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    vm_state: str = "active"
    task_state: str | None = None
    power_state: int = 1
    launched_at: float | None = None
    deleted_at: float | None = None
    locked: bool = False
    locked_by_owner: bool = False
    locked_reason: str | None = None
    fault: dict[str, Any] | None = None
    image_id: str = ""
    hostname: str = ""
    description: str | None = None
    old_flavor: Flavor | None = None
    """During a resize: the flavor that a revert goes back to."""
    old_vm_state: str = "active"
    """During a cold migration: what confirming or reverting goes back to."""
    actions: list[Action] = field(default_factory=list)


UNFINISHED = frozenset(
    {
        "queued",
        "accepted",
        "preparing",
        "running",
        "pre-migrating",
        "migrating",
        "post-migrating",
        "finished",
        "confirming",
        "reverting",
        "done",
    }
)
"""States of migrations that still have to do with both hosts."""

IN_PROGRESS_LIVE = frozenset({"queued", "preparing", "running"})
"""What GET /servers/{id}/migrations shows."""


@dataclass(slots=True)
class Migration:
    id: int
    uuid: str
    server_id: str
    type: str
    """live-migration, migration, resize or evacuation."""
    source: str
    user_id: str
    project_id: str
    old_flavor: Flavor
    new_flavor: Flavor
    created_at: float
    updated_at: float
    dest: str | None = None
    """Null until, and unless, the scheduler has found a host."""
    dest_host: str | None = None
    status: str = "accepted"
    source_node: str | None = None
    """Of a live migration, null as long as dest is."""
    dest_node: str | None = None
    ends_at: float = math.inf
    """Running: when it will be through; infinity if it stalls."""
    timer: list[Any] | None = None
    """The transition that comes next, so that abort and forcing can replace it."""
    action: Action | None = None
