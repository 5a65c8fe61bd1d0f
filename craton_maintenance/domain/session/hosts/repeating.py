"""A step about a host is done once more."""

from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.steps import Step, StepKind


def again(draft: Draft, host: Host, step: Step) -> None:
    """What changed something, or may have, is done again after a pause; reads begin anew."""
    if step.kind in (StepKind.DISABLE_HOST, StepKind.ENABLE_HOST, StepKind.RUN_PLUGIN):
        number = draft.do(
            step.kind,
            step.host,
            params={**step.params, "again": True, "step": step.params.get("step", step.number)},
            not_before=draft.later(draft.policy.retry_pause),
        )
        draft.host(host.key, step=number)
