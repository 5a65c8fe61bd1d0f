"""The words of a session: its states, its hosts and servers, notices, steps, inputs.

All records are frozen: a decision makes new ones, and what has to be written is what
is another object afterwards.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.scope import HostKey


class State(enum.StrEnum):
    """Where a session stands. The names, and their order, are a contract."""

    #: projects are told that there will be maintenance; until the window opens
    MAINTENANCE = "MAINTENANCE"
    #: capacity is missing: projects are asked to need less
    SCALE_IN = "SCALE_IN"
    #: no host is empty: one is emptied first
    PREPARE_MAINTENANCE = "PREPARE_MAINTENANCE"
    #: hosts without servers are worked on
    START_MAINTENANCE = "START_MAINTENANCE"
    #: hosts are emptied and worked on, wave by wave
    PLANNED_MAINTENANCE = "PLANNED_MAINTENANCE"
    #: all is done: projects may scale back
    MAINTENANCE_COMPLETE = "MAINTENANCE_COMPLETE"
    #: over, every host returned or retired
    MAINTENANCE_DONE = "MAINTENANCE_DONE"
    #: nothing more is begun until somebody says so
    PAUSED = "PAUSED"
    #: over, not every host was returned or retired
    MAINTENANCE_FAILED = "MAINTENANCE_FAILED"


#: A session in one of these is over.
OVER = frozenset({State.MAINTENANCE_DONE, State.MAINTENANCE_FAILED})

#: A session in one of these works on hosts.
WORKING = frozenset(
    {State.PREPARE_MAINTENANCE, State.START_MAINTENANCE, State.PLANNED_MAINTENANCE}
)


class Workflow(enum.StrEnum):
    """How projects are told: the names are Fenix's."""

    #: one notice for all of a project's servers on a host
    DEFAULT = "default"
    #: one notice for each server
    VNF = "vnf"


class HostState(enum.StrEnum):
    """Where a host of a session stands; each is entered by an event."""

    #: its turn has not come
    PLANNED = "planned"
    #: disabled, and being emptied
    DRAINING = "draining"
    #: proved empty
    DRAINED = "drained"
    #: it is worked on
    IN_MAINTENANCE = "in_maintenance"
    #: the work is done; it has to show that it is well
    VERIFYING = "verifying"
    #: it takes servers again, or is as it was found
    RETURNED = "returned"
    #: emptied for good
    RETIRED = "retired"
    #: it was worked on and did not come back
    FAILED = "failed"
    #: left out, not worked on
    SKIPPED = "skipped"


#: A host in one of these is done with.
HOST_OVER = frozenset({HostState.RETURNED, HostState.RETIRED, HostState.FAILED, HostState.SKIPPED})


class ServerState(enum.StrEnum):
    """Where a server on a host being drained stands."""

    #: its owner has been asked
    ASKED = "asked"
    #: what happens to it is decided; it waits for its time and its budget
    READY = "ready"
    #: it is being acted on
    ACTING = "acting"
    #: its owner acts on it
    OWN_ACTION = "own_action"
    #: somebody has to decide; ``problem`` says why
    BLOCKED = "blocked"
    #: it is not on the host any more
    GONE = "gone"
    #: it stays, stopped, as its owner was told
    LEFT = "left"


#: A server in one of these does not keep its host from being worked on.
SERVER_OVER = frozenset({ServerState.GONE, ServerState.LEFT})


class Action(enum.StrEnum):
    """What may happen to a server; a flow of the catalogue is called ``flow:<name>``."""

    #: cold migration, or whatever moves a server in its state
    MIGRATE = "MIGRATE"
    LIVE_MIGRATE = "LIVE_MIGRATE"
    #: the application moves, or deletes, it itself
    OWN_ACTION = "OWN_ACTION"
    #: it stays where it is, and goes down with the host
    NOTHING = "NOTHING"


#: What names a flow of the catalogue among actions.
FLOW = "flow:"


class Chosen(enum.StrEnum):
    """Who chose what happens to a server; the first one that says something counts."""

    REPLY = "reply"
    CONSTRAINT = "constraint"
    METADATA = "metadata"
    TAG = "tag"
    GROUP = "group"
    PROJECT = "project"
    OPERATOR = "operator"


