"""What the clock and the inventory bring: states are told, hosts and servers followed.

Every function takes a running transaction.  Events are stored last: their lock
orders all writers.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from craton_maintenance.db import events as event_store
from craton_maintenance.db import session_inputs
from craton_maintenance.db import windows as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.domain import impact, scope, window
from craton_maintenance.domain.event import Cause, Event, Type
from craton_maintenance.domain.scope import HostKey, Item
from craton_maintenance.domain.window import FINAL, State, Times
from craton_maintenance.errors import Code, Problem, not_found
from craton_maintenance.windows import names, telling


@dataclasses.dataclass(frozen=True, slots=True)
class Upkeep:
    """Keeps windows true, for one deployment."""

    #: gives the current time, aware, in UTC
    clock: Callable[[], dt.datetime]
    #: who speaks, as configured at this moment
    speaker: Callable[[Transaction], telling.Speaker]
    #: called after a commit that stored events
    wake: Callable[[], None]

    def now(self, row: Mapping[str, Any]) -> dt.datetime:
        """The time, and never before the window's last change.

        To be asked once the row is locked: who has waited for the lock, or whose clock
        is behind, must not decide as if what was decided meanwhile lay ahead.
        """
        return max(self.clock(), row["updated_at"] or row["created_at"])

    # -- what the clock and the inventory bring ------------------------------------

    def advance(
        self,
        transaction: Transaction,
        window_id: str,
        row: dict[str, Any] | None = None,
        cause: Cause = Cause.CLOCK,
        actor: str = "clock",
    ) -> store.Row:
        """Tell the states that the window has reached since it was told last.

        Does nothing where there is nothing to tell, so any number of engines may
        call it.

        :param row: the locked row, with changes that are still to be written
        """
        if row is None:
            row = locked(transaction, window_id)
        now = self.now(row)
        told = State(row["told_state"])
        times = times_of(row)
        states = window.path(told, window.state(times, now))
        # the hosts stay as they are from the opening on: a last look before it
        news = self.update(transaction, row, told) if State.OPEN in states else []
        parts = store.parts(transaction.connection, window_id)
        self.tell_states(
            transaction, row, times, told, states, parts, now, cause, actor, first=news
        )
        return found(store.get(transaction.connection, window_id))

    def refresh(self, transaction: Transaction, window_id: str) -> bool:
        """Bring a window's hosts, until it opens, and its projects' servers up to date.

        :returns: whether anybody was told something
        """
        transaction.lock("admission")
        found = store.lock(transaction, window_id)
        if found is None:
            return False
        row = found._asdict()
        now = self.now(row)
        state = window.state(times_of(row), now)
        if state in FINAL or State(row["told_state"]) in FINAL:
            return False
        events = self.update(transaction, row, state)
        if events and row.get("workflow") is not None:
            session_inputs.touch_window(transaction, window_id, now)
        self.store_events(transaction, events, now)
        return bool(events)

    # -- parts, also of the commands -----------------------------------------------

    def update(self, transaction: Transaction, row: dict[str, Any], state: State) -> list[Event]:
        """Write what changed in the inventory; the events are the caller's to store."""
        items = names.from_json(row["scope"])
        before, hosts = self.resolve(transaction, row["id"], items, state)
        store.change_hosts(transaction, row["id"], before, hosts)
        cause = Cause.HOSTS_CHANGED if hosts != before else Cause.SERVERS_CHANGED
        events = self.change_parts(transaction, row, state, cause)
        if events or hosts != before:
            self.count(transaction, row, hosts)
            counts = ("hosts_count", "projects_count", "servers_count")
            store.update(transaction, row["id"], {name: row[name] for name in counts})
        if hosts != before:
            said = telling.facts(row, state)
            speaker = self.speaker(transaction)
            events.insert(
                0, telling.to_admin(speaker, Type.WINDOW_UPDATED, said, row, cause, "inventory")
            )
        return events

    def resolve(
        self, transaction: Transaction, window_id: str, items: tuple[Item, ...], state: State
    ) -> tuple[frozenset[HostKey], frozenset[HostKey]]:
        """The hosts before and now. Once a window is open its hosts stay as they are."""
        before = store.hosts(transaction.connection, window_id)
        if state is not State.SCHEDULED:
            return before, before
        known = names.Names.of(transaction.connection, items)
        return before, scope.resolve(items, known.hosts)

    def change_parts(
        self,
        transaction: Transaction,
        row: Mapping[str, Any],
        state: State,
        cause: Cause,
        all_of: bool = False,
    ) -> list[Event]:
        """Write each project's servers as they are now; events for those who see a change.

        :param all_of: tell every project, also those with the same servers as before
        """
        before = store.parts(transaction.connection, row["id"])
        after = store.servers_on(transaction.connection, row["id"])
        seen = impact.difference(before, after)
        if not seen and not all_of:
            return []
        told = State(row["told_state"])
        speaker, said = self.speaker(transaction), telling.facts(row, told)
        entered = {project: after[project] for project in seen.entered}
        changed = {
            project: after[project]
            for project in (after if all_of else seen.changed)
            if project not in entered
        }
        left: dict[str, tuple[str, ...]] = dict.fromkeys(seen.left, ())
        store.write_parts(transaction, row["id"], entered | changed)
        store.write_parts(transaction, row["id"], left, concerned=False)
        events = telling.to_projects(speaker, Type.WINDOW_CREATED, said, entered, cause)
        if told is State.OPEN:
            # whoever waits for the opening has to hear of it as well
            events += telling.to_projects(speaker, Type.WINDOW_OPENED, said, entered, cause)
        events += telling.to_projects(speaker, Type.WINDOW_UPDATED, said, changed, cause)
        gone = dataclasses.replace(said, state=State.CANCELLED)
        return events + telling.to_projects(
            speaker, Type.WINDOW_CANCELLED, gone, left, Cause.NOT_CONCERNED
        )

    def tell_states(
        self,
        transaction: Transaction,
        row: dict[str, Any],
        times: Times,
        told: State,
        states: tuple[State, ...],
        parts: Mapping[str, tuple[str, ...]],
        now: dt.datetime,
        cause: Cause,
        actor: str,
        first: list[Event] | None = None,
    ) -> None:
        """Write the row and store the events: ``first``, then those of ``states``."""
        last = states[-1] if states else told
        row["told_state"], row["due_at"] = last.value, window.due(times, last)
        row["projects_count"] = len(parts)
        row["servers_count"] = sum(len(servers) for servers in parts.values())
        store.update(
            transaction, row["id"], {key: value for key, value in row.items() if key != "id"}
        )
        if row.get("workflow") is not None:
            session_inputs.touch_window(transaction, row["id"], now)
        events = list(first or ())
        if states:
            events += telling.reached(self.speaker(transaction), states, row, parts, cause, actor)
        self.store_events(transaction, events, now)

    def store_events(
        self, transaction: Transaction, events: list[Event], now: dt.datetime
    ) -> None:
        if events:
            event_store.append(transaction, events, now)
            transaction.after_commit(self.wake)

    def count(
        self, transaction: Transaction, row: dict[str, Any], hosts: frozenset[HostKey]
    ) -> None:
        parts = store.parts(transaction.connection, row["id"])
        row["hosts_count"], row["projects_count"] = len(hosts), len(parts)
        row["servers_count"] = sum(len(servers) for servers in parts.values())


def times_of(row: Mapping[str, Any]) -> Times:
    return Times(
        row["start_at"],
        row["end_at"],
        row["started_at"],
        row["finished_at"],
        row["cancelled_at"],
        held=store.is_held(row.get("workflow"), row["finished_at"]),
    )


def found(row: store.Row | None) -> store.Row:
    if row is None:
        raise not_found("maintenance window")
    return row


def locked(
    transaction: Transaction, window_id: str, revision: int | None = None
) -> dict[str, Any]:
    """The window's row, in the order of locks: admission, window, event head."""
    transaction.lock("admission")
    row = found(store.lock(transaction, window_id))._asdict()
    check_revision(row, revision)
    return row


def check_revision(row: Mapping[str, Any], revision: int | None) -> None:
    if revision is not None and revision != row["revision"]:
        raise Problem(
            412,
            Code.STALE_REVISION,
            f"The window was changed meanwhile: it is at revision {row['revision']}, not "
            f"{revision}. Read it again.",
        )
