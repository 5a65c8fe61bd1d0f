"""Steps as TaskFlow flows, in memory only: each task records its own row.

A flow takes one subject, a host, a server, or servers that leave their host together,
through the steps that are to be done for it now, and ends at each wait: what follows is the
session's next decision.  After a crash the flow is made again from the rows that have not
ended.
"""

import contextlib
import datetime as dt
import logging
import math
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import taskflow.engines
from keystoneauth1 import exceptions
from sqlalchemy import exc
from taskflow import task
from taskflow.patterns.linear_flow import Flow

from craton_maintenance.db import session_steps
from craton_maintenance.db import sessions as store
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.service import Service
from craton_maintenance.workflow import steps as ways
from craton_maintenance.workflow.plugins import goes_on_elsewhere, look, run_plugin, time_limit

LOG = logging.getLogger(__name__)

#: Seconds that a step may take beside its longest call: to look, and to write the end.
_MARGIN = 10.0

#: Calls that a step makes one after the other at most, each within its time-out.
_CALLS = 4

#: What is begun for several servers of a host at a time.
_MOVES = frozenset({StepKind.LIVE_MIGRATE.value, StepKind.COLD_MIGRATE.value})

#: Seconds between tries to store how a step ended.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Doer:
    """Does steps: claims them, has their effect, and stores how they ended."""

    def __init__(self, service: Service, clouds: Mapping[str, Cloud]) -> None:
        """
        :param clouds: by region
        """
        self._service = service
        self._clouds = clouds
        #: by session and number, when the effect of what we have claimed must have come, by
        #: :func:`time.monotonic`
        self._until: dict[tuple[str, int], float] = {}
        self._closing = threading.Event()

    def seconds(self, step: Step) -> float:
        """The time within which a step's effect comes, or never will."""
        conf = self._service.conf
        if step.kind is StepKind.RUN_PLUGIN:
            return time_limit(conf, step) + _MARGIN
        return _CALLS * max(conf.sessions.call_timeout, conf.nova.timeout) + _MARGIN

    def claim(self, row: store.Row, fence: int) -> bool:
        """Begin a step, before its effect; False: another engine has it, or it was withdrawn."""
        step, database = session_steps.step_of(row), self._service.database
        seconds = self.seconds(step)
        # taken before the database's: what is left is never less than we think
        until = time.monotonic() + seconds

        def work(transaction: Any) -> bool:
            now = database.now(transaction.connection)
            ends = now + dt.timedelta(seconds=seconds)
            return session_steps.claim(transaction, row, fence, now, ends)

        claimed = database.write(work)
        if claimed:
            self._until[row.session_id, row.number] = until
        return claimed

    def look_together(self, row: store.Row) -> None:
        """Look once for all servers of a step's host, just before several are moved."""
        cloud = self._clouds.get(row.region)
        # whoever is not shown by it looks by itself
        with contextlib.suppress(exceptions.ClientException):
            if cloud is not None:
                cloud.reads.look_together(row.host)

    def take_over(self, row: store.Row, fence: int) -> bool:
        """Store how a host action has ended that an engine which is gone has begun.

        :returns: False where it still runs, or nobody knows: its time has to be over first
        """
        step = session_steps.step_of(row)
        outcome = look(self._service.conf, row.session_id, step)
        if outcome is None or not self.claim(row, fence):
            return False
        self.end(row.session_id, step, fence, outcome)
        return True

    def perform(
        self,
        session_id: str,
        step: Step,
        again: bool,
        known: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Have a step's effect, whatever happens.

        :param known: facts of the last look at it, where it goes on elsewhere
        """
        again = again or bool(step.params.get("again"))
        until = self._until.get((session_id, step.number), math.inf)
        try:
            cloud = self._clouds.get(step.host.region)
            if step.kind is StepKind.RUN_PLUGIN:
                deadline = time.monotonic() + time_limit(self._service.conf, step)
                deadline = min(deadline, until - _MARGIN)
                conf = self._service.conf
                return run_plugin(conf, session_id, step, again, deadline, cloud, known)
            if cloud is None:
                words = f"no cloud is configured for region {step.host.region}"
                return Outcome(Result.LATER, words=words)
            if self._is_late(step):
                cloud = cloud.looking_only("the window's end has passed")
            return ways.perform(cloud, step, again, until)
        except Exception as error:  # a fault of ours must not leave the step without an end
            LOG.exception("step %s of session %s failed", step.number, session_id)
            return Outcome(Result.UNCLEAR, code="INTERNAL", words=type(error).__name__)

    def _is_late(self, step: Step) -> bool:
        """Whether it must not be begun any more; whether it was begun is still looked at."""
        last = step.params.get("not_after")
        return last is not None and self._service.clock() >= dt.datetime.fromisoformat(last)

    def end(self, session_id: str, step: Step, fence: int, outcome: Outcome) -> None:
        """Store how a step ended, for the session to decide on, or that it goes on elsewhere.

        A database that is away is waited for as long as nobody else may look at the step: how
        a host action has ended may be known here only.
        """
        service = self._service
        until = self._until.pop((session_id, step.number), 0.0)

        def work(transaction: Any) -> None:
            now = service.clock()
            if outcome.result is Result.UNDER_WAY:
                again_at = now + dt.timedelta(seconds=outcome.look_in)
                told = session_steps.goes_on(
                    transaction, step, session_id, fence, outcome, now, again_at
                )
            else:
                told = session_steps.end(transaction, step, session_id, fence, outcome, now)
            if told:
                transaction.after_commit(service.session_news.set)

        pause = _FIRST_PAUSE
        while True:
            try:
                service.database.write(work)
                return
            except exc.SQLAlchemyError as error:
                if time.monotonic() + pause > until or self._closing.wait(pause):
                    raise
                LOG.warning("step %s of session %s: %s", step.number, session_id, error)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def close(self) -> None:
        """Wait for no database any more."""
        self._closing.set()


class DoStep(task.Task):
    """One step of a session."""

    def __init__(self, doer: Doer, row: store.Row, fence: int) -> None:
        super().__init__(name=f"{row.session_id}-{row.number}-{row.kind}")
        self._doer = doer
        self._row = row
        self._fence = fence

    def execute(self) -> None:
        """Do it, unless somebody else does."""
        row, step = self._row, session_steps.step_of(self._row)
        if not self._doer.claim(row, self._fence):
            return
        outcome = self._doer.perform(
            row.session_id, step, row.attempts > 0, session_steps.facts_of(row)
        )
        self._doer.end(row.session_id, step, self._fence, outcome)


class LookTogether(task.Task):
    """One look for several servers of a host that are about to be moved."""

    def __init__(self, doer: Doer, row: store.Row) -> None:
        super().__init__(name=f"{row.session_id}-{row.number}-look")
        self._doer = doer
        self._row = row

    def execute(self) -> None:
        """Look; the steps that follow in this thread find what it shows."""
        self._doer.look_together(self._row)


def may_be_repeated(row: store.Row) -> bool:
    """Whether a step that somebody may still be doing may be done besides.

    So it is with what only looks, and with what goes on elsewhere under the step's id: there is
    no second one, however often it is begun.
    """
    return row.kind in ways.LOOKS or (
        row.kind == StepKind.RUN_PLUGIN.value and goes_on_elsewhere(row.params.get("plugin"))
    )


def subject_of(row: store.Row) -> str:
    """What a step is about, of which one thing is done after the other.

    A host, or a server; but servers of a host that begin to move at the same time are one.
    """
    if row.server_id is None or _is_first_try_of_a_move(row):
        return f"{row.region}/{row.host}"
    return str(row.server_id)


def _is_first_try_of_a_move(row: store.Row) -> bool:
    return row.kind in _MOVES and row.attempts == 0 and not row.params.get("again")


def of_subject(doer: Doer, rows: Iterable[store.Row], fence: int) -> Flow:
    """The flow of the steps about one subject that are to be done now."""
    rows = list(rows)
    first = rows[0]
    flow = Flow(f"{first.session_id}-{subject_of(first)}")
    if sum(map(_is_first_try_of_a_move, rows)) > 1:
        flow.add(LookTogether(doer, first))
    return flow.add(*(DoStep(doer, row, fence) for row in rows))


def run(flow: Flow) -> None:
    """Run a flow in this thread."""
    taskflow.engines.run(flow, engine="serial")
