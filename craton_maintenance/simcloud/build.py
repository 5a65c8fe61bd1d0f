"""From a fleet's description to a cloud's state."""

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.fleet import (
    Fleet,
    FleetError,
    HostSpec,
    ServerSpec,
    demo_fleet,
)
from craton_maintenance.simcloud.model import (
    Action,
    Aggregate,
    Flavor,
    Host,
    Project,
    Resources,
    Server,
    ServerGroup,
    User,
)
from craton_maintenance.simcloud.settings import Settings

if TYPE_CHECKING:
    from craton_maintenance.simcloud.cloud import Cloud

# Status: vm_state, power_state.
_STATES = {
    "ACTIVE": ("active", 1),
    "SHUTOFF": ("stopped", 4),
    "PAUSED": ("paused", 3),
    "SUSPENDED": ("suspended", 7),
    "SHELVED_OFFLOADED": ("shelved_offloaded", 4),
    "ERROR": ("error", 0),
}

default_fleet = demo_fleet


def settings_of(fleet: Fleet) -> Settings:
    """The default settings with the fleet's changes; FleetError on an unknown one."""
    settings = Settings()
    _apply(settings, fleet.settings, "settings")
    return settings


def _apply(target: Any, changes: dict[str, Any], where: str) -> None:
    known = {f.name for f in fields(target)}
    for name, value in changes.items():
        if name not in known:
            raise FleetError(f"{where} has no {name}")
        old = getattr(target, name)
        if is_dataclass(old):
            _apply(old, value, f"{where}.{name}")
        else:
            setattr(target, name, type(old)(value))


def populate(cloud: "Cloud", fleet: Fleet) -> None:
    """Fill an empty cloud; FleetError where the fleet contradicts itself."""
    fleet.complete()
    projects = _projects(cloud, fleet)
    _users(cloud, fleet, projects)
    flavors = _flavors(cloud, fleet)
    for spec in fleet.hosts:
        add_host(cloud, spec)
    _aggregates(cloud, fleet)
    groups = _groups(cloud, fleet, projects)
    for index, server in enumerate(fleet.servers):
        _server(cloud, server, index, projects, flavors, groups)


def _projects(cloud: "Cloud", fleet: Fleet) -> dict[str, str]:
    named: dict[str, str] = {}
    for name in fleet.projects:
        if name in named:
            raise FleetError(f"project {name} is there twice")
        named[name] = ident = ids.make_hex(fleet.name, "project", name)
        cloud.projects[ident] = Project(ident, name)
        cloud.by_project[ident] = {}
    return named


def _users(cloud: "Cloud", fleet: Fleet, projects: dict[str, str]) -> None:
    for spec in fleet.users:
        ident = ids.make_hex(fleet.name, "user", spec.name)
        unknown = set(spec.roles) - set(projects)
        if unknown:
            raise FleetError(f"user {spec.name} has roles in no project: {sorted(unknown)}")
        roles = {projects[name]: list(roles) for name, roles in spec.roles.items()}
        cloud.users[ident] = User(ident, spec.name, spec.password, roles)


def _flavors(cloud: "Cloud", fleet: Fleet) -> dict[str, Flavor]:
    named: dict[str, Flavor] = {}
    for number, spec in enumerate(fleet.flavors, 1):
        ident = ids.make_uuid(fleet.name, "flavor", spec.name)
        size = Resources(spec.vcpus, spec.ram_mb, spec.disk_gb)
        flavor = Flavor(ident, spec.name, size, dict(spec.extra_specs), number)
        cloud.flavors[ident] = named[spec.name] = flavor
    return named


def add_host(cloud: "Cloud", spec: HostSpec) -> Host:
    """A new host, in no aggregate yet; FleetError if there is one of that name."""
    if spec.name in cloud.hosts:
        raise FleetError(f"host {spec.name} is there twice")
    number = cloud.number("host")
    cloud.hosts[spec.name] = host = Host(
        name=spec.name,
        hypervisor_hostname=spec.hypervisor_hostname or spec.name,
        service_uuid=ids.make_uuid(cloud.name, "service", spec.name),
        # The conductor and the scheduler are numbers 1 and 2.
        service_id=number + 2,
        hypervisor_uuid=ids.make_uuid(cloud.name, "hypervisor", spec.name),
        hypervisor_id=number,
        capacity=Resources(spec.vcpus, spec.ram_mb, spec.disk_gb),
        cell=spec.cell,
        ip=f"192.0.2.{number % 250 + 1}",
        disabled=spec.disabled_reason is not None,
        disabled_reason=spec.disabled_reason or None,
        started_at=cloud.epoch - 86_400.0,
        last_seen=cloud.epoch,
    )
    cloud.by_host[spec.name] = {}
    return host


