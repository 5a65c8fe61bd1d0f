"""The words of a session: where it, its hosts, servers and notices stand, and why."""

import enum


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

#: A host in one of these is being emptied or is empty, and was not worked on.
BEFORE_WORK = frozenset({HostState.DRAINING, HostState.DRAINED})

#: A host in one of these is worked on, or comes back from it.
IN_WORK = frozenset({HostState.IN_MAINTENANCE, HostState.VERIFYING})

UNDER_WAY = BEFORE_WORK | IN_WORK


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
    #: another system that has to be quiet about a host first has not confirmed that it is
    ADAPTER_FAILED = "ADAPTER_FAILED"
    #: a fault of ours keeps the session from being decided on; the engine's log has it
    DECISION_FAILED = "DECISION_FAILED"


#: Why a session failed, as in ``reason``.
ABORTED = "ABORTED"

HOSTS_SKIPPED = "HOSTS_SKIPPED"


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
