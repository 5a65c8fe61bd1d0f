"""What Nova shows of a step about a server: that it has worked, failed, or been overtaken."""

from collections.abc import Mapping

from craton_maintenance.domain.session import actions
from craton_maintenance.domain.session.known import Move, Seen
from craton_maintenance.domain.session.records import Server
from craton_maintenance.domain.session.steps import StepKind

#: How a migration's record ends when it has failed.
_FAILED = frozenset({"error", "failed", "cancelled"})

#: How it is while it goes on, and will end by itself.
RUNNING = frozenset({"accepted", "queued", "preparing", "running", "pre-migrating", "migrating"})

#: How it ends when it has worked.
_WORKED = frozenset({"completed", "confirmed"})

#: How a move's record is when the server is elsewhere.
_RECORDED = _WORKED | {"finished"}

#: A flow's own action, followed by its number.
RUN = "run_plugin:"

MOVES = frozenset(
    {
        StepKind.LIVE_MIGRATE.value,
        StepKind.COLD_MIGRATE.value,
        StepKind.EVACUATE_SERVER.value,
    }
)

#: Steps that take a server away from its users; they are not begun after the window's end.
TAKES_OUT = MOVES | {StepKind.STOP_SERVER.value, StepKind.OFFLOAD_SERVER.value}

#: Moves that a target may be named for; an evacuation goes where the scheduler says.
TO_A_TARGET = frozenset({StepKind.LIVE_MIGRATE.value, StepKind.COLD_MIGRATE.value})


def has_worked(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    """Whether a step has had its effect.

    :param kind: the step's, or :data:`RUN` with a number
    :param move: the server's newest migration, if it is newer than the step
    """
    away = seen.host != server.host
    match kind:
        case StepKind.LIVE_MIGRATE:
            # the server shows its new host before its record has ended, and may be lost yet
            return away and move is not None and move.status in _WORKED
        case StepKind.COLD_MIGRATE:
            resized = move is not None and move.status in ("finished", "confirmed")
            return away and resized and seen.status in (actions.VERIFY_RESIZE, "ACTIVE", "SHUTOFF")
        case StepKind.EVACUATE_SERVER:
            evacuated = move is not None and move.status in ("done", "completed")
            return away and evacuated and seen.status != "REBUILD"
        case StepKind.CONFIRM_RESIZE:
            return seen.status not in (actions.VERIFY_RESIZE, "RESIZE") and (
                move is None or move.status in _WORKED
            )
        case StepKind.STOP_SERVER:
            return seen.status == "SHUTOFF"
        case StepKind.START_SERVER:
            return seen.status == "ACTIVE"
        case StepKind.OFFLOAD_SERVER:
            return seen.host is None
    return True


def has_left(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    """Somebody else has moved it while it was to be stopped, or to be moved in another way."""
    if seen.host == server.host:
        return False
    if kind in (StepKind.STOP_SERVER, StepKind.OFFLOAD_SERVER):
        return True
    other: Mapping[str, str] = {
        StepKind.LIVE_MIGRATE: "finished",
        StepKind.COLD_MIGRATE: "completed",
    }
    return move is not None and move.status == other.get(kind)


def has_failed(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    """Whether it is over, and has not worked."""
    if kind in MOVES:
        has_failed = move is not None and move.status in _FAILED
        return has_failed or (kind in TO_A_TARGET and seen.status == "ERROR")
    return kind != StepKind.CONFIRM_RESIZE and seen.status == "ERROR" and server.status != "ERROR"


def contradicts(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    """A move's record says that it has worked, and the server is where it was.

    So it ends where nova-compute dies with a migration asked for, and comes back.
    """
    return (
        kind in TO_A_TARGET
        and move is not None
        and move.status in _RECORDED
        and seen.host == server.host
    )