def _aggregates(cloud: "Cloud", fleet: Fleet) -> None:
    for spec in fleet.aggregates:
        metadata = dict(spec.metadata)
        if spec.zone is not None:
            metadata["availability_zone"] = spec.zone
        _aggregate(cloud, spec.name, list(spec.hosts), metadata)
    for aggregate in cloud.aggregates.values():
        for name in aggregate.hosts:
            if name not in cloud.hosts:
                raise FleetError(f"aggregate {aggregate.name}: no host {name}")
            _zone(cloud.hosts[name], aggregate.zone)
    # A zone that only hosts name exists in Nova only as an aggregate's metadata.
    without: dict[str, list[str]] = {}
    for host in fleet.hosts:
        zone = host.zone
        if zone is not None and cloud.hosts[host.name].zone != zone:
            if cloud.hosts[host.name].zone != "nova":
                raise FleetError(f"host {host.name} is in two zones")
            without.setdefault(zone, []).append(host.name)
    for zone, names in without.items():
        _aggregate(cloud, zone, names, {"availability_zone": zone})
        for name in names:
            _zone(cloud.hosts[name], zone)


def _aggregate(cloud: "Cloud", name: str, hosts: list[str], metadata: dict[str, str]) -> None:
    number = cloud.number("aggregate")
    cloud.aggregates[number] = Aggregate(
        number,
        ids.make_uuid(cloud.name, "aggregate", name),
        name,
        hosts,
        metadata,
        cloud.epoch - 86_400.0,
    )


def _zone(host: Host, zone: str | None) -> None:
    if zone is None:
        return
    if host.zone not in ("nova", zone):
        raise FleetError(f"host {host.name} is in two zones")
    host.zone = zone


def _groups(cloud: "Cloud", fleet: Fleet, projects: dict[str, str]) -> dict[tuple[str, str], str]:
    named: dict[tuple[str, str], str] = {}
    for spec in fleet.groups:
        if spec.project not in projects:
            raise FleetError(f"server group {spec.name}: no project {spec.project}")
        ident = ids.make_uuid(cloud.name, "group", spec.project, spec.name)
        project = projects[spec.project]
        cloud.groups[ident] = ServerGroup(
            ident,
            spec.name,
            project,
            _owner(cloud, project),
            spec.policy,
            spec.max_server_per_host,
            {"max_server_per_host": spec.max_server_per_host}
            if spec.max_server_per_host > 1
            else {},
        )
        named[spec.project, spec.name] = ident
    return named


def _owner(cloud: "Cloud", project: str, name: str | None = None) -> str:
    """A user of the project: the named one, else the first with a role in it."""
    for user in cloud.users.values():
        if user.name == name or (name is None and project in user.roles):
            return user.id
    if name is not None:
        raise FleetError(f"no user {name}")
    return ids.make_hex(cloud.name, "user", "nobody")


def _server(
    cloud: "Cloud",
    spec: ServerSpec,
    index: int,
    projects: dict[str, str],
    flavors: dict[str, Flavor],
    groups: dict[tuple[str, str], str],
) -> None:
    for kind, name, known in (
        ("project", spec.project, projects),
        ("flavor", spec.flavor, flavors),
        ("host", spec.host, cloud.hosts),
        ("status", spec.status, _STATES),
    ):
        if name not in known:
            raise FleetError(f"server {spec.name}: no {kind} {name}")
    ident = ids.make_uuid(cloud.name, "server", spec.project, spec.name)
    if ident in cloud.servers:
        raise FleetError(f"server {spec.name} of {spec.project} is there twice")
    project = projects[spec.project]
    vm_state, power = _STATES[spec.status]
    # One second apart, so that the order of creation is the fleet's.
    created = cloud.epoch - 3600.0 - 1.0 * index
    server = Server(
        id=ident,
        name=spec.name,
        project_id=project,
        user_id=_owner(cloud, project, spec.user),
        flavor=flavors[spec.flavor],
        number=cloud.number("server"),
        created_at=created,
        updated_at=created,
        pinned_zone=spec.zone,
        metadata={k: str(v) for k, v in spec.metadata.items()},
        tags=list(spec.tags),
        vm_state=vm_state,
        power_state=power,
        launched_at=created,
        locked=spec.locked,
        locked_by_owner=spec.locked,
        image_id=ids.make_uuid(cloud.name, "image", "sim"),
        hostname=spec.name,
    )
    server.actions.append(
        Action(
            "create",
            f"req-{ids.make_uuid(cloud.name, 'request', ident)}",
            server.user_id,
            project,
            created,
            created,
        )
    )
    if vm_state != "shelved_offloaded":
        server.host = spec.host
        cloud.allocate(ident, spec.host, server.flavor.resources, (project, server.user_id))
    if spec.group is not None:
        if (spec.project, spec.group) not in groups:
            raise FleetError(f"server {spec.name}: no server group {spec.group}")
        server.group = groups[spec.project, spec.group]
        cloud.groups[server.group].members.append(ident)
    cloud.add_server(server)