class Blocker(enum.StrEnum):
    """Why something is not progressing now. Codes are for programs and stay."""

    #: the window was set by somebody who may only announce; an administrator approves it
    NOT_APPROVED = "NOT_APPROVED"
    #: a notice was not handed over, so its time does not run
    NOTICE_UNDELIVERED = "NOTICE_UNDELIVERED"
    #: projects have time to answer
    AWAITING_REPLY = "AWAITING_REPLY"
    #: capacity is missing for the servers of the next host
    NO_CAPACITY = "NO_CAPACITY"
    #: another session holds the host
    HOST_HELD = "HOST_HELD"
    #: the host does not answer: fence it, or say so with your name
    HOST_DOWN = "HOST_DOWN"
    #: somebody else enabled the host while it was drained or worked on
    HOST_ENABLED = "HOST_ENABLED"
    #: a server appeared on the host and has to be told first
    LATE_SERVER = "LATE_SERVER"
    #: a server is in a state in which it can't be moved
    SERVER_STATE = "SERVER_STATE"
    #: a server is busy with something else
    SERVER_BUSY = "SERVER_BUSY"
    #: its owner has not confirmed or reverted a resize
    UNCONFIRMED_RESIZE = "UNCONFIRMED_RESIZE"
    #: its owner was to act on it, and it is still there
    OWN_ACTION_LATE = "OWN_ACTION_LATE"
    #: its group has no more members to lose now
    BUDGET = "BUDGET"
    #: a move failed, or does not end
    MOVE_FAILED = "MOVE_FAILED"
    #: Nova, Placement or the bus can't be reached, or refuses
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    #: something is left on the host: a migration or an allocation without a server
    NOT_EMPTY = "NOT_EMPTY"
    #: whether a step took effect can't be found out, and it must not be repeated by itself
    STEP_UNCLEAR = "STEP_UNCLEAR"
    #: the host work waits for the operator's word
    WAITING_FOR_OPERATOR = "WAITING_FOR_OPERATOR"
    #: the host work failed
    HOST_WORK_FAILED = "HOST_WORK_FAILED"
    #: the host did not show in time that it is well
    VERIFY_FAILED = "VERIFY_FAILED"
    #: the host is disabled with a reason that is not ours, so it stays
    NOT_OURS_TO_ENABLE = "NOT_OURS_TO_ENABLE"
    #: the window's end has passed
    WINDOW_ENDED = "WINDOW_ENDED"
    #: somebody said no, and policy leaves it to the operator
    REFUSED_BY_PROJECT = "REFUSED_BY_PROJECT"
    #: an operator paused the session
    PAUSED_BY_OPERATOR = "PAUSED_BY_OPERATOR"
    #: a fault of ours keeps the session from being decided on; the engine's log has it
    DECISION_FAILED = "DECISION_FAILED"


#: Why a session failed, as in ``reason``.
ABORTED = "ABORTED"
HOSTS_SKIPPED = "HOSTS_SKIPPED"


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
    #: actions of the host's work that are done
    work_done: int = 0
    work_began: bool = False
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


class NoticeStatus(enum.StrEnum):
    """What became of a notice."""

    OPEN = "open"
    ANSWERED = "answered"
    #: nobody answered in time; the default applies
    DEFAULTED = "defaulted"
    #: replaced by another one, or by events; not published any more
    SUPERSEDED = "superseded"
    #: an operator went on without an answer
    OVERRIDDEN = "overridden"
    #: it needs no answer
    INFORMATION = "information"


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


# -- steps ---------------------------------------------------------------------------


