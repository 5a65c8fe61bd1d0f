"""What may happen to a server: who chooses it, and what it comes to in its state."""

import dataclasses
from collections.abc import Mapping

from craton_maintenance.domain.session.known import Constraint, Flow, GroupConstraint, Known
from craton_maintenance.domain.session.records import Server
from craton_maintenance.domain.session.states import FLOW, Action, Blocker, Chosen
from craton_maintenance.domain.session.steps import StepKind

_COLD = (StepKind.COLD_MIGRATE.value, StepKind.CONFIRM_RESIZE.value)
_LIVE = (StepKind.LIVE_MIGRATE.value,)
_OFFLOAD = (StepKind.OFFLOAD_SERVER.value,)
_STOP = (StepKind.STOP_SERVER.value,)

#: Which steps an action comes to, by the server's status in Nova's API; the only place
#: that says so.  A status that is not here is passed through: the server is busy.
#: ``None``: it can't be done, somebody has to decide.
TABLE: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {
    "ACTIVE": {"MIGRATE": _COLD, "LIVE_MIGRATE": _LIVE, "NOTHING": _STOP},
    # a stopped server is moved cold, and stays stopped
    "SHUTOFF": {"MIGRATE": _COLD, "LIVE_MIGRATE": _COLD, "NOTHING": ()},
    # Nova moves a paused server live only, and stops none
    "PAUSED": {"MIGRATE": _LIVE, "LIVE_MIGRATE": _LIVE, "NOTHING": None},
    "SHELVED": {"MIGRATE": _OFFLOAD, "LIVE_MIGRATE": _OFFLOAD, "NOTHING": _OFFLOAD},
    # its memory is on the host's disk already: it may stay, and can't be moved
    "SUSPENDED": {"MIGRATE": None, "LIVE_MIGRATE": None, "NOTHING": ()},
    "RESCUE": {"MIGRATE": None, "LIVE_MIGRATE": None, "NOTHING": None},
    "ERROR": {"MIGRATE": None, "LIVE_MIGRATE": None, "NOTHING": _STOP},
}

#: A tenant's resize that nobody has confirmed or reverted.
VERIFY_RESIZE = "VERIFY_RESIZE"

#: Seconds of interruption from which on an owner is taken to accept a cold migration.
COLD_INTERRUPTION = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """An action, and who chose it."""

    action: str
    by: Chosen


def offered(known: Known, project_id: str) -> tuple[str, ...]:
    """What a project may choose from: flows first, MIGRATE always."""
    flows = tuple(
        f"{FLOW}{name}"
        for name, flow in sorted(known.flows.items())
        if flow.projects is None or project_id in flow.projects
    )
    return (*flows, *(action.value for action in Action))


def choose(known: Known, server: Server, reply: str | None) -> Choice:
    """The action of the first who says something that this project may choose."""
    constraint = known.constraints.get(server.id, Constraint())
    group = known.groups.get(server.group_id or "", GroupConstraint())
    able = offered(known, server.project_id)
    for by, action in (
        (Chosen.REPLY, reply),
        (Chosen.CONSTRAINT, constraint.action),
        (Chosen.METADATA, server.hints.get("metadata")),
        (Chosen.TAG, server.hints.get("tag")),
        (Chosen.GROUP, group.action),
    ):
        if action is not None and action in able:
            return Choice(action, by)
    return Choice(known.policy.default_action, Chosen.OPERATOR)


def steps(action: str, status: str, flows: Mapping[str, Flow]) -> tuple[str, ...] | Blocker:
    """What an action comes to for a server in this state, or why it can't be done."""
    if status == VERIFY_RESIZE:
        return Blocker.UNCONFIRMED_RESIZE
    if status not in TABLE:
        return Blocker.SERVER_BUSY
    if action.startswith(FLOW):
        flow = flows.get(action.removeprefix(FLOW))
        # it was taken out of the catalogue: what it would have done is anybody's guess
        return Blocker.SERVER_STATE if flow is None else flow.steps
    found = TABLE[status].get(action)
    return Blocker.SERVER_STATE if found is None else found


def may_go_cold(known: Known, server: Server) -> bool:
    """Whether a server whose live migration fails may be moved cold."""
    constraint = known.constraints.get(server.id, Constraint())
    longest = constraint.max_interruption_time
    if longest is not None:
        return longest >= COLD_INTERRUPTION
    if server.chosen_by is Chosen.OPERATOR:
        return known.policy.cold_fallback
    return server.action == Action.MIGRATE


def may_force(known: Known, server: Server) -> bool:
    """Whether a live migration that does not end may be forced to: it interrupts the server."""
    constraint = known.constraints.get(server.id, Constraint())
    if constraint.max_interruption_time is not None:
        return constraint.max_interruption_time >= COLD_INTERRUPTION
    return server.chosen_by is Chosen.OPERATOR and known.policy.force_complete
