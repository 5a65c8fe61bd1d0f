"""What a session says to projects and to operators: payloads of its notifications.

The keys and the values of ``state`` are a contract with existing application managers.
A value's ``str()`` is at most 255 characters, as Ceilometer cuts there; so lists that may
be long are read at a URL.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain import times
from craton_maintenance.domain.event import SERVICE, Type, cut, fits
from craton_maintenance.domain.session.commands import Tell
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.inputs import Reply
from craton_maintenance.domain.session.records import Host, Notice
from craton_maintenance.domain.session.states import HostState, NoticeStatus, State, Workflow

#: Tells that an action on a server is done; needs no answer.
INSTANCE_ACTION_DONE = "INSTANCE_ACTION_DONE"

#: States whose notices offer actions.
ASKS_FOR_ACTIONS = frozenset({State.PREPARE_MAINTENANCE.value, State.PLANNED_MAINTENANCE.value})

#: What ``maintenance.host`` says on entering a state. ``IN_MAINTENANCE`` is followed by
#: exactly one of MAINTENANCE_COMPLETE, MAINTENANCE_FAILED and RETIRED.
OF_HOST: Mapping[HostState, str] = {
    HostState.PLANNED: "PLANNED",
    HostState.DRAINING: "DRAINING",
    HostState.DRAINED: "DRAINED",
    HostState.IN_MAINTENANCE: "IN_MAINTENANCE",
    HostState.VERIFYING: "VERIFYING",
    HostState.RETURNED: "MAINTENANCE_COMPLETE",
    HostState.RETIRED: "RETIRED",
    HostState.FAILED: "MAINTENANCE_FAILED",
    HostState.SKIPPED: "SKIPPED",
}


def session_url(draft: Draft) -> str:
    return f"{draft.known.public_url}/maintenance/{draft.session.id}"


def reply_url(draft: Draft, notice: Notice) -> str:
    """Where a project reads what it is asked, and answers."""
    url = f"{session_url(draft)}/{notice.project_id}"
    return url if notice.server_id is None else f"{url}/{notice.server_id}"


def whole_seconds(moment: dt.datetime) -> str:
    """A time as application managers read it: none of them expects a fraction."""
    return times.text(moment.replace(microsecond=0))


def notice(draft: Draft, one: Notice) -> None:
    """Tell a project what is asked of it, or that an action is done."""
    payload: dict[str, Any] = {
        "service": SERVICE,
        "project_id": one.project_id,
        "session_id": draft.session.id,
        "state": one.state,
        "instance_ids": _instance_ids(draft, one),
        "allowed_actions": _fitting(one.actions),
        "reply_url": reply_url(draft, one),
        "metadata": _metadata(draft, one),
        "notice_id": one.id,
        "window_id": draft.session.window_id,
    }
    if one.reply_at is not None:
        # of one that was handed over late and is sent once more the later time counts
        payload["reply_at"] = whole_seconds(one.deadline or one.reply_at)
    if one.actions_at is not None:
        payload["actions_at"] = whole_seconds(one.actions_at)
    draft.tell(Tell(Type.SCHEDULED.value, one.project_id, payload, one.id, one.servers))


def _instance_ids(draft: Draft, one: Notice) -> str | list[str]:
    listed = one.state == INSTANCE_ACTION_DONE or (
        one.state in ASKS_FOR_ACTIONS and draft.session.workflow is Workflow.VNF
    )
    return list(one.servers) if listed else f"{session_url(draft)}/{one.project_id}"


def _metadata(draft: Draft, one: Notice) -> dict[str, str]:
    if one.state == INSTANCE_ACTION_DONE or not fits(dict(draft.session.metadata)):
        return {}
    return dict(draft.session.metadata)


def _fitting(actions: Sequence[str]) -> list[str]:
    """The longest list that fits: names of flows go first, and are read at the URL."""
    left = list(actions)
    while not fits(left):
        left.pop(0)
    return left


def host(draft: Draft, one: Host) -> None:
    """Tell operators that a host has entered a state."""
    payload: dict[str, Any] = {
        "service": SERVICE,
        "project_id": draft.known.admin_project_id,
        "host": one.key.name,
        "region": one.key.region,
        "state": OF_HOST[one.state],
        "session_id": draft.session.id,
        "window_id": draft.session.window_id,
    }
    if one.reason:
        payload["reason"] = cut(one.reason)
    draft.tell(Tell(Type.HOST.value, draft.known.admin_project_id, payload))


def session(draft: Draft, reason: str | None = None, words: str = "") -> None:
    """Tell operators where the session stands."""
    payload: dict[str, Any] = {
        "service": SERVICE,
        "project_id": draft.known.admin_project_id,
        "session_id": draft.session.id,
        "state": draft.session.state.value,
        "percent_done": draft.session.percent_done,
        "window_id": draft.session.window_id,
    }
    if reason or draft.session.reason:
        payload["reason"] = cut(reason or draft.session.reason or "")
    if words or draft.session.words:
        payload["words"] = cut(words or draft.session.words)
    draft.tell(Tell(Type.SESSION.value, draft.known.admin_project_id, payload))


def replied(draft: Draft, reply: Reply) -> None:
    """Tell operators that a project has answered."""
    payload = {
        "service": SERVICE,
        "project_id": draft.known.admin_project_id,
        "session_id": draft.session.id,
        "window_id": draft.session.window_id,
        **reply.said,
    }
    draft.tell(Tell(Type.REPLY.value, draft.known.admin_project_id, payload))


def action_done(draft: Draft, server_id: str, project_id: str) -> None:
    """Tell a project that what was to happen to its server has happened."""
    one = Notice(
        id=draft.new_notice_id(),
        project_id=project_id,
        state=INSTANCE_ACTION_DONE,
        servers=(server_id,),
        created_at=draft.now,
        server_id=server_id if draft.session.workflow is Workflow.VNF else None,
        status=NoticeStatus.INFORMATION,
    )
    draft.notices[one.id] = one
    notice(draft, one)