class StepKind(enum.StrEnum):
    """What is done outside, each once. ``facts`` of its end are described here.

    Params of a step that is done once more are those of the first, with ``again`` and
    ``step``, the number of the first.

    A server in facts is ``{id, project_id, name, status, task_state, locked, size:
    [vcpus, ram_mb, disk_gb], group_id, metadata: {maintenance keys}, tags: [maintenance
    tags], migration: number of its newest migration or 0}``.
    """

    #: params ``reason``; facts ``changed`` (found with our reason it counts as changed by us),
    #: ``status``, ``reason`` (as found before)
    DISABLE_HOST = "disable_host"
    #: params ``reason`` (ours); facts ``enabled``, ``reason`` (as found), ``gone``: Nova has no
    #: service there
    ENABLE_HOST = "enable_host"
    #: facts ``servers``, ``groups: [{id, project_id, name, policy, members}]``, ``up``
    SURVEY_HOST = "survey_host"
    #: facts ``free`` and ``used``: ``{host: [vcpus, ram_mb, disk_gb]}``
    SURVEY_CAPACITY = "survey_capacity"
    #: params ``left`` (servers that stay); facts ``disabled``, ``empty``, ``servers``,
    #: ``migrations: [{id, server_id, status, type}]``, ``allocations: [consumer]``
    PROVE_EMPTY = "prove_empty"
    #: params ``target`` or none, ``migration``: the number of the newest migration before
    #: ours, or none: then it is looked up; facts ``already``: it was gone, or elsewhere and
    #: not by us, ``migration``, and ``status``, ``task_state``, ``host`` as found
    LIVE_MIGRATE = "live_migrate"
    #: as LIVE_MIGRATE
    COLD_MIGRATE = "cold_migrate"
    #: facts ``already``
    CONFIRM_RESIZE = "confirm_resize"
    #: params ``migration`` or none: only what is newer is touched; facts ``already``
    ABORT_MIGRATION = "abort_migration"
    #: as ABORT_MIGRATION
    FORCE_COMPLETE = "force_complete"
    #: facts ``already``: it was stopped, or being so, by somebody else
    STOP_SERVER = "stop_server"
    #: facts ``already``
    START_SERVER = "start_server"
    #: facts ``already``
    OFFLOAD_SERVER = "offload_server"
    #: params ``plugin``, ``options``, ``server_id`` for a server's flow; facts ``output``
    RUN_PLUGIN = "run_plugin"
    #: params ``since``: the end of the work; facts ``well``, ``words``
    VERIFY_HOST = "verify_host"
    #: facts ``already``; only after somebody's word that the host is fenced
    FORCE_DOWN = "force_down"
    #: facts ``already``; later, as long as Nova does not allow it
    UNFORCE_DOWN = "unforce_down"
    #: as LIVE_MIGRATE
    EVACUATE_SERVER = "evacuate_server"


class StepStatus(enum.StrEnum):
    """Where a step stands."""

    #: nobody has begun it
    WAITING = "waiting"
    #: an engine does it, until ``must_end_by``
    CLAIMED = "claimed"
    ENDED = "ended"
    #: withdrawn before anybody began it
    DROPPED = "dropped"


class Result(enum.StrEnum):
    """How a step ended."""

    #: it took effect, or nothing had to be done
    DONE = "done"
    #: it certainly had no effect; ``code`` and ``words`` say why
    REFUSED = "refused"
    #: the other side can't take it now; it certainly had no effect
    LATER = "later"
    #: nobody knows whether it took effect
    UNCLEAR = "unclear"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A numbered action of a session, to be done once."""

    number: int
    kind: StepKind
    host: HostKey
    server_id: str | None = None
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    not_before: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended, as whoever did it says."""

    result: Result
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: of a refusal: e.g. ``CONFLICT``, ``NOT_FOUND``, ``FORBIDDEN``, ``FAILED``
    code: str = ""
    #: for an operator, with the other side's own words
    words: str = ""


# -- what comes in -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A project's answer to a notice, already checked against its deadline."""

    notice_id: str
    #: False: no
    ack: bool
    #: action by server
    actions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: for every server that ``actions`` does not name
    action: str | None = None
    #: the answer is about this server only
    server_id: str | None = None
    #: not before, if it can be
    later: dt.datetime | None = None
    #: what operators are told of it: keys of ``maintenance.reply``
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Stale:
    """A notice could not be handed over in time: it was not published."""

    notice_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class StepEnded:
    """A step has ended."""

    step: Step
    outcome: Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """An operator's command."""

    #: ``pause``, ``resume``, ``abort``, ``retry``, ``override`` (go on without the answers),
    #: ``confirm`` (the host work is done, or took effect), ``skip``, ``evacuate`` (the host is
    #: down and fenced)
    command: str
    actor: str
    host: HostKey | None = None
    server_id: str | None = None
    #: for ``retry`` of a server: what to do instead
    action: str | None = None
    reason: str = ""


Input = Reply | Stale | StepEnded | Order


