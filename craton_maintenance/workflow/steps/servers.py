"""Steps on a server. Which one fits is decided elsewhere; here it is done, or refused.

What Nova does with a server shows at once: a call that it has accepted has changed the
server's task before it is answered.  So what an earlier try did shows in the server's
task, in its place, or, when that is over, in its history.
"""

from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.session.steps import Outcome, Result, Step
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.reads import Migration
from craton_maintenance.workflow.steps.facts import outcome, state_facts

_LIVE = ("ACTIVE", "PAUSED")
_COLD = ("ACTIVE", "SHUTOFF")
_EVACUATED = ("ACTIVE", "SHUTOFF", "ERROR")
#: What Nova stops: an ERROR may be of anything but the server itself.
_STOPPED_FROM = ("ACTIVE", "ERROR")
#: Nova's power state of a server that does not run, whatever its status.
_POWERED_OFF = 4

_MOVING = frozenset(
    {
        "migrating",
        "resize_prep",
        "resize_migrating",
        "resize_migrated",
        "resize_finish",
        "rebuilding",
        "rebuild_spawning",
    }
)

#: What Nova calls the migrations that these actions make.
_TYPES = {
    "os-migrateLive": "live-migration",
    "migrate": "migration",
    "evacuate": "evacuation",
}

Server = Mapping[str, Any]


