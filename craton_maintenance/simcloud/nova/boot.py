"""POST /servers."""

from typing import Any

from craton_maintenance.simcloud import notifications, records, scheduler
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request, forbidden
from craton_maintenance.simcloud.model import Action, Flavor, Server
from craton_maintenance.simcloud.moves.common import idle

_RULE = "os_compute_api:servers:create:"


def create(cloud: Cloud, call: Call) -> Answer:
    """Accept one server, or several alike; 400, 403. Where they go is found out later."""
    wanted = call.member("server")
    if not isinstance(wanted, dict) or not wanted.get("name"):
        raise bad_request(
            f"Invalid input for field/attribute server. Value: {wanted}. "
            "'name' is a required property"
        )
    if call.minor >= 37 and "networks" not in wanted:
        raise bad_request(
            f"Invalid input for field/attribute server. Value: {wanted}. "
            "'networks' is a required property"
        )
    flavor = cloud.flavors.get(str(wanted.get("flavorRef", "")).rsplit("/", 1)[-1])
    if flavor is None:
        raise bad_request(f"Flavor {wanted.get('flavorRef')} could not be found.")
    zone, named, forced = _where(cloud, call, wanted)
    group = _group(cloud, call)
    servers = []
    count = int(wanted.get("min_count") or 1)
    count = max(count, int(wanted.get("max_count") or count))
    for index in range(count):
        name = wanted["name"] if count == 1 else f"{wanted['name']}-{index + 1}"
        server = _new(cloud, call, wanted, name, flavor)
        server.pinned_zone, server.group = zone, group
        cloud.add_server(server)
        if group is not None:
            cloud.groups[group].members.append(server.id)
        action = records.begin(cloud, call, server, "create", "compute__do_build_and_run_instance")
        cloud.later(
            cloud.settings.timing.schedule, _schedule, cloud, server, action, named, forced
        )
        servers.append(server)
    first = servers[0]
    return Answer(
        202,
        {
            "server": {
                "id": first.id,
                "links": call.links("servers", first.id),
                "OS-DCF:diskConfig": "MANUAL",
                "security_groups": [{"name": "default"}],
                "adminPass": first.id[:12],
            }
        },
        (("Location", f"{call.root}/servers/{first.id}"),),
    )


def _where(
    cloud: Cloud, call: Call, wanted: dict[str, Any]
) -> tuple[str | None, str | None, bool]:
    """The zone asked for, the host asked for, and whether it is used unchecked."""
    zone, _, forced = str(wanted.get("availability_zone") or "").partition(":")
    forced = forced.partition(":")[0]
    if forced:
        call.require_admin(_RULE + "forced_host")
    if zone and zone not in {host.zone for host in cloud.hosts.values()}:
        raise bad_request("The requested availability zone is not available")
    named = wanted.get("host") if call.minor >= 74 else None
    if named is not None:
        if not call.is_admin:
            raise forbidden("compute:servers:create:requested_destination")
        if forced:
            raise bad_request("Destination host and forced host cannot both be given.")
    named = named or forced or None
    if named is not None and named not in cloud.hosts:
        raise bad_request(f"Compute host {named} could not be found.")
    return zone or None, named, bool(forced)


def _group(cloud: Cloud, call: Call) -> str | None:
    hints = call.body.get("os:scheduler_hints") or call.body.get("OS-SCH-HNT:scheduler_hints")
    group = (hints or {}).get("group")
    if group is None:
        return None
    found = cloud.groups.get(group)
    if found is None or not (call.is_admin or found.project_id == call.project_id):
        raise bad_request(f"Instance group {group} could not be found.")
    return found.id


def _new(cloud: Cloud, call: Call, wanted: dict[str, Any], name: str, flavor: Flavor) -> Server:
    now = cloud.now()
    return Server(
        id=cloud.new_id("server"),
        name=name,
        project_id=call.project_id,
        user_id=call.user_id,
        flavor=flavor,
        number=cloud.number("server"),
        created_at=now,
        updated_at=now,
        metadata=dict(wanted.get("metadata") or {}),
        tags=sorted(wanted.get("tags") or ()) if call.minor >= 52 else [],
        vm_state="building",
        task_state="scheduling",
        power_state=0,
        image_id=str(wanted.get("imageRef") or ""),
        hostname=name,
        description=wanted.get("description"),
    )


def _schedule(
    cloud: Cloud, server: Server, action: Action, named: str | None, forced: bool
) -> None:
    if server.id not in cloud.servers or server.task_state != "scheduling":
        return
    fails = cloud.random.random() < cloud.settings.chances.boot_error
    try:
        if fails or records.wish(server, "boot") == "error":
            raise scheduler.NoValidHost(scheduler.NO_VALID_HOST)
        if forced and named is not None:
            host = cloud.hosts[named]
            if not scheduler.fits(host, server.flavor.resources):
                raise scheduler.NoValidHost(scheduler.NO_VALID_HOST)
        else:
            host = scheduler.pick(cloud, server, server.flavor.resources, named)
    except scheduler.NoValidHost as error:
        records.end(cloud, action, str(error))
        records.fail(cloud, server, str(error))
        return
    cloud.allocate(
        server.id, host.name, server.flavor.resources, (server.project_id, server.user_id)
    )
    cloud.place(server, host.name)
    for event in action.events:
        event.host = host.name
    server.task_state = "spawning"
    cloud.touch(server)
    notifications.instance(cloud, server, "create.start", host.name)
    timing = cloud.settings.timing
    duration = records.seconds(records.wish(server, "boot"), timing.boot - timing.schedule)
    cloud.later(duration, _running, cloud, server, action)


def _running(cloud: Cloud, server: Server, action: Action) -> None:
    if server.id not in cloud.servers or server.task_state != "spawning":
        return
    if server.host is not None and not cloud.hosts[server.host].alive:
        return
    server.vm_state, server.power_state = "active", 1
    server.launched_at = cloud.now()
    idle(cloud, server)
    records.end(cloud, action)
    notifications.instance(cloud, server, "create.end", server.host)
