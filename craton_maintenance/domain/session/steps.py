"""What is done outside, each once: kinds of steps, and how they end."""

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.scope import HostKey


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
    #: it was begun and goes on elsewhere; it is looked at again at ``not_before``
    UNDER_WAY = "under_way"
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
    #: it was begun and goes on elsewhere; this is no end
    UNDER_WAY = "under_way"


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
    """How a step ended, or goes on, as whoever did it says."""

    result: Result
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: of a refusal: e.g. ``CONFLICT``, ``NOT_FOUND``, ``FORBIDDEN``, ``FAILED``; of what is
    #: under way: ``PAUSED``, or why nothing is known of it now
    code: str = ""
    #: for an operator, with the other side's own words; of what is under way: what stands in
    #: its way, and nothing where all is well
    words: str = ""
    #: of what is under way: seconds until it is looked at again
    look_in: float = 0.0
