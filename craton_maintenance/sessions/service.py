"""Sessions: one is made with its window, and decided on whenever something comes in.

A decision is one transaction: everything that waits is taken, the next session is written
by its differences, its steps and events are stored.  What the steps do outside happens
after the commit.

Answers are taken while the session decides; only those to notices that it is about to close
wait.  One that was taken before is decided on, so that none is lost.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from craton_maintenance.db import events as event_store
from craton_maintenance.db import session_inputs, session_steps
from craton_maintenance.db import sessions as store
from craton_maintenance.db import windows as window_store
from craton_maintenance.db.database import Transaction
from craton_maintenance.domain.event import Audience, Event, Type
from craton_maintenance.domain.session import machine
from craton_maintenance.domain.session.commands import Command, Do, Drop, Finish, Tell
from craton_maintenance.domain.session.known import Adapter, Flow, Policy
from craton_maintenance.domain.session.records import Session
from craton_maintenance.domain.session.states import OVER, NoticeStatus
from craton_maintenance.sessions import facts
from craton_maintenance.windows.service import Windows
from craton_maintenance.windows.telling import Speaker


@dataclasses.dataclass(frozen=True, slots=True)
class Sessions:
    """Everything that is done with sessions as a whole, for one deployment."""

    clock: Callable[[], dt.datetime]
    speaker: Callable[[Transaction], Speaker]
    windows: Windows
    policy: Policy
    #: flows for servers by name
    flows: Callable[[], Mapping[str, Flow]]
    #: called after a commit that stored events
    wake: Callable[[], None]
    #: called after a commit that gave the engine's sessions something to do
    wake_engine: Callable[[], None]
    #: other systems that are kept quiet about hosts, by name
    adapters: Callable[[], Mapping[str, Adapter]] = dict
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    def create(
        self,
        transaction: Transaction,
        window: window_store.Row,
        workflow: str,
        metadata: Mapping[str, str],
        work: Sequence[Mapping[str, Any]],
        actor: str,
    ) -> str:
        """Make the session of a window that was just set, in the same transaction.

        :param work: host actions in order, each ``{"plugin", "options"}``
        :returns: its id
        """
        session = machine.begin(
            self.new_id(),
            window.id,
            workflow,
            window_store.hosts(transaction.connection, window.id),
            self.clock(),
            dict(metadata),
            [dict(one) for one in work],
        )
        store.insert(transaction, session, actor)
        transaction.after_commit(self.wake_engine)
        return session.id

    def decide(self, transaction: Transaction, session_id: str) -> None:
        """Decide on everything that waits for a session. Repeating it is harmless."""
        row = store.lock(transaction, session_id)
        inputs = session_inputs.take_inputs(transaction, session_id)
        if row is None:
            return
        before = store.load(transaction.connection, row)
        if before.state in OVER:
            store.save(transaction, before, before, None)
            return
        transaction.lock("admission")
        # never before what was decided last, whoever's clock is behind
        now = max(self.clock(), before.created_at)
        window = window_store.lock(transaction, before.window_id)
        if window is None:
            raise RuntimeError(f"session {session_id} has no window")
        before = _with_hosts(transaction, before, window)
        facts.note(transaction, inputs, now)
        while True:
            known = facts.known(
                transaction,
                before,
                inputs,
                window,
                now=now,
                policy=self.policy,
                speaker=self.speaker(transaction),
                flows=self.flows(),
                adapters=self.adapters(),
            )
            after, commands = machine.decide(before, inputs, known)
            closed = _closed(before, after)
            store.lock_notices(transaction, closed)
            if not session_inputs.is_answered(transaction, session_id, closed):
                break
            # taken in time, while this was decided: decided once more, with the answer
            more = session_inputs.take_inputs(transaction, session_id)
            facts.note(transaction, more, now)
            inputs += more
        store.save(transaction, before, after, machine.due(after, known))
        self._carry_out(transaction, after, commands, now)

    def _carry_out(
        self, transaction: Transaction, session: Session, commands: Iterable[Command], now: Any
    ) -> None:
        """Steps and events are stored; the events last, as their lock orders all writers."""
        made = [one.step for one in commands if isinstance(one, Do)]
        if made:
            session_steps.add_steps(transaction, session.id, made, now)
            transaction.after_commit(self.wake_engine)
        session_steps.drop(
            transaction, session.id, [one.number for one in commands if isinstance(one, Drop)]
        )
        if any(isinstance(one, Finish) for one in commands):
            self._end_window(transaction, session)
        told = [_event(session, one) for one in commands if isinstance(one, Tell)]
        if told:
            event_store.append(transaction, told, now)
            transaction.after_commit(self.wake)

    def _end_window(self, transaction: Transaction, session: Session) -> None:
        """The window closes with its session; one that never opened is withdrawn."""
        window = window_store.get(transaction.connection, session.window_id)
        if window is None or window.finished_at or window.cancelled_at:
            return
        if window.start_at > self.clock() and window.started_at is None:
            self.windows.cancel(transaction, session.window_id, "session")
        else:
            self.windows.finish(transaction, session.window_id, "session")


def _closed(before: Session, after: Session) -> set[str]:
    """Notices that nobody can answer any more."""
    return {
        notice_id
        for notice_id, one in before.notices.items()
        if one.status is NoticeStatus.OPEN
        and after.notices[notice_id].status is not NoticeStatus.OPEN
    }


def _event(session: Session, told: Tell) -> Event:
    event_type = Type(told.type)
    audience = Audience.PROJECT if event_type is Type.SCHEDULED else Audience.ADMIN
    return Event(
        event_type,
        audience,
        told.project_id,
        session.window_id,
        told.payload,
        told.servers,
        told.notice_id,
    )


def _with_hosts(transaction: Transaction, session: Session, window: Any) -> Session:
    """Until its window opens, a session has the hosts that the window covers."""
    if window.told_state != "scheduled":
        return session
    wanted = window_store.hosts(transaction.connection, window.id)
    if wanted == session.hosts.keys():
        return session
    return store.change_hosts(transaction, session, wanted)
