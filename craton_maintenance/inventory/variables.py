"""Craton's variables, both ways.

Out: ``maintenance_window`` on an object shows the window that runs there, else the
next one.  In: what an operator writes there is done to a window.  Each look first
takes what came in, one transaction for each, then brings what is shown up to
date, all in one.

Whoever writes ``maintenance_variables`` holds the lock ``admission``, so that of
two engines that look at once one takes what came in, and the other sees it done.
"""

import json
from functools import partial
from typing import Any

import sqlalchemy as sa

from craton_maintenance import schema
from craton_maintenance.db import events as event_store
from craton_maintenance.db import object_variables as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.object_variables import Change, Object
from craton_maintenance.domain import event, variable
from craton_maintenance.domain.variable import ERROR, WINDOW, Meaning, Reading
from craton_maintenance.errors import Code, Problem
from craton_maintenance.inventory import shown
from craton_maintenance.inventory.picture import Entry, Picture, row
from craton_maintenance.service import Service

#: Who sets windows by variables: Craton records no author.
ACTOR = "craton-variable"

#: What an edit leaves out of what the variable shows. What it does not show stays.
_LEFT_OUT: dict[str, Any] = {
    "end": None,
    "reason": "",
    "announcement": "",
    "impact": "OUTAGE",
    "retire": False,
}

#: Characters of an error; a schema's words may quote the whole value.
_ERROR_LENGTH = 1000