def live_migrate(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Move a server while it runs; the scheduler is asked for a named host, too."""
    arguments = {"host": step.params.get("target"), "block_migration": "auto"}
    return _move(cloud, step, again, _LIVE, "os-migrateLive", arguments)


def cold_migrate(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Move a server that is stopped meanwhile; it has to be confirmed afterwards."""
    target = step.params.get("target")
    if target and cloud.reads.version < (2, 56):
        words = "Nova moves a server cold to a named host from 2.56 of its API on"
        return Outcome(Result.REFUSED, code="UNSUPPORTED", words=words)
    return _move(cloud, step, again, _COLD, "migrate", {"host": target} if target else None)


def evacuate(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have a server started elsewhere, as its host is off."""
    return _move(cloud, step, again, _EVACUATED, "evacuate", {})


def _move(
    cloud: Cloud, step: Step, again: bool, states: tuple[str, ...], action: str, arguments: Any
) -> Outcome:
    """Ask for a move, unless the server is not there any more.

    Nova numbers migrations: one of the server that is newer than those before is ours.
    """
    server = cloud.reads.server(_id(step))
    before = step.params.get("migration")
    facts = state_facts(server) | {"already": False, "migration": before or 0}
    away = facts["host"] != step.host.name
    if server is None or (away and not again):
        return Outcome(Result.DONE, facts | {"already": True})
    if again and not away and facts["task_state"] in _MOVING:
        return Outcome(Result.DONE, facts)
    newest = cloud.reads.newest_migration(server["id"]) if again or before is None else None
    if again:
        ended = _earlier_try(step, _TYPES[action], newest, facts)
        if ended is not None:
            return ended
    if before is None:
        facts["migration"] = 0 if newest is None else newest.id
    return _unfit(facts, states) or outcome(
        cloud.actions.act(server["id"], action, arguments), facts
    )


def _earlier_try(
    step: Step, kind: str, newest: Migration | None, facts: Mapping[str, Any]
) -> Outcome | None:
    """What an earlier try has come to, by the server's newest migration; None: nothing.

    :param kind: type of the migrations that this step makes
    """
    before, here = step.params.get("migration"), step.host.name
    if facts["host"] != here:
        # moved by that try it may have to be confirmed yet; else others have moved it
        ours = (
            newest is not None
            and newest.id > (before or 0)
            and (newest.type, newest.source) == (kind, here)
        )
        return Outcome(Result.DONE, {**facts, "already": not ours})
    if newest is None:
        return None
    if before is None and newest.source == here:
        words = f"migration {newest.id} may be of this step, or of before"
        return Outcome(Result.UNCLEAR, facts, words=words)
    if before is not None and newest.id > before:
        return Outcome(Result.DONE, facts)
    return None


def confirm_resize(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have a moved server stay where it is; what was kept of it elsewhere is given up."""
    server = cloud.reads.server(_id(step))
    facts = state_facts(server) | {"already": False}
    if server is None or facts["status"] in ("ACTIVE", "SHUTOFF"):
        return Outcome(Result.DONE, facts | {"already": True})
    if again and facts["status"] == "VERIFY_RESIZE":
        # until it is through only the record shows that it was asked for
        found = cloud.reads.newest_migration(server["id"])
        if found is not None and found.status in ("confirming", "confirmed"):
            return Outcome(Result.DONE, facts)
    return _unfit(facts, ("VERIFY_RESIZE",)) or outcome(
        cloud.actions.act(server["id"], "confirmResize"), facts
    )


def abort_migration(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have a live migration end where it began. To ask for it twice does no harm."""
    running = _running(cloud, step)
    if running is None:
        return Outcome(Result.DONE, {"already": True})
    if running["status"] != "running" and cloud.reads.version < (2, 65):
        words = f"migration {running['id']} is {running['status']}, and can't be aborted yet"
        return Outcome(Result.LATER, {"already": False}, words=words)
    ended = cloud.actions.send("DELETE", f"/servers/{_id(step)}/migrations/{running['id']}")
    return _unless_over(ended)


def force_complete(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have a live migration end where it goes. To ask for it twice does no harm."""
    running = _running(cloud, step)
    if running is None:
        return Outcome(Result.DONE, {"already": True})
    if running["status"] != "running":
        words = f"migration {running['id']} is {running['status']}, and can't be forced yet"
        return Outcome(Result.LATER, {"already": False}, words=words)
    path = f"/servers/{_id(step)}/migrations/{running['id']}/action"
    return _unless_over(cloud.actions.send("POST", path, {"force_complete": None}))


def _running(cloud: Cloud, step: Step) -> Mapping[str, Any] | None:
    """The live migration under way that is newer than those before ours."""
    before = step.params.get("migration") or 0
    found = [one for one in cloud.reads.under_way(_id(step)) if one["id"] > before]
    return found[-1] if found else None


def _unless_over(ended: Outcome) -> Outcome:
    """It may have ended by itself between the two calls."""
    if ended.code == "NOT_FOUND":
        return Outcome(Result.DONE, {"already": True}, words=ended.words)
    return outcome(ended, {"already": False})


def stop(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Stop a server that is left on its host."""
    server = cloud.reads.server(_id(step))
    facts = state_facts(server) | {"already": False}
    if server is None or facts["host"] != step.host.name:
        return Outcome(Result.DONE, facts | {"already": True})
    if facts["status"] == "SHUTOFF" or facts["task_state"] == "powering-off":
        # only what we have stopped is started again afterwards
        ours = again and _asked_by_us(cloud, server, "stop")
        return Outcome(Result.DONE, facts | {"already": not ours})
    if again and _asked_by_us(cloud, server, "stop"):
        return Outcome(Result.DONE, facts)
    # in ERROR it may be down already; what did not run is not started again afterwards
    facts["already"] = server.get("OS-EXT-STS:power_state") == _POWERED_OFF
    return _unfit(facts, _STOPPED_FROM) or outcome(
        cloud.actions.act(server["id"], "os-stop"), facts
    )


def start(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Start a server that we have stopped."""
    server = cloud.reads.server(_id(step))
    facts = state_facts(server) | {"already": False}
    if server is None or facts["status"] == "ACTIVE" or facts["task_state"] == "powering-on":
        return Outcome(Result.DONE, facts | {"already": True})
    if again and _asked_by_us(cloud, server, "start"):
        return Outcome(Result.DONE, facts)
    return _unfit(facts, ("SHUTOFF",)) or outcome(
        cloud.actions.act(server["id"], "os-start"), facts
    )


def offload(cloud: Cloud, step: Step, again: bool) -> Outcome:
    """Have a shelved server leave its host."""
    server = cloud.reads.server(_id(step))
    facts = state_facts(server) | {"already": False}
    if server is None or facts["host"] != step.host.name:
        return Outcome(Result.DONE, facts | {"already": True})
    if facts["status"] == "SHELVED_OFFLOADED":
        # Nova has it so a moment before it forgets the host
        return Outcome(Result.DONE, facts | {"already": True})
    if facts["task_state"] == "shelving_offloading":
        return Outcome(Result.DONE, facts | {"already": not again})
    return _unfit(facts, ("SHELVED",)) or outcome(
        cloud.actions.act(server["id"], "shelveOffload"), facts
    )


def _asked_by_us(cloud: Cloud, server: Server, action: str) -> bool:
    """Whether this is what was asked of a server last, and we have asked."""
    newest = cloud.reads.newest_action(server["id"])
    return (
        newest is not None
        and newest["action"] == action
        and newest["user_id"] == cloud.reads.user_id()
    )


def _unfit(facts: Mapping[str, Any], states: tuple[str, ...]) -> Outcome | None:
    """A refusal of a server that is not as it has to be."""
    status, task = facts["status"], facts["task_state"]
    if task is not None:
        words = f"the server is {status}, and {task}"
        return Outcome(Result.REFUSED, facts, "SERVER_BUSY", words)
    if status not in states:
        words = f"the server is {status}; it has to be {' or '.join(states)}"
        return Outcome(Result.REFUSED, facts, "SERVER_STATE", words)
    return None


def _id(step: Step) -> str:
    if step.server_id is None:
        raise ValueError(f"step {step.number} ({step.kind}) names no server")
    return step.server_id
