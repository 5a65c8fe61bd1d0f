"""What a cloud starts with: written down in YAML, or built by a program."""

import importlib.resources
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from craton_maintenance.simcloud.model import Resources


class FleetError(ValueError):
    """The fleet contradicts itself, or the file is not a fleet."""


@dataclass(slots=True)
class UserSpec:
    name: str
    roles: dict[str, list[str]]
    """Names of roles by name of project."""
    password: str = "secret"  # noqa: S105  nothing real is behind it


@dataclass(slots=True)
class FlavorSpec:
    name: str
    vcpus: int = 1
    ram_mb: int = 1024
    disk_gb: int = 10
    extra_specs: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class HostSpec:
    name: str
    zone: str | None = None
    vcpus: int = 32
    ram_mb: int = 131_072
    disk_gb: int = 2_000
    hypervisor_hostname: str | None = None
    """The same as the name if not given."""
    cell: str = "cell1"
    disabled_reason: str | None = None
    """Given, even empty: the service starts disabled."""


@dataclass(slots=True)
class AggregateSpec:
    name: str
    hosts: list[str] = field(default_factory=list)
    zone: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class GroupSpec:
    name: str
    project: str
    policy: str = "anti-affinity"
    max_server_per_host: int = 1


@dataclass(slots=True)
class ServerSpec:
    name: str
    project: str
    flavor: str
    host: str
    group: str | None = None
    zone: str | None = None
    """The zone that its owner asked for, which pins it there."""
    status: str = "ACTIVE"
    """ACTIVE, SHUTOFF, PAUSED, SUSPENDED, SHELVED_OFFLOADED or ERROR."""
    locked: bool = False
    user: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Fleet:
    """A cloud's contents. Ids are derived from its name and theirs: always the same."""

    name: str = "sim"
    projects: list[str] = field(default_factory=list)
    users: list[UserSpec] = field(default_factory=list)
    flavors: list[FlavorSpec] = field(default_factory=list)
    hosts: list[HostSpec] = field(default_factory=list)
    aggregates: list[AggregateSpec] = field(default_factory=list)
    groups: list[GroupSpec] = field(default_factory=list)
    servers: list[ServerSpec] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    """Changes to the cloud's settings, such as timing: {live_fixed: 20}."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Fleet":
        """A fleet from what the YAML file says; FleetError names what is wrong."""
        if not isinstance(data, dict):
            raise FleetError("a fleet is a mapping")
        unknown = set(data) - {"name", "settings", *_SECTIONS}
        if unknown:
            raise FleetError(f"unknown sections: {', '.join(sorted(unknown))}")
        fleet = cls(name=data.get("name", "sim"), settings=data.get("settings") or {})
        for section, (attribute, kind) in _SECTIONS.items():
            items = [_read(section, kind, item) for item in data.get(section) or []]
            setattr(fleet, attribute, items)
        return fleet.complete()

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> "Fleet":
        """A fleet from a file; OSError, FleetError."""
        with open(path, encoding="utf-8") as file:
            return cls._from_text(file.read())

    @classmethod
    def _from_text(cls, text: str) -> "Fleet":
        try:
            return cls.from_dict(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise FleetError(f"not YAML: {error}") from error

    def complete(self) -> "Fleet":
        """Add what every cloud has: an admin, a service user, a flavor, users of projects."""
        for project in ("admin", "service"):
            if project not in self.projects:
                self.projects.append(project)
        users = {user.name for user in self.users}
        if "admin" not in users:
            self.users.append(UserSpec("admin", {"admin": ["admin", "member", "reader"]}))
        if "maintenance" not in users:
            self.users.append(UserSpec("maintenance", {"service": ["admin", "service"]}))
        staffed = {project for user in self.users for project in user.roles}
        for project in self.projects:
            if project not in staffed and project not in users:
                self.users.append(UserSpec(project, {project: ["member", "reader"]}))
        if not self.flavors:
            self.flavors.append(FlavorSpec("small"))
        return self

    # A builder's view of the same: each call adds one thing and returns the fleet.

    def add_project(self, name: str) -> "Fleet":
        self.projects.append(name)
        return self

    def add_user(self, name: str, roles: dict[str, list[str]], **more: Any) -> "Fleet":
        self.users.append(UserSpec(name, roles, **more))
        return self

    def add_flavor(self, name: str, **more: Any) -> "Fleet":
        self.flavors.append(FlavorSpec(name, **more))
        return self

    def add_host(self, name: str, **more: Any) -> "Fleet":
        self.hosts.append(HostSpec(name, **more))
        return self

    def add_hosts(self, names: Iterable[str], **more: Any) -> "Fleet":
        for name in names:
            self.add_host(name, **more)
        return self

    def add_aggregate(self, name: str, hosts: Iterable[str], **more: Any) -> "Fleet":
        self.aggregates.append(AggregateSpec(name, list(hosts), **more))
        return self

    def add_group(self, name: str, project: str, **more: Any) -> "Fleet":
        self.groups.append(GroupSpec(name, project, **more))
        return self

    def add_server(
        self, name: str, project: str, host: str, flavor: str | None = None, **more: Any
    ) -> "Fleet":
        if flavor is None:
            flavor = self.flavors[0].name if self.flavors else "small"
        self.servers.append(ServerSpec(name, project, flavor, host, **more))
        return self

    def resources(self, flavor: str) -> Resources:
        """What a flavor takes; FleetError if there is none of that name."""
        for spec in self.flavors:
            if spec.name == flavor:
                return Resources(spec.vcpus, spec.ram_mb, spec.disk_gb)
        raise FleetError(f"no flavor {flavor}")


_SECTIONS: dict[str, tuple[str, type]] = {
    "projects": ("projects", str),
    "users": ("users", UserSpec),
    "flavors": ("flavors", FlavorSpec),
    "hosts": ("hosts", HostSpec),
    "aggregates": ("aggregates", AggregateSpec),
    "server_groups": ("groups", GroupSpec),
    "servers": ("servers", ServerSpec),
}


def _read(section: str, kind: type, item: Any) -> Any:
    if kind is str:
        return item["name"] if isinstance(item, dict) else str(item)
    try:
        return kind(**item)
    except TypeError as error:
        raise FleetError(f"{section}: {item!r}: {error}") from error


def demo_fleet() -> Fleet:
    """Six hosts in two zones, two projects, an anti-affinity group of three."""
    source = importlib.resources.files("craton_maintenance.simcloud") / "demo.yaml"
    return Fleet._from_text(source.read_text(encoding="utf-8"))


def large_fleet(
    hosts: int = 1000,
    servers: int = 20_000,
    projects: int = 500,
    zones: int = 4,
    group_every: int = 10,
) -> Fleet:
    """A regular fleet for figures: servers go round the hosts, projects own runs of them.

    Of the runs of three servers every group_every-th is an anti-affinity group.
    """
    fleet = Fleet(name=f"large-{hosts}-{servers}")
    fleet.add_flavor("small", vcpus=1, ram_mb=2048, disk_gb=10)
    fleet.add_flavor("large", vcpus=4, ram_mb=8192, disk_gb=40)
    per_host = servers // hosts + 1
    for i in range(hosts):
        fleet.add_host(
            f"host-{i:05}",
            zone=f"zone-{i % zones}",
            vcpus=per_host * 4,
            ram_mb=per_host * 8192,
            disk_gb=per_host * 80,
        )
    owners = [f"project-{p:04}" for p in range(projects)]
    for owner in owners:
        fleet.add_project(owner)
    for i in range(servers):
        owner = owners[i * projects // servers]
        run, first = i // 3, owners[i // 3 * 3 * projects // servers]
        group = None
        if hosts >= 3 and run % group_every == 0 and first == owner:
            group = f"group-{run:06}"
            if i % 3 == 0:
                fleet.add_group(group, owner)
        fleet.add_server(
            f"server-{i:06}",
            owner,
            f"host-{i % hosts:05}",
            "large" if i % 5 == 0 else "small",
            group=group,
        )
    return fleet.complete()
