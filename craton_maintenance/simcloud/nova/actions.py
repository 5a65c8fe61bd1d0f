"""POST /servers/{server}/action."""

from collections.abc import Callable
from typing import Any

from craton_maintenance.simcloud import lifecycle
from craton_maintenance.simcloud.calls import Answer, Call
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.errors import bad_request
from craton_maintenance.simcloud.model import Server
from craton_maintenance.simcloud.moves import cold, evacuation, live
from craton_maintenance.simcloud.nova import validate
from craton_maintenance.simcloud.nova.server_view import find

_RULE = "os_compute_api:"


def perform(cloud: Cloud, call: Call, server: str) -> Answer:
    """The one action in the body; 400 if there is no such, 403, 404, 409."""
    body = call.body
    if not isinstance(body, dict) or len(body) != 1:
        raise bad_request("Malformed request body")
    name, arguments = next(iter(body.items()))
    if name in lifecycle.CHANGES:
        lifecycle.change(cloud, call, find(cloud, call, server), name)
        return Answer(202)
    action = _ACTIONS.get(name)
    if action is None:
        raise bad_request(f"There is no such action: {name}")
    found = find(cloud, call, server)
    rule = _ADMIN_ONLY.get(name)
    if rule is not None:
        call.require_admin(_RULE + rule)
    return action(cloud, call, found, arguments)


def _migrate_live(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    allowed, needed = {"host", "block_migration"}, {"host", "block_migration"}
    if call.minor < 25:
        allowed, needed = allowed | {"disk_over_commit"}, needed | {"disk_over_commit"}
    if 30 <= call.minor < 68:
        allowed = allowed | {"force"}
    arguments = validate.properties("os-migrateLive", given, allowed, needed)
    validate.flag(
        "block_migration", arguments["block_migration"], also=("auto",) if call.minor >= 25 else ()
    )
    force = validate.flag("force", arguments.get("force", False))
    live.start(cloud, call, server, arguments["host"], force)
    return Answer(202)


def _migrate(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    host = None
    if call.minor >= 56 and given is not None:
        host = validate.properties("migrate", given, {"host"}, set()).get("host")
    cold.start(cloud, call, server, host)
    return Answer(202)


def _resize(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    arguments = validate.properties(
        "resize", given, {"flavorRef", "OS-DCF:diskConfig"}, {"flavorRef"}
    )
    flavor = cloud.flavors.get(str(arguments["flavorRef"]).rsplit("/", 1)[-1])
    if flavor is None:
        raise bad_request(f"Flavor {arguments['flavorRef']} could not be found.")
    cold.start(cloud, call, server, None, flavor)
    return Answer(202)


def _confirm(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    cold.confirm(cloud, call, server)
    return Answer(204)


def _revert(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    cold.revert(cloud, call, server)
    return Answer(202)


def _evacuate(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    allowed = {"host", "adminPass"}
    if call.minor < 14:
        allowed.add("onSharedStorage")
    if 29 <= call.minor < 68:
        allowed.add("force")
    arguments = validate.properties("evacuate", given, allowed, set())
    evacuation.start(cloud, call, server, arguments.get("host"))
    return Answer(200, {"adminPass": server.id[:12]} if call.minor < 14 else None)


def _shelve(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    lifecycle.shelve(cloud, call, server)
    return Answer(202)


def _shelve_offload(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    lifecycle.offload(cloud, call, server)
    return Answer(202)


def _unshelve(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    allowed = set()
    if call.minor >= 77:
        allowed.add("availability_zone")
    if call.minor >= 91:
        allowed.add("host")
    arguments = validate.properties("unshelve", given, allowed, set())
    host = arguments.get("host")
    if host is not None:
        call.require_admin(_RULE + "os-shelve:unshelve_to_host")
        if host not in cloud.hosts:
            raise bad_request(f"Compute host {host} could not be found.")
    if "availability_zone" in arguments:
        zone = arguments["availability_zone"]
        if zone is not None and zone not in {h.zone for h in cloud.hosts.values()}:
            raise bad_request("The requested availability zone is not available")
        server.pinned_zone = zone
    lifecycle.unshelve(cloud, call, server, host)
    return Answer(202)


def _lock(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    reason = None
    if call.minor >= 73:
        reason = validate.properties("lock", given, {"locked_reason"}, set()).get("locked_reason")
    lifecycle.lock(cloud, call, server, reason)
    return Answer(202)


def _unlock(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    lifecycle.unlock(cloud, call, server)
    return Answer(202)


def _reset_state(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    state = validate.properties("os-resetState", given, {"state"}, {"state"})["state"]
    if state not in ("active", "error"):
        raise bad_request(
            f"Invalid input for field/attribute state. Value: {state}. {state!r} "
            "is not one of ['active', 'error']"
        )
    lifecycle.reset_state(cloud, call, server, state)
    return Answer(202)


def _force_delete(cloud: Cloud, call: Call, server: Server, given: Any) -> Answer:
    lifecycle.delete(cloud, call, server)
    return Answer(202)


_ADMIN_ONLY = {
    "os-migrateLive": "os-migrate-server:migrate_live",
    "migrate": "os-migrate-server:migrate",
    "evacuate": "os-evacuate",
    "os-resetState": "os-admin-actions:reset_state",
    "shelveOffload": "os-shelve:shelve_offload",
}

_ACTIONS: dict[str, Callable[[Cloud, Call, Server, Any], Answer]] = {
    "os-migrateLive": _migrate_live,
    "migrate": _migrate,
    "resize": _resize,
    "confirmResize": _confirm,
    "revertResize": _revert,
    "evacuate": _evacuate,
    "shelve": _shelve,
    "shelveOffload": _shelve_offload,
    "unshelve": _unshelve,
    "lock": _lock,
    "unlock": _unlock,
    "os-resetState": _reset_state,
    "forceDelete": _force_delete,
}
