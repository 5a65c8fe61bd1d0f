"""What Nova's versioned notifications say of servers and services; pure reading.

Only the end of an action is read, and only where its payload says where the server
is: during a move, source and destination each send what they know, so the source's
``live_migration_post.end`` may still name the host that the server has left.
Everything else Nova sends is of no interest here.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from craton_maintenance.nova.listing import Server

_INSTANCE = "instance."
_SERVICE_UPDATE = "service.update"
_COMPUTE = "nova-compute"

#: Ends of actions after which ``host`` of the payload is where the server is.
_THERE = frozenset(
    f"{_INSTANCE}{name}"
    for name in (
        "create.end",
        "live_migration_post_dest.end",
        "live_migration_rollback.end",
        "pause.end",
        "power_off.end",
        "power_on.end",
        "reboot.end",
        "rebuild.end",
        "rescue.end",
        "resize_confirm.end",
        "resize_finish.end",
        "resize_revert.end",
        "restore.end",
        "resume.end",
        "shelve.end",
        "suspend.end",
        "unpause.end",
        "unrescue.end",
        "unshelve.end",
    )
)
#: What is sent last of a move, before its record ends, or just after. The source of a live
#: migration says so once it has cleaned up, long after the server has arrived.
_ENDS = frozenset(
    f"{_INSTANCE}{name}"
    for name in (
        "live_migration_post.end",
        "live_migration_rollback.end",
        "resize_confirm.end",
        "resize_finish.end",
        "resize_revert.end",
    )
)
#: It is on no host any more, whichever one the payload names.
_OFFLOADED = f"{_INSTANCE}shelve_offload.end"
_DELETED = f"{_INSTANCE}delete.end"
#: Nova lists it no longer, but it may be restored.
_SOFT_DELETED = f"{_INSTANCE}soft_delete.end"

#: A server's status in Nova's API by its vm_state, while no task is under way.
_STATUS = {
    "active": "ACTIVE",
    "building": "BUILD",
    "error": "ERROR",
    "paused": "PAUSED",
    "rescued": "RESCUE",
    "resized": "VERIFY_RESIZE",
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
    "stopped": "SHUTOFF",
    "suspended": "SUSPENDED",
}

#: A service that was seen so recently is up once it is not forced down any more.
_RECENTLY = dt.timedelta(seconds=30)


class Malformed(Exception):
    """Not as Nova sends it; the message says what is wrong, without any value of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A server is where it says, and as it says."""

    server: Server


@dataclasses.dataclass(frozen=True, slots=True)
class Gone:
    """Nova lists a server no longer."""

    id: str
    #: nothing brings it back
    final: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceChanged:
    """A nova-compute was disabled, enabled or forced down, or no longer is."""

    host: str
    #: ``enabled`` or ``disabled``
    status: str
    disabled_reason: str | None
    forced_down: bool
    #: ``up`` or ``down``; None: the notification does not tell
    state: str | None


Fact = Placed | Gone | ServiceChanged


def moved(event_type: str, payload: Any) -> str | None:
    """The server whose migration's record is about to end, or has; None: none is.

    :raises Malformed: it should say which, and does not
    """
    return _text(_data(payload), "uuid", 36) if event_type in _ENDS else None


def read(event_type: str, payload: Any, sent_at: dt.datetime) -> Fact | None:
    """What a notification says; None: nothing that matters here.

    :raises Malformed: it should say something, and does not
    """
    if event_type == _SERVICE_UPDATE:
        return _service(_data(payload), sent_at)
    if event_type in (_DELETED, _SOFT_DELETED):
        return Gone(_text(_data(payload), "uuid", 36), event_type == _DELETED)
    if event_type == _OFFLOADED:
        return _server(_data(payload), None)
    if event_type in _THERE:
        data = _data(payload)
        return _server(data, _text(data, "host", 255))
    return None


def time(text: Any) -> dt.datetime:
    """When a notification was sent, by its sender's clock.

    :param text: ``timestamp`` of the envelope, in UTC
    :raises Malformed: it is none
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Malformed("timestamp is not a time") from None
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def host_id(project_id: str, host: str | None) -> str | None:
    """What Nova shows a project in the place of a host's name."""
    if host is None:
        return None
    return hashlib.sha224((project_id + host).encode()).hexdigest()


def _server(data: Mapping[str, Any], host: str | None) -> Placed:
    project_id = _text(data, "tenant_id", 64)
    state = _text(data, "state", 255)
    if state not in _STATUS:
        raise Malformed("state is none that a server on a host has")
    return Placed(
        Server(
            id=_text(data, "uuid", 36),
            project_id=project_id,
            host=host,
            host_id=host_id(project_id, host),
            name=str(data.get("display_name") or ""),
            status=_STATUS[state],
        )
    )


def _service(data: Mapping[str, Any], sent_at: dt.datetime) -> ServiceChanged | None:
    if _text(data, "binary", 255) != _COMPUTE:
        return None
    forced_down = _flag(data, "forced_down")
    reason = data.get("disabled_reason")
    return ServiceChanged(
        host=_text(data, "host", 255),
        status="disabled" if _flag(data, "disabled") else "enabled",
        disabled_reason=None if reason is None else str(reason),
        forced_down=forced_down,
        state="down" if forced_down else _up(data.get("last_seen_up"), sent_at),
    )


def _up(seen: Any, sent_at: dt.datetime) -> str | None:
    """How long a silent service counts as up is Nova's secret: only the clear case is told."""
    if seen is None:
        return None
    return "up" if sent_at - time(seen) <= _RECENTLY else None


def _data(payload: Any) -> Mapping[str, Any]:
    data = payload.get("nova_object.data") if isinstance(payload, Mapping) else None
    if not isinstance(data, Mapping):
        raise Malformed("the payload is not a versioned object")
    return data


def _text(data: Mapping[str, Any], name: str, longest: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Malformed(f"{name} is not a text of at most {longest} characters")
    return value


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name)
    if not isinstance(value, bool):
        raise Malformed(f"{name} is neither true nor false")
    return value
