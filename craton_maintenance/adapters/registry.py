"""The adapters that are installed, and those that are configured."""

import datetime as dt
import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from oslo_config import cfg
from stevedore import extension

from craton_maintenance.adapters.base import Adapter
from craton_maintenance.domain.session import known
from craton_maintenance.nova.credentials import Region

LOG = logging.getLogger(__name__)

NAMESPACE = "craton_maintenance.adapters"


@functools.cache
def installed() -> Mapping[str, type[Adapter]]:
    """Classes by name; those that can't be loaded are logged, and left out."""
    manager = extension.ExtensionManager(NAMESPACE, on_load_failure_callback=_not_loaded)
    found = {}
    for each in manager:
        if isinstance(each.plugin, type) and issubclass(each.plugin, Adapter):
            found[each.name] = each.plugin
        else:
            LOG.error("adapter %s is not an Adapter", each.name)
    return found


def _not_loaded(manager: Any, entry_point: Any, error: BaseException) -> None:
    LOG.error("adapter %s can't be loaded: %s", entry_point.name, type(error).__name__)


def of(name: str) -> type[Adapter]:
    """
    :raises oslo_config.cfg.Error: there is none
    """
    found = installed().get(name)
    if found is None:
        there = ", ".join(sorted(installed())) or "none"
        raise cfg.Error(f"[adapters] there is no adapter {name!r}; there is: {there}")
    return found


def rules(conf: cfg.ConfigOpts) -> dict[str, known.Adapter]:
    """What a session has to know of the adapters that are enabled, by name.

    :raises oslo_config.cfg.Error: there is no such adapter
    """
    return {
        name: known.Adapter(
            required=of(name).is_required(conf),
            outside_nova=of(name).outside_nova,
            patience=conf.adapters.patience,
        )
        for name in conf.adapters.enabled
    }


def make(
    name: str,
    conf: cfg.ConfigOpts,
    regions: Mapping[str, Region],
    clock: Callable[[], dt.datetime],
) -> Adapter:
    """
    :param regions: by name
    :raises oslo_config.cfg.Error: there is none, or it can't work as it is configured
    """
    return of(name)(conf, regions, clock)
