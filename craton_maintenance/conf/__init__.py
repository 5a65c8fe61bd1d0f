"""Configuration: one module per group, options with their help.

There is no global configuration object.  :func:`load` reads files and
arguments into a ``ConfigOpts`` that is passed to whatever needs it; the
reference page of the documentation is rendered from :func:`list_opts`.
"""

from collections.abc import Sequence

from oslo_config import cfg
from oslo_log import log
from oslo_messaging import opts as messaging

from craton_maintenance.conf import (
    adapters,
    alertmanager,
    aodh,
    api,
    craton,
    database,
    engine,
    events,
    inventory,
    masakari,
    nova,
    sessions,
    windows,
)

GROUPS = (
    adapters,
    alertmanager,
    aodh,
    api,
    craton,
    database,
    engine,
    events,
    inventory,
    masakari,
    nova,
    sessions,
    windows,
)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Every option of ours by group, for oslo.config's generators."""
    return [(module.GROUP, list(module.OPTS)) for module in GROUPS]


def register(conf: cfg.ConfigOpts) -> None:
    """Make our options, and logging's, known to ``conf``."""
    log.register_options(conf)
    for group, opts in [*messaging.list_opts(), *list_opts()]:
        conf.register_opts(opts, group=group)
    # a broker that froze holds a sender for two heartbeats, in seconds
    conf.set_default("heartbeat_timeout_threshold", 10, group="oslo_messaging_rabbit")
    # several engines share a queue: none takes all of it at once
    conf.set_default("rabbit_qos_prefetch_count", 50, group="oslo_messaging_rabbit")


def load(
    files: Sequence[str] = (), overrides: dict[tuple[str, str], object] | None = None
) -> cfg.ConfigOpts:
    """Read configuration files, then apply overrides from the command line.

    :param files: paths; later ones win. Without any, oslo.config's usual
        places for a project called ``craton-maintenance`` are searched.
    :param overrides: ``{(group, option): value}``
    :raises oslo_config.cfg.Error: a file or value that cannot be used
    """
    conf = cfg.ConfigOpts()
    register(conf)
    log.set_defaults(
        default_log_levels=[
            *log.get_default_log_levels(),
            "amqp=WARN",
            "oslo.messaging=WARN",
            "alembic=WARN",
        ]
    )
    conf(
        args=[],
        project="craton-maintenance",
        default_config_files=list(files) if files else None,
    )
    for (group, option), value in (overrides or {}).items():
        conf.set_override(option, value, group=group)
    return conf