class Variables:
    """Keeps Craton's variables and our windows together."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def look(self) -> None:
        """Take what came in, then show what is; writes nothing where nothing differs."""
        database = self._service.database
        with database.read() as connection:
            picture = Picture.read(connection, self._service.clock())
        written = picture.written()
        for entry in written:
            self._take(entry)
        if written or picture.plan():
            database.write(self._show)

    # -- in ------------------------------------------------------------------------

    def _take(self, entry: Entry) -> None:
        """Do what the operator meant, or say why not; in one transaction with the record."""
        database = self._service.database
        try:
            database.write(partial(self._do, entry=entry))
        except Problem as problem:
            refused = problem
        except (ValueError, sa.exc.DataError) as error:
            # what no schema foresees; it must not keep the others from being taken
            words = str(getattr(error, "orig", error))
            refused = Problem(400, Code.INVALID, f"the value can't be stored: {words}")
        else:
            return
        database.write(partial(self._refuse, entry=entry, problem=refused))

    def _do(self, transaction: Transaction, entry: Entry) -> None:
        if not self._unchanged(transaction, entry):
            return
        reading = self._read(transaction, entry)
        if reading.meaning is Meaning.REFUSE:
            raise Problem(409, Code(reading.code), reading.words)
        if reading.meaning is Meaning.MISPLACED:
            self._remove_misplaced(transaction, entry, reading)
            return
        window_id = self._act(transaction, entry, reading)
        self._clear_error(transaction, entry)
        known = row(_object(entry), entry.digest, window_id, None)
        store.remember(transaction, [known])

    def _refuse(self, transaction: Transaction, entry: Entry, problem: Problem) -> None:
        """Say why not; the value stays, until another one is to be shown."""
        if self._unchanged(transaction, entry):
            window_id = entry.last.window_id if entry.last is not None else None
            self._tell(transaction, entry, entry.digest, window_id, problem.code, problem.message)

    def _unchanged(self, transaction: Transaction, entry: Entry) -> bool:
        """Whether nobody wrote, and no other engine took it, since we looked."""
        transaction.lock("admission")
        association = entry.association_id
        # before the head of events is locked: Craton may hold our error at this moment
        store.held(transaction, ERROR, [association])
        there = store.held(transaction, WINDOW, [association]).get(association)
        last = store.seen(transaction.connection, association).get(association)
        return (None if there is None else there.text) == entry.text and last == entry.last

    def _read(self, transaction: Transaction, entry: Entry) -> Reading:
        one, now = _object(entry), self._service.clock()
        if entry.text is None:
            window_id = entry.last.window_id if entry.last is not None else None
            known = shown.known(transaction.connection, one, window_id, now)
            return variable.read_absent(entry.last_digest, known)
        value = _valid(entry.text)
        known = shown.known(transaction.connection, one, value.get("id"), now)
        return variable.read(value, entry.last_digest, known)

    def _act(self, transaction: Transaction, entry: Entry, reading: Reading) -> str | None:
        """:returns: the window that the variable stands for from now on"""
        windows, window_id = self._service.windows, reading.window_id
        trusted = self._service.conf.craton.trust_variables
        if reading.meaning is Meaning.SET:
            request = {**_valid(entry.text or ""), "scope": _scope(_object(entry))}
            return str(windows.set(transaction, request, ACTOR, approved=trusted).id)
        if reading.meaning is Meaning.CHANGE and window_id is not None:
            value = {**_LEFT_OUT, **_valid(entry.text or "")}
            request = {key: value[key] for key in value if key not in ("id", "revision")}
            again = None if trusted else False
            windows.change(transaction, window_id, request, ACTOR, reading.revision, again)
        if reading.meaning is Meaning.CANCEL and window_id is not None:
            windows.cancel(transaction, window_id, ACTOR)
        return window_id

    def _remove_misplaced(self, transaction: Transaction, entry: Entry, reading: Reading) -> None:
        """Remove a value that belongs to another object: here it would hide what is inherited."""
        association, now = entry.association_id, self._service.clock()
        store.change(transaction, WINDOW, [Change(association, entry.text, None)], now)
        if reading.code:
            code = Code(reading.code)
            self._tell(transaction, entry, None, reading.window_id, code, reading.words)
        else:
            self._clear_error(transaction, entry)
            store.forget(transaction, [association])

    def _clear_error(self, transaction: Transaction, entry: Entry) -> None:
        if entry.last is not None and entry.last.error is not None:
            now = self._service.clock()
            store.put(transaction, ERROR, {entry.association_id: None}, now)

    def _tell(
        self,
        transaction: Transaction,
        entry: Entry,
        digest: str | None,
        window_id: str | None,
        code: Code,
        words: str,
    ) -> None:
        """Say why not: beside the variable, and to whoever listens.

        :param digest: of what stands there from now on
        """
        one, now = _object(entry), self._service.clock()
        error = {"code": code.value, "message": words[:_ERROR_LENGTH]}
        store.put(transaction, ERROR, {one.association_id: json.dumps(error)}, now)
        store.remember(transaction, [row(one, digest, window_id, error | {"of": digest})])
        told = event.variable_refused(
            self._service.identity(transaction.connection)["project_id"],
            one.kind,
            one.name,
            one.region,
            error["code"],
            error["message"],
        )
        event_store.append(transaction, [told], now)
        transaction.after_commit(self._service.news.set)

    # -- out -----------------------------------------------------------------------

    def _show(self, transaction: Transaction) -> None:
        """Write what differs, where nobody else has written since."""
        transaction.lock("admission")
        now = self._service.clock()
        plan = Picture.read(transaction.connection, now).plan()
        done = store.change(transaction, WINDOW, plan.changes, now)
        late = {change.association_id for change in plan.changes} - done
        rows = [plan.rows[one] for one in sorted(plan.rows.keys() - late)]
        store.remember(transaction, rows)
        store.put(transaction, ERROR, dict.fromkeys(plan.mended - late), now)
        store.forget(transaction, plan.forgotten - late)


def _object(entry: Entry) -> Object:
    if entry.object is None:
        raise AssertionError("nobody writes variables of what is not there")
    return entry.object


def _valid(text: str) -> dict[str, Any]:
    """:raises Problem: the value is not as the schema says"""
    try:
        value = json.loads(text)
        # half a character can be written as an escape, but not be stored
        json.dumps(value, ensure_ascii=False).encode()
        schema.check("variable-window", value)
    except schema.Invalid as invalid:
        words = "; ".join(f"{field or 'value'}: {what}" for field, what in invalid.problems[:5])
        raise Problem(400, Code.INVALID, words) from None
    except (ValueError, RecursionError):
        raise Problem(400, Code.INVALID, "the value is not JSON of whole characters") from None
    return value


def _scope(one: Object) -> dict[str, Any]:
    entry = {"name": one.name}
    if one.region is not None and one.kind != "regions":
        entry["region"] = one.region
    return {one.kind: [entry]}
