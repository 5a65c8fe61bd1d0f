"""The host actions that are installed, and whether what names them is right."""

import functools
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from oslo_config import cfg
from stevedore import extension

from craton_maintenance.workflow.plugins import fill
from craton_maintenance.workflow.plugins.base import HostAction, Problem

LOG = logging.getLogger(__name__)

NAMESPACE = "craton_maintenance.host_actions"

#: In ``[sessions] direct_actions``.
_ALL = "*"


@functools.cache
def installed() -> Mapping[str, HostAction]:
    """Every host action by its name; those that can't be loaded are logged, and left out."""
    manager = extension.ExtensionManager(
        NAMESPACE, invoke_on_load=True, on_load_failure_callback=_not_loaded
    )
    found = {}
    for each in manager:
        if isinstance(each.obj, HostAction):
            found[each.name] = each.obj
        else:
            LOG.error("host action %s is not a HostAction", each.name)
    return found


def _not_loaded(manager: Any, entry_point: Any, error: BaseException) -> None:
    LOG.error("host action %s can't be loaded: %s", entry_point.name, type(error).__name__)


def goes_on_elsewhere(plugin: Any) -> bool:
    """Whether a host action is done elsewhere, and found again there by the step's id."""
    action = installed().get(plugin) if isinstance(plugin, str) else None
    return action is not None and action.elsewhere


def known(conf: cfg.ConfigOpts) -> Mapping[str, HostAction]:
    """The host actions that a session may name directly, by name."""
    allowed = conf.sessions.direct_actions
    return {
        name: action for name, action in installed().items() if _ALL in allowed or name in allowed
    }


def problems(
    plugin: Any, options: Any, on_server: bool = False, names: Collection[str] | None = None
) -> list[Problem]:
    """What is wrong with a host action; fields are ``plugin`` and ``options/…``.

    :param on_server: it is part of a server's flow
    :param names: those that may be named; None: all that are installed
    """
    action = installed().get(plugin) if isinstance(plugin, str) else None
    if action is None:
        there = ", ".join(sorted(installed() if names is None else names))
        return [("plugin", f"there is no host action {plugin!r}; there is: {there}")]
    if names is not None and plugin not in names:
        return [
            (
                "plugin",
                f"{plugin!r} is only done as a host flow of the catalogue says, or where "
                "[sessions] direct_actions names it",
            )
        ]
    if not isinstance(options, Mapping):
        return [("options", "is not a map")]
    try:
        found = [(_join("options", field), words) for field, words in action.check(options)]
    except Exception as error:  # code of others: what it can't judge is not run
        LOG.error("host action %s failed to check its options: %s", plugin, type(error).__name__)
        return [("options", "can't be checked: the plugin failed")]
    if action.placeholders and not on_server and "server" in fill.used(options):
        found.append(("options", str(fill.NoServer())))
    return found


def check(conf: cfg.ConfigOpts, work: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """What is wrong with the work that somebody names for hosts.

    :param work: ``{"plugin", "options"}``, in order
    :returns: ``(field, problem)``, fields as ``0/options/argv``
    """
    return list(_check(known(conf), work))


def _check(names: Collection[str], work: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    for index, action in enumerate(work):
        options = action.get("options", {})
        for field, words in problems(action.get("plugin"), options, names=names):
            yield f"{index}/{field}", words


def _join(field: str, inner: str) -> str:
    return f"{field}/{inner}" if inner else field
