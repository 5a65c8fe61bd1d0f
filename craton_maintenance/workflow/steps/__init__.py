"""How each step of a session is done, on Nova and Placement.

A step looks before it acts wherever what it sees decides whether it is right to act, and
again when an earlier try of it may have taken effect.  It acts with one call, and reads
nothing after that: how it went on is for the watch to see.
"""

import math
from collections.abc import Callable, Mapping

from keystoneauth1 import exceptions

from craton_maintenance.domain.session.steps import Outcome, Step, StepKind
from craton_maintenance.nova import answers
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.workflow.steps import hosts, servers

#: Does a step; with True, an earlier try was begun and nobody knows what came of it.
#: Raises keystoneauth1's ClientException where something could not be read, and only then.
Way = Callable[[Cloud, Step, bool], Outcome]

WAYS: Mapping[StepKind, Way] = {
    StepKind.DISABLE_HOST: hosts.disable,
    StepKind.ENABLE_HOST: hosts.enable,
    StepKind.SURVEY_HOST: hosts.survey,
    StepKind.SURVEY_CAPACITY: hosts.survey_capacity,
    StepKind.PROVE_EMPTY: hosts.prove_empty,
    StepKind.VERIFY_HOST: hosts.verify,
    StepKind.FORCE_DOWN: hosts.force_down,
    StepKind.UNFORCE_DOWN: hosts.unforce_down,
    StepKind.EVACUATE_SERVER: servers.evacuate,
    StepKind.LIVE_MIGRATE: servers.live_migrate,
    StepKind.COLD_MIGRATE: servers.cold_migrate,
    StepKind.CONFIRM_RESIZE: servers.confirm_resize,
    StepKind.ABORT_MIGRATION: servers.abort_migration,
    StepKind.FORCE_COMPLETE: servers.force_complete,
    StepKind.STOP_SERVER: servers.stop,
    StepKind.START_SERVER: servers.start,
    StepKind.OFFLOAD_SERVER: servers.offload,
}

#: What only looks: whatever an earlier try saw, it changed nothing.
LOOKS = frozenset(
    {
        StepKind.SURVEY_HOST,
        StepKind.SURVEY_CAPACITY,
        StepKind.PROVE_EMPTY,
        StepKind.VERIFY_HOST,
    }
)


def perform(cloud: Cloud, step: Step, again: bool = False, until: float = math.inf) -> Outcome:
    """Do a step of any kind but RUN_PLUGIN.

    :param cloud: that of the step's host's region
    :param again: an earlier try of this very step was begun, and nobody knows its outcome
    :param until: moment of :func:`time.monotonic` by which the effect must have come: somebody
        else looks for it from then on, so nothing is sent that may come later
    :returns: how it ended; what Nova, Placement or Keystone do never raises
    :raises KeyError: no step that is done here
    """
    way = WAYS[step.kind]
    try:
        cloud.actions.until = until
        return way(cloud, step, again)
    except exceptions.ClientException as error:
        return answers.of_read(error, again and step.kind not in LOOKS)
