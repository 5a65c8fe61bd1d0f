"""Craton's variables beside what we last saw there and what is to be shown."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import object_variables as store
from craton_maintenance.db.object_variables import Change, Object
from craton_maintenance.domain import variable
from craton_maintenance.domain.variable import WINDOW
from craton_maintenance.inventory.shown import Place, Shown, Value, place


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """The variable of one object."""

    association_id: int
    #: None: Craton has deleted it, and has left its variables behind
    object: Object | None
    #: what stands in Craton's table; None: nothing
    text: str | None
    digest: str | None
    #: what we saw there last, a row of ``maintenance_variables``; None: never looked
    last: Any
    #: what is to stand there; None: nothing of ours
    value: Value | None
    #: what we saw was on an object that is gone, or has another name now
    left_behind: bool

    @property
    def last_digest(self) -> str | None:
        return None if self.last is None else self.last.digest

    @property
    def written(self) -> bool:
        """Somebody wrote since we looked last."""
        return not self.left_behind and self.digest != self.last_digest

    def stays(self, unfinished: Iterable[str]) -> bool:
        """It was refused, and says so until it is mended, though nothing is to be shown.

        What can't be mended any more, as its window is over, goes.
        """
        error = self.last.error
        if error is None or error["of"] != self.last.digest:
            return False
        return self.last.digest is not None or self.last.window_id in unfinished


@dataclasses.dataclass(slots=True)
class Plan:
    """What has to be written so that everything shows what it should."""

    changes: list[Change] = dataclasses.field(default_factory=list)
    #: what to remember, by association
    rows: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict)
    forgotten: set[int] = dataclasses.field(default_factory=set)
    #: where our error is to be removed
    mended: set[int] = dataclasses.field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.changes or self.rows or self.forgotten)


class Picture:
    """Everything as it is at a moment."""

    def __init__(self, entries: list[Entry], window_ids: frozenset[str]) -> None:
        self._entries = entries
        self._window_ids = window_ids

    @classmethod
    def read(cls, connection: sa.Connection, now: dt.datetime) -> "Picture":
        """Read it; a few statements, however many objects there are."""
        # before the variables: what is read as new was not there when this was written
        seen = store.seen(connection)
        there = store.found(connection, WINDOW)
        shown = Shown.read(connection, now)
        texts = {one.association_id: text for one, text in there}
        objects = {one.association_id: one for one, _ in there}
        missing = seen.keys() - objects.keys()
        objects |= store.owners(connection, missing)
        texts |= store.texts(connection, WINDOW, missing - objects.keys())
        _add_places(connection, shown.values, objects)
        digests = {text: digest_of(text) for text in set(texts.values())}
        entries = []
        for association in sorted(objects.keys() | seen.keys()):
            one, last = objects.get(association), seen.get(association)
            text = texts.get(association)
            entries.append(
                Entry(
                    association_id=association,
                    object=one,
                    text=text,
                    digest=None if text is None else digests[text],
                    last=last,
                    value=None if one is None else shown.values.get(place(one)),
                    left_behind=one is None or (last is not None and last.object != one.identity),
                )
            )
        return cls(_without_occupied(connection, entries), shown.window_ids)

    def written(self) -> list[Entry]:
        """What somebody wrote since we looked last."""
        return [entry for entry in self._entries if entry.written]

    def plan(self) -> Plan:
        """What to write; what somebody else wrote is taken first, and left alone here."""
        plan = Plan()
        for entry in self._entries:
            if entry.left_behind:
                _remove(plan, entry)
            elif entry.written:
                continue
            elif entry.value is not None:
                _show(plan, entry, entry.value)
            elif entry.last is not None and not entry.stays(self._window_ids):
                _remove(plan, entry)
        return plan


def digest_of(text: str) -> str:
    """Of the value; of the text itself where it is no JSON."""
    try:
        return variable.digest(json.loads(text))
    except (ValueError, RecursionError):
        return variable.digest(["not JSON", text])


def row(
    one: Object, digest: str | None, window_id: str | None, error: dict[str, Any] | None
) -> dict[str, Any]:
    """What to remember of an object's variable."""
    return {
        "association_id": one.association_id,
        "object": one.identity,
        "digest": digest,
        "window_id": window_id,
        "error": error,
    }


def _add_places(
    connection: sa.Connection, values: dict[Place, Value], objects: dict[int, Object]
) -> None:
    """Add the objects that have to show something and don't yet."""
    left = values.keys() - set(map(place, objects.values()))
    for kind in store.KINDS:
        names = {name for its_kind, _, name in left if its_kind == kind}
        for one in store.objects(connection, kind, names) if names else ():
            if place(one) in left:
                objects.setdefault(one.association_id, one)


def _without_occupied(connection: sa.Connection, entries: list[Entry]) -> list[Entry]:
    """Nothing can be shown where a key stands that MariaDB takes for the same."""
    new = {one.association_id for one in entries if one.value is not None and one.text is None}
    occupied = store.occupied(connection, WINDOW, new)
    if not occupied:
        return entries
    return [
        dataclasses.replace(one, value=None) if one.association_id in occupied else one
        for one in entries
    ]


def _show(plan: Plan, entry: Entry, value: Value) -> None:
    if entry.object is None:
        raise AssertionError("left_behind says so")
    last = entry.last
    if entry.digest != value.digest:
        plan.changes.append(Change(entry.association_id, entry.text, value.text))
    elif last is not None and last.window_id == value.window_id:
        return
    error = None if last is None else last.error
    plan.rows[entry.association_id] = row(entry.object, value.digest, value.window_id, error)


def _remove(plan: Plan, entry: Entry) -> None:
    """Remove what is ours. Whatever else stands there stays."""
    if entry.last is None:
        return
    if entry.text is not None and entry.digest == entry.last.digest:
        plan.changes.append(Change(entry.association_id, entry.text, None))
    if entry.last.error is not None:
        plan.mended.add(entry.association_id)
    plan.forgotten.add(entry.association_id)
