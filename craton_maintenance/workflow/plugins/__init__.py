"""Host actions: what is done to a host, or for a server of a flow, outside of Nova.

Each is a plugin, named by an entry point in ``craton_maintenance.host_actions``;
:mod:`~craton_maintenance.workflow.plugins.base` says how to write one.
"""

from craton_maintenance.workflow.plugins.registry import (
    check,
    goes_on_elsewhere,
    installed,
    known,
)
from craton_maintenance.workflow.plugins.run import look, run_plugin, time_limit

__all__ = [
    "check",
    "goes_on_elsewhere",
    "installed",
    "known",
    "look",
    "run_plugin",
    "time_limit",
]
