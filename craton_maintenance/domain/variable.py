"""Craton's variable ``maintenance_window`` of one object: what an operator meant by it.

Our tables are the truth, the variable shows it.  Whoever writes the variable has
done so to a window.  What we wrote ourselves is told apart by its digest.
"""

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.window import FINAL, State

#: The variables of ours.
WINDOW, STATE, ERROR = "maintenance_window", "maintenance_state", "maintenance_error"


class Meaning(enum.Enum):
    """What a value that was found means."""

    #: nothing was done: it is ours, or was dealt with before
    NOTHING = enum.auto()
    #: a new window on just this object
    SET = enum.auto()
    #: an edit of the window that is set on just this object
    CHANGE = enum.auto()
    #: the window is withdrawn
    CANCEL = enum.auto()
    #: put our value back: it may not be removed here
    RESTORE = enum.auto()
    #: a value that was inherited, and written back to the wrong object: remove it
    COPY = enum.auto()
    #: it can't be taken; ``code`` and ``words`` say why
    REFUSE = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """The meaning of what was found, with what is needed to act on it."""

    meaning: Meaning
    window_id: str | None = None
    revision: int | None = None
    code: str = ""
    words: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A window, seen from the object whose variable names it."""

    id: str
    revision: int
    state: State
    #: the scope names the object itself, not only a label or the like that it has
    named: bool
    #: the object is all that the scope names
    alone: bool
    #: the window covers the object through a label, an aggregate or a zone
    through_group: bool


def digest(value: Any) -> str:
    """The same for equal JSON values, however they are written."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_absent(before: str | None, shown: Known | None) -> Reading:
    """The variable is not there.

    :param before: the digest of what was there when we looked last; None: nothing
    :param shown: the window that we showed there
    """
    if before is None or shown is None or shown.state in FINAL:
        return Reading(Meaning.NOTHING)
    if shown.alone and shown.state is State.SCHEDULED:
        return Reading(Meaning.CANCEL, shown.id)
    return Reading(Meaning.RESTORE, shown.id)


def read(value: Mapping[str, Any], before: str | None, windows: Mapping[str, Known]) -> Reading:
    """The variable holds a value that is valid by its schema.

    :param before: the digest of what was there when we looked last; None: nothing
    :param windows: by id, the windows that there are
    """
    if digest(value) == before:
        return Reading(Meaning.NOTHING)
    window_id = value.get("id")
    if window_id is None:
        if "revision" in value:
            return _refuse("INVALID", "revision goes with an id; leave both out for a new window")
        return Reading(Meaning.SET)
    known = windows.get(window_id)
    if known is None:
        return _refuse("NOT_FOUND", f"there is no window {window_id}; leave the id out to set one")
    if not known.named:
        if not known.through_group:
            return Reading(Meaning.COPY, known.id)
        return _refuse(
            "READ_ONLY",
            "this window is set on a label, an aggregate or a zone: change "
            "it with our API or command",
            known.id,
        )
    if not known.alone:
        return _refuse(
            "READ_ONLY",
            "this window covers other objects too: change it with our API or command",
            known.id,
        )
    revision = value.get("revision")
    if revision != known.revision:
        return _refuse(
            "STALE_REVISION",
            f"the window is at revision {known.revision}, this is an "
            f"edit of {revision or 'none'}: edit what is shown now",
            known.id,
        )
    return Reading(Meaning.CHANGE, known.id, known.revision)


def _refuse(code: str, words: str, window_id: str | None = None) -> Reading:
    return Reading(Meaning.REFUSE, window_id, code=code, words=words)
