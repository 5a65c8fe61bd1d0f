"""Steps on a host: disable, survey, prove empty, verify, enable."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from craton_maintenance.domain.session.steps import Outcome, Result, Step
from craton_maintenance.nova import placement
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.reads import SETTLED, Migration, Service
from craton_maintenance.workflow.steps.facts import outcome, server_facts

#: What a server that stays is in: nothing of it runs, and its memory is nowhere or on disk.
_STOPPED = ("SHUTOFF", "SUSPENDED")


def disable(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have no new servers come, with our reason.

    A host that somebody else has disabled is left as it is. Found with our reason, it was us.
    """
    reason = step.params["reason"]
    found = cloud.reads.service(step.host.name)
    if found is None:
        return _no_service(step)
    facts = {"status": found.status, "reason": found.disabled_reason}
    if found.status == "disabled":
        return Outcome(Result.DONE, facts | {"changed": found.disabled_reason == reason})
    body = {"status": "disabled", "disabled_reason": reason}
    ended = cloud.actions.send("PUT", f"/os-services/{found.id}", body)
    return outcome(ended, facts | {"changed": True})


def enable(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have servers come again, if nobody but us has a reason against it."""
    found = cloud.reads.service(step.host.name)
    if found is None:
        return _no_service(step)
    facts = {"reason": found.disabled_reason}
    if found.status == "enabled":
        return Outcome(Result.DONE, facts | {"enabled": True})
    words = _not_ours(cloud, found, step.params["reason"])
    if words:
        return Outcome(Result.DONE, facts | {"enabled": False}, words=words)
    ended = cloud.actions.send("PUT", f"/os-services/{found.id}", {"status": "enabled"})
    return outcome(ended, facts | {"enabled": True})


def force_down(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have Nova take a host for down, as somebody has said that it is off."""
    return _force(cloud, step, True)


def unforce_down(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have Nova look for itself again; refused until the host has cleaned up."""
    ended = _force(cloud, step, False)
    if ended.result is Result.REFUSED:
        return Outcome(Result.LATER, ended.facts, words=ended.words)
    return ended


def _force(cloud: Cloud, step: Step, down: bool) -> Outcome:
    found = cloud.reads.service(step.host.name)
    if found is None:
        return _no_service(step)
    if found.forced_down is down:
        return Outcome(Result.DONE, {"already": True})
    ended = cloud.actions.send("PUT", f"/os-services/{found.id}", {"forced_down": down})
    return outcome(ended, {"already": False})


def _not_ours(cloud: Cloud, found: Service, reason: str) -> str:
    """Why a disabled host is not ours to enable; empty: it is."""
    if found.disabled_reason != reason:
        return f"disabled for another reason: {found.disabled_reason}"
    if found.forced_down:
        return "somebody has forced it down"
    # one that is up has cleaned up after an evacuation
    if not found.up and any(
        one.status == "done" and one.source == found.host
        for one in cloud.reads.migrations(host=found.host, migration_type="evacuation")
    ):
        return "its servers have been evacuated, and it has not been started since"
    return ""


def survey(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """All servers of a host, and all server groups that have one there."""
    reads, host = cloud.reads, step.host.name
    service = reads.service(host)
    if service is None:
        return _no_service(step)
    groups = reads.server_groups()
    servers = reads.servers_on(host)
    newest = _newest(cloud, host, {server["id"] for server in servers})
    group_of = {member: group["id"] for group in groups for member in group["members"]}
    return Outcome(
        Result.DONE,
        {
            "up": service.up,
            "servers": [
                server_facts(server, newest.get(server["id"], 0), group_of.get(server["id"]))
                for server in servers
            ],
            "groups": [
                {
                    "id": group["id"],
                    "project_id": group["project_id"],
                    "name": group["name"],
                    "policy": group["policy"],
                    "members": list(group["members"]),
                }
                for group in groups
                if any(group_of.get(server["id"]) == group["id"] for server in servers)
            ],
        },
    )


def _newest(cloud: Cloud, host: str, servers: set[str]) -> dict[str, int]:
    """Of servers on a host, the number of the newest migration that has to do with it.

    That is the server's newest one: what brought it here, or an attempt to leave. Only one
    that was shelved and came back elsewhere has none here.
    """
    if not servers:
        return {}

    def enough(found: list[Mapping[str, Any]]) -> bool:
        return servers <= {one["instance_uuid"] for one in found}

    newest: dict[str, int] = {}
    for one in cloud.reads.migrations(sure=False, enough=enough, host=host):
        newest.setdefault(one.server_id, one.id)
    return newest


def survey_capacity(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """What is free and what is used on all hosts of the region."""
    free, used = placement.capacity(cloud)
    return Outcome(Result.DONE, {"free": free, "used": used})


def prove_empty(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Look in three places whether anything is on a host, or on its way there or from there.

    What is on its way there has its allocation first, then its record, and comes last: so
    they are looked at in the other order.
    """
    reads, host = cloud.reads, step.host.name
    left = frozenset(step.params.get("left", ()))
    service = reads.service(host)
    if service is None:
        return _no_service(step)
    servers = [one for one in reads.servers_on(host) if not _may_stay(one, left)]
    migrations = [one for one in reads.migrations(host=host) if one.status not in SETTLED]
    consumers = [one for one in placement.consumers(cloud, host) if one not in left]
    newest = {one.server_id: one.id for one in sorted(migrations, key=lambda one: one.id)}
    return Outcome(
        Result.DONE,
        {
            "empty": not (servers or migrations or consumers),
            "disabled": service.status == "disabled",
            "servers": [server_facts(one, newest.get(one["id"], 0), None) for one in servers],
            "migrations": [_migration_facts(one) for one in migrations],
            "allocations": consumers,
        },
        words=_what_is_there(servers, migrations, consumers),
    )


def _may_stay(server: Mapping[str, Any], left: Iterable[str]) -> bool:
    """Whether a server was to be left there, and is stopped."""
    return (
        server["id"] in left
        and server["status"] in _STOPPED
        and server.get("OS-EXT-STS:task_state") is None
    )


def _migration_facts(one: Migration) -> dict[str, Any]:
    return {"id": one.id, "server_id": one.server_id, "status": one.status, "type": one.type}


def _what_is_there(
    servers: list[dict[str, Any]], migrations: list[Migration], consumers: list[str]
) -> str:
    """In words, for an operator."""
    found = [f"server {one['id']} ({one['status']})" for one in servers]
    found += [f"migration {one.id} of {one.server_id} ({one.status})" for one in migrations]
    known = {one["id"] for one in servers}
    found += [f"allocation of {one}" for one in consumers if one not in known]
    return ", ".join(found[:20]) + (f", and {len(found) - 20} more" if len(found) > 20 else "")


def verify(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Whether a host shows that it is well after the work on it."""
    since = step.params["since"]
    if isinstance(since, str):
        since = dt.datetime.fromisoformat(since)
    found = cloud.reads.service(step.host.name)
    words = "" if found is None else _not_well(found, since)
    if found is None:
        words = "Nova has no nova-compute there"
    elif not words and not placement.has_provider(cloud, step.host.name):
        words = "it has no resource provider in Placement"
    return Outcome(Result.DONE, {"well": not words, "words": words}, words=words)


def _not_well(found: Service, since: dt.datetime) -> str:
    if found.forced_down:
        return "it is forced down"
    if not found.up:
        return "its nova-compute is down"
    if found.seen_at is None or found.seen_at <= since:
        return "its nova-compute has not reported since the end of the work"
    return ""


def _no_service(step: Step) -> Outcome:
    words = f"Nova has no nova-compute on host {step.host.name}"
    return Outcome(Result.REFUSED, {"gone": True}, "NOT_FOUND", words)
