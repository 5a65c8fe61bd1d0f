"""Craton's variable ``maintenance_window`` of one object: what an operator meant by it.

Our tables are the truth, the variable shows it.  Whoever writes the variable has
done so to a window.  What we wrote ourselves is told apart by its digest.  What
can't be done is refused, never passed over.
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
    #: a window of another object, which was inherited and written back: remove it here, and
    #: where there is a ``code`` say why
    MISPLACED = enum.auto()
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
    #: of the value that shows it
    digest: str


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
    if not shown.named or not shown.alone:
        return _read_only(shown)
    if shown.state is State.SCHEDULED:
        return Reading(Meaning.CANCEL, shown.id)
    return _refuse(
        "WINDOW_OPEN",
        "the window is open, work may be under way: give it an end, or finish it with our API "
        "or command",
        shown.id,
    )


def read(value: Mapping[str, Any], before: str | None, known: Known | None) -> Reading:
    """The variable holds a value that is valid by its schema.

    :param before: the digest of what was there when we looked last; None: nothing
    :param known: the window that it names, over or not; None: there is none
    """
    if digest(value) == before:
        return Reading(Meaning.NOTHING)
    window_id = value.get("id")
    if window_id is None:
        if "revision" in value:
            return _refuse("INVALID", "revision goes with an id; leave both out for a new window")
        return Reading(Meaning.SET)
    if known is None:
        return _refuse("NOT_FOUND", f"there is no window {window_id}; leave the id out to set one")
    if not known.named and not known.through_group:
        return _read_copy(value, known)
    if known.state in FINAL:
        return _refuse(
            "WINDOW_OVER",
            f"the window is {known.state.value}; leave the id out to set a new one",
            known.id,
        )
    if not known.named or not known.alone:
        return _read_only(known)
    revision = value.get("revision")
    if revision != known.revision:
        return _refuse(
            "STALE_REVISION",
            f"the window is at revision {known.revision}, this is an edit of "
            f"{'none' if revision is None else revision}: edit what is shown now",
            known.id,
        )
    return Reading(Meaning.CHANGE, known.id, known.revision)


def _read_copy(value: Mapping[str, Any], known: Known) -> Reading:
    """The window of another object: inherited and written back, or edited in the wrong place."""
    edited = value.get("revision") == known.revision and digest(value) != known.digest
    if known.state in FINAL or not edited:
        return Reading(Meaning.MISPLACED, known.id)
    return Reading(
        Meaning.MISPLACED,
        known.id,
        code="READ_ONLY",
        words="this window is set on another object and inherited here: change it there, or "
        "leave the id out to set one on just this object",
    )


def _read_only(known: Known) -> Reading:
    what = (
        "this window covers other objects too"
        if known.named
        else "this window is set on a label, an aggregate or a zone"
    )
    return _refuse("READ_ONLY", f"{what}: change it with our API or command", known.id)


def _refuse(code: str, words: str, window_id: str | None = None) -> Reading:
    return Reading(Meaning.REFUSE, window_id, code=code, words=words)
