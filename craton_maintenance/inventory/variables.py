"""Craton's variables, both ways.

Out: ``maintenance_window`` on an object shows the window that runs there, else the
next one.  In: what an operator writes there is done to a window.  Each look first
takes what came in, one transaction for each, then brings what is shown up to
date, all in one.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from craton_maintenance import schema
from craton_maintenance.db import events as event_store
from craton_maintenance.db import object_variables as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.object_variables import Object, Write
from craton_maintenance.domain import event, variable
from craton_maintenance.domain.variable import ERROR, WINDOW, Meaning, Reading
from craton_maintenance.errors import Code, Problem
from craton_maintenance.inventory.shown import Shown
from craton_maintenance.service import Service

#: Who sets windows by variables: Craton records no author.
ACTOR = "craton-variable"

#: What an edit leaves out.
_LEFT_OUT: dict[str, Any] = {
    "end": None,
    "reason": "",
    "announcement": "",
    "impact": "OUTAGE",
    "expected_interruption": None,
    "retire": False,
    "target_host": None,
    "allow_overlap": False,
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """What is there now, beside what we saw last."""

    object: Object
    #: the text in Craton's table; None: absent
    text: str | None
    #: what we last read or wrote; None: never
    before: Any

    @property
    def digest_before(self) -> str | None:
        return None if self.before is None else self.before.digest


class Variables:
    """Keeps Craton's variables and our windows together."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def look(self) -> None:
        """Take what came in, then show what is."""
        with self._service.database.read() as connection:
            found = self._found(connection)
            shown = Shown.read(connection, self._service.clock())
        changed = [one for one in found if self._differs(one)]
        for one in changed:
            self._take(one, shown)
        self._service.database.write(self._show)

    # -- in ------------------------------------------------------------------------

    def _found(self, connection: sa.Connection) -> list[_Found]:
        """Objects that have the variable, or had it when we looked last."""
        before = store.seen(connection)
        there = store.found(connection, WINDOW)
        found = [
            _Found(one, text, _same(before.pop(one.association_id, None), one))
            for one, text in there
        ]
        left = {row.association_id: row for row in before.values() if row.digest is not None}
        if left:
            found += [
                _Found(one, None, left[one.association_id])
                for kind in {row.object.split(":", 1)[0] for row in left.values()}
                for one in store.objects(connection, kind)
                if one.association_id in left and _same(left[one.association_id], one)
            ]
        return found

    def _differs(self, one: _Found) -> bool:
        digest = None if one.text is None else _digest(one.text)
        return digest != one.digest_before

    def _take(self, one: _Found, shown: Shown) -> None:
        """Do what the operator meant, or say why not; in one transaction with the record."""

        def work(transaction: Transaction) -> None:
            transaction.lock("admission")
            if not self._unchanged(transaction, one):
                return
            reading = self._read(one, shown)
            if reading.meaning is Meaning.COPY:
                self._remove_copy(transaction, one)
            else:
                self._remember(transaction, one, self._act(transaction, one, reading), None)

        try:
            self._service.database.write(work)
        except Problem as problem:
            self._refuse(one, problem)

    def _unchanged(self, transaction: Transaction, one: _Found) -> bool:
        """Whether nobody wrote, and no other engine took it, since we looked."""
        if store.lock(transaction, WINDOW, one.object.association_id) != one.text:
            return False
        last = store.seen(transaction.connection, one.object.association_id)
        row = _same(last.get(one.object.association_id), one.object)
        return (None if row is None else row.digest) == one.digest_before

    def _read(self, one: _Found, shown: Shown) -> Reading:
        known = shown.known(one.object)
        if one.text is None:
            last = one.before.window_id if one.before is not None else None
            return variable.read_absent(one.digest_before, known.get(last or ""))
        return variable.read(_valid(one.text), one.digest_before, known)

    def _act(self, transaction: Transaction, one: _Found, reading: Reading) -> str | None:
        """:returns: the window that the variable stands for from now on"""
        windows = self._service.windows
        match reading.meaning:
            case Meaning.SET:
                value = _valid(one.text or "")
                request = {**value, "scope": _scope(one.object)}
                trusted = self._service.conf.craton.trust_variables
                return str(windows.set(transaction, request, ACTOR, approved=trusted).id)
            case Meaning.CHANGE:
                value = {**_LEFT_OUT, **_valid(one.text or "")}
                request = {k: v for k, v in value.items() if k not in ("id", "revision")}
                windows.change(
                    transaction, reading.window_id or "", request, ACTOR, reading.revision
                )
            case Meaning.CANCEL:
                windows.cancel(transaction, reading.window_id or "", ACTOR)
            case Meaning.REFUSE:
                raise Problem(409, Code(reading.code), reading.words)
        return reading.window_id

    def _remove_copy(self, transaction: Transaction, one: _Found) -> None:
        """Remove an inherited value: nothing is shown here, and nothing was."""
        association, now = one.object.association_id, self._service.clock()
        store.write(transaction, WINDOW, [Write(association, one.text, None)], now)
        store.put(transaction, ERROR, {association: None}, now)
        store.forget(transaction, [association])

    def _refuse(self, one: _Found, problem: Problem) -> None:
        """Say why not: beside the variable, and to whoever listens."""

        def work(transaction: Transaction) -> None:
            if not self._unchanged(transaction, one):
                return
            error = {"code": problem.code.value, "message": problem.message}
            window_id = one.before.window_id if one.before is not None else None
            self._remember(transaction, one, window_id, error)
            now = self._service.clock()
            store.put(transaction, ERROR, {one.object.association_id: error}, now)
            project_id = self._service.identity(transaction.connection)["project_id"]
            told = event.variable_refused(
                project_id,
                one.object.kind,
                one.object.name,
                one.object.region,
                problem.code.value,
                problem.message,
            )
            event_store.append(transaction, [told], now)
            transaction.after_commit(self._service.news.set)

        self._service.database.write(work)

    def _remember(
        self,
        transaction: Transaction,
        one: _Found,
        window_id: str | None,
        error: dict[str, str] | None,
    ) -> None:
        had_error = one.before is not None and one.before.error is not None
        if error is None and had_error:
            store.put(transaction, ERROR, {one.object.association_id: None}, self._service.clock())
        digest = None if one.text is None else _digest(one.text)
        store.remember(transaction, [_row(one.object, digest, window_id, error)])

    # -- out -----------------------------------------------------------------------

    def _show(self, transaction: Transaction) -> None:
        """Write what differs, where nobody else has written since."""
        connection, now = transaction.connection, self._service.clock()
        before = store.seen(connection)
        shown = Shown.read(connection, now)
        wanted = shown.values(connection)
        gone = store.orphans(connection, before.keys())
        touched = before.keys() | wanted.keys()
        texts = store.texts(connection, WINDOW, touched)
        writes, after, dropped = [], {}, set(gone)
        for association in sorted(touched - gone):
            last, (one, value) = before.get(association), wanted.get(association, (None, None))
            text = texts.get(association)
            if (None if text is None else _digest(text)) != (last.digest if last else None):
                continue  # somebody wrote: that is taken first
            if value is None and last is not None and last.digest is None:
                dropped.add(association)
                continue
            if value is None and last is not None and last.error and last.window_id is None:
                continue  # what was refused stays, beside its error, until it is mended
            if text is None or json.loads(text) != value:
                writes.append(Write(association, text, value))
            after[association] = (one, last, value)
        done = store.write(transaction, WINDOW, writes, now)
        unchanged = after.keys() - {change.association_id for change in writes}
        self._remember_shown(
            transaction, {key: after[key] for key in sorted(done | unchanged)}, dropped, now
        )
        store.forget(transaction, dropped)
        self._remove_orphans(transaction, gone, texts, before, now)

    def _remember_shown(
        self, transaction: Transaction, after: Mapping[int, Any], dropped: set[int], now: Any
    ) -> None:
        rows: list[dict[str, Any]] = []
        errors: dict[int, Any] = {}
        for association, (one, last, value) in after.items():
            if value is None:
                dropped.add(association)
                errors[association] = None
                continue
            row = {
                "association_id": association,
                "object": one.identity if one is not None else last.object,
                "digest": variable.digest(value),
                "window_id": value["id"],
                "error": last.error if last is not None else None,
            }
            if last is None or row != last._asdict():
                rows.append(row)
        store.remember(transaction, rows)
        store.put(transaction, ERROR, errors, now)

    def _remove_orphans(
        self,
        transaction: Transaction,
        gone: Iterable[int],
        texts: Mapping[int, str],
        before: Mapping[int, Any],
        now: Any,
    ) -> None:
        """Variables of ours that Craton left behind when it deleted their object."""
        ours = [
            Write(association, texts[association], None)
            for association in gone
            if association in texts and _digest(texts[association]) == before[association].digest
        ]
        store.write(transaction, WINDOW, ours, now)
        store.put(transaction, ERROR, dict.fromkeys(gone), now)


def _same(row: Any, one: Object) -> Any:
    """What we saw there, unless it was on another object that had the same id."""
    return row if row is not None and row.object == one.identity else None


def _row(one: Object, digest: str | None, window_id: str | None, error: Any) -> dict[str, Any]:
    return {
        "association_id": one.association_id,
        "object": one.identity,
        "digest": digest,
        "window_id": window_id,
        "error": error,
    }


def _digest(text: str) -> str:
    """Of the value; of the text itself where it is no JSON."""
    try:
        return variable.digest(json.loads(text))
    except ValueError:
        return variable.digest(["not JSON", text])


def _valid(text: str) -> dict[str, Any]:
    """:raises Problem: the value is not as the schema says"""
    try:
        value = json.loads(text)
        schema.check("variable-window", value)
    except schema.Invalid as invalid:
        words = "; ".join(f"{field or 'value'}: {what}" for field, what in invalid.problems[:5])
        raise Problem(400, Code.INVALID, words) from None
    except ValueError:
        raise Problem(400, Code.INVALID, "the value is not JSON") from None
    return value


def _scope(one: Object) -> dict[str, Any]:
    entry = {"name": one.name}
    if one.region is not None and one.kind != "regions":
        entry["region"] = one.region
    return {one.kind: [entry]}
