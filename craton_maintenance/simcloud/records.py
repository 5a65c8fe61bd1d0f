"""What is written down of a server's history: instance actions, faults, wishes."""

from typing import TYPE_CHECKING

from craton_maintenance.simcloud import ids
from craton_maintenance.simcloud.model import Action, Event, Server

if TYPE_CHECKING:
    from craton_maintenance.simcloud.calls import Call
    from craton_maintenance.simcloud.cloud import Cloud


def begin(
    cloud: "Cloud", call: "Call", server: Server, name: str, event: str | None = None
) -> Action:
    """Note that an action was asked for, and begin its first event."""
    now = cloud.now()
    action = Action(name, call.request_id, call.user_id, call.project_id, now, now)
    server.actions.append(action)
    if event is not None:
        action.events.append(Event(event, now, host=server.host))
    return action


def end(cloud: "Cloud", action: Action | None, error: str | None = None) -> None:
    """Note how an action ended; of an error the action itself says no more than "Error"."""
    if action is None:
        return
    now = cloud.now()
    action.updated_at = now
    if error is not None:
        action.message = "Error"
    for event in action.events:
        if event.finish is None:
            event.finish = now
            event.result = "Success" if error is None else "Error"
            event.details = error


def fail(cloud: "Cloud", server: Server, message: str) -> None:
    """Put a server into ERROR, with a fault that tells why."""
    server.vm_state = "error"
    server.task_state = None
    server.fault = {"code": 500, "created": ids.zulu(cloud.now()), "message": message}
    cloud.touch(server)


def wish(server: Server, what: str) -> str:
    """What a server's metadata asks of the simulation: sim:WHAT, or the fake_WHAT that a
    test cloud's driver for the real Nova understands."""
    metadata = server.metadata
    return metadata.get(f"sim:{what}", metadata.get(f"fake_{what}", ""))


def seconds(text: str, default: float) -> float:
    """A wish that is a number of seconds."""
    try:
        return max(float(text), 0.0)
    except ValueError:
        return default
