"""What operators do: set, change, start, finish, cancel.

Every function takes a running transaction, so that its caller can put more into
it (an idempotency key, a variable of Craton's).  Events are stored last: their
lock orders all writers.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from craton_maintenance.db import session_views
from craton_maintenance.db import windows as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.domain import scope, window
from craton_maintenance.domain.event import Cause, Type
from craton_maintenance.domain.scope import HostKey, Kind
from craton_maintenance.domain.window import FINAL, State, Times
from craton_maintenance.errors import Code, Problem
from craton_maintenance.windows import checks, names, telling
from craton_maintenance.windows.upkeep import Upkeep, found, locked, times_of

#: What may still be changed once a window is open.
_WHILE_OPEN = frozenset(
    {
        "end",
        "reason",
        "announcement",
        "impact",
        "expected_interruption",
        "allow_overlap",
        "approved",
    }
)
#: Request key to column, where the value is stored as it comes.
_PLAIN = (
    "reason",
    "announcement",
    "impact",
    "expected_interruption",
    "retire",
    "allow_overlap",
    "approved",
)

_DEFAULTS: dict[str, Any] = {
    "reason": "",
    "announcement": "",
    "impact": window.Impact.OUTAGE.value,
    "expected_interruption": None,
    "retire": False,
    "allow_overlap": False,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Windows(Upkeep):
    """Everything that can be done with windows, for one deployment."""

    #: longest time ahead, and longest duration
    longest: dt.timedelta
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    # -- set and change ------------------------------------------------------------

    def set(
        self,
        transaction: Transaction,
        request: Mapping[str, Any],
        actor: str,
        approved: bool = True,
    ) -> store.Row:
        """Set a window.

        :param request: valid by ``window-create``
        :param actor: who does it, for the record
        :param approved: False: announced only, until an administrator approves it
        :raises Problem: 400 naming the field, 409 for an overlap
        """
        transaction.lock("admission")
        now = self.clock()
        known = names.Names.read(transaction.connection, [_all_names(request)])
        items = known.items(request["scope"])
        start = checks.moment(request.get("start")) or now.replace(microsecond=0)
        times = Times(start=start, end=checks.moment(request.get("end")))
        checks.times(times, now, self.longest)
        row: dict[str, Any] = {
            "id": self.new_id(),
            "revision": 1,
            "created_by": actor,
            "created_at": now,
            "updated_at": None,
            "started_at": None,
            "finished_at": None,
            "cancelled_at": None,
            **_DEFAULTS,
            "approved": approved,
            "target_region": None,
            "target_host": None,
            **_columns(request, known),
            "start_at": times.start,
            "end_at": times.end,
            "scope": names.as_json(items),
        }
        hosts = scope.resolve(items, known.hosts)
        checks.retirement(row["retire"], items, hosts)
        checks.target(row, hosts)
        self._insert(transaction, row, hosts)
        self._refuse_overlap(transaction, row, times)
        parts = store.servers_on(transaction.connection, row["id"])
        store.write_parts(transaction, row["id"], parts)
        self.tell_states(
            transaction,
            row,
            times,
            State.SCHEDULED,
            telling.now_in(times, now),
            parts,
            now,
            Cause.OPERATOR,
            actor,
        )
        return found(store.get(transaction.connection, row["id"]))

    def change(
        self,
        transaction: Transaction,
        window_id: str,
        request: Mapping[str, Any],
        actor: str,
        revision: int | None = None,
        approved: bool | None = None,
    ) -> store.Row:
        """Change what is given, and tell everybody whom it concerns.

        :param request: valid by ``window-update``
        :param revision: the revision that the caller has seen, None: any
        :param approved: False: whatever is changed has to be approved again
        :raises Problem: 404; 409 where the window's state forbids it; 412 stale; 400
        """
        row = locked(transaction, window_id, revision)
        now = self.now(row)
        state = self._refuse_over(row, now)
        known = names.Names.read(transaction.connection, [_all_names(request)])
        wanted = dict(row)
        wanted.update(_columns(request, known))
        if "start" in request:
            wanted["start_at"] = checks.moment(request["start"]) or now
        if "end" in request:
            wanted["end_at"] = checks.moment(request["end"])
        items = names.from_json(row["scope"])
        if "scope" in request:
            items = known.items(request["scope"])
            wanted["scope"] = names.as_json(items)
        changed = {key for key in wanted if wanted[key] != row[key]}
        if not changed:
            return found(store.get(transaction.connection, window_id))
        if approved is not None:
            wanted["approved"] = approved
        if state is State.OPEN:
            _refuse_while_open(request, changed)
        times = times_of(wanted)
        if changed & {"start_at", "end_at"}:
            checks.times(times, now, self.longest, is_open=state is State.OPEN)
        wanted.update(revision=row["revision"] + 1, updated_at=now)
        before, hosts = self.resolve(transaction, window_id, items, state)
        checks.retirement(wanted["retire"], items, hosts)
        checks.target(wanted, hosts)
        store.change_hosts(transaction, window_id, before, hosts)
        if changed & {"start_at", "end_at", "scope"}:
            self._refuse_overlap(transaction, wanted, times)
        events = self.change_parts(
            transaction, wanted, state, Cause.OPERATOR, all_of=_seen_by_projects(changed)
        )
        self.count(transaction, wanted, hosts)
        admin = telling.to_admin(
            self.speaker(transaction),
            Type.WINDOW_UPDATED,
            telling.facts(wanted, state),
            wanted,
            Cause.OPERATOR,
            actor,
        )
        # a start that was moved to now, or earlier, opens it
        self.tell_states(
            transaction,
            wanted,
            times,
            State(row["told_state"]),
            window.path(State(row["told_state"]), window.state(times, now)),
            store.parts(transaction.connection, window_id),
            now,
            Cause.OPERATOR,
            actor,
            first=[admin, *events],
        )
        return found(store.get(transaction.connection, window_id))

    # -- begin and end -------------------------------------------------------------

    def start(
        self, transaction: Transaction, window_id: str, actor: str, revision: int | None = None
    ) -> store.Row:
        """In maintenance now, before its start. Harmless where it is open already.

        :raises Problem: 404; 409 where it is over; 412 stale
        """
        row = locked(transaction, window_id, revision)
        now = self.now(row)
        if self._refuse_over(row, now) is State.OPEN:
            return self.advance(transaction, window_id, row)
        row.update(started_at=now, revision=row["revision"] + 1, updated_at=now)
        self._refuse_overlap(transaction, row, times_of(row))
        return self.advance(transaction, window_id, row, Cause.OPERATOR, actor)

    def finish(
        self, transaction: Transaction, window_id: str, actor: str, revision: int | None = None
    ) -> store.Row:
        """Done: closes the window now.

        :raises Problem: 404; 409 where it is not open, or a session works on it; 412 stale
        """
        row = locked(transaction, window_id, revision)
        _refuse_running(transaction, row)
        now = self.now(row)
        if self._refuse_over(row, now) is State.SCHEDULED:
            raise Problem(
                409,
                Code.WINDOW_NOT_OPEN,
                "The window has not opened yet: cancel it, or start it first.",
            )
        row.update(finished_at=now, revision=row["revision"] + 1, updated_at=now)
        return self.advance(transaction, window_id, row, Cause.OPERATOR, actor)

    def cancel(
        self, transaction: Transaction, window_id: str, actor: str, revision: int | None = None
    ) -> store.Row:
        """Withdraw a window that has not opened.

        :raises Problem: 404; 409 where it is open or over, or a session works on it; 412 stale
        """
        row = locked(transaction, window_id, revision)
        _refuse_running(transaction, row)
        now = self.now(row)
        if self._refuse_over(row, now) is State.OPEN:
            raise Problem(
                409,
                Code.WINDOW_OPEN,
                "The window is open, work may be under way: finish it instead.",
            )
        row.update(cancelled_at=now, revision=row["revision"] + 1, updated_at=now)
        return self.advance(transaction, window_id, row, Cause.OPERATOR, actor)

    # -- parts of the above --------------------------------------------------------

    def _insert(
        self, transaction: Transaction, row: dict[str, Any], hosts: frozenset[HostKey]
    ) -> None:
        row.update(hosts_count=len(hosts), projects_count=0, servers_count=0)
        store.insert(transaction, row | {"told_state": State.SCHEDULED.value, "due_at": None})
        store.change_hosts(transaction, row["id"], frozenset(), hosts)

    def _refuse_over(self, row: Mapping[str, Any], now: dt.datetime) -> State:
        state = window.state(times_of(row), now)
        if state in FINAL:
            raise Problem(
                409, Code.WINDOW_OVER, f"The window is {state.value} and never changes again."
            )
        return state

    def _refuse_overlap(
        self, transaction: Transaction, row: Mapping[str, Any], times: Times
    ) -> None:
        if row["allow_overlap"]:
            return
        found = store.overlapping(transaction.connection, row["id"], times)
        if found:
            words = ", ".join(f"{other.id} (host {other.host})" for other in found)
            raise Problem(
                409,
                Code.WINDOW_OVERLAP,
                f"The window overlaps with {words}. Change the times or the scope, or set "
                "allow_overlap to have both.",
            )


def _refuse_running(transaction: Transaction, row: Mapping[str, Any]) -> None:
    """A window ends with its session, never under it."""
    if row["workflow"] is None:
        return
    session_id = session_views.running(transaction.connection, row["id"])
    if session_id is not None:
        raise Problem(
            409,
            Code.SESSION_RUNNING,
            f"Session {session_id} works on the window: abort the session first; the window "
            "ends with it.",
        )


def _all_names(request: Mapping[str, Any]) -> dict[str, Any]:
    """Every name of a request, the target host's too, as a scope."""
    wanted = {kind: list(entries) for kind, entries in request.get("scope", {}).items()}
    if request.get("target_host") is not None:
        wanted.setdefault(Kind.HOST.value, []).append(request["target_host"])
    return wanted or {Kind.HOST.value: []}


def _columns(request: Mapping[str, Any], known: names.Names) -> dict[str, Any]:
    columns: dict[str, Any] = {key: request[key] for key in _PLAIN if key in request}
    if "target_host" in request:
        columns["target_region"] = columns["target_host"] = None
        if request["target_host"] is not None:
            item = known.item(Kind.HOST, request["target_host"], "target_host")
            columns["target_region"], columns["target_host"] = item.region, item.name
    return columns


def _refuse_while_open(request: Mapping[str, Any], changed: set[str]) -> None:
    column = {"start": "start_at", "end": "end_at"}
    refused = sorted(
        key for key in request if key not in _WHILE_OPEN and column.get(key, key) in changed
    )
    if refused:
        raise Problem(
            409,
            Code.WINDOW_OPEN,
            f"The window is open; {', '.join(refused)} can't be changed any more.",
        )


def _seen_by_projects(changed: set[str]) -> bool:
    return bool(
        changed
        & {"start_at", "end_at", "announcement", "impact", "expected_interruption", "retire"}
    )
