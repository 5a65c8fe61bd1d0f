"""What did not work, or not yet: again, another way, or somebody's decision."""

from typing import Any

from craton_maintenance.domain.session import actions, effects, endings, notices
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Server
from craton_maintenance.domain.session.states import Action, Blocker, ServerState, State
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind

#: Seconds until it counts as a failure that a move has worked and its server is where it was.
_DOUBT = 10.0

#: Steps that bring to an end what was begun: they are repeated until they work.
_FINISHING = frozenset({StepKind.CONFIRM_RESIZE.value, StepKind.START_SERVER.value})


def doubt(draft: Draft, server: Server, words: str) -> None:
    """The one may be known earlier than the other: only what stays so is a failure."""
    known = server.problem is not None and server.problem.code is Blocker.MOVE_FAILED
    if not known:
        draft.block_server(server.id, Blocker.MOVE_FAILED, words, awaits_until=draft.later(_DOUBT))
    elif server.awaits_until is not None and draft.now >= server.awaits_until:
        failed(draft, server, words)


def timeout(draft: Draft, kind: StepKind) -> float:
    policy = draft.policy
    return {
        StepKind.LIVE_MIGRATE: policy.live_timeout,
        StepKind.COLD_MIGRATE: policy.cold_timeout,
    }.get(kind, policy.power_timeout)


def pause_and_retry(draft: Draft, server: Server, step: Step, words: str) -> None:
    """It had no effect, and may have one later; this is no failed attempt."""
    if step.kind in _FINISHING or step.kind is StepKind.RUN_PLUGIN:
        draft.block_server(server.id, Blocker.SERVICE_UNAVAILABLE, words)
        _once_more(draft, server, step)
        return
    draft.block_server(
        server.id,
        Blocker.SERVICE_UNAVAILABLE,
        words,
        state=ServerState.READY,
        not_before=draft.later(draft.policy.retry_pause),
    )
    endings.back(draft, server.id)


def unclear(draft: Draft, server: Server, step: Step, words: str) -> None:
    """Nova's steps look before they act: done again, it is found out what happened."""
    if step.kind is StepKind.RUN_PLUGIN:
        draft.block_server(server.id, Blocker.STEP_UNCLEAR, words, state=ServerState.BLOCKED)
        return
    draft.block_server(server.id, Blocker.SERVICE_UNAVAILABLE, words)
    _once_more(draft, server, step)


def in_its_way(outcome: Outcome) -> Blocker:
    """Why something that goes on elsewhere does not get on."""
    if outcome.code == "PAUSED":
        return Blocker.WAITING_FOR_OPERATOR
    return Blocker.SERVICE_UNAVAILABLE


def goes_on(draft: Draft, server: Server, outcome: Outcome) -> None:
    """It goes on elsewhere: what is in its way, or is not any more."""
    if outcome.words:
        draft.block_server(server.id, in_its_way(outcome), outcome.words)
    else:
        draft.server(server.id, problem=None)


def _once_more(draft: Draft, server: Server, step: Step) -> None:
    """The same step after a pause, which looks first what came of the one before.

    An action of a flow that comes here was not begun, and there is nothing to look for.
    """
    params = {**step.params, "step": step.params.get("step", step.number)}
    if step.kind is not StepKind.RUN_PLUGIN:
        params["again"] = True
    at = draft.later(draft.policy.retry_pause)
    number = draft.do(step.kind, step.host, step.server_id, params, not_before=at)
    draft.server(server.id, step=number)


