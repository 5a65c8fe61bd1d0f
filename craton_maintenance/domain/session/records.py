"""What a session consists of.

All records are frozen: a decision makes new ones, and what has to be written is what
is another object afterwards.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.states import (
    Blocker,
    Chosen,
    HostState,
    NoticeStatus,
    ServerState,
    State,
    Workflow,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """A blocker of one host or server, with words for an operator."""

    code: Blocker
    words: str
    since: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """A host in a session."""

    key: HostKey
    state: HostState = HostState.PLANNED
    #: the wave it is taken in, from 1; 0: not taken yet
    wave: int = 0
    #: the state of the session in which its servers' owners are asked
    phase: State | None = None
    #: number of the step that is under way
    step: int | None = None
    #: stored before it is done: we disable it, or have disabled it
    disabled_by_us: bool = False
    #: it was found disabled by somebody else, and stays disabled
    foreign: bool = False
    #: who said that it is fenced, when it was down: its servers are evacuated
    fenced_by: str | None = None
    #: we forced it down
    forced_down: bool = False
    #: somebody enabled it meanwhile, so often
    reenabled: int = 0
    #: Nova has no service there: nothing to drain, nothing to prove; the operator says so
    outside_nova: bool = False
    surveyed: bool = False
    proved_at: dt.datetime | None = None
    #: other systems are to be quiet about it since then; None: they are not
    quiet_since: dt.datetime | None = None
    #: those that say nothing are waited for until then
    quiet_until: dt.datetime | None = None
    #: who said that it may be worked on though some of them can't be told
    quiet_waived: str | None = None
    #: actions of the host's work that are done
    work_done: int = 0
    work_began: bool = False
    #: number of the step that tried the next action first, while it can't be reached: a try
    #: goes by the first one's name
    work_step: int | None = None
    work_ended_at: dt.datetime | None = None
    #: ``IN_MAINTENANCE`` was told and not yet followed
    told: bool = False
    verify_until: dt.datetime | None = None
    verified: bool = False
    #: nothing is tried before
    not_before: dt.datetime | None = None
    began_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    problem: Problem | None = None
    #: why it was skipped, or failed
    reason: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A server that was found on a host of the session."""

    id: str
    project_id: str
    #: the host that it has to leave
    host: HostKey
    name: str = ""
    state: ServerState = ServerState.ASKED
    #: status in Nova's API when it was looked at last
    status: str = "ACTIVE"
    #: vCPUs, MiB of memory, GiB of disk
    size: tuple[int, int, int] = (0, 0, 0)
    group_id: str | None = None
    #: other servers that Nova lets it share no host with
    apart: tuple[str, ...] = ()
    locked: bool = False
    #: it appeared after the others were asked
    late: bool = False
    notice_id: str | None = None
    #: one of :class:`Action`, or a flow
    action: str | None = None
    chosen_by: Chosen | None = None
    #: hints found at the server: ``{"metadata": …, "tag": …}``
    hints: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: what is left to be done, kinds of steps in order
    todo: tuple[str, ...] = ()
    #: number of the step that is under way
    step: int | None = None
    #: the step was taken; its effect is waited for until then
    awaits_until: dt.datetime | None = None
    #: number of Nova's newest migration of the server before ours
    migration_before: int = 0
    #: its owner acts on it until then
    own_until: dt.datetime | None = None
    #: earliest moment of the action
    not_before: dt.datetime | None = None
    #: its group counts it as out: it is being acted on, or was until a moment ago
    out: bool = False
    out_since: dt.datetime | None = None
    #: it is back; its group may lose another member ``recovery`` seconds later
    back_at: dt.datetime | None = None
    attempts: int = 0
    #: the last try may have failed for where it was to go: the scheduler chooses
    anywhere: bool = False
    #: times that its owner was granted a later time
    postponed: int = 0
    #: its move did not end and was aborted; then its owner is asked once more
    aborted: bool = False
    asked_again: bool = False
    #: we stopped it, so we start it again
    stopped_by_us: bool = False
    #: its owner was told that the action is done
    told: bool = False
    problem: Problem | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """One message to one project at one step."""

    id: str
    project_id: str
    #: one of the states, or ``INSTANCE_ACTION_DONE``
    state: str
    servers: tuple[str, ...]
    created_at: dt.datetime
    #: the reply address leads to this one server
    server_id: str | None = None
    host: HostKey | None = None
    status: NoticeStatus = NoticeStatus.OPEN
    #: seconds that the project has to answer
    reply_seconds: float = 0.0
    #: as was said in the notice
    reply_at: dt.datetime | None = None
    actions_at: dt.datetime | None = None
    actions: tuple[str, ...] = ()
    #: when it was sent once more
    reminded_at: dt.datetime | None = None
    #: the broker has taken it, or the project has read it; written by others
    delivered_at: dt.datetime | None = None
    #: servers whose owner has answered already
    answered: tuple[str, ...] = ()

    @property
    def deadline(self) -> dt.datetime | None:
        """When the default applies; None while the notice was not handed over."""
        if self.delivered_at is None or self.reply_at is None:
            return None
        return max(self.reply_at, self.delivered_at + dt.timedelta(seconds=self.reply_seconds))


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """The whole of a session."""

    id: str
    window_id: str
    workflow: Workflow
    state: State
    created_at: dt.datetime
    #: reaches the notices
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: the work on each host, in order: ``{"plugin", "options"}``
    work: tuple[Mapping[str, Any], ...] = ()
    #: while paused: where it goes on
    resume_state: State | None = None
    paused_at: dt.datetime | None = None
    #: why it is paused or failed: a code, and words
    reason: str | None = None
    words: str = ""
    aborting: bool = False
    #: everybody has been told of the maintenance
    announced: bool = False
    scale_in_rounds: int = 0
    #: free and used capacity by host as surveyed last
    capacity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    capacity_at: dt.datetime | None = None
    #: number of the survey under way
    survey: int | None = None
    waves: int = 0
    next_step: int = 1
    next_notice: int = 1
    percent_done: int = 0
    finished_at: dt.datetime | None = None
    problem: Problem | None = None
    hosts: Mapping[HostKey, Host] = dataclasses.field(default_factory=dict)
    servers: Mapping[str, Server] = dataclasses.field(default_factory=dict)
    #: the projects that were told, with the servers that they were told of
    projects: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    #: open notices, and those that may still be answered
    notices: Mapping[str, Notice] = dataclasses.field(default_factory=dict)
