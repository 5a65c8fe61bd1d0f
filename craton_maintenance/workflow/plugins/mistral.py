"""``mistral``: a workflow that Mistral runs."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain.session.steps import Outcome, Result
from craton_maintenance.workflow.plugins import fill
from craton_maintenance.workflow.plugins.base import Context, HostAction, Problem
from craton_maintenance.workflow.plugins.command import problems_of
from craton_maintenance.workflow.plugins.executions import Away, Execution, Executions, Refused

#: Seconds between two looks at an execution: a fifth of its age, within these.
_SOONEST, _SELDOMEST, _SHARE = 1.0, 10.0, 0.2

#: Seconds after its time limit in which an execution has to be seen to have ended.
_GRACE = 60.0

#: Seconds that an answer is waited for: a look does at most three requests.
_TIMEOUT = 20.0

#: Headers of Mistral's own messages: it sends JSON, and does not say so.
_JSON = {"Content-Type": "application/json"}

#: Ids of executions are made from those of steps in here.
_NAMESPACE = uuid.UUID("5a0c3c1e-7c5d-5f43-9d0e-3b1f0a6f2f11")


class Mistral(HostAction):
    """Options: ``host-action-mistral.json``. The service's own credentials start it.

    The execution's id is made from the step's id, and Mistral has one of each id: whoever comes
    after a crash, or after an answer that was lost, finds it there. No thread waits for it.
    ``SUCCESS`` is success; ``ERROR`` and ``CANCELLED`` are failures, with Mistral's words; one
    that is paused is waited for. At its time limit it is cancelled.
    """

    placeholders = True
    elsewhere = True

    def check(self, options: Mapping[str, Any]) -> Sequence[Problem]:
        return problems_of("host-action-mistral", options)

    def run(self, context: Context) -> Outcome:
        if context.cloud is None:
            words = f"no cloud is configured for region {context.region}"
            return Outcome(Result.LATER, code="NO_CLOUD", words=words)
        mistral = Executions(context.cloud, min(_TIMEOUT, max(context.left, 0.1)))
        begun = context.again
        try:
            found = mistral.get(execution_id(context)) if begun else None
            if found is None:
                if _is_gone(context):
                    words = f"Mistral does not know execution {execution_id(context)} any more"
                    return Outcome(Result.UNCLEAR, code="GONE", words=words)
                begun = False
                found = mistral.start(execution_id(context), _asked(context))
                begun = True
            return _outcome(mistral, context, found)
        except Refused as error:
            if begun:
                # it is there, and is not shown, or not cancelled as it has just ended
                return _unknown(context, str(error), begun)
            return Outcome(Result.REFUSED, code="NOT_STARTED", words=f"Mistral: {error}")
        except Away as error:
            return _unknown(context, str(error), begun or error.sent)


def execution_id(context: Context) -> str:
    """The id of a step's execution."""
    return str(uuid.uuid5(_NAMESPACE, context.step_id))


def _is_gone(context: Context) -> bool:
    """Whether an execution that is not there was, and may not be started once more."""
    return "created_at" in context.known and context.options.get("repeat", "ask") != "safe"


def _asked(context: Context) -> dict[str, Any]:
    options, workflow = context.options, context.options["workflow"]
    asked = {
        "workflow_id" if _is_uuid(workflow) else "workflow_name": workflow,
        "input": fill.filled(options.get("input", {}), fill.values(context)),
        "description": f"craton-maintenance {context.step_id} {context.host}",
    }
    if options.get("namespace"):
        asked["workflow_namespace"] = options["namespace"]
    if context.news:
        webhook = {"type": "webhook", "url": context.news, "headers": _JSON}
        asked["params"] = {"notify": [webhook]}
    return asked


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _outcome(mistral: Executions, context: Context, found: Execution) -> Outcome:
    """How it has ended; or that it goes on, unless its time is over.

    :raises Away: it can't be cancelled now
    """
    name = f"execution {found.id} of {found.workflow}"
    facts = {
        "execution": found.id,
        "state": found.state,
        "created_at": found.created_at.isoformat(),
    }
    if found.state == "SUCCESS":
        return Outcome(Result.DONE, facts | {"output": found.output[: context.keep]})
    if found.state == "ERROR":
        words = f"{name} has failed: {found.words or 'without a word'}"
        return Outcome(Result.REFUSED, facts, "FAILED", words)
    late = _age(found.created_at) - context.limit
    if found.state == "CANCELLED":
        ours = found.words == _over(context)
        words = f"{name} was cancelled" + (f": {found.words}" if found.words else "")
        return Outcome(Result.REFUSED, facts, "TIMED_OUT" if ours else "CANCELLED", words)
    if late >= _GRACE:
        words = f"{name} was cancelled at its time limit, and is {found.state} still"
        return Outcome(Result.UNCLEAR, facts, "TIMED_OUT", words)
    if late >= 0:
        mistral.cancel(found.id, _over(context))
        return Outcome(Result.UNDER_WAY, facts, look_in=_SOONEST)
    look_in = min(_pause(found.created_at), max(0.1, -late))
    if found.state == "PAUSED":
        words = f"{name} is paused: resume it in Mistral, or cancel it there"
        return Outcome(Result.UNDER_WAY, facts, "PAUSED", words, look_in)
    return Outcome(Result.UNDER_WAY, facts, look_in=look_in)


def _unknown(context: Context, why: str, begun: bool) -> Outcome:
    """Mistral says nothing of it: what becomes of the step.

    :param begun: it may have been begun
    """
    words = f"Mistral does not say how it stands: {why}" if begun else f"Mistral: {why}"
    if not begun:
        return Outcome(Result.LATER, code="UNREACHABLE", words=words)
    facts = {"execution": execution_id(context), "since": dt.datetime.now(dt.UTC).isoformat()}
    facts |= context.known
    # of one that was never seen, since nobody knows whether it was begun
    began = dt.datetime.fromisoformat(facts.get("created_at", facts["since"]))
    if _age(began) - context.limit >= _GRACE:
        words = f"the time of execution {execution_id(context)} is over; {words}"
        return Outcome(Result.UNCLEAR, facts, "TIMED_OUT", words)
    return Outcome(Result.UNDER_WAY, facts, "UNREACHABLE", words, _SELDOMEST / 2)


def _over(context: Context) -> str:
    return f"its time limit of {context.limit:g} s is over"


def _pause(created_at: dt.datetime) -> float:
    return min(_SELDOMEST, max(_SOONEST, _age(created_at) * _SHARE))


def _age(created_at: dt.datetime) -> float:
    """Seconds since Mistral has begun it; its clock and ours are the cloud's."""
    return (dt.datetime.now(dt.UTC) - created_at).total_seconds()