def refused(draft: Draft, server: Server, step: Step, outcome: Outcome) -> None:
    if step.kind in _FINISHING and outcome.code != "NOT_FOUND":
        draft.block_server(server.id, Blocker.MOVE_FAILED, outcome.words)
        _once_more(draft, server, step)
    elif outcome.code in ("SERVER_BUSY", "SERVER_STATE"):
        status = outcome.facts.get("status", server.status)
        draft.block_server(
            server.id,
            Blocker.SERVER_BUSY,
            outcome.words,
            state=ServerState.READY,
            status=status,
            not_before=draft.later(draft.policy.retry_pause),
        )
        endings.back(draft, server.id)
    elif outcome.code == "NOT_FOUND":
        seen = draft.known.servers.get(server.id)
        if seen is None:
            endings.gone(draft, server)
        else:
            pause_and_retry(draft, server, step, outcome.words)
    else:
        failed(draft, server, outcome.words, anywhere=outcome.code != "CONFLICT")


def failed(draft: Draft, server: Server, words: str, anywhere: bool = True) -> None:
    """A try has failed, and the server is where it was: again, or another way, or ask.

    :param anywhere: where it was to go may have been the reason
    """
    attempts = server.attempts + 1
    seen = draft.known.servers.get(server.id)
    in_error = seen is not None and seen.status == "ERROR" and server.status != "ERROR"
    values: dict[str, Any] = {
        "attempts": attempts,
        "anywhere": anywhere,
        "todo": (),
        "awaits_until": None,
        "status": seen.status if seen is not None else server.status,
    }
    if attempts < draft.policy.max_attempts and not in_error:
        pause = draft.policy.retry_pause * 2 ** (attempts - 1)
        if (
            attempts == draft.policy.max_attempts - 1
            and server.action == Action.LIVE_MIGRATE
            and actions.may_go_cold(draft.known, server)
        ):
            values["action"] = Action.MIGRATE.value
        draft.block_server(
            server.id,
            Blocker.MOVE_FAILED,
            words,
            state=ServerState.READY,
            not_before=draft.later(pause),
            **values,
        )
    else:
        draft.block_server(
            server.id, Blocker.MOVE_FAILED, words, state=ServerState.BLOCKED, **values
        )
        if server.aborted and not server.asked_again:
            _ask_again(draft, server)
    endings.back(draft, server.id)


def _ask_again(draft: Draft, server: Server) -> None:
    """A move that did not end was aborted: its owner may choose something else."""
    host = draft.hosts[server.host]
    again = draft.server(server.id, asked_again=True)
    notices.ask_servers(draft, host.phase or State.PLANNED_MAINTENANCE, server.host, [again])


def stuck(draft: Draft, server: Server) -> None:
    """Its effect did not come in time."""
    kind = server.todo[0]
    seen = draft.known.servers.get(server.id)
    if kind in effects.TAKES_OUT and seen is not None and seen.host != server.host:
        # it was elsewhere before we asked
        endings.gone(draft, server)
        return
    if kind != StepKind.LIVE_MIGRATE:
        draft.block_server(
            server.id,
            Blocker.MOVE_FAILED,
            f"{kind} of {server.id} does not end; it is still waited for",
        )
        draft.server(server.id, awaits_until=draft.later(timeout(draft, StepKind(kind))))
        if kind == StepKind.START_SERVER:
            draft.server(server.id, state=ServerState.BLOCKED)
        return
    force = actions.may_force(draft.known, server)
    what = StepKind.FORCE_COMPLETE if force else StepKind.ABORT_MIGRATION
    number = draft.do(what, server.host, server.id)
    draft.server(server.id, step=number)
    draft.block_server(
        server.id, Blocker.MOVE_FAILED, f"the live migration of {server.id} does not end"
    )


def escalated(draft: Draft, server: Server, kind: StepKind, outcome: Outcome) -> None:
    """An abort or a forced completion was asked for: what comes of it is seen as ever."""
    if kind is StepKind.ABORT_MIGRATION and outcome.result is Result.DONE:
        # it ends as cancelled; then nothing more is tried without somebody's word
        draft.server(server.id, attempts=draft.policy.max_attempts, aborted=True)
    pause = draft.policy.retry_pause if outcome.result is not Result.DONE else 60.0
    draft.server(server.id, awaits_until=draft.later(pause))
