"""One step that runs a host action, whatever the action does."""

import dataclasses
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg

from craton_maintenance.domain.session.steps import Outcome, Result, Step
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.workflow.plugins import news, registry
from craton_maintenance.workflow.plugins.base import Context, HostAction

LOG = logging.getLogger(__name__)

#: Seconds that :func:`run_plugin` may take besides the action's own limit: a command that does
#: not end is killed, and its result written.
MARGIN = 15.0


#: How a host action has surely ended.
_SURE = frozenset({Result.DONE, Result.REFUSED})


def time_limit(conf: cfg.ConfigOpts, step: Step) -> float:
    """Seconds from its begin within which :func:`run_plugin` returns: for its deadline."""
    action = registry.installed().get(step.params.get("plugin", ""))
    if action is not None and action.elsewhere:
        return action.call + MARGIN
    return _limit(conf, action, step.params.get("options", {})) + MARGIN


def run_plugin(
    conf: cfg.ConfigOpts,
    session_id: str,
    step: Step,
    again: bool,
    deadline: float,
    cloud: Cloud | None = None,
    known: Mapping[str, Any] | None = None,
) -> Outcome:
    """Do a step of kind ``RUN_PLUGIN``, or find out how it ended. Raises nothing.

    :param again: it was begun before, and nobody knows what became of it
    :param deadline: of ``time.monotonic()``; at least :func:`time_limit` away, or the action
        gets less time than it may have
    :param cloud: that of the step's host's region
    :param known: facts of the last look, of what goes on elsewhere
    :returns: refused with ``NO_SUCH_PLUGIN`` or ``BAD_OPTIONS`` where nothing was run; else
        what the action says
    """
    plugin, options = step.params.get("plugin"), step.params.get("options", {})
    server_id = step.server_id or step.params.get("server_id")
    action = registry.installed().get(plugin) if isinstance(plugin, str) else None
    if action is None:
        words = f"there is no host action {plugin!r} on this engine"
        return Outcome(Result.REFUSED, code="NO_SUCH_PLUGIN", words=words)
    wrong = registry.problems(plugin, options, on_server=server_id is not None)
    if wrong:
        words = "; ".join(f"{field}: {problem}" for field, problem in wrong)
        return Outcome(Result.REFUSED, code="BAD_OPTIONS", words=words)
    context = _context(conf, session_id, step, action, again, deadline)
    context = dataclasses.replace(
        context,
        cloud=cloud,
        known=known or {},
        news=news.address(conf, context.step_id),
    )
    try:
        begins = not again or action.elsewhere
        outcome = _begin(action, context) if begins else _begin_again(action, context)
    except Exception as error:  # code of others: it ends the step, not the engine
        words = f"host action {plugin} failed: {type(error).__name__}"
        # its text and its traceback may have options in them, and those passwords
        LOG.error("%s of step %s", words, context.step_id)
        return Outcome(Result.UNCLEAR, code="PLUGIN_ERROR", words=words)
    level = logging.DEBUG if outcome.result is Result.UNDER_WAY else logging.INFO
    LOG.log(level, "host action %s of step %s: %s", plugin, context.step_id, outcome.result.value)
    return outcome


def look(conf: cfg.ConfigOpts, session_id: str, step: Step) -> Outcome | None:
    """How a step that another process has begun has ended; waits for nothing, and does nothing.

    :returns: None where it still runs, or nobody knows
    """
    plugin = step.params.get("plugin")
    action = registry.installed().get(plugin) if isinstance(plugin, str) else None
    if action is None:
        return None
    context = _context(conf, session_id, step, action, True, time.monotonic())
    try:
        found = action.look(context)
    except Exception as error:  # code of others
        LOG.error("host action %s of step %s: %s", plugin, context.step_id, type(error).__name__)
        return None
    return found if found is not None and found.result in _SURE else None


def _context(
    conf: cfg.ConfigOpts,
    session_id: str,
    step: Step,
    action: HostAction,
    again: bool,
    deadline: float,
) -> Context:
    options = step.params.get("options", {})
    # a step that is done once more has another number, and is the same to the outside
    number = int(step.params.get("step", step.number))
    return Context(
        session_id=session_id,
        step_id=f"{session_id}-{number}",
        number=number,
        host=step.host.name,
        region=step.host.region,
        stage=step.params.get("stage", "host"),
        options=options,
        limit=_limit(conf, action, options),
        deadline=deadline,
        server_id=step.server_id or step.params.get("server_id"),
        again=again,
        state_dir=state_dir(conf),
        keep=conf.sessions.command_output,
    )


def _begin_again(action: HostAction, context: Context) -> Outcome:
    known = action.look(context)
    if known is not None:
        return known
    if context.options.get("repeat", action.repeat) == "safe":
        return _begin(action, context)
    words = "it was begun, and nobody knows what became of it"
    return Outcome(Result.UNCLEAR, code="NOT_REPEATED", words=words)


def _begin(action: HostAction, context: Context) -> Outcome:
    outcome = action.run(context)
    if not isinstance(outcome, Outcome):
        raise TypeError(type(outcome).__name__)
    return outcome


def _limit(conf: cfg.ConfigOpts, action: HostAction | None, options: Mapping[str, Any]) -> float:
    most = float(conf.sessions.command_timeout)
    usual = action.timeout if action is not None else None
    said = options.get("timeout", usual) if isinstance(options, Mapping) else None
    return min(most, said) if isinstance(said, int | float) else most


def state_dir(conf: cfg.ConfigOpts) -> Path:
    """Folder for what has to outlive a process; it need not exist."""
    if conf.sessions.state_dir:
        return Path(conf.sessions.state_dir)
    # systemd separates several by colons; the first is ours
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given or Path.home() / ".local/state/craton-maintenance") / "steps"
