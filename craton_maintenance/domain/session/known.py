"""What is known at the moment of a decision, beside the session itself."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.states import Action


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
class Adapter:
    """Another system that is kept quiet about hosts that are worked on."""

    #: no host is worked on before it has confirmed
    required: bool
    #: it may know hosts that Nova does not know
    outside_nova: bool = True
    #: seconds until one that says nothing is named, or not waited for any more
    patience: float = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Suppression:
    """How far another system is with a host."""

    adapter: str
    #: the host's ``quiet_since`` that this is about
    asked_at: dt.datetime
    #: it has confirmed that it keeps quiet
    is_set: bool
    #: why the last try has failed
    error: str = ""


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
    #: other systems to be kept quiet, by name; and how far they are with hosts of this session
    adapters: Mapping[str, Adapter] = dataclasses.field(default_factory=dict)
    suppressions: Mapping[HostKey, Sequence[Suppression]] = dataclasses.field(default_factory=dict)
