"""The steps that follow from decisions.

An engine does those of the sessions that it holds the lease of, so that a step is begun
once.  Whoever takes over from an engine that is gone waits until what it had begun must
have ended, and then looks what came of it.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from taskflow.patterns.linear_flow import Flow

from craton_maintenance.db import session_steps
from craton_maintenance.db import sessions as store
from craton_maintenance.domain.session.steps import StepKind, StepStatus
from craton_maintenance.engine.lease import Lease
from craton_maintenance.engine.watcher import LOG
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.service import Service
from craton_maintenance.workflow import flow

#: Steps that one look deals with.
_STEPS = 1000


class Steps:
    """Has steps done that wait, by the sessions whose lease this engine holds."""

    def __init__(
        self,
        service: Service,
        clouds: Mapping[str, Cloud],
        owner: str,
        executor: Executor | None = None,
        run: Callable[[Flow], None] = flow.run,
    ) -> None:
        """
        :param clouds: by region
        :param owner: unique to this engine's process
        :param executor: None: threads, ``[sessions] threads`` of them
        """
        self._service = service
        self._doer = flow.Doer(service, clouds)
        self._owner = owner
        self._executor = executor or ThreadPoolExecutor(
            service.conf.sessions.threads, thread_name_prefix="step"
        )
        self._run = run
        self._leases: dict[str, Lease] = {}
        #: steps that this engine is doing, by session and number
        self._under_way: set[tuple[str, int]] = set()

    def work(self) -> float:
        """A worker's ``work``."""
        self.do()
        return self._service.conf.engine.poll_seconds

    def do(self, session_id: str | None = None) -> int:
        """Begin what is ready, of one session or all; how many steps that are."""
        service = self._service
        with service.database.read() as connection:
            rows = session_steps.unended_steps(connection, _STEPS, session_id)
            now = service.database.now(connection) if rows else None
        self._keep({row.session_id for row in rows})
        ready = [row for row in rows if now is not None and self._is_ready(row, now)]
        begun = sum(self._take_over(row) for row in rows if self._was_left(row))
        for (owned, _), some in _by_subject(ready).items():
            fence = self._leases[owned].hold()
            if fence is not None:
                self._begin(some, fence)
                begun += len(some)
        return begun

    def of(self, session_id: str) -> int:
        """How many steps of a session are to be done here; what goes on elsewhere is not."""
        now = self._service.clock()
        with self._service.database.read() as connection:
            rows = session_steps.unended_steps(connection, _STEPS, session_id)
        return sum(
            row.status != StepStatus.UNDER_WAY.value or row.not_before <= now for row in rows
        )

    def close(self) -> None:
        """Wait for what is under way."""
        self._doer.close()
        self._executor.shutdown(wait=True)

    def _keep(self, sessions: set[str]) -> None:
        """Leases of sessions with steps under way, or about to be."""
        service = self._service
        for session_id in sessions - self._leases.keys():
            self._leases[session_id] = Lease(
                service.database,
                f"session:{session_id}",
                self._owner,
                service.conf.engine.lease_seconds,
            )
        # a copy at once: threads that end their steps change it meanwhile
        busy = {session_id for session_id, _ in tuple(self._under_way)}
        for session_id in self._leases.keys() - sessions - busy:
            del self._leases[session_id]
        for session_id in busy:
            self._leases[session_id].hold()

    def _was_left(self, row: store.Row) -> bool:
        """Whether somebody else has begun a host action, which may have ended since."""
        return (
            row.kind == StepKind.RUN_PLUGIN.value
            and row.status == StepStatus.CLAIMED.value
            and not flow.may_be_repeated(row)
            and (row.session_id, row.number) not in self._under_way
        )

    def _take_over(self, row: store.Row) -> bool:
        fence = self._leases[row.session_id].hold()
        return fence is not None and self._doer.take_over(row, fence)

    def _is_ready(self, row: store.Row, now: dt.datetime) -> bool:
        if (row.session_id, row.number) in self._under_way:
            return False
        if row.status == StepStatus.CLAIMED.value:
            # somebody's that is gone: its effect may come until then, if it has one
            may = flow.may_be_repeated(row)
            return may or row.must_end_by is None or row.must_end_by <= now
        return row.not_before is None or row.not_before <= self._service.clock()

    def _begin(self, rows: Sequence[store.Row], fence: int) -> None:
        keys = {(row.session_id, row.number) for row in rows}
        self._under_way |= keys
        try:
            self._executor.submit(self._do, flow.of_subject(self._doer, rows, fence), keys)
        except RuntimeError:
            self._under_way -= keys  # it is being closed

    def _do(self, what: Flow, keys: set[tuple[str, int]]) -> None:
        try:
            self._run(what)
        except Exception:
            LOG.exception("steps of %s were not ended; they are looked at again", what.name)
        finally:
            self._under_way -= keys


def _by_subject(rows: Sequence[store.Row]) -> dict[tuple[str, str], list[store.Row]]:
    """Steps by session, and what they are about."""
    found: dict[tuple[str, str], list[store.Row]] = {}
    for row in rows:
        found.setdefault((row.session_id, flow.subject_of(row)), []).append(row)
    return found
