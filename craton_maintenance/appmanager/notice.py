"""What a project is told, read from either of the forms that it comes in.

From the history an event is ``{"id", "event_type", "payload", "servers", …}``. From Aodh it is
the body of an alarm: ``{"reason_data": {"event": {"event_type", "message_id", "traits": [[name,
type, value], …]}}}``, where Ceilometer has made texts of lists and maps, as Python writes them.
"""

import ast
import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

SCHEDULED = "maintenance.scheduled"


class Malformed(ValueError):
    """It has the name of a notice, and not its content."""


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """What a project is asked, or told."""

    #: the same in each repetition of a notice
    key: str
    #: the same in each delivery of a message; None: it was not a message
    message_id: str | None
    #: ``MAINTENANCE``, ``SCALE_IN``, … , ``INSTANCE_ACTION_DONE``
    state: str
    session_id: str
    project_id: str
    reply_url: str
    #: the servers that it is about; None: they are read at :attr:`reply_url`
    servers: tuple[str, ...] | None
    #: it is answered at an address of its one server
    single: bool = False
    #: actions that may be chosen
    allowed: tuple[str, ...] = ()
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: until when an answer is taken
    reply_at: dt.datetime | None = None
    #: when it happens, at the earliest
    actions_at: dt.datetime | None = None


def read(event: Mapping[str, Any]) -> Notice | None:
    """The notice in an event of the history, or in an alarm of Aodh; None: it is another event.

    :raises Malformed: it can't be understood
    """
    try:
        event_type, message_id, payload = _from_aodh(event) or _from_history(event)
        if event_type != SCHEDULED:
            return None
        return _notice(message_id, payload, event.get("servers"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"not a notice: {type(error).__name__}: {error}") from error


def _from_history(event: Mapping[str, Any]) -> tuple[str, str | None, Mapping[str, Any]]:
    return event["event_type"], event.get("id"), event["payload"]


def _from_aodh(event: Mapping[str, Any]) -> tuple[str, str | None, Mapping[str, Any]] | None:
    if "reason_data" not in event:
        return None
    inner = event["reason_data"]["event"]
    traits = {name: value for name, _, value in inner["traits"]}
    return inner["event_type"], inner.get("message_id"), traits


def _notice(message_id: str | None, payload: Mapping[str, Any], servers: Any) -> Notice:
    state, reply_url = str(payload["state"]), str(payload["reply_url"])
    instance_ids = _value(payload.get("instance_ids"))
    listed = isinstance(instance_ids, list)
    if servers is None and listed:
        servers = instance_ids
    given = payload.get("notice_id") or message_id
    return Notice(
        key=str(given or f"{reply_url} {state} {payload.get('reply_at')}"),
        message_id=message_id,
        state=state,
        session_id=str(payload["session_id"]),
        project_id=str(payload["project_id"]),
        reply_url=reply_url,
        servers=None if servers is None else tuple(map(str, servers)),
        single=listed and len(instance_ids) == 1 and reply_url.endswith(f"/{instance_ids[0]}"),
        allowed=tuple(_value(payload.get("allowed_actions")) or ()),
        metadata=_map(_value(payload.get("metadata"))),
        reply_at=_time(payload.get("reply_at")),
        actions_at=_time(payload.get("actions_at")),
    )


def _value(value: Any) -> Any:
    """A list or a map; texts of Ceilometer's are read as Python literals, which runs nothing."""
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        # cut after 255 characters, or by somebody else
        return None


def _map(value: Any) -> dict[str, str]:
    return dict(value) if isinstance(value, dict) else {}


def _time(value: Any) -> dt.datetime | None:
    """A moment; without an offset, as Ceilometer writes it, it is UTC."""
    if not value:
        return None
    moment = dt.datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