# -- what is known beside ------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """A server as the inventory has it."""

    id: str
    project_id: str
    host: HostKey | None
    status: str
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """The newest migration of a server that Nova lists."""

    #: Nova's number
    id: int
    #: ``live-migration``, ``migration``, ``resize``, ``evacuation``
    type: str
    status: str


@dataclasses.dataclass(frozen=True, slots=True)
class SeenHost:
    """A nova-compute service as the inventory has it."""

    enabled: bool
    up: bool
    disabled_reason: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Constraint:
    """What a project wishes for a server; times in seconds, already within the caps."""

    group_id: str | None = None
    action: str | None = None
    lead_time: float = 0.0
    max_interruption_time: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class GroupConstraint:
    """What a project wishes for a group of servers, already within the caps."""

    max_impacted_members: int = 1
    #: seconds
    recovery_time: float = 0.0
    action: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """What a session needs to know of its window."""

    opens: dt.datetime
    closes: dt.datetime | None
    approved: bool = True
    retire: bool = False
    target: HostKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Flow:
    """A flow of the catalogue for servers."""

    name: str
    #: kinds of steps in order; ``run_plugin:<index>`` runs the plugin at that place
    steps: tuple[str, ...]
    #: ``{"plugin", "options"}`` for the steps above
    plugins: tuple[Mapping[str, Any], ...] = ()
    #: projects that may choose it; None: all
    projects: frozenset[str] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What the operator has set; times in seconds. Each field is an option of ``[sessions]``."""

    default_action: str = Action.LIVE_MIGRATE.value
    #: ``default``, ``skip`` or ``pause``
    on_nack: str = "pause"
    on_silence: str = "default"
    #: ``ask`` or ``nothing``: for servers in a state in which they can't be moved
    unmovable: str = "ask"
    #: ``ask`` or ``confirm``
    unconfirmed_resize: str = "ask"
    reply_maintenance: float = 300.0
    reply_actions: float = 120.0
    reply_scale_in: float = 600.0
    reply_complete: float = 600.0
    max_lead_time: float = 3600.0
    max_recovery_time: float = 3600.0
    max_postpone: float = 3600.0
    max_postponements: int = 3
    max_scale_in: int = 3
    parallel_moves: int = 4
    live_timeout: float = 1800.0
    cold_timeout: float = 3600.0
    power_timeout: float = 600.0
    max_attempts: int = 3
    late_server_wait: float = 300.0
    #: ``ask`` or ``default``: its owner was to move a server and has not
    own_action_late: str = "ask"
    verify_timeout: float = 1800.0
    #: pause between two tries
    retry_pause: float = 5.0
    #: age at which an emptiness has to be proved again
    proof_valid: float = 30.0
    force_complete: bool = False
    cold_fallback: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What is known at the moment of a decision, beside the session itself."""

    now: dt.datetime
    window: Window
    policy: Policy
    #: where links in notices and in the disabled reason lead: our address, ending in ``/v1``
    public_url: str
    admin_project_id: str
    #: servers of each project on the window's hosts; only until ``announced``
    parts: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    #: servers on hosts under way, and those that were there
    servers: Mapping[str, Seen] = dataclasses.field(default_factory=dict)
    moves: Mapping[str, Move] = dataclasses.field(default_factory=dict)
    hosts: Mapping[HostKey, SeenHost] = dataclasses.field(default_factory=dict)
    constraints: Mapping[str, Constraint] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, GroupConstraint] = dataclasses.field(default_factory=dict)
    #: members of groups that other sessions have out, by group
    elsewhere: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: hosts of this session that another one holds
    held: frozenset[HostKey] = frozenset()
    flows: Mapping[str, Flow] = dataclasses.field(default_factory=dict)


# -- what goes out -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Do:
    """A step to be done after the commit."""

    step: Step


@dataclasses.dataclass(frozen=True, slots=True)
class Drop:
    """A step that nobody has to begin any more; one that was begun still ends."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tell:
    """An event to be stored."""

    #: one of ``domain.event.Type``
    type: str
    project_id: str
    payload: Mapping[str, Any]
    #: the notice that this hands over
    notice_id: str | None = None
    servers: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Finish:
    """The session is over: its window closes."""


Command = Do | Drop | Tell | Finish
